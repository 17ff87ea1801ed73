"""AWS's errors in words: what was being done to what, what it means, what to do next, each tested for its wording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ProfileNotFound
from rich.console import Console

from reptiops import app
from reptiops.advice import TABLE, Advice, advise
from reptiops.cli.lines import fitted
from reptiops.engine.passing import CallFailed
from reptiops.redact import hide
from reptiops.report import runs
from reptiops.report.failures import explain
from reptiops.report.hints import ENVIRONMENT, GIVEN, completed
from reptiops.report.page import page
from reptiops.testing import mocked_aws, provision
from tests.small import small_config

AWS: tuple[tuple[str, str, str, str, str, str], ...] = (
    # code, AWS's message, kind, address, what it means, what to do
    ("AccessDenied", "User: arn:aws:iam::1:user/a is not authorized to perform: iam:CreateRole", "iam.Role", "security/execution_role", "may not do this", "reptiops policy dev --for provision"),
    ("UnauthorizedOperation", "You are not authorized to perform this operation.", "ec2.Vpc", "network/vpc", "may not do this", "reptiops policy dev"),
    ("ExpiredTokenException", "The security token included in the request is expired", "ecs.Cluster", "compute/cluster", "ran out", "aws sso login"),
    ("InvalidClientTokenId", "The security token included in the request is invalid.", "iam.Role", "security/deployer_role", "does not know these credentials", "get-caller-identity"),
    ("SignatureDoesNotMatch", "The request signature we calculated does not match", "s3.Bucket", "storage/bucket/assets", "do not agree on the signature", "clock"),
    ("OptInRequired", "You are not subscribed to this service.", "ec2.Vpc", "network/vpc", "registration", "console"),
    ("ThrottlingException", "Rate exceeded", "ecs.Service", "compute/service/web-public", "more often than AWS allows", "max_parallel"),
    ("ServiceUnavailable", "Service is unavailable", "rds.Instance", "database/database", "AWS itself had a failure", "health.aws.amazon.com"),
    ("AddressLimitExceeded", "The maximum number of addresses has been reached.", "ec2.ElasticIp", "network/elastic_ip/us-east-1a", "no more Elastic IP addresses", "L-0263D0A3), or set `network.nat_gateways: 1`"),
    ("VpcLimitExceeded", "The maximum number of VPCs has been reached.", "ec2.Vpc", "network/vpc", "no more VPCs", "L-F678F1CE"),
    ("NatGatewayLimitExceeded", "limit", "ec2.NatGateway", "network/nat_gateway/us-east-1a", "no more NAT gateways", "L-FE5A380F"),
    ("InternetGatewayLimitExceeded", "limit", "ec2.InternetGateway", "network/internet_gateway", "internet gateways", "L-A4707A72"),
    ("VpcEndpointLimitExceeded", "limit", "ec2_access.VpcEndpoint", "network/endpoint/logs", "no more endpoints", "network.endpoints"),
    ("SecurityGroupLimitExceeded", "limit", "ec2_access.SecurityGroup", "security/security_group/alb", "security groups", "L-E79EC296"),
    ("RulesPerSecurityGroupLimitExceeded", "limit", "ec2_access.SecurityGroupRule", "security/security_group_rule/x", "rules in that security group", "join ranges"),
    ("InvalidSubnet.Conflict", "The CIDR '10.1.1.0/24' conflicts with another subnet", "ec2.Subnet", "network/public_subnet/us-east-1a", "overlaps another", "network/public_subnet/us-east-1a's range"),
    ("DependencyViolation", "The subnet has dependencies and cannot be deleted.", "ec2.Subnet", "network/public_subnet/us-east-1a", "still uses it", "Network interfaces"),
    ("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist", "ec2.Subnet", "network/public_subnet/us-east-1a", "went away", "reptiops drift dev --who"),
    ("InvalidParameterCombination", "Cannot find version 15.7 for postgres", "rds.Instance", "database/database", "does not offer this engine version", "database.version"),
    ("InsufficientDBInstanceCapacity", "capacity", "rds.Instance", "database/database", "none of this class left", "try again in an hour"),
    ("InstanceQuotaExceeded", "quota", "rds.Instance", "database/database", "no more database instances", "L-7B6409FD"),
    ("StorageQuotaExceeded", "quota", "rds.Instance", "database/database", "no more database storage", "database.storage_gb"),
    ("NodeQuotaForCustomerExceeded", "quota", "elasticache.ReplicationGroup", "database/redis", "no more cache nodes", "L-DFE45DF3"),
    ("DBSubnetGroupDoesNotCoverEnoughAZs", "zones", "rds.SubnetGroup", "database/database_subnet_group", "two zones", "network.zones"),
    ("DBInstanceAlreadyExists", "DB instance already exists", "rds.Instance", "database/database", "nothing says that reptiops made it", "reptiops adopt dev"),
    ("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.", "secretsmanager.Secret", "database/database_secret", "recovery window", "restore-secret"),
    ("KMSKeyNotAccessibleFault", "key", "rds.Instance", "database/database", "encryption key cannot be used", "enable the key"),
    ("TooManyLoadBalancers", "limit", "elbv2.LoadBalancer", "compute/load_balancer", "no more load balancers", "L-53DA6B97"),
    ("TooManyRules", "limit", "elbv2.HostRule", "compute/host_rule/web-public", "rules on that load balancer", "fewer hosts"),
    ("DuplicateTargetGroupName", "exists", "elbv2.TargetGroup", "compute/target_group/web-public", "with other settings", "reptiops adopt dev"),
    ("CertificateNotFound", "not found", "elbv2.Listener", "compute/https_listener", "not issued yet", "security/certificate"),
    ("InvalidConfigurationRequest", "Access Denied for bucket: reptidex-dev-logs", "elbv2.LoadBalancer", "compute/load_balancer", "may not write its logs", "five minutes"),
    ("ClientException", "You've reached the limit on the number of vCPUs you can run concurrently", "ecs.Service", "compute/service/repti-core", "limit of vCPUs", "L-3032A538"),
    ("InvalidParameterException", "Unable to assume the service linked role", "ecs.Service", "compute/service/repti-core", "cannot assume the role", "in a minute"),
    ("RepositoryAlreadyExistsException", "exists", "ecr.Repository", "compute/repository/web-public", "nothing says that reptiops made it", "reptiops adopt dev"),
    ("RepositoryNotEmptyException", "images", "ecr.Repository", "compute/repository/web-public", "still images", "delete them, or keep"),
    ("BucketAlreadyExists", "The requested bucket name is not available", "s3.Bucket", "storage/bucket/assets", "Somebody in the world", "storage.suffix"),
    ("BucketAlreadyOwnedByYou", "yours", "s3.Bucket", "storage/bucket/assets", "This account has a bucket", "reptiops adopt dev"),
    ("BucketNotEmpty", "not empty", "s3.Bucket", "storage/logs_bucket", "deliver logs late", "ten minutes"),
    ("TooManyBuckets", "limit", "s3.Bucket", "storage/bucket/assets", "no more buckets", "L-DC2B2D3D"),
    ("OperationAborted", "A conflicting conditional operation is currently in progress", "s3.Bucket", "storage/bucket/assets", "was just deleted", "storage.suffix"),
    ("CNAMEAlreadyExists", "alias", "cloudfront.Distribution", "storage/distribution", "Another CloudFront distribution", "storage.cdn.aliases"),
    ("InvalidViewerCertificate", "certificate", "cloudfront.Distribution", "storage/distribution", "covers every alias", "certificate.names"),
    ("TooManyDistributions", "limit", "cloudfront.Distribution", "storage/distribution", "no more CloudFront distributions", "L-24B04930"),
    ("InvalidChangeBatch", "Tried to create resource record set but it already exists", "route53.AliasRecords", "compute/alias_record", "took none of the records", "not ours"),
    ("HostedZoneNotEmpty", "records", "route53.HostedZone", "security/hosted_zone", "did not write", "by hand"),
    ("NoSuchHostedZone", "zone", "route53.AliasRecords", "compute/alias_record", "zone is gone", "dns.create_zone"),
    ("EntityAlreadyExists", "Role with name exists", "iam.Role", "security/deployer_role", "A role of that name", "reptiops adopt dev"),
    ("MalformedPolicyDocument", "Invalid principal in policy", "iam.Role", "security/people_role/developer", "does not exist", "`trust`"),
    ("DeleteConflict", "must detach all policies first", "iam.Role", "security/deployer_role", "was attached to the role", "detach it"),
    ("LimitExceeded", "Cannot exceed quota for RolesPerAccount", "iam.Role", "security/deployer_role", "no more roles", "L-FE177D64"),
    ("LimitExceededException", "certificates in last year", "acm.Certificate", "security/certificate", "certificates this year", "Service Quotas"),
    ("InsufficientS3BucketPolicyException", "policy", "cloudtrail.Trail", "security/trail", "may not write to its bucket", "five minutes"),
    ("MaximumNumberOfTrailsExceededException", "trails", "cloudtrail.Trail", "security/trail", "no more trails", "cloudtrail.enabled: false"),
    ("DuplicateRecordException", "budget", "budgets.Budget", "monitoring/budget", "A budget of that name", "Billing"),
    ("TopicLimitExceeded", "limit", "sns.Topic", "monitoring/alarm_topic", "topics or subscriptions", "SNS"),
)  # fmt: skip


def refused(code: str, message: str, operation: str = "CreateThing") -> ClientError:
    """What botocore raises when AWS refuses a call."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "req-1", "HTTPStatusCode": 400},
    }
    return ClientError(answer, operation)


