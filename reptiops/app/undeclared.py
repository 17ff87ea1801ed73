"""The removal of what nobody declares any more, at the end of a provision: what is no longer as somebody has agreed to
lose it stays, and is told.
"""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.engine.apply import Apply
from reptiops.engine.calls import Work
from reptiops.engine.graph import Graph
from reptiops.engine.plan import Plan
from reptiops.engine.remove import Doomed, Remove


def remove_undeclared(graph: Graph, made: Plan, run: Apply, work: Work) -> Mapping[str, str]:
    """Remove it. What holds data is looked at right before its turn, for nothing brings that back. Answers by address
    what was left alone, and why: a line in a log is no reason to undo all the rest.
    """

    def look(d: Doomed) -> None:
        if d.kind.holds_data:
            d.live = run.filled.parting(d.address, d.live, d.decided)

    doomed = [
        Doomed(a.address, a.want or a.live.has, a.live, "/".join(a.address.split("/")[:2]))
        for a in made.actions
        if a.verb == "delete" and a.live is not None and not a.superseded
    ]
    if not doomed or work.stop.is_set():
        return {}
    removal = Remove(graph, doomed, work, look=look)
    removal.run()
    return removal.left
