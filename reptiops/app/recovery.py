"""Undoing runs that did not end, from their journals, in another process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from reptiops.app.failure import built_on_text, shared_of, undone_text, ways_of
from reptiops.app.history import runs_of
from reptiops.app.runs import Stop, writing
from reptiops.app.site import Declined, Refused, Settings, Site, open_site, records_of
from reptiops.engine import lock as locks
from reptiops.engine.blind import patient
from reptiops.engine.calls import Work
from reptiops.engine.clock import Clock
from reptiops.engine.eta import Countdown
from reptiops.engine.events import Event, Sink
from reptiops.engine.lock import Lease
from reptiops.engine.making import UNSEEN_LOOKS
from reptiops.engine.recover import Unfinished, unfinished
from reptiops.engine.resource import Resource
from reptiops.engine.rollback import Undone, undo
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.plandocument import AtWork, Unended

SAID = 10.0
"""Seconds of looking that a person is told of."""


class RollbackIncomplete(ReptiopsError):
    """A rollback that could not undo everything; it can be run again."""


@dataclass(frozen=True)
class Undoing:
    """What a rollback is about to do, for whoever has to approve it: addresses, in the order in which they were begun."""

    environment: str
    runs: Mapping[str, str]
    """Run → its operation."""
    removed: tuple[str, ...]
    """What the runs have made, or asked for."""
    set_back: tuple[str, ...]
    anew: tuple[str, ...]
    """What they have deleted."""
    stays: tuple[str, ...] = ()
    """The account's, which they may have made first: no environment removes it."""
    may_hold: tuple[str, ...] = ()
    """Of what is removed, what can hold data."""
    held: tuple[str, ...] = ()
    """Of what was deleted, what could hold data."""


def _undoing(site: Site, what: Unfinished) -> Undoing:
    kinds = {kind.kind(): kind for kind in site.graph.kinds()}

    def holding(kind: str) -> bool:
        return kind in kinds and kinds[kind].holds_data

    shared = {kind for kind in kinds if kinds[kind].existing}
    made = {address: kind for address, (kind, _) in what.created.items() if kind not in shared}
    return Undoing(
        site.env.name,
        dict(zip(what.runs, what.operations, strict=False)),
        tuple(made),
        tuple(what.updated),
        tuple(what.deleted),
        tuple(address for address in what.created if address not in made),
        # what was taken back from its deletion is deleted with its recovery window once more
        tuple(a for a, kind in made.items() if holding(kind) and a not in what.restored),
        tuple(a for a, was in what.deleted.items() if holding(was.kind)),
    )


