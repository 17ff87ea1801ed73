"""Undoing runs that did not end, from their journals, in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reptiops.app.failure import commands_out, undone_text
from reptiops.app.runs import Stop, writing
from reptiops.app.site import Declined, Refused, Settings, Site, open_site, records_of
from reptiops.engine import lock as locks
from reptiops.engine.eta import Countdown
from reptiops.engine.lock import Lease
from reptiops.engine.recover import Unfinished, unfinished
from reptiops.engine.rollback import Undone, undo
from reptiops.errors import ReptiopsError
from reptiops.plandocument import AtWork, Unended


class RollbackIncomplete(ReptiopsError):
    """A rollback that could not undo everything; it can be run again."""


def roll_back(
    environment: str,
    *,
    approve: Callable[[Unfinished], bool] = lambda _: True,
    stop: Stop | None = None,
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> tuple[Unfinished, Undone]:
    """Undo the runs that did not end: killed ones, and failed ones that were kept. Raises Refused where there is none.

    `expect` is told what is going to happen.
    """
    options = Settings(environment, **settings)
    site = open_site(options)
    what = site.unfinished()
    if what.empty:
        raise Refused(f"The last run of {environment} has ended: there is nothing in doubt to undo.")
    if "teardown" in what.operations:
        raise Refused(
            f"A teardown of {environment} did not end, and no teardown can be undone. Two ways out: `reptiops teardown "
            f"{environment}` removes the rest, `reptiops provision {environment}` makes what is missing anew."
        )
    if not approve(what):
        raise Declined("Nothing was changed.")
    with writing(site, "rollback", options.tell, site.scope(), stop) as work:
        work.expect = expect
        undone = undo(site.graph, work, what, later=True)
        if undone.complete:
            work.journal.write("undone", runs=what.runs)
        else:
            failed = RollbackIncomplete(undone_text(undone, environment))
            failed.exit_code = 130 if work.stop.is_set() else 1
            raise failed
    return what, undone


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
    ways = tuple(command for command, _ in commands_out(doubt.operations, environment))
    return working, Unended(runs=tuple(doubt.runs), operations=tuple(doubt.operations), ways_out=ways)


def in_doubt(site: Site) -> Unfinished:
    """What runs that did not end have begun, so that a person can choose between going on and undoing."""
    return site.unfinished()
