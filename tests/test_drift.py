"""Drift and reconcile against what people do by hand; nothing is found where nothing was done."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from reptiops import app
from reptiops.app.deciding import FLAPPING, Braking
from reptiops.app.upkeep import Drifted
from reptiops.engine.drift import Finding
from reptiops.operations.who import Sought, changed
from reptiops.report import findings
from reptiops.report.page import page
from reptiops.testing import provision
from tests.drifts import DEEDS, Deed, Hand
from tests.faults import Faults


@pytest.fixture(scope="module")
def where(session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    state = tmp_path_factory.mktemp("state")
    provision(session, state, "dev", images=("repti-core", "web-public"))
    return {"session": session, "state_dir": state}


def test_right_after_a_provision_there_is_no_drift(where: dict[str, Any]) -> None:
    found = app.drift("dev", **where)
    assert found.findings == ()
    assert found.pending == ()


def _matches(found: Finding, deed: Deed) -> bool:
    return found.address == deed.address and (found.field == deed.field or found.field.startswith(f"{deed.field}."))


@pytest.mark.parametrize("batch", sorted({deed.batch for deed in DEEDS}))
def test_each_deed_is_found_and_mended(batch: int, where: dict[str, Any]) -> None:
    deeds = [deed for deed in DEEDS if deed.batch == batch]
    for deed in deeds:
        deed.do(Hand(where["session"]))
    found = app.drift("dev", **where)
    for deed in deeds:
        mine = [f for f in found.findings if _matches(f, deed)]
        assert mine, f"{deed.what}: not found"
        assert deed.risk in {f.risk for f in mine}, f"{deed.what}: {mine}"
        if os.environ.get("REPTIOPS_DRIFT_TABLE"):
            print(f"| {deed.what} | {deed.address} | {deed.field or mine[0].what} | {deed.risk} |")
    expected = {(deed.address, deed.risk) for deed in deeds}
    surprising = [
        f
        for f in found.findings
        if not any(_matches(f, d) for d in deeds) and f.field and (f.address, f.risk) not in expected
    ]
    assert all(f.address in {d.address for d in deeds} for f in surprising), surprising
    playbook = Path(where["state_dir"]) / "reconcile.yaml"
    playbook.write_text("operation: reconcile\nrepair: {default: repair}\n")
    done = app.reconcile("dev", yes=True, playbook_dir=playbook.parent, **where)
    assert done.left == ()
    assert done.exit_code == 0
    assert app.drift("dev", **where).findings == ()
    assert not app.plan("dev", **where).changes


def test_there_are_sixty_deeds_over_all_phases() -> None:
    assert len(DEEDS) >= 60
    assert {deed.address.split("/")[0] for deed in DEEDS} == {
        "network", "security", "database", "compute", "storage", "monitoring",
    }  # fmt: skip


# --- what is somebody else's ---------------------------------------------------------------------------------------


def test_what_others_own_is_no_drift(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    hand.task("repti-core", container={"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:v42"})
    hand("rds").modify_db_instance(
        DBInstanceIdentifier="reptidex-dev", AllocatedStorage=40, EngineVersion="15.19", ApplyImmediately=True
    )
    hand("ec2").create_tags(Resources=[hand.vpc], Tags=[{"Key": "CostCenter", "Value": "7"}])
    assert app.drift("dev", **where).findings == ()


def test_the_brake_the_question_and_the_report(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/repti-core", retentionInDays=365)
    hand("ec2").modify_subnet_attribute(SubnetId=hand.subnet("private-us-east-1a"), MapPublicIpOnLaunch={"Value": True})
    braked = app.reconcile("dev", max_changes=0, **where)
    assert (braked.mended, braked.exit_code) == ((), 3)
    assert "brake is at 0" in braked.braked
    done = app.reconcile("dev", **where)
    assert [f.field for f in done.mended] == ["public"]
    assert [(f.field, "asks" in why) for f, why in done.left] == [("retention_days", True)]
    assert done.exit_code == 3
    done = app.reconcile("dev", yes=True, **where)
    assert [f.field for f in done.mended] == ["retention_days"]
    assert done.exit_code == 0


def test_what_keeps_coming_back_is_reported_with_its_count(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    for _ in range(FLAPPING):
        hand("cloudwatch").disable_alarm_actions(AlarmNames=["reptidex-dev-rds-cpu"])
        app.reconcile("dev", **where)
    hand("cloudwatch").disable_alarm_actions(AlarmNames=["reptidex-dev-rds-cpu"])
    done = app.reconcile("dev", **where)
    assert done.mended == ()
    assert "mended 4 times" in done.left[0][1] or "mended 3 times" in done.left[0][1]
    hand("cloudwatch").enable_alarm_actions(AlarmNames=["reptidex-dev-rds-cpu"])


def test_a_change_of_the_configuration_is_pending_and_no_drift(where: dict[str, Any], tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text().replace("log_retention_days: 30", "log_retention_days: 60")
    (tmp_path / "dev.yaml").write_text(text)
    found = app.drift("dev", config_dir=tmp_path, **where)
    assert found.findings == ()
    assert {f.field for f in found.pending} == {"retention_days"}
    assert len(found.pending) == 11, "of ten services and of Container Insights"


def test_owners_by_configuration_have_leases(where: dict[str, Any], tmp_path: Path) -> None:
    hand = Hand(where["session"])
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/web-public", retentionInDays=365)
    text = Path("config/dev.yaml").read_text()
    for until, expected in (("2099-01-01", 0), ("2020-01-01", 1)):
        lease = f"owners: {{compute/log_group/web-public: {{retention_days: {{owner: operator, until: {until}}}}}}}"
        (tmp_path / "dev.yaml").write_text(text.replace("owners: {} ", f"{lease} "))
        assert len(app.drift("dev", config_dir=tmp_path, **where).findings) == expected
    app.reconcile("dev", yes=True, **where)


def test_a_drift_run_writes_nothing(where: dict[str, Any]) -> None:
    site = app.open_site(app.Settings("dev", **where))
    assert site.aws.read_only
    app.drift_site(site)
    assert all(":Describe" in c or ":Get" in c or ":List" in c for c in site.aws.calls)


def test_office_hours_by_playbook_are_no_drift_and_come_back(where: dict[str, Any]) -> None:
    ecs = where["session"].client("ecs")

    def count(name: str) -> int:
        return int(
            ecs.describe_services(cluster="dev-reptidex-cluster", services=[name])["services"][0]["desiredCount"]
        )

    assert (count("repti-core"), count("web-public")) == (1, 1)
    app.stop("dev", **where)
    assert (count("repti-core"), count("web-public")) == (0, 0)
    found = app.drift("dev", **where)
    assert (found.findings, found.pending) == ((), ())
    assert not app.plan("dev", **where).changes
    app.start("dev", **where)
    assert (count("repti-core"), count("web-public")) == (1, 1)
    assert app.drift("dev", **where).findings == ()


def test_stopping_one_service_leaves_the_others_alone(where: dict[str, Any], tmp_path: Path) -> None:
    hand = Hand(where["session"])
    for operation in ("stop", "start"):
        (tmp_path / f"office-hours-{operation}.yaml").write_text(f"operation: {operation}\nservices: [repti-core]\n")
    app.stop("dev", playbook_dir=tmp_path, **where)
    alarms = hand("cloudwatch").describe_alarms(AlarmNamePrefix="reptidex-dev-")["MetricAlarms"]
    assert [a["AlarmName"] for a in alarms if not a["ActionsEnabled"]] == ["reptidex-dev-repti-core-running-tasks"]
    assert app.drift("dev", **where).findings == ()
    hand("ecs").update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=3)
    assert [(f.address, f.field) for f in app.drift("dev", **where).findings] == [
        ("compute/service/web-public", "desired")
    ]
    assert app.start("dev", playbook_dir=tmp_path, **where).services == ("repti-core",)
    hand("ecs").update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=1)
    assert app.drift("dev", **where).findings == ()


def test_a_hand_made_change_can_be_accepted(where: dict[str, Any], tmp_path: Path) -> None:
    hand, mine = Hand(where["session"]), {**where, "config_dir": tmp_path}
    original = Path("config/dev.yaml").read_text()
    (tmp_path / "dev.yaml").write_text(original)
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/web-admin", retentionInDays=400)
    _topic_opened(hand)
    for address in ("compute/log_group/web-admin", "monitoring/alarm_topic"):
        app.accept("dev", address, **mine)
    text = (tmp_path / "dev.yaml").read_text()
    assert [line for line in original.splitlines() if line not in text.splitlines()] == [
        line for line in original.splitlines() if line.startswith("overrides:")
    ]
    assert "# written by `reptiops accept`" in text
    assert app.provision("dev", **mine).left == ()
    assert app.drift("dev", **mine).findings == ()
    groups = hand("logs").describe_log_groups(logGroupNamePrefix="/ecs/dev/web-admin")["logGroups"]
    assert groups[0]["retentionInDays"] == 400
    with pytest.raises(app.Refused, match="no changed field"):
        app.accept("dev", "network/vpc", **mine)
    provision(where["session"], where["state_dir"], "dev")


def _topic_opened(hand: Hand) -> None:
    next(deed for deed in DEEDS if deed.what == "anybody may publish").do(hand)


def test_only_what_is_new_is_told(where: dict[str, Any], tmp_path: Path) -> None:
    hand = Hand(where["session"])
    sqs = hand("sqs")
    queue = sqs.create_queue(QueueName="phone")["QueueUrl"]
    hand("sns").subscribe(TopicArn=hand.topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:phone")

    def told() -> list[str]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for one in answer:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [str(json.loads(one["Body"])["Message"]) for one in answer]

    def run() -> None:
        app.notify("dev", "drift", app.drift("dev", **where).findings, **where)

    hand("logs").put_retention_policy(logGroupName="/ecs/dev/web-admin", retentionInDays=365)
    run()
    (message,) = told()
    assert "cost: compute/log_group/web-admin retention_days" in message
    run()
    assert told() == []
    hand("ec2").authorize_security_group_ingress(
        GroupId=hand.group("rds"),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
    )
    run()
    (message,) = told()
    assert message.startswith("security: security/security_group/rds extra")
    statistics = hand("cloudwatch").list_metrics(Namespace="ReptiDex/dev")["Metrics"]
    assert {m["MetricName"] for m in statistics} == {
        "DriftedResources", "RepairedResources", "ReconcileFailed", "RunFailed", "ScheduledRuns",
    }  # fmt: skip


def test_what_was_found_says_what_it_means_and_what_to_do_next() -> None:
    rule: dict[str, Any] = {"direction": "inbound", "protocol": "tcp", "from_port": 5432, "to_port": 5432}

    def said(peer: str, *more: Finding, **fields: Any) -> str:
        live = rule | {"peer": peer} | fields
        found = Finding("security/group", "sgr-1", "", "extra", "security", live=live, kind="ec2.SecurityGroupRule")
        console = Console(width=400)
        with console.capture() as captured:
            findings.show_drift(console, Drifted((found, *more), (), (), {}, Braking()), env="dev")
        return captured.get()

    assert "peer 0.0.0.0/0: the database's port (PostgreSQL) is open to the whole internet\n" in said("0.0.0.0/0")
    assert "the port of Redis are open to the whole internet" in said("::/0", protocol="-1", from_port=-1, to_port=-1)
    assert "internet" not in said("10.0.0.0/8") + said("0.0.0.0/0", direction="outbound")
    edited = Finding("compute/log_group/a", "/a", "retention_days", "changed", "cost", 7, 1)
    assert "`reptiops reconcile dev` puts back what its playbook repairs; what shall stay" in said("0.0.0.0/0")
    assert "`reptiops accept dev compute/log_group/a` keeps what was changed" in said("0.0.0.0/0", edited)


def test_what_is_inside_a_policy_is_told_once() -> None:
    def policy(*actions: str) -> Any:
        return [{"Effect": "Allow", "Action": sorted(actions), "Resource": ["*"]}]

    one = Finding("security/role", "r", "policies.serve", "changed", "security", policy("a:b", "a:c"), policy("a:d"))
    metric = {"name": "rate", "expression": None, "metric": "5XX"}
    two = Finding("security/role", "r", "metrics.rate", "changed", "availability", metric, None)
    path = "policies.serve [Allow on *] action"
    assert findings.line(one).endswith(f"{path}: - a:b, - a:c, + a:d")
    assert findings.line(two).endswith("metrics.rate: name=rate, metric=5XX → not set")
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as captured:
        findings.show_found(console, "left", [(one, "asked"), (two, "asked")])
    assert [line.rstrip() for line in captured.get().splitlines()] == [
        "left  security/role  r  (asked)",
        "  security  policies.serve",
        "      [Allow on *] action",
        "        - a:b",
        "        - a:c",
        "        + a:d",
        "  availability  metrics.rate: name=rate, metric=5XX → not set",
    ]


def test_an_alarm_that_rings_is_no_drift_but_seen_where_it_is_about(where: dict[str, Any]) -> None:
    watch = Hand(where["session"])("cloudwatch")

    def ring(value: str) -> None:
        for name in ("alb-5xx-rate", "web-admin-cpu"):
            watch.set_alarm_state(AlarmName=f"reptidex-dev-{name}", StateValue=value, StateReason="Threshold Crossed")

    before = app.drift("dev", **where).findings
    ring("ALARM")
    assert app.drift("dev", **where).findings == before
    found = app.overview("dev", **where)
    ringing = {one.address: one.word for one in found.resources if one.state == "alarm"}
    ring("OK")
    assert ringing == {
        "compute/load_balancer": "alarm: alb-5xx-rate",
        "compute/service/web-admin": "alarm: web-admin-cpu",
        "monitoring/alarm/alb-5xx-rate": "ALARM Threshold Crossed",
        "monitoring/alarm/web-admin-cpu": "ALARM Threshold Crossed",
    }
    assert "4 in alarm" in page(found)
    assert not [one for one in app.overview("dev", **where).resources if one.state == "alarm"]


def test_who_did_it_is_told_where_the_trail_can_tell(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/web-embed", retentionInDays=365)
    found = [f for f in app.drift("dev", **where).findings if f.id == "/ecs/dev/web-embed"]
    (deed,) = app.who("dev", found, **where).values()
    assert not isinstance(deed, str)
    assert (deed.event, deed.source) == ("PutRetentionPolicy", "127.0.0.1")
    app.reconcile("dev", yes=True, **where)


def test_who_let_something_in_is_found_at_the_group_and_told_from_who_came_later(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    ec2, trail = hand("ec2"), hand("cloudtrail")
    group = hand.group("rds")
    port = {"GroupId": group, "IpProtocol": "tcp", "CidrIp": "10.9.0.0/16"}
    ec2.authorize_security_group_ingress(**port, FromPort=1, ToPort=1)
    between = datetime.now(UTC)
    ec2.authorize_security_group_ingress(**port, FromPort=2, ToPort=2)
    with pytest.raises(ClientError, match="Duplicate"):
        ec2.authorize_security_group_ingress(**port, FromPort=1, ToPort=1)
    for number in range(55):  # so that it is on the second page of the group's events
        ec2.create_tags(Resources=[group], Tags=[{"Key": "Number", "Value": str(number)}])
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "Number"}])
    found = {f.id: f for f in app.drift("dev", **where).findings}
    first = next(f for f in found.values() if f.what == "extra" and "'from_port': 1," in str(f.live))
    assert f"group {group} (reptidex-dev-rds-sg), direction inbound" in findings.line(first)
    for text in (first.id, "10.9.0.0/16", "tcp"):
        lookup = [{"AttributeKey": "ResourceName", "AttributeValue": text}]
        assert trail.lookup_events(LookupAttributes=lookup)["Events"] == [], "the trail lists the group, nothing else"
    (deed,) = app.who("dev", [first], **where).values()
    assert not isinstance(deed, str)
    assert deed.event == "AuthorizeSecurityGroupIngress"
    assert datetime.fromisoformat(deed.at) <= between
    app.reconcile("dev", yes=True, **where)


def test_the_same_name_elsewhere_is_somebody_elses(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    ecs = hand("ecs")
    live = ecs.describe_services(cluster="dev-reptidex-cluster", services=["web-public"])["services"][0]
    ecs.create_cluster(clusterName="other")
    ecs.create_service(cluster="other", serviceName="web-public", taskDefinition=live["taskDefinition"], desiredCount=0)
    ecs.update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=3)
    between = datetime.now(UTC)
    ecs.update_service(cluster="other", service="web-public", desiredCount=1)
    hand("logs").create_log_group(logGroupName="web-public")
    (finding,) = app.drift("dev", **where).findings
    (deed,) = app.who("dev", [finding], **where).values()
    assert not isinstance(deed, str)
    assert (deed.event, datetime.fromisoformat(deed.at) <= between) == ("UpdateService", True)
    nobody = Sought("arn:aws:ecs:us-east-1:123456789012:service/third/web-public", (), frozenset({"ecs"}), "changed")
    site = app.open_site(app.Settings("dev", **where))
    assert "no change of it" in str(changed(site.aws, nobody))
    ecs.update_service(cluster="dev-reptidex-cluster", service="web-public", desiredCount=1)
    ecs.delete_service(cluster="other", service="web-public", force=True)
    ecs.delete_cluster(cluster="other")
    hand("logs").delete_log_group(logGroupName="web-public")


def test_a_repair_that_fails_is_rolled_back(where: dict[str, Any]) -> None:
    hand = Hand(where["session"])
    hand("elbv2").modify_target_group(TargetGroupArn=hand.target_group("web-admin"), HealthCheckPath="/x")
    hand("logs").put_retention_policy(logGroupName="/ecs/dev/repti-media", retentionInDays=365)
    found = app.drift("dev", **where).findings
    Faults(where["session"], ("elbv2:ModifyTargetGroup", 1))
    with pytest.raises(app.ProvisionFailed, match="injected"):
        app.reconcile("dev", yes=True, **where)
    assert app.drift("dev", **where).findings == found
    app.reconcile("dev", yes=True, **where)
    assert app.drift("dev", **where).findings == ()
