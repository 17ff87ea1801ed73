"""Samples of monitoring's kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.policy import Policy, allow
from reptiops.resources.budgets import Budget
from reptiops.resources.cloudwatch import Alarm, Dashboard, Json, Query
from reptiops.resources.scheduler import Schedule, ScheduleGroup
from reptiops.resources.sns import Subscription, Topic
from tests.samples import Sample, World

ARN = "arn:aws:sns:us-east-1:123456789012:reptidex-dev-alarms"
TOPIC = Topic("reptidex-dev-alarms", Policy.make(allow(["sns:Publish"], [ARN], principal={"AWS": "123456789012"})))
TOLD = frozenset({f"SNS|{ARN}", "EMAIL|a@example.com"})
MATH = {
    "rate": Query("100*a/b", result=True),
    "a": Query(namespace="N", metric="A", dimensions={"D": "1"}, statistic="Sum", period=60),
    "b": Query(namespace="N", metric="B", statistic="Sum", period=60),
}
BODY = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": "one"}}


def _topic(world: World) -> str:
    answer: dict[str, Any] = world.session.client("sns").create_topic(
        Name=TOPIC.name, Tags=world.identity("monitoring/alarm_topic").tag_list()
    )
    return str(answer["TopicArn"])


GROUP = ScheduleGroup("reptidex-dev")
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/dev-reptidex-cluster"
TASK = "arn:aws:ecs:us-east-1:123456789012:task-definition/reptidex-dev-reptiops:1"


def _group(world: World) -> str:
    tags = world.identity("monitoring/schedule_group").tag_list()
    world.session.client("scheduler").create_schedule_group(Name="reptidex-dev", Tags=tags)
    return "reptidex-dev"


SAMPLES = [
    Sample(ScheduleGroup, lambda world: GROUP),
    Sample(
        Schedule,
        lambda world: Schedule(
            group=_group(world),
            name="drift",
            expression="rate(15 minutes)",
            role=world.role("scheduler.amazonaws.com"),
            cluster=CLUSTER,
            task_definition=TASK,
            subnets=frozenset(world.subnets),
            security_groups=frozenset({world.group}),
            attempts=2,
        ),
        [
            lambda s: replace(s, expression="rate(1 hour)", age_seconds=3600),
            lambda s: replace(s, enabled=False, attempts=0),
            lambda s: replace(s, timezone="America/New_York", subnets=frozenset({"subnet-1"})),
        ],
        beside=(GROUP,),
    ),
    Sample(
        Topic,
        lambda world: TOPIC,
        [
            lambda t: replace(
                t, policy=Policy.make(allow(["sns:Publish"], [ARN], principal={"Service": "x.amazonaws.com"}))
            )
        ],
    ),
    Sample(
        Subscription,
        lambda world: Subscription(_topic(world), "sqs", "arn:aws:sqs:us-east-1:123456789012:q"),
        beside=(TOPIC,),
    ),
    Sample(
        Alarm,
        lambda world: Alarm("reptidex-dev-one", "one", "N", "M", {"D": "1"}, "Average", 60, threshold=5),
        [
            lambda a: replace(a, description="two", threshold=7.5),
            lambda a: replace(a, comparison="LessThanThreshold", periods=3, datapoints=2, missing="breaching"),
            lambda a: replace(a, actions=frozenset({ARN}), ok_actions=frozenset({ARN})),
            lambda a: replace(a, actions_enabled=False),
            lambda a: replace(a, namespace=None, metric=None, dimensions={}, statistic=None, period=None, metrics=MATH),
        ],
    ),
    Sample(
        Dashboard,
        lambda world: Dashboard("reptidex-dev", Json('{"widgets": []}')),
        [lambda d: replace(d, body=Json('{"widgets": [' + str(BODY).replace("'", '"') + "]}"))],
    ),
    Sample(
        Budget,
        lambda world: Budget("reptidex-dev-monthly", 150.0, "user:Environment$dev", {"80": TOLD, "100": TOLD}),
        [
            lambda b: replace(b, amount=384.0),
            lambda b: replace(b, cost_tag="user:Environment$prod"),
            lambda b: replace(b, notifications={"80": frozenset({f"SNS|{ARN}"}), "90": TOLD}),
            lambda b: replace(b, notifications={"80": TOLD}),
        ],
    ),
]
