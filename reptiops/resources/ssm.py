"""Parameters: where tasks learn the endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, fixed
from reptiops.engine.scope import Scope
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update

PARAMETERS = (arn_of("ssm", "parameter{name}"),)


@dataclass(frozen=True)
class Parameter(Resource):
    """A plain parameter. A name that was deleted rests 30 seconds before it can be used again."""

    name: str = fixed()
    value: str = ""

    forgotten: ClassVar[str] = "its earlier values are lost"
    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"ParameterNotFound", "InvalidResourceId"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"TooManyUpdates", "ParameterAlreadyExists"})
    limit: ClassVar[float] = 180
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("ssm:GetParametersByPath", "ssm:ListTagsForResource", on=PARAMETERS),
        create("ssm:PutParameter", "ssm:AddTagsToResource", on=PARAMETERS, when=TAGGED),
        update("ssm:PutParameter", on=PARAMETERS),
        delete("ssm:DeleteParameter", on=PARAMETERS),
    )

    def key(self) -> str:
        """Names are unique in a region, and case counts."""
        return self.name

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.name, "arn": place.arn("ssm", f"parameter/{self.name.lstrip('/')}")}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything under our path in pages."""
        path = f"/{scope.names.project}/{scope.names.environment}"
        wanted = {want.name for want in scope.wanted(cls)}
        found = {
            one["ARN"]: one for one in aws.ssm.pages("get_parameters_by_path", "Parameters", Path=path, Recursive=True)
        }
        names = {arn: one["Name"] for arn, one in found.items()}
        tags = tags_of(scope, cls, names, singly(lambda arn: _tags(aws, names[arn])), wanted)
        for arn, one in found.items():
            address = scope.address(tags.get(arn, {}))
            if one["Name"] in wanted or address is not None:
                yield Live(one["Name"], cls(one["Name"], one["Value"]), address, out={"arn": one["ARN"]})

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By name."""
        aws.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=live.id, Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Tags and Overwrite exclude each other, so a create never overwrites."""
        aws.ssm.put_parameter(Name=self.name, Value=self.value, Type="String", Tags=identity.tag_list())
        return Made(self.name, {"arn": aws.arn("ssm", f"parameter/{self.name.lstrip('/')}")})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """A new version; tags stay."""
        aws.ssm.put_parameter(Name=self.name, Value=self.value, Type="String", Overwrite=True)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        aws.ssm.delete_parameter(Name=live.id)


def _tags(aws: Aws, name: str) -> dict[str, str]:
    answer = aws.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
    return {t["Key"]: t["Value"] for t in answer["TagList"]}
