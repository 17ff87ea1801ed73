"""What is in an account, read with plain boto3 over every service used: the world, in AWS's terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Rows = Iterable[tuple[str, str]]


def _ec2(session: Any) -> Rows:
    ec2 = session.client("ec2")
    for operation, member, name in (
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("describe_addresses", "Addresses", "AllocationId"),
        ("describe_route_tables", "RouteTables", "RouteTableId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
        ("describe_flow_logs", "FlowLogs", "FlowLogId"),
        ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ):
        for one in getattr(ec2, operation)()[member]:
            if one.get("GroupName") != "default" or operation != "describe_security_groups":
                yield operation, one[name]
    for one in ec2.describe_nat_gateways()["NatGateways"]:
        if one["State"] != "deleted":
            yield "nat", one["NatGatewayId"]
    for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]:
        if one["State"] != "deleted":
            yield "endpoint", one["VpcEndpointId"]


def _identity(session: Any) -> Rows:
    iam = session.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if not role["Path"].startswith("/aws-service-role/"):
                yield "role", role["RoleName"]
                for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                    yield "role policy", f"{role['RoleName']}/{name}"
    for one in session.client("acm").list_certificates()["CertificateSummaryList"]:
        yield "certificate", one["CertificateArn"]
    route53 = session.client("route53")
    for zone in route53.list_hosted_zones()["HostedZones"]:
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            yield "record", f"{record['Name']} {record['Type']}"
    for one in session.client("cloudtrail").describe_trails()["trailList"]:
        yield "trail", one["TrailARN"]


def _stores(session: Any) -> Rows:
    rds = session.client("rds")
    for one in rds.describe_db_instances()["DBInstances"]:
        yield "database", one["DBInstanceIdentifier"]
    for one in rds.describe_db_subnet_groups()["DBSubnetGroups"]:
        yield "database subnet group", one["DBSubnetGroupName"]
    for one in rds.describe_db_parameter_groups()["DBParameterGroups"]:
        if not one["DBParameterGroupName"].startswith("default."):
            yield "parameter group", one["DBParameterGroupName"]
    cache = session.client("elasticache")
    for one in cache.describe_replication_groups()["ReplicationGroups"]:
        yield "replication group", one["ReplicationGroupId"]
    for one in cache.describe_cache_subnet_groups()["CacheSubnetGroups"]:
        yield "cache subnet group", one["CacheSubnetGroupName"]
    for one in session.client("secretsmanager").list_secrets()["SecretList"]:
        yield "secret", one["Name"]
    for one in session.client("ssm").describe_parameters()["Parameters"]:
        yield "parameter", one["Name"]
    for one in session.client("s3").list_buckets()["Buckets"]:
        yield "bucket", one["Name"]
    for one in session.client("ecr").describe_repositories()["repositories"]:
        yield "repository", one["repositoryName"]


def _compute(session: Any) -> Rows:
    ecs = session.client("ecs")
    for arn in ecs.list_clusters()["clusterArns"]:
        if ecs.describe_clusters(clusters=[arn])["clusters"][0]["status"] != "INACTIVE":
            yield "cluster", arn
            for service in ecs.list_services(cluster=arn, maxResults=100)["serviceArns"]:
                yield "service", service
    for arn in ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]:
        yield "task definition", arn
    elb = session.client("elbv2")
    for one in elb.describe_load_balancers()["LoadBalancers"]:
        yield "load balancer", one["LoadBalancerArn"]
        for listener in elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]:
            yield "listener", listener["ListenerArn"]
            for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                yield "rule", rule["RuleArn"]
    for one in elb.describe_target_groups()["TargetGroups"]:
        yield "target group", one["TargetGroupArn"]
    scaling = session.client("application-autoscaling")
    for one in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        yield "scalable target", one["ResourceId"]
    for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
        yield "scaling policy", one["PolicyName"]
    for one in scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]:
        yield "scheduled action", one["ScheduledActionName"]


def _edge(session: Any) -> Rows:
    cloudfront = session.client("cloudfront")
    for one in cloudfront.list_distributions()["DistributionList"].get("Items", []):
        yield "distribution", one["Id"]
    policies = cloudfront.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"]
    for one in policies.get("Items", []):
        yield "headers policy", one["ResponseHeadersPolicy"]["Id"]
    for one in session.client("logs").describe_log_groups()["logGroups"]:
        if one["logGroupName"] != "RDSOSMetrics":  # AWS's, of all databases of the account: nobody's to delete
            yield "log group", one["logGroupName"]
    cloudwatch = session.client("cloudwatch")
    for page in cloudwatch.get_paginator("describe_alarms").paginate():
        for one in page["MetricAlarms"]:
            yield "alarm", one["AlarmName"]
    for one in cloudwatch.list_dashboards()["DashboardEntries"]:
        yield "dashboard", one["DashboardName"]
    sns = session.client("sns")
    for one in sns.list_topics()["Topics"]:
        yield "topic", one["TopicArn"]
    for one in sns.list_subscriptions()["Subscriptions"]:
        yield "subscription", f"{one['TopicArn']} {one['Endpoint']}"
    account = session.client("sts").get_caller_identity()["Account"]
    for one in session.client("budgets").describe_budgets(AccountId=account).get("Budgets", []):
        yield "budget", one["BudgetName"]


READERS: tuple[Callable[[Any], Rows], ...] = (_ec2, _identity, _stores, _compute, _edge)


def inventory(session: Any) -> frozenset[tuple[str, str]]:
    """Everything there is, as (what, id)."""
    return frozenset(row for reader in READERS for row in reader(session))
