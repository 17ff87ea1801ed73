"""What is let through the network: security groups and their rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from reptiops.aws import Aws, settled
from reptiops.engine.resource import Identity, Live, Made, Risk, fixed, initial
from reptiops.engine.scope import Scope
from reptiops.resources import ec2_held
from reptiops.resources.ec2 import ELSEWHERE, in_our_vpc
from reptiops.resources.ec2_tags import TAGS, WITH_CREATE, Ec2Resource, at, made, managed, named, tags_of
from reptiops.rights import OURS, Right, create, delete, read, update, write

EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""The rule that AWS puts into the outbound side of every new group."""


@dataclass(frozen=True)
class SecurityGroup(Ec2Resource):
    """A security group without its rules, which are resources of their own because groups name each other."""

    vpc: str = fixed()
    name: str = fixed()
    description: str = fixed()
    open_outbound: bool = False
    """Whether it still has the rule that lets everything out, which AWS puts into each new group."""

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = absent | {"InvalidVpcID.NotFound", "DependencyViolation", "InvalidGroup.InUse"}
    typical_delete: ClassVar[float] = 10
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSecurityGroups"),
        *made("ec2:CreateSecurityGroup", "security-group", "vpc"),
        *write("ec2:RevokeSecurityGroupEgress", on=at("security-group"), when=OURS),
        update("ec2:AuthorizeSecurityGroupEgress", on=at("security-group"), when=OURS),
        delete(ec2_held.INTERFACES, "ec2:DescribeSecurityGroups"),
        delete("ec2:DeleteSecurityGroup", on=at("security-group"), when=OURS),
    )

    def key(self) -> str:
        """Names are unique in a VPC, whatever their case."""
        return f"{self.vpc}/{self.name.lower()}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Every group of our VPC but the default one, which AWS owns."""
        for one in in_our_vpc(scope, "describe_security_groups", "SecurityGroups"):
            if one["GroupName"] == "default" or managed(one):
                continue
            has = cls(one["VpcId"], one["GroupName"], one["Description"], _is_open(one.get("IpPermissionsEgress", [])))
            yield Live(one["GroupId"], has, scope.address(tags_of(one)))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """No token: name and tag find it again. The rule that lets everything out goes at once, unless it is wanted."""
        answer = aws.ec2.create_security_group(
            GroupName=self.name,
            Description=self.description,
            VpcId=self.vpc,
            TagSpecifications=named(identity, "security-group", self.name),
        )
        group = str(answer["GroupId"])
        if not self.open_outbound:
            aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[EVERYTHING])
        return Made(group)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the open outbound rule can differ in place. A rollback may want it back."""
        if self.open_outbound:
            call, settled_by = aws.ec2.authorize_security_group_egress, "InvalidPermission.Duplicate"
        else:
            call, settled_by = aws.ec2.revoke_security_group_egress, "InvalidPermission.NotFound"
        settled(call, settled_by, GroupId=live.id, IpPermissions=[EVERYTHING])

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while an interface uses it or another group's rule names it."""
        aws.ec2.delete_security_group(GroupId=live.id)

    def irreplaceable(self, live: Live[Any]) -> str:
        """A second group of the name is refused, and the first one stays as long as anything uses it."""
        if live.has.vpc != self.vpc:
            return ELSEWHERE
        return (
            "AWS changes no group's name or description, and moving its members to another group would cut them off for "
            "minutes, as rules of other groups name this one. Put back what it was; the words are seen in the console only"
        )

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The interfaces that it is on, and the groups whose rules name it."""
        return ec2_held.together(ec2_held.interfaces(aws, "group-id", live.id), ec2_held.naming(aws, live.id))


def _is_open(permissions: Iterable[Mapping[str, Any]]) -> bool:
    return any(
        p["IpProtocol"] == "-1" and any(r["CidrIp"] == "0.0.0.0/0" for r in p.get("IpRanges", [])) for p in permissions
    )


@dataclass(frozen=True)
class SecurityGroupRule(Ec2Resource):
    """One line of the matrix in one group. `peer` is a CIDR block or the id of another group."""

    group: str = fixed()
    direction: Literal["inbound", "outbound"] = fixed()
    protocol: str = "tcp"
    from_port: int = 0
    to_port: int = 0
    peer: str = "0.0.0.0/0"
    description: str = initial("whoever writes it", default="")

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset(
        {"InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound", *SecurityGroup.absent}
    )
    not_yet: ClassVar[frozenset[str]] = SecurityGroup.absent
    within: ClassVar[bool] = True
    loose: ClassVar[frozenset[str]] = frozenset({"group"})
    removable: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSecurityGroupRules"),
        create(
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            on=at("security-group"),
            when=OURS,
        ),
        create(TAGS, on=at("security-group-rule"), when=WITH_CREATE),
        update("ec2:ModifySecurityGroupRules", on=at("security-group"), when=OURS),
        update("ec2:ModifySecurityGroupRules", on=at("security-group-rule")),
        delete("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", on=at("security-group"), when=OURS),
    )

    def key(self) -> str:
        """A group refuses two rules of the same content."""
        return f"{self.group}/{self.direction}/{self.protocol}/{self.from_port}-{self.to_port}/{self.peer}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Each rule by its own id: DescribeSecurityGroups would merge rules of equal ports."""
        groups = {one.id: one for one in scope.live(SecurityGroup) if one.address}
        if not groups:
            return
        filters = [{"Name": "group-id", "Values": sorted(groups)}]
        for one in aws.ec2.pages("describe_security_group_rules", "SecurityGroupRules", Filters=filters):
            if one["IsEgress"] and one["IpProtocol"] == "-1" and groups[one["GroupId"]].has.open_outbound:
                continue  # a difference of the group itself
            peer = one.get("CidrIpv4") or one.get("ReferencedGroupInfo", {}).get("GroupId")
            has = cls(
                group=one["GroupId"],
                direction="outbound" if one["IsEgress"] else "inbound",
                protocol=one["IpProtocol"],
                from_port=one.get("FromPort", -1),
                to_port=one.get("ToPort", -1),
                peer=peer or one.get("CidrIpv6") or one.get("PrefixListId") or "?",
                description=one.get("Description", ""),
            )
            yield Live(one["SecurityGroupRuleId"], has, scope.address(tags_of(one)))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """One rule a call: a duplicate would fail the whole call."""
        authorize = (
            aws.ec2.authorize_security_group_ingress
            if self.direction == "inbound"
            else aws.ec2.authorize_security_group_egress
        )
        tags = [{"ResourceType": "security-group-rule", "Tags": identity.tag_list()}]
        answer = authorize(GroupId=self.group, IpPermissions=[self._permission()], TagSpecifications=tags)
        return Made(answer["SecurityGroupRules"][-1]["SecurityGroupRuleId"])

    def _permission(self) -> dict[str, Any]:
        listed, member, _ = _peer(self.peer)
        return {
            "IpProtocol": self.protocol,
            "FromPort": self.from_port,
            "ToPort": self.to_port,
            listed: [{member: self.peer, **self._described()}],
        }

    def _described(self) -> dict[str, str]:
        return {"Description": self.description} if self.description else {}

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """ModifySecurityGroupRules replaces all fields of a rule."""
        _, _, member = _peer(self.peer)
        rule = {
            "IpProtocol": self.protocol,
            "FromPort": self.from_port,
            "ToPort": self.to_port,
            member: self.peer,
            **self._described(),
        }
        aws.ec2.modify_security_group_rules(
            GroupId=self.group,
            SecurityGroupRules=[{"SecurityGroupRuleId": live.id, "SecurityGroupRule": rule}],
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """By its id, so that nothing but this rule goes."""
        revoke = (
            aws.ec2.revoke_security_group_ingress
            if live.has.direction == "inbound"
            else aws.ec2.revoke_security_group_egress
        )
        revoke(GroupId=live.has.group, SecurityGroupRuleIds=[live.id])


def _peer(peer: str) -> tuple[str, str, str]:
    """How a permission lists such a peer, what it calls it there, and what a rule calls it. A rollback knows them all."""
    if peer.startswith("sg-"):
        return "UserIdGroupPairs", "GroupId", "ReferencedGroupId"
    if peer.startswith("pl-"):
        return "PrefixListIds", "PrefixListId", "PrefixListId"
    if ":" in peer:
        return "Ipv6Ranges", "CidrIpv6", "CidrIpv6"
    return "IpRanges", "CidrIp", "CidrIpv4"
