"""More of what is riskiest on AWS and invisible on moto: forms, orders, counts and roles. See test_aws_truth.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reptiops.config import load_environment
from reptiops.engine.diff import diff
from reptiops.engine.passing import passes
from reptiops.engine.resource import Live, Made
from reptiops.engine.scope import Scope
from reptiops.facts import Facts
from reptiops.operations.preflight import Needs, check
from reptiops.resources import cloudfront, ec2_access, ecs, ecs_services, ecs_tasks, iam, logs, ssm
from reptiops.sandbox import gaps, rules
from reptiops.steps import compute, documented
from tests.normalised import Normalised
from tests.samples import World
from tests.samples.cloudfront import _distribution
from tests.samples.compute import RESOURCE, WEB, _cluster, _group, _listener, _service, _task
from tests.samples.database import _cache
from tests.samples.ec2 import owned_vpc
from tests.strict import above, ident, refused, work_on


def _live(world: World, *wanted: Any) -> Live[Any]:
    return next(iter(Scope(world.aws, world.names, wanted).live(type(wanted[0]))))


# --- 3 at once ---------------------------------------------------------------------------------------------------


def test_03_every_change_of_a_cache_is_sent_to_be_applied_at_once(world: World) -> None:
    want = _cache(world)
    want.create(world.aws, world.identity("database/redis"))
    larger = replace(want, node_type="cache.t4g.medium")
    larger.update(world.aws, _live(world, want), frozenset({"node_type"}))
    client = world.session.client("elasticache")
    client.modify_replication_group(ReplicationGroupId=want.name, CacheNodeType="cache.r6g.large")
    (held,) = client.describe_replication_groups()["ReplicationGroups"]
    assert held["CacheNodeType"] == "cache.t4g.medium", "without ApplyImmediately nothing happens"


# --- 5 a circuit breaker's rollback ------------------------------------------------------------------------------


def _newer(world: World, want: ecs_services.Service) -> ecs_services.Service:
    """The service with a revision whose image is missing."""
    world.session.client("ecr").create_repository(repositoryName="web")
    image = f"{world.names.account}.dkr.ecr.us-east-1.amazonaws.com/web:2"
    container = {"name": "web", "image": image, "portMappings": [{"containerPort": 80}]}
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    made = world.session.client("ecs").register_task_definition(
        family="sample", containerDefinitions=[container], **sizes
    )
    return replace(want, task_definition=made["taskDefinition"]["taskDefinitionArn"])


def test_05_after_a_rollback_the_service_is_stable_and_not_as_wanted(world: World) -> None:
    """The new revision's image is missing: ECS goes back to the one before, and calls the service stable."""
    client, want = world.session.client("ecs"), _service(world)
    want.create(world.aws, world.identity("compute/service/web"))
    before, newer = _live(world, want, ecs.Cluster(want.cluster)), _newer(world, want)
    newer.update(world.aws, before, frozenset({"task_definition"}))
    after = _live(world, newer, ecs.Cluster(want.cluster))
    events = client.describe_services(cluster=want.cluster, services=["web"])["services"][0]["events"]
    assert any("rolling back" in event["message"] for event in events)
    assert after.status.phase == "ready", "what AWS calls stable"
    assert [change.path for change in diff(newer, after.has)] == ["task_definition"], "and what we do not"
    assert "the deployment failed" in newer.given_up(before, after)


