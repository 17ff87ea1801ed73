"""What carries the environment's tags and is of no kind that reptiops makes: an instance, a function, a second cluster.

The tagging API is the only read over all of AWS's services. It lags by minutes and goes on showing some things after
their end (aws-facts 1.3), so it is a reason to tell somebody, never one to delete.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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

NODE = re.compile(r":elasticache:.*:cluster:(.+)-\d{3}$")
"""The group of a node, which AWS names: one that is new, or has gone a moment ago, is not among its group's members."""


@dataclass(frozen=True)
class Stray:
    """One resource by its ARN, with the address that its tags claim."""

    arn: str
    address: str


def strays(aws: Aws, tags: Mapping[str, str], address_tag: str, known: Collection[str]) -> tuple[Stray, ...]:
    """Everything with these tags that is not `known`, by id or ARN."""
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    found = aws.resourcegroupstaggingapi.pages(
        "get_resources", "ResourceTagMappingList", TagFilters=filters, ResourcesPerPage=PER_PAGE
    )
    names = {one["ResourceARN"]: {t["Key"]: t["Value"] for t in one.get("Tags", [])} for one in found}
    return tuple(Stray(arn, own.get(address_tag, "")) for arn, own in sorted(names.items()) if not _known(arn, known))


def _known(arn: str, known: Collection[str]) -> bool:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if re.split("[:/]", resource)[0] in WATCHED.get(service, ()):
        return True
    names = (arn, resource, resource.rsplit("/", 1)[-1], resource.rsplit(":", 1)[-1], *NODE.findall(arn))
    return any(name in known for name in names)
