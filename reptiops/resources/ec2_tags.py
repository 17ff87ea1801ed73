"""Tags of EC2, one call for every kind of resource, and the rights that tagging takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Live, Resource
from reptiops.rights import OURS, TAGGED, Condition, Right, arn_of, create

TAGS = "ec2:CreateTags"
WITH_CREATE: Condition = {**TAGGED, "Null": {"ec2:CreateAction": "false"}}
"""Tags given by the call that makes it; AWS asks for CreateTags as well."""


def at(*kinds: str) -> tuple[str, ...]:
    """ARNs of these types of EC2 resources."""
    return tuple(arn_of("ec2", f"{kind}/*") for kind in kinds)


def made(action: str, kind: str, *beside: str) -> tuple[Right, ...]:
    """What making one with our tags takes; `beside`: the types of our resources that the call names."""
    rights = (create(action, on=at(kind), when=TAGGED), create(TAGS, on=at(kind), when=WITH_CREATE))
    return (*rights, create(action, on=at(*beside), when=OURS)) if beside else rights


def tags_of(one: Mapping[str, Any]) -> dict[str, str]:
    """EC2's tag list as a mapping."""
    return {t["Key"]: t["Value"] for t in one.get("Tags", [])}


def managed(one: Mapping[str, Any]) -> bool:
    """Whether an AWS service made it and would make it again: GuardDuty puts a group and an endpoint into each VPC."""
    return any(key.startswith("GuardDutyManaged") for key in tags_of(one))


def named(identity: Identity, kind: str, name: str) -> list[dict[str, Any]]:
    """TagSpecifications: the identity's tags and the `Name` that the console shows."""
    return [{"ResourceType": kind, "Tags": [*identity.tag_list(), {"Key": "Name", "Value": name}]}]


def rename(aws: Aws, identifier: str, name: str) -> None:
    """Set the `Name` tag."""
    aws.ec2.create_tags(Resources=[identifier], Tags=[{"Key": "Name", "Value": name}])


@dataclass(frozen=True)
class Ec2Resource(Resource):
    """What all kinds of EC2 share."""

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """CreateTags adds and overwrites; other tags stay."""
        aws.ec2.create_tags(Resources=[live.id], Tags=identity.tag_list())
