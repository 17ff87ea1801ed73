"""What a keeper must not do: forget another run's work, roll a pipeline back, remove what serves somebody, look away."""

from __future__ import annotations

import contextvars
import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from click.testing import CliRunner

from reptiops import app
from reptiops.app.deciding import FLAPPING
from reptiops.cli import cli
from reptiops.config import environment_file
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults

V43 = "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:v43"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        state = tmp_path_factory.mktemp("state")
        provision(session, state, "dev", images=("repti-core", "web-public"))
        yield {"session": session, "state_dir": state}


@pytest.fixture
def hand(where: dict[str, Any]) -> Hand:
    return Hand(where["session"])


def _edited(directory: Path, *edits: tuple[str, str]) -> Path:
    text = environment_file("dev").read_text()
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    (directory / "dev.yaml").write_text(text)
    return directory


LARGER = ("repti-core: {kind: backend, ", "repti-core: {kind: backend, cpu: 1024, memory: 2048, ")


def _running(hand: Hand, service: str) -> dict[str, Any]:
    ecs = hand("ecs")
    one = ecs.describe_services(cluster="dev-reptidex-cluster", services=[service])["services"][0]
    return dict(ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"])


def test_a_run_in_between_is_not_forgotten(where: dict[str, Any], tmp_path: Path) -> None:
    def other_run_first(_: Any) -> bool:
        app.provision("dev", config_dir=_edited(tmp_path, ("backup_days: 7", "backup_days: 9")), **where)
        return True

    wanted = tmp_path / "mine"
    wanted.mkdir()
    with pytest.raises(app.Refused, match="Another run has changed dev"):
        app.provision("dev", approve=other_run_first, config_dir=_edited(wanted, LARGER), **where)
    assert app.drift("dev", **where).findings == (), "what the other run wrote is still known"
    provision(where["session"], where["state_dir"], "dev")


@pytest.mark.parametrize(
    "edit", [LARGER, ("idle_timeout_seconds: 60", "idle_timeout_seconds: 61")], ids=["task", "other"]
)
def test_what_a_pipeline_deploys_between_plan_and_apply_stays(
    edit: tuple[str, str], where: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    def deployed(_: Any) -> bool:
        hand.task("repti-core", container={"image": V43})
        return True

    app.provision("dev", approve=deployed, config_dir=_edited(tmp_path, edit), **where)
    task = _running(hand, "repti-core")
    assert task["containerDefinitions"][0]["image"] == V43
    assert task["cpu"] == ("1024" if edit is LARGER else "512")
    provision(where["session"], where["state_dir"], "dev")
    assert _running(hand, "repti-core")["containerDefinitions"][0]["image"] == V43


def test_what_serves_somebody_is_not_removed_unasked(where: dict[str, Any], hand: Hand) -> None:
    ecs, ec2 = hand("ecs"), hand("ec2")
    definition = _running(hand, "web-public")["taskDefinitionArn"]
    network = {"awsvpcConfiguration": {"subnets": [hand.subnet("private-us-east-1a")], "securityGroups": []}}
    ecs.create_service(
        cluster="dev-reptidex-cluster",
        serviceName="colleague",
        taskDefinition=definition,
        desiredCount=0,
        networkConfiguration=network,
    )
    ec2.create_security_group(
        GroupName="GuardDutyManagedSecurityGroup-x",
        Description="x",
        VpcId=hand.vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "GuardDutyManaged", "Value": "true"}]}],
    )
    findings = app.drift("dev", **where).findings
    assert [f.id.rsplit("/", 1)[-1] for f in findings] == ["colleague"], "AWS's own additions are nobody's drift"
    done = app.reconcile("dev", **where)
    assert [why for _, why in done.left] == ["the playbook asks, and nobody answered yes"]
    assert (
        ecs.describe_services(cluster="dev-reptidex-cluster", services=["colleague"])["services"][0]["status"]
        == "ACTIVE"
    )
    assert len(app.reconcile("dev", yes=True, **where).mended) == 1


