"""A run that writes: the lock, the gate and the journal around it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from reptiops.app.actor import actor
from reptiops.app.site import Refused, Site
from reptiops.engine import lock as locks
from reptiops.engine.backend import StateError
from reptiops.engine.calls import Work
from reptiops.engine.events import Event, Sink
from reptiops.engine.passing import CallFailed
from reptiops.engine.plan import EVERYTHING, Selection
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal
from reptiops.errors import ReptiopsError
from reptiops.limits import NotSent
from reptiops.operations.notify import tell
from reptiops.playbook import Playbook
from reptiops.redact import redacted

NAMES = "%Y%m%dT%H%M%S.%f"
NAMED = 8
"""So many addresses are named of what was done and of what was not."""


class Stop(threading.Event):
    """A wish to stop, set from outside. `armed` once a run writes: from then on it has to end in order."""

    armed = False


class Interrupted(ReptiopsError):
    """The person stopped the run. `whole`: between two things, each of which is done or not begun, so nothing is in doubt."""

    exit_code = 130

    def __init__(self, text: str, whole: bool = False, *, unchanged: bool = False, then: str = ""):
        self.whole = whole
        super().__init__(text, unchanged=unchanged, then=then)


def unhindered(say: Sink) -> Sink:
    """The same, but where nobody listens any more (a closed pipe or terminal) the run goes on and ends in order."""

    def told(event: Event) -> None:
        with contextlib.suppress(OSError, SystemExit):  # rich ends the program where its pipe is closed
            say(event)

    return told


def run_id(at: datetime) -> str:
    """The name of a run that began then: names sort by time."""
    return at.strftime(NAMES)


def next_id(at: datetime, before: str) -> str:
    """The name of a run that begins now. It comes after the one before, also where that machine's clock was ahead."""
    wished = run_id(at)
    if wished > before:
        return wished
    try:
        after = run_id(datetime.strptime(before, NAMES) + timedelta(microseconds=1))
    except (ValueError, OverflowError):
        after = ""
    return after if after > before else f"{before}.1"


@contextmanager
def writing(
    site: Site,
    operation: str,
    tell: Sink,
    scope: Scope,
    stop: Stop | None = None,
    playbook: Playbook | None = None,
    selection: Selection = EVERYTHING,
) -> Iterator[Work]:
    """Hold the lock, open the gate and a journal; leave a compacted state behind.

    `selection` is what it may touch: a part leaves in doubt what an earlier run has begun elsewhere.
    Raises Refused where another run has written since the state was read: what it made would be forgotten.
    """
    site.records.backend.prepare()
    with locks.held(site.records.backend, operation) as lock:
        if site.records.mark() != site.mark:
            raise Refused(
                f"Another run has changed {site.env.name} while this one was looking.",
                unchanged=True,
                then="Run the same command again.",
            )
        run = next_id(datetime.now(UTC), max([site.state.through, *site.records.runs()[-1:]]))
        journal = Journal(site.records, run)
        by = {} if playbook is None or playbook.name == operation else {"playbook": playbook.name}
        _begun(journal, operation=operation, **by, **_part(selection), **actor(site))
        stop = stop or Stop()
        stop.armed = True
        work = Work(site.aws, scope, site.state, journal, unhindered(tell), stop, clock=site.clock)
        work.began = work.clock.now()
        if playbook is not None:
            work.timeout, work.parallel = playbook.timeout_seconds, playbook.max_parallel
        work.timings, scope.clock = site.timings(), work.clock
        site.aws.before_write, site.aws.read_only = lock.check, False
        try:
            yield work
            journal.write("end", operation=operation)
        except Exception as error:
            cause = _cut_off(site, error) if isinstance(error, NotSent) else error
            stopped(work, cause)
            _closed(site, work, run, lock, cause)
            if cause is not error:
                raise cause from error
            raise
        _closed(site, work, run, lock, None)


def _begun(journal: Journal, **record: Any) -> None:
    """The first record of a run. Where it cannot be written the run is none."""
    try:
        journal.write("run", **record)
    except StateError as error:
        error.unchanged, error.then = True, "Once it can be written again, run the same command again."
        raise