def test_05_the_breakers_verdict_is_known_while_the_service_still_goes_back(world: World) -> None:
    """What counts is the deployment that is in force: ours may still come, one of the breaker's own never is ours."""
    want = _service(world)
    want.create(world.aws, world.identity("compute/service/web"))
    cluster, newer = want.cluster, _newer(world, want)
    before = _live(world, want, ecs.Cluster(cluster))
    clock = rules.WORLD.clock
    now = [clock.now()]
    clock.factor, clock.now = 1.0, lambda: now[0]
    newer.update(world.aws, before, frozenset({"task_definition"}))
    stale = newer.given_up(before, before)
    deploying = _live(world, newer, ecs.Cluster(cluster))
    now[0] += 201
    back = _live(world, newer, ecs.Cluster(cluster))
    deployments = world.session.client("ecs").describe_services(cluster=cluster, services=["web"])["services"][0][
        "deployments"
    ]
    now[0] += 151
    stable = _live(world, newer, ecs.Cluster(cluster))
    assert (stale, newer.given_up(before, deploying)) == ("", "")
    assert deploying.status.word == "deploying, 1 of 1 running"
    assert [(d["status"], d["rolloutState"]) for d in deployments] == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "FAILED")]
    assert (back.status.phase, back.status.word) == ("pending", "going back to the deployment before, 1 of 1 running")
    assert "tasks failed to start" in newer.given_up(before, back)
    assert stable.status.phase == "ready"
    assert "went back" in newer.given_up(before, stable)
    assert newer.given_up(back, stable) == "", "a deployment that began while the service went back is not this one"


# --- 6 forms of a task definition --------------------------------------------------------------------------------


def test_06_a_definition_that_comes_back_filled_and_reordered_is_the_same(world: World) -> None:
    """Otherwise each run would register a revision and deploy it."""
    environment = {name: name.lower() for name in "CABED"}
    want = ecs_tasks.TaskDefinition("sample", containers={"web": replace(WEB, environment=environment, secrets={})})
    want.create(world.aws, world.identity("compute/task_definition/web"))
    read = world.session.client("ecs").describe_task_definition(taskDefinition="sample")["taskDefinition"]
    (sent,) = read["containerDefinitions"]
    assert [one["name"] for one in sent["environment"]] != list(environment), "AWS has its own order"
    assert {"cpu", "mountPoints", "volumesFrom", "systemControls"} <= sent.keys(), "and fills in what was never sent"
    assert sent["portMappings"][0]["hostPort"] == 80
    Normalised(world.session, 1)
    assert diff(want, _live(world, want).has) == ()


# --- 7 create order ----------------------------------------------------------------------------------------------


def test_07_aws_refuses_a_service_before_its_listener_and_that_passes(world: World) -> None:
    group = _group(world)
    want = ecs_services.Service(
        cluster=_cluster(world),
        name="web",
        task_definition=_task(world),
        subnets=frozenset(world.subnets),
        security_groups=frozenset({world.group}),
        target_group=group,
        container="web",
    )
    with pytest.raises(ClientError) as caught:
        want.create(world.aws, world.identity("compute/service/web"))
    assert "does not have an associated load balancer" in str(caught.value)
    assert passes(ecs_services.Service, caught.value), "a listener made a moment ago is not seen at once"
    _listener(world, group)
    assert want.create(world.aws, world.identity("compute/service/web")).status.phase == "ready"


# --- 8 registering moves the count -------------------------------------------------------------------------------


class _There(dict[str, Any]):
    """Results of steps that do not matter here."""

    def __missing__(self, name: str) -> Any:
        return Made(f"service/{name}")


def test_08_a_service_without_an_image_is_not_registered(world: World) -> None:
    """Registering would raise it to its least count at once, and its tasks would fail for want of the image."""
    prod, at = load_environment("prod"), Facts(world.names.account, "us-east-1")
    assert any(one.scaling for one in prod.services)
    assert compute.scalable_target(prod, at, _There()) == {}
    with_image = replace(at, images=frozenset({next(one.name for one in prod.services if one.scaling)}))
    assert len(compute.scalable_target(prod, with_image, _There())) == 1
    (first,) = compute.scalable_target(prod, with_image, _There()).values()
    assert first.minimum
    replace(_service(world), desired=0).create(world.aws, world.identity("compute/service/web"))
    replace(first, resource=RESOURCE).create(world.aws, world.identity("compute/scalable_target/web"))
    one = world.session.client("ecs").describe_services(cluster="dev-reptidex-cluster", services=["web"])["services"][0]
    assert one["desiredCount"] == first.minimum, "as AWS does"


# --- 9 destroy order ---------------------------------------------------------------------------------------------

