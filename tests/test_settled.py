"""What a later run of a part has settled, in the engine's small world: what a rollback of the run before it makes of the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from reptiops.app.replaced import remove_replaced
from reptiops.aws import Aws
from reptiops.engine.apply import Apply
from reptiops.engine.backend import LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.graph import Graph, Result, Step, step
from reptiops.engine.plan import EVERYTHING, Matcher, Selection, make, wanted
from reptiops.engine.proof import inventory
from reptiops.engine.recover import unfinished
from reptiops.engine.resource import Live
from reptiops.engine.rollback import Undone, undo
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal, Records
from tests.skipping import Skipping
from tests.test_beside import Bell, bells
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


class Chime(Bell):
    """A topic that is replaced in its place: the new one is made when the old one has gone, and has another ARN."""

    made_beside = False


def bell(env: dict[str, str]) -> Bell:
    return Bell("bell", env["tone"])


def chime(env: dict[str, str]) -> Chime:
    return Chime(f"bell-{env['tone']}", env["tone"])


def listener(env: dict[str, str], bell: Result) -> Note:
    return Note("/notes/listener", f"{env['word']} {bell.id}")


def memo(env: dict[str, str]) -> Note:
    """It says the same of the bell as it was, and needs none."""
    return Note("/notes/memo", f"{env['word']} {env['old']}")


def seats(env: dict[str, str]) -> dict[str, Seat]:
    return {name: Seat(f"/notes/{name}", value) for name, value in env.items()}


def ringing(made: Callable[[dict[str, str]], Bell], kind: type[Bell]) -> Graph:
    return Graph(
        [
            Step("bell", "network", made, ("env",), kinds=(kind,)),
            Step("listener", "network", listener, ("env", "bell"), kinds=(Note,)),
            Step("memo", "network", memo, ("env",), kinds=(Note,)),
        ]
    )


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


def values(run: Run) -> dict[str, Any]:
    """What the state says of the notes."""
    return {
        e.id: e.applied["value"]
        for e in run.state.entries.values()
        if isinstance(e.applied, dict) and "value" in e.applied
    }


@dataclass(frozen=True)
class Replaced:
    """A bell that was replaced: in which world, by which run, and the ends of both names."""

    graph: Graph
    by_the_killed_run: bool
    old: str
    new: str


REPLACED = {
    "beside the old one, by the later run": Replaced(ringing(bell, Bell), False, "bell", "bell-2"),
    "in its place, by the later run": Replaced(ringing(chime, Chime), False, "bell-low", "bell-high"),
    "in its place, by the killed run": Replaced(ringing(chime, Chime), True, "bell-low", "bell-high"),
}


@pytest.mark.parametrize("how", REPLACED)
def test_what_named_something_that_the_settled_part_has_replaced_goes_back_to_name_its_successor(
    how: str, aws: Aws, tmp_path: Path
) -> None:
    case = REPLACED[how]
    graph, old, new = case.graph, TOPIC + case.old, TOPIC + case.new
    before, after = {"word": "before", "old": old}, {"word": "after", "old": old}
    Run(aws, tmp_path, graph, tone="low", **before).all()
    assert live_notes() == {"/notes/listener": f"before {old}", "/notes/memo": f"before {old}"}
    Run(aws, tmp_path, graph, tone="high" if case.by_the_killed_run else "low", **after).killed()
    Run(aws, tmp_path, graph, ("network/bell",), tone="high", **after).all()
    assert bells() == {case.new: "high"}
    last = Run(aws, tmp_path, graph, doing="rollback", tone="high", **before)
    undone = last.rolled_back()
    assert undone.complete, undone
    assert bells() == {case.new: "high"}
    assert live_notes()["/notes/listener"] == f"before {new}"
    assert live_notes()["/notes/memo"] == f"before {old}", "it needs no bell: what it says is its own text"
    assert values(last) == live_notes()
    assert unfinished(last.records).empty
    assert Run(aws, tmp_path, graph, tone="high", **before).plan.changes == ()


@pytest.mark.parametrize("more", [False, True], ids=["and did no more", "and did more"])
def test_who_made_room_for_what_is_settled_does_not_take_its_seat_back(more: bool, aws: Aws, tmp_path: Path) -> None:
    """The killed run has moved one, and its neighbour out of the way."""
    Run(aws, tmp_path, SEATS, a="1", b="2").all()
    part = ("network/seat/a", *(("network/seat/c",) if more else ()))
    killed = Run(aws, tmp_path, SEATS, part, a="2", b="2", c="3").killed()
    moved = {"/notes/a": "2", "/notes/b": "1"}
    assert live_notes() == moved | ({"/notes/c": "3"} if more else {})
    Run(aws, tmp_path, SEATS, ("network/seat/a",), a="2", b="2", c="3").all()
    last = Run(aws, tmp_path, SEATS, doing="rollback", a="2", b="1", c="3")
    what = unfinished(last.records)
    assert (killed.work.journal.run in what.runs) is more
    assert (list(what.created), list(what.updated)) == (["network/seat/c"] if more else [], [])
    undone = last.rolled_back()
    assert undone.complete, undone
    assert live_notes() == moved


@pytest.mark.parametrize("by_the_killed_run", [True, False], ids=["killed run", "later run"])
def test_what_is_settled_keeps_the_seat_that_another_would_go_back_to(
    by_the_killed_run: bool, aws: Aws, tmp_path: Path
) -> None:
    Run(aws, tmp_path, SEATS, a="1", b="2").all()
    Run(aws, tmp_path, SEATS, ("network/seat/b",), a="1", b="3").killed()
    if by_the_killed_run:
        Run(aws, tmp_path, SEATS, ("network/seat/a",), a="2", b="3").killed()
    Run(aws, tmp_path, SEATS, ("network/seat/a",), a="2", b="3").all()
    last = Run(aws, tmp_path, SEATS, doing="rollback", a="2", b="3")
    undone = last.rolled_back()
    assert live_notes() == {"/notes/a": "2", "/notes/b": "3"}
    assert undone.complete, undone
    assert undone.theirs == ("network/seat/b (/notes/b): value stays '3', for network/seat/a has '2' by now",)
