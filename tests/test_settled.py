"""What a later run of a part has taken a place for, in the engine's small world: a rollback of the run before leaves it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from reptiops.app.replaced import remove_replaced
from reptiops.aws import Aws
from reptiops.engine.apply import Apply
from reptiops.engine.backend import LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.graph import Graph, Step, step
from reptiops.engine.plan import EVERYTHING, Matcher, Selection, make, wanted
from reptiops.engine.proof import inventory
from reptiops.engine.recover import unfinished
from reptiops.engine.resource import Live
from reptiops.engine.rollback import Undone, undo
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal, Records
from tests.skipping import Skipping
from tests.test_engine import BELONGS, NAMES, Note, aws, live_notes

__all__ = ["aws"]

TOPIC = "arn:aws:sns:us-east-1:123456789012:"


@dataclass(frozen=True)
class Seat(Note):
    """A note that no other has the value of: it changes seats with whoever sits there, as a listener's rules do."""

    def displaces(self, lives: Iterable[Live[Any]]) -> Iterable[Live[Any]]:
        return [one for one in lives if one.has.value == self.value and one.has.name != self.name]

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        there = {
            one["Value"]: one["Name"] for one in aws.ssm.pages("get_parameters_by_path", "Parameters", Path="/notes")
        }
        mine = next(value for value, name in there.items() if name == self.name)
        for name, value in ((there.get(self.value, self.name), mine), (self.name, self.value)):
            aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def seats(env: dict[str, str]) -> dict[str, Seat]:
    return {name: Seat(f"/notes/{name}", value) for name, value in env.items()}


SEATS = Graph([Step("seat", "network", step()(seats), ("env",), kinds=(Seat,))])


class Run:
    """One run over one of them, of everything or of a part, up to its end or killed before."""

    def __init__(
        self, aws: Aws, root: Path, graph: Graph, only: tuple[str, ...] = (), doing: str = "provision", **env: str
    ):
        self.graph, self.part = graph, Selection(frozenset(), only) if only else EVERYTHING
        self.given = {"env": env, "facts": None}
        self.records = Records(LocalBackend(root))
        self.records.backend.prepare()
        self.state = self.records.load(BELONGS)
        scope = Scope(aws, NAMES, wanted(graph, self.given, self.state))
        self.plan = make(graph, self.given, scope, self.state, self.part)
        journal, clock = Journal(self.records, f"{time.time_ns()}"), Skipping()
        self.work = Work(aws, scope, self.state, journal, silent, looks=(0.0,), clock=clock, began=clock.now())
        told = {"selection": {"phases": [], "addresses": list(only)}} if only else {}
        journal.write("run", operation=doing, **told)
        journal.write("before", inventory=sorted(inventory(scope, graph.kinds())))
        matcher = Matcher(scope, graph.kinds(), self.state)
        self.apply = Apply(graph, self.given, self.plan, matcher, self.work, selection=self.part)

    def killed(self) -> Self:
        """All its calls are made, but it does not come to its end."""
        self.apply.run()
        return self

    def all(self) -> Self:
        self.apply.run()
        assert remove_replaced(self.graph, self.plan, self.apply, self.work) == {}
        self.work.journal.write("end", operation="provision")
        return self

    def rolled_back(self) -> Undone:
        undone = undo(self.graph, self.work, unfinished(self.records), later=True)
        self.work.journal.write("undone")
        return undone


def test_what_is_settled_keeps_the_seat_that_another_would_go_back_to(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, SEATS, a="1", b="2").all()
    Run(aws, tmp_path, SEATS, ("network/seat/b",), a="1", b="3").killed()
    Run(aws, tmp_path, SEATS, ("network/seat/a",), a="2", b="3").all()
    last = Run(aws, tmp_path, SEATS, doing="rollback", a="2", b="3")
    undone = last.rolled_back()
    assert live_notes() == {"/notes/a": "2", "/notes/b": "3"}
    assert undone.complete, undone
    assert undone.theirs == ("network/seat/b (/notes/b): value stays '3', for network/seat/a has '2' by now",)
