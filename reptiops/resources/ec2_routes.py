"""Route tables: where traffic of a subnet goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, settled
from reptiops.engine.resource import Identity, Live, Made, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.resources.ec2 import Subnet, Vpc, in_our_vpc
from reptiops.resources.ec2_gateways import InternetGateway, NatGateway
from reptiops.resources.ec2_tags import TAGS, Ec2Resource, at, made, named, rename, tags_of
from reptiops.rights import OURS, Right, delete, read, update, write


@dataclass(frozen=True)
class RouteTable(Ec2Resource):
    """A route table with its routes (destination → target) and the subnets that use it."""

    vpc: str = fixed()
    name: str = ""
    routes: Mapping[str, str] = field(default_factory=dict)
    subnets: frozenset[str] = frozenset()

    free: ClassVar[bool] = True
    risks: ClassVar[Mapping[str, Risk]] = {"routes": "security"}
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = absent | {
        *NatGateway.absent,
        *InternetGateway.absent,
        *Subnet.absent,
        *Vpc.absent,
        "InvalidGatewayID.NotFound",  # CreateRoute's own name for a gateway of any kind
        "DependencyViolation",
    }
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidParameterValue", "belong to different networks"),)
    """What CreateRoute says as long as it does not see the gateway's attachment."""
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

    def resembles(self, other: Self) -> bool:
        """The table of the same subnets, or of the same name."""
        same = bool(self.subnets) and self.subnets == other.subnets
        return self.vpc == other.vpc and (same or (bool(self.name) and self.name == other.name))

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Every table of our VPC but the main one. The local route and gateway endpoints' routes are AWS's own."""
        for one in in_our_vpc(scope, "describe_route_tables", "RouteTables"):
            associations = one.get("Associations", [])
            if any(a.get("Main") for a in associations):
                continue
            tags = tags_of(one)
            subnets = frozenset(a["SubnetId"] for a in associations if "SubnetId" in a and _holds(a))
            has = cls(one["VpcId"], tags.get("Name", ""), _routes(one["Routes"]), subnets)
            yield Live(one["RouteTableId"], has, scope.address(tags))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The table, then its routes and associations."""
        answer = aws.ec2.create_route_table(
            VpcId=self.vpc, ClientToken=identity.token, TagSpecifications=named(identity, "route-table", self.name)
        )
        table = str(answer["RouteTable"]["RouteTableId"])
        for destination, target in self.routes.items():
            aws.ec2.create_route(RouteTableId=table, **_destination(destination), **_target(target))
        for subnet in sorted(self.subnets):
            aws.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return Made(table)

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
            settled(aws.ec2.delete_route, "InvalidRoute.NotFound", RouteTableId=live.id, **_destination(destination))
        for destination, target in self.routes.items():
            if live.has.routes.get(destination) == target:
                continue
            route = {"RouteTableId": live.id, **_destination(destination), **_target(target)}
            try:
                (aws.ec2.replace_route if destination in live.has.routes else aws.ec2.create_route)(**route)
            except ClientError as error:
                if code(error) != "RouteAlreadyExists":  # somebody was faster, or the answer was lost
                    raise
                aws.ec2.replace_route(**route)

    def _set_subnets(self, aws: Aws, live: Live[Any]) -> None:
        wanted = sorted(self.subnets | live.has.subnets)
        tables = aws.ec2.pages(
            "describe_route_tables", "RouteTables", Filters=[{"Name": "association.subnet-id", "Values": wanted}]
        )
        held = {a["SubnetId"]: a for t in tables for a in t["Associations"] if "SubnetId" in a}
        for subnet in (live.has.subnets - self.subnets) & held.keys():
            _disassociate(aws, held[subnet])
        for subnet in self.subnets - live.has.subnets:
            if subnet in held:
                association = held[subnet]["RouteTableAssociationId"]
                aws.ec2.replace_route_table_association(AssociationId=association, RouteTableId=live.id)
            else:
                aws.ec2.associate_route_table(RouteTableId=live.id, SubnetId=subnet)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Associations first."""
        tables = aws.ec2.describe_route_tables(RouteTableIds=[live.id])["RouteTables"]
        for association in filter(_holds, tables[0].get("Associations", [])):
            _disassociate(aws, association)
        aws.ec2.delete_route_table(RouteTableId=live.id)


def _holds(association: Mapping[str, Any]) -> bool:
    """AWS goes on listing an association for a moment after it was taken away."""
    return association.get("AssociationState", {}).get("State") not in ("disassociating", "disassociated")


def _disassociate(aws: Aws, association: Mapping[str, Any]) -> None:
    """AWS's reads lag: what they show as associated may be free by now."""
    identifier = association["RouteTableAssociationId"]
    settled(aws.ec2.disassociate_route_table, "InvalidAssociationID.NotFound", AssociationId=identifier)


def _routes(routes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for route in routes:
        target = next((route[name] for name in TARGETS if route.get(name)), "?")
        if target == "local" or target.startswith("vpce-"):
            continue
        destination = next(route[name] for name in DESTINATIONS.values() if route.get(name))
        broken = " (blackhole)" if route.get("State") == "blackhole" else ""
        found[destination] = f"{target}{broken}"
    return found


TARGETS = (
    "NatGatewayId",
    "GatewayId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
)
DESTINATIONS = {
    "pl-": "DestinationPrefixListId",
    ":": "DestinationIpv6CidrBlock",
    "": "DestinationCidrBlock",
}
"""By what a destination has in it: a prefix list, an IPv6 block, an IPv4 block."""


def _destination(block: str) -> dict[str, str]:
    return {next(name for mark, name in DESTINATIONS.items() if mark in block): block}


def _target(target: str) -> dict[str, str]:
    return {"NatGatewayId": target} if target.startswith("nat-") else {"GatewayId": target}