REMOVED_BEFORE = {
    "scalable_target": {"service"},
    "service": {"host_rule", "target_group", "cluster", "log_group", "task_definition", "private_subnet"},
    "host_rule": {"target_group", "https_listener"},
    "https_listener": {"certificate", "load_balancer"},
    "cdn_record": {"distribution"},
    "distribution": {"headers_policy", "certificate", "load_balancer"},
    "load_balancer": {"logs_bucket", "public_subnet", "security_group"},
    "trail": {"logs_bucket"},
    "database": {"database_subnet_group", "database_parameter_group", "security_group", "rds_monitoring_role"},
    "redis": {"redis_subnet_group", "security_group"},
    "validation_record": {"certificate"},
    "security_group_rule": {"security_group"},
    "nat_gateway": {"elastic_ip", "public_subnet"},
    "flow_log": {"flow_logs_role", "flow_log_group"},
    "schedule": {"schedule_role", "schedule_group"},
    "public_subnet": {"vpc"},
    "private_route_table": {"private_subnet", "vpc"},
    "internet_gateway": {"vpc"},
}
"""What goes → what AWS keeps, or would go wrong without, as long as it is there (aws-facts 9.2)."""


@pytest.mark.parametrize("first", sorted(REMOVED_BEFORE))
def test_09_what_hangs_on_something_goes_before_it(first: str) -> None:
    """Everything is removed before what it needs."""
    assert REMOVED_BEFORE[first] <= above(documented(), first)


# --- 11 service-linked roles -------------------------------------------------------------------------------------


def test_11_who_needs_a_service_linked_role_waits_for_it() -> None:
    for name in ("cluster", "load_balancer", "database", "redis", "scalable_target"):
        assert "service_linked_role" in above(documented(), name)


def test_11_one_that_somebody_else_has_made_is_success_and_is_never_ours(world: World) -> None:
    want = iam.ServiceLinkedRole("ecs.amazonaws.com")
    client = world.session.client("iam")
    arn = client.create_service_linked_role(AWSServiceName=want.service)["Role"]["Arn"]
    refused(lambda: client.create_service_linked_role(AWSServiceName=want.service), "InvalidInput", "has been taken")
    made = want.create(world.aws, world.identity("security/service_linked_role/ecs"))
    assert made.out["arn"] == arn
    assert want.existing, "found rather than made: never written, never deleted"
    assert _live(world, want).address is None


@pytest.mark.parametrize("kind", [ecs.Cluster, ecs_services.Service])
def test_11_the_first_call_that_comes_too_early_is_made_again(kind: Any) -> None:
    gaps.apply()
    with rules.enforced() as strict, mock_aws():
        world, now = World(), [0.0]
        strict.clock.factor, strict.clock.now = 1.0, lambda: now[0]
        with pytest.raises(ClientError) as caught:
            world.session.client("ecs").create_cluster(clusterName="x")
        assert passes(kind, caught.value)
        now[0] += 20
        world.session.client("ecs").create_cluster(clusterName="x")


# --- 14 groups that name each other ------------------------------------------------------------------------------


def test_14_groups_that_name_each_other_are_made_first_and_their_rules_go_first(world: World) -> None:
    assert "security_group" in above(documented(), "security_group_rule")
    assert "security_group_rule" not in above(documented(), "security_group")
    groups = [ec2_access.SecurityGroup(owned_vpc(world), name, name) for name in ("one", "two")]
    ids = [ident(want.create(world.aws, world.identity(f"security/{want.name}"))) for want in groups]
    wanted = [
        ec2_access.SecurityGroupRule(ids[a], direction, "tcp", 80, 80, ids[b])  # type: ignore[arg-type]
        for a, b, direction in ((0, 1, "outbound"), (1, 0, "inbound"))
    ]
    for number, want in enumerate(wanted):
        want.create(world.aws, world.identity(f"security/rule/{number}"))
    lives = Scope(world.aws, world.names, [*groups, *wanted])
    first = next(one for one in lives.live(ec2_access.SecurityGroup) if one.id == ids[0])
    with pytest.raises(ClientError) as caught:
        first.has.delete(world.aws, first)
    assert passes(ec2_access.SecurityGroup, caught.value), "it is asked for again"
    assert f"Named in rules of two {ids[1]}" in first.has.blockers(world.aws, first)
    for rule in lives.live(ec2_access.SecurityGroupRule):
        rule.has.delete(world.aws, rule)
    for group in lives.live(ec2_access.SecurityGroup):
        group.has.delete(world.aws, group)
    assert not Scope(world.aws, world.names, groups).live(ec2_access.SecurityGroup)


