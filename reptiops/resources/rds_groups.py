"""What a PostgreSQL instance needs beside it: a subnet group, a parameter group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.place import Place
from reptiops.engine.resource import (
    Change,
    Effect,
    Identity,
    Live,
    Made,
    Resource,
    Risk,
    either_name,
    fixed,
    other_name,
    satisfied,
)
from reptiops.engine.scope import Scope
from reptiops.resources import held
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update, write

PARAMETERS_AT_ONCE = 20
"""ModifyDBParameterGroup takes so many."""


def tags_in(one: Mapping[str, Any]) -> dict[str, str]:
    """The tags that an answer carries itself, as of an instance."""
    return {t["Key"]: t["Value"] for t in one.get("TagList", [])}


def listed_tags(aws: Aws, arn: str) -> dict[str, str]:
    """The tags of one thing, by a call of its own."""
    return tags_in(aws.rds.list_tags_for_resource(ResourceName=arn))


SUBNETS = (arn_of("rds", "subgrp:{rds.SubnetGroup.name}"),)
PARAMETERS = (arn_of("rds", "pg:{rds.ParameterGroup.name}"),)


@dataclass(frozen=True)
class RdsResource(Resource):
    """What the kinds of RDS share."""

    of_service: ClassVar[str] = "rds"

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN; other tags stay."""
        aws.rds.add_tags_to_resource(ResourceName=live.out["arn"], Tags=identity.tag_list())


ROLE_SPREADS = (
    ("InvalidParameterValue", "ServiceLinkedRoles"),
    ("InvalidParameterValue", "service linked role"),
)
"""What RDS says in a new account while its service-linked role, made a moment ago, is not known everywhere."""


