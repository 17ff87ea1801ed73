"""What is riskiest on AWS and invisible on moto: each test fails without the tool's handling of it."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reptiops import app
from reptiops.aws import Aws
from reptiops.config import load_environment
from reptiops.engine.action import Action
from reptiops.engine.calls import Work
from reptiops.engine.diff import diff
from reptiops.engine.passing import passes
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Live, NotYet
from reptiops.engine.scope import Scope
from reptiops.engine.state import Belongs, Entry, State
from reptiops.errors import ReptiopsError
from reptiops.operations import facts
from reptiops.resources import (
    acm,
    autoscaling,
    cloudfront,
    ec2,
    ec2_access,
    ec2_endpoints,
    ec2_flow_logs,
    ec2_gateways,
    ec2_tags,
    ecs,
    ecs_services,
    ecs_tasks,
    elasticache,
    elbv2,
    elbv2_listeners,
    iam,
    rds,
    s3,
    scheduler,
    secretsmanager,
)
from reptiops.sandbox import control, gaps, rules
from reptiops.sandbox.rules import WORLD
from reptiops.sandbox.rules.rds import OFFERED
from reptiops.sandbox.session import sandbox_session
from reptiops.steps import documented
from reptiops.testing import mocked_aws, provision
from tests.samples import World


@pytest.fixture
def world() -> Iterator[World]:
    """An empty account with the rules enforced and everything there at once."""
    gaps.apply()
    with rules.enforced(), mock_aws():
        yield World()


@pytest.fixture
def slow() -> Iterator[World]:
    """A network in an account where time stands still until a test moves it: what is slow on AWS is pending."""
    gaps.apply()
    with rules.enforced() as strict, mock_aws():
        world = World()
        assert world.subnets
        assert world.group
        assert world.certificate
        now = [strict.clock.now() + 3600]
        strict.clock.factor, strict.clock.now = 1.0, lambda: now[0]
        world.pass_time = lambda seconds: now.__setitem__(0, now[0] + seconds)  # type: ignore[attr-defined]
        yield world


def ident(made: Any) -> str:
    """The id that a create answers, alone or with more."""
    return made if isinstance(made, str) else str(made.id)


def refused(call: Any, code: str, words: str = "") -> None:
    """The sandbox answers as AWS does, so that what passes here passes there."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]


# --- 1-3 database: version, gp3, ApplyImmediately --------------------------------------------------------------


def _database(world: World, **more: Any) -> rds.Instance:
    from tests.samples.database import _instance

    return rds.Instance(**{**vars(_instance(world)), **more})


def test_01_the_version_in_the_configuration_is_one_that_aws_still_creates(world: World) -> None:
    for name in ("dev", "prod"):
        version, notes = facts._postgres(world.aws, load_environment(name))
        assert version in OFFERED["15"]
        assert "15.7" in " ".join(notes), "a person is told that it is another one"
    old = _database(world, version="15.7")
    refused(lambda: old.create(world.aws, world.identity("a/b")), "InvalidParameterCombination", "Cannot find version")


def test_02_gp3_below_400_gib_is_sent_without_iops_and_throughput(world: World) -> None:
    want = _database(world)
    sent: dict[str, Any] = {}
    world.session.events.register(
        "before-parameter-build.rds.CreateDBInstance", lambda params, **_: sent.update(params)
    )
    fresh = Aws(world.session, "us-east-1")
    want.create(fresh, world.identity("a/b"))
    assert sent["StorageType"] == "gp3"
    assert not {"Iops", "StorageThroughput"} & sent.keys()
    client = world.session.client("rds")
    refused(
        lambda: client.modify_db_instance(DBInstanceIdentifier="reptidex-dev", Iops=3000, ApplyImmediately=True),
        "InvalidParameterCombination",
        "storage size less than 400",
    )


