"""Application Auto Scaling of ECS services: targets, target tracking, scheduled actions. Register and Put are upserts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed, lent, local
from reptiops.engine.scope import Scope
from reptiops.resources.ecs import Cluster
from reptiops.rights import TAGGED, Condition, Right, arn_of, create, delete, read, write

COUNT = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
BUSY = frozenset({"ConcurrentUpdateException", "FailedResourceAccessException"})
THERE = "tried to tag already exists"
"""In AWS's answer to a registration with tags of what is registered already."""


TARGETS = (arn_of("application-autoscaling", "scalable-target/*"),)
ALARMS = (arn_of("cloudwatch", "alarm:TargetTracking-{resource}-*"),)
"""AWS makes and removes them with a policy, but asks whether the caller may (Application Auto Scaling user guide,
identity-based policy examples).
"""
ON_ECS: Condition = {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}


def _ours(scope: Scope, resource: str) -> bool:
    """Whether a resource id is of our cluster. Deleting a service deregisters nothing, so the cluster need not be there;
    if it is, and is somebody else's, so is what scales in it.
    """
    theirs = {one.has.name for one in scope.live(Cluster)} - {one.has.name for one in scope.ours(Cluster)}
    clusters = {cluster.name for cluster in scope.wanted(Cluster)} - theirs
    return resource.rsplit("/", 1)[0] in {f"service/{name}" for name in clusters}