def test_another_family_is_drift_and_only_that_is_redeployed(where: dict[str, Any], hand: Hand) -> None:
    ecs = hand("ecs")
    theirs = ecs.register_task_definition(
        family="team-x", containerDefinitions=[{"name": "web-public", "image": "x", "memory": 128}]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="dev-reptidex-cluster", service="web-public", taskDefinition=theirs)
    (found,) = app.drift("dev", **where).findings
    assert (found.address, found.field, found.risk) == ("compute/service/web-public", "task_definition", "security")
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/repti-media", retentionInDays=365)
    done = app.reconcile("dev", yes=True, phases=["network"], **where)
    assert done.followed == ()
    assert app.reconcile("dev", yes=True, **where).left == ()
    assert _running(hand, "web-public")["family"] == "reptidex-dev-web-public"


def test_an_extra_that_comes_back_under_another_id_is_the_same(where: dict[str, Any], hand: Hand) -> None:
    opened = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    keys = set()
    for _ in range(FLAPPING + 1):
        hand("ec2").authorize_security_group_ingress(GroupId=hand.group("alb"), IpPermissions=[opened])
        (found,) = app.drift("dev", **where).findings
        keys.add(found.key)
        done = app.reconcile("dev", **where)
    assert len(keys) == 1
    assert done.mended == ()
    assert done.left[0][1] == f"it came back: mended {FLAPPING} times within a day, and nobody answered yes"
    assert len(app.reconcile("dev", ask=lambda one: one == found, **where).mended) == 1, "a person may insist"
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("alb"), IpPermissions=[opened])
    assert len(app.reconcile("dev", yes=True, **where).mended) == 1


def test_a_task_that_keeps_dying_does_not_keep_a_port_open(where: dict[str, Any], hand: Hand) -> None:
    from moto.ecs.models import ecs_backends

    service = next(s for s in ecs_backends["123456789012"]["us-east-1"].services.values() if s.name == "repti-core")
    service.running_count, opened = (
        0,
        {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    )
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("alb"), IpPermissions=[opened])
    try:
        assert len(app.reconcile("dev", **where).mended) == 1
    finally:
        service.running_count = 1


def _opened(hand: Hand, group: str) -> None:
    """A port of the database is opened, and something else is changed."""
    anybody = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("rds"), IpPermissions=[anybody])
    hand("logs").put_retention_policy(logGroupName=f"/ecs/dev/{group}", retentionInDays=365)


def test_an_open_port_is_closed_before_anything_slow_begins(where: dict[str, Any], hand: Hand) -> None:
    _opened(hand, "repti-media")
    wrote: list[str] = []
    events, names = where["session"]._session, ("ec2.RevokeSecurityGroupIngress", "cloudwatch-logs.PutRetentionPolicy")
    for name in names:
        events.register(f"before-call.{name}", lambda model, **_: wrote.append(model.name))
    done = app.reconcile("dev", yes=True, **where)
    assert wrote == [name.split(".")[1] for name in names]
    assert (len(done.mended), done.left) == (2, ())
    assert [run.operation for run in app.history("dev", **where)[:2]] == ["reconcile", "reconcile"]
    assert app.drift("dev", **where).findings == ()


def test_an_open_port_is_closed_while_something_else_changes(where: dict[str, Any], hand: Hand) -> None:
    _opened(hand, "repti-community")

    def modifying(parsed: Any, **_: Any) -> None:
        for one in parsed.get("DBInstances", []):
            one["DBInstanceStatus"] = "modifying"

    where["session"]._session.register("after-call.rds.DescribeDBInstances", modifying)
    try:
        done = app.reconcile("dev", yes=True, **where)
        assert [f.what for f in done.mended] == ["extra"]
        ports = [r["FromPort"] for r in _rules(hand, "rds") if r.get("CidrIpv4") == "0.0.0.0/0" and not r["IsEgress"]]
        assert ports == []
        why = "not while something is in the middle of a change (database/database: modifying)"
        assert [(f.address, why) for f, why in done.left] == [("compute/log_group/repti-community", why)]
        assert done.exit_code == 3
        with pytest.raises(app.Refused, match=r"database/database: modifying\nNothing was changed"):
            app.reconcile("dev", yes=True, **where)
    finally:
        where["session"]._session.unregister("after-call.rds.DescribeDBInstances", modifying)
    assert len(app.reconcile("dev", yes=True, **where).mended) == 1


