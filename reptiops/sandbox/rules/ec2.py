"""EC2: quotas, things seen late, gateways that take minutes, and what must go before what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.clock import becomes
from reptiops.sandbox.rules.interfaces import of_group, of_subnet

SEEN_AFTER = 2.0
"""Seconds for which a new VPC, subnet, table, gateway or group may answer NotFound."""
NAT, NAT_GONE = 105.0, 60.0
ENDPOINT = 90.0
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")
HELD = ("pending", "available", "deleting")


def gateways(ec2: Any) -> list[Any]:
    """The NAT gateways that still hold something."""
    return [nat for nat in ec2.nat_gateways.values() if nat.state in HELD]


def rules() -> None:
    """Everything about EC2."""
    _quotas()
    _slow()
    _late()
    _values()
    _in_use()
    _order()


def _quotas() -> None:
    @rule("2.1 lim", "ec2", "CreateVpc")
    def vpcs_of_a_region(call: Call) -> None:
        """Five VPCs a region, the default one included in AWS's count but absent here."""
        used = 1 + sum(not vpc.is_default for vpc in call.backend().vpcs.values())
        call.quota("vpcs", used, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")

    @rule("2.3 id", "ec2", "CreateInternetGateway")
    def internet_gateways_of_a_region(call: Call) -> None:
        """As many internet gateways as VPCs."""
        used = 1 + len(call.backend().internet_gateways)
        message = "The maximum number of internet gateways has been reached."
        call.quota("internet-gateways", used, "InternetGatewayLimitExceeded", message)

    @rule("0.5, 2.4 id", "ec2", "AllocateAddress")
    def elastic_addresses_of_a_region(call: Call) -> None:
        """Five elastic addresses a region."""
        used = 1 + len(call.backend().addresses)
        message = "The maximum number of addresses has been reached."
        call.quota("elastic-ips", used, "AddressLimitExceeded", message)

    @rule("2.5 lim", "ec2", "CreateNatGateway")
    def nat_gateways_of_a_zone(call: Call) -> None:
        """Five NAT gateways a zone."""
        ec2 = call.backend()
        zone = ec2.get_subnet(call.get("SubnetId")).availability_zone
        used = 1 + sum(ec2.get_subnet(nat.subnet_id).availability_zone == zone for nat in gateways(ec2))
        message = f"Performing this operation would exceed the limit of NAT gateways in {zone}."
        call.quota("nat-gateways-per-zone", used, "NatGatewayLimitExceeded", message)

    @rule("2.7 lim", "ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
    def rules_of_a_group(call: Call) -> None:
        """Sixty rules a group and direction."""
        group = call.backend().get_security_group_from_id(call.get("GroupId"))
        if group is None:
            return
        held = group.ingress_rules if call.operation.endswith("Ingress") else group.egress_rules
        used = 1 + len(held)
        message = "The maximum number of rules per security group has been reached."
        call.quota("security-group-rules", used, "RulesPerSecurityGroupLimitExceeded", message)


PLACES = {
    "CreateVpc": "vpcs",
    "CreateSubnet": "subnets",
    "CreateInternetGateway": "internet_gateways",
    "CreateRouteTable": "route_tables",
    "CreateSecurityGroup": "groups",
    "CreateNatGateway": "nat_gateways",
}
"""Where moto keeps what an operation makes: by id, or by zone or VPC and then by id."""


def _leaves(place: Any) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for name, one in place.items():
        if isinstance(one, dict):
            found |= {inner: (one, value) for inner, value in one.items()}
        else:
            found[name] = (place, one)
    return found


def shown(call: Call) -> dict[str, Any]:
    """The subnets that a call of another service names, by id. What EC2 shows late, others see late, too."""
    known = {name: one for zone in call.backend("ec2").subnets.values() for name, one in zone.items()}
    named = call.get("SubnetIds", [])
    unknown = [name for name in named if name not in known]
    if unknown:
        raise Refused("InvalidSubnet", f"Subnet IDs [{', '.join(unknown)}] are not valid.")
    return {name: known[name] for name in named}


def _late() -> None:
    @rule("1.4, 2.1 lag", "ec2", *PLACES)
    def new_things_are_seen_late(call: Call) -> Iterator[None]:
        """For seconds after its creation, reads by id answer NotFound and lists leave it out."""
        place = getattr(call.backend(), PLACES[call.operation])
        before = set(_leaves(place))
        yield
        for name, (home, one) in _leaves(place).items():
            if name not in before and getattr(one, "name", "") != "default" and call.world.clock.factor:
                home.pop(name)
                call.world.clock.later(SEEN_AFTER, home.setdefault, name, one)


def _slow() -> None:
    @rule("2.5 ready", "ec2", "CreateNatGateway")
    def nat_gateway_takes_minutes(call: Call) -> Iterator[None]:
        """Pending for minutes; without an internet gateway it is made, and fails then."""
        ec2 = call.backend()
        before = set(ec2.nat_gateways)
        yield
        attached = {g.vpc.id for g in ec2.internet_gateways.values() if g.vpc}
        for name, one in ec2.nat_gateways.items():
            if name not in before and (call.world.clock.factor or one.vpc_id not in attached):
                one.state = "pending"
                word = "available" if one.vpc_id in attached else "failed"
                call.world.clock.later(NAT, becomes, one, "state", "pending", word)

    @rule("2.5 del", "ec2", "DeleteNatGateway")
    def nat_gateway_goes_slowly(call: Call) -> Iterator[None]:
        """Deleting for a minute or more; its address stays in use for as long."""
        yield
        nat = call.backend().nat_gateways.get(call.get("NatGatewayId"))
        if nat is not None and call.world.clock.factor:
            nat.state = "deleting"
            call.world.clock.later(NAT_GONE, becomes, nat, "state", "deleting", "deleted")

    @rule("2.9 ready", "ec2", "CreateVpcEndpoint")
    def interface_endpoint_takes_minutes(call: Call) -> Iterator[None]:
        """An interface endpoint is pending for a minute or more, a gateway is there at once."""
        ec2 = call.backend()
        before = set(ec2.vpc_end_points)
        yield
        for name, one in ec2.vpc_end_points.items():
            if name not in before and str(one.vpc_endpoint_type).lower() == "interface" and call.world.clock.factor:
                one.state = "pending"
                call.world.clock.later(ENDPOINT, becomes, one, "state", "pending", "available")

    @rule("2.9 del", "ec2", "DeleteVpcEndpoints")
    def interface_endpoint_goes_slowly(call: Call) -> Iterator[None]:
        """Deleting for a minute or more."""
        yield
        for name in call.get("VpcEndpointIds", []):
            one = call.backend().vpc_end_points.get(name)
            if one is not None and str(one.vpc_endpoint_type).lower() == "interface" and call.world.clock.factor:
                one.state = "deleting"
                call.world.clock.later(ENDPOINT, becomes, one, "state", "deleting", "deleted")


def _values() -> None:
    @rule("2.7 id", "ec2", "CreateSecurityGroup")
    def group_names_and_descriptions(call: Call) -> None:
        """No name that begins with sg-; descriptions of 255 characters from a small set."""
        name, about = call.get("GroupName", ""), call.get("Description", "")
        if name.startswith("sg-") or len(name) > 255:
            raise Refused("InvalidParameterValue", f"Value ({name}) for parameter GroupName is invalid.")
        if not DESCRIPTION.fullmatch(about):
            raise Refused("InvalidParameterValue", f"Value ({about}) for parameter GroupDescription is invalid.")

    @rule("2.3 id", "ec2", "AttachInternetGateway")
    def one_internet_gateway_a_vpc(call: Call) -> None:
        """A VPC has one internet gateway."""
        ec2, vpc = call.backend(), call.get("VpcId")
        if any(g.vpc and g.vpc.id == vpc for g in ec2.internet_gateways.values()):
            raise Refused("Resource.AlreadyAssociated", f"Network {vpc} already has an internet gateway attached")

    @rule("2.6 id", "ec2", "AssociateRouteTable")
    def one_table_a_subnet(call: Call) -> None:
        """An associated subnet is moved with ReplaceRouteTableAssociation only."""
        subnet = call.get("SubnetId")
        for table in call.backend().route_tables.values():
            if subnet in table._associations.values():
                message = f"the specified association for route table {table.id} conflicts with an existing association"
                raise Refused("Resource.AlreadyAssociated", message)

    @rule("2.5 lag", "ec2", "CreateRoute", "ReplaceRoute")
    def a_route_needs_its_gateway(call: Call) -> None:
        """A route to a NAT gateway that is not there, or not there yet."""
        nat = call.get("NatGatewayId")
        if nat and nat not in {one.id for one in gateways(call.backend())}:
            raise Refused("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")


def _in_use() -> None:
    @rule("2.4 del", "ec2", "ReleaseAddress")
    def address_of_a_nat_gateway(call: Call) -> None:
        """The address of a NAT gateway that is not deleted yet is in use."""
        allocation = call.get("AllocationId")
        for nat in gateways(call.backend()):
            if any(a.get("allocationId") == allocation for a in nat.address_set):
                raise Refused("InvalidIPAddress.InUse", f"Address '{allocation}' is in use by {nat.id}.")

    @rule("2.7 del, 0.7", "ec2", "DeleteSecurityGroup")
    def group_in_use(call: Call) -> None:
        """A group that is on an interface, or that another group's rule names, stays."""
        ec2, group = call.backend(), call.get("GroupId")
        others = [g for held in ec2.groups.values() for g in held.values() if g.id != group]
        named = any(
            one.source_group.get("GroupId") == group
            for other in others
            for one in (*other.ingress_rules, *other.egress_rules)
        )
        if named or of_group(ec2, group):
            raise Refused("DependencyViolation", f"resource {group} has a dependent object")

    @rule("2.2 del", "ec2", "DeleteSubnet")
    def subnet_in_use(call: Call) -> None:
        """A subnet with any interface in it, or a NAT gateway that is not deleted yet, stays."""
        ec2, subnet = call.backend(), call.get("SubnetId")
        if of_subnet(ec2, subnet) or any(nat.subnet_id == subnet for nat in gateways(ec2)):
            message = f"The subnet '{subnet}' has dependencies and cannot be deleted."
            raise Refused("DependencyViolation", message)

    @rule("2.3 del", "ec2", "DetachInternetGateway")
    def mapped_public_addresses(call: Call) -> None:
        """The internet gateway stays while a public address in its VPC is in use: NAT, load balancer."""
        ec2, vpc = call.backend(), call.get("VpcId")
        public = any(e.public_ip and e.subnet.vpc_id == vpc for e in ec2.enis.values())
        if public or any(nat.vpc_id == vpc for nat in gateways(ec2)):
            message = (
                f"Network {vpc} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )
            raise Refused("DependencyViolation", message)


def _order() -> None:
    @rule("2.1 del", "ec2", "DeleteVpc")
    def vpc_in_use(call: Call) -> None:
        """A VPC goes when subnets, gateways, groups, tables, endpoints and interfaces have gone."""
        ec2, vpc = call.backend(), call.get("VpcId")
        tables = [t for t in ec2.route_tables.values() if t.vpc_id == vpc and not t.main_association_id]
        inside = [
            *(e for e in ec2.enis.values() if e.subnet.vpc_id == vpc),
            *(g for g in ec2.internet_gateways.values() if g.vpc and g.vpc.id == vpc),
            *(g for g in ec2.groups.get(vpc, {}).values() if g.name != "default"),
            *(e for e in ec2.vpc_end_points.values() if e.vpc_id == vpc and e.state != "deleted"),
            *(n for n in gateways(ec2) if n.vpc_id == vpc),
            *tables,
        ]
        if inside:
            raise Refused("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted.")
