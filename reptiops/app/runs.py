"""A run that writes: the lock, the gate and the journal around it; and what journals tell afterwards."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reptiops.app.site import Settings, Site, open_site
from reptiops.engine import lock as locks
from reptiops.engine.calls import Work
from reptiops.engine.events import Event, Sink
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal
from reptiops.errors import ReptiopsError
from reptiops.operations.notify import tell
from reptiops.playbook import Playbook


class Interrupted(ReptiopsError):
    """The person stopped the run."""

    exit_code = 130


def run_id(at: datetime) -> str:
    """The name of a run that began then: names sort by time."""
    return at.strftime("%Y%m%dT%H%M%S.%f")


@contextmanager
def writing(
    site: Site,
    operation: str,
    tell: Sink,
    scope: Scope,
    stop: threading.Event | None = None,
    playbook: Playbook | None = None,
) -> Iterator[Work]:
    """Hold the lock, open the gate and a journal; leave a compacted state behind."""
    site.records.backend.prepare()
    with locks.held(site.records.backend, operation) as lock:
        run = run_id(datetime.now(UTC))
        journal = Journal(site.records, run)
        journal.write("run", operation=operation, git=_commit(), account=site.names.account)
        work = Work(site.aws, scope, site.state, journal, tell, stop or threading.Event())
        if playbook is not None:
            work.timeout, work.parallel = playbook.timeout_seconds, playbook.max_parallel
        work.timings = site.timings()
        site.aws.before_write, site.aws.read_only = lock.check, False
        try:
            yield work
            journal.write("end", operation=operation)
        finally:
            site.aws.read_only, site.aws.before_write = True, None
            journal.close()
            site.remember(work.timings)
            site.state.through = run
            site.records.save(site.state)


def _commit() -> str:
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def interrupted(work: Work) -> None:
    if work.stop.is_set():
        raise Interrupted("interrupted: nothing new was started, and what was in flight has ended")


def announce(site: Site, book: Playbook, text: str, say: Sink) -> None:
    """Tell that a run ended, where the playbook says so. A message that does not go through never changes how it ended."""
    how, there = book.notifications, "monitoring/alarm_topic" in site.state.entries
    try:
        tell(site.aws, site.topic if how.topic and there else None, how.webhook_variable, site.env.prefix, text)
    except Exception as error:
        say(Event("note", text=f"the notification was not sent: {type(error).__name__}: {error}"))


@dataclass(frozen=True)
class Run:
    """One run as its journal tells it."""

    id: str
    operation: str
    at: str
    git: str
    ending: str
    """`ended`, `undone`, or `did not end`."""
    changes: Mapping[str, int]
    failures: tuple[str, ...] = ()


def history(environment: str, **settings: Any) -> tuple[Run, ...]:
    """All runs that wrote something, newest first. Calls AWS only to learn whose state it is."""
    return runs_of(open_site(Settings(environment, **settings)))


def runs_of(site: Site) -> tuple[Run, ...]:
    """All runs of an opened site that wrote something, newest first."""
    runs = []
    for run in reversed(site.records.runs()):
        records = list(site.records.records(run))
        first: dict[str, Any] = records[0] if records else {}
        events = {r["event"] for r in records}
        ending = "undone" if "undone" in events else "ended" if "end" in events else "did not end"
        changes = Counter(r["verb"] for r in records if r["event"] == "done" and r["verb"] != "record")
        failed = tuple(f"{r['address']}: {r['code']} {r['request']}".strip() for r in records if r["event"] == "failed")
        runs.append(
            Run(
                run,
                first.get("operation", "?"),
                first.get("at", ""),
                first.get("git", "")[:12],
                ending,
                changes,
                failed,
            )
        )
    return tuple(runs)
