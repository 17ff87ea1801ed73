"""A kind that is replaced beside its old one, in the engine's small world: a topic that a note names."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from rich.console import Console

from reptiops.app.replaced import remove_replaced
from reptiops.aws import Aws
from reptiops.engine.action import Action
from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.backend import LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.graph import Graph, Result, Step
from reptiops.engine.plan import Matcher, Plan, make, wanted
from reptiops.engine.proof import inventory
from reptiops.engine.recover import unfinished
from reptiops.engine.resource import Identity, Live, Resource, either_name, fixed, other_name, satisfied
from reptiops.engine.rollback import undo
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal, Records
from reptiops.report.plans import show_plan
from tests.test_engine import BELONGS, NAMES, Note, aws, live_notes

__all__ = ["aws"]


@dataclass(frozen=True)
class Bell(Resource):
    """A topic whose display name cannot change."""

    name: str = satisfied(either_name, fixed=True)
    tone: str = fixed()
    made_beside = True
    absent = frozenset({"NotFound"})

    def key(self) -> str:
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        for one in aws.sns.pages("list_topics", "Topics"):
            arn = one["TopicArn"]
            tags = {t["Key"]: t["Value"] for t in aws.sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}
            tone = aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("DisplayName", "")
            yield Live(arn, cls(arn.rsplit(":", 1)[1], tone), scope.address(tags))

    def create(self, aws: Aws, identity: Identity) -> str:
        answer = aws.sns.create_topic(Name=self.name, Attributes={"DisplayName": self.tone}, Tags=identity.tag_list())
        return str(answer["TopicArn"])

    def succeeding(self, live: Live[Any]) -> Self:
        return type(self)(other_name(self.name, live.has.name), self.tone)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        aws.sns.delete_topic(TopicArn=live.id)


class Stiff(Note):
    """A note that AWS would keep."""

    def irreplaceable(self, live: Live[Any]) -> str:
        return "write another one"


def bell(env: dict[str, str]) -> Bell:
    return Bell("bell", env["tone"])


def listener(env: dict[str, str], bell: Result) -> Note:
    return Note("/notes/listener", bell.id)


GRAPH = Graph(
    [
        Step("bell", "network", bell, ("env",), kinds=(Bell,)),
        Step("listener", "network", listener, ("env", "bell"), kinds=(Note,)),
    ]
)


class Run:
    """One run over it, to its end or to where AWS refuses."""

    def __init__(self, aws: Aws, root: Path, tone: str, graph: Graph = GRAPH):
        self.graph = graph
        self.given = {"env": {"tone": tone}, "facts": None}
        self.records = Records(LocalBackend(root))
        self.records.backend.prepare()
        self.state = self.records.load(BELONGS)
        scope = Scope(aws, NAMES, wanted(graph, self.given, self.state))
        self.plan = make(graph, self.given, scope, self.state)
        self.work = Work(aws, scope, self.state, Journal(self.records, f"{time.time_ns()}"), silent, looks=(0.0,))
        self.work.journal.write("run", operation="provision")
        self.work.journal.write("before", inventory=sorted(inventory(scope, graph.kinds())))
        self.apply = Apply(graph, self.given, self.plan, Matcher(scope, graph.kinds(), self.state), self.work)

    def all(self) -> Self:
        self.apply.run()
        assert remove_replaced(self.graph, self.plan, self.apply, self.work) == {}
        self.work.journal.write("end", operation="provision")
        return self

    def verbs(self) -> dict[str, str]:
        return {a.address: a.verb for a in self.plan.changes}


def bells() -> dict[str, str]:
    client = boto3.client("sns", "us-east-1")
    arns = [one["TopicArn"] for one in client.list_topics()["Topics"]]
    return {
        arn.rsplit(":", 1)[1]: client.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] for arn in arns
    }


def heard() -> str:
    return live_notes()["/notes/listener"].rsplit(":", 1)[1]


def refuse(aws: Aws, event: str, error: Exception) -> Aws:
    """The same AWS, refusing an operation."""

    def raised(**_: Any) -> None:
        raise error

    aws.session.events.register(event, raised)
    return Aws(aws.session, "us-east-1")


NO = ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "PutParameter")


def test_the_new_one_is_made_first_and_the_old_one_goes_last(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, "low").all()
    calls: list[str] = []
    aws.session.events.register("before-call.*", lambda model, **_: calls.append(model.name))
    run = Run(Aws(aws.session, "us-east-1"), tmp_path, "high")
    assert run.verbs() == {"network/bell": "replace", "network/listener": "update"}
    assert run.plan.actions[0].undoing.undo == "reversible"
    run.all()
    assert [c for c in calls if c in ("CreateTopic", "PutParameter", "DeleteTopic")] == [
        "CreateTopic",
        "PutParameter",
        "DeleteTopic",
    ]
    assert (bells(), heard()) == ({"bell-2": "high"}, "bell-2")
    assert Run(aws, tmp_path, "high").verbs() == {}
    Run(aws, tmp_path, "low").all()
    assert (bells(), heard()) == ({"bell": "low"}, "bell")


@pytest.mark.parametrize("later", [False, True], ids=["by the run itself", "by a later one"])
def test_a_failure_before_the_end_goes_back_to_the_old_one(later: bool, aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, "low").all()
    run = Run(refuse(aws, "before-call.ssm.PutParameter", NO), tmp_path, "high")
    with pytest.raises(ApplyError):
        run.apply.run()
    assert bells() == {"bell": "low", "bell-2": "high"}
    if later:
        run = Run(Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1"), tmp_path, "low")
    undone = undo(GRAPH, run.work, unfinished(run.records), later)
    assert undone.complete, undone
    assert (bells(), heard()) == ({"bell": "low"}, "bell")
    run.work.journal.write("undone")
    assert Run(aws, tmp_path, "low").verbs() == {}, "the state knows the old one again"


def test_what_a_run_left_half_done_the_next_one_ends(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, "low").all()
    with pytest.raises(ApplyError):
        Run(refuse(aws, "before-call.ssm.PutParameter", NO), tmp_path, "high").apply.run()
    fresh = Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1")
    again = Run(fresh, tmp_path, "high")
    assert again.verbs() == {"network/listener": "update", "network/bell/replaced": "delete"}, "no third one"
    again.all()
    assert (bells(), heard()) == ({"bell-2": "high"}, "bell-2")


def test_a_lost_answer_does_not_take_the_old_one_for_the_new_one(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, "low").all()
    once = [ReadTimeoutError(endpoint_url="sns")]

    def lose(**_: Any) -> None:
        if once:
            raise once.pop()

    aws.session.events.register("after-call.sns.CreateTopic", lose)
    Run(Aws(aws.session, "us-east-1"), tmp_path, "high").all()
    assert (once, bells(), heard()) == ([], {"bell-2": "high"}, "bell-2")


def test_once_the_old_one_goes_there_is_no_way_back_and_none_is_tried(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, "low").all()
    run = Run(refuse(aws, "before-call.sns.DeleteTopic", NO), tmp_path, "high")
    run.apply.run()
    assert list(remove_replaced(GRAPH, run.plan, run.apply, run.work)) == ["network/bell/replaced"]
    assert unfinished(run.records).empty
    again = Run(Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1"), tmp_path, "high")
    assert again.verbs() == {"network/bell/replaced": "delete"}
    again.all()
    assert bells() == {"bell-2": "high"}


def test_a_plan_that_cannot_be_carried_out_says_so() -> None:
    note = Stiff("/notes/x")
    live = Live("/notes/x", note)
    names = ("network/note", "network/other")
    made = Plan(tuple(Action(name, "replace", Stiff, note, live, phase="network") for name in names))
    console = Console(record=True, width=200)
    show_plan(console, made)
    refused = (
        "refused: network/note, network/other: it cannot be deleted and made anew while it is in use: write another one"
    )
    assert console.export_text().splitlines()[-2:] == [refused, "This plan cannot be carried out as things are."]
