"""What a service says that does not see yet what another has made, and what moto takes and AWS refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops.aws import THROTTLED
from reptiops.engine.passing import passes
from reptiops.resources import (
    autoscaling,
    cloudtrail,
    ec2_access,
    ec2_endpoints,
    ec2_gateways,
    ec2_routes,
    elbv2,
    logs,
    rds,
    rds_groups,
    ssm,
)
from reptiops.steps import documented
from tests.samples import World
from tests.samples.compute import CLUSTER, _balancer, _cluster, _task
from tests.strict import refused

NEIGHBOURS = [
    (ec2_gateways.NatGateway, "InvalidSubnetId.NotFound"),
    (ec2_gateways.NatGateway, "InvalidAllocationID.NotFound"),
    (ec2_access.SecurityGroupRule, "InvalidSecurityGroupID.NotFound"),
    (ec2_endpoints.VpcEndpoint, "InvalidRouteTableID.NotFound"),
    (ec2_endpoints.VpcEndpoint, "InvalidRouteTableId.NotFound"),
    (ec2_endpoints.VpcEndpoint, "InvalidSubnetId.NotFound"),
    (ec2_routes.RouteTable, "InvalidSubnetId.NotFound"),
    (ec2_routes.RouteTable, "NatGatewayNotFound"),
    (rds_groups.SubnetGroup, "InvalidSubnet"),
    (rds.Instance, "InvalidVPCNetworkStateFault"),
    (elbv2.LoadBalancer, "SubnetNotFound"),
    (autoscaling.ScalingPolicy, "ObjectNotFoundException"),
    (cloudtrail.Trail, "InsufficientS3BucketPolicyException"),
    (ssm.Parameter, "TooManyUpdates"),
    (logs.LogGroup, "OperationAbortedException"),
]
"""Codes by which a service says that it does not see yet what another has made; some are spelt in two ways."""


@pytest.mark.parametrize(("kind", "code"), NEIGHBOURS)
def test_what_a_new_neighbour_answers_is_waited_out(kind: Any, code: str) -> None:
    assert passes(kind, ClientError({"Error": {"Code": code, "Message": "it does not exist"}}, "Anything"))


@pytest.mark.parametrize("code", ["LimitExceededException", "LimitExceeded", "VpcLimitExceeded"])
def test_a_quota_is_no_throttling(code: str) -> None:
    """botocore's standard mode repeats LimitExceededException, which is a real quota of many services."""
    error = ClientError({"Error": {"Code": code, "Message": "no more"}}, "Anything")
    assert code not in THROTTLED
    assert not any(passes(kind, error) for kind in documented().kinds())


def _gateway(world: World) -> dict[str, Any]:
    client = world.session.client("ec2")
    address = client.allocate_address(Domain="vpc")["AllocationId"]
    client.create_nat_gateway(SubnetId=world.subnets[0], AllocationId=address)
    return {"address": address, "gateway": client.describe_internet_gateways()["InternetGateways"][0]}


def _trust(arn: str) -> str:
    allow = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


