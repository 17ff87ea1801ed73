"""Network interfaces that AWS's own services put into a VPC. They outlive their owners and hold subnets and groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reptiops.sandbox.rules import Call


def put(call: Call, subnets: Iterable[str], groups: Iterable[str], description: str, public: bool = False) -> None:
    """One interface in each subnet, described as AWS describes those of this owner."""
    ec2 = call.backend("ec2")
    for name in subnets:
        eni = ec2.create_network_interface(ec2.get_subnet(name), None, group_ids=list(groups), description=description)
        eni.requester_managed, eni.status = True, "in-use"
        if public:
            eni.public_ip = eni.public_ip or "203.0.113.10"


def described(ec2: Any, description: str) -> list[Any]:
    """The interfaces of one owner."""
    return [eni for eni in ec2.enis.values() if eni.description == description]


def take(call: Call, description: str, seconds: float) -> None:
    """They go so many of AWS's seconds after their owner."""
    ec2 = call.backend("ec2")
    for eni in described(ec2, description):
        call.world.clock.later(seconds, ec2.enis.pop, eni.id, None)


def of_subnet(ec2: Any, subnet: str) -> list[Any]:
    """The interfaces in a subnet."""
    return [eni for eni in ec2.enis.values() if eni.subnet.id == subnet]


def of_group(ec2: Any, group: str) -> list[Any]:
    """The interfaces that a security group is on."""
    return [eni for eni in ec2.enis.values() if any(g.id == group for g in eni.group_set)]