def failed(address: str, kind: str, error: Exception) -> CallFailed:
    """What the engine raises for it."""
    try:
        raise CallFailed(address, "create", kind, error) from error
    except CallFailed as call:
        return call


@pytest.mark.parametrize("row", AWS, ids=[f"{row[0]}-{row[2]}" for row in AWS])
def test_what_an_error_says(row: tuple[str, ...]) -> None:
    code, message, kind, address, means, do = row
    text = explain(failed(address, kind, refused(code, message)), "dev")
    flat = " ".join(text.split())
    assert flat.startswith(f"error: create ({kind}) of {address} failed AWS says {code}: {message}")
    assert "(request req-1)" in flat
    assert means in flat.split(" that is ")[1]
    assert do in flat.split(" do ", 1)[1]
    assert max(len(line) for line in text.splitlines()[1:]) <= 80
    assert "{" not in text
    assert flat[-1] not in ".,;"


def test_every_row_of_the_table_is_tested_and_there_are_enough() -> None:
    used = {id(advise(code, message, kind)) for code, message, kind, *_ in AWS}
    elsewhere = {id(one) for code in ("ProfileNotFound", "NoCredentialsError", "EndpointConnectionError", "SSOTokenLoadError") if (one := advise(code))}  # fmt: skip
    assert [one.codes for one in TABLE if id(one) not in used | elsewhere] == [
        one.codes for one in TABLE if one.codes[0] == "TooManyTargetGroups"
    ]
    assert len(TABLE) >= 40


