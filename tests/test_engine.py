"""The engine with a small world of its own: parameters in SSM, one needing the other. Outcomes are read with plain boto3."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
import tenacity
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError, SSLError
from moto import mock_aws

from reptiops.aws import Aws, UnknownInCall, WriteRefused, lost
from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.backend import LocalBackend, StateError
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.graph import Graph, GraphError, Result, Step, step
from reptiops.engine.passing import CallFailed, GivenUp, hopeless
from reptiops.engine.plan import Matcher, Plan, make, wanted
from reptiops.engine.proof import inventory
from reptiops.engine.recover import Unfinished
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Identity, Live, Resource, fixed
from reptiops.engine.rollback import undo
from reptiops.engine.scope import Names, Scope
from reptiops.engine.state import Belongs, Journal, Records
from reptiops.engine.unplannable import PlanError
from tests.skipping import Skipping

NAMES = Names("reptidex", "dev", "123456789012", "us-east-1")
BELONGS = Belongs("dev", "123456789012", "us-east-1", "here")


@dataclass(frozen=True)
class Note(Resource):
    """A parameter in SSM."""

    name: str = fixed()
    value: str = ""
    absent = frozenset({"ParameterNotFound", "InvalidResourceId"})

    def key(self) -> str:
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        for one in aws.ssm.pages("get_parameters_by_path", "Parameters", Path="/notes"):
            tags = aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=one["Name"])["TagList"]
            address = scope.address({t["Key"]: t["Value"] for t in tags})
            yield Live(one["Name"], cls(one["Name"], one["Value"]), address, out={"arn": one["ARN"]})

    def create(self, aws: Aws, identity: Identity) -> str:
        aws.ssm.put_parameter(Name=self.name, Value=self.value, Type="String", Tags=identity.tag_list())
        return self.name

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        aws.ssm.put_parameter(Name=self.name, Value=self.value, Type="String", Overwrite=True)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        aws.ssm.delete_parameter(Name=self.name)


def first(env: dict[str, str]) -> Note:
    return Note("/notes/first", env["first"])


def second(env: dict[str, str], first: Result) -> dict[str, Note]:
    return {k: Note(f"/notes/{k}", f"{first.out('arn')}-{k}") for k in env["second"].split()}


GRAPH = Graph(
    [
        Step("first", "network", first, ("env",), kinds=(Note,)),
        Step("second", "network", step()(second), ("env", "first"), kinds=(Note,)),
    ]
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1")


def live_notes() -> dict[str, str]:
    client = boto3.client("ssm", "us-east-1")
    return {p["Name"]: p["Value"] for p in client.get_parameters_by_path(Path="/notes")["Parameters"]}


@dataclass
class Run:
    """One run over the small world."""

    aws: Aws
    root: Path
    env: dict[str, str]

    def __post_init__(self) -> None:
        self.given = {"env": self.env, "facts": None}
        self.directory = Records(LocalBackend(self.root))
        self.directory.backend.prepare()
        self.state = self.directory.load(BELONGS)
        self.scope = Scope(self.aws, NAMES, wanted(GRAPH, self.given, self.state))
        self.plan: Plan = make(GRAPH, self.given, self.scope, self.state)
        run = f"{time.time_ns()}"
        self.work = Work(self.aws, self.scope, self.state, Journal(self.directory, run), silent, clock=Skipping())
        self.work.began = self.work.clock.now()
        matcher = Matcher(self.scope, GRAPH.kinds(), self.state)
        self.work.journal.write("before", inventory=sorted(inventory(self.scope, GRAPH.kinds())))
        self.apply = Apply(GRAPH, self.given, self.plan, matcher, self.work, strict=False)


ENV = {"first": "1", "second": "b c"}


def test_two_addresses_of_one_name_are_refused(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, ENV).apply.run()
    with pytest.raises(
        PlanError, match=r"network/first and network/second/first have one name and are both /notes/first"
    ):
        Run(aws, tmp_path / "again", {"first": "1", "second": "first"})


def test_provision_then_nothing_to_do(aws: Aws, tmp_path: Path) -> None:
    run = Run(aws, tmp_path, ENV)
    assert [a.verb for a in run.plan.actions] == ["create", "create", "create"]
    run.apply.run()
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/notes/first"
    assert live_notes() == {"/notes/first": "1", "/notes/b": f"{arn}-b", "/notes/c": f"{arn}-c"}
    again = Run(aws, tmp_path, ENV)
    assert again.plan.changes == ()
    assert set(again.state.entries) == {"network/first", "network/second/b", "network/second/c"}


def test_an_update_and_what_is_no_longer_declared(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, ENV).apply.run()
    run = Run(aws, tmp_path, {"first": "2", "second": "b"})
    assert {a.address: a.verb for a in run.plan.changes} == {"network/first": "update", "network/second/c": "delete"}


def test_lost_state_is_found_again_by_tags(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path / "one", ENV).apply.run()
    run = Run(aws, tmp_path / "two", ENV)
    assert run.plan.changes == ()
    run.apply.run()
    assert set(run.state.entries) == {"network/first", "network/second/b", "network/second/c"}


def test_a_foreign_one_in_the_way_is_not_overwritten(aws: Aws, tmp_path: Path) -> None:
    boto3.client("ssm", "us-east-1").put_parameter(Name="/notes/first", Value="theirs", Type="String")
    run = Run(aws, tmp_path, ENV)
    assert run.plan.actions[0].verb == "foreign"


def test_failure_is_rolled_back_and_verified(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, {"first": "1", "second": "b"}).apply.run()
    world = live_notes()
    run = Run(aws, tmp_path, {"first": "2", "second": "b c d"})

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if "/notes/d" in str(params.get("body")):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutParameter")

    aws.ssm._writing().meta.events.register("before-call.ssm.PutParameter", refuse)
    with pytest.raises(ApplyError, match=r"network/second/d.*AccessDeniedException"):
        run.apply.run()
    what = Unfinished([run.work.journal.run])
    what.take(run.work.journal.records)
    undone = undo(GRAPH, run.work, what)
    assert undone.complete
    assert live_notes() == world
    assert "network/second/c" not in run.state.entries


def test_a_lost_answer_makes_no_twin(aws: Aws, tmp_path: Path) -> None:
    run = Run(aws, tmp_path, ENV)
    lost: list[str] = []

    def lose(**_: Any) -> None:
        if len(lost) < 2:
            lost.append("x")
            raise ReadTimeoutError(endpoint_url="https://ssm")

    aws.ssm._writing().meta.events.register("after-call.ssm.PutParameter", lose)
    run.apply.run()
    assert len(lost) == 2
    assert len(live_notes()) == 3


def test_removal_goes_backwards(aws: Aws, tmp_path: Path) -> None:
    Run(aws, tmp_path, ENV).apply.run()
    run = Run(aws, tmp_path, ENV)
    order: list[str] = []
    aws.ssm._writing().meta.events.register(
        "provide-client-params.ssm.DeleteParameter", lambda params, **_: order.append(params["Name"])
    )
    doomed = [
        Doomed(a.address, a.live.has, a.live, "/".join(a.address.split("/")[:2])) for a in run.plan.actions if a.live
    ]
    Remove(GRAPH, doomed, run.work).run()
    assert live_notes() == {}
    assert order[-1] == "/notes/first"
    assert run.state.entries == {}


def test_a_plan_cannot_write(aws: Aws) -> None:
    aws.read_only = True
    with pytest.raises(WriteRefused):
        aws.ssm.put_parameter(Name="/notes/x", Value="x", Type="String")
    aws.read_only = False
    with pytest.raises(UnknownInCall):
        aws.ssm.put_parameter(Name="/notes/x", Value=Result("network/first").id, Type="String")
    assert live_notes() == {}


def test_interrupted_starts_nothing_new(aws: Aws, tmp_path: Path) -> None:
    run = Run(aws, tmp_path, ENV)
    run.work.stop.set()
    run.apply.run()
    assert live_notes() == {}


def test_interrupted_while_it_waits_for_what_passes(aws: Aws, tmp_path: Path) -> None:
    run = Run(aws, tmp_path, ENV)

    def throttled(**_: Any) -> None:
        run.work.stop.set()
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "PutParameter")

    aws.session._session.register("before-call.ssm.PutParameter", throttled)
    with pytest.raises(
        ApplyError, match=r"create of network/first .* was interrupted while it waited for this to pass"
    ):
        run.apply.run()
    assert live_notes() == {}


def test_interrupted_in_doubt_makes_no_second_one(aws: Aws, tmp_path: Path) -> None:
    run = Run(aws, tmp_path, ENV)
    asked = list[str]()

    def lost(params: Any, **_: Any) -> None:
        asked.append(params["headers"]["X-Amz-Target"])
        run.work.stop.set()
        raise ReadTimeoutError(endpoint_url="https://ssm")

    aws.session._session.register("before-call.ssm.PutParameter", lost)
    with pytest.raises(ApplyError, match=r"create of network/first .* was interrupted"):
        run.apply.run()
    assert asked == ["AmazonSSM.PutParameter"]


def test_a_create_given_up_after_lost_answers_is_in_doubt(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reptiops.engine.passing.LOST_FOR", -1.0)

    def lost(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://ssm")

    aws.session._session.register("before-call.ssm.PutParameter", lost)
    run = Run(aws, tmp_path, ENV)
    with pytest.raises(ApplyError, match=r"create of network/first .* failed"):
        run.apply.run()
    what = Unfinished([run.work.journal.run])
    what.take(run.work.journal.records)
    assert what.asked == {"network/first": "create"}
    assert sorted(what.unseen({Note.kind(): Note}, 60.0)) == ["network/first"]


def test_an_interruption_during_the_looks_makes_no_second_one(aws: Aws, tmp_path: Path) -> None:
    asked, runs = list[str](), list[Run]()

    def lost(model: Any, **_: Any) -> None:
        asked.append(model.name)
        raise ReadTimeoutError(endpoint_url="https://ssm")

    def looked(**_: Any) -> None:
        if asked:
            runs[0].work.stop.set()

    aws.session._session.register("before-call.ssm.PutParameter", lost)
    aws.session._session.register("before-call.ssm.GetParametersByPath", looked)
    runs.append(Run(aws, tmp_path, ENV))
    with pytest.raises(ApplyError, match="whether it was made is to be seen"):
        runs[0].apply.run()
    assert asked == ["PutParameter"]


def test_a_network_that_is_away_for_a_while(aws: Aws, tmp_path: Path) -> None:
    """Neither a write that could not leave nor a look that got no answer ends the run, or makes a second one."""
    asked = Counter[str]()

    def away(model: Any, **_: Any) -> None:
        asked[model.name] += 1
        looking = model.name == "GetParametersByPath" and asked["PutParameter"] >= 2 and not asked["unanswered"]
        asked["unanswered"] += looking
        if looking or (model.name == "PutParameter" and asked[model.name] == 1):
            raise ConnectTimeoutError(endpoint_url="https://ssm")

    aws.session._session.register("before-call.ssm", away)
    run = Run(aws, tmp_path, ENV)
    run.apply.run()
    assert sorted(live_notes()) == ["/notes/b", "/notes/c", "/notes/first"]
    assert asked["PutParameter"] == 4, "three parameters, and the first one twice"
    assert asked["unanswered"] == 1
    assert sorted(run.state.entries) == ["network/first", "network/second/b", "network/second/c"]


def test_credentials_that_ended_are_recognised_behind_the_lock(aws: Aws) -> None:
    try:
        try:
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "ended"}}, "GetObject")
        except ClientError as error:
            raise StateError("the state is out of reach") from error
    except StateError as error:
        failed = CallFailed("network/first", "create", "engine.Note", error)
        failed.__cause__ = error
    assert hopeless(ApplyError([failed])) == "the credentials are no longer valid"


def test_steps_in_a_circle_are_refused() -> None:
    a = Step("a", "network", first, ("b",))
    b = Step("b", "network", first, ("a",))
    with pytest.raises(GraphError, match="circle"):
        Graph([a, b])
    with pytest.raises(GraphError, match="no step"):
        Graph([a])


def test_what_passes_is_given_up_by_its_own_time() -> None:
    """A lost answer after minutes of waiting for something else is as good as one at the beginning."""
    given_up, again = GivenUp(Note), tenacity.Retrying()
    held = ClientError({"Error": {"Code": "DependencyViolation"}}, "DeleteSecurityGroup")
    gone = ConnectionClosedError(endpoint_url="https://ec2")
    answers = []
    for seconds, error in ((0, held), (600, gone), (660, gone), (700, held), (900, gone), (1019, gone), (1021, gone)):
        retry = tenacity.RetryCallState(again, None, (), {})
        retry.start_time = 0
        retry.set_exception((type(error), error, None))
        retry.outcome_timestamp = seconds
        answers.append(given_up(retry))
    assert answers == [False] * 6 + [True]


def test_a_connection_that_broke_in_tls_is_a_lost_answer() -> None:
    def tls(words: str) -> SSLError:
        return SSLError(endpoint_url="https://ec2", error=words)

    assert lost(tls("EOF occurred in violation of protocol (_ssl.c:2427)"))
    assert not lost(tls("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"))


@pytest.mark.parametrize("renewed", [True, False])
def test_the_journal_says_of_an_update_whether_it_gives_another_id(
    renewed: bool, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Run(aws, tmp_path, ENV).apply.run()
    monkeypatch.setattr(Note, "renewed", renewed)
    run = Run(aws, tmp_path, {**ENV, "first": "other"})
    run.apply.run()
    begun = [r for r in run.work.journal.records if r["event"] == "begin" and r["verb"] == "update"]
    assert begun
    assert {r["renews"] for r in begun} == {renewed}
