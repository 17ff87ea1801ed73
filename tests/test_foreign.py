"""What other people have made under names that we would give: a provision stops at it, a teardown leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app import states
from tests.faults import Faults, Killed
from tests.inventory import inventory

FLOW_LOGS = ("flow_logs:\n    enabled: false", "flow_logs:\n    enabled: true")
BELOW = ("network", "security")


@pytest.fixture
def edits() -> tuple[tuple[str, str], ...]:
    return (FLOW_LOGS,)


def _network(session: Any) -> list[str]:
    """Two subnets of somebody else's that the internet reaches."""
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return subnets


def _redis(session: Any, subnets: list[str], group: str = "theirs") -> None:
    cache = session.client("elasticache")
    cache.create_cache_subnet_group(CacheSubnetGroupName=group, CacheSubnetGroupDescription="theirs", SubnetIds=subnets)
    cache.create_replication_group(
        ReplicationGroupId="reptidex-dev",
        ReplicationGroupDescription="made by hand",
        CacheNodeType="cache.t4g.small",
        NumCacheClusters=1,
        Engine="redis",
        EngineVersion="7.0",
        CacheSubnetGroupName=group,
        AtRestEncryptionEnabled=True,
    )


def _balancer(session: Any, subnets: list[str]) -> None:
    elb = session.client("elbv2")
    balancer = elb.create_load_balancer(Name="reptidex-dev-alb", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    for port in (80, 8080):
        made = elb.create_listener(LoadBalancerArn=balancer, Port=port, Protocol="HTTP", DefaultActions=answer)
        host = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["theirs.example.com"]}}]
        elb.create_rule(ListenerArn=made["Listeners"][0]["ListenerArn"], Priority=1, Conditions=host, Actions=answer)


def _cluster(session: Any) -> None:
    ecs, scaling = session.client("ecs"), session.client("application-autoscaling")
    ecs.create_cluster(clusterName="dev-reptidex-cluster")
    ecs.register_task_definition(family="theirs", containerDefinitions=[{"name": "a", "image": "b", "memory": 128}])
    ecs.register_task_definition(
        family="reptidex-dev-web-public", containerDefinitions=[{"name": "a", "image": "b", "memory": 128}]
    )
    ecs.create_service(cluster="dev-reptidex-cluster", serviceName="theirs", taskDefinition="theirs", desiredCount=0)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/dev-reptidex-cluster/theirs",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=3)
    scaling.put_scheduled_action(
        **target,
        ScheduledActionName="nightly",
        Schedule="cron(0 1 * * ? *)",
        ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0},
    )
    session.client("logs").create_log_group(logGroupName="/aws/ecs/containerinsights/dev-reptidex-cluster/performance")


def _watched(session: Any) -> None:
    sns, watch = session.client("sns"), session.client("cloudwatch")
    topic = sns.create_topic(Name="reptidex-dev-alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:theirs")
    watch.put_dashboard(DashboardName="reptidex-dev", DashboardBody='{"widgets":[]}')
    session.client("logs").create_log_group(logGroupName="/vpc/dev/flow-logs", tags={"Owner": "another team"})
    session.client("cloudfront").create_response_headers_policy(
        ResponseHeadersPolicyConfig={
            "Name": "reptidex-dev-security-headers",
            "SecurityHeadersConfig": {"FrameOptions": {"Override": True, "FrameOption": "SAMEORIGIN"}},
        }
    )


def test_a_teardown_leaves_what_only_has_our_names_and_says_so(account: Any, where: dict[str, Any]) -> None:
    subnets = _network(account)
    _redis(account, subnets, "reptidex-dev")
    _balancer(account, subnets)
    _cluster(account)
    _watched(account)
    before = inventory(account)
    with pytest.raises(app.Refused, match="reptiops adopt dev --all"):
        app.provision("dev", **where)
    gone = app.teardown("dev", **where)
    assert inventory(account) == before
    assert gone.doomed == ()
    assert {one.split()[0] for one in gone.foreign} >= {
        "database/redis",
        "compute/cluster",
        "compute/load_balancer",
        "compute/task_definition/web-public",
        "compute/insights_log_group",
        "monitoring/alarm_topic",
        "monitoring/dashboard",
        "network/flow_log_group",
    }


def test_a_cache_of_somebody_elses_is_not_replaced(account: Any, where: dict[str, Any]) -> None:
    app.provision("dev", phases=BELOW, **where)
    ours = [{"Name": "tag:Project", "Values": ["reptidex"]}]
    subnets = [one["SubnetId"] for one in account.client("ec2").describe_subnets(Filters=ours)["Subnets"]]
    _redis(account, subnets)
    before = inventory(account)
    with pytest.raises(app.Refused, match="reptiops adopt dev database/redis reptidex-dev"):
        app.provision("dev", phases=(*BELOW, "database"), allow_replace=True, **where)
    assert inventory(account) == before
    app.adopt("dev", "database/redis", "reptidex-dev", **where)
    (redis,) = (a for a in app.plan("dev", **where).actions if a.address == "database/redis")
    assert redis.verb == "replace"


