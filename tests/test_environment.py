"""What is in AWS after a provision, read with plain boto3 and held against the specification, section by section.

The expected values stand here once more on purpose: they are the specification's, not the configuration's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reptiops.testing import mocked_aws, provision

SERVICES = {
    "web-public": ("dev.reptidex.com", ("reptidex.com", "www.reptidex.com")),
    "web-admin": ("admin-dev.reptidex.com", ("admin.reptidex.com",)),
    "web-breeder": ("breeder-dev.reptidex.com", ("breeder.reptidex.com",)),
    "web-embed": ("embed-dev.reptidex.com", ("embed.reptidex.com",)),
    "repti-core": ("api-dev.reptidex.com", ("api.reptidex.com",)),
    "repti-animal": ("animal-api-dev.reptidex.com", ("animal-api.reptidex.com",)),
    "repti-commerce": ("commerce-api-dev.reptidex.com", ("commerce-api.reptidex.com",)),
    "repti-media": ("media-api-dev.reptidex.com", ("media-api.reptidex.com",)),
    "repti-community": ("community-api-dev.reptidex.com", ("community-api.reptidex.com",)),
    "repti-ops": ("ops-api-dev.reptidex.com", ("ops-api.reptidex.com",)),
}


@dataclass(frozen=True)
class World:
    """One environment in the mocked AWS."""

    name: str
    session: Any

    @property
    def prod(self) -> bool:
        return self.name == "prod"

    @property
    def prefix(self) -> str:
        return f"reptidex-{self.name}"

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def vpc(self) -> dict[str, Any]:
        filters = [{"Name": "tag:Environment", "Values": [self.name]}]
        (vpc,) = self.client("ec2").describe_vpcs(Filters=filters)["Vpcs"]
        return dict(vpc)

    def hosts(self, service: str) -> tuple[str, ...]:
        dev, prod = SERVICES[service]
        return prod if self.prod else (dev,)

    def groups(self) -> dict[str, str]:
        """Id → short name of each group of the VPC but the default one."""
        found = self.client("ec2").describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [self.vpc()["VpcId"]]}]
        )["SecurityGroups"]
        prefix = f"{self.prefix}-"
        return {g["GroupId"]: g["GroupName"].removeprefix(prefix) for g in found if g["GroupName"] != "default"}


@pytest.fixture(scope="module", params=["dev", "prod"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with mocked_aws(quotas={"fargate-vcpus": 64}) as session:
        provision(session, tmp_path_factory.mktemp("state"), request.param, images=SERVICES)
        yield World(request.param, session)


def tags(listed: Any) -> dict[str, str]:
    return {t.get("Key", t.get("key")): t.get("Value", t.get("value")) for t in listed}


# --- 1 network ----------------------------------------------------------------------------------------------------


def test_vpc_and_subnets(world: World) -> None:
    vpc = world.vpc()
    assert vpc["CidrBlock"] == ("10.0.0.0/16" if world.prod else "10.1.0.0/16")
    assert tags(vpc["Tags"]) == {
        "Name": f"{world.prefix}-vpc",
        "Project": "reptidex",
        "Environment": world.name,
        "ManagedBy": "reptiops",
        "reptiops:address": "network/vpc",
    }
    ec2 = world.client("ec2")
    for attribute, member in (
        ("enableDnsSupport", "EnableDnsSupport"),
        ("enableDnsHostnames", "EnableDnsHostnames"),
    ):
        assert ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)[member]["Value"] is True
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    second, zones = ("0", "abc") if world.prod else ("1", "ab")
    expected = {}
    for number, zone in enumerate(zones, 1):
        expected[f"10.{second}.{number}.0/24"] = (f"us-east-1{zone}", True, f"{world.prefix}-public-us-east-1{zone}")
        expected[f"10.{second}.{number}0.0/24"] = (f"us-east-1{zone}", False, f"{world.prefix}-private-us-east-1{zone}")
    found = {
        s["CidrBlock"]: (s["AvailabilityZone"], s["MapPublicIpOnLaunch"], tags(s["Tags"])["Name"]) for s in subnets
    }
    assert found == expected


def test_routes_nat_gateways_and_endpoint(world: World) -> None:
    ec2, vpc = world.client("ec2"), world.vpc()["VpcId"]
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    nats = [n for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] == "available"]
    assert len(nats) == (3 if world.prod else 2)
    tables = [t for t in ec2.describe_route_tables(Filters=here)["RouteTables"] if t["Tags"]]
    names = {tags(t["Tags"])["Name"]: t for t in tables}
    public = names.pop(f"{world.prefix}-public")
    gateway = next(r["GatewayId"] for r in public["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0")
    (igw,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])[
        "InternetGateways"
    ]
    assert gateway == igw["InternetGatewayId"]
    assert len(names) == len(nats)
    used = set()
    for table in names.values():
        (nat,) = (r["NatGatewayId"] for r in table["Routes"] if r.get("NatGatewayId"))
        used.add(nat)
        (association,) = table["Associations"]
        zone = ec2.describe_subnets(SubnetIds=[association["SubnetId"]])["Subnets"][0]["AvailabilityZone"]
        home = next(n["SubnetId"] for n in nats if n["NatGatewayId"] == nat)
        assert ec2.describe_subnets(SubnetIds=[home])["Subnets"][0]["AvailabilityZone"] == zone
    assert used == {n["NatGatewayId"] for n in nats}
    (endpoint,) = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    assert (endpoint["ServiceName"], endpoint["VpcEndpointType"]) == ("com.amazonaws.us-east-1.s3", "Gateway")
    assert set(endpoint["RouteTableIds"]) == {t["RouteTableId"] for t in names.values()}


def test_flow_logs_in_prod_only(world: World) -> None:
    logs = world.client("ec2").describe_flow_logs()["FlowLogs"]
    if not world.prod:
        assert logs == []
        return
    (log,) = logs
    assert (log["ResourceId"], log["TrafficType"]) == (world.vpc()["VpcId"], "ALL")
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix=log["LogGroupName"])["logGroups"]
    assert groups[0]["retentionInDays"] == 90


# --- 2 security ---------------------------------------------------------------------------------------------------

MATRIX = {
    ("alb-sg", "in", "tcp", 80, 80, "0.0.0.0/0"),
    ("alb-sg", "in", "tcp", 443, 443, "0.0.0.0/0"),
    ("alb-sg", "out", "tcp", 80, 80, "ecs-sg"),
    ("alb-sg", "out", "tcp", 8000, 8006, "ecs-sg"),
    ("ecs-sg", "in", "tcp", 80, 80, "alb-sg"),
    ("ecs-sg", "in", "tcp", 8000, 8006, "alb-sg"),
    ("ecs-sg", "out", "tcp", 443, 443, "0.0.0.0/0"),
    ("ecs-sg", "out", "tcp", 5432, 5432, "rds-sg"),
    ("ecs-sg", "out", "tcp", 6379, 6379, "redis-sg"),
    ("rds-sg", "in", "tcp", 5432, 5432, "ecs-sg"),
    ("redis-sg", "in", "tcp", 6379, 6379, "ecs-sg"),
}


def test_security_groups_have_the_matrix_and_nothing_else(world: World) -> None:
    groups = world.groups()
    assert set(groups.values()) == {"alb-sg", "ecs-sg", "rds-sg", "redis-sg"}
    rules = world.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": list(groups)}])[
        "SecurityGroupRules"
    ]
    found = {
        (
            groups[r["GroupId"]],
            "out" if r["IsEgress"] else "in",
            r["IpProtocol"],
            r["FromPort"],
            r["ToPort"],
            r.get("CidrIpv4") or groups[r["ReferencedGroupInfo"]["GroupId"]],
        )
        for r in rules
    }
    assert found == MATRIX
    assert len(rules) == len(MATRIX)


def _statements(world: World, role: str) -> list[dict[str, Any]]:
    iam = world.client("iam")
    found: list[dict[str, Any]] = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        found += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return found


def _granted(world: World, role: str) -> dict[str, set[str]]:
    """Action → resources, of what is allowed."""
    granted: dict[str, set[str]] = {}
    for statement in _statements(world, role):
        if statement["Effect"] == "Allow":
            for action in statement["Action"]:
                resources = statement["Resource"]
                granted.setdefault(action, set()).update([resources] if isinstance(resources, str) else resources)
    return granted


def test_roles_may_do_what_they_must_and_no_more(world: World) -> None:
    prefix, env = world.prefix, world.name
    expected = {"execution", "task-frontend", "task-backend", "deployer"}
    expected |= {"readonly", "rds-monitoring", "flow-logs"} if world.prod else {"developer"}
    roles = {
        r["RoleName"].removeprefix(f"{prefix}-")
        for r in world.client("iam").list_roles()["Roles"]
        if r["RoleName"].startswith(prefix)
    }
    assert roles == expected
    execution = _granted(world, f"{prefix}-execution")
    assert execution.pop("ecr:GetAuthorizationToken") == {"*"}
    assert all("*" not in resources for resources in execution.values())
    assert execution["ecr:BatchGetImage"] == {f"arn:aws:ecr:us-east-1:123456789012:repository/reptidex/{env}/*"}
    assert execution["secretsmanager:GetSecretValue"] == {
        f"arn:aws:secretsmanager:us-east-1:123456789012:secret:reptidex/{env}/*"
    }
    frontend = _granted(world, f"{prefix}-task-frontend")
    assert set(frontend) == {"logs:CreateLogStream", "logs:PutLogEvents", "cloudwatch:PutMetricData"}
    backend = _granted(world, f"{prefix}-task-backend")
    assert set(backend) - set(frontend) == {
        "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "ses:SendEmail", "ses:SendRawEmail",
    }  # fmt: skip
    assert backend["s3:PutObject"] == {f"arn:aws:s3:::{prefix}-uploads/*"}
    deployer = _granted(world, f"{prefix}-deployer")
    buckets = ["assets", "backups"] if world.prod else ["assets"]
    assert deployer["s3:PutObject"] == {f"arn:aws:s3:::{prefix}-{b}/*" for b in buckets}
    assert {action for action, resources in deployer.items() if "*" in resources} == {
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
    }


def test_people_need_a_second_factor(world: World) -> None:
    name = f"{world.prefix}-{'readonly' if world.prod else 'developer'}"
    role = world.client("iam").get_role(RoleName=name)["Role"]
    assert role["MaxSessionDuration"] == 4 * 3600
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    denied = [s for s in _statements(world, name) if s["Effect"] == "Deny"]
    if world.prod:
        assert "secretsmanager:GetSecretValue" in denied[0]["Action"]


def test_trail_certificate_and_zone(world: World) -> None:
    trails = world.client("cloudtrail").describe_trails()["trailList"]
    assert len(trails) == (1 if world.prod else 0)
    for trail in trails:
        assert trail["LogFileValidationEnabled"] is True
        assert trail["S3BucketName"] == "reptidex-prod-logs"
        assert world.client("cloudtrail").get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
    acm = world.client("acm")
    (summary,) = acm.list_certificates()["CertificateSummaryList"]
    certificate = acm.describe_certificate(CertificateArn=summary["CertificateArn"])["Certificate"]
    assert certificate["Status"] == "ISSUED"
    assert set(certificate["SubjectAlternativeNames"]) == {"reptidex.com", "*.reptidex.com"}
    assert sum(r["Type"] == "CNAME" for r in _records(world)) == 1


def _records(world: World) -> list[dict[str, Any]]:
    route53 = world.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    return list(route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"])


# --- 3 database ---------------------------------------------------------------------------------------------------


def test_postgres(world: World) -> None:
    rds, prod = world.client("rds"), world.prod
    (one,) = rds.describe_db_instances()["DBInstances"]
    expected = {
        "DBInstanceIdentifier": world.prefix,
        "Engine": "postgres",
        "EngineVersion": "15.19",  # 15.7 is no longer offered, so the newest 15.x
        "DBInstanceClass": "db.t4g.small" if prod else "db.t4g.micro",
        "AllocatedStorage": 100 if prod else 20,
        "MaxAllocatedStorage": 1000 if prod else 100,
        "StorageType": "gp3",
        "MultiAZ": prod,
        "BackupRetentionPeriod": 30 if prod else 7,
        "MonitoringInterval": 60 if prod else 0,
        "StorageEncrypted": True,
        "PubliclyAccessible": False,
        "DeletionProtection": prod,
        "DBName": "reptidex",
    }
    assert {name: one[name] for name in expected} == expected
    assert {world.groups()[g["VpcSecurityGroupId"]] for g in one["VpcSecurityGroups"]} == {"rds-sg"}
    group = one["DBParameterGroups"][0]["DBParameterGroupName"]
    assert group == f"{world.prefix}-postgres15"
    forced = rds.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    assert next(p["ParameterValue"] for p in forced if p["ParameterName"] == "rds.force_ssl") == "1"
    (subnets,) = rds.describe_db_subnet_groups(DBSubnetGroupName=world.prefix)["DBSubnetGroups"]
    assert len(subnets["Subnets"]) == (3 if prod else 2)


def test_redis(world: World) -> None:
    cache, prod = world.client("elasticache"), world.prod
    (one,) = cache.describe_replication_groups()["ReplicationGroups"]
    assert one["ReplicationGroupId"] == world.prefix
    assert one["CacheNodeType"] == ("cache.t4g.small" if prod else "cache.t4g.micro")
    assert len(one["MemberClusters"]) == (2 if prod else 1)
    assert one["AutomaticFailover"] == ("enabled" if prod else "disabled")
    assert one["MultiAZ"] == ("enabled" if prod else "disabled")
    assert one["AtRestEncryptionEnabled"] is True
    assert one["TransitEncryptionEnabled"] is prod
    assert one["AuthTokenEnabled"] is prod
    assert one["SnapshotRetentionLimit"] == (7 if prod else 0)
    member = cache.describe_cache_clusters()["CacheClusters"][0]
    assert member["EngineVersion"].startswith("7.0")
    assert member["CacheParameterGroup"]["CacheParameterGroupName"] == "default.redis7"


def test_endpoints_and_secrets_for_the_tasks(world: World) -> None:
    ssm, secrets = world.client("ssm"), world.client("secretsmanager")
    path = f"/reptidex/{world.name}"
    found = {p["Name"]: p["Value"] for p in ssm.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]}
    host = world.client("rds").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]
    assert found[f"{path}/database/host"] == host
    assert found[f"{path}/database/port"] == "5432"
    assert found[f"{path}/database/name"] == "reptidex"
    assert found[f"{path}/redis/port"] == "6379"
    assert set(found) == {f"{path}/{k}" for k in (
        "database/host", "database/port", "database/name", "redis/host", "redis/port",
    )}  # fmt: skip
    value = json.loads(secrets.get_secret_value(SecretId=f"reptidex/{world.name}/database")["SecretString"])
    assert set(value) == {"username", "password"}
    assert len(value["password"]) >= 32
    names = {s["Name"] for s in secrets.list_secrets()["SecretList"]}
    wanted = {f"reptidex/{world.name}/database"} | ({"reptidex/prod/redis"} if world.prod else set())
    assert names == wanted


# --- 4 compute ----------------------------------------------------------------------------------------------------


def test_repositories_and_log_groups(world: World) -> None:
    ecr = world.client("ecr")
    repositories = {r["repositoryName"]: r for r in ecr.describe_repositories()["repositories"]}
    assert set(repositories) == {f"reptidex/{world.name}/{s}" for s in SERVICES}
    for name, one in repositories.items():
        assert one["imageScanningConfiguration"]["scanOnPush"] is True
        policy = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        assert policy["rules"][0]["selection"]["tagStatus"] == "untagged"
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{world.name}/")["logGroups"]
    assert {g["logGroupName"]: g["retentionInDays"] for g in groups} == {
        f"/ecs/{world.name}/{s}": 90 if world.prod else 30 for s in SERVICES
    }


@pytest.mark.parametrize("service", SERVICES)
def test_services(world: World, service: str) -> None:
    ecs, backend = world.client("ecs"), service.startswith("repti-")
    answer = ecs.describe_services(cluster=f"{world.name}-reptidex-cluster", services=[service])
    one = answer["services"][0]
    assert one["launchType"] == "FARGATE"
    assert one["desiredCount"] == (2 if world.prod else 1)
    assert one["runningCount"] == one["desiredCount"]
    network = one["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    assert {world.groups()[g] for g in network["securityGroups"]} == {"ecs-sg"}
    deployment = one["deploymentConfiguration"]
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200)
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    task = ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    sizes = {(False, False): ("256", "512"), (False, True): ("512", "1024"), (True, False): ("512", "1024"),
             (True, True): ("1024", "2048")}  # fmt: skip
    assert (task["cpu"], task["memory"]) == sizes[world.prod, backend]
    (container,) = task["containerDefinitions"]
    assert container["portMappings"][0]["containerPort"] == (8000 if backend else 80)
    assert ("/api/v1/health" if backend else "/health") in " ".join(container["healthCheck"]["command"])
    assert container["logConfiguration"]["options"]["awslogs-group"] == f"/ecs/{world.name}/{service}"
    injected = {s["name"] for s in container["secrets"]}
    names = {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"}
    names |= {"REDIS_HOST", "REDIS_PORT"} | ({"REDIS_AUTH_TOKEN"} if world.prod else set())
    assert injected == (names if backend else set())
    role = f"{world.prefix}-task-{'backend' if backend else 'frontend'}"
    assert task["taskRoleArn"].endswith(f"/{role}")


def test_load_balancer(world: World) -> None:
    elb = world.client("elbv2")
    (one,) = elb.describe_load_balancers(Names=[f"{world.prefix}-alb"])["LoadBalancers"]
    assert one["Scheme"] == "internet-facing"
    assert {world.groups()[g] for g in one["SecurityGroups"]} == {"alb-sg"}
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=one["LoadBalancerArn"])
    attributes = {a["Key"]: a["Value"] for a in answer["Attributes"]}
    assert attributes["deletion_protection.enabled"] == ("true" if world.prod else "false")
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == f"{world.prefix}-logs"
    listeners = {x["Port"]: x for x in elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]}
    assert set(listeners) == {80, 443}
    redirect = listeners[80]["DefaultActions"][0]["RedirectConfig"]
    assert (redirect["Protocol"], redirect["StatusCode"]) == ("HTTPS", "HTTP_301")
    assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert listeners[443]["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    found = elb.describe_listener_attributes(ListenerArn=listeners[443]["ListenerArn"])["Attributes"]
    headers = {a["Key"].split(".")[3]: a["Value"] for a in found if a["Key"].startswith("routing.http.response.")}
    assert headers == {
        "strict_transport_security": "max-age=31536000; includeSubDomains",
        "x_frame_options": "DENY",
        "x_content_type_options": "nosniff",
    }
    groups = {g["TargetGroupArn"]: g for g in elb.describe_target_groups()["TargetGroups"]}
    assert {g["TargetGroupName"] for g in groups.values()} == {f"{world.prefix}-{s}" for s in SERVICES}
    for arn, group in groups.items():
        assert (group["TargetType"], group["Protocol"]) == ("ip", "HTTP")
        found = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in found
    rules = [r for r in elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"] if not r["IsDefault"]]
    routed = {
        groups[r["Actions"][0]["TargetGroupArn"]]["TargetGroupName"]: tuple(sorted(r["Conditions"][0]["Values"]))
        for r in rules
    }
    assert routed == {f"{world.prefix}-{s}": tuple(sorted(world.hosts(s))) for s in SERVICES}


def test_names_and_scaling(world: World) -> None:
    (balancer,) = world.client("elbv2").describe_load_balancers()["LoadBalancers"]
    (distribution,) = world.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    cdn = {"reptidex.com"} if world.prod else {"dev.reptidex.com"}
    aliases = {r["Name"].rstrip("."): r["AliasTarget"] for r in _records(world) if "AliasTarget" in r}
    assert set(aliases) == {host for s in SERVICES for host in world.hosts(s)}
    for host, target in aliases.items():
        expected = distribution["DomainName"] if host in cdn else balancer["DNSName"]
        assert target["DNSName"].rstrip(".") == expected
        assert target["HostedZoneId"] == ("Z2FDTNDATAQYW2" if host in cdn else "Z35SXDOTRQ7X7K")
    scaling = world.client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    ranges = {t["ResourceId"].rsplit("/", 1)[1]: (t["MinCapacity"], t["MaxCapacity"]) for t in targets}
    assert ranges == ({s: (2, 6 if s.startswith("repti-") else 4) for s in SERVICES} if world.prod else {})
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert len(policies) == (20 if world.prod else 0)
    assert {p["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for p in policies} <= {65.0}


# --- 5 storage ----------------------------------------------------------------------------------------------------


def test_buckets(world: World) -> None:
    s3 = world.client("s3")
    purposes = {"assets", "uploads", "logs"} | ({"backups"} if world.prod else set())
    assert {b["Name"] for b in s3.list_buckets()["Buckets"]} == {f"{world.prefix}-{p}" for p in purposes}
    for purpose in purposes:
        name = f"{world.prefix}-{purpose}"
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert all(block.values())
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        owner = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]
        assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
        assert (s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled") is world.prod
        statements = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        tls = [s for s in statements if s["Effect"] == "Deny"]
        assert tls[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert len(statements) == (1 if purpose != "logs" else 5 if world.prod else 3)


def test_lifecycles(world: World) -> None:
    def rule(purpose: str) -> dict[str, Any]:
        answer = world.client("s3").get_bucket_lifecycle_configuration(Bucket=f"{world.prefix}-{purpose}")
        return next(dict(r) for r in answer["Rules"] if r["ID"] == "objects")

    assert rule("uploads")["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert rule("logs")["Expiration"] == {"Days": 90 if world.prod else 30}
    if world.prod:
        assert rule("backups")["Transitions"] == [{"Days": 7, "StorageClass": "GLACIER"}]


def test_cloudfront(world: World) -> None:
    cloudfront = world.client("cloudfront")
    (one,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert one["PriceClass"] == "PriceClass_100"
    assert one["Aliases"]["Items"] == ["reptidex.com" if world.prod else "dev.reptidex.com"]
    assert one["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    (origin,) = one["Origins"]["Items"]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["OriginPath"] == ""
    behaviours = {"default": one["DefaultCacheBehavior"]}
    behaviours |= {b["PathPattern"]: b for b in one["CacheBehaviors"]["Items"]}
    ttls = {name: (b["DefaultTTL"], b["ForwardedValues"]["Headers"]["Items"]) for name, b in behaviours.items()}
    assert ttls == {"default": (3600, ["*"]), "/api/*": (0, ["*"]), "/assets/*": (7 * 86400, ["Host"])}
    assert behaviours["/assets/*"]["Compress"] is True
    (policy,) = cloudfront.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"]["Items"]
    assert {b["ResponseHeadersPolicyId"] for b in behaviours.values()} == {policy["ResponseHeadersPolicy"]["Id"]}
    config = policy["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    assert config["Name"] == f"{world.prefix}-security-headers"
    security = config["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert security["StrictTransportSecurity"]["IncludeSubdomains"] is True
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "strict-origin-when-cross-origin"


# --- 6 monitoring -------------------------------------------------------------------------------------------------


def test_alarms_tell_the_topic(world: World) -> None:
    (topic,) = world.client("sns").list_topics()["Topics"]
    assert topic["TopicArn"].endswith(f":{world.prefix}-alarms")
    alarms: dict[str, dict[str, Any]] = {}
    for page in world.client("cloudwatch").get_paginator("describe_alarms").paginate():
        alarms |= {a["AlarmName"].removeprefix(f"{world.prefix}-"): a for a in page["MetricAlarms"]}
    ours = {name: a for name, a in alarms.items() if not name.startswith("TargetTracking-")}
    expected = {"alb-5xx-rate", "alb-4xx-rate", "alb-response-time"}
    expected |= {f"{s}-{what}" for s in SERVICES for what in ("unhealthy-hosts", "cpu", "memory", "running-tasks")}
    expected |= {f"rds-{x}" for x in ("cpu", "connections", "free-storage", "read-latency", "write-latency")}
    nodes = ("001", "002") if world.prod else ("001",)
    expected |= {f"redis-{n}-{x}" for n in nodes for x in ("cpu", "memory", "hit-rate", "network-in", "network-out")}
    expected |= {"drift", "reconcile-failed", "run-failed"}
    assert set(ours) == expected
    assert all(a["AlarmActions"] == [topic["TopicArn"]] for a in ours.values())
    assert ours["rds-free-storage"]["ComparisonOperator"] == "LessThanThreshold"
    dimensions = tags(
        [{"Key": d["Name"], "Value": d["Value"]} for d in ours["repti-core-unhealthy-hosts"]["Dimensions"]]
    )
    assert dimensions["LoadBalancer"].startswith("app/")
    assert dimensions["TargetGroup"].startswith("targetgroup/")


def test_topic_dashboard_and_budget(world: World) -> None:
    (topic,) = world.client("sns").list_topics()["Topics"]
    policy = json.loads(world.client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"])
    services = {s["Principal"].get("Service") for s in policy["Statement"]}
    assert {"budgets.amazonaws.com", "cloudwatch.amazonaws.com"} <= services
    body = json.loads(world.client("cloudwatch").get_dashboard(DashboardName=world.prefix)["DashboardBody"])
    assert len(body["widgets"]) > 10
    (budget,) = world.client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]
    assert budget["BudgetName"] == f"{world.prefix}-monthly"
    assert float(budget["BudgetLimit"]["Amount"]) == (384 if world.prod else 150)
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:Environment${world.name}"]}
    notifications = world.client("budgets").describe_notifications_for_budget(
        AccountId="123456789012", BudgetName=budget["BudgetName"]
    )["Notifications"]
    assert {n["Threshold"] for n in notifications} == {80.0, 100.0}