def _rules(hand: Hand, group: str) -> list[Any]:
    found = hand("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [hand.group(group)]}])
    return list(found["SecurityGroupRules"])


def test_a_plan_tells_what_it_sees_and_nobody_declared(where: dict[str, Any], hand: Hand, monkeypatch: Any) -> None:
    monkeypatch.setattr("boto3.Session", lambda **_: where["session"])
    anybody = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("redis"), IpPermissions=[anybody])
    try:
        (seen,) = app.plan("dev", **where).beside
        (found,) = app.drift("dev", **where).findings
        assert seen == found
        place = ("--state-dir", str(where["state_dir"]))
        document = json.loads(_typed("plan", "dev", "--json", *place))
        assert document["changes"] == []
        (told,) = document["undeclared"]
        assert (told["address"], told["id"], told["risk"]) == ("security/security_group/redis", found.id, "security")
        assert told["live"]["peer"] == "0.0.0.0/0"
        for command in (("plan", "dev"), ("provision", "dev", "--yes")):
            text = _typed(*command, *place)
            assert "undeclared: security/security_group/redis: security group rule: " in text
            assert "is open to the whole internet" in text
            assert f"`reptiops drift dev --state-dir {where['state_dir']}` looks for more" in text
        assert app.plan("dev", phases=["network"], **where).beside == ()
        assert "undeclared" not in _typed("plan", "dev", "--phase", "network", *place)
    finally:
        assert len(app.reconcile("dev", **where).mended) == 1
    text = _typed("plan", "dev", *place)
    assert "undeclared" not in text
    assert "also looks for what nobody declared" in text


def _typed(*args: str) -> str:
    result = contextvars.copy_context().run(CliRunner().invoke, cli, args)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_repair_that_fails_opens_no_port_again(where: dict[str, Any], hand: Hand) -> None:
    _opened(hand, "repti-ops")
    Faults(where["session"], ("logs:PutRetentionPolicy", 1))
    with pytest.raises(app.ProvisionFailed, match=r"injected(.|\n)*Removed before that") as failure:
        app.reconcile("dev", yes=True, **where)
    assert failure.value.undone is not None
    assert failure.value.undone.complete, str(failure.value)
    left = app.drift("dev", **where).findings
    assert [(f.address, f.what) for f in left] == [("compute/log_group/repti-ops", "changed")], "the port stays closed"
    assert len(app.reconcile("dev", yes=True, **where).mended) == 1


def test_whatever_carries_our_tags_is_seen(where: dict[str, Any], hand: Hand) -> None:
    tags = {"Project": "reptidex", "Environment": "dev", "ManagedBy": "reptiops", "reptiops:address": "compute/none"}
    listed = [{"Key": k, "Value": v} for k, v in tags.items()]
    trust = {"Version": "2012-10-17", "Statement": []}
    hand("iam").create_role(RoleName="break-in", AssumeRolePolicyDocument=json.dumps(trust), Tags=listed)
    queue = hand("sqs").create_queue(QueueName="stray", tags=tags)["QueueUrl"]
    try:
        found = {f.id.rsplit(":", 1)[-1]: f.what for f in app.drift("dev", **where).findings}
        assert found == {"break-in": "extra", "stray": "extra"}
        done = app.reconcile("dev", **where)
        assert {why for _, why in done.left} == {
            "the playbook asks, and nobody answered yes",
            "the playbook only reports it",
        }
    finally:
        hand("sqs").delete_queue(QueueUrl=queue)
        hand("iam").delete_role(RoleName="break-in")


