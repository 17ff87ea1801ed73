"""What is in AWS after a provision, read with plain boto3 and held against the specification: network, security, database.

The expected values stand here once more on purpose: they are the specification's, not the configuration's.
"""

from __future__ import annotations

import json
from typing import Any

from tests.specified import Environment, records, tags

# --- 1 network ----------------------------------------------------------------------------------------------------


def test_vpc_and_subnets(environment: Environment) -> None:
    vpc = environment.vpc()
    assert vpc["CidrBlock"] == ("10.0.0.0/16" if environment.prod else "10.1.0.0/16")
    assert tags(vpc["Tags"]) == {
        "Name": f"{environment.prefix}-vpc",
        "Project": "reptidex",
        "Environment": environment.name,
        "ManagedBy": "reptiops",
        "reptiops:address": "network/vpc",
    }
    ec2 = environment.client("ec2")
    for attribute, member in (
        ("enableDnsSupport", "EnableDnsSupport"),
        ("enableDnsHostnames", "EnableDnsHostnames"),
    ):
        assert ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)[member]["Value"] is True
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    second, zones = ("0", "abc") if environment.prod else ("1", "ab")
    expected = {}
    for number, zone in enumerate(zones, 1):
        expected[f"10.{second}.{number}.0/24"] = (
            f"us-east-1{zone}",
            True,
            f"{environment.prefix}-public-us-east-1{zone}",
        )
        expected[f"10.{second}.{number}0.0/24"] = (
            f"us-east-1{zone}",
            False,
            f"{environment.prefix}-private-us-east-1{zone}",
        )
    found = {
        s["CidrBlock"]: (s["AvailabilityZone"], s["MapPublicIpOnLaunch"], tags(s["Tags"])["Name"]) for s in subnets
    }
    assert found == expected


def test_routes_nat_gateways_and_endpoint(environment: Environment) -> None:
    ec2, vpc = environment.client("ec2"), environment.vpc()["VpcId"]
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    nats = [n for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] == "available"]
    assert len(nats) == (3 if environment.prod else 2)
    tables = [t for t in ec2.describe_route_tables(Filters=here)["RouteTables"] if t["Tags"]]
    names = {tags(t["Tags"])["Name"]: t for t in tables}
    public = names.pop(f"{environment.prefix}-public")
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


def test_flow_logs_in_prod_only(environment: Environment) -> None:
    logs = environment.client("ec2").describe_flow_logs()["FlowLogs"]
    if not environment.prod:
        assert logs == []
        return
    (log,) = logs
    assert (log["ResourceId"], log["TrafficType"]) == (environment.vpc()["VpcId"], "ALL")
    groups = environment.client("logs").describe_log_groups(logGroupNamePrefix=log["LogGroupName"])["logGroups"]
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


def test_security_groups_have_the_matrix_and_nothing_else(environment: Environment) -> None:
    groups = environment.groups()
    assert set(groups.values()) == {"alb-sg", "ecs-sg", "rds-sg", "redis-sg"}
    rules = environment.client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": list(groups)}]
    )["SecurityGroupRules"]
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


def _statements(environment: Environment, role: str) -> list[dict[str, Any]]:
    iam = environment.client("iam")
    found: list[dict[str, Any]] = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        found += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return found


def _granted(environment: Environment, role: str) -> dict[str, set[str]]:
    """Action → resources, of what is allowed."""
    granted: dict[str, set[str]] = {}
    for statement in _statements(environment, role):
        if statement["Effect"] == "Allow":
            for action in statement["Action"]:
                resources = statement["Resource"]
                granted.setdefault(action, set()).update([resources] if isinstance(resources, str) else resources)
    return granted