@dataclass(frozen=True)
class SubnetGroup(RdsResource):
    """Where the instance may live: subnets of at least two zones, even for one instance."""

    name: str = fixed()
    description: str = ""
    subnets: frozenset[str] = frozenset()

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"DBSubnetGroupNotFoundFault"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidDBSubnetGroupStateFault", "InvalidSubnet"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = ROLE_SPREADS
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("rds:DescribeDBSubnetGroups", on=(arn_of("rds", "subgrp:*"),)),
        read("rds:ListTagsForResource", on=SUBNETS),
        create("rds:CreateDBSubnetGroup", "rds:AddTagsToResource", on=SUBNETS, when=TAGGED),
        update("rds:ModifyDBSubnetGroup", on=SUBNETS),
        delete("rds:DeleteDBSubnetGroup", on=SUBNETS),
        delete("rds:DescribeDBInstances", on=(arn_of("rds", "db:*"),)),
    )

    def key(self) -> str:
        """Names are kept in lower case."""
        return self.name.lower()

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.key()}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region in pages; tags are read for wanted names and those under our prefix."""
        wanted = {want.key() for want in scope.wanted(cls)}
        groups = {
            one["DBSubnetGroupArn"]: one
            for one in aws.rds.pages("describe_db_subnet_groups", "DBSubnetGroups")
            if one["DBSubnetGroupName"] in wanted or one["DBSubnetGroupName"] == scope.names.prefix
        }
        names = {arn: one["DBSubnetGroupName"] for arn, one in groups.items()}
        tags = tags_of(scope, cls, names, singly(lambda arn: listed_tags(aws, arn)), wanted)
        for arn, one in groups.items():
            subnets = frozenset(s["SubnetIdentifier"] for s in one["Subnets"])
            has = cls(names[arn], one["DBSubnetGroupDescription"], subnets)
            yield Live(names[arn], has, scope.address(tags.get(arn, {})), out={"arn": arn})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Found again by name and tag."""
        answer = aws.rds.create_db_subnet_group(
            DBSubnetGroupName=self.name,
            DBSubnetGroupDescription=self.description,
            SubnetIds=sorted(self.subnets),
            Tags=identity.tag_list(),
        )
        return Made(self.key(), {"arn": answer["DBSubnetGroup"]["DBSubnetGroupArn"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Description and subnets, always both."""
        aws.rds.modify_db_subnet_group(
            DBSubnetGroupName=self.name, DBSubnetGroupDescription=self.description, SubnetIds=sorted(self.subnets)
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while an instance, a vanishing one too, uses it."""
        aws.rds.delete_db_subnet_group(DBSubnetGroupName=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The instances in it."""
        return held.instances(aws, subnets=live.id)


@dataclass(frozen=True)
class ParameterGroup(RdsResource):
    """Engine parameters that differ from AWS's own. What counts is the value in force, whoever set it.

    Another family is another group: the instance takes it with its major version, and then the old one goes.
    """

    name: str = satisfied(either_name, fixed=True)
    family: str = fixed()
    description: str = fixed()
    parameters: Mapping[str, str] = field(default_factory=dict)

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"DBParameterGroupNotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidDBParameterGroupState"})
    made_beside: ClassVar[bool] = True
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("rds:DescribeDBParameterGroups", on=(arn_of("rds", "pg:*"),)),
        read("rds:DescribeDBParameters", "rds:ListTagsForResource", on=PARAMETERS),
        create("rds:CreateDBParameterGroup", "rds:AddTagsToResource", on=PARAMETERS, when=TAGGED),
        *write("rds:DescribeDBParameters", "rds:ModifyDBParameterGroup", on=PARAMETERS),
        update("rds:ResetDBParameterGroup", on=PARAMETERS),
        delete("rds:DeleteDBParameterGroup", on=PARAMETERS),
        delete("rds:DescribeDBInstances", on=(arn_of("rds", "db:*"),)),
    )

    def key(self) -> str:
        """Names are kept in lower case."""
        return self.name.lower()

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named; what is made beside another one is none of this."""
        return {"id": self.key()}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By name. Of AWS's hundreds of parameters only the wanted ones and those that a person set are read."""
        wanted = {key: want for want in scope.wanted(cls) for key in (want.key(), other_name(want.key(), want.key()))}
        groups = {
            one["DBParameterGroupArn"]: one
            for one in aws.rds.pages("describe_db_parameter_groups", "DBParameterGroups")
            if one["DBParameterGroupName"] in wanted or one["DBParameterGroupName"].startswith(f"{scope.names.prefix}-")
        }
        names = {arn: one["DBParameterGroupName"] for arn, one in groups.items()}
        tags = tags_of(scope, cls, names, singly(lambda arn: listed_tags(aws, arn)), wanted)
        for arn, one in groups.items():
            name = names[arn]
            if name not in wanted and scope.address(tags.get(arn, {})) is None:
                continue
            asked = wanted[name].parameters if name in wanted else {}
            parameters = {
                p["ParameterName"]: p.get("ParameterValue", "")
                for p in aws.rds.pages("describe_db_parameters", "Parameters", DBParameterGroupName=name)
                if p.get("Source") == "user" or p["ParameterName"] in asked
            }
            has = cls(name, one["DBParameterGroupFamily"], one["Description"], parameters)
            yield Live(name, has, scope.address(tags.get(arn, {})), out={"arn": arn})

    def effect(self, change: Change) -> Effect:
        """AWS restarts nothing for a static parameter."""
        return Effect(
            meanwhile="static parameters count from the database's next restart on"
            if change.field == "parameters"
            else ""
        )

    def succeeding(self, live: Live[Any]) -> Self:
        """Names are unique."""
        return replace(self, name=other_name(self.name, live.has.name))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The group, then its parameters."""
        answer = aws.rds.create_db_parameter_group(
            DBParameterGroupName=self.name,
            DBParameterGroupFamily=self.family,
            Description=self.description,
            Tags=identity.tag_list(),
        )
        self._set(aws, self.parameters)
        return Made(self.key(), {"arn": answer["DBParameterGroup"]["DBParameterGroupArn"]})

    def _set(self, aws: Aws, parameters: Mapping[str, str]) -> None:
        if not parameters:
            return
        static = {
            p["ParameterName"]
            for p in aws.rds.pages("describe_db_parameters", "Parameters", DBParameterGroupName=self.name)
            if p.get("ApplyType") == "static"
        }
        sent = [
            {
                "ParameterName": name,
                "ParameterValue": value,
                "ApplyMethod": "pending-reboot" if name in static else "immediate",
            }
            for name, value in sorted(parameters.items())
        ]
        for start in range(0, len(sent), PARAMETERS_AT_ONCE):
            some = sent[start : start + PARAMETERS_AT_ONCE]
            aws.rds.modify_db_parameter_group(DBParameterGroupName=self.name, Parameters=some)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Values that differ are set; what is no longer wanted goes back to AWS's own value."""
        has = live.has.parameters
        self._set(aws, {name: value for name, value in self.parameters.items() if has.get(name) != value})
        dropped = [{"ParameterName": n, "ApplyMethod": "pending-reboot"} for n in sorted(has.keys() - self.parameters)]
        for start in range(0, len(dropped), PARAMETERS_AT_ONCE):
            some = dropped[start : start + PARAMETERS_AT_ONCE]
            aws.rds.reset_db_parameter_group(DBParameterGroupName=self.name, Parameters=some)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while an instance uses it, and for minutes after."""
        aws.rds.delete_db_parameter_group(DBParameterGroupName=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The instances that have it."""
        return held.instances(aws, parameters=live.id)
