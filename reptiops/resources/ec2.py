"""The network: VPC, subnets, gateways, addresses, route tables. EC2 models no errors: codes are plain strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Drawn, Identity, Live, Resource, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.rights import OURS, TAGGED, Condition, Right, arn_of, create, delete, read, update, write

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


def named(identity: Identity, kind: str, name: str) -> list[dict[str, Any]]:
    """TagSpecifications: the identity's tags and the `Name` that the console shows."""
    return [{"ResourceType": kind, "Tags": [*identity.tag_list(), {"Key": "Name", "Value": name}]}]


def rename(aws: Aws, identifier: str, name: str) -> None:
    """Set the `Name` tag."""
    aws.ec2.create_tags(Resources=[identifier], Tags=[{"Key": "Name", "Value": name}])


@dataclass(frozen=True)
class Vpc(Resource):
    """A virtual private cloud. Its main route table, default group and default ACL come with it and stay AWS's."""

    cidr: str = fixed()
    name: str = ""
    dns_support: bool = True
    dns_hostnames: bool = True

    drawn: ClassVar[Drawn] = "network"
    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidVpcID.NotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidVpcID.NotFound", "DependencyViolation"})
    typical: ClassVar[float] = 2
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeVpcs", "ec2:DescribeVpcAttribute"),
        *made("ec2:CreateVpc", "vpc"),
        *write("ec2:ModifyVpcAttribute", on=at("vpc"), when=OURS),
        update(TAGS, on=at("vpc"), when=OURS),
        delete("ec2:DeleteVpc", on=at("vpc"), when=OURS),
    )

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """DescribeVpcs by tag; it does not show the DNS attributes, which cost one read each."""
        for one in aws.ec2.pages("describe_vpcs", "Vpcs", Filters=scope.ec2_filters()):
            dns = {
                name: aws.ec2.describe_vpc_attribute(VpcId=one["VpcId"], Attribute=name)[member]["Value"]
                for name, member in (
                    ("enableDnsSupport", "EnableDnsSupport"),
                    ("enableDnsHostnames", "EnableDnsHostnames"),
                )
            }
            tags = tags_of(one)
            has = cls(one["CidrBlock"], tags.get("Name", ""), dns["enableDnsSupport"], dns["enableDnsHostnames"])
            state = Status("ready" if one["State"] == "available" else "pending", one["State"])
            yield Live(one["VpcId"], has, scope.address(tags), state)

    def create(self, aws: Aws, identity: Identity) -> str:
        """CreateVpc has no token: the address tag is what finds it again."""
        answer = aws.ec2.create_vpc(CidrBlock=self.cidr, TagSpecifications=named(identity, "vpc", self.name))
        vpc = str(answer["Vpc"]["VpcId"])
        self._attributes(aws, vpc)
        return vpc

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


