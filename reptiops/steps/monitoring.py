"""Phase 6, monitoring: who is told, about what, and one page to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reptiops.config import Alarm as AlarmSettings
from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.policy import Policy, allow
from reptiops.resources.budgets import Budget
from reptiops.resources.cloudwatch import Alarm, Dashboard, Json, Query
from reptiops.resources.ecs_tasks import TaskDefinition
from reptiops.resources.iam import Role
from reptiops.resources.logs import LogGroup
from reptiops.resources.scheduler import Schedule, ScheduleGroup
from reptiops.resources.sns import Subscription, Topic
from reptiops.steps import job
from reptiops.steps.access import Arns, assumed_by_tasks

ALB = "AWS/ApplicationELB"
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


class _Alarms:
    """The alarms of an environment: each a name, a threshold of the configuration, and a metric or a calculation."""

    def __init__(self, env: Environment, topic: Result):
        self._env, self._topic = env, topic
        self.made: dict[str, Alarm] = {}

    def add(
        self,
        name: str,
        settings: AlarmSettings,
        description: str,
        *,
        below: bool = False,
        metric: tuple[str, str, Mapping[str, str], str] | None = None,
        metrics: Mapping[str, Query] | None = None,
        told: bool | None = True,
    ) -> None:
        """`metric` is namespace, name, dimensions, statistic; `below`: it goes off under the threshold."""
        if not settings.enabled:
            return
        namespace, what, dimensions, statistic = metric or (None, None, {}, None)
        self.made[name] = Alarm(
            name=self._env.named(name),
            description=description,
            namespace=namespace,
            metric=what,
            dimensions=dict(dimensions),
            statistic=statistic,
            period=settings.period_seconds if metric else None,
            metrics=dict(metrics or {}),
            comparison="LessThanThreshold" if below else "GreaterThanThreshold",
            threshold=float(settings.threshold),
            periods=settings.periods,
            datapoints=settings.datapoints or settings.periods,
            missing=settings.missing,
            actions=frozenset({self._topic.id}),
            ok_actions=frozenset({self._topic.id}),
            actions_enabled=told,
        )


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
    alarms = _Alarms(env, alarm_topic)
    _balancer_alarms(env, alarms, load_balancer, target_group)
    _service_alarms(env, alarms, cluster, facts)
    _database_alarms(env, alarms, database)
    _redis_alarms(env, alarms, redis)
    _own_alarms(env, alarms)
    return alarms.made


def _own_alarms(env: Environment, alarms: _Alarms) -> None:
    """What scheduled runs of this tool count."""
    for one in job.counted(env):
        what: tuple[str, str, Mapping[str, str], str] = (env.metrics_namespace, one.metric, {}, one.statistic)
        alarms.add(one.name, one.settings, one.text, metric=what, below=one.below)


def _balancer_alarms(
    env: Environment, alarms: _Alarms, load_balancer: Result, target_group: Mapping[str, Result]
) -> None:
    wanted, balancer = env.monitoring.alarms, {"LoadBalancer": load_balancer.out("suffix")}
    for code, settings in (("5", wanted.alb_5xx_rate), ("4", wanted.alb_4xx_rate)):
        rate = _rate(balancer, f"{code}XX", settings.period_seconds)
        alarms.add(f"alb-{code}xx-rate", settings, f"Share of {code}xx answers, per cent", metrics=rate)
    slow = (ALB, "TargetResponseTime", balancer, "Average")
    alarms.add("alb-response-time", wanted.alb_response_time, "Average answer time, seconds", metric=slow)
    for name, group in target_group.items():
        dimensions = {**balancer, "TargetGroup": group.out("suffix")}
        sick = (ALB, "UnHealthyHostCount", dimensions, "Maximum")
        alarms.add(f"{name}-unhealthy-hosts", wanted.alb_unhealthy_hosts, f"Unhealthy tasks of {name}", metric=sick)


def _rate(balancer: Mapping[str, str], answers: str, period: int) -> dict[str, Query]:
    """Answers of a class per request, in per cent. A metric that AWS has no data for counts as 0, requests do not."""

    def counted(metric: str) -> Query:
        return Query(namespace=ALB, metric=metric, dimensions=balancer, statistic="Sum", period=period)

    return {
        "rate": Query("100*(FILL(target,0)+FILL(balancer,0))/requests", result=True),
        "target": counted(f"HTTPCode_Target_{answers}_Count"),
        "balancer": counted(f"HTTPCode_ELB_{answers}_Count"),
        "requests": counted("RequestCount"),
    }


def _service_alarms(env: Environment, alarms: _Alarms, cluster: Result, facts: Facts) -> None:
    wanted = env.monitoring.alarms
    for one in env.services:
        dimensions = {"ClusterName": cluster.id, "ServiceName": one.name}
        for short, metric, settings in (
            ("cpu", "CPUUtilization", wanted.ecs_cpu),
            ("memory", "MemoryUtilization", wanted.ecs_memory),
        ):
            used = ("AWS/ECS", metric, dimensions, "Average")
            alarms.add(f"{one.name}-{short}", settings, f"{metric} of {one.name}, per cent", metric=used)
        # Container Insights has no data while no task runs: an alarm for a service held at 0 would never be quiet.
        if env.compute.insights != "disabled" and one.name in facts.images:
            missing = _missing_tasks(dimensions, wanted.ecs_running_tasks.period_seconds)
            text = f"Tasks of {one.name} that should run and do not"
            name = running_tasks_alarm(one.name)
            # A service that office hours bring to 0 has no data then, and that is no alarm.
            settings = wanted.ecs_running_tasks
            if env.office_hours.covers(one.name):
                settings = settings.model_copy(update={"missing": "notBreaching"})
            alarms.add(name, settings, text, metrics=missing, told=None if one.name in facts.parked else True)


def running_tasks_alarm(service: str) -> str:
    """The short name of the alarm that tells of tasks which should run and do not."""
    return f"{service}-running-tasks"


def _missing_tasks(dimensions: Mapping[str, str], period: int) -> dict[str, Query]:
    def counted(metric: str) -> Query:
        return Query(
            namespace="ECS/ContainerInsights", metric=metric, dimensions=dimensions, statistic="Average", period=period
        )

    return {
        "missing": Query("desired-running", result=True),
        "desired": counted("DesiredTaskCount"),
        "running": counted("RunningTaskCount"),
    }


def _database_alarms(env: Environment, alarms: _Alarms, database: Result) -> None:
    wanted, dimensions = env.monitoring.alarms, {"DBInstanceIdentifier": database.id}
    for name, settings, metric, below in (
        ("cpu", wanted.rds_cpu, "CPUUtilization", False),
        ("connections", wanted.rds_connections, "DatabaseConnections", False),
        ("free-storage", wanted.rds_free_storage, "FreeStorageSpace", True),
        ("read-latency", wanted.rds_read_latency, "ReadLatency", False),
        ("write-latency", wanted.rds_write_latency, "WriteLatency", False),
    ):
        one = ("AWS/RDS", metric, dimensions, "Average")
        alarms.add(f"rds-{name}", settings, f"{metric} of the database", below=below, metric=one)


def _redis_nodes(env: Environment, redis: Result) -> list[str]:
    """The members of the replication group. As AWS has them: after a failover and a node fewer the numbers need not begin
    at 1. Those that are to come are taken to get the lowest free numbers, and those that are to go to be replicas.
    """
    known, wanted = redis.live.out if redis.live else {}, env.redis.nodes
    members, replicas = (sorted(filter(None, known.get(name, "").split(","))) for name in ("members", "replicas"))
    leaving = replicas[::-1][: max(len(members) - wanted, 0)]
    nodes = [name for name in members if name not in leaving]
    expected = (f"{redis.id}-{number:03d}" for number in range(1, 2 * wanted + 1))
    free = [name for name in expected if name not in nodes]
    return sorted([*nodes, *free[: max(wanted - len(nodes), 0)]])


def _redis_alarms(env: Environment, alarms: _Alarms, redis: Result) -> None:
    wanted = env.monitoring.alarms
    for number, node in enumerate(_redis_nodes(env, redis), 1):
        for name, settings, metric, statistic, below in (
            ("cpu", wanted.redis_cpu, "CPUUtilization", "Average", False),
            ("memory", wanted.redis_memory, "DatabaseMemoryUsagePercentage", "Average", False),
            ("hit-rate", wanted.redis_hit_rate, "CacheHitRate", "Average", True),
            ("network-in", wanted.redis_network_in, "NetworkBytesIn", "Sum", False),
            ("network-out", wanted.redis_network_out, "NetworkBytesOut", "Sum", False),
        ):
            one = ("AWS/ElastiCache", metric, {"CacheClusterId": node}, statistic)
            alarms.add(f"redis-{number:03d}-{name}", settings, f"{metric} of {node}", below=below, metric=one)


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
        (f"Redis: {metric}", [["AWS/ElastiCache", metric, "CacheClusterId", n] for n in _redis_nodes(env, redis)])
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