# --- 17 the quota of Fargate -------------------------------------------------------------------------------------


def test_17_what_runs_in_the_region_counts_against_the_quota_of_fargate(world: World) -> None:
    """The service is made all the same, and stays without tasks: only a look before tells."""
    large = world.session.client("ecs").register_task_definition(
        family="large",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="2048",
        memory="4096",
        containerDefinitions=[{"name": "web", "image": "nginx:1", "portMappings": [{"containerPort": 80}]}],
    )["taskDefinition"]["taskDefinitionArn"]
    want = replace(_service(world), task_definition=large, desired=2)
    want.create(world.aws, world.identity("compute/service/web"))
    notes = {note.about: note for note in check(world.aws, Needs(vcpus=2.5))}
    assert notes["Fargate vCPUs"].level == "error"
    assert "2.5 more are needed and 4 of 6 are used" in notes["Fargate vCPUs"].text
    assert [n.level for n in check(world.aws, Needs(vcpus=2))] == ["warning"]
    assert check(world.aws, Needs(vcpus=1)) == ()
    replace(want, desired=4).update(world.aws, _live(world, want, ecs.Cluster(want.cluster)), frozenset({"desired"}))
    starved = _live(world, want, ecs.Cluster(want.cluster))
    assert starved.status.phase == "pending"
    assert "limit on the number of vCPUs" in starved.status.reason


# --- 18 what AWS has made and does not see yet --------------------------------------------------------------------


def test_18_a_log_group_that_is_not_seen_yet_is_made_once() -> None:
    """Its retention is a second call, and that does not find it for a moment."""
    gaps.apply()
    with rules.enforced(factor=0.1), mock_aws():
        world, want = World(), logs.LogGroup("/ecs/dev/web", 7)
        assert work_on(world, want).create("compute/log_group/web", want, ())[0] == want.name
        (group,) = world.session.client("logs").describe_log_groups()["logGroups"]
        assert group["retentionInDays"] == 7


def test_18_the_name_of_a_deleted_parameter_is_waited_for() -> None:
    gaps.apply()
    with rules.enforced(factor=0.03), mock_aws():
        world, want = World(), ssm.Parameter("/reptidex/dev/x", "1")
        want.create(world.aws, world.identity("database/parameter/x"))
        want.delete(world.aws, _live(world, want))
        refused(lambda: want.create(world.aws, world.identity("database/parameter/x")), "ParameterAlreadyExists")
        assert work_on(world, want).create("database/parameter/x", want, ())[0] == want.name


# --- 21 an update replaces the whole -----------------------------------------------------------------------------


def test_21_an_update_of_a_distribution_keeps_what_it_does_not_set(world: World) -> None:
    want = _distribution(world)
    identifier = ident(want.create(world.aws, world.identity("storage/distribution")))
    client = world.session.client("cloudfront")
    held = client.get_distribution_config(Id=identifier)
    reference = held["DistributionConfig"]["CallerReference"]
    firewall = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/x/1"
    by_hand = {**held["DistributionConfig"], "WebACLId": firewall}
    client.update_distribution(Id=identifier, IfMatch=held["ETag"], DistributionConfig=by_hand)
    replace(want, price_class="PriceClass_All").update(world.aws, _live(world, want), frozenset({"price_class"}))
    now = client.get_distribution_config(Id=identifier)["DistributionConfig"]
    assert (now["WebACLId"], now["CallerReference"]) == (firewall, reference)
    with pytest.raises(ClientError) as caught:  # somebody was faster: read again, write again
        client.update_distribution(Id=identifier, IfMatch=held["ETag"], DistributionConfig=now)
    assert passes(cloudfront.Distribution, caught.value)
