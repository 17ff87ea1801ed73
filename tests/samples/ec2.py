"""Samples of the network's kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.resources.ec2 import Subnet, Vpc
from reptiops.resources.ec2_gateways import ElasticIp, InternetGateway, NatGateway
from reptiops.resources.ec2_routes import RouteTable
from tests.samples import Sample, World


def owned_vpc(world: World) -> str:
    """Children are looked for in the environment's own VPC, so it has to carry the environment's tags."""
    tags = [{"Key": k, "Value": v} for k, v in {**world.names.tags, "reptiops:address": "network/vpc"}.items()]
    world.session.client("ec2").create_tags(Resources=[world.vpc], Tags=tags)
    return world.vpc


def _gateway(world: World) -> str:
    answer: dict[str, Any] = world.session.client("ec2").describe_internet_gateways()
    return str(answer["InternetGateways"][0]["InternetGatewayId"])


def _address(world: World) -> str:
    return str(world.session.client("ec2").allocate_address(Domain="vpc")["AllocationId"])


def _another_vpc(world: World) -> str:
    return str(world.session.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


def _table(world: World) -> RouteTable:
    subnets = world.subnets
    return RouteTable(owned_vpc(world), "one", {"0.0.0.0/0": _gateway(world)}, frozenset(subnets[:1]))


def _public(world: World, want: Subnet, live: Live[Subnet]) -> None:
    second = world.another(want, cidr="10.1.78.0/24", public=True)
    want.delete(world.aws, second)


def _moved(world: World, want: InternetGateway, live: Live[InternetGateway]) -> None:
    elsewhere = replace(want, vpc=_another_vpc(world))
    for _ in ("done", "and asked for again, for the answer was lost"):
        elsewhere.update(world.aws, live, frozenset({"vpc"}))


def _rerouted(world: World, want: RouteTable, live: Live[RouteTable]) -> None:
    """Another gateway for a route; a subnet that has no table, one that has another, and one that stays."""
    client, (first, second) = world.session.client("ec2"), world.subnets
    gateway = client.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    client.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=world.vpc)
    other = client.create_route_table(VpcId=world.vpc)["RouteTable"]["RouteTableId"]
    client.associate_route_table(RouteTableId=other, SubnetId=first)
    new = replace(want, routes={"0.0.0.0/0": gateway}, subnets=frozenset({first, second}))
    new.update(world.aws, live, frozenset({"routes", "subnets"}))


SAMPLES = [
    Sample(
        Vpc,
        lambda world: Vpc("10.7.0.0/16", "one"),
        [
            lambda v: replace(v, name="two"),
            lambda v: replace(v, dns_hostnames=False),
            lambda v: replace(v, dns_support=False),
        ],
    ),
    Sample(
        Subnet,
        lambda world: Subnet(owned_vpc(world), "us-east-1a", "10.1.77.0/24", "one"),
        [lambda s: replace(s, name="two"), lambda s: replace(s, public=True), lambda s: replace(s, public=False)],
        beyond=_public,
    ),
    Sample(
        InternetGateway,
        lambda world: InternetGateway(_another_vpc(world), "one"),
        [lambda g: replace(g, name="two")],
        beyond=_moved,
    ),
    Sample(ElasticIp, lambda world: ElasticIp("one"), [lambda e: replace(e, name="two")]),
    Sample(
        NatGateway,
        lambda world: NatGateway(world.subnets[0], _address(world), "one"),
        [lambda n: replace(n, name="two")],
    ),
    Sample(
        RouteTable,
        _table,
        [
            lambda t: replace(t, name="two"),
            lambda t: replace(t, subnets=frozenset()),
            lambda t: replace(t, routes={**t.routes, "192.168.0.0/24": t.routes["0.0.0.0/0"]}),
            lambda t: replace(t, routes={"0.0.0.0/0": t.routes["0.0.0.0/0"]}),
        ],
        beyond=_rerouted,
    ),
]