@dataclass(frozen=True)
class ScalableTarget(Resource):
    """The range in which a service's count may move. Registering moves the count into it at once.

    None for both: a schedule sets the range, and whatever it has set is right.
    """

    resource: str = fixed()
    minimum: int | None = lent(default=None)
    maximum: int | None = lent(default=None)
    first_minimum: int = local(default=0)
    first_maximum: int = local(default=0)

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "cost"
    without: ClassVar[Risk | None] = "availability"
    absent: ClassVar[frozenset[str]] = frozenset({"ObjectNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = BUSY | {"ResourceNotFoundException"}
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("ValidationException", "ECS service doesn't exist"),
        ("ValidationException", "Unable to assume IAM role"),
    )
    taggable: ClassVar[bool] = False
    limit: ClassVar[float] = 300
    listed_late: ClassVar[float] = 300
    rights: ClassVar[tuple[Right, ...]] = (
        read("application-autoscaling:DescribeScalableTargets"),
        *write("application-autoscaling:RegisterScalableTarget", on=TARGETS, when=ON_ECS),
        create("application-autoscaling:TagResource", on=TARGETS, when=TAGGED),
        delete("application-autoscaling:DeregisterScalableTarget", on=TARGETS, when=ON_ECS),
        delete("cloudwatch:DeleteAlarms", on=ALARMS),
    )

    def key(self) -> str:
        """`service/<cluster>/<service>`."""
        return self.resource

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called after what it scales."""
        return {"id": self.resource}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of ECS in pages; those of our cluster."""
        for one in aws.application_autoscaling.pages(
            "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
        ):
            if _ours(scope, one["ResourceId"]):
                has = cls(one["ResourceId"], one["MinCapacity"], one["MaxCapacity"])
                out = {"arn": one["ScalableTargetARN"]}
                yield Live(one["ResourceId"], has, out=out, created=one.get("CreationTime"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Tags are taken with a new one only. One that the list does not show yet, or whose answer was lost, is there: it
        is registered again without them, and tagged.
        """
        ends = {
            "MinCapacity": self.first_minimum if self.minimum is None else self.minimum,
            "MaxCapacity": self.first_maximum if self.maximum is None else self.maximum,
        }
        scaling, tags = aws.application_autoscaling, dict(identity.tags)
        try:
            answer = scaling.register_scalable_target(**COUNT, ResourceId=self.resource, **ends, Tags=tags)
        except ClientError as error:
            if code(error) != "ValidationException" or THERE not in message(error):
                raise
            answer = scaling.register_scalable_target(**COUNT, ResourceId=self.resource, **ends)
            scaling.tag_resource(ResourceARN=answer["ScalableTargetARN"], Tags=tags)
        return Made(self.resource, {"arn": answer["ScalableTargetARN"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Both ends."""
        aws.application_autoscaling.register_scalable_target(
            **COUNT, ResourceId=self.resource, MinCapacity=self.minimum, MaxCapacity=self.maximum
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Its policies and scheduled actions go with it."""
        aws.application_autoscaling.deregister_scalable_target(**COUNT, ResourceId=live.id)


@dataclass(frozen=True)
class OfTarget(Resource):
    """What hangs on a target and has a name of its own there. One call makes it and changes it."""

    resource: str = fixed()
    name: str = fixed()

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "cost"
    without: ClassVar[Risk | None] = "availability"
    absent: ClassVar[frozenset[str]] = frozenset({"ObjectNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = BUSY | {"ObjectNotFoundException"}
    taggable: ClassVar[bool] = False
    limit: ClassVar[float] = 300

    def key(self) -> str:
        """A name within a target."""
        return f"{self.resource}/{self.name}"

    def create(self, aws: Aws, identity: Identity) -> Made:
        """An upsert."""
        self._put(aws)
        return Made(self.key())

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """The same upsert; PutScheduledAction drops what is not sent, so all is sent."""
        self._put(aws)

    def _put(self, aws: Aws) -> None:
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class ScalingPolicy(OfTarget):
    """Target tracking: AWS adds tasks until the metric is below the target. Its alarms are AWS's own."""

    metric: str = "ECSServiceAverageCPUUtilization"
    target: float = 65.0
    scale_in_seconds: int = 300
    scale_out_seconds: int = 60

    rights: ClassVar[tuple[Right, ...]] = (
        read("application-autoscaling:DescribeScalingPolicies"),
        *write("application-autoscaling:PutScalingPolicy", on=TARGETS, when=ON_ECS),
        *write("cloudwatch:DescribeAlarms"),
        *write("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", on=ALARMS),
        delete("application-autoscaling:DeleteScalingPolicy", on=TARGETS, when=ON_ECS),
        delete("cloudwatch:DeleteAlarms", on=ALARMS),
    )

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of ECS in pages; those of our cluster, also what nobody declared."""
        for one in aws.application_autoscaling.pages(
            "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"
        ):
            if not _ours(scope, one["ResourceId"]):
                continue
            tracking = one.get("TargetTrackingScalingPolicyConfiguration", {})
            has = cls(
                resource=one["ResourceId"],
                name=one["PolicyName"],
                metric=tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", one["PolicyType"]),
                target=float(tracking.get("TargetValue", 0)),
                scale_in_seconds=tracking.get("ScaleInCooldown", 300),
                scale_out_seconds=tracking.get("ScaleOutCooldown", 300),
            )
            yield Live(f"{one['ResourceId']}/{one['PolicyName']}", has, created=one.get("CreationTime"))

    def _put(self, aws: Aws) -> None:
        aws.application_autoscaling.put_scaling_policy(
            **COUNT,
            ResourceId=self.resource,
            PolicyName=self.name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": self.metric},
                "TargetValue": self.target,
                "ScaleInCooldown": self.scale_in_seconds,
                "ScaleOutCooldown": self.scale_out_seconds,
            },
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """With its two alarms."""
        aws.application_autoscaling.delete_scaling_policy(
            **COUNT, ResourceId=live.has.resource, PolicyName=live.has.name
        )


@dataclass(frozen=True)
class ScheduledAction(OfTarget):
    """Sets the range at a time. To come back from 0 the action has to name both ends."""

    schedule: str = ""
    timezone: str = "UTC"
    minimum: int = 0
    maximum: int = 0

    rights: ClassVar[tuple[Right, ...]] = (
        read("application-autoscaling:DescribeScheduledActions"),
        *write("application-autoscaling:PutScheduledAction", on=TARGETS, when=ON_ECS),
        delete("application-autoscaling:DeleteScheduledAction", on=TARGETS, when=ON_ECS),
    )

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of ECS in pages; those of our cluster."""
        for one in aws.application_autoscaling.pages(
            "describe_scheduled_actions", "ScheduledActions", ServiceNamespace="ecs"
        ):
            if _ours(scope, one["ResourceId"]):
                action = one.get("ScalableTargetAction", {})
                has = cls(
                    resource=one["ResourceId"],
                    name=one["ScheduledActionName"],
                    schedule=one["Schedule"],
                    timezone=one.get("Timezone", "UTC"),
                    minimum=action.get("MinCapacity", -1),
                    maximum=action.get("MaxCapacity", -1),
                )
                yield Live(f"{one['ResourceId']}/{one['ScheduledActionName']}", has, created=one.get("CreationTime"))

    def _put(self, aws: Aws) -> None:
        aws.application_autoscaling.put_scheduled_action(
            **COUNT,
            ResourceId=self.resource,
            ScheduledActionName=self.name,
            Schedule=self.schedule,
            Timezone=self.timezone,
            ScalableTargetAction={"MinCapacity": self.minimum, "MaxCapacity": self.maximum},
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        aws.application_autoscaling.delete_scheduled_action(
            **COUNT, ResourceId=live.has.resource, ScheduledActionName=live.has.name
        )
