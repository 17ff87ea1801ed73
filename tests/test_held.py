"""What AWS refuses to delete says what holds it, whose that is, and what frees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from reptiops.engine.resource import Live, Resource
from reptiops.resources import acm, cloudfront_headers, ecs, elasticache_groups, iam, rds_groups, s3
from reptiops.sandbox import gaps
from tests.samples import World
from tests.samples.cloudfront import _distribution


@pytest.fixture
def world() -> Iterator[World]:
    gaps.apply()
    with mock_aws():
        yield World()


def held(world: World, want: Resource, identifier: str) -> str:
    return want.blockers(world.aws, Live(identifier, want))


def test_groups_of_a_database(world: World) -> None:
    from tests.samples.database import _instance

    want = _instance(world)
    assert "No instance uses it any more" in held(world, rds_groups.SubnetGroup("sample"), "sample")
    want.create(world.aws, world.identity("database/database"))
    used = "Used by reptidex-dev of reptidex dev (available): free when that is deleted or changed."
    assert held(world, rds_groups.SubnetGroup("sample"), "sample") == used
    assert held(world, rds_groups.ParameterGroup("sample", "postgres15", ""), "sample") == used
    assert "No instance" in held(world, rds_groups.ParameterGroup("sample-two", "postgres15", ""), "sample-two")


def test_a_caches_subnet_group(world: World) -> None:
    client = world.session.client("elasticache")
    group = elasticache_groups.SubnetGroup("sample", "one", frozenset(world.subnets))
    group.create(world.aws, world.identity("a/b"))
    assert "No cache" in held(world, group, "sample")
    client.create_cache_cluster(
        CacheClusterId="theirs", Engine="redis", NumCacheNodes=1, CacheNodeType="cache.t4g.micro",
        CacheSubnetGroupName="sample",
    )  # fmt: skip
    assert held(world, group, "sample").startswith("Used by theirs (")


def test_a_role(world: World) -> None:
    client = world.session.client("iam")
    world.role("ec2.amazonaws.com")
    client.create_instance_profile(InstanceProfileName="theirs")
    client.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName="sample-ec2")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_role_policy(RoleName="sample-ec2", PolicyName="late", PolicyDocument=document)
    said = held(world, iam.Role("sample-ec2"), "sample-ec2")
    assert "In the instance profile theirs: take it out of that." in said
    assert "Policies on it: late" in said


def test_a_bucket(world: World) -> None:
    client = world.session.client("s3")
    client.create_bucket(Bucket="sample")
    client.put_bucket_versioning(Bucket="sample", VersioningConfiguration={"Status": "Enabled"})
    assert "looks empty" in held(world, s3.Bucket("sample"), "sample")
    for body in (b"one", b"two"):
        client.put_object(Bucket="sample", Key="a/b", Body=body)
    client.delete_object(Bucket="sample", Key="a/b")
    client.create_multipart_upload(Bucket="sample", Key="c")
    said = held(world, s3.Bucket("sample"), "sample")
    assert said.startswith("In it are 2 versions of objects, 1 delete markers, 1 unfinished uploads, such as a/b: ")


def test_a_cluster(world: World) -> None:
    client = world.session.client("ecs")
    client.create_cluster(clusterName="sample")
    task = {"name": "web", "image": "nginx:1", "memory": 128}
    client.register_task_definition(family="theirs", containerDefinitions=[task])
    client.create_service(cluster="sample", serviceName="theirs", taskDefinition="theirs", desiredCount=0)
    said = held(world, ecs.Cluster("sample"), "sample")
    assert said == "Services: theirs: delete them; draining ones end by themselves."


def test_a_certificate(world: World) -> None:
    want = acm.Certificate("reptidex.com", frozenset({"reptidex.com"}))
    arn = str(want.create(world.aws, world.identity("security/certificate")))
    assert "Nothing shows it any more" in held(world, want, arn)
    client = world.session.client("elbv2")
    balancer = client.create_load_balancer(Name="theirs", Subnets=list(world.subnets))["LoadBalancers"][0]
    client.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=443, Protocol="HTTPS",
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )  # fmt: skip
    said = held(world, want, arn)
    assert said.startswith("Shown by arn:aws:elasticloadbalancing:")
    assert "theirs" in said


def test_a_headers_policy(world: World) -> None:
    want: Any = _distribution(world)
    made = want.create(world.aws, world.identity("storage/distribution"))
    policy = cloudfront_headers.HeadersPolicy("sample")
    named = world.session.client("cloudfront").get_distribution_config(Id=getattr(made, "id", made))
    behaviour = named["DistributionConfig"]["DefaultCacheBehavior"].get("ResponseHeadersPolicyId", "")
    assert held(world, policy, behaviour).startswith("Named by the distribution ")
    assert held(world, policy, "another") == ""