def test_what_says_most_about_an_error_wins() -> None:
    table = (Advice(("A",), "plain", ""), Advice(("A",), "closer", "", part="x", kinds=("rds.",)))
    assert [advise("A", m, k, table).means for m, k in (("x", "rds.I"), ("x", "ec2.V"), ("", "rds.I"))] == [  # type: ignore[union-attr]
        "closer",
        "plain",
        "plain",
    ]
    assert advise("Unheard", "", "", table) is None


def test_ten_that_fail_alike_are_told_once() -> None:
    errors = [failed(f"compute/service/s{n}", "ecs.Service", refused("AccessDenied", "no")) for n in range(10)]
    text = explain(app.ApplyError([*errors]), "dev")
    assert text.count("AWS says") == 1
    assert "compute/service/s0, compute/service/s1, compute/service/s2, compute/service/s3 and 6 more" in text


def test_a_read_that_fails_names_the_operation() -> None:
    text = explain(refused("AccessDenied", "not authorized", "DescribeVpcs"), "prod")
    assert text.startswith("error: asking AWS (DescribeVpcs) failed")
    assert "reptiops policy prod" in text
    assert "--sandbox" in explain(NoCredentialsError())
    nobody = explain(ProfileNotFound(profile="nobody"))
    assert "AWS says" not in nobody
    assert "no profile of that name" in nobody
    assert "network" in explain(EndpointConnectionError(endpoint_url="https://sts.nowhere"))


