"""One sample per kind of resource: how to make it in an empty account, and which settings can change in place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Made, Resource
from reptiops.engine.scope import Names, Scope


class World:
    """An empty emulated account with the plain-boto3 prerequisites that several kinds need, each made when first asked for."""

    def __init__(self) -> None:
        self.session = boto3.Session("test", "test", region_name="us-east-1")
        self.aws = Aws(self.session, "us-east-1")
        self.tags_lag = False
        """Whether the tagging API shows nothing yet, as AWS's does for minutes."""
        self.session._session.register("before-call.resource-groups-tagging-api.GetResources", self._lagging)
        self.names = Names("reptidex", "dev", self.aws.account(), "us-east-1")

    def _lagging(self, **_: Any) -> Any:
        if not self.tags_lag:
            return None
        return AWSResponse("", 200, {}, None), {"ResourceTagMappingList": [], "PaginationToken": ""}

    def identity(self, address: str) -> Identity:
        return Identity(address, {**self.names.tags, "reptiops:address": address})

    @cached_property
    def vpc(self) -> str:
        client = self.session.client("ec2")
        vpc: str = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        client.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        gateway = client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        client.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return vpc

    @cached_property
    def subnets(self) -> tuple[str, str]:
        client = self.session.client("ec2")
        made = [
            client.create_subnet(VpcId=self.vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"us-east-1{z}")[
                "Subnet"
            ]["SubnetId"]
            for n, z in ((1, "a"), (2, "b"))
        ]
        return made[0], made[1]

    @cached_property
    def group(self) -> str:
        answer: dict[str, Any] = self.session.client("ec2").create_security_group(
            GroupName="sample", Description="sample", VpcId=self.vpc
        )
        return str(answer["GroupId"])

    def another(self, want: Any, **changes: Any) -> Any:
        """A second one that differs from `want` as said, made and found; its address is another."""
        second = replace(want, **changes)
        made = second.create(self.aws, self.identity("network/sample/two"))
        identifier = made.id if isinstance(made, Made) else made
        return next(
            one for one in type(second).observe(self.aws, Scope(self.aws, self.names, [second])) if one.id == identifier
        )

    def role(self, service: str) -> str:
        """The ARN of a role that the service may assume."""
        allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        name = "sample-" + service.split(".")[0]
        answer: dict[str, Any] = self.session.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=document
        )
        return str(answer["Role"]["Arn"])

    @cached_property
    def certificate(self) -> str:
        """The ARN of an issued certificate: its validation record is in a zone of the account."""
        acm, route53 = self.session.client("acm"), self.session.client("route53")
        zone = route53.create_hosted_zone(Name="reptidex.com.", CallerReference="certificate")["HostedZone"]["Id"]
        arn = str(acm.request_certificate(DomainName="dev.reptidex.com", ValidationMethod="DNS")["CertificateArn"])
        asked = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        wanted = asked[0]["ResourceRecord"]
        record = {"Name": wanted["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": wanted["Value"]}]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        return arn


@dataclass(frozen=True)
class Sample:
    """A kind, how to make a wanted one, and functions that each change one setting that can change in place."""

    kind: type[Resource]
    make: Callable[[World], Resource]
    changes: list[Callable[[Any], Resource]] = field(default_factory=list)
    beside: tuple[Resource, ...] = ()
    """What else the configuration would want, where an observation asks for it."""
    beyond: Callable[[World, Any, Any], None] | None = None
    """(world, wanted, live): what else its methods can meet with and call, before it is deleted."""
