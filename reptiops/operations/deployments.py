"""Why an ECS service does not come up: its events, why its tasks stopped, what the load balancer sees, its last words.

Reads only, and never the reason for another failure: what cannot be read is said in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from botocore.exceptions import BotoCoreError, ClientError

from reptiops.aws import Aws, code
from reptiops.redact import guessed, redacted
from reptiops.rights import arn_of, read

RIGHTS = (
    read("ecs:DescribeServices", on=(arn_of("ecs", "service/{cluster}/*"),)),
    read("ecs:DescribeTasks", on=(arn_of("ecs", "task/{cluster}/*"),)),
    read("ecs:ListTasks", when={"ArnEquals": {"ecs:cluster": arn_of("ecs", "cluster/{cluster}")}}),
    read("elasticloadbalancing:DescribeTargetHealth"),
    read("logs:DescribeLogStreams", on=(arn_of("logs", "log-group:{logs.LogGroup.name}:*"),)),
    read("logs:GetLogEvents", on=(arn_of("logs", "log-group:{logs.LogGroup.name}:log-stream:*"),)),
)
EVENTS = 5
TASKS = 5
LINES = 12
TARGETS = 10
LENGTH = 500
"""So much of a line is told: a container may log a whole document as one."""


@dataclass(frozen=True)
class Symptoms:
    """What AWS says of a service, a line each; the newest first, but for the log, which reads downwards."""

    service: str
    events: tuple[str, ...]
    stopped: tuple[str, ...]
    targets: tuple[str, ...]
    log: tuple[str, ...]


def symptoms(aws: Aws, cluster: str, service: str, target_group: str, log_group: str) -> Symptoms:
    """Everything that tells why a service does not come up."""
    return Symptoms(
        service,
        _told(lambda: _events(aws, cluster, service)),
        _told(lambda: _stopped(aws, cluster, service)),
        _told(lambda: _targets(aws, target_group)),
        _told(lambda: _log(aws, log_group)),
    )


def _told(reading: Callable[[], list[str]]) -> tuple[str, ...]:
    """Its lines, none too long, and nothing in them that must not be shown: they are kept in the journal."""
    try:
        return tuple(one if len(one) <= LENGTH else f"{one[:LENGTH]}…" for one in map(redacted, reading()))
    except (ClientError, BotoCoreError) as error:
        return (f"cannot be read: {code(error)}",)


def _events(aws: Aws, cluster: str, service: str) -> list[str]:
    """With their time: those of an earlier deployment stand beside those of this one."""
    answer = aws.ecs.describe_services(cluster=cluster, services=[service])
    found = []
    for event in (event for one in answer["services"] for event in one.get("events", [])[:EVENTS]):
        at = event.get("createdAt")
        moment = f"{at.astimezone(UTC):%H:%M:%SZ} " if at is not None else ""
        found.append(moment + event["message"].removeprefix(f"(service {service}) "))
    return found


def _stopped(aws: Aws, cluster: str, service: str) -> list[str]:
    """AWS shows stopped tasks for about an hour. Those that ended alike are told once."""
    arns = aws.ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"][:TASKS]
    if not arns:
        return []
    found: Counter[str] = Counter()
    for task in aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]:
        parts = [task.get("stoppedReason") or task.get("stopCode") or "stopped, no reason given"]
        for container in task.get("containers", []):
            ended = f"exit code {container['exitCode']}" if "exitCode" in container else ""
            why = ", ".join(part for part in (ended, container.get("reason", "")) if part)
            parts += [f"{container['name']}: {why}"] if why else []
        found["; ".join(parts)] += 1
    return [text if count == 1 else f"{count} tasks: {text}" for text, count in found.items()]


def _targets(aws: Aws, target_group: str) -> list[str]:
    if not target_group:
        return []
    found = []
    for one in aws.elbv2.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]:
        health = one.get("TargetHealth", {})
        why = " ".join(part for part in (health.get("Reason", ""), health.get("Description", "")) if part)
        found.append(f"{one['Target']['Id']}:{one['Target'].get('Port', '')} {health.get('State', '?')} {why}".strip())
    return found[:TARGETS] + ([f"and {len(found) - TARGETS} more"] if len(found) > TARGETS else [])


def _log(aws: Aws, log_group: str) -> list[str]:
    """The end of the newest stream; a task that never started has none."""
    streams = aws.logs.describe_log_streams(logGroupName=log_group, orderBy="LastEventTime", descending=True, limit=1)[
        "logStreams"
    ]
    found: list[str] = []
    for stream in streams:
        events = aws.logs.get_log_events(
            logGroupName=log_group, logStreamName=stream["logStreamName"], limit=LINES, startFromHead=False
        )["events"]
        found += [line for event in events for line in guessed(str(event["message"])).splitlines() if line.strip()]
    return found[-LINES:]
