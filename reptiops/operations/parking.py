"""Parking: every service at 0 tasks, and a tag on the cluster so that nothing of ours brings them back before the start."""

from __future__ import annotations

from collections.abc import Iterable

from reptiops.aws import Aws
from reptiops.operations.facts import PARKED
from reptiops.rights import arn_of, update

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


def park(aws: Aws, cluster: str, services: Iterable[str], alarms: Iterable[str]) -> tuple[str, ...]:
    """Bring services to 0 and silence the alarms that would tell of it.

    The tag comes first: a run that comes in between must not raise them again.
    """
    arn = _arn(aws, cluster)
    aws.cloudwatch.disable_alarm_actions(AlarmNames=list(alarms))
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": PARKED, "value": "yes"}])
    scaled = {
        one["ResourceId"]: one
        for one in aws.application_autoscaling.pages(
            "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
        )
    }
    stopped = []
    for name in services:
        target = scaled.get(f"service/{cluster}/{name}")
        if target is not None:  # otherwise autoscaling lifts the count to its minimum again
            aws.application_autoscaling.register_scalable_target(
                ServiceNamespace="ecs",
                ScalableDimension="ecs:service:DesiredCount",
                ResourceId=target["ResourceId"],
                MinCapacity=0,
                MaxCapacity=target["MaxCapacity"],
            )
        aws.ecs.update_service(cluster=cluster, service=name, desiredCount=0)
        stopped.append(name)
    return tuple(stopped)


def unpark(aws: Aws, cluster: str, alarms: Iterable[str]) -> None:
    """Take the tag away and let the alarms be heard again; a provision then brings the services back."""
    aws.cloudwatch.enable_alarm_actions(AlarmNames=list(alarms))
    aws.ecs.untag_resource(resourceArn=_arn(aws, cluster), tagKeys=[PARKED])


def _arn(aws: Aws, cluster: str) -> str:
    return str(aws.ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"])
