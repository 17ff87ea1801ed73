"""What holds a subnet, a group, a gateway or a VPC while AWS refuses its deletion: whose it is, and what frees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.aws import Aws

OWNERS: tuple[tuple[str, str], ...] = (
    ("ELB ", "a load balancer's, gone within five minutes of its deletion"),
    ("Interface for NAT Gateway", "a NAT gateway's, gone when that is deleted"),
    ("VPC Endpoint Interface", "a VPC endpoint's, gone within five minutes of its deletion"),
    ("RDSNetworkInterface", "a database's, gone with the instance"),
    ("ElastiCache", "a cache's, gone with its cluster"),
    ("arn:aws:ecs:", "a Fargate task's, gone within a minute of its stop"),
    ("AWS Lambda VPC ENI", "a Lambda function's, gone up to 40 minutes after its last version"),
)
"""How AWS describes the interfaces of its services, and when those go (aws-facts 2.8)."""
INTERFACES = "ec2:DescribeNetworkInterfaces"
INSIDE = (
    INTERFACES,
    *(f"ec2:Describe{what}" for what in ("Subnets", "SecurityGroups", "RouteTables", "VpcEndpoints")),
)
"""The rights that it takes to see what holds an interface's subnet or group, and what is in a VPC."""
SHOWN = 5
"""How many are named; the rest is counted."""


def listed(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    some = list(names)
    more = f" and {len(some) - SHOWN} more" if len(some) > SHOWN else ""
    return "; ".join(some[:SHOWN]) + more


def interface(one: Mapping[str, Any]) -> str:
    """One interface: its id, whose it is, where, with which groups, and what frees it."""
    about = str(one.get("Description", ""))
    whose = next((words for start, words in OWNERS if about.startswith(start)), "")
    instance = (one.get("Attachment") or {}).get("InstanceId")
    if not whose and instance:
        whose = f"of instance {instance}: terminate that, or detach the interface"
    groups = ", ".join(f"{g.get('GroupName', '')} {g['GroupId']}" for g in one.get("Groups", []))
    place = f"in {one.get('SubnetId', '?')}, groups {groups or 'none'}"
    return f"{one['NetworkInterfaceId']} ({about or 'no description'}; {place}): {whose or 'delete it'}"


def interfaces(aws: Aws, name: str, value: str, public: bool = False) -> str:
    """A sentence on the interfaces that a filter finds; `public`: only those with a public address."""
    found = aws.ec2.pages(
        "describe_network_interfaces", "NetworkInterfaces", Filters=[{"Name": name, "Values": [value]}]
    )
    those = [one for one in found if not public or (one.get("Association") or {}).get("PublicIp")]
    return f"Held by {listed(interface(one) for one in those)}." if those else ""


def naming(aws: Aws, group: str) -> str:
    """A sentence on the groups whose rules name this one."""
    found = set()
    for side in ("ip-permission", "egress.ip-permission"):
        filters = [{"Name": f"{side}.group-id", "Values": [group]}]
        for one in aws.ec2.pages("describe_security_groups", "SecurityGroups", Filters=filters):
            if one["GroupId"] != group:
                found.add(f"{one['GroupName']} {one['GroupId']}")
    return f"Named in rules of {listed(sorted(found))}: revoke those." if found else ""


def inside(aws: Aws, vpc: str) -> str:
    """A sentence on what is left in a VPC, beside what comes and goes with it."""
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    found = [
        *(one["SubnetId"] for one in aws.ec2.pages("describe_subnets", "Subnets", Filters=mine)),
        *(
            one["GroupId"]
            for one in aws.ec2.pages("describe_security_groups", "SecurityGroups", Filters=mine)
            if one["GroupName"] != "default"
        ),
        *(
            one["RouteTableId"]
            for one in aws.ec2.pages("describe_route_tables", "RouteTables", Filters=mine)
            if not any(a.get("Main") for a in one.get("Associations", []))
        ),
        *(
            one["VpcEndpointId"]
            for one in aws.ec2.pages("describe_vpc_endpoints", "VpcEndpoints", Filters=mine)
            if one.get("State", "").lower() != "deleted"
        ),
    ]
    return f"In it are still {listed(found)}." if found else ""


def together(*sentences: str) -> str:
    """Those that say something."""
    return " ".join(sentence for sentence in sentences if sentence)
