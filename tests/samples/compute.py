"""Samples of load balancing, ECS and autoscaling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.resources.autoscaling import ScalableTarget, ScalingPolicy, ScheduledAction
from reptiops.resources.ecs import Cluster
from reptiops.resources.ecs_services import Service
from reptiops.resources.ecs_tasks import Container, HealthCheck, TaskDefinition
from reptiops.resources.elbv2 import HealthCheck as TargetHealthCheck
from reptiops.resources.elbv2 import LoadBalancer, TargetGroup
from reptiops.resources.elbv2_listeners import FixedResponse, HostRule, Listener, Redirect
from reptiops.sandbox.gaps.ecs import PAGE
from tests.samples import Sample, World

CLUSTER = Cluster("dev-reptidex-cluster")
RESOURCE = f"service/{CLUSTER.name}/web"
SERVER_HEADER = "routing.http.response.server.enabled"
BALANCER = LoadBalancer("reptidex-dev-alb")


def _tags(world: World, address: str, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return world.identity(address).tag_list(key, value)


def _balancer(world: World) -> str:
    answer: dict[str, Any] = world.session.client("elbv2").create_load_balancer(
        Name=BALANCER.name, Subnets=list(world.subnets), Tags=_tags(world, "compute/load_balancer")
    )
    return str(answer["LoadBalancers"][0]["LoadBalancerArn"])


def _group(world: World, name: str = "sample") -> str:
    answer: dict[str, Any] = world.session.client("elbv2").create_target_group(
        Name=name, VpcId=world.vpc, Port=80, Protocol="HTTP", TargetType="ip"
    )
    return str(answer["TargetGroups"][0]["TargetGroupArn"])


def _listener(world: World, group: str = "") -> str:
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    if group:
        action = {"Type": "forward", "TargetGroupArn": group}
    answer: dict[str, Any] = world.session.client("elbv2").create_listener(
        LoadBalancerArn=_balancer(world), Port=80, Protocol="HTTP", DefaultActions=[action]
    )
    return str(answer["Listeners"][0]["ListenerArn"])


def _forwarded(world: World, want: TargetGroup, live: Live[TargetGroup]) -> None:
    """What forwards to it is named while AWS keeps it for that."""
    listener = _listener(world, live.id)
    held = want.blockers(world.aws, live)
    assert held == "the default action of listener :80 of reptidex-dev-alb forwards to it: change or delete that."
    world.session.client("elbv2").delete_listener(ListenerArn=listener)


def _cluster(world: World) -> str:
    world.session.client("ecs").create_cluster(
        clusterName=CLUSTER.name, tags=_tags(world, "compute/cluster", "key", "value")
    )
    return CLUSTER.name


def _task(world: World) -> str:
    answer: dict[str, Any] = world.session.client("ecs").register_task_definition(
        family="sample",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "web", "image": "nginx:1", "portMappings": [{"containerPort": 80}]}],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def _service(world: World) -> Service:
    group = _group(world)
    _listener(world, group)
    return Service(
        cluster=_cluster(world),
        name="web",
        task_definition=_task(world),
        desired=1,
        subnets=frozenset(world.subnets),
        security_groups=frozenset({world.group}),
        target_group=group,
        container="web",
    )


def _scaled(world: World) -> str:
    service = _service(world)
    service.create(world.aws, world.identity("compute/service/web"))
    return RESOURCE


def _target(world: World) -> str:
    _scaled(world)
    ScalableTarget(RESOURCE, 1, 4).create(world.aws, world.identity("compute/scalable_target/web"))
    return RESOURCE


WEB = Container(
    image="nginx:1",
    port=80,
    environment={"A": "1"},
    secrets={"B": "arn:aws:ssm:us-east-1:123456789012:parameter/b"},
    health=HealthCheck(("CMD-SHELL", "true")),
    log_group="/ecs/dev/web",
    log_region="us-east-1",
    log_prefix="web",
    stop_seconds=30,
)


def _crowded(world: World, want: TaskDefinition, live: Live[TaskDefinition]) -> None:
    client = world.session.client("ecs")
    for _ in range(PAGE):  # somebody else's, before ours in the list
        client.register_task_definition(
            family="another", containerDefinitions=[{"name": "a", "image": "a:1", "memory": 64}]
        )


SAMPLES = [
    Sample(
        LoadBalancer,
        lambda world: LoadBalancer(
            "reptidex-dev-alb",
            subnets=frozenset(world.subnets),
            security_groups=frozenset({world.group}),
            attributes={"deletion_protection.enabled": "false", "idle_timeout.timeout_seconds": "60"},
        ),
        [
            lambda b: replace(b, attributes={**b.attributes, "deletion_protection.enabled": "true"}),
            lambda b: replace(b, security_groups=frozenset()),
        ],
        beyond=lambda world, want, live: want.update(world.aws, live, frozenset({"subnets"})),
    ),
    Sample(
        TargetGroup,
        lambda world: TargetGroup(
            "reptidex-dev-web",
            world.vpc,
            80,
            health=TargetHealthCheck("/health"),
            attributes={"deregistration_delay.timeout_seconds": "30"},
        ),
        [
            lambda g: replace(g, health=TargetHealthCheck("/", "200-299", 20, 6, 3, 4)),
            lambda g: replace(g, attributes={"deregistration_delay.timeout_seconds": "60"}),
        ],
        beyond=_forwarded,
    ),
    Sample(
        Listener,
        lambda world: Listener(_balancer(world), 80, action=Redirect(), attributes={SERVER_HEADER: "true"}),
        [
            lambda one: replace(one, action=FixedResponse("404", "text/plain", "nothing")),
            lambda one: replace(one, attributes={SERVER_HEADER: "false"}),
        ],
        beside=(BALANCER,),
    ),
    Sample(
        HostRule,
        lambda world: HostRule(_listener(world), 10, frozenset({"a.example.com"}), _group(world)),
        [lambda r: replace(r, hosts=frozenset({"b.example.com"})), lambda r: replace(r, priority=20)],
        beside=(BALANCER,),
    ),
    Sample(Cluster, lambda world: CLUSTER, [lambda c: replace(c, insights="disabled")]),
    Sample(
        TaskDefinition,
        lambda world: TaskDefinition(
            "reptidex-dev-web", execution_role=world.role("ecs-tasks.amazonaws.com"), containers={"web": WEB}
        ),
        [
            lambda t: replace(t, cpu=512, memory=1024),
            lambda t: replace(t, architecture="X86_64"),
            lambda t: replace(t, containers={"web": replace(WEB, environment={"A": "2"}, command=("x",))}),
            lambda t: replace(t, containers={"web": WEB, "side": Container("b:1", essential=False)}),
        ],
        beside=(CLUSTER,),
        beyond=_crowded,
    ),
    Sample(
        Service,
        _service,
        [
            lambda s: replace(s, desired=2),
            lambda s: replace(s, minimum_percent=50, circuit_breaker=False, rollback=False),
            lambda s: replace(s, minimum_percent=0, maximum_percent=100),
            lambda s: replace(s, grace_seconds=90),
            lambda s: replace(s, execute_command=True),
            lambda s: replace(s, desired=0),
        ],
        beside=(CLUSTER,),
    ),
    Sample(
        ScalableTarget,
        lambda world: ScalableTarget(_scaled(world), 1, 4),
        [lambda t: replace(t, minimum=2, maximum=6)],
        beside=(CLUSTER,),
    ),
    Sample(
        ScalingPolicy,
        lambda world: ScalingPolicy(_target(world), "cpu"),
        [lambda p: replace(p, target=70.0, scale_in_seconds=100, scale_out_seconds=200)],
        beside=(CLUSTER,),
    ),
    Sample(
        ScheduledAction,
        lambda world: ScheduledAction(_target(world), "stop", "cron(0 20 ? * MON-FRI *)", "America/New_York"),
        [lambda a: replace(a, minimum=1, maximum=2), lambda a: replace(a, schedule="cron(0 21 ? * MON-FRI *)")],
        beside=(CLUSTER,),
    ),
]