def test_an_unknown_code_and_a_fault_of_ours_are_told_as_such() -> None:
    assert "API reference" in explain(failed("network/vpc", "ec2.Vpc", refused("Unheard", "of")))
    assert "a fault of reptiops itself" in explain(KeyError("x"))


def test_what_was_undone_is_told_at_the_end(tmp_path: Path) -> None:
    from tests.faults import Faults

    with mocked_aws() as session:
        Faults(session, ("s3:CreateBucket", 2))
        with pytest.raises(app.ProvisionFailed) as failure:
            provision(session, tmp_path, "dev", only=("storage/bucket",))
        text = explain(failure.value, "dev")
        assert "create (s3.Bucket) of storage/bucket/" in text
        assert "AccessDenied: injected" in " ".join(text.split())
        assert text.splitlines()[-1].startswith("Rolled back")


# --- a service that does not come up ------------------------------------------------------------------------------


@pytest.fixture
def broken() -> Iterator[Any]:
    """A session in whose AWS the deployment of one service fails, as AWS tells it."""
    task = "arn:aws:ecs:us-east-1:123456789012:task/dev-reptidex-cluster/1"

    def services(parsed: Any, **_: Any) -> None:
        for one in parsed.get("services", []):
            if one["serviceName"] == "repti-core":
                one["deployments"][0] |= {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}
                moment = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
                one["events"] = [{"createdAt": moment, "message": "(service repti-core) was unable to place a task"}]

    def created(parsed: Any, **_: Any) -> None:
        for deployment in parsed.get("service", {}).get("deployments", []):
            deployment["rolloutState"] = "IN_PROGRESS"

    def tasks(parsed: Any, **_: Any) -> None:
        container = {"name": "repti-core", "reason": "CannotPullContainerError: image not found"}
        parsed["tasks"] = [{"taskArn": task, "stoppedReason": "Task failed to start", "containers": [container]}]

    def health(parsed: Any, **_: Any) -> None:
        state = {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}
        parsed["TargetHealthDescriptions"] = [{"Target": {"Id": "10.1.10.5", "Port": 8000}, "TargetHealth": state}]

    with mocked_aws() as session:
        events = session._session
        events.register("after-call.ecs.DescribeServices", services)
        events.register("after-call.ecs.CreateService", created)
        events.register("after-call.ecs.ListTasks", lambda parsed, **_: parsed.update(taskArns=[task]))
        events.register("after-call.ecs.DescribeTasks", tasks)
        events.register("after-call.elastic-load-balancing-v2.DescribeTargetHealth", health)
        yield session