def _cut_off(site: Site, error: NotSent) -> Interrupted:
    """What a read that waited for its turn means for a run that was stopped meanwhile."""
    return Interrupted(
        "interrupted while it waited to read AWS: nothing new was started, and AWS has answered what was asked. "
        f"`reptiops status {site.env.name}` reads again, and says what is in doubt.\n{error}"
    )


def _part(selection: Selection) -> dict[str, Any]:
    """What goes into the journal of a run that may touch a part only."""
    if selection == EVERYTHING:
        return {}
    return {"selection": {"phases": sorted(selection.phases), "addresses": list(selection.addresses)}}


def _closed(site: Site, work: Work, run: str, lock: locks.Lock, error: BaseException | None) -> None:
    """Close the gate and compact the state: only while the lock is ours, and never at the cost of the error on its way."""
    site.aws.read_only, site.aws.before_write = True, None
    try:
        work.journal.close()
        lock.check()
        site.remember(work.timings)
        site.state.through = run
        site.records.save(site.state)
        site.mark = site.records.mark()
    except Exception as broken:
        if error is None:
            raise
        # The journal holds all of it: the next run reads it, and compacts.
        if work.journal.broken is None:
            error.add_note(f"The state could not be compacted: {broken}")


def stopped(work: Work, error: Exception) -> None:
    """Write down why a run stops. Where nothing can be written any more, the error that comes out says it alone."""
    try:
        by_person = getattr(error, "exit_code", 1) == Interrupted.exit_code
        work.journal.write("stopped", why=redacted(str(error)), interrupted=by_person)
        if isinstance(error, Interrupted) and error.whole:
            work.journal.write("end")
    except Exception as broken:
        if str(broken) not in str(error):
            error.add_note(f"The journal could not be written: {broken}")


def interrupted(work: Work, then: str = "") -> None:
    """Raise Interrupted if somebody wanted the run to stop; `then` says how to go on."""
    if work.stop.is_set():
        raise Interrupted(
            f"interrupted: nothing new was started, and AWS has answered what was asked.{then and ' '}{then}"
        )


def one_by_one(
    work: Work, names: Sequence[str], doing: Iterator[str], word: str, again: str, more: bool = False
) -> tuple[str, ...]:
    """Do one thing after the other until somebody wants the run to stop; then raise Interrupted, which says what was done,
    what was not, and by `again` how the rest is done. Answers what was done.

    `doing` does the next thing whenever it is asked, and answers its name, or nothing where more belongs to it. `more`:
    something else follows when all of that is done.
    """
    done: list[str] = []
    failed: Exception | None = None
    try:
        while not work.stop.is_set() and (name := next(doing, None)) is not None:
            done += [name] if name else []
    except Exception as error:
        if not work.stop.is_set():
            raise
        failed = error
    if work.stop.is_set():
        left = [name for name in names if name not in done]
        lines = ["interrupted: nothing new was started, and AWS has answered what was asked."]
        lines += [str(failed)] if failed else []
        lines += [f"{word.capitalize()}: {_some(done)}." if done else f"Nothing was {word}."]
        lines += [f"Not {word}: {_some(left)}."] if left else []
        lines += [again if left or more else "That is all of it: nothing is left to do."]
        lines += ["`reptiops status ENV` says what is in doubt."] if isinstance(failed, CallFailed) else []
        raise Interrupted("\n".join(lines), whole=failed is None) from failed
    return tuple(done)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def announce(site: Site, book: Playbook, text: str, say: Sink) -> None:
    """Tell that a run ended, where the playbook says so. A message that does not go through never changes how it ended."""
    how, there = book.notifications, "monitoring/alarm_topic" in site.state.entries
    try:
        tell(site.aws, site.topic if how.topic and there else None, how.webhook_variable, site.env.prefix, text)
    except Exception as error:
        say(Event("note", text=f"the notification was not sent: {type(error).__name__}: {error}"))