def test_routes_of_any_kind_and_rules_with_dates_are_seen(where: dict[str, Any], hand: Hand) -> None:
    ec2, s3 = hand("ec2"), hand("s3")
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.create_route(RouteTableId=hand.table("private-us-east-1a"), DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
    dated = {
        "ID": "x",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Transitions": [{"Date": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}],
    }
    s3.put_bucket_lifecycle_configuration(Bucket="reptidex-dev-assets", LifecycleConfiguration={"Rules": [dated]})
    found = app.drift("dev", **where).findings
    assert {(f.address, f.field) for f in found} == {
        ("network/private_route_table/us-east-1a", "routes.::/0"),
        ("storage/bucket/assets", "lifecycle.x"),
        ("storage/bucket/assets", "lifecycle.objects"),
    }
    playbook = Path(where["state_dir"]) / "reconcile.yaml"
    playbook.write_text("operation: reconcile\nrepair: {default: repair}\n")
    assert app.reconcile("dev", playbook_dir=playbook.parent, **where).left == ()


def test_a_lease_that_ends_leaves_drift_behind(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    address = "compute/target_group/web-admin"
    lease = "owners: {%s: {health/path: {owner: operator, until: %s}}}"
    hand("elbv2").modify_target_group(TargetGroupArn=hand.target_group("web-admin"), HealthCheckPath="/x")
    during = _edited(
        tmp_path,
        ("owners: {} ", f"{lease % (address, '2099-01-01')} "),
        ("deregistration_delay_seconds: 30", "deregistration_delay_seconds: 31"),
    )
    app.provision("dev", config_dir=during, **where)
    assert app.drift("dev", config_dir=during, **where).findings == ()
    group = hand("elbv2").describe_target_groups(TargetGroupArns=[hand.target_group("web-admin")])["TargetGroups"][0]
    assert group["HealthCheckPath"] == "/x"
    after = _edited(tmp_path, ("deregistration_delay_seconds: 30", "deregistration_delay_seconds: 31"))
    (found,) = app.drift("dev", config_dir=after, **where).findings
    assert (found.address, found.applied, found.live) == (address, "/health", "/x")
    provision(where["session"], where["state_dir"], "dev")


def test_an_opened_port_can_be_leased(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    opened = {"IpProtocol": "tcp", "FromPort": 24, "ToPort": 24, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("alb"), IpPermissions=[opened])
    lease = "owners: {security/security_group/alb: {extra: {owner: operator, until: 2099-01-01}}} "
    leased = _edited(tmp_path, ("owners: {} ", lease))
    assert app.drift("dev", config_dir=leased, **where).findings == ()
    assert len(app.reconcile("dev", **where).mended) == 1


def test_what_nobody_wants_and_nobody_has_is_forgotten(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    less = _edited(tmp_path, ("  dashboard: true", "  dashboard: false"))
    hand("cloudwatch").delete_dashboards(DashboardNames=["reptidex-dev"])
    assert app.drift("dev", config_dir=less, **where).findings == ()
    app.provision("dev", config_dir=less, **where)
    assert "monitoring/dashboard" not in app.open_site(app.Settings("dev", **where)).state.entries
    provision(where["session"], where["state_dir"], "dev")


def test_a_protection_is_not_switched_off_unasked(where: dict[str, Any], hand: Hand) -> None:
    def protect(on: str) -> None:
        attribute = {"Key": "deletion_protection.enabled", "Value": on}
        hand("elbv2").modify_load_balancer_attributes(LoadBalancerArn=hand.balancer, Attributes=[attribute])

    protect("true")
    done = app.reconcile("dev", **where)
    assert [(f.field, why) for f, why in done.left] == [
        ("attributes.deletion_protection.enabled", "the playbook asks, and nobody answered yes")
    ]
    protect("false")


def _accepted(where: dict[str, Any], directory: Path, address: str) -> Any:
    import yaml

    app.accept("dev", address, config_dir=directory, **where)
    return yaml.safe_load((directory / "dev.yaml").read_text())["overrides"][address]


def test_only_what_was_changed_is_accepted(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    hand.task("repti-core", container={"environment": [{"name": "LOG_LEVEL", "value": "debug"}]})
    attribute = {"Key": "idle_timeout.timeout_seconds", "Value": "77"}
    hand("elbv2").modify_load_balancer_attributes(LoadBalancerArn=hand.balancer, Attributes=[attribute])
    mine = _edited(tmp_path)
    assert _accepted(where, mine, "compute/load_balancer") == {"attributes": {"idle_timeout.timeout_seconds": "77"}}
    assert not app.plan("dev", only=["compute/load_balancer"], config_dir=mine, **where).changes
    task = _accepted(where, mine, "compute/task_definition/repti-core")
    assert task["containers"]["repti-core"]["environment"]["LOG_LEVEL"] == "debug"
    assert "image" not in json.dumps(task)
    assert app.drift("dev", config_dir=mine, **where).findings == ()
    assert not app.plan("dev", config_dir=mine, **where).changes
    provision(where["session"], where["state_dir"], "dev")


def test_an_id_is_not_accepted(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    ec2 = hand("ec2")
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    table = hand.table("private-us-east-1a")
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.99.0.0/16", GatewayId=gateway)
    with pytest.raises(app.Refused, match=f"is now {gateway}, an id that AWS made up"):
        app.accept("dev", "network/private_route_table/us-east-1a", config_dir=_edited(tmp_path), **where)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.99.0.0/16")


def test_an_image_by_digest_is_an_image(where: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    ecs, repository = hand("ecs"), "reptidex/dev/web-public"
    digest = hand("ecr").describe_images(repositoryName=repository)["imageDetails"][0]["imageDigest"]
    hand.task("web-public", container={"image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{repository}@{digest}"})
    ecs.update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=0)
    other = _edited(tmp_path, ("image_tag: latest ", "image_tag: gone "), ("image_tag: latest\n", "image_tag: gone\n"))
    site = app.open_site(app.Settings("dev", config_dir=other, **where))
    assert "web-public" in site.facts.images


def _signalled(where: dict[str, Any], at: str, *words: str) -> str:
    """What a command says that gets Ctrl-C when AWS answers the first of such calls."""
    first = itertools.count(1)
    handler = (f"after-call.{at}", lambda **_: next(first) == 1 and os.kill(os.getpid(), signal.SIGINT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setattr("botocore.handlers.BUILTIN_HANDLERS", [*BUILTIN_HANDLERS, handler])
        done = CliRunner().invoke(cli, [*words, "--state-dir", str(where["state_dir"])])
    assert next(first) > 1, done.output
    assert getattr(done.exception, "exit_code", None) == 130, (done.exception, done.output)
    return str(done.exception)


def test_office_hours_end_between_two_calls_and_go_on(where: dict[str, Any], hand: Hand) -> None:
    def counts() -> dict[str, int]:
        names = ["repti-core", "web-public"]
        found = hand("ecs").describe_services(cluster="dev-reptidex-cluster", services=names)["services"]
        return {one["serviceName"]: one["desiredCount"] for one in found}

    hand("ecs").update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=1)
    assert counts() == {"repti-core": 1, "web-public": 1}
    said = _signalled(where, "ecs.UpdateService", "run", "office-hours-stop", "dev")
    (stopped,) = (name for name, count in counts().items() if not count)
    assert f"Stopped: {stopped}.\nNot stopped: " in said
    assert "`reptiops run office-hours-stop dev` stops the rest" in said
    assert app.history("dev", **where)[0].interrupted
    assert app.in_doubt(app.open_site(app.Settings("dev", **where))).empty
    app.stop("dev", **where)
    assert counts() == {"repti-core": 0, "web-public": 0}
    said = _signalled(where, "cloudwatch.EnableAlarmActions", "run", "office-hours-start", "dev")
    assert "Nothing was started.\nNot started: " in said
    assert "`reptiops run office-hours-start dev` starts the rest." in said
    assert counts() == {"repti-core": 0, "web-public": 0}
    said = _signalled(where, "ecs.UpdateService", "run", "office-hours-start", "dev")
    assert "Rolled back: AWS was read again and is as it was before.\n" in said
    assert "`reptiops run office-hours-start dev` starts the rest." in said
    app.start("dev", **where)
    assert counts() == {"repti-core": 1, "web-public": 1}
    assert app.drift("dev", **where).findings == ()