def test_a_service_that_does_not_come_up_shows_why_before_it_is_rolled_back(broken: Any, tmp_path: Path) -> None:
    with pytest.raises(app.ProvisionFailed) as failure:
        provision(broken, tmp_path, "dev", images=("repti-core",))
    text = explain(failure.value, "dev")
    flat = " ".join(text.split())
    assert "error: compute/service/repti-core (arn:" in flat
    assert "deployment failed tasks failed to start" in flat
    assert "events 12:30:05Z was unable to place a task" in flat
    assert "stopped Task failed to start; repti-core: CannotPullContainerError: image not found" in flat
    assert "targets 10.1.10.5:8000 unhealthy Target.Timeout Request timed out" in flat
    assert "log nothing was logged" in flat
    assert "do push the image" in flat
    assert "Rolled back" in text.splitlines()[-1]
    services = broken.client("ecs").describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])[
        "services"
    ]
    assert [one["status"] for one in services] == ["INACTIVE"]
    kept = app.explain("dev", session=broken, state_dir=tmp_path)
    (told,) = runs.explained(kept)["services_down"]
    assert told["address"] == "compute/service/repti-core"
    assert told["stopped"] == ["Task failed to start; repti-core: CannotPullContainerError: image not found"]
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        runs.show_explained(console, kept)
    flat = " ".join(shown.get().split())
    assert "What AWS said of compute/service/repti-core events 12:30:05Z was unable to place a task" in flat
    assert "targets 10.1.10.5:8000 unhealthy Target.Timeout Request timed out log nothing was logged do push" in flat
    assert not [line for line in shown.get().splitlines() if len(line) > 80 and " " in line.strip()], (
        "an ARN stays whole"
    )
    report = page(app.overview("dev", session=broken, state_dir=tmp_path))
    assert "What AWS said of " in report
    assert "CannotPullContainerError: image not found" in report


def test_what_a_service_logs_is_kept_in_bounds_and_without_secrets(broken: Any, tmp_path: Path) -> None:
    known, unknown = "canaryKnown0123456789", "canaryUnknown0123456789"
    hide(known)
    said = (
        f"token is {known}",
        f"cannot connect to postgres://reptidex:{unknown}@db:5432/core",
        f'{{"DB_PASSWORD": "{unknown}", "port": 5432}}',
        f"Authorization: Bearer {unknown}",
        "password authentication failed",
        "x" * 100_000,
        *(f"line {number}" for number in range(6)),
    )
    answered = SimpleNamespace(status_code=200)
    logged: Any = {"events": [{"timestamp": 1, "message": one} for one in said]}
    streams: Any = {"logStreams": [{"logStreamName": "repti-core/1"}]}
    events = broken._session
    events.register("after-call.cloudwatch-logs.DescribeLogStreams", lambda parsed, **_: parsed.update(streams))
    events.register("before-call.cloudwatch-logs.GetLogEvents", lambda **_: (answered, logged))
    with pytest.raises(app.ProvisionFailed) as failure:
        provision(broken, tmp_path, "dev", images=("repti-core",))
    kept = app.explain("dev", session=broken, state_dir=tmp_path)
    (down,) = kept.down
    assert down.symptoms.log[:5] == (
        "token is (hidden)",
        "cannot connect to postgres://reptidex:(hidden)@db:5432/core",
        '{"DB_PASSWORD": "(hidden)", "port": 5432}',
        "Authorization: (hidden)",
        "password authentication failed",
    )
    assert len(down.symptoms.log) == 12
    assert max(map(len, down.symptoms.log)) < 1000
    written = [explain(failure.value, "dev"), page(app.overview("dev", session=broken, state_dir=tmp_path))]
    written += [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    for text in written:
        assert known not in text
        assert unknown not in text


def test_a_deployment_that_the_breaker_ends_is_told_with_all_that_aws_knows(tmp_path: Path) -> None:
    """The strict sandbox plays it: an image goes, a revision that needs it cannot start, ECS goes back."""
    config = small_config(tmp_path / "config")
    larger = small_config(
        tmp_path / "larger", ("repti-core: {kind: backend,", "repti-core: {kind: backend, cpu: 1024, memory: 2048,")
    )
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", config_dir=config, images=("repti-core",))
        ecr, logs, balancer = (session.client(name) for name in ("ecr", "logs", "elbv2"))
        for image in ecr.list_images(repositoryName="reptidex/dev/repti-core")["imageIds"]:
            ecr.batch_delete_image(repositoryName="reptidex/dev/repti-core", imageIds=[image])
        logs.create_log_stream(logGroupName="/ecs/dev/repti-core", logStreamName="repti-core/1")
        logs.put_log_events(
            logGroupName="/ecs/dev/repti-core",
            logStreamName="repti-core/1",
            logEvents=[
                {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": "could not connect to redis"}
            ],
        )
        groups = balancer.describe_target_groups()["TargetGroups"]
        arn = next(one["TargetGroupArn"] for one in groups if "repti-core" in one["TargetGroupName"])
        balancer.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.1.11.23", "Port": 8000}])
        with pytest.raises(app.ProvisionFailed) as failure:
            app.provision("dev", session=session, state_dir=tmp_path, config_dir=larger)
        running = session.client("ecs").describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])
        (deployment,) = running["services"][0]["deployments"]
    token = GIVEN.set({"--config-dir": "some/where", "--sandbox": ""})
    names = ENVIRONMENT.set("dev")
    try:
        text = explain(failure.value, "dev")
        assert completed(text) == text, "a command that is printed whole is not completed twice"
    finally:
        GIVEN.reset(token)
        ENVIRONMENT.reset(names)
    flat = " ".join(text.split())
    assert "the circuit breaker" in flat
    assert re.search(r"events \d\d:\d\d:\d\dZ rolling back to deployment ecs-svc/\d+", flat)
    assert re.search(r"\d\dZ \(deployment ecs-svc/\d+\) deployment failed: tasks failed to start", flat)
    assert "stopped 3 tasks: CannotPullContainerError: pull image manifest" in flat
    assert "targets 10.1.11.23:8000 healthy" in flat
    assert "log could not connect to redis" in flat
    assert "`reptiops outputs dev --config-dir some/where --sandbox`; then run the same command again" in flat
    assert "Rolled back: AWS was read again and is as it was before." in text
    assert deployment["rolloutState"] == "COMPLETED", "the rollback waits until ECS has gone back"