@dataclass(frozen=True)
class Subnet(Resource):
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
    not_yet: ClassVar[frozenset[str]] = absent | {"InvalidVpcID.NotFound", "DependencyViolation"}
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSubnets"),
        *made("ec2:CreateSubnet", "subnet", "vpc"),
        *write("ec2:ModifySubnetAttribute", on=at("subnet"), when=OURS),
        update(TAGS, on=at("subnet"), when=OURS),
        delete("ec2:DeleteSubnet", on=at("subnet"), when=OURS),
    )

    def key(self) -> str:
        """Two subnets of a VPC cannot overlap."""
        return f"{self.vpc}/{self.cidr}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything in our VPC, also what nobody declared."""
        vpcs = [one.id for one in scope.live(Vpc)]
        if not vpcs:
            return
        for one in aws.ec2.pages("describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": vpcs}]):
            tags = tags_of(one)
            has = cls(
                one["VpcId"],
                one["AvailabilityZone"],
                one["CidrBlock"],
                tags.get("Name", ""),
                one["MapPublicIpOnLaunch"],
            )
            state = Status("ready" if one["State"] == "available" else "pending", one["State"])
            yield Live(one["SubnetId"], has, scope.address(tags), state)

    def create(self, aws: Aws, identity: Identity) -> str:
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
        return subnet

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Name and the public-address attribute."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if "public" in changed:
            aws.ec2.modify_subnet_attribute(SubnetId=live.id, MapPublicIpOnLaunch={"Value": self.public})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Any interface left in it answers DependencyViolation, for minutes."""
        aws.ec2.delete_subnet(SubnetId=live.id)


@dataclass(frozen=True)
class InternetGateway(Resource):
    """The way to the internet, attached to one VPC."""

    vpc: str = ""
    name: str = ""

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidInternetGatewayID.NotFound"})
    not_yet: ClassVar[frozenset[str]] = absent | {"InvalidVpcID.NotFound", "DependencyViolation"}
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeInternetGateways"),
        *made("ec2:CreateInternetGateway", "internet-gateway"),
        *write("ec2:AttachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        update("ec2:DetachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        update(TAGS, on=at("internet-gateway"), when=OURS),
        delete("ec2:DescribeInternetGateways"),
        delete("ec2:DetachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        delete("ec2:DeleteInternetGateway", on=at("internet-gateway"), when=OURS),
    )

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By tag; an attached one's state is called `available`."""
        for one in aws.ec2.pages("describe_internet_gateways", "InternetGateways", Filters=scope.ec2_filters()):
            tags = tags_of(one)
            attached = [a["VpcId"] for a in one.get("Attachments", [])]
            yield Live(one["InternetGatewayId"], cls("".join(attached), tags.get("Name", "")), scope.address(tags))

    def create(self, aws: Aws, identity: Identity) -> str:
        """Made, then attached: a crash in between is a difference in `vpc`."""
        answer = aws.ec2.create_internet_gateway(TagSpecifications=named(identity, "internet-gateway", self.name))
        gateway = str(answer["InternetGateway"]["InternetGatewayId"])
        aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        return gateway

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Name and attachment."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if "vpc" in changed:
            if live.has.vpc:
                aws.ec2.detach_internet_gateway(InternetGatewayId=live.id, VpcId=live.has.vpc)
            aws.ec2.attach_internet_gateway(InternetGatewayId=live.id, VpcId=self.vpc)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Detaching answers DependencyViolation while any public address in the VPC is mapped."""
        current = aws.ec2.describe_internet_gateways(InternetGatewayIds=[live.id])["InternetGateways"]
        for attachment in current[0].get("Attachments", []):
            aws.ec2.detach_internet_gateway(InternetGatewayId=live.id, VpcId=attachment["VpcId"])
        aws.ec2.delete_internet_gateway(InternetGatewayId=live.id)


@dataclass(frozen=True)
class ElasticIp(Resource):
    """A public address for a NAT gateway. It costs money as long as it exists."""

    name: str = ""

    risk: ClassVar[Risk] = "cost"
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidAllocationID.NotFound", "InvalidAddress.NotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidIPAddress.InUse"})
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeAddresses"),
        *made("ec2:AllocateAddress", "elastic-ip"),
        update(TAGS, on=at("elastic-ip"), when=OURS),
        delete("ec2:ReleaseAddress", on=at("elastic-ip"), when=OURS),
    )

    def billable(self, around: Around) -> Iterable[Use]:
        """Every public address is billed by the hour, in use or not."""
        yield Use("ipv4.hour", HOURS)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By tag; DescribeAddresses does not page."""
        for one in aws.ec2.pages("describe_addresses", "Addresses", Filters=scope.ec2_filters()):
            tags = tags_of(one)
            out = {"address": one["PublicIp"]}
            yield Live(one["AllocationId"], cls(tags.get("Name", "")), scope.address(tags), out=out)

    def create(self, aws: Aws, identity: Identity) -> str:
        """AllocateAddress has no token: the tag finds it again."""
        answer = aws.ec2.allocate_address(Domain="vpc", TagSpecifications=named(identity, "elastic-ip", self.name))
        return str(answer["AllocationId"])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the name can change."""
        rename(aws, live.id, self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Released only when no NAT gateway uses it."""
        aws.ec2.release_address(AllocationId=live.id)


