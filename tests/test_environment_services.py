"""What is in AWS after a provision, read with plain boto3 and held against the specification: compute, storage, monitoring.

The expected values stand here once more on purpose: they are the specification's, not the configuration's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.specified import SERVICES, Environment, records, tags

# --- 4 compute ----------------------------------------------------------------------------------------------------


def test_repositories_and_log_groups(environment: Environment) -> None:
    ecr = environment.client("ecr")
    repositories = {r["repositoryName"]: r for r in ecr.describe_repositories()["repositories"]}
    assert set(repositories) == {f"reptidex/{environment.name}/{s}" for s in SERVICES}
    for name, one in repositories.items():
        assert one["imageScanningConfiguration"]["scanOnPush"] is True
        policy = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        assert policy["rules"][0]["selection"]["tagStatus"] == "untagged"
    groups = environment.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{environment.name}/")["logGroups"]
    assert {g["logGroupName"]: g["retentionInDays"] for g in groups} == {
        f"/ecs/{environment.name}/{s}": 90 if environment.prod else 30 for s in SERVICES
    }


@pytest.mark.parametrize("service", SERVICES)
def test_services(environment: Environment, service: str) -> None:
    ecs, backend = environment.client("ecs"), service.startswith("repti-")
    answer = ecs.describe_services(cluster=f"{environment.name}-reptidex-cluster", services=[service])
    one = answer["services"][0]
    assert one["launchType"] == "FARGATE"
    assert one["desiredCount"] == (2 if environment.prod else 1)
    assert one["runningCount"] == one["desiredCount"]
    network = one["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    assert {environment.groups()[g] for g in network["securityGroups"]} == {"ecs-sg"}
    deployment = one["deploymentConfiguration"]
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200)
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    task = ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    sizes = {(False, False): ("256", "512"), (False, True): ("512", "1024"), (True, False): ("512", "1024"),
             (True, True): ("1024", "2048")}  # fmt: skip
    assert (task["cpu"], task["memory"]) == sizes[environment.prod, backend]
    (container,) = task["containerDefinitions"]
    assert container["portMappings"][0]["containerPort"] == (8000 if backend else 80)
    assert ("/api/v1/health" if backend else "/health") in " ".join(container["healthCheck"]["command"])
    assert container["logConfiguration"]["options"]["awslogs-group"] == f"/ecs/{environment.name}/{service}"
    injected = {s["name"] for s in container["secrets"]}
    names = {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"}
    names |= {"REDIS_HOST", "REDIS_PORT"} | ({"REDIS_AUTH_TOKEN"} if environment.prod else set())
    assert injected == (names if backend else set())
    role = f"{environment.prefix}-task-{'backend' if backend else 'frontend'}"
    assert task["taskRoleArn"].endswith(f"/{role}")


def test_load_balancer(environment: Environment) -> None:
    elb = environment.client("elbv2")
    (one,) = elb.describe_load_balancers(Names=[f"{environment.prefix}-alb"])["LoadBalancers"]
    assert one["Scheme"] == "internet-facing"
    assert {environment.groups()[g] for g in one["SecurityGroups"]} == {"alb-sg"}
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=one["LoadBalancerArn"])
    attributes = {a["Key"]: a["Value"] for a in answer["Attributes"]}
    assert attributes["deletion_protection.enabled"] == ("true" if environment.prod else "false")
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == f"{environment.prefix}-logs"
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
    assert {g["TargetGroupName"] for g in groups.values()} == {f"{environment.prefix}-{s}" for s in SERVICES}
    for arn, group in groups.items():
        assert (group["TargetType"], group["Protocol"]) == ("ip", "HTTP")
        found = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in found
    rules = [r for r in elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"] if not r["IsDefault"]]
    routed = {
        groups[r["Actions"][0]["TargetGroupArn"]]["TargetGroupName"]: tuple(sorted(r["Conditions"][0]["Values"]))
        for r in rules
    }
    assert routed == {f"{environment.prefix}-{s}": tuple(sorted(environment.hosts(s))) for s in SERVICES}


def test_names_and_scaling(environment: Environment) -> None:
    (balancer,) = environment.client("elbv2").describe_load_balancers()["LoadBalancers"]
    (distribution,) = environment.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    cdn = {"reptidex.com"} if environment.prod else {"dev.reptidex.com"}
    aliases = {r["Name"].rstrip("."): r["AliasTarget"] for r in records(environment) if "AliasTarget" in r}
    assert set(aliases) == {host for s in SERVICES for host in environment.hosts(s)}
    for host, target in aliases.items():
        expected = distribution["DomainName"] if host in cdn else balancer["DNSName"]
        assert target["DNSName"].rstrip(".") == expected
        assert target["HostedZoneId"] == ("Z2FDTNDATAQYW2" if host in cdn else "Z35SXDOTRQ7X7K")
    scaling = environment.client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    ranges = {t["ResourceId"].rsplit("/", 1)[1]: (t["MinCapacity"], t["MaxCapacity"]) for t in targets}
    assert ranges == ({s: (2, 6 if s.startswith("repti-") else 4) for s in SERVICES} if environment.prod else {})
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert len(policies) == (20 if environment.prod else 0)
    assert {p["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for p in policies} <= {65.0}


# --- 5 storage ----------------------------------------------------------------------------------------------------


def test_buckets(environment: Environment) -> None:
    s3 = environment.client("s3")
    purposes = {"assets", "uploads", "logs"} | ({"backups"} if environment.prod else set())
    assert {b["Name"] for b in s3.list_buckets()["Buckets"]} == {f"{environment.prefix}-{p}" for p in purposes}
    for purpose in purposes:
        name = f"{environment.prefix}-{purpose}"
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert all(block.values())
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        owner = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]
        assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
        assert (s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled") is environment.prod
        statements = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        tls = [s for s in statements if s["Effect"] == "Deny"]
        assert tls[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert len(statements) == (1 if purpose != "logs" else 5 if environment.prod else 3)


def test_lifecycles(environment: Environment) -> None:
    def rule(purpose: str) -> dict[str, Any]:
        answer = environment.client("s3").get_bucket_lifecycle_configuration(Bucket=f"{environment.prefix}-{purpose}")
        return next(dict(r) for r in answer["Rules"] if r["ID"] == "objects")

    assert rule("uploads")["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert rule("logs")["Expiration"] == {"Days": 90 if environment.prod else 30}
    if environment.prod:
        assert rule("backups")["Transitions"] == [{"Days": 7, "StorageClass": "GLACIER"}]


def test_cloudfront(environment: Environment) -> None:
    cloudfront = environment.client("cloudfront")
    (one,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert one["PriceClass"] == "PriceClass_100"
    assert one["Aliases"]["Items"] == ["reptidex.com" if environment.prod else "dev.reptidex.com"]
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
    assert config["Name"] == f"{environment.prefix}-security-headers"
    security = config["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert security["StrictTransportSecurity"]["IncludeSubdomains"] is True
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "strict-origin-when-cross-origin"


# --- 6 monitoring -------------------------------------------------------------------------------------------------


def test_alarms_tell_the_topic(environment: Environment) -> None:
    (topic,) = environment.client("sns").list_topics()["Topics"]
    assert topic["TopicArn"].endswith(f":{environment.prefix}-alarms")
    alarms: dict[str, dict[str, Any]] = {}
    for page in environment.client("cloudwatch").get_paginator("describe_alarms").paginate():
        alarms |= {a["AlarmName"].removeprefix(f"{environment.prefix}-"): a for a in page["MetricAlarms"]}
    ours = {name: a for name, a in alarms.items() if not name.startswith("TargetTracking-")}
    expected = {"alb-5xx-rate", "alb-4xx-rate", "alb-response-time"}
    expected |= {f"{s}-{what}" for s in SERVICES for what in ("unhealthy-hosts", "cpu", "memory", "running-tasks")}
    expected |= {f"rds-{x}" for x in ("cpu", "connections", "free-storage", "read-latency", "write-latency")}
    nodes = ("001", "002") if environment.prod else ("001",)
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


def test_topic_dashboard_and_budget(environment: Environment) -> None:
    (topic,) = environment.client("sns").list_topics()["Topics"]
    policy = json.loads(
        environment.client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"]
    )
    services = {s["Principal"].get("Service") for s in policy["Statement"]}
    assert {"budgets.amazonaws.com", "cloudwatch.amazonaws.com"} <= services
    body = json.loads(environment.client("cloudwatch").get_dashboard(DashboardName=environment.prefix)["DashboardBody"])
    assert len(body["widgets"]) > 10
    (budget,) = environment.client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]
    assert budget["BudgetName"] == f"{environment.prefix}-monthly"
    assert float(budget["BudgetLimit"]["Amount"]) == (384 if environment.prod else 150)
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:Environment${environment.name}"]}
    notifications = environment.client("budgets").describe_notifications_for_budget(
        AccountId="123456789012", BudgetName=budget["BudgetName"]
    )["Notifications"]
    assert {n["Threshold"] for n in notifications} == {80.0, 100.0}
