"""What is riskiest on AWS and invisible on moto: each test fails without the tool's handling of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.aws import Aws
from reptiops.config import load_environment
from reptiops.engine.action import Action
from reptiops.engine.diff import diff
from reptiops.engine.passing import passes
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Live, NotYet
from reptiops.engine.scope import Scope
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
from reptiops.steps import documented
from reptiops.testing import mocked_aws, provision, push_images
from tests.samples import World
from tests.small import small_config
from tests.strict import above, ident, refused

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


def test_05_a_first_deployment_that_failed_and_was_kept_is_deployed_anew(tmp_path: Path) -> None:
    """ECS starts no task of a deployment that it has given up, though nothing differs any more once the image is there."""
    config = small_config(tmp_path / "config")
    where: dict[str, Any] = {"state_dir": tmp_path, "config_dir": config}
    with mocked_aws() as session:
        where["session"] = session
        env = load_environment("dev", config)
        app.provision("dev", only=("compute/repository",), **where)
        push_images(session, env, ("repti-core",))

        def gone(**_: Any) -> None:
            ecr = session.client("ecr")
            for image in ecr.list_images(repositoryName="reptidex/dev/repti-core")["imageIds"]:
                ecr.batch_delete_image(repositoryName="reptidex/dev/repti-core", imageIds=[image])

        session._session.register("before-call.ecs.CreateService", gone)
        with pytest.raises(app.ProvisionFailed, match=r"repti-core.*deployment failed"):
            app.provision("dev", on_failure="keep", **where)
        push_images(session, env, ("repti-core",))
        changes = {a.address: a for a in app.plan("dev", **where).changes}
        failed = changes["compute/service/repti-core"]
        assert (failed.verb, [c.path for c in failed.changes]) == ("update", ["deployed"])
        done = app.provision("dev", **where)
        assert done.left == ()
        ecs_client = session.client("ecs")
        (service,) = ecs_client.describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])["services"]
        assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]
        assert not app.plan("dev", **where).changes


# --- 6-9 orders --------------------------------------------------------------------------------------------------


def test_07_a_service_needs_its_target_group_behind_a_listener() -> None:
    assert {"host_rule", "target_group", "listener"} <= above(documented(), "service") | {"listener"}


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