def test_a_group_that_another_team_reads_stays_as_it_is(account: Any, where: dict[str, Any]) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/vpc/dev/flow-logs", tags={"Owner": "another team"})
    with pytest.raises(app.Refused, match="reptiops adopt dev network/flow_log_group /vpc/dev/flow-logs"):
        app.provision("dev", phases=("network",), **where)
    (group,) = logs.describe_log_groups()["logGroups"]
    assert "retentionInDays" not in group
    assert logs.list_tags_log_group(logGroupName="/vpc/dev/flow-logs")["tags"] == {"Owner": "another team"}
    app.adopt("dev", "network/flow_log_group", "/vpc/dev/flow-logs", **where)
    app.provision("dev", phases=("network",), **where)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    app.teardown("dev", **where)
    assert logs.describe_log_groups()["logGroups"] == []


def test_a_group_that_aws_made_anew_for_our_flow_log_is_ours(account: Any, where: dict[str, Any]) -> None:
    """Somebody deletes the group, the flow log writes on, and AWS makes another one without tags or an end."""
    logs = account.client("logs")
    app.provision("dev", phases=("network",), **where)
    logs.delete_log_group(logGroupName="/vpc/dev/flow-logs")
    logs.create_log_group(logGroupName="/vpc/dev/flow-logs")
    app.provision("dev", phases=("network",), **{**where, "state_dir": where["state_dir"] / "lost"})
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30


def test_a_name_is_no_proof_of_a_dashboard_or_an_alarm(account: Any, where: dict[str, Any], tmp_path: Path) -> None:
    """Ours are found again without a state, whatever was changed in them; another one of that name stops the run."""
    app.provision("dev", **where)
    watch = account.client("cloudwatch")
    body = json.loads(watch.get_dashboard(DashboardName="reptidex-dev")["DashboardBody"])
    body["widgets"] = body["widgets"][3:]
    watch.put_dashboard(DashboardName="reptidex-dev", DashboardBody=json.dumps(body))
    alarm = next(one for one in watch.describe_alarms()["MetricAlarms"] if one["AlarmName"].startswith("reptidex-dev-"))
    kept = {k: alarm[k] for k in ("AlarmName", "ComparisonOperator", "EvaluationPeriods")}
    theirs = {"Namespace": "theirs", "MetricName": "x", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
    watch.put_metric_alarm(**kept, **theirs)
    lost = {**where, "state_dir": tmp_path / "lost"}
    assert "foreign" not in {a.verb for a in app.plan("dev", **lost).actions}
    states.rebuild("dev", **lost)
    assert {e.address for e in states.entries("dev", **lost)} == {e.address for e in states.entries("dev", **where)}
    watch.put_dashboard(DashboardName="reptidex-dev", DashboardBody='{"widgets":[]}')
    tags = [tag["Key"] for tag in watch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]]
    watch.untag_resource(ResourceARN=alarm["AlarmArn"], TagKeys=tags)
    once_more = {**where, "state_dir": tmp_path / "once more"}
    foreign = {a.address for a in app.plan("dev", **once_more).actions if a.verb == "foreign"}
    assert len(foreign) == 2
    assert "monitoring/dashboard" in foreign
    with pytest.raises(app.Refused, match="reptiops adopt dev monitoring/dashboard reptidex-dev"):
        app.provision("dev", **once_more)
    gone = app.teardown("dev", **once_more)
    assert {one.split()[0] for one in gone.foreign} == foreign
    assert [one["AlarmName"] for one in watch.describe_alarms()["MetricAlarms"]] == [alarm["AlarmName"]]
    assert len(watch.list_dashboards()["DashboardEntries"]) == 1


def test_a_cache_that_a_killed_run_has_asked_for_is_ours_while_aws_tells_no_tags(
    account: Any, where: dict[str, Any]
) -> None:
    """The same group without a run that has asked for it is somebody else's."""
    phases = (*BELOW, "database")
    app.provision("dev", phases=BELOW, **where)
    Faults(account, ("elasticache:CreateReplicationGroup", 1), "kill after")
    with pytest.raises(Killed):
        app.provision("dev", phases=phases, **where)

    def creating(parsed: Any, **_: Any) -> None:
        for one in parsed.get("ReplicationGroups", []):
            one["Status"] = "creating"

    def untagged(parsed: Any, **_: Any) -> None:
        found = parsed.get("ResourceTagMappingList", [])
        parsed["ResourceTagMappingList"] = [one for one in found if ":replicationgroup:" not in one["ResourceARN"]]

    account.events.register("after-call.elasticache.DescribeReplicationGroups", creating)
    account.events.register("after-call.resource-groups-tagging-api.GetResources", untagged)
    verbs = {a.address: a.verb for a in app.plan("dev", phases=phases, **where).actions}
    assert verbs["database/redis"] == "none"
    elsewhere = {**where, "state_dir": where["state_dir"] / "elsewhere"}
    verbs = {a.address: a.verb for a in app.plan("dev", phases=phases, **elsewhere).actions}
    assert verbs["database/redis"] == "foreign"