NOBODY = "arn:aws:iam::123456789012:role/nobody"
TARGET = {"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/x", "RoleArn": NOBODY}
INSTANCE = {"DBInstanceIdentifier": "x", "Engine": "postgres", "DBInstanceClass": "db.t4g.micro"}
REFUSED: dict[str, tuple[Callable[[World], Any], str]] = {
    "an address in use": (
        lambda w: w.session.client("ec2").release_address(AllocationId=_gateway(w)["address"]),
        "InvalidIPAddress.InUse",
    ),
    "a gateway in use": (
        lambda w: w.session.client("ec2").detach_internet_gateway(
            InternetGatewayId=_gateway(w)["gateway"]["InternetGatewayId"], VpcId=w.vpc
        ),
        "DependencyViolation",
    ),
    "a subnet in use": (
        lambda w: _gateway(w) and w.session.client("ec2").delete_subnet(SubnetId=w.subnets[0]),
        "DependencyViolation",
    ),
    "a flow log of nobody": (
        lambda w: w.session.client("ec2").create_flow_logs(
            ResourceIds=[w.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName="x",
            DeliverLogsPermissionArn=NOBODY,
        ),
        "InvalidParameter",
    ),
    "a schedule of nobody": (
        lambda w: w.session.client("scheduler").create_schedule(
            Name="x", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target=TARGET
        ),
        "ValidationException",
    ),
    "a trust in nobody": (
        lambda w: w.session.client("iam").create_role(RoleName="x", AssumeRolePolicyDocument=_trust(NOBODY)),
        "MalformedPolicyDocument",
    ),
    "a deletion without a word": (
        lambda w: w.session.client("rds").delete_db_instance(DBInstanceIdentifier="x"),
        "InvalidParameterCombination",
    ),
    "a reserved user": (
        lambda w: w.session.client("rds").create_db_instance(
            **INSTANCE, MasterUsername="admin", MasterUserPassword="long-enough"
        ),
        "InvalidParameterValue",
    ),
    "a password with a slash": (
        lambda w: w.session.client("rds").create_db_instance(
            **INSTANCE, MasterUsername="one", MasterUserPassword="long/enough"
        ),
        "InvalidParameterValue",
    ),
    "a class that is none": (
        lambda w: w.session.client("rds").create_db_instance(**{**INSTANCE, "DBInstanceClass": "db.t4g.micr0"}),
        "InvalidParameterValue",
    ),
    "a node that is none": (
        lambda w: w.session.client("elasticache").create_replication_group(
            ReplicationGroupId="x", ReplicationGroupDescription="x", CacheNodeType="cache.z9.micro"
        ),
        "InvalidParameterValue",
    ),
    "a token without encryption": (
        lambda w: w.session.client("elasticache").create_replication_group(
            ReplicationGroupId="x", ReplicationGroupDescription="x", AuthToken="a" * 16
        ),
        "InvalidParameterCombination",
    ),
    "a load balancer in one zone": (
        lambda w: w.session.client("elbv2").create_load_balancer(Name="x", Subnets=[w.subnets[0]]),
        "ValidationError",
    ),
    "logs into no bucket": (
        lambda w: w.session.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=_balancer(w),
            Attributes=[
                {"Key": "access_logs.s3.enabled", "Value": "true"},
                {"Key": "access_logs.s3.bucket", "Value": "none"},
            ],
        ),
        "InvalidConfigurationRequest",
    ),
    "no pair": (
        lambda w: w.session.client("ecs").register_task_definition(
            family="x",
            cpu="512",
            memory="1536",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{"name": "one", "image": "x"}],
        ),
        "ClientException",
    ),
    "a service twice": (
        lambda w: [
            w.session.client("ecs").create_service(
                cluster=cluster, serviceName="one", taskDefinition="sample", desiredCount=0
            )
            for cluster in (_cluster(w), _task(w) and CLUSTER.name)
        ],
        "InvalidParameterException",
    ),
    "a trail without a policy": (
        lambda w: (
            w.session.client("s3").create_bucket(Bucket="trail-logs")
            and w.session.client("cloudtrail").create_trail(Name="one", S3BucketName="trail-logs")
        ),
        "InsufficientS3BucketPolicyException",
    ),
    "a topic with other tags": (
        lambda w: [
            w.session.client("sns").create_topic(Name="one", Tags=[{"Key": "A", "Value": value}]) for value in "ab"
        ],
        "InvalidParameter",
    ),
}
"""What moto alone takes (docs/aws-notes.md, section 10) and AWS's code for it."""


@pytest.mark.parametrize("what", REFUSED)
def test_10_what_moto_takes_and_aws_refuses(what: str, world: World) -> None:
    call, code = REFUSED[what]
    refused(lambda: call(world), code)