def test_02_gp3_from_400_gib_on_is_sent_with_what_it_has_and_aws_least(world: World) -> None:
    client = world.session.client("rds")

    def has() -> tuple[Any, ...]:
        one = client.describe_db_instances()["DBInstances"][0]
        return one["AllocatedStorage"], one.get("Iops"), one.get("StorageThroughput")

    def grow(size: int) -> None:
        want = rds.Instance(**{**vars(first), "storage_gb": size, "max_storage_gb": 2 * size})
        live = next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))
        want.update(world.aws, live, frozenset({"storage_gb", "max_storage_gb"}))

    first = _database(world)
    first.create(world.aws, world.identity("a/b"))
    grow(390)
    assert has()[0] == 390
    grow(500)
    assert has() == (500, 12000, 500)
    more = {"AllocatedStorage": 500, "Iops": 20000, "StorageThroughput": 900}
    client.modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **more)
    grow(600)
    assert has() == (600, 20000, 900), "what somebody gave it is kept"
    refused(
        lambda: client.modify_db_instance(
            DBInstanceIdentifier="reptidex-dev", AllocatedStorage=700, ApplyImmediately=True
        ),
        "InvalidParameterCombination",
        "both the storage size and iops",
    )


def test_02_one_is_made_with_more_than_400_gib(world: World) -> None:
    want = _database(world, storage_gb=500, max_storage_gb=1000)
    want.create(world.aws, world.identity("a/b"))
    made = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert (made["AllocatedStorage"], made["Iops"], made["StorageThroughput"]) == (500, 12000, 500)


def test_03_every_change_is_sent_to_be_applied_at_once(world: World) -> None:
    want = _database(world)
    want.create(world.aws, world.identity("a/b"))
    larger = rds.Instance(**{**vars(want), "instance_class": "db.t4g.small"})
    live = next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))
    larger.update(world.aws, live, frozenset({"instance_class"}))
    held = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert held["DBInstanceClass"] == "db.t4g.small"
    world.session.client("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", DBInstanceClass="db.t4g.large")
    held = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert held["DBInstanceClass"] == "db.t4g.small", "without ApplyImmediately nothing happens"
    assert held["PendingModifiedValues"]["DBInstanceClass"] == "db.t4g.large"


def test_04_an_instance_that_still_says_available_is_not_done_with_its_change(slow: Any) -> None:
    want = _database(slow)
    refused(lambda: want.create(slow.aws, slow.identity("a/b")), "InvalidParameterValue", "service linked role")
    slow.pass_time(60)
    want.create(slow.aws, slow.identity("a/b"))

    def look() -> Live[rds.Instance]:
        return next(iter(Scope(slow.aws, slow.names, [want]).live(rds.Instance)))

    assert look().status.phase == "pending"
    slow.pass_time(300)
    assert look().status.phase == "ready"
    larger = rds.Instance(**{**vars(want), "instance_class": "db.t4g.small"})
    larger.update(slow.aws, look(), frozenset({"instance_class"}))
    early = look()
    assert early.status.word.startswith("available")
    assert early.status.unapplied, "a waiter that starts at once would return too early"
    slow.pass_time(30)
    assert look().status.phase == "pending"
    slow.pass_time(300)
    assert look().status.phase == "ready"
    assert not look().status.unapplied


def test_03_what_somebody_else_has_waiting_is_not_fired_along(world: World) -> None:
    want = _database(world)
    want.create(world.aws, world.identity("a/b"))
    client = world.session.client("rds")
    client.modify_db_instance(DBInstanceIdentifier=want.name, EngineVersion="15.14")

    def look() -> Live[rds.Instance]:
        return next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))

    def planned(other: rds.Instance) -> Action:
        return Action("database/database", "update", type(other), other, look(), diff(other, look().has))

    def version() -> str:
        return str(client.describe_db_instances()["DBInstances"][0]["EngineVersion"])

    safe = dataclasses.replace(want, deletion_protection=True, backup_days=14)
    assert not planned(safe).hindrance
    safe.update(world.aws, look(), frozenset({"deletion_protection", "backup_days"}))
    assert (look().has.deletion_protection, look().has.backup_days, version()) == (True, 14, "15.13")
    larger = dataclasses.replace(safe, instance_class="db.t4g.small")
    assert "EngineVersion 15.14" in planned(larger).hindrance
    with pytest.raises(ReptiopsError, match=r"EngineVersion 15\.14"):
        larger.update(world.aws, look(), frozenset({"instance_class"}))
    assert version() == "15.13"
    asked_for = dataclasses.replace(larger, version="15.14")
    assert not planned(asked_for).hindrance
    asked_for.update(world.aws, look(), frozenset({"instance_class"}))
    assert version() == "15.14", "AWS applies all that waits"


