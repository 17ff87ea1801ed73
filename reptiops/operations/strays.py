"""What carries the environment's tags and is of no kind that reptiops makes: an instance, a function, a second cluster.

The tagging API is the only read over all of AWS's services. It lags by minutes and goes on showing some things after
their end (aws-facts 1.3), so it is a reason to tell somebody, never one to delete.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reptiops.aws import Aws
from reptiops.rights import Right, read

RIGHTS: tuple[Right, ...] = (read("tag:GetResources"),)
PER_PAGE = 100
WATCHED = {
    "ec2": (
        "vpc",
        "subnet",
        "internet-gateway",
        "elastic-ip",
        "natgateway",
        "route-table",
        "security-group",
        "security-group-rule",
        "vpc-endpoint",
        "vpc-flow-log",
        "network-interface",
    ),
    "ecs": ("service", "task-definition", "task"),
    "rds": ("snapshot", "auto-backup"),
    "elasticache": ("snapshot",),
    "elasticloadbalancing": ("listener", "listener-rule"),
}
"""Types that their kinds read whole, that AWS makes with our tags (backups, interfaces), and that it shows after their end."""

NODE = re.compile(r"(:elasticache:.*):cluster:(.+)-\d{3}$")
"""A node, with the name of its group: one that is new, or has gone a moment ago, is not among its group's members."""
IN_ARNS = {"elbv2": "elasticloadbalancing", "autoscaling": "application-autoscaling"}
"""What ARNs call a service that has another name in kinds."""


@dataclass(frozen=True)
class Stray:
    """One resource by its ARN, with the address that its tags claim."""

    arn: str
    address: str


@dataclass(frozen=True)
class Known:
    """What has been read or removed. One that tells its ARN is known by that only: a database and a cluster, an alarm and a
    dashboard may have one name.
    """

    arns: frozenset[str]
    """Without the partition."""
    ids: frozenset[tuple[str, str]]
    """Service and id of those that tell none, and of what is part of another thing."""

    @classmethod
    def of(cls, named: Iterable[tuple[str, Collection[str]]]) -> Known:
        """From kinds, each with the names of one thing: its id first, then its ARN if it tells one, then its parts."""
        arns, ids = set[str](), set[tuple[str, str]]()
        for kind, (first, *others) in named:
            told = {name for name in (first, *others) if name.startswith("arn:")}
            arns |= {_resource(name) for name in told}
            service = kind.split(".")[0].split("_")[0]
            bare = {*others, *(() if told else (first,))} - told
            ids |= {(IN_ARNS.get(service, service), name) for name in bare if name}
        return cls(frozenset(arns), frozenset(ids))

    def has(self, arn: str) -> bool:
        """Whether an ARN is one of these, or of a type that is not looked for."""
        service, resource = arn.split(":")[2], arn.split(":", 5)[5]
        if re.split("[:/]", resource)[0] in WATCHED.get(service, ()):
            return True
        whole = {_resource(arn), _resource(NODE.sub(r"\1:replicationgroup:\2", arn))}
        names = (resource, resource.rsplit("/", 1)[-1], resource.rsplit(":", 1)[-1])
        return bool(whole & self.arns) or any((service, name) in self.ids for name in names)


def strays(aws: Aws, tags: Mapping[str, str], address_tag: str, known: Known) -> tuple[Stray, ...]:
    """Everything with these tags that is not known."""
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    found = aws.resourcegroupstaggingapi.pages(
        "get_resources", "ResourceTagMappingList", TagFilters=filters, ResourcesPerPage=PER_PAGE
    )
    names = {one["ResourceARN"]: {t["Key"]: t["Value"] for t in one.get("Tags", [])} for one in found}
    return tuple(Stray(arn, own.get(address_tag, "")) for arn, own in sorted(names.items()) if not known.has(arn))


def _resource(arn: str) -> str:
    """An ARN from its service on; log groups' may end in a star."""
    return arn.split(":", 2)[2].removesuffix(":*")
