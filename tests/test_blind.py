"""A look that AWS does not answer ends nothing, and one look serves all that wait for the same."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from reptiops.aws import Aws
from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.graph import Graph, Step
from reptiops.engine.plan import Matcher, make, wanted
from reptiops.engine.recover import Unfinished
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Live, Status, fixed
from reptiops.engine.rollback import undo
from reptiops.engine.scope import Scope
from tests.simulated import Clock
from tests.test_engine import ENV, GRAPH, NAMES, Note, Run, aws, live_notes

__all__ = ["aws"]
UNREACHED = EndpointConnectionError(endpoint_url="https://ssm")


def test_a_removal_rides_out_looks_that_got_no_answer(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Note, "typical_delete", 60.0)  # so that it is waited for
    calls = list[str]()

    def away(model: Any, **_: Any) -> None:
        if calls or model.name == "DeleteParameter":
            calls.append(model.name)
        if model.name == "GetParametersByPath" and calls.count(model.name) in (1, 2):
            raise UNREACHED

    aws.session._session.register("before-call.ssm", away)
    Run(aws, tmp_path, ENV).apply.run()
    run = Run(aws, tmp_path, ENV)
    doomed = [
        Doomed(a.address, a.live.has, a.live, "/".join(a.address.split("/")[:2])) for a in run.plan.actions if a.live
    ]
    Remove(GRAPH, doomed, run.work).run()
    assert calls.count("GetParametersByPath") > 2
    assert live_notes() == {}
    assert run.state.entries == {}


def test_an_update_rides_out_the_looks_before_it(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there by now, and which neighbours have to make room, is read when the network is away."""
    begun, looks = list[bool](), list[bool]()

    def away(**_: Any) -> None:
        if begun:
            looks.append(len(looks) % 2 == 0)
            if looks[-1]:
                raise UNREACHED

    def moved(note: Note, lives: Iterable[Live[Any]]) -> list[Live[Any]]:
        return [one for one in lives if note.name == "/notes/first" and one.id == "/notes/b"]

    aws.session._session.register("before-call.ssm.GetParametersByPath", away)
    Run(aws, tmp_path, {"first": "1", "second": "b"}).apply.run()
    run = Run(aws, tmp_path, {"first": "2", "second": "b"})
    monkeypatch.setattr(Note, "displaces", moved)
    begun.append(True)
    run.apply.run()
    assert live_notes()["/notes/first"] == "2"
    assert sum(looks) >= 2
    records = list(run.work.journal.records)
    assert [r["id"] for r in records if r["event"] == "displaced"] == ["/notes/b"]


def test_a_rollback_rides_out_looks_that_got_no_answer(aws: Aws, tmp_path: Path) -> None:
    undoing, looks = list[bool](), list[bool]()

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if "/notes/d" in str(params.get("body")):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutParameter")

    def away(**_: Any) -> None:
        if undoing:
            looks.append(len(looks) % 2 == 0)
            if looks[-1]:
                raise UNREACHED

    aws.session._session.register("before-call.ssm.PutParameter", refuse)
    aws.session._session.register("before-call.ssm.GetParametersByPath", away)
    Run(aws, tmp_path, {"first": "1", "second": "b"}).apply.run()
    world = live_notes()
    run = Run(aws, tmp_path, {"first": "2", "second": "b d"})
    with pytest.raises(ApplyError, match=r"network/second/d.*AccessDeniedException"):
        run.apply.run()
    undoing.append(True)
    what = Unfinished([run.work.journal.run])
    what.take(run.work.journal.records)
    undone = undo(GRAPH, run.work, what)
    assert undone.complete, undone.errors
    assert sum(looks) > 3
    assert live_notes() == world


@dataclass(frozen=True)
class Slow(Note):
    """A parameter that is still listed for forty seconds after it was deleted, and whose value cannot be changed."""

    value: str = fixed(default="")
    typical_delete = 60.0
    clock: ClassVar[Clock]
    going: ClassVar[dict[str, tuple[float, Live[Any]]]]
    looks: ClassVar[list[float]]
    guard: ClassVar[threading.Lock] = threading.Lock()
    """No look sees half of a deletion: it would wait a second while others wait for it, and no time pass."""

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        now = cls.clock.now()
        cls.looks.append(now)
        with cls.guard:
            going = [replace(live, status=Status("pending", "deleting")) for at, live in cls.going.values() if now < at]
            return [*super().observe(aws, scope), *going]

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        self.clock.sleep("abc".index(self.name[-1]) * 0.2, threading.Event())  # calls do not end at one moment
        with self.guard:
            super().delete(aws, live)
            self.going[live.id] = (self.clock.now() + 40, live)


def _slow(env: dict[str, str]) -> dict[str, Slow]:
    return {name: Slow(f"/notes/{name}", env["value"]) for name in "abc"}


def test_one_look_serves_all_that_wait_until_their_predecessor_has_gone(aws: Aws, tmp_path: Path) -> None:
    graph = Graph([Step("slow", "network", _slow, ("env",), kinds=(Slow,))])
    Slow.clock, Slow.going, Slow.looks = Clock(), {}, []
    for value in "12":
        run = Run(aws, tmp_path, ENV)
        run.given["env"] = {"value": value}
        run.work.clock = Slow.clock
        run.work.scope = scope = Scope(aws, NAMES, wanted(graph, run.given, run.state), run.state.entries)
        scope.clock = Slow.clock
        plan = make(graph, run.given, scope, run.state)
        assert {a.verb for a in plan.actions} == {"create" if value == "1" else "replace"}
        Slow.looks.clear()
        Apply(graph, run.given, plan, Matcher(scope, graph.kinds(), run.state), run.work).run()
    assert live_notes() == {f"/notes/{name}": "2" for name in "abc"}
    assert 40 < Slow.clock.now() < 60
    waiting = [at for at in Slow.looks if at < 40]
    assert len(waiting) <= 25, waiting
