"""What can be undone is labelled in the plan, and what cannot is done last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reptiops import app
from reptiops.aws import Aws
from reptiops.config import environment_file
from reptiops.engine.action import Action
from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.backend import LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.graph import Graph, Result, Step, step
from reptiops.engine.plan import Matcher, make, wanted
from reptiops.engine.resource import Change, Live, Resource, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal, Records
from reptiops.resources import acm, ec2_gateways, ecr, elasticache, iam, logs, rds, s3, secretsmanager
from reptiops.steps import documented
from reptiops.testing import mocked_aws, provision
from tests.test_engine import BELONGS, NAMES, Note, live_notes


class Seal(Note):
    """A parameter that cannot be set back."""

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        return Undoing("one-way", "it is a seal")


def seal(env: dict[str, str]) -> Seal:
    return Seal("/notes/seal", env["seal"])


def letters(env: dict[str, str], seal: Result) -> dict[str, Note]:
    return {k: Note(f"/notes/{k}", env["letters"]) for k in ("a", "b")}


GRAPH = Graph(
    [
        Step("seal", "network", seal, ("env",), kinds=(Seal,)),
        Step("letters", "network", step()(letters), ("env", "seal"), kinds=(Note,)),
    ]
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1")


def _apply(aws: Aws, root: Path, env: dict[str, str], graph: Graph = GRAPH, strict: bool = False) -> None:
    given = {"env": env, "facts": None}
    records = Records(LocalBackend(root))
    records.backend.prepare()
    state = records.load(BELONGS)
    scope = Scope(aws, NAMES, wanted(graph, given, state))
    plan = make(graph, given, scope, state)
    work = Work(aws, scope, state, Journal(records, f"{time.time_ns()}"), silent)
    Apply(graph, given, plan, Matcher(scope, graph.kinds(), state), work, strict).run()


def test_what_cannot_be_undone_comes_last(aws: Aws, tmp_path: Path) -> None:
    _apply(aws, tmp_path, {"seal": "1", "letters": "1"})
    sent: list[str] = []
    aws.session.events.register("before-call.ssm.PutParameter", lambda params, **_: sent.append(params["body"]))
    fresh = Aws(aws.session, "us-east-1")
    _apply(fresh, tmp_path, {"seal": "2", "letters": "2"})
    assert live_notes() == {"/notes/seal": "2", "/notes/a": "2", "/notes/b": "2"}
    assert ["seal" in str(body) for body in sent] == [False, False, True], "although the letters need it"


def test_a_failure_before_it_leaves_it_undone(aws: Aws, tmp_path: Path) -> None:
    _apply(aws, tmp_path, {"seal": "1", "letters": "1"})

    def refuse(params: Any, **_: Any) -> None:
        if "/notes/b" in str(params["body"]):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "PutParameter")

    aws.session.events.register("before-call.ssm.PutParameter", refuse)
    with pytest.raises(ApplyError):
        _apply(Aws(aws.session, "us-east-1"), tmp_path, {"seal": "2", "letters": "2"})
    assert live_notes()["/notes/seal"] == "1"


@dataclass(frozen=True)
class Stone(Note):
    """A parameter whose value cannot change in place."""

    value: str = fixed()


def stone(env: dict[str, str]) -> dict[str, Stone]:
    return {k: Stone(f"/notes/{k}", env["stone"]) for k in ("s", "t")}


def upon(env: dict[str, str], stone: dict[str, Result]) -> Note:
    return Note("/notes/upon", env["letters"])


def apart(env: dict[str, str]) -> Note:
    return Note("/notes/apart", env["letters"])


def pebble(env: dict[str, str], apart: Result) -> Stone:
    return Stone("/notes/pebble", env["stone"])


STONES = Graph(
    [
        Step("pebble", "monitoring", pebble, ("env", "apart"), kinds=(Stone,)),
        Step("stone", "network", step()(stone), ("env",), kinds=(Stone,)),
        Step("upon", "network", upon, ("env", "stone"), kinds=(Note,)),
        Step("apart", "monitoring", apart, ("env",), kinds=(Note,)),
    ]
)


def _sent(aws: Aws) -> list[str]:
    """The names of the parameters that are written or deleted from now on, in order."""
    sent: list[str] = []
    for name in ("PutParameter", "DeleteParameter"):
        aws.session.events.register(
            f"provide-client-params.ssm.{name}",
            lambda params, model, **_: sent.append(f"{model.name[:3]} {params['Name'].rsplit('/', 1)[1]}"),
        )
    return sent


@pytest.mark.parametrize("strict", [False, True])
def test_a_replacement_comes_when_only_what_needs_the_new_one_is_left(strict: bool, aws: Aws, tmp_path: Path) -> None:
    _apply(aws, tmp_path, {"stone": "1", "letters": "1"}, STONES, strict)
    sent = _sent(aws)
    _apply(Aws(aws.session, "us-east-1"), tmp_path, {"stone": "2", "letters": "2"}, STONES, strict)
    assert set(live_notes().values()) == {"2"}
    assert {"Del s", "Put s", "Del t", "Put t"} == set(sent[1:5] if not strict else sent[:4])
    if strict:  # the phases come one after the other, whatever it costs
        assert sent[4:] == ["Put upon", "Put apart", "Del pebble", "Put pebble"]
    else:
        assert (sent[0], sent[5:]) == ("Put apart", ["Put upon", "Del pebble", "Put pebble"])


@pytest.mark.parametrize(("refused", "gone"), [("apart", set()), ("upon", {"Del s", "Del t"})])
def test_a_failure_before_a_replacement_leaves_the_old_one(
    refused: str, gone: set[str], aws: Aws, tmp_path: Path
) -> None:
    _apply(aws, tmp_path, {"stone": "1", "letters": "1"}, STONES)
    sent = _sent(aws)

    def refuse(params: Any, **_: Any) -> None:
        if f"/notes/{refused}" in str(params["body"]):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "PutParameter")

    aws.session.events.register("before-call.ssm.PutParameter", refuse)
    with pytest.raises(ApplyError):
        _apply(Aws(aws.session, "us-east-1"), tmp_path, {"stone": "2", "letters": "2"}, STONES)
    assert {one for one in sent if one.startswith("Del")} == gone
    assert live_notes()["/notes/pebble"] == "1"


def test_a_subnet_is_not_replaced_before_something_else_fails(tmp_path: Path) -> None:
    """The subnet would come first by the order of the phases; the log groups have nothing to do with it."""
    text = environment_file("dev").read_text()
    changes = (("private: 10.1.10.0/24", "private: 10.1.30.0/24"), ("log_retention_days: 30", "log_retention_days: 60"))
    for name, edits in (("before", ()), ("after", changes)):
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).mkdir()
        (tmp_path / name / "dev.yaml").write_text(text)
    with mocked_aws() as session:
        only = ("network/vpc", "network/private_subnet", "compute/log_group")
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "only": only, "allow_replace": True}
        app.provision("dev", config_dir=tmp_path / "before", **where)
        ec2 = session.client("ec2")

        def subnets() -> set[tuple[str, str]]:
            return {(one["SubnetId"], one["CidrBlock"]) for one in ec2.describe_subnets()["Subnets"]}

        before, met = subnets(), list[set[tuple[str, str]]]()

        def refuse(**_: Any) -> None:
            met.append(subnets())
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutRetentionPolicy")

        session.events.register("before-call.logs.PutRetentionPolicy", refuse)
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", config_dir=tmp_path / "after", **where)
        assert met
        assert all(one == before for one in met)
        assert subnets() == before, "not even made anew by the rollback"
        assert failed.value.undone is not None
        assert failed.value.undone.complete


CHANGES = [
    (s3.Bucket, "versioning", False, True, "one-way"),
    (s3.Bucket, "versioning", True, False, "reversible"),
    (s3.Bucket, "lifecycle.old", None, {"expire_days": 3}, "reversible with data loss"),
    (rds.Instance, "version", "15.13", "16.4", "one-way"),
    (rds.Instance, "storage_gb", 20, 50, "one-way"),
    (rds.Instance, "password_version", "1", "2", "one-way"),
    (rds.Instance, "backup_days", 7, 1, "reversible with data loss"),
    (rds.Instance, "backup_days", 1, 7, "reversible"),
    (rds.Instance, "instance_class", "db.t4g.micro", "db.t4g.small", "reversible"),
    (elasticache.ReplicationGroup, "version", "7.0", "7.1", "one-way"),
    (elasticache.ReplicationGroup, "token_version", "1", "2", "one-way"),
    (elasticache.ReplicationGroup, "snapshot_days", 7, 0, "reversible with data loss"),
    (acm.SelfSignedCertificate, "renewal_due", True, False, "one-way"),
    (logs.LogGroup, "retention_days", 0, 30, "reversible with data loss"),
    (logs.LogGroup, "retention_days", 60, 30, "reversible with data loss"),
    (logs.LogGroup, "retention_days", 30, 0, "reversible"),
    (ecr.Repository, "untagged_days", 0, 14, "reversible with data loss"),
    (iam.Role, "policies.x", None, {}, "reversible"),
]


@pytest.mark.parametrize(("kind", "path", "has", "want", "label"), CHANGES)
def test_what_each_change_is(kind: type[Resource], path: str, has: Any, want: Any, label: str) -> None:
    action = Action("storage/x", "update", kind, changes=(Change("name", "a", "b"), Change(path, has, want)))
    assert action.undoing.undo == label
    assert bool(action.undoing.why) == (label != "reversible")


def test_what_goes_is_gone() -> None:
    secret = secretsmanager.Secret("one", recovery_days=7)
    for want, label in ((secret, "reversible with data loss"), (secret.unused(), "one-way")):
        assert Action("database/s", "delete", type(want), want, Live("arn", want)).undoing.undo == label
    address = ec2_gateways.ElasticIp("nat")
    assert Action("network/a", "replace", type(address), address, Live("eip", address)).undoing.undo == "one-way"
    assert Action("network/a", "create", type(address), address).undoing.undo == "reversible"
    role = iam.ServiceLinkedRole("ecs.amazonaws.com")
    assert Action("security/r", "create", type(role), role).undoing.undo == "one-way"


GOES = {
    "acm.SelfSignedCertificate": "private key",
    "cloudfront.Distribution": "domain name",
    "ec2.ElasticIp": "public address",
    "elbv2.LoadBalancer": "DNS name",
    "route53.HostedZone": "name servers",
}
"""What goes for good with a kind that holds no data."""
FORGOTTEN = {
    "cloudtrail.Trail": "meanwhile",
    "ec2_access.FlowLog": "meanwhile",
    "iam.Role": "policies of others",
    "sns.Subscription": "confirmed",
    "sns.Topic": "others",
    "ssm.Parameter": "earlier values",
}
"""What is not as it was where a rollback has made it anew."""


def test_a_deletion_says_what_a_rollback_brings_back() -> None:
    """Only what no rollback makes as it was counts as a loss; an alarm's history AWS keeps, also of one that was deleted."""
    for kind in (one for one in documented().kinds() if not one.existing):
        how = Action("monitoring/x", "delete", kind).undoing
        name = kind.kind()
        if kind.holds_data:
            assert (how.undo, how.why) == ("one-way", "what is in it is lost"), name
        elif name in GOES:
            assert (how.undo, GOES[name] in how.why) == ("one-way", True), (name, how)
        elif name in FORGOTTEN:
            assert (how.undo, FORGOTTEN[name] in how.why) == ("reversible with data loss", True), (name, how)
        else:
            assert (how.undo, "made anew" in how.why) == ("reversible", True), (name, how)


def test_the_plan_says_it(tmp_path: Path) -> None:
    text = environment_file("dev").read_text().replace("assets: {versioning: false}", "assets: {versioning: true}")
    (tmp_path / "dev.yaml").write_text(text)
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", only=("storage/bucket",))
        where = {"session": session, "state_dir": tmp_path, "config_dir": tmp_path, "only": ("storage/bucket",)}
        _, shown = app.documented_plan("dev", **where)
        told = {c.address: (c.action, c.undo) for c in shown.changes}
        assert told["storage/bucket/assets"] == ("update", "one-way")
        app.provision("dev", **where)
        assert app.plan("dev", **where).changes == ()
