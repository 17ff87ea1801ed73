"""The scheduled job: what it runs as, and what it may do. Its steps are in `monitoring.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reptiops.config import Alarm, Environment
from reptiops.facts import Facts
from reptiops.policy import Policy, allow
from reptiops.resources.ecs_tasks import Container, PinnedContainer
from reptiops.shipped import TEXTS
from reptiops.steps.access import Arns

NAME = "reptiops"
DAY = 86400
SILENT = 3
"""So many intervals without a run are an alarm."""


@dataclass(frozen=True)
class Counted:
    """An alarm on what scheduled runs count."""

    name: str
    metric: str
    text: str
    settings: Alarm
    statistic: str = "Maximum"
    below: bool = False


def counted(env: Environment) -> Iterator[Counted]:
    """The alarms on what runs count. A period is never shorter than the interval, and between two runs nothing changes:
    otherwise an alarm would be called off after each run. CloudWatch's longest period is a day.
    """
    interval = min(DAY, -(-env.schedule.every_seconds // 60) * 60)
    given = env.monitoring.alarms.drift
    settings = given.model_copy(update={"period_seconds": max(given.period_seconds, interval)})
    yield Counted("drift", "DriftedResources", "Resources that differ from what was last applied", settings)
    yield Counted("reconcile-failed", "ReconcileFailed", "A scheduled reconcile failed or was braked", settings)
    yield Counted("run-failed", "RunFailed", "A scheduled run failed, or could not tell what it found", settings)
    if env.schedule.enabled and env.schedule.every_seconds <= DAY:
        beat = given.model_copy(
            update={"threshold": 1, "period_seconds": interval, "periods": SILENT, "missing": "breaching"}
        )
        text = f"The scheduled job has not run for {SILENT} intervals; also before its first run"
        yield Counted("job-silent", "ScheduledRuns", text, beat, "Sum", below=True)


def container(env: Environment, facts: Facts, log_group: str) -> dict[str, Container]:
    """The tool's image with the command of the job, and with it the configuration and the playbook: the image has none."""
    carried = facts.carried
    texts = {TEXTS["config"]: carried.configuration, TEXTS["playbooks"]: carried.playbook} if carried else {}
    return {
        NAME: PinnedContainer(
            image=env.schedule.image or "",
            command=("run", env.schedule.playbook, env.name, "--json"),
            environment=texts,
            secrets=dict(env.schedule.secrets),
            log_group=log_group,
            log_region=facts.region,
            log_prefix=NAME,
        )
    }


def may_start(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What ECS does before the job starts: pull the image, where ECR holds it, fetch its secrets, and open the log."""
    arns = Arns(env, facts)
    group = arns.of("logs", f"log-group:{env.log_group(NAME)}")
    statements = [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])]
    repository = _repository(env, facts)
    if repository:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        statements += [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(pull, [repository])]
    for action, service in (("secretsmanager:GetSecretValue", "secretsmanager"), ("ssm:GetParameters", "ssm")):
        arns_of = [_whole(arn) for arn in env.schedule.secrets.values() if arn.split(":")[2] == service]
        statements += [allow([action], sorted(set(arns_of)))] if arns_of else []
    return {"start": Policy.make(*statements)}


def _whole(arn: str) -> str:
    """The ARN of a secret without the key, stage and version of it that a container may name behind it."""
    return ":".join(arn.split(":")[:7])


def _repository(env: Environment, facts: Facts) -> str | None:
    """The ARN of the image's repository, if ECR holds it."""
    registry, _, path = (env.schedule.image or "").partition("/")
    parts = registry.split(".")
    if len(parts) < 6 or parts[1:3] != ["dkr", "ecr"]:
        return None
    name = path.split("@")[0].rsplit(":", 1)[0]
    return f"arn:{facts.partition}:ecr:{parts[3]}:{parts[0]}:repository/{name}"


def may_do(facts: Facts) -> dict[str, Policy]:
    """Look at everything; write the state, the metrics and the message; and nothing in the environment itself."""
    return {"look": Policy.of(facts.carried.looks)} if facts.carried else {}


def may_run(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What the schedule does: start that task in that cluster, with its two roles."""
    arns = Arns(env, facts)
    cluster = {"ArnEquals": {"ecs:cluster": arns.of("ecs", f"cluster/{env.cluster_name}")}}
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    family = arns.of("ecs", f"task-definition/{env.task_family(NAME)}:*")
    return {
        "run": Policy.make(
            allow(["ecs:RunTask"], [family], condition=cluster),
            allow(["iam:PassRole"], [arns.role("job"), arns.role("job-execution")], condition=to_tasks),
        )
    }


def assumed_by_schedules(env: Environment, facts: Facts) -> Policy:
    """Trust: schedules of our group. A schedule's own ARN would never match (aws-facts 3.2)."""
    group = Arns(env, facts).of("scheduler", f"schedule-group/{env.prefix}")
    condition = {"StringEquals": {"aws:SourceAccount": facts.account, "aws:SourceArn": group}}
    return Policy.make(allow(["sts:AssumeRole"], principal={"Service": "scheduler.amazonaws.com"}, condition=condition))
