"""What a replication group of ElastiCache needs beside it: a subnet group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, fixed
from reptiops.engine.scope import Scope
from reptiops.resources import held
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import BY_AWS, TAGGED, Right, arn_of, create, delete, read, update

GROUPS = (arn_of("elasticache", "subnetgroup:{elasticache.SubnetGroup.name}"),)
LOOKING = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeVpcs")
PLUGGING = ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface")
"""Changes of nodes depend on both, says the service authorization reference of ElastiCache; its service-linked role has the
second too, so it is asked of the caller at most on ElastiCache's own behalf.
"""
PLUGS = tuple(arn_of("ec2", f"{one}/*") for one in ("network-interface", "security-group", "subnet"))


def listed_tags(aws: Aws, arn: str) -> dict[str, str]:
    """The tags of one thing, by a call of its own."""
    return {t["Key"]: t["Value"] for t in aws.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"]}


@dataclass(frozen=True)
class CacheResource(Resource):
    """What the kinds of ElastiCache share."""

    of_service: ClassVar[str] = "elasticache"

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN; other tags stay."""
        aws.elasticache.add_tags_to_resource(ResourceName=live.out["arn"], Tags=identity.tag_list())


ROLE_SPREADS = (
    ("ServiceLinkedRoleNotFoundFault", ""),
    ("InvalidParameterValue", "service linked role"),
)
"""What ElastiCache says in a new account while its service-linked role, made a moment ago, is not known everywhere."""


@dataclass(frozen=True)
class SubnetGroup(CacheResource):
    """Where the nodes may live."""

    name: str = fixed()
    description: str = ""
    subnets: frozenset[str] = frozenset()

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"CacheSubnetGroupNotFoundFault"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"CacheSubnetGroupInUse", "InvalidSubnet"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = ROLE_SPREADS
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("elasticache:DescribeCacheSubnetGroups", on=(arn_of("elasticache", "subnetgroup:*"),)),
        read("elasticache:ListTagsForResource", on=GROUPS),
        create("elasticache:CreateCacheSubnetGroup", "elasticache:AddTagsToResource", on=GROUPS, when=TAGGED),
        update("elasticache:ModifyCacheSubnetGroup", on=GROUPS),
        delete("elasticache:DeleteCacheSubnetGroup", on=GROUPS),
        delete("elasticache:DescribeCacheClusters", on=(arn_of("elasticache", "cluster:*"),)),
        delete(*LOOKING),
        delete(*PLUGGING, on=PLUGS, when=BY_AWS),
    )

    def key(self) -> str:
        """Names are kept in lower case."""
        return self.name.lower()

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.key()}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region in pages; those with a wanted name."""
        wanted = {want.key() for want in scope.wanted(cls)}
        groups = {
            one["ARN"]: one
            for one in aws.elasticache.pages("describe_cache_subnet_groups", "CacheSubnetGroups")
            if one["CacheSubnetGroupName"] in wanted
        }
        names = {arn: one["CacheSubnetGroupName"] for arn, one in groups.items()}
        tags = tags_of(scope, cls, names, singly(lambda arn: listed_tags(aws, arn)), wanted)
        for arn, one in groups.items():
            has = cls(
                names[arn], one["CacheSubnetGroupDescription"], frozenset(s["SubnetIdentifier"] for s in one["Subnets"])
            )
            yield Live(names[arn], has, scope.address(tags.get(arn, {})), out={"arn": arn})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Found again by name and tag."""
        answer = aws.elasticache.create_cache_subnet_group(
            CacheSubnetGroupName=self.name,
            CacheSubnetGroupDescription=self.description,
            SubnetIds=sorted(self.subnets),
            Tags=identity.tag_list(),
        )
        return Made(self.key(), {"arn": answer["CacheSubnetGroup"]["ARN"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Description and subnets."""
        aws.elasticache.modify_cache_subnet_group(
            CacheSubnetGroupName=self.name,
            CacheSubnetGroupDescription=self.description,
            SubnetIds=sorted(self.subnets),
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused for minutes after its last group has gone."""
        aws.elasticache.delete_cache_subnet_group(CacheSubnetGroupName=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The caches in it."""
        return held.clusters(aws, live.id)
