"""EventBridge Scheduler: a group, which carries the tags, and schedules that start Fargate tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, Status, fixed, follows
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.resources.ecs import same_family
from reptiops.resources.fargate import task_uses
from reptiops.rights import ROLES, TAGGED, Right, arn_of, create, delete, passed_to, read, update, write

GROUPS = (arn_of("scheduler", "schedule-group/{scheduler.ScheduleGroup.name}"),)
SCHEDULES = (arn_of("scheduler", "schedule/{scheduler.ScheduleGroup.name}/*"),)


@dataclass(frozen=True)
class ScheduleGroup(Resource):
    """A group of schedules. Deleting it deletes what is in it, and takes a while."""

    name: str = fixed()

    free: ClassVar[bool] = True
    typical_delete: ClassVar[float] = 10
    risk: ClassVar[Risk] = "cosmetic"
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"ConflictException"})
    rights: ClassVar[tuple[Right, ...]] = (
        read("scheduler:ListScheduleGroups"),
        read("scheduler:ListTagsForResource", on=GROUPS),
        create("scheduler:CreateScheduleGroup", "scheduler:TagResource", on=GROUPS, when=TAGGED),
        delete("scheduler:DeleteScheduleGroup", on=GROUPS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.name, "arn": place.arn("scheduler", f"schedule-group/{self.name}")}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All groups by prefix in pages; tags cost a call each."""
        for one in aws.scheduler.pages("list_schedule_groups", "ScheduleGroups", NamePrefix=scope.names.prefix):
            answer = aws.scheduler.list_tags_for_resource(ResourceArn=one["Arn"])
            address = scope.address({t["Key"]: t["Value"] for t in answer.get("Tags", [])})
            status = Status("ready" if one["State"] == "ACTIVE" else "going", one["State"].lower())
            yield Live(one["Name"], cls(one["Name"]), address, status, {"arn": one["Arn"]}, one.get("CreationDate"))

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.scheduler.tag_resource(ResourceArn=live.out["arn"], Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """With the tags; the token makes a repetition answer the same group."""
        answer = aws.scheduler.create_schedule_group(
            Name=self.name, Tags=identity.tag_list(), ClientToken=identity.token
        )
        return Made(self.name, {"arn": answer["ScheduleGroupArn"]})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Asynchronous: DELETING first, and schedules in it may still fire."""
        if live.status.phase != "going":
            aws.scheduler.delete_schedule_group(Name=live.id)


@dataclass(frozen=True)
class Schedule(Resource):
    """A schedule that runs one Fargate task. AWS keeps no tags on it: it is known by its group and name."""

    group: str = fixed()
    name: str = fixed()
    expression: str = ""
    timezone: str = "UTC"
    enabled: bool = True
    role: str = ""
    cluster: str = ""
    task_definition: str = follows(same_family, default="")
    subnets: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    attempts: int = 0
    """How often a start that AWS refused is tried again."""
    age_seconds: int = 900
    """How long it is tried: at least 60."""

    risks: ClassVar[dict[str, Risk]] = {
        "role": "security",
        "task_definition": "security",
        "security_groups": "security",
    }
    taggable: ClassVar[bool] = False
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"ConflictException"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("ValidationException", "to assume the role"),)
    rights: ClassVar[tuple[Right, ...]] = (
        read("scheduler:ListSchedules"),
        read("scheduler:GetSchedule", on=SCHEDULES),
        create("scheduler:CreateSchedule", on=SCHEDULES),
        update("scheduler:UpdateSchedule", on=SCHEDULES),
        *write("iam:PassRole", on=ROLES, when=passed_to("scheduler")),
        delete("scheduler:DeleteSchedule", on=SCHEDULES),
    )

    def key(self) -> str:
        """Unique within the group."""
        return f"{self.group}/{self.name}"

    def billable(self, around: Around) -> Iterable[Use]:
        """Invocations are free in these numbers; each run is a task for a minute at least."""
        match = re.fullmatch(r"rate\((\d+) minutes?\)", self.expression)
        runs = HOURS * 60 / int(match[1]) if match and self.enabled else 0
        yield from task_uses(around.of(self.task_definition), runs / 60)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything in our groups; the list leaves the target out, so each is read."""
        for group in scope.ours(ScheduleGroup):
            if group.status.phase == "going":
                continue
            for one in aws.scheduler.pages("list_schedules", "Schedules", GroupName=group.id):
                yield cls._read(aws, group.id, one["Name"])

    @classmethod
    def _read(cls, aws: Aws, group: str, name: str) -> Live[Self]:
        one = aws.scheduler.get_schedule(GroupName=group, Name=name)
        target = one["Target"]
        task = target.get("EcsParameters", {})
        network = task.get("NetworkConfiguration", {}).get("awsvpcConfiguration", {})
        retry = target.get("RetryPolicy", {})
        has = cls(
            group=group,
            name=name,
            expression=one["ScheduleExpression"],
            timezone=one.get("ScheduleExpressionTimezone", "UTC"),
            enabled=one.get("State", "ENABLED") == "ENABLED",
            role=target["RoleArn"],
            cluster=target["Arn"],
            task_definition=task.get("TaskDefinitionArn", ""),
            subnets=frozenset(network.get("Subnets", [])),
            security_groups=frozenset(network.get("SecurityGroups", [])),
            attempts=retry.get("MaximumRetryAttempts", 185),
            age_seconds=retry.get("MaximumEventAgeInSeconds", 86400),
        )
        return Live(f"{group}/{name}", has, None, out={"arn": one["Arn"]}, created=one.get("CreationDate"))

    def _sent(self) -> dict[str, Any]:
        network = {"Subnets": sorted(self.subnets), "SecurityGroups": sorted(self.security_groups)}
        task = {
            "TaskDefinitionArn": self.task_definition,
            "TaskCount": 1,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {"awsvpcConfiguration": {**network, "AssignPublicIp": "DISABLED"}},
        }
        retry = {"MaximumRetryAttempts": self.attempts, "MaximumEventAgeInSeconds": self.age_seconds}
        return {
            "GroupName": self.group,
            "Name": self.name,
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.timezone,
            "State": "ENABLED" if self.enabled else "DISABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": self.cluster, "RoleArn": self.role, "EcsParameters": task, "RetryPolicy": retry},
        }

    def create(self, aws: Aws, identity: Identity) -> Made:
        """A role that has not spread yet is refused in words of the service's own (aws-facts 3.2)."""
        answer = aws.scheduler.create_schedule(**self._sent(), ClientToken=identity.token)
        return Made(self.key(), {"arn": answer["ScheduleArn"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Everything is sent: what is left out is reset."""
        aws.scheduler.update_schedule(**self._sent())

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        group, name = live.id.split("/")
        aws.scheduler.delete_schedule(GroupName=group, Name=name)
