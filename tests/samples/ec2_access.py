"""Samples of what is let through the network and what is seen of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.policy import Policy
from reptiops.resources.ec2_access import SecurityGroup, SecurityGroupRule
from reptiops.resources.ec2_endpoints import OPEN_POLICY, VpcEndpoint
from reptiops.resources.ec2_flow_logs import FlowLog
from tests.samples import Sample, World
from tests.samples.ec2 import owned_vpc


def _group(world: World) -> str:
    tags = [{"Key": k, "Value": v} for k, v in {**world.names.tags, "reptiops:address": "security/group"}.items()]
    owned_vpc(world)
    world.session.client("ec2").create_tags(Resources=[world.group], Tags=tags)
    return world.group


def _table(world: World) -> str:
    answer: dict[str, Any] = world.session.client("ec2").create_route_table(VpcId=world.vpc)
    return str(answer["RouteTable"]["RouteTableId"])


def _gateway(world: World) -> VpcEndpoint:
    return VpcEndpoint(
        owned_vpc(world), "com.amazonaws.us-east-1.s3", "Gateway", "one", route_tables=frozenset({_table(world)})
    )


def _flow_log(world: World) -> FlowLog:
    world.session.client("logs").create_log_group(logGroupName="/vpc/sample")
    return FlowLog(owned_vpc(world), "/vpc/sample", world.role("vpc-flow-logs.amazonaws.com"), name="one")


def _outbound(world: World, want: SecurityGroupRule, live: Live[SecurityGroupRule]) -> None:
    for peer in (want.peer, "2001:db8::/32"):
        second = world.another(want, direction="outbound", peer=peer)
        want.delete(world.aws, second)


SAMPLES = [
    Sample(
        SecurityGroup,
        lambda world: SecurityGroup(owned_vpc(world), "sample-sg", "What it is for"),
        [
            lambda g: replace(g, open_outbound=True),
            lambda g: replace(g, open_outbound=False),
            lambda g: replace(g, open_outbound=True),
        ],
    ),
    Sample(
        SecurityGroupRule,
        lambda world: SecurityGroupRule(_group(world), "inbound", "tcp", 443, 443, "10.0.0.0/8"),
        [
            lambda r: replace(r, to_port=444),
            lambda r: replace(r, peer="10.1.0.0/16"),
        ],
        beyond=_outbound,
    ),
    Sample(
        VpcEndpoint,
        _gateway,
        [
            lambda e: replace(e, name="two"),
            lambda e: replace(e, route_tables=frozenset()),
            lambda e: replace(
                e, policy=Policy.make({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"})
            ),
            lambda e: replace(e, policy=OPEN_POLICY),
        ],
    ),
    Sample(FlowLog, _flow_log, [lambda f: replace(f, name="two")]),
]