# --- 5 deployments -----------------------------------------------------------------------------------------------


def _service(**more: Any) -> dict[str, Any]:
    deployment = {"id": "one", "status": "PRIMARY", "rolloutState": "COMPLETED", **more}
    return {"status": "ACTIVE", "desiredCount": 2, "runningCount": 2, "deployments": [deployment], "events": []}


def test_05_a_failed_deployment_is_told_with_its_reason() -> None:
    broken = _service(
        rolloutState="FAILED", rolloutStateReason="ECS deployment circuit breaker: tasks failed to start."
    )
    status = ecs_services._service_status(broken)
    assert status.phase == "failed"
    assert "circuit breaker" in status.reason


def test_05_a_rollback_of_the_circuit_breaker_is_no_success(tmp_path: Path) -> None:
    """The service is stable again, on the revision before: the run fails and says what differs."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "phases": ("compute",)}
        provision(session, tmp_path, "dev", images=("repti-core",))
        for image in session.client("ecr").list_images(repositoryName="reptidex/dev/repti-core")["imageIds"]:
            session.client("ecr").batch_delete_image(repositoryName="reptidex/dev/repti-core", imageIds=[image])
        text = Path("config/dev.yaml").read_text()
        larger = "repti-core: {kind: backend, cpu: 1024, memory: 2048, "
        (tmp_path / "dev.yaml").write_text(text.replace("repti-core: {kind: backend, ", larger))
        with pytest.raises(app.ProvisionFailed) as caught:
            app.provision("dev", config_dir=tmp_path, **where)
    assert "compute/service/repti-core" in str(caught.value)
    assert "circuit breaker" in str(caught.value), "what the breaker has ended is not waited for"
    assert caught.value.undone is not None
    assert caught.value.undone.complete


# --- 6-9 orders --------------------------------------------------------------------------------------------------


def test_07_a_service_needs_its_target_group_behind_a_listener() -> None:
    assert {"host_rule", "target_group", "listener"} <= _above(documented(), "service") | {"listener"}


def _above(graph: Any, name: str) -> set[str]:
    found: set[str] = set()
    todo = list(graph.steps[name].needs)
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += graph.steps[one].needs
    return found


# --- 10-11 roles -------------------------------------------------------------------------------------------------


CONSUMERS = [
    (ec2_flow_logs.FlowLog, "InvalidParameter", "Unable to assume given IAM role"),
    (rds.Instance, "InvalidParameterValue", "for: ENHANCED_MONITORING"),
    (ecs_services.Service, "InvalidParameterException", "Please verify that the ECS service linked role exists."),
    (ecs.Cluster, "InvalidParameterException", "Unable to assume the service linked role."),
    (s3.Bucket, "MalformedPolicy", "Invalid principal in policy"),
    (
        elbv2.LoadBalancer,
        "InvalidConfigurationRequest",
        "Access Denied for bucket: x. Please check S3bucket permission",
    ),
    (elbv2_listeners.Listener, "UnsupportedCertificate", "must have a fully-qualified domain name"),
    (rds.Instance, "InvalidParameterValue", "IAM role ARN value is invalid or does not include the permissions"),
    (rds.Instance, "InvalidParameterValue", "Verify that you have permission to create service linked role"),
    (elasticache.ReplicationGroup, "InvalidParameterValue", "Verify that the ElastiCache service linked role exists."),
    (iam.Role, "MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"arn:aws:iam::1:role/x"'),
    (scheduler.Schedule, "ValidationException", "must allow AWS EventBridge Scheduler to assume the role."),
    (autoscaling.ScalableTarget, "ValidationException", "Unable to assume IAM role"),
    (autoscaling.ScalableTarget, "ValidationException", "ECS service doesn't exist: service/a/b"),
    (ecs_services.Service, "InvalidParameterException", "verify that the role being passed has the proper permissions"),
    (ecs_services.Service, "InvalidParameterException", "Unable to Start a service that is still Draining."),
    (ecs_services.Service, "InvalidParameterException", "The service cannot be stopped while deployments are active."),
    (ecs_tasks.TaskDefinition, "ClientException", "Role is not valid"),
    (cloudfront.Distribution, "InvalidViewerCertificate", "The specified SSL certificate doesn't exist"),
    (ec2_endpoints.VpcEndpoint, "InvalidParameter", "there is already a conflicting DNS domain for x"),
    (elbv2.LoadBalancer, "InvalidSubnet", "The subnet ID 'subnet-1' does not exist"),
]


@pytest.mark.parametrize(("kind", "code", "words"), CONSUMERS)
def test_10_each_consumers_own_words_for_not_yet_are_waited_out(kind: Any, code: str, words: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": words}}, "Anything")
    assert passes(kind, error)
    other = ClientError({"Error": {"Code": code, "Message": "something is wrong for good"}}, "Anything")
    assert not passes(kind, other)


# --- 12-13 certificate -------------------------------------------------------------------------------------------


def test_12_a_listener_takes_an_issued_certificate_only(world: World) -> None:
    client, certificates = world.session.client("elbv2"), world.session.client("acm")
    asked = certificates.request_certificate(DomainName="a.example", ValidationMethod="DNS")["CertificateArn"]
    made = client.create_load_balancer(Name="sample", Subnets=list(world.subnets), SecurityGroups=[world.group])
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    pending = elbv2_listeners.Listener(balancer, 443, "HTTPS", certificate=asked)
    identity = world.identity("compute/listener/443")
    refused(lambda: pending.create(world.aws, identity), "UnsupportedCertificate", "fully-qualified domain name")
    assert elbv2_listeners.Listener(balancer, 443, "HTTPS", certificate=world.certificate).create(world.aws, identity)
    refused(
        lambda: certificates.delete_certificate(CertificateArn=world.certificate), "ResourceInUseException", "in use"
    )


def test_13_apex_and_wildcard_share_one_record(world: World) -> None:
    names = frozenset({"reptidex.com", "*.reptidex.com"})
    arn = ident(acm.Certificate("reptidex.com", names).create(world.aws, world.identity("security/certificate")))
    one = world.session.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    records = acm._records(one)
    assert set(records) == {"record_name:reptidex.com", "record_value:reptidex.com"}, "one record, not two"
    zone = world.session.client("route53").create_hosted_zone(Name="reptidex.com.", CallerReference="x")
    option = one["DomainValidationOptions"][0]["ResourceRecord"]
    record = {"Name": option["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": option["Value"]}]}
    twice = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}] * 2}
    client = world.session.client("route53")
    refused(
        lambda: client.change_resource_record_sets(HostedZoneId=zone["HostedZone"]["Id"], ChangeBatch=twice),
        "InvalidChangeBatch",
    )


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


def test_15_a_refused_deletion_says_what_holds_it(slow: Any, tmp_path: Path) -> None:
    slow.pass_time(1)
    group = slow.group
    slow.pass_time(10)
    client = slow.session.client("ec2")
    client.create_network_interface(SubnetId=slow.subnets[0], Groups=[group], Description="by hand")
    from reptiops.engine.passing import held

    live = Live(group, ec2_access.SecurityGroup(slow.vpc, "sample", "sample"))
    error = ClientError({"Error": {"Code": "DependencyViolation", "Message": "has a dependent object"}}, "X")
    said = str(held(live.has, slow.aws, live, error))
    assert all(words in said for words in ("by hand", "eni-", "delete it"))


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
        work = _work(world, want)
        identifier, _ = work.create("network/vpc", want, ())
        vpcs = world.session.client("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.1.0.0/16"]}])["Vpcs"]
    assert [one["VpcId"] for one in vpcs] == [identifier]


def _work(world: World, want: Any) -> Work:
    class Silent:
        """A journal that nobody reads."""

        def write(self, *args: Any, **more: Any) -> None:
            """Nothing."""

    state = State(Belongs(world.names.environment, world.names.account, world.names.region, ""))
    scope = Scope(world.aws, world.names, [want])
    return Work(world.aws, scope, state, Silent(), lambda event: None, threading.Event())  # type: ignore[arg-type]


def test_18_a_recorded_vpc_whose_tags_lag_is_still_there(world: World) -> None:
    want = ec2.Vpc("10.1.0.0/16", "x")
    vpc = ident(want.create(world.aws, world.identity("network/vpc")))
    world.session.client("ec2").delete_tags(Resources=[vpc], Tags=[{"Key": "Project"}])
    known = {"network/vpc": Entry("network/vpc", want.kind(), vpc, {}, (), "2026-01-01T00:00:00+00:00")}
    assert [one.id for one in Scope(world.aws, world.names, [want], known).live(ec2.Vpc)] == [vpc]
    assert list(Scope(world.aws, world.names, [want]).live(ec2.Vpc)) == []


# --- 22-25 ---------------------------------------------------------------------------------------------------------


def test_20_a_log_buckets_young_policy_is_refused_and_waited_out(slow: Any) -> None:
    store, client = slow.session.client("s3"), slow.session.client("elbv2")
    store.create_bucket(Bucket="sample-logs")
    slow.pass_time(5)
    service = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    allow = {
        "Effect": "Allow",
        "Principal": service,
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::sample-logs/*",
    }
    store.put_bucket_policy(Bucket="sample-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    made = client.create_load_balancer(Name="sample", Subnets=list(slow.subnets), SecurityGroups=[slow.group])
    live = Live(made["LoadBalancers"][0]["LoadBalancerArn"], elbv2.LoadBalancer("sample"), "compute/load_balancer")
    logs = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "sample-logs"}
    want = elbv2.LoadBalancer("sample", attributes=logs)
    changed = frozenset({"attributes"})
    with pytest.raises(ClientError) as caught:
        want.update(slow.aws, live, changed)
    assert passes(elbv2.LoadBalancer, caught.value), "it is asked again, not failed"
    slow.pass_time(120)
    want.update(slow.aws, live, changed)


def test_21_a_distribution_is_disabled_and_deployed_before_it_is_deleted(slow: Any) -> None:
    from tests.samples.cloudfront import _distribution

    want = _distribution(slow)
    identifier = ident(want.create(slow.aws, slow.identity("storage/distribution")))
    client = slow.session.client("cloudfront")
    etag = client.get_distribution(Id=identifier)["ETag"]
    refused(lambda: client.delete_distribution(Id=identifier, IfMatch=etag), "DistributionNotDisabled")

    def look() -> Live[Any]:
        return next(iter(Scope(slow.aws, slow.names, [want]).live(type(want))))

    want.retire(slow.aws, look())
    assert look().status.phase == "pending"
    assert not look().has.enabled, "disabling is begun at once: it takes minutes"
    with pytest.raises(NotYet):
        want.delete(slow.aws, look())
    slow.pass_time(300)
    want.delete(slow.aws, look())
    assert Scope(slow.aws, slow.names, [want]).live(type(want)) == []


def test_22_no_location_in_us_east_1_and_no_tags_where_they_are_refused(world: World) -> None:
    asked: list[dict[str, Any]] = []

    def refuse(params: dict[str, Any], **_: Any) -> None:
        asked.append(dict(params))
        if "Tags" in params.get("CreateBucketConfiguration", {}):
            error = {"Error": {"Code": "MalformedXML", "Message": "no tags here"}}
            raise ClientError(error, "CreateBucket")  # type: ignore[arg-type]

    session = boto3.Session("test", "test", region_name="us-east-1")
    session.events.register("before-parameter-build.s3.CreateBucket", refuse)
    s3.Bucket("reptidex-dev-sample").create(Aws(session, "us-east-1"), world.identity("storage/bucket/x"))
    assert all("LocationConstraint" not in one.get("CreateBucketConfiguration", {}) for one in asked)
    tags = world.session.client("s3").get_bucket_tagging(Bucket="reptidex-dev-sample")["TagSet"]
    assert {"Key": "reptiops:address", "Value": "storage/bucket/x"} in tags


def test_23_a_secret_inside_its_recovery_window_is_taken_back(world: World) -> None:
    want = secretsmanager.Secret("reptidex/dev/x", recovery_days=7)
    arn = ident(want.create(world.aws, world.identity("database/secret/x")))
    live = next(iter(Scope(world.aws, world.names, [want]).live(secretsmanager.Secret)))
    want.delete(world.aws, live)
    client = world.session.client("secretsmanager")
    refused(
        lambda: client.create_secret(Name=want.name, SecretString="x"),
        "InvalidRequestException",
        "scheduled for deletion",
    )
    assert ident(want.create(world.aws, world.identity("database/secret/x"))) == arn


def test_24_a_failure_inside_a_200_answer_is_an_error(world: World) -> None:
    answer = {"Unsuccessful": [{"ResourceId": "vpc-1", "Error": {"Code": "FlowLogAlreadyExists", "Message": "x"}}]}
    refused(lambda: ec2_tags.raise_unsuccessful(answer, "CreateFlowLogs"), "FlowLogAlreadyExists")


def test_25_what_cannot_be_replaced_while_in_use_is_refused_in_the_plan() -> None:
    refused_ones = (ec2_access.SecurityGroup("vpc-1", "a", "b"), ec2.Vpc("10.0.0.0/16"), ec2.Subnet("vpc-1", "a", "b"))
    others = (elbv2.TargetGroup("a", "vpc-1", 80), acm.Certificate("a", frozenset()), ec2_gateways.NatGateway("s", "e"))
    actions = [
        Action(f"network/{step}/{n}", "replace", type(w), w, Live("id", w, out={"used": "1"}))
        for step, some in (("x", refused_ones), ("y", others))
        for n, w in enumerate(some)
    ]
    assert sorted(Plan(tuple(actions)).stuck) == ["network/x/0", "network/x/1", "network/x/2"]
    empty = ec2.Subnet("vpc-1", "a", "b")
    moved = Live("sg-1", ec2_access.SecurityGroup("vpc-0", "a", "b"))
    assert "network/vpc" in refused_ones[0].irreplaceable(moved), "it is not its name that changed"
    assert not empty.irreplaceable(Live("id", empty)), "nothing is in it"


def test_25_a_target_group_that_is_replaced_gets_the_other_name() -> None:
    want = elbv2.TargetGroup("a", "vpc-1", 80)
    old = Live("arn", elbv2.TargetGroup("a", "vpc-1", 90))
    second = want.succeeding(old)
    assert (second.name, want.succeeding(Live("arn", second)).name) == ("a-2", "a")
    assert diff(want, second) == (), "either name will do"
    assert [c.path for c in diff(want, elbv2.TargetGroup("b", "vpc-1", 80)) if c.fixed] == ["name"]


def test_every_rule_is_named_once_and_cites_a_section() -> None:
    declared = rules.declared()
    names = [one.name for one in declared]
    assert len(names) == len(set(names)) >= 130
    assert all(one.about.endswith(".") and one.fact[0].isdigit() for one in declared)
    assert not WORLD.enforced, "nothing is enforced outside of a test"


MISSING = re.compile(r"NotFound\w*|missing|NotFoundException|GapError|CloudFrontException")
"""What an operation that the sandbox adds to moto may answer by itself: there is no such thing."""


def test_every_refusal_of_the_sandbox_is_a_rule() -> None:
    """What is not listed could not be switched off: beyond "there is no such thing" only rules refuse."""
    unnamed = {
        f"{file.name}:{line.lineno} {ast.unparse(line.exc)}"
        for file in Path(gaps.__path__[0]).glob("*.py")
        for line in ast.walk(ast.parse(file.read_text()))
        if isinstance(line, ast.Raise) and line.exc is not None and not MISSING.search(ast.unparse(line.exc))
    }
    assert unnamed == set()


# --- the sandbox's server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lenient", [False, True])
def test_the_server_enforces_what_it_was_told(lenient: bool, tmp_path: Path) -> None:
    status = control.start(tmp_path, control.Strictness(lenient, 0.5, (("elastic-ips", 1),)))
    try:
        session = sandbox_session(status)
        ec2_client = session.client("ec2")
        ec2_client.allocate_address(Domain="vpc")
        vpc = ec2_client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        if lenient:
            ec2_client.allocate_address(Domain="vpc")
            assert ec2_client.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        else:
            refused(lambda: ec2_client.allocate_address(Domain="vpc"), "AddressLimitExceeded")
            refused(lambda: ec2_client.describe_vpcs(VpcIds=[vpc]), "InvalidVpcID.NotFound")
    finally:
        control.stop(tmp_path)
