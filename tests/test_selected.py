"""What `--only` leaves out is neither planned nor recorded: somebody else's stays somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.action import Action
from reptiops.engine.needed import told as users
from reptiops.engine.resource import Live
from reptiops.engine.unplannable import PlanError
from reptiops.resources.ec2_access import SecurityGroup, SecurityGroupRule
from reptiops.steps import documented
from reptiops.testing import mocked_aws, provision
from tests.small import SERVICES, small_config


def test_what_a_selection_leaves_out_is_not_taken_for_ours(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", **where, only=("network/vpc",))
        s3 = session.client("s3")
        s3.create_bucket(Bucket="reptidex-dev-uploads")
        s3.put_object(Bucket="reptidex-dev-uploads", Key="theirs", Body=b"x")
        assert not app.provision("dev", **where, only=("network/vpc",)).plan.changes
        (bucket,) = app.plan("dev", **where, only=("storage/bucket/uploads",)).changes
        assert bucket.verb == "foreign"
        app.teardown("dev", **where)
        assert s3.list_objects_v2(Bucket="reptidex-dev-uploads")["KeyCount"] == 1


MAILED = ("emails: []", "emails: [ops@reptidex.com]")


def test_nothing_is_made_on_what_is_somebody_elses_and_was_not_selected(tmp_path: Path) -> None:
    """A topic of our name, of which nothing says that we made it: a subscription would send our alarms its way."""
    with mocked_aws() as session:
        where: dict[str, Any] = {
            "session": session,
            "state_dir": tmp_path / "state",
            "config_dir": small_config(tmp_path, MAILED),
        }
        sns, only = session.client("sns"), ("monitoring/subscription",)
        arn = sns.create_topic(Name="reptidex-dev-alarms")["TopicArn"]
        for run in (app.plan, app.provision):
            with pytest.raises(PlanError, match=r"subscription/ops@reptidex.com needs monitoring/alarm_topic") as told:
                run("dev", only=only, **where)
            assert "reptiops adopt" in str(told.value)
        assert sns.list_subscriptions()["Subscriptions"] == []
        app.provision("dev", only=("network/vpc",), **where)  # what does not need it goes on
        app.adopt("dev", "monitoring/alarm_topic", arn, **where)
        app.provision("dev", only=only, **where)
        assert [one["Endpoint"] for one in sns.list_subscriptions()["Subscriptions"]] == ["ops@reptidex.com"]


FLOWING = ("  flow_logs:\n    enabled: false", "  flow_logs:\n    enabled: true")


def test_what_is_no_longer_declared_goes_after_what_needs_it(tmp_path: Path) -> None:
    """A group of flow logs under a flow log that still writes: a part that would remove it first is refused."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "allow_replace": True}
        app.provision("dev", phases=("network",), config_dir=small_config(tmp_path / "with", FLOWING), **where)
        where["config_dir"] = small_config(tmp_path / "without")
        logs, ec2 = session.client("logs"), session.client("ec2")
        only, seen = ("network/flow_log_group",), {one: where[one] for one in ("session", "state_dir", "config_dir")}
        stuck, kept = app.documented_plan("dev", only=only, **seen)
        assert "network/flow_log needs it" in stuck.stuck["network/flow_log_group"]
        assert any(note.startswith("refused: network/flow_log_group: ") for note in kept.notes)
        assert kept.needs_allow_replace == (), "what cannot be done at all nothing allows"
        for allowed in (where, seen):
            with pytest.raises(app.Refused, match=r"network/flow_log_group: network/flow_log needs it, goes") as told:
                app.provision("dev", only=only, **allowed)
            assert "--allow-replace" not in str(told.value), "no suggestion that cannot work"
        assert logs.describe_log_groups()["logGroups"]
        app.provision("dev", only=("network/flow_log",), **where)
        assert ec2.describe_flow_logs()["FlowLogs"] == []
        app.provision("dev", only=("network/flow_log_group",), **where)
        assert logs.describe_log_groups()["logGroups"] == []


CORE = "    repti-core: {kind: backend, hosts: [api-dev.reptidex.com]}\n"
SCALED = (CORE, CORE.replace("backend, ", "backend, scaling: {min: 1, max: 4, cpu: 65, memory: 65}, "))
GONE = (CORE, "")


def test_a_service_goes_by_phase_though_alarms_watch_it(tmp_path: Path) -> None:
    """One with alarms, scaled as the only one: what uses nothing of a phase does not hold it, nor what only watches."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "allow_replace": True}
        provision(images=SERVICES, config_dir=small_config(tmp_path / "with", SCALED), **where)
        where["config_dir"] = small_config(tmp_path / "without", GONE)
        alarms = session.client("cloudwatch").describe_alarms(AlarmNamePrefix="reptidex-dev-repti-core")
        assert alarms["MetricAlarms"]
        with pytest.raises(app.Refused, match=r"compute/target_group/repti-core: compute/host_rule/repti-core"):
            app.provision("dev", only=("compute/target_group/repti-core",), **where)
        for phase in ("security", "compute", "monitoring"):
            assert app.provision("dev", phases=(phase,), **where).left == ()
        groups = session.client("elbv2").describe_target_groups()["TargetGroups"]
        assert [one["TargetGroupName"] for one in groups] == ["reptidex-dev-web-public"]
        assert not app.plan("dev", **{k: v for k, v in where.items() if k != "allow_replace"}).changes


def test_a_role_of_the_account_is_never_removed(tmp_path: Path) -> None:
    """AWS's own role for scaling stays when the last service that is scaled has gone, and is recorded no more."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        config, phases = small_config(tmp_path / "without"), ("network", "security")
        app.provision("dev", phases=phases, config_dir=small_config(tmp_path / "with", SCALED), **where)
        roles = [one["RoleName"] for one in session.client("iam").list_roles()["Roles"]]
        assert "AWSServiceRoleForApplicationAutoScaling_Ecs" in roles
        assert not app.provision("dev", phases=phases, config_dir=config, **where).plan.changes
        assert [one["RoleName"] for one in session.client("iam").list_roles()["Roles"]] == roles
        state = app.open_site(app.Settings("dev", config_dir=config, **where)).state
        assert {"security/service_linked_role/ecs", "security/service_linked_role/autoscaling"} & set(
            state.entries
        ) == {"security/service_linked_role/ecs"}


@pytest.mark.parametrize(("field", "used"), [("group", False), ("peer", True)])
def test_a_rule_goes_with_its_group_and_holds_only_the_other_one(field: str, used: bool) -> None:
    """AWS deletes a group with its own rules, and refuses to while a rule of another group names it."""
    graph, ids = documented(), {"group": "sg-1", "peer": "sg-1", field: "sg-2"}
    group = Live("sg-2", SecurityGroup("vpc-1", "dev-endpoints", "endpoints"))
    rule = Live("sgr-1", SecurityGroupRule(direction="inbound", **ids))
    going = Action("network/endpoints_group", "delete", SecurityGroup, group.has, group)
    staying = Action("security/security_group_rule/x", "delete", SecurityGroupRule, rule.has, rule)
    (told,) = users(graph, [going], [staying])
    assert told.used_by == ((staying.address,) if used else ())
    assert bool(told.hindrance) == used
