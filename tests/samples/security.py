"""Samples of certificates, records, the trail and service-linked roles."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reptiops.aws import Aws
from reptiops.engine.resource import Kept, Live
from reptiops.resources.acm import Certificate, SelfSignedCertificate
from reptiops.resources.cloudtrail import Trail
from reptiops.resources.iam import ServiceLinkedRole
from reptiops.resources.route53 import AliasRecords, HostedZone, ValidationRecord
from reptiops.resources.route53_sets import Alias
from tests.samples import Sample, World

NAMES = frozenset({"reptidex.com", "*.reptidex.com"})
ONE, TWO = Alias("one.us-east-1.elb.amazonaws.com", "Z35SXDOTRQ7X7K"), Alias("two.cloudfront.net", "Z2FDTNDATAQYW2")


def _zone(world: World) -> str:
    answer: dict[str, Any] = world.session.client("route53").create_hosted_zone(
        Name="reptidex.com.", CallerReference="sample"
    )
    return str(answer["HostedZone"]["Id"]).rsplit("/", 1)[-1]


def _record(world: World) -> ValidationRecord:
    acm = world.session.client("acm")
    tags = [{"Key": k, "Value": v} for k, v in {**world.names.tags, "reptiops:address": "security/certificate"}.items()]
    arn = acm.request_certificate(DomainName="reptidex.com", ValidationMethod="DNS", Tags=tags)["CertificateArn"]
    option = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
    name, value = (option["ResourceRecord"][k].rstrip(".").lower() for k in ("Name", "Value"))
    return ValidationRecord(_zone(world), name, value, 300, arn)


def _bucket(world: World, name: str) -> str:
    """A bucket into which trails may write."""
    s3 = world.session.client("s3")
    s3.create_bucket(Bucket=name)
    trail = {"Service": "cloudtrail.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": trail, "Action": action, "Resource": f"arn:aws:s3:::{name}{path}"}
        for action, path in (("s3:GetBucketAcl", ""), ("s3:PutObject", "/AWSLogs/*"))
    ]
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return name


def _renewed(world: World, want: SelfSignedCertificate, live: Live[SelfSignedCertificate]) -> None:
    want.update(world.aws, live, frozenset({"renewal_due"}))


def _beside_another(world: World, want: ValidationRecord, live: Live[ValidationRecord]) -> None:
    """A certificate for the same domain needs the record too, in whichever region: it stays."""
    for region in ("us-east-1", "eu-west-1"):
        acm = world.session.client("acm", region_name=region)
        arn = acm.request_certificate(DomainName="reptidex.com", ValidationMethod="DNS")["CertificateArn"]
        with pytest.raises(Kept, match=region if region == "eu-west-1" else arn):
            want.delete(Aws(world.session, "us-east-1"), live)
        acm.delete_certificate(CertificateArn=arn)
    _unread(world, want, live)


def _unread(world: World, want: ValidationRecord, live: Live[ValidationRecord]) -> None:
    """A region that may not be asked keeps it too, and so does a list of regions that may not be read."""
    events, session = [], boto3.Session("test", "test", region_name="us-east-1")

    def denied(model: Any, **_: Any) -> None:
        if model.name == events[-1]:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, model.name)

    session.events.register("before-call", denied)
    for name in ("ListCertificates", "DescribeRegions"):
        events.append(name)
        with pytest.raises(Kept, match="AccessDenied"):
            want.delete(Aws(session, "us-east-1"), live)


def _made_by_another(world: World, want: ServiceLinkedRole, live: Live[ServiceLinkedRole]) -> None:
    assert want.create(world.aws, world.identity("security/service_linked_role/ecs")).id == live.id


READING = json.dumps(
    {
        "EventSelectors": [
            {
                "DataResources": [],
                "ExcludeManagementEventSources": [],
                "IncludeManagementEvents": True,
                "ReadWriteType": "ReadOnly",
            }
        ]
    }
)
SAMPLES = [
    Sample(Certificate, lambda world: Certificate("reptidex.com", NAMES)),
    Sample(SelfSignedCertificate, lambda world: SelfSignedCertificate("reptidex.com", NAMES), beyond=_renewed),
    Sample(HostedZone, lambda world: HostedZone("reptidex.org")),
    Sample(
        ValidationRecord,
        _record,
        [lambda r: replace(r, ttl_seconds=60), lambda r: replace(r, value="b.example")],
        beside=(Certificate("reptidex.com", NAMES),),
        beyond=_beside_another,
    ),
    Sample(
        AliasRecords,
        lambda world: AliasRecords(_zone(world), "load_balancer", {"a.reptidex.com": ONE, "b.reptidex.com": ONE}),
        [
            lambda r: replace(r, hosts={**r.hosts, "a.reptidex.com": TWO}),
            lambda r: replace(r, hosts={**r.hosts, "*.c.reptidex.com": TWO}),
        ],
    ),
    Sample(
        Trail,
        lambda world: Trail("reptidex-dev", _bucket(world, "sample-logs")),
        [
            lambda t: replace(t, logging=False),
            lambda t: replace(t, logging=True),
            lambda t: replace(t, multi_region=False),
            lambda t: replace(t, events=READING),
            lambda t: replace(t, events=""),
            lambda t: replace(t, log_file_validation=False),
            lambda t: replace(t, global_events=False, multi_region=False),
        ],
    ),
    Sample(ServiceLinkedRole, lambda world: ServiceLinkedRole("ecs.amazonaws.com"), beyond=_made_by_another),
]