@dataclass(frozen=True)
class NatGateway(Resource):
    """How private subnets reach the internet. Creation succeeds and may fail later; a failed one is never repaired."""

    subnet: str = fixed()
    address: str = fixed()
    name: str = ""

    drawn: ClassVar[Drawn] = "gate"
    absent: ClassVar[frozenset[str]] = frozenset({"NatGatewayNotFound", "InvalidNatGatewayID.NotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidSubnetID.NotFound", "InvalidAllocationID.NotFound"})
    typical: ClassVar[float] = 105
    nine_in_ten: ClassVar[float | None] = 126
    typical_delete: ClassVar[float] = 60
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeNatGateways"),
        *made("ec2:CreateNatGateway", "natgateway", "elastic-ip", "subnet", "vpc"),
        update(TAGS, on=at("natgateway"), when=OURS),
        delete("ec2:DeleteNatGateway", on=at("natgateway"), when=OURS),
    )

    def billable(self, around: Around) -> Iterable[Use]:
        """The hour and every GB that goes through it; its address is billed by itself."""
        yield Use("nat.hour", HOURS)
        yield Use("nat.gb", by="nat_gb")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By tag. Deleted ones stay visible for about an hour: they are left out by state."""
        states = {"Name": "state", "Values": ["pending", "available", "failed", "deleting"]}
        for one in aws.ec2.pages("describe_nat_gateways", "NatGateways", Filters=[*scope.ec2_filters(), states]):
            tags = tags_of(one)
            addresses = one.get("NatGatewayAddresses") or [{}]
            has = cls(one["SubnetId"], addresses[0].get("AllocationId", ""), tags.get("Name", ""))
            words = {"available": "ready", "failed": "failed"}
            reason = f"{one.get('FailureCode', '')} {one.get('FailureMessage', '')}".strip()
            status = Status(words.get(one["State"], "pending"), one["State"], reason)  # type: ignore[arg-type]
            yield Live(one["NatGatewayId"], has, scope.address(tags), status, created=one.get("CreateTime"))

    def create(self, aws: Aws, identity: Identity) -> str:
        """The token is honoured by AWS: the same one answers the same gateway."""
        answer = aws.ec2.create_nat_gateway(
            SubnetId=self.subnet,
            AllocationId=self.address,
            ClientToken=identity.token,
            TagSpecifications=named(identity, "natgateway", self.name),
        )
        return str(answer["NatGateway"]["NatGatewayId"])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the name can change."""
        rename(aws, live.id, self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Takes one to five minutes; the address stays allocated."""
        if live.status.word == "deleting":
            return
        aws.ec2.delete_nat_gateway(NatGatewayId=live.id)


@dataclass(frozen=True)
class RouteTable(Resource):
    """A route table with its routes (destination → target) and the subnets that use it."""

    vpc: str = fixed()
    name: str = ""
    routes: Mapping[str, str] = field(default_factory=dict)
    subnets: frozenset[str] = frozenset()

    free: ClassVar[bool] = True
    risks: ClassVar[Mapping[str, Risk]] = {"routes": "security"}
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"})
    not_yet: ClassVar[frozenset[str]] = absent | {
        "InvalidNatGatewayID.NotFound",
        "NatGatewayNotFound",
        "InvalidInternetGatewayID.NotFound",
        "InvalidSubnetID.NotFound",
        "DependencyViolation",
    }
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeRouteTables"),
        *made("ec2:CreateRouteTable", "route-table", "vpc"),
        *write("ec2:CreateRoute", on=at("route-table"), when=OURS),
        *write("ec2:AssociateRouteTable", on=at("route-table", "subnet"), when=OURS),
        update("ec2:ReplaceRoute", "ec2:DeleteRoute", TAGS, on=at("route-table"), when=OURS),
        update("ec2:DescribeRouteTables"),
        update(
            "ec2:DisassociateRouteTable",
            "ec2:ReplaceRouteTableAssociation",
            on=at("route-table", "subnet"),
            when=OURS,
        ),
        delete("ec2:DescribeRouteTables"),
        delete("ec2:DisassociateRouteTable", on=at("route-table", "subnet"), when=OURS),
        delete("ec2:DeleteRouteTable", on=at("route-table"), when=OURS),
    )

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Every table of our VPC but the main one. The local route and gateway endpoints' routes are AWS's own."""
        vpcs = [one.id for one in scope.live(Vpc)]
        if not vpcs:
            return
        for one in aws.ec2.pages("describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": vpcs}]):
            associations = one.get("Associations", [])
            if any(a.get("Main") for a in associations):
                continue
            tags = tags_of(one)
            subnets = frozenset(a["SubnetId"] for a in associations if "SubnetId" in a)
            has = cls(one["VpcId"], tags.get("Name", ""), _routes(one["Routes"]), subnets)
            yield Live(one["RouteTableId"], has, scope.address(tags))

    def create(self, aws: Aws, identity: Identity) -> str:
        """The table, then its routes and associations."""
        answer = aws.ec2.create_route_table(
            VpcId=self.vpc, ClientToken=identity.token, TagSpecifications=named(identity, "route-table", self.name)
        )
        table = str(answer["RouteTable"]["RouteTableId"])
        for destination, target in self.routes.items():
            aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **_target(target))
        for subnet in sorted(self.subnets):
            aws.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return table

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Routes are replaced in place; an associated subnet moves with ReplaceRouteTableAssociation."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if "routes" in changed:
            self._set_routes(aws, live)
        if "subnets" in changed:
            self._set_subnets(aws, live)

    def _set_routes(self, aws: Aws, live: Live[Any]) -> None:
        for destination in live.has.routes.keys() - self.routes.keys():
            aws.ec2.delete_route(RouteTableId=live.id, DestinationCidrBlock=destination)
        for destination, target in self.routes.items():
            if destination not in live.has.routes:
                aws.ec2.create_route(RouteTableId=live.id, DestinationCidrBlock=destination, **_target(target))
            elif live.has.routes[destination] != target:
                aws.ec2.replace_route(RouteTableId=live.id, DestinationCidrBlock=destination, **_target(target))

    def _set_subnets(self, aws: Aws, live: Live[Any]) -> None:
        wanted = sorted(self.subnets | live.has.subnets)
        tables = aws.ec2.pages(
            "describe_route_tables", "RouteTables", Filters=[{"Name": "association.subnet-id", "Values": wanted}]
        )
        held = {a["SubnetId"]: a for t in tables for a in t["Associations"] if "SubnetId" in a}
        for subnet in live.has.subnets - self.subnets:
            aws.ec2.disassociate_route_table(AssociationId=held[subnet]["RouteTableAssociationId"])
        for subnet in self.subnets - live.has.subnets:
            if subnet in held:
                association = held[subnet]["RouteTableAssociationId"]
                aws.ec2.replace_route_table_association(AssociationId=association, RouteTableId=live.id)
            else:
                aws.ec2.associate_route_table(RouteTableId=live.id, SubnetId=subnet)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Associations first."""
        tables = aws.ec2.describe_route_tables(RouteTableIds=[live.id])["RouteTables"]
        for association in tables[0].get("Associations", []):
            aws.ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        aws.ec2.delete_route_table(RouteTableId=live.id)


def _routes(routes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for route in routes:
        target = route.get("NatGatewayId") or route.get("GatewayId") or route.get("NetworkInterfaceId") or "?"
        if target == "local" or target.startswith("vpce-") or "DestinationCidrBlock" not in route:
            continue
        broken = " (blackhole)" if route.get("State") == "blackhole" else ""
        found[route["DestinationCidrBlock"]] = f"{target}{broken}"
    return found


def _target(target: str) -> dict[str, str]:
    return {"NatGatewayId": target} if target.startswith("nat-") else {"GatewayId": target}
