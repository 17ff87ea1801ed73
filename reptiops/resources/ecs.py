"""ECS's cluster, and what its kinds share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources import held
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update

SERVICE_LINKED_ROLE = (("InvalidParameterException", "service linked role"),)
"""In a new account the first calls come before ECS's own role has spread (aws-facts 3.1)."""


def lower_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """ECS's tag list as a mapping."""
    return {t["key"]: t.get("value", "") for t in tags}


INSIGHTS_METRICS = 10
"""Custom metrics that Container Insights keeps of a cluster or service, roughly: AWS does not publish the number."""
CLUSTERS = (arn_of("ecs", "cluster/{ecs.Cluster.name}"),)


@dataclass(frozen=True)
class Cluster(Resource):
    """A cluster. A deleted one stays visible as INACTIVE, and creating it again revives the name."""

    name: str = fixed()
    insights: str = "enabled"

    risk: ClassVar[Risk] = "cost"
    without: ClassVar[Risk | None] = "availability"
    absent: ClassVar[frozenset[str]] = frozenset({"ClusterNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset(
        {
            "ClusterContainsServicesException",
            "ClusterContainsTasksException",
            "ClusterContainsContainerInstancesException",
            "UpdateInProgressException",
        }
    )
    propagating: ClassVar[tuple[tuple[str, str], ...]] = SERVICE_LINKED_ROLE
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        read("ecs:DescribeClusters", on=CLUSTERS),
        create("ecs:CreateCluster", "ecs:TagResource", on=CLUSTERS, when=TAGGED),
        update("ecs:UpdateCluster", on=CLUSTERS),
        delete("ecs:DeleteCluster", on=CLUSTERS),
        delete("ecs:ListServices", "ecs:ListTasks"),
        delete("ecs:ListContainerInstances", on=CLUSTERS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """The cluster itself is free; what Container Insights measures of it is not."""
        if self.insights != "disabled":
            yield Use(f"insights.{self.insights}", INSIGHTS_METRICS)

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.name, "arn": place.arn("ecs", f"cluster/{self.name}")}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By name; settings and tags only come when asked for."""
        names = sorted({want.name for want in scope.wanted(cls)})
        if not names:
            return
        answer = aws.ecs.describe_clusters(clusters=names, include=["SETTINGS", "TAGS"])
        for one in answer["clusters"]:
            if one["status"] == "INACTIVE":
                continue
            settings = {s["name"]: s["value"] for s in one.get("settings", [])}
            has = cls(one["clusterName"], settings.get("containerInsights", "disabled"))
            status = Status("ready" if one["status"] == "ACTIVE" else "pending", one["status"].lower())
            address = scope.address(lower_tags(one.get("tags", [])))
            yield Live(one["clusterName"], has, address, status, {"arn": one["clusterArn"]})

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.ecs.tag_resource(resourceArn=live.out["arn"], tags=identity.tag_list("key", "value"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """An active cluster of that name would be answered unchanged: the plan has made sure that there is none."""
        settings = [{"name": "containerInsights", "value": self.insights}]
        tags = identity.tag_list("key", "value")
        answer = aws.ecs.create_cluster(clusterName=self.name, settings=settings, tags=tags)
        return Made(self.name, {"arn": answer["cluster"]["clusterArn"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only Container Insights."""
        settings = [{"name": "containerInsights", "value": self.insights}]
        aws.ecs.update_cluster(cluster=self.name, settings=settings)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while services, draining ones too, or tasks are in it."""
        aws.ecs.delete_cluster(cluster=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """What runs in it."""
        return held.running(aws, live.id)


def same_family(was: str, now: str) -> bool:
    """Whether two task definitions are revisions of one family."""
    return was.rpartition(":")[0] == now.rpartition(":")[0]
