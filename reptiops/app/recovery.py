"""Undoing runs that did not end, from their journals, in another process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from reptiops.app.runs import writing
from reptiops.app.site import Refused, Settings, Site, open_site
from reptiops.engine.recover import Unfinished, undo, unfinished
from reptiops.engine.rollback import Undone
from reptiops.errors import ReptiopsError


class RollbackIncomplete(ReptiopsError):
    """A rollback that could not undo everything; it can be run again."""


def undone_text(undone: Undone | None) -> str:
    if undone is None:
        return "Everything done so far was kept; run provision again to go on, or teardown to remove it."
    if undone.complete:
        return "Rolled back: AWS was read again and is as it was before this run."
    lines = ["Rolled back, but AWS is not as it was before:"]
    lines += [f"  still there: {one}" for one in undone.left]
    lines += [f"  missing: {one}" for one in undone.missing]
    lines += [f"  {one}" for one in undone.errors]
    return "\n".join([*lines, "Run teardown or provision again once the cause is mended."])


def roll_back(
    environment: str,
    *,
    approve: Callable[[Unfinished], bool] = lambda _: True,
    stop: threading.Event | None = None,
    **settings: Any,
) -> tuple[Unfinished, Undone]:
    """Undo the runs that did not end: killed ones, and failed ones that were kept. Raises Refused where there is none."""
    options = Settings(environment, **settings)
    site = open_site(options)
    what = unfinished(site.records)
    if what.empty:
        raise Refused(f"The last run of {environment} has ended: there is nothing in doubt to undo.")
    if not approve(what):
        raise Refused("Nothing was changed.")
    with writing(site, "rollback", options.tell, site.scope(), stop) as work:
        undone = undo(site.graph, work, what)
        if undone.complete:
            work.journal.write("undone", runs=what.runs)
    if not undone.complete:
        raise RollbackIncomplete(undone_text(undone))
    return what, undone


def in_doubt(site: Site) -> Unfinished:
    """What runs that did not end have begun, so that a person can choose between going on and undoing."""
    return unfinished(site.records)
