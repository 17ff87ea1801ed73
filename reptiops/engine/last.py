"""What cannot be undone comes last: a failure before it leaves nothing that cannot be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reptiops.engine.action import Action
from reptiops.engine.graph import Graph, Step
from reptiops.engine.plan import Plan
from reptiops.engine.task import Progress, Task


class Last:
    """One-way updates and replacements that delete the old one first, kept back until only they are left to do."""

    def __init__(self, graph: Graph, plan: Plan, strict: bool):
        self._graph, self._strict = graph, strict
        changing = [graph.step_of(a.address) for a in plan.changes if a.verb != "delete"]
        self._changing = {s.name for s in changing if s is not None}
        self.held: list[Task] = []

    def holds(self, action: Action, s: Step) -> bool:
        """Whether it cannot be undone and can come last: of an update, nobody who changes in this run needs the rest."""
        if action.in_place:
            return True
        return action.waits and not (action.mixed and bool(self._changing & self._graph.dependants(s.name)))

    def hold(self, task: Task, progress: Progress) -> None:
        """Keep it back. Who needs an updated one takes it as it is; who needs a replaced one waits for the new one."""
        task.held = True
        self.held.append(task)
        if task.action.in_place:
            progress.held += 1
        else:
            progress.count(-1)

    def release(self, progress: Mapping[str, Progress], waiting: Collection[str], now: float) -> list[Task]:
        """What comes now, where all else that can be done is done; `waiting`: steps that have not begun."""
        if not self.held or any(p.unready > p.held for p in progress.values()):
            return []
        due = self._due(waiting)
        self.held = [task for task in self.held if task not in due]
        for task in due:
            task.held, task.started, task.decided = False, now, now
            if task.action.in_place:
                progress[task.step.name].held -= 1
            else:
                progress[task.step.name].count(1)
        return due

    def _due(self, waiting: Collection[str]) -> list[Task]:
        """A step of replacements that holds up what changes: that can fail before the next one goes. Then the others."""
        replacing = [task for task in self.held if task.action.in_place]
        changing = self._changing.intersection(waiting)
        for s in dict.fromkeys(task.step for task in replacing):
            if changing & self._following(s):
                return [task for task in replacing if task.step is s]
        if waiting:
            return replacing
        return self.held

    def _following(self, s: Step) -> frozenset[str]:
        """The names of all steps that can only begin once a step is settled."""
        phase = self._graph.phase_index(s)
        later = (o.name for o in self._graph.order if self._strict and self._graph.phase_index(o) > phase)
        return self._graph.dependants(s.name).union(later)
