"""Phase 6, monitoring: who is told, about what, and one page to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.policy import Policy, allow
from reptiops.resources.budgets import Budget
from reptiops.resources.cloudwatch import Alarm, Dashboard, Json
from reptiops.resources.ecs_tasks import TaskDefinition
from reptiops.resources.iam import Role
from reptiops.resources.logs import LogGroup
from reptiops.resources.scheduler import Schedule, ScheduleGroup
from reptiops.resources.sns import Subscription, Topic
from reptiops.steps import job
from reptiops.steps.access import Arns, assumed_by_tasks
from reptiops.steps.alarms import (
    ALB,
    Alarms,
    balancer_alarms,
    database_alarms,
    own_alarms,
    redis_alarms,
    redis_nodes,
    service_alarms,
)

OWNER_ACTIONS = (
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:Publish",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
)


@step()
def alarm_topic(env: Environment, facts: Facts) -> Topic:
    """Where alarms and budget publish. A policy replaces AWS's own, so the account keeps its place in it."""
    arn = f"arn:{facts.partition}:sns:{facts.region}:{facts.account}:{env.topic_name}"
    owner = {"AWS": f"arn:{facts.partition}:iam::{facts.account}:root"}
    ours = {"StringEquals": {"aws:SourceAccount": facts.account}}
    services = [
        allow(["sns:Publish"], [arn], principal={"Service": f"{name}.amazonaws.com"}, condition=ours)
        for name in ("budgets", "cloudwatch")
    ]
    return Topic(env.topic_name, Policy.make(allow(OWNER_ACTIONS, [arn], principal=owner), *services))


@step(outlives=("alarm_topic",))
def subscription(env: Environment, alarm_topic: Result) -> dict[str, Subscription]:
    """Who hears it; each has to confirm."""
    return {address: Subscription(alarm_topic.id, "email", address) for address in env.monitoring.emails}


@step(early=("alarm_topic", "load_balancer", "target_group", "cluster", "service", "database", "redis"))
def alarm(
    env: Environment,
    facts: Facts,
    alarm_topic: Result,
    load_balancer: Result,
    target_group: Mapping[str, Result],
    cluster: Result,
    service: Mapping[str, Result],
    database: Result,
    redis: Result,
) -> dict[str, Alarm]:
    """Everything that somebody should be woken for. ALB dimensions are the ends of ARNs, so they follow a replacement."""
    alarms = Alarms(env, alarm_topic)
    balancer_alarms(env, alarms, load_balancer, target_group)
    service_alarms(env, alarms, cluster, facts)
    database_alarms(env, alarms, database)
    redis_alarms(env, alarms, redis)
    own_alarms(env, alarms)
    return alarms.made


