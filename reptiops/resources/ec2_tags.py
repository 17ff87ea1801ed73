"""What the kinds of EC2 share: tags, one call for every kind, the rights that tagging takes, failures inside an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Live, Resource
from reptiops.engine.scope import Scope
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


def raise_unsuccessful(answer: Mapping[str, Any], operation: str) -> None:
    """Turn a failure that EC2 reports inside a 200 answer into the error it is."""
    for one in answer.get("Unsuccessful") or []:
        raise ClientError({"Error": one["Error"], "ResponseMetadata": answer.get("ResponseMetadata", {})}, operation)


def tagged(
    scope: Scope,
    kind: type[Resource],
    listing: tuple[str, str, str, str],
    filters: list[dict[str, Any]],
    *always: dict[str, Any],
) -> list[Mapping[str, Any]]:
    """What the filters find, and what the state records though our tags' filter does not show it.

    `listing`: the read, its member, the member with the id, the filter for ids; `always`: filters of both reads. Tag
    filters lag behind (aws-facts 1.3), so a recorded id is asked for by itself before it counts as gone.
    """
    method, member, name, by = listing
    found = list(scope.aws.ec2.pages(method, member, Filters=[*filters, *always]))
    missing = sorted(scope.recorded(kind).ids() - {one[name] for one in found}) if filters else []
    if missing:
        found += scope.aws.ec2.pages(method, member, Filters=[{"Name": by, "Values": missing}, *always])
    return found


@dataclass(frozen=True)
class Ec2Resource(Resource):
    """What all kinds of EC2 share."""

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """CreateTags adds and overwrites; other tags stay."""
        aws.ec2.create_tags(Resources=[live.id], Tags=identity.tag_list())