def test_roles_may_do_what_they_must_and_no_more(environment: Environment) -> None:
    prefix, env = environment.prefix, environment.name
    expected = {"execution", "task-frontend", "task-backend", "deployer"}
    expected |= {"readonly", "rds-monitoring", "flow-logs"} if environment.prod else {"developer"}
    roles = {
        r["RoleName"].removeprefix(f"{prefix}-")
        for r in environment.client("iam").list_roles()["Roles"]
        if r["RoleName"].startswith(prefix)
    }
    assert roles == expected
    execution = _granted(environment, f"{prefix}-execution")
    assert execution.pop("ecr:GetAuthorizationToken") == {"*"}
    assert all("*" not in resources for resources in execution.values())
    assert execution["ecr:BatchGetImage"] == {f"arn:aws:ecr:us-east-1:123456789012:repository/reptidex/{env}/*"}
    assert execution["secretsmanager:GetSecretValue"] == {
        f"arn:aws:secretsmanager:us-east-1:123456789012:secret:reptidex/{env}/*"
    }
    frontend = _granted(environment, f"{prefix}-task-frontend")
    assert set(frontend) == {"logs:CreateLogStream", "logs:PutLogEvents", "cloudwatch:PutMetricData"}
    backend = _granted(environment, f"{prefix}-task-backend")
    assert set(backend) - set(frontend) == {
        "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "ses:SendEmail", "ses:SendRawEmail",
    }  # fmt: skip
    assert backend["s3:PutObject"] == {f"arn:aws:s3:::{prefix}-uploads/*"}
    deployer = _granted(environment, f"{prefix}-deployer")
    buckets = ["assets", "backups"] if environment.prod else ["assets"]
    assert deployer["s3:PutObject"] == {f"arn:aws:s3:::{prefix}-{b}/*" for b in buckets}
    assert {action for action, resources in deployer.items() if "*" in resources} == {
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
    }


def test_people_need_a_second_factor(environment: Environment) -> None:
    name = f"{environment.prefix}-{'readonly' if environment.prod else 'developer'}"
    role = environment.client("iam").get_role(RoleName=name)["Role"]
    assert role["MaxSessionDuration"] == 4 * 3600
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    denied = [s for s in _statements(environment, name) if s["Effect"] == "Deny"]
    if environment.prod:
        assert "secretsmanager:GetSecretValue" in denied[0]["Action"]


def test_trail_certificate_and_zone(environment: Environment) -> None:
    trails = environment.client("cloudtrail").describe_trails()["trailList"]
    assert len(trails) == (1 if environment.prod else 0)
    for trail in trails:
        assert trail["LogFileValidationEnabled"] is True
        assert trail["S3BucketName"] == "reptidex-prod-logs"
        assert environment.client("cloudtrail").get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
    acm = environment.client("acm")
    (summary,) = acm.list_certificates()["CertificateSummaryList"]
    certificate = acm.describe_certificate(CertificateArn=summary["CertificateArn"])["Certificate"]
    assert certificate["Status"] == "ISSUED"
    assert set(certificate["SubjectAlternativeNames"]) == {"reptidex.com", "*.reptidex.com"}
    assert sum(r["Type"] == "CNAME" for r in records(environment)) == 1


# --- 3 database ---------------------------------------------------------------------------------------------------


def test_postgres(environment: Environment) -> None:
    rds, prod = environment.client("rds"), environment.prod
    (one,) = rds.describe_db_instances()["DBInstances"]
    expected = {
        "DBInstanceIdentifier": environment.prefix,
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
    assert {environment.groups()[g["VpcSecurityGroupId"]] for g in one["VpcSecurityGroups"]} == {"rds-sg"}
    group = one["DBParameterGroups"][0]["DBParameterGroupName"]
    assert group == f"{environment.prefix}-postgres15"
    forced = rds.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    assert next(p["ParameterValue"] for p in forced if p["ParameterName"] == "rds.force_ssl") == "1"
    (subnets,) = rds.describe_db_subnet_groups(DBSubnetGroupName=environment.prefix)["DBSubnetGroups"]
    assert len(subnets["Subnets"]) == (3 if prod else 2)


def test_redis(environment: Environment) -> None:
    cache, prod = environment.client("elasticache"), environment.prod
    (one,) = cache.describe_replication_groups()["ReplicationGroups"]
    assert one["ReplicationGroupId"] == environment.prefix
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


def test_endpoints_and_secrets_for_the_tasks(environment: Environment) -> None:
    ssm, secrets = environment.client("ssm"), environment.client("secretsmanager")
    path = f"/reptidex/{environment.name}"
    found = {p["Name"]: p["Value"] for p in ssm.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]}
    host = environment.client("rds").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]
    assert found[f"{path}/database/host"] == host
    assert found[f"{path}/database/port"] == "5432"
    assert found[f"{path}/database/name"] == "reptidex"
    assert found[f"{path}/redis/port"] == "6379"
    assert set(found) == {f"{path}/{k}" for k in (
        "database/host", "database/port", "database/name", "redis/host", "redis/port",
    )}  # fmt: skip
    value = json.loads(secrets.get_secret_value(SecretId=f"reptidex/{environment.name}/database")["SecretString"])
    assert set(value) == {"username", "password"}
    assert len(value["password"]) >= 32
    names = {s["Name"] for s in secrets.list_secrets()["SecretList"]}
    wanted = {f"reptidex/{environment.name}/database"} | ({"reptidex/prod/redis"} if environment.prod else set())
    assert names == wanted
