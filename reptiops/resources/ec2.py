"""The network: VPC and subnets. EC2 models no errors: codes are plain strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Drawn, Identity, Live, Made, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.resources import ec2_held
from reptiops.resources.ec2_tags import TAGS, Ec2Resource, TaggedResource, at, made, named, rename, tags_of
from reptiops.rights import OURS, Right, delete, read, update, write


@dataclass(frozen=True)
class Vpc(TaggedResource):
    """A virtual private cloud. Its main route table, default group and default ACL come with it and stay AWS's."""

    cidr: str = fixed()
    name: str = ""
    dns_support: bool = True
    dns_hostnames: bool = True

    listing: ClassVar[tuple[str, str, str, str]] = ("describe_vpcs", "Vpcs", "VpcId", "vpc-id")
    drawn: ClassVar[Drawn] = "network"
    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidVpcID.NotFound", "InvalidVpcId.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidVpcID.NotFound", "DependencyViolation"})
    typical: ClassVar[float] = 2
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeVpcs", "ec2:DescribeVpcAttribute"),
        *made("ec2:CreateVpc", "vpc"),
        *write("ec2:ModifyVpcAttribute", on=at("vpc"), when=OURS),
        update(TAGS, on=at("vpc"), when=OURS),
        *(delete(one) for one in ec2_held.INSIDE),
        delete("ec2:DeleteVpc", on=at("vpc"), when=OURS),
    )

    def resembles(self, other: Self) -> bool:
        """The address range."""
        return self.cidr == other.cidr

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        """DescribeVpcs does not show the DNS attributes, which cost one read each."""
        dns = {
            name: aws.ec2.describe_vpc_attribute(VpcId=one["VpcId"], Attribute=name)[member]["Value"]
            for name, member in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames"))
        }
        has = cls(one["CidrBlock"], tags.get("Name", ""), dns["enableDnsSupport"], dns["enableDnsHostnames"])
        state = Status("ready" if one["State"] == "available" else "pending", one["State"])
        return Live(one["VpcId"], has, address, state)

    def create(self, aws: Aws, identity: Identity) -> Made:
        """CreateVpc has no token: the address tag is what finds it again."""
        answer = aws.ec2.create_vpc(CidrBlock=self.cidr, TagSpecifications=named(identity, "vpc", self.name))
        vpc = str(answer["Vpc"]["VpcId"])
        self._attributes(aws, vpc)
        return Made(vpc)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Name and DNS attributes."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if changed & {"dns_support", "dns_hostnames"}:
            self._attributes(aws, live.id)

    def _attributes(self, aws: Aws, vpc: str) -> None:
        # One attribute a call, and support before host names (aws-facts 2.1); the other way round when switching off.
        calls = [("EnableDnsSupport", self.dns_support), ("EnableDnsHostnames", self.dns_hostnames)]
        for name, value in calls if self.dns_support else reversed(calls):
            aws.ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": value}})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Only when nothing of ours is left in it."""
        aws.ec2.delete_vpc(VpcId=live.id)

    def irreplaceable(self, live: Live[Any]) -> str:
        """Everything else is in it."""
        return "AWS keeps a VPC as long as anything is in it: put its range back, or make another environment and move"

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """Interfaces that linger, and what else is in it."""
        return ec2_held.together(ec2_held.interfaces(aws, "vpc-id", live.id), ec2_held.inside(aws, live.id))


def in_our_vpc(scope: Scope, method: str, member: str) -> list[dict[str, Any]]:
    """Everything that a read lists of our VPC, also what nobody declared. Where there is none, nothing is asked."""
    vpcs = [one.id for one in scope.live(Vpc)]
    return scope.aws.ec2.pages(method, member, Filters=[{"Name": "vpc-id", "Values": vpcs}]) if vpcs else []


ELSEWHERE = "it would be in another VPC, and what uses it cannot move there: see what is said of network/vpc"
"""Why nothing that is in use follows a VPC that would be made anew."""

KEPT_BY_AWS = 5
"""Addresses of each subnet that nobody can use (aws-facts 2.2)."""


@dataclass(frozen=True)
class Subnet(Ec2Resource):
    """A subnet in one zone."""

    vpc: str = fixed()
    zone: str = fixed()
    cidr: str = fixed()
    name: str = ""
    public: bool = False

    drawn: ClassVar[Drawn] = "subnet"
    free: ClassVar[bool] = True
    risks: ClassVar[Mapping[str, Risk]] = {"public": "security"}
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = absent | Vpc.absent | {"DependencyViolation"}
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSubnets"),
        *made("ec2:CreateSubnet", "subnet", "vpc"),
        *write("ec2:ModifySubnetAttribute", on=at("subnet"), when=OURS),
        update(TAGS, on=at("subnet"), when=OURS),
        delete(ec2_held.INTERFACES),
        delete("ec2:DeleteSubnet", on=at("subnet"), when=OURS),
    )

    def key(self) -> str:
        """Two subnets of a VPC cannot overlap."""
        return f"{self.vpc}/{self.cidr}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything in our VPC, also what nobody declared."""
        for one in in_our_vpc(scope, "describe_subnets", "Subnets"):
            tags = tags_of(one)
            has = cls(
                one["VpcId"],
                one["AvailabilityZone"],
                one["CidrBlock"],
                tags.get("Name", ""),
                one["MapPublicIpOnLaunch"],
            )
            state = Status("ready" if one["State"] == "available" else "pending", one["State"])
            size = ip_network(one["CidrBlock"]).num_addresses - KEPT_BY_AWS
            used = size - one.get("AvailableIpAddressCount", size)
            yield Live(one["SubnetId"], has, scope.address(tags), state, {"used": str(used)} if used > 0 else {})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """CreateSubnet cannot set the public-address attribute: that is a second call."""
        answer = aws.ec2.create_subnet(
            VpcId=self.vpc,
            CidrBlock=self.cidr,
            AvailabilityZone=self.zone,
            TagSpecifications=named(identity, "subnet", self.name),
        )
        subnet = str(answer["Subnet"]["SubnetId"])
        if self.public:
            aws.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        return Made(subnet)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Name and the public-address attribute."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if "public" in changed:
            aws.ec2.modify_subnet_attribute(SubnetId=live.id, MapPublicIpOnLaunch={"Value": self.public})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Any interface left in it answers DependencyViolation, for minutes."""
        aws.ec2.delete_subnet(SubnetId=live.id)

    def irreplaceable(self, live: Live[Any]) -> str:
        """Databases and caches cannot leave the subnets that they are in."""
        if not live.out.get("used"):
            return ""
        if live.has.vpc != self.vpc:
            return ELSEWHERE
        return (
            "AWS keeps a subnet as long as interfaces are in it, and no database leaves the one that it is in: put its "
            "range and zone back, or declare one in a further zone"
        )

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The interfaces in it."""
        return ec2_held.interfaces(aws, "subnet-id", live.id)