@step(early=("load_balancer", "target_group", "cluster", "database", "redis"))
def dashboard(
    env: Environment,
    facts: Facts,
    load_balancer: Result,
    target_group: Mapping[str, Result],
    cluster: Result,
    database: Result,
    redis: Result,
) -> Dashboard | None:
    """One page for the whole environment."""
    if not env.monitoring.dashboard:
        return None
    balancer = load_balancer.out("suffix")
    charts = list(_balancer_charts(balancer, target_group))
    charts += [
        (
            f"Services: {metric}",
            [["AWS/ECS", metric, "ClusterName", cluster.id, "ServiceName", s.name] for s in env.services],
        )
        for metric in ("CPUUtilization", "MemoryUtilization")
    ]
    charts += [
        (f"Database: {metric}", [["AWS/RDS", metric, "DBInstanceIdentifier", database.id]])
        for metric in ("CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "ReadLatency", "WriteLatency")
    ]
    charts += [
        (f"Redis: {metric}", [["AWS/ElastiCache", metric, "CacheClusterId", n] for n in redis_nodes(env, redis)])
        for metric in (
            "CPUUtilization",
            "DatabaseMemoryUsagePercentage",
            "CacheHitRate",
            "NetworkBytesIn",
            "NetworkBytesOut",
        )
    ]
    widgets = [_widget(index, title, metrics, facts.region) for index, (title, metrics) in enumerate(charts)]
    return Dashboard(env.prefix, Json(json.dumps({"widgets": widgets})))


def _balancer_charts(balancer: str, target_group: Mapping[str, Result]) -> Iterator[tuple[str, list[list[str]]]]:
    for metric in ("RequestCount", "TargetResponseTime", "HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count"):
        yield f"Load balancer: {metric}", [[ALB, metric, "LoadBalancer", balancer]]
    for metric in ("HealthyHostCount", "UnHealthyHostCount"):
        lines = [
            [ALB, metric, "LoadBalancer", balancer, "TargetGroup", group.out("suffix")]
            for group in target_group.values()
        ]
        yield f"Load balancer: {metric}", lines


def _widget(index: int, title: str, metrics: list[list[str]], region: str) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": 8 * (index % 3),
        "y": 6 * (index // 3),
        "width": 8,
        "height": 6,
        "properties": {"title": title, "metrics": metrics, "region": region, "period": 300, "view": "timeSeries"},
    }


@step()
def budget(env: Environment, facts: Facts, alarm_topic: Result) -> Budget | None:
    """What the month may cost; it counts what carries the environment's tag."""
    wanted = env.monitoring.budget
    amount = facts.estimate if wanted.amount == "estimate" else wanted.amount
    if not wanted.enabled or amount is None:
        return None
    told = frozenset({f"SNS|{alarm_topic.id}", *(f"EMAIL|{address}" for address in env.monitoring.emails)})
    return Budget(
        name=env.budget_name,
        amount=round(float(amount), 2),
        cost_tag=f"user:Environment${env.name}",
        notifications={str(threshold): told for threshold in wanted.thresholds},
    )


# --- the scheduled job of the tool itself ---------------------------------------------------------------------------


@step()
def job_log_group(env: Environment) -> LogGroup | None:
    """Where the job writes."""
    return LogGroup(env.log_group(job.NAME), env.compute.log_retention_days) if env.schedule.enabled else None


@step()
def job_execution_role(env: Environment, facts: Facts) -> Role | None:
    """What ECS itself uses to start the job."""
    if not env.schedule.enabled:
        return None
    trust = assumed_by_tasks(Arns(env, facts))
    return Role(env.named("job-execution"), trust, job.may_start(env, facts), description="ECS starts the job with it")


@step()
def job_role(env: Environment, facts: Facts) -> Role | None:
    """What the job may do."""
    if not env.schedule.enabled:
        return None
    trust = assumed_by_tasks(Arns(env, facts))
    return Role(env.named("job"), trust, job.may_do(facts), description="The scheduled job runs with it")


@step()
def job_definition(
    env: Environment,
    facts: Facts,
    job_log_group: Result | None,
    job_execution_role: Result | None,
    job_role: Result | None,
) -> TaskDefinition | None:
    """The task that runs the tool. Its image is the configuration's: no pipeline deploys it."""
    if job_log_group is None or job_execution_role is None or job_role is None:
        return None
    return TaskDefinition(
        family=env.task_family(job.NAME),
        cpu=env.schedule.cpu,
        memory=env.schedule.memory,
        architecture=env.compute.architecture,
        execution_role=job_execution_role.out("arn"),
        task_role=job_role.out("arn"),
        containers=job.container(env, facts, job_log_group.id),
    )


@step()
def schedule_group(env: Environment) -> ScheduleGroup | None:
    """The environment's schedules."""
    return ScheduleGroup(env.prefix) if env.schedule.enabled else None


@step()
def schedule_role(env: Environment, facts: Facts) -> Role | None:
    """What the schedule starts the task with."""
    if not env.schedule.enabled:
        return None
    trust = job.assumed_by_schedules(env, facts)
    return Role(
        env.named("schedule"), trust, job.may_run(env, facts), description="The schedule starts the job with it"
    )


@step(after=("private_route_table", "security_group_rule"))
def schedule(
    env: Environment,
    cluster: Result,
    private_subnet: Mapping[str, Result],
    security_group: Mapping[str, Result],
    job_definition: Result | None,
    schedule_group: Result | None,
    schedule_role: Result | None,
) -> Schedule | None:
    """When the job runs. A start that AWS refused is tried for one interval: the next run is on its way."""
    if job_definition is None or schedule_group is None or schedule_role is None:
        return None
    return Schedule(
        group=schedule_group.id,
        name=env.schedule.playbook,
        expression=env.schedule.expression,
        role=schedule_role.out("arn"),
        cluster=cluster.out("arn"),
        task_definition=job_definition.id,
        subnets=frozenset(subnet.id for subnet in private_subnet.values()),
        security_groups=frozenset({security_group["ecs"].id}),
        attempts=2,
        age_seconds=max(60, min(86400, env.schedule.every_seconds)),
    )
