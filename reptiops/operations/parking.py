"""Parking: services at 0 tasks, each with a tag on the cluster, so that nothing brings it back before the start.

A tag holds off our own runs. AWS's schedule asks nobody: its actions are suspended on the scalable target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from reptiops.aws import Aws
from reptiops.operations.facts import PARKED
from reptiops.resources.autoscaling import ScalableTarget
from reptiops.resources.cloudwatch import Alarm
from reptiops.resources.ecs import Cluster
from reptiops.resources.ecs_services import Service
from reptiops.rights import arn_of, update

_COUNT = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
_CLUSTER = (arn_of("ecs", "cluster/{cluster}"),)
RIGHTS = (
    update("application-autoscaling:DescribeScalableTargets"),
    update(
        "application-autoscaling:RegisterScalableTarget", on=(arn_of("application-autoscaling", "scalable-target/*"),)
    ),
    update(
        "cloudwatch:DisableAlarmActions",
        "cloudwatch:EnableAlarmActions",
        on=(arn_of("cloudwatch", "alarm:{prefix}-*"),),
    ),
    update("ecs:DescribeClusters", "ecs:TagResource", "ecs:UntagResource", on=_CLUSTER),
    update("ecs:UpdateService", on=(arn_of("ecs", "service/{cluster}/*"),)),
)


@dataclass(frozen=True)
class Move:
    """One call: of which resource it sets what, and the service that it stops or brings back, where it is one."""

    address: str
    kind: str
    verb: str
    fields: tuple[str, ...]
    call: Callable[[], Any]
    service: str = ""

    def make(self) -> None:
        """Call AWS."""
        self.call()


def park(aws: Aws, cluster: str, services: Iterable[str], alarms: Iterable[str]) -> Iterator[Move]:
    """Bring services to 0 and silence the alarms that would tell of it: the next call whenever it is asked for.

    The tags come first: a run that comes in between must not raise them again.
    """
    names, quiet = tuple(services), list(alarms)
    arn, tags = _arn(aws, cluster), [{"key": PARKED + name, "value": "yes"} for name in names]
    yield _marked(partial(aws.ecs.tag_resource, resourceArn=arn, tags=tags))
    yield _heard(partial(aws.cloudwatch.disable_alarm_actions, AlarmNames=quiet))
    targets = _targets(aws, cluster)
    for name in names:
        # Otherwise autoscaling lifts the count to its minimum again, or the schedule in the morning.
        if name in targets:
            bounds = (0, targets[name]["MaxCapacity"])
            yield _ranged(name, partial(_register, aws, targets[name], bounds, suspended=True))
        call = partial(aws.ecs.update_service, cluster=cluster, service=name, desiredCount=0)
        yield Move(f"compute/service/{name}", Service.kind(), "stop", ("desired",), call, name)


def unpark(
    aws: Aws, cluster: str, parked: Iterable[str], ranges: Mapping[str, tuple[int, int]], alarms: Iterable[str]
) -> Iterator[Move]:
    """Give the services of `ranges` back to autoscaling and the schedule, within these counts; let alarms be heard again.

    Registering a range moves the count into it at once. The next call whenever it is asked for; the count of a service
    without a scalable target is a provision's to bring back. The tags go last: a start that was broken off is repeated.
    """
    targets, names, quiet = _targets(aws, cluster), list(parked), list(alarms)
    for name in dict.fromkeys((*names, *ranges)):
        target = targets.get(name)
        if target is None:
            continue
        has = (target["MinCapacity"], target["MaxCapacity"])
        bounds = ranges.get(name, has)  # one without an image gets its schedule back, and no tasks that could not start
        moved = bounds != has
        if moved or _suspended(target)["ScheduledScalingSuspended"]:
            yield _ranged(name, partial(_register, aws, target, bounds, suspended=False), name if moved else "")
    if quiet:
        yield _heard(partial(aws.cloudwatch.enable_alarm_actions, AlarmNames=quiet))
    if names:
        arn, keys = _arn(aws, cluster), [PARKED + name for name in names]
        yield _marked(partial(aws.ecs.untag_resource, resourceArn=arn, tagKeys=keys))


def _marked(call: Callable[[], Any]) -> Move:
    return Move("compute/cluster", Cluster.kind(), "update", ("tags",), call)


def _heard(call: Callable[[], Any]) -> Move:
    return Move("monitoring/alarm", Alarm.kind(), "update", ("actions_enabled",), call)


def _ranged(name: str, call: Callable[[], Any], service: str = "") -> Move:
    fields = ("minimum", "schedule")
    verb = "start" if service else "update"
    return Move(f"compute/scalable_target/{name}", ScalableTarget.kind(), verb, fields, call, service)


def _targets(aws: Aws, cluster: str) -> dict[str, Mapping[str, Any]]:
    """Scalable targets by service."""
    start = f"service/{cluster}/"
    return {
        one["ResourceId"].removeprefix(start): one
        for one in aws.application_autoscaling.pages(
            "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
        )
        if one["ResourceId"].startswith(start)
    }


def _suspended(target: Mapping[str, Any]) -> dict[str, bool]:
    return {"ScheduledScalingSuspended": False, **(target.get("SuspendedState") or {})}


def _register(aws: Aws, target: Mapping[str, Any], bounds: tuple[int, int], *, suspended: bool) -> None:
    """What somebody suspended of dynamic scaling stays as it is."""
    aws.application_autoscaling.register_scalable_target(
        **_COUNT,
        ResourceId=target["ResourceId"],
        MinCapacity=bounds[0],
        MaxCapacity=bounds[1],
        SuspendedState={**_suspended(target), "ScheduledScalingSuspended": suspended},
    )


def _arn(aws: Aws, cluster: str) -> str:
    return str(aws.ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"])