def roll_back(
    environment: str,
    *,
    approve: Callable[[Undoing], bool] = lambda _: True,
    stop: Stop | None = None,
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> tuple[Unfinished, Undone]:
    """Undo the runs that did not end: killed ones, and failed ones that were kept. Raises Refused where there is none, and
    where a later run of a part has built on what they did.

    `expect` is told what is going to happen.
    """
    options = Settings(environment, **settings)
    site = open_site(options)
    what = site.unfinished()
    if what.empty and not site.records.runs():
        raise Refused(f"{environment} has no run yet that wrote anything: there is nothing to undo.")
    if what.empty:
        how = "did not end, but it had begun nothing" if _killed_early(site) else "has ended"
        raise Refused(f"The last run of {environment} {how}: there is nothing in doubt to undo.")
    if "teardown" in what.operations:
        ways = ", ".join(f"`{command}` {then}" for command, then in ways_of(what, environment))
        raise Refused(f"A teardown of {environment} did not end, and no teardown can be undone. Two ways out: {ways}.")
    if what.built_on:
        raise _not_undone(what, environment)
    if not approve(_undoing(site, what)):
        raise Declined()
    with writing(site, "rollback", options.tell, site.scope(), stop) as work:
        work.expect = expect
        undone = replace(_undone(site, work, what), shared=shared_of(site, what))
        if undone.complete:
            work.journal.write("undone", runs=what.runs)
        else:
            failed = RollbackIncomplete(undone_text(undone, environment))
            failed.exit_code = 130 if work.stop.is_set() else 1
            raise failed
    return what, undone


def _undone(site: Site, work: Work, what: Unfinished) -> Undone:
    """Raises RollbackIncomplete where nothing can be written down any more, and so nothing be undone."""
    try:
        return undo(site.graph, work, what, later=True)
    except Exception as error:
        if error is not work.journal.broken:
            raise
        again = f"Once it can be written again, `reptiops rollback {site.env.name}` goes on."
        raise RollbackIncomplete(f"NOT rolled back to its end: {error}\n{again}") from error


def _killed_early(site: Site) -> bool:
    """Whether the last run was killed before it began anything."""
    last = runs_of(site)[0]
    return last.idle and last.ending == "did not end"


def _not_undone(what: Unfinished, environment: str) -> Refused:
    """Why a rollback is refused, and the ways on."""
    first, *lines = built_on_text(what)
    runs = ", ".join(f"{operation} {run}" for run, operation in zip(what.runs, what.operations, strict=False))
    ways = (
        f"`reptiops provision {environment}` goes on to what the configuration says, `reptiops teardown {environment}` "
        "removes everything."
    )
    why = "\n".join((f"{runs} did not end, but {first}:", *(f"  {one}" for one in lines)))
    return Refused(why, unchanged=True, then=f"Two ways on: {ways}")


def at_work(site: Site) -> Lease | None:
    """Who is changing the environment just now; None where nobody is, or who held it was killed."""
    return locks.holder(site.records.backend)


def current(environment: str, **settings: Any) -> tuple[Lease | None, Unfinished]:
    """Who is at work, and what runs that did not end have left. Calls AWS only where the state is kept in S3."""
    records = records_of(Settings(environment, **settings))
    return locks.holder(records.backend), unfinished(records)


def open_ends(lease: Lease | None, doubt: Unfinished, environment: str) -> tuple[AtWork | None, Unended | None]:
    """Both for machines; None where there is none."""
    working = None
    if lease is not None:
        working = AtWork(operation=lease.operation, who=lease.who, host=lease.host, pid=lease.pid, since=lease.since)
    if doubt.empty or lease is not None:  # what a run at work has begun is in no doubt
        return working, None
    ways = tuple(command for command, _ in ways_of(doubt, environment))
    return working, Unended(runs=tuple(doubt.runs), operations=tuple(doubt.operations), ways_out=ways)


def in_doubt(site: Site) -> Unfinished:
    """What runs that did not end have begun, so that a person can choose between going on and undoing."""
    return site.unfinished()


def await_lists(site: Site, doubt: Unfinished, tell: Sink) -> bool:
    """Wait until AWS's lists show whatever those runs have made, answered or not; whether there was anything to wait for."""
    if not doubt.created or not doubt.last:
        return False
    left = site.aws.lag() - (datetime.now(UTC) - datetime.fromisoformat(doubt.last)).total_seconds()
    if left > SAID:
        tell(Event("note", text=f"not all is listed of what the run before has begun: looking again in {left:.0f} s"))
    site.clock.sleep(max(0.0, left), threading.Event())
    return left > 0


@dataclass(frozen=True)
class Looking:
    """What a look waits by outside of a run that writes."""

    clock: Clock
    tell: Sink
    stop: threading.Event = field(default_factory=threading.Event)


def look_for_doubtful(site: Site, scope: Scope, tell: Sink) -> Unfinished:
    """Look, while AWS's lists may lag, for what a run that was cut off a moment ago may have made: a provision would give
    it a twin, a teardown leave it behind. Answers what is in doubt.
    """
    doubt, looking = in_doubt(site), Looking(site.clock, tell)
    missing = doubt.unseen({kind.kind(): kind for kind in site.graph.kinds()}, site.aws.lag())
    began, longest = site.clock.now(), max((left for _, left in missing.values()), default=0.0)
    if longest > SAID:
        some = ", ".join(sorted(missing)[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        tell(Event("note", text=f"looking for what the run before may have made, up to {longest:.0f} s: {some}"))
    for pause in UNSEEN_LOOKS:
        waited = site.clock.now() - began
        missing = {a: (kind, left) for a, (kind, left) in missing.items() if waited <= left}
        if not missing:
            break
        site.clock.sleep(pause, looking.stop)
        kinds = {kind for kind, _ in missing.values()}
        for kind in kinds:
            scope.forget(kind)
        found = patient(looking, partial(_addresses, scope, kinds))
        missing = {a: more for a, more in missing.items() if a not in found}
    return doubt


def _addresses(scope: Scope, kinds: Iterable[type[Resource]]) -> set[str | None]:
    return {one.address for kind in kinds for one in scope.live(kind)}
