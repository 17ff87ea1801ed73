"""The alarms of phase 6: what each looks at, and from where on it goes off. Their step is in `monitoring.py`."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Alarm as AlarmSettings
from reptiops.config import Environment
from reptiops.engine.graph import Result
from reptiops.facts import Facts
from reptiops.resources.cloudwatch import Alarm, Query
from reptiops.steps import job

ALB = "AWS/ApplicationELB"


class Alarms:
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


def balancer_alarms(
    env: Environment, alarms: Alarms, load_balancer: Result, target_group: Mapping[str, Result]
) -> None:
    """Failing requests, slow answers, and tasks that the load balancer finds unhealthy."""
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


def service_alarms(env: Environment, alarms: Alarms, cluster: Result, facts: Facts) -> None:
    """Busy services, and tasks that should run and do not."""
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


def database_alarms(env: Environment, alarms: Alarms, database: Result) -> None:
    """A busy, full or slow database."""
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


def redis_nodes(env: Environment, redis: Result) -> list[str]:
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


def redis_alarms(env: Environment, alarms: Alarms, redis: Result) -> None:
    """Each node of Redis: busy, full, missed too often, or with much traffic."""
    wanted = env.monitoring.alarms
    for number, node in enumerate(redis_nodes(env, redis), 1):
        for name, settings, metric, statistic, below in (
            ("cpu", wanted.redis_cpu, "CPUUtilization", "Average", False),
            ("memory", wanted.redis_memory, "DatabaseMemoryUsagePercentage", "Average", False),
            ("hit-rate", wanted.redis_hit_rate, "CacheHitRate", "Average", True),
            ("network-in", wanted.redis_network_in, "NetworkBytesIn", "Sum", False),
            ("network-out", wanted.redis_network_out, "NetworkBytesOut", "Sum", False),
        ):
            one = ("AWS/ElastiCache", metric, {"CacheClusterId": node}, statistic)
            alarms.add(f"redis-{number:03d}-{name}", settings, f"{metric} of {node}", below=below, metric=one)


def own_alarms(env: Environment, alarms: Alarms) -> None:
    """What scheduled runs of this tool count."""
    for one in job.counted(env):
        what: tuple[str, str, Mapping[str, str], str] = (env.metrics_namespace, one.metric, {}, one.statistic)
        alarms.add(one.name, one.settings, one.text, metric=what, below=one.below)