def test_a_repair_after_which_a_service_does_not_come_up_says_why(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config")
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", config_dir=config, images=("repti-core",))
        ecs, ecr = session.client("ecs"), session.client("ecr")
        container = {"name": "repti-core", "image": "x", "memory": 128}
        theirs = ecs.register_task_definition(family="team-x", containerDefinitions=[container])["taskDefinition"]
        ecs.update_service(
            cluster="dev-reptidex-cluster", service="repti-core", taskDefinition=theirs["taskDefinitionArn"]
        )
        for image in ecr.list_images(repositoryName="reptidex/dev/repti-core")["imageIds"]:
            ecr.batch_delete_image(repositoryName="reptidex/dev/repti-core", imageIds=[image])
        with pytest.raises(app.ProvisionFailed) as failure:
            app.reconcile("dev", yes=True, session=session, state_dir=tmp_path, config_dir=config)
        kept = app.explain("dev", session=session, state_dir=tmp_path, config_dir=config)
    flat = " ".join(explain(failure.value, "dev").split())
    assert "stopped 3 tasks: CannotPullContainerError: pull image manifest" in flat
    (down,) = kept.down
    assert (kept.run.operation, down.address) == ("reconcile", "compute/service/repti-core")


def test_a_word_that_is_too_long_for_its_place_stays_whole() -> None:
    name = "123456789012.dkr.ecr.us-east-1.amazonaws.com/reptidex/dev/repti-core:latest:"
    lines = fitted(f"           {name}\n           not found", 80).splitlines()
    assert lines == [f"    {name}", "           not found"]
    assert fitted(f"  stopped  {name}", 80).splitlines() == ["  stopped", f"    {name}"]
