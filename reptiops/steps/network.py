"""Phase 1, the network: a VPC with a public and a private subnet in each zone."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.resources.ec2 import ElasticIp, InternetGateway, NatGateway, RouteTable, Subnet, Vpc

ANYWHERE = "0.0.0.0/0"


@step()
def vpc(env: Environment) -> Vpc:
    """The environment's own network; everything that is not global lives in it."""
    return Vpc(cidr=env.network.cidr, name=env.named("vpc"))


@step()
def internet_gateway(env: Environment, vpc: Result) -> InternetGateway:
    """The way in for the load balancer, and out for the NAT gateways."""
    return InternetGateway(vpc=vpc.id, name=env.named("igw"))


@step()
def public_subnet(env: Environment, vpc: Result) -> dict[str, Subnet]:
    """One per zone: the load balancer and the NAT gateways live here."""
    return {
        zone: Subnet(vpc=vpc.id, zone=zone, cidr=cidr, name=env.named("public", zone), public=True)
        for zone, cidr in env.public_subnets.items()
    }


@step()
def private_subnet(env: Environment, vpc: Result) -> dict[str, Subnet]:
    """One per zone: tasks, database and cache live here."""
    return {
        zone: Subnet(vpc=vpc.id, zone=zone, cidr=cidr, name=env.named("private", zone))
        for zone, cidr in env.private_subnets.items()
    }


@step()
def public_route_table(
    env: Environment, vpc: Result, internet_gateway: Result, public_subnet: Mapping[str, Result]
) -> RouteTable:
    """Public subnets reach the internet directly."""
    subnets = frozenset(subnet.id for subnet in public_subnet.values())
    return RouteTable(vpc=vpc.id, name=env.named("public"), routes={ANYWHERE: internet_gateway.id}, subnets=subnets)


@step()
def elastic_ip(env: Environment) -> dict[str, ElasticIp]:
    """The address of each NAT gateway."""
    return {zone: ElasticIp(name=env.named("nat", zone)) for zone in env.network.nat_zones}


@step(after=("public_route_table",))
def nat_gateway(
    env: Environment, public_subnet: Mapping[str, Result], elastic_ip: Mapping[str, Result]
) -> dict[str, NatGateway]:
    """How private subnets reach the internet; its own subnet must have the internet route before."""
    return {
        zone: NatGateway(subnet=public_subnet[zone].id, address=address.id, name=env.named("nat", zone))
        for zone, address in elastic_ip.items()
    }


@step()
def private_route_table(
    env: Environment, vpc: Result, private_subnet: Mapping[str, Result], nat_gateway: Mapping[str, Result]
) -> dict[str, RouteTable]:
    """One per zone, so that each zone leaves through its own NAT gateway where it has one."""
    return {
        zone: RouteTable(
            vpc=vpc.id,
            name=env.named("private", zone),
            routes={ANYWHERE: nat_gateway[via].id} if (via := env.network.nat_by_zone.get(zone)) else {},
            subnets=frozenset({subnet.id}),
        )
        for zone, subnet in private_subnet.items()
    }
