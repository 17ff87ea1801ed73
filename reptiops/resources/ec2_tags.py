"""What the kinds of EC2 share: tags, one call for every kind, the rights that tagging takes, failures inside an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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


@dataclass(frozen=True)
class Ec2Resource(Resource):
    """What all kinds of EC2 share."""

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """CreateTags adds and overwrites; other tags stay."""
        aws.ec2.create_tags(Resources=[live.id], Tags=identity.tag_list())


@dataclass(frozen=True)
class TaggedResource(Ec2Resource):
    """A kind of which only tags tell whose one is. It says how AWS lists it, and what an answer says of one."""

    listing: ClassVar[tuple[str, str, str, str]]
    """The read, its member, the member with the id, the filter for ids."""
    always: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """Filters of every read."""

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By tag."""
        yield from cls._read(aws, scope, scope.ec2_filters())

    @classmethod
    def strangers(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region that nobody has claimed."""
        yield from cls._read(aws, scope, [], strange=True)

    @classmethod
    def _read(
        cls, aws: Aws, scope: Scope, filters: list[dict[str, Any]], strange: bool = False
    ) -> Iterable[Live[Self]]:
        for one in cls._listed(scope, filters):
            tags = tags_of(one)
            if not strange or scope.unclaimed(tags):
                yield cls._live(aws, one, tags, scope.address(tags))

    @classmethod
    def _listed(cls, scope: Scope, filters: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
        """What the filters find, and what the state records though our tags' filter does not show it.

        Tag filters lag behind (aws-facts 1.3), so a recorded id is asked for by itself before it counts as gone.
        """
        method, member, name, by = cls.listing
        found = list(scope.aws.ec2.pages(method, member, Filters=[*filters, *cls.always]))
        missing = sorted(scope.recorded(cls).ids() - {one[name] for one in found}) if filters else []
        if missing:
            found += scope.aws.ec2.pages(method, member, Filters=[{"Name": by, "Values": missing}, *cls.always])
        return found

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        """What an answer says of one."""
        raise NotImplementedError(cls.__name__)
