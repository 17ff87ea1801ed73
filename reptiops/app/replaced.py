"""The end of a replacement that was made beside the old one: when everything else is done, the old one goes."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph
from reptiops.engine.plan import Plan, leftover
from reptiops.engine.remove import Doomed, Remove


def remove_replaced(graph: Graph, made: Plan, run: Apply, work: Work) -> Mapping[str, str]:
    """Remove what this run has replaced, and what an earlier one left of that. Answers by address what would not go.

    From here on there is no way back, so the journal says that all the rest is done: what does not go now is in the plan
    of the next run, and nothing is undone for it.
    """
    old = [(leftover(address), live) for address, live in run.superseded]
    known = {(type(live.has), live.id) for _, live in old}
    old += [(a.address, a.live) for a in made.actions if a.superseded and a.live and (a.kind, a.live.id) not in known]
    if not old:
        return {}
    work.journal.write("settled")
    removal = Remove(graph, [Doomed(address, one.has, one, _step(address)) for address, one in old], work)
    try:
        removal.run()
    except ApplyError as error:
        work.tell(Event("note", text=f"What was replaced is still there; the next provision removes it: {error}"))
        return {address: "what was replaced would not go" for address, _ in old}
    return {}


def _step(address: str) -> str:
    return "/".join(address.split("/")[:2])
