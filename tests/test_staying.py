"""What a run has replaced and what holds data by now: a rollback leaves it, in the engine's small world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from reptiops.aws import Aws
from reptiops.engine.apply import ApplyError
from reptiops.engine.backend import LocalBackend
from reptiops.engine.graph import Graph, Result, Step
from reptiops.engine.recover import Unfinished, unfinished
from reptiops.engine.resource import Live
from reptiops.engine.rollback import Undone, undo
from reptiops.engine.setback import tied_to
from reptiops.engine.state import Entry, Journal, Records
from reptiops.engine.undoing import Undoing
from tests.skipping import Skipping
from tests.test_beside import NO, Bell, Run, bells, heard, refuse
from tests.test_engine import Note, aws

__all__ = ["aws"]


@dataclass(frozen=True)
class Full(Bell):
    """One in whose place nothing comes without a loss."""

    holds_data = True

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        return "it has been rung"


@dataclass(frozen=True)
class Alone(Full):
    """One that goes before another one of its name comes."""

    made_beside = False


def _graph(kind: type[Bell]) -> Graph:
    def bell(env: dict[str, str]) -> Bell:
        return kind("bell", env["tone"])

    def listener(env: dict[str, str], bell: Result) -> Note:
        return Note("/notes/listener", f"{env['tone']} {bell.id}")

    steps = Step("bell", "network", bell, ("env",), kinds=(kind,))
    return Graph([steps, Step("listener", "network", listener, ("env", "bell"), kinds=(Note,))])


def _undone(aws: Aws, root: Path, graph: Graph) -> tuple[Undone, Run]:
    """A run that replaced the bell and failed at the listener, undone by a later process."""
    Run(aws, root, "low", graph).all()
    run = Run(refuse(aws, "before-call.ssm.PutParameter", NO), root, "high", graph)
    with pytest.raises(ApplyError):
        run.apply.run()
    later = Run(Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1"), root, "low", graph)
    later.work.clock = Skipping()
    return undo(graph, later.work, unfinished(later.records), later=True), later


def test_what_stays_in_the_place_of_what_was_deleted_is_not_changed_into_that(aws: Aws, tmp_path: Path) -> None:
    undone, run = _undone(aws, tmp_path, _graph(Alone))
    assert undone.complete, undone
    assert [one.split(": ")[1] for one in undone.kept] == ["it has been rung"]
    assert (bells(), heard()) == ({"bell": "high"}, "bell")
    assert run.state.entries["network/bell"].applied == {"name": "bell", "tone": "high"}


def test_what_stays_beside_what_it_replaced_is_what_is_recorded(aws: Aws, tmp_path: Path) -> None:
    undone, run = _undone(aws, tmp_path, _graph(Full))
    assert undone.complete, undone
    assert (bells(), heard()) == ({"bell": "low", "bell-2": "high"}, "bell")
    recorded = run.records.load(run.state.belongs).entries["network/bell"]
    assert recorded.id.endswith(":bell-2")
    assert recorded.applied == {"name": "bell-2", "tone": "high"}


OLD, BETWEEN, NEW, LAST = ("vpc-0123456789abcdef" + digit for digit in "0123")


def _record(event: str, verb: str, name: str | None, **more: Any) -> dict[str, Any]:
    entry = Entry("network/bell", "Bell", name, {}) if name else None
    answer = {"entry": vars(entry) if entry else None} if event == "done" else {"id": name, "kind": "Bell"}
    return {"event": event, "address": "network/bell", "verb": verb, **answer, **more}


def _remade(before: str, after: str) -> list[dict[str, Any]]:
    """A run that replaced it in place, failed and undid itself."""
    return [
        _record("begin", "delete", before, pre={}, was=None),
        _record("done", "delete", None),
        {"event": "undoing"},
        _record("begin", "create", None, target={}, was=None),
        _record("done", "create", after),
        {"event": "undone"},
    ]


@pytest.mark.parametrize(("old", "known"), [(OLD, True), ("bell", False)], ids=["an id of AWS", "a name"])
def test_what_later_runs_have_made_anew_is_named_by_what_is_set_back(
    old: str, known: bool, aws: Aws, tmp_path: Path
) -> None:
    """Those runs undid themselves, the one before them is still open. What came before that one counts for nothing."""
    records = Records(LocalBackend(tmp_path))
    records.backend.prepare()
    update = {"event": "begin", "address": "network/listener", "verb": "update", "kind": "Note", "wrote": {"value": ""}}
    written = [{**update, "id": "/notes/listener", "pre": {"value": f"low {old}"}, "was": None}]
    for run, done in (
        ("1", _remade(NEW, LAST)),
        ("2", written),
        ("3", _remade(old, BETWEEN)),
        ("4", _remade(BETWEEN, NEW)),
    ):
        journal = Journal(records, run)
        journal.write("run", operation="provision")
        for record in done:
            journal.write(**record)
        journal.close()
    what = unfinished(records)
    assert what.runs == ["2"]
    undoing = Undoing(_graph(Bell), Run(aws, tmp_path / "other", "low", _graph(Bell)).work, what, later=True)
    assert undoing.now(what.updated["network/listener"].pre) == {"value": f"low {NEW if known else old}"}


def test_what_is_recorded_without_its_needs_is_tied_as_its_step_says() -> None:
    graph = _graph(Bell)
    entry = Entry("network/listener", "Note", "/notes/listener", {"value": f"low {OLD}"}, ("network/bell",))
    for one in (entry, replace(entry, needs=())):
        undoing = Undoing(graph, None, Unfinished(), later=False)  # type: ignore[arg-type]
        found = tied_to([("network/bell", OLD)], {one.address: one}, (), undoing.needs)
        assert list(found) == ["network/listener"]
        assert not tied_to([("network/other", OLD)], {one.address: one}, (), undoing.needs)
