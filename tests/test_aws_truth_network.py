"""What is riskiest of networks on AWS and invisible on moto: what holds what, what fails later, what is seen late. See test_aws_truth.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reptiops.engine.deleting import Deleting
from reptiops.engine.passing import passes
from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.engine.state import Entry
from reptiops.resources import (
    ec2,
    ec2_access,
    ec2_gateways,
    elasticache_groups,
    rds_groups,
)
from reptiops.sandbox import gaps, rules
from tests.samples import World
from tests.skipping import Skipping
from tests.strict import ident, refused, work_on

# --- 14-16 network -----------------------------------------------------------------------------------------------


def test_15_what_holds_a_subnet_is_named(slow: Any) -> None:
    client = slow.session.client("elbv2")
    slow.pass_time(1)
    subnets, group = slow.subnets, slow.group
    slow.pass_time(10)
    arn = client.create_load_balancer(Name="sample", Subnets=list(subnets), SecurityGroups=[group])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    client.delete_load_balancer(LoadBalancerArn=arn)
    live = Live(subnets[0], ec2.Subnet(slow.vpc, "us-east-1a", "10.1.1.0/24"), "network/private_subnet/a")
    refused(lambda: live.has.delete(slow.aws, live), "DependencyViolation")
    told = live.has.blockers(slow.aws, live)
    assert all(words in told for words in ("eni-", "ELB app/sample", group))
    assert "load balancer's, gone within five minutes" in told
    of_group = Live(group, ec2_access.SecurityGroup(slow.vpc, "sample", "sample"))
    assert "ELB app/sample" in of_group.has.blockers(slow.aws, of_group)
    slow.pass_time(300)
    live.has.delete(slow.aws, live)


def test_15_a_refused_deletion_says_what_holds_it(slow: Any) -> None:
    slow.pass_time(1)
    group = slow.group
    slow.pass_time(10)
    client = slow.session.client("ec2")
    client.create_network_interface(SubnetId=slow.subnets[0], Groups=[group], Description="by hand")
    live = Live(group, ec2_access.SecurityGroup(slow.vpc, "sample", "sample"))
    clock = Skipping()
    deleting, never = Deleting(live.has, live, slow.aws, clock, clock.now()), threading.Event()
    told = []
    for seconds in (30, 20, 90, 0):
        with pytest.raises(ClientError, match="DependencyViolation") as refused:
            deleting.attempt()
        told.append(str(refused.value))
        clock.sleep(seconds, never)
    assert "by hand" not in told[0], "nobody is told at once: most of what holds something goes by itself"
    assert all(words in one for one in told[1:] for words in ("by hand", "eni-", "delete it"))
    assert slow.aws.calls["ec2:DeleteSecurityGroup"] == 1
    assert slow.aws.polls["ec2:DeleteSecurityGroup"] == 3, "asking again is waiting"
    assert slow.aws.polls["ec2:DescribeNetworkInterfaces"] == 2, "what holds it is read once a minute"


def test_16_a_nat_gateway_that_fails_later_is_seen_as_failed(slow: Any) -> None:
    client = slow.session.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    slow.pass_time(10)
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    slow.pass_time(10)
    want = ec2_gateways.NatGateway(subnet, address, "n")
    want.create(slow.aws, slow.identity("network/nat_gateway/a"))
    slow.pass_time(10)

    def look() -> Live[ec2_gateways.NatGateway]:
        return next(iter(Scope(slow.aws, slow.names, [want]).live(ec2_gateways.NatGateway)))

    assert look().status.phase == "pending"
    slow.pass_time(200)
    assert look().status.phase == "failed", "there is no internet gateway"


# --- 17-18 quotas, lost creates ----------------------------------------------------------------------------------


def test_17_a_sixth_address_is_refused(world: World) -> None:
    client = world.session.client("ec2")
    for _ in range(5):
        client.allocate_address(Domain="vpc")
    want = ec2_gateways.ElasticIp("x")
    refused(lambda: want.create(world.aws, world.identity("network/elastic_ip/a")), "AddressLimitExceeded")


def test_18_a_new_vpc_that_aws_does_not_see_yet_is_not_made_twice() -> None:
    """CreateVpc has no token: the call after it answers NotFound, and the address tag finds the first one."""
    gaps.apply()
    with rules.enforced(factor=0.4), mock_aws():
        world = World()
        want = ec2.Vpc("10.1.0.0/16", "x")
        work = work_on(world, want)
        identifier, _ = work.create("network/vpc", want, ())
        vpcs = world.session.client("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.1.0.0/16"]}])["Vpcs"]
    assert [one["VpcId"] for one in vpcs] == [identifier]


def test_18_a_recorded_vpc_whose_tags_lag_is_still_there(world: World) -> None:
    want = ec2.Vpc("10.1.0.0/16", "x")
    vpc = ident(want.create(world.aws, world.identity("network/vpc")))
    world.session.client("ec2").delete_tags(Resources=[vpc], Tags=[{"Key": "Project"}])
    known = {"network/vpc": Entry("network/vpc", want.kind(), vpc, {}, (), "2026-01-01T00:00:00+00:00")}
    assert [one.id for one in Scope(world.aws, world.names, [want], known).live(ec2.Vpc)] == [vpc]
    assert list(Scope(world.aws, world.names, [want]).live(ec2.Vpc)) == []


@pytest.mark.parametrize("kind", [rds_groups.SubnetGroup, elasticache_groups.SubnetGroup])
def test_a_subnet_group_is_made_when_its_subnets_are_seen(slow: Any, kind: Any) -> None:
    """Other services see as late as EC2 itself what has just been made, in words that pass."""
    client = slow.session.client("ec2")
    subnets = frozenset(
        client.create_subnet(VpcId=slow.vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for number, zone in ((101, "us-east-1a"), (102, "us-east-1b"))
    )
    want = kind("sample", "sample", subnets)
    with pytest.raises(ClientError) as refused:
        want.create(slow.aws, slow.identity("database/group"))
    assert passes(kind, refused.value)
    slow.pass_time(20)
    want.create(slow.aws, slow.identity("database/group"))
