"""What people do to an environment by hand, with plain boto3: each with the finding it must give."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ROLE = "reptidex-dev-task-backend"
OTHERS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "*", "Resource": "*"}
    ],
}
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Hand:
    """A person with the console: looks things up by their names."""

    def __init__(self, session: Any):
        self.session = session

    def __call__(self, service: str) -> Any:
        return self.session.client(service)

    def named(self, operation: str, member: str, identifier: str, name: str) -> str:
        filters = [{"Name": "tag:Name", "Values": [name]}]
        return str(getattr(self("ec2"), operation)(Filters=filters)[member][0][identifier])

    @cached_property
    def vpc(self) -> str:
        return self.named("describe_vpcs", "Vpcs", "VpcId", "reptidex-dev-vpc")

    def group(self, short: str) -> str:
        return self.named("describe_security_groups", "SecurityGroups", "GroupId", f"reptidex-dev-{short}-sg")

    def rule(self, short: str, port: int, egress: bool = False) -> str:
        found = self("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.group(short)]}])
        return next(
            str(r["SecurityGroupRuleId"])
            for r in found["SecurityGroupRules"]
            if r["FromPort"] == port and r["IsEgress"] is egress
        )

    def subnet(self, name: str) -> str:
        return self.named("describe_subnets", "Subnets", "SubnetId", f"reptidex-dev-{name}")

    def table(self, name: str) -> str:
        return self.named("describe_route_tables", "RouteTables", "RouteTableId", f"reptidex-dev-{name}")

    @property
    def balancer(self) -> str:
        answer = self("elbv2").describe_load_balancers(Names=["reptidex-dev-alb"])
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    def listener(self, port: int) -> str:
        listeners = self("elbv2").describe_listeners(LoadBalancerArn=self.balancer)["Listeners"]
        return next(str(one["ListenerArn"]) for one in listeners if one["Port"] == port)

    def host_rule(self, host: str) -> str:
        rules = self("elbv2").describe_rules(ListenerArn=self.listener(443))["Rules"]
        return next(str(r["RuleArn"]) for r in rules if r["Conditions"] and host in r["Conditions"][0]["Values"])

    def target_group(self, service: str) -> str:
        answer = self("elbv2").describe_target_groups(Names=[f"reptidex-dev-{service}"])
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    @property
    def topic(self) -> str:
        return "arn:aws:sns:us-east-1:123456789012:reptidex-dev-alarms"

    @property
    def zone(self) -> str:
        return str(self("route53").list_hosted_zones()["HostedZones"][0]["Id"])

    def record(self, action: str, host: str, kind: str, value: str) -> None:
        record = {"Name": host, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        self("route53").change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        )

    def service(self, name: str, **change: Any) -> None:
        self("ecs").update_service(cluster="dev-reptidex-cluster", service=name, **change)

    def task(self, service: str, **change: Any) -> None:
        """Register a changed revision and deploy it, container settings in `container`."""
        ecs = self("ecs")
        live = ecs.describe_services(cluster="dev-reptidex-cluster", services=[service])["services"][0]
        one = ecs.describe_task_definition(taskDefinition=live["taskDefinition"])["taskDefinition"]
        names = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn", "runtimePlatform",
                 "requiresCompatibilities", "containerDefinitions")  # fmt: skip
        whole = {name: one[name] for name in names if name in one}
        whole["containerDefinitions"][0] |= change.pop("container", {})
        registered = ecs.register_task_definition(**{**whole, **change})["taskDefinition"]["taskDefinitionArn"]
        self.service(service, taskDefinition=registered)

    def distribution(self, **change: Any) -> None:
        cloudfront = self("cloudfront")
        one = cloudfront.list_distributions()["DistributionList"]["Items"][0]["Id"]
        answer = cloudfront.get_distribution_config(Id=one)
        config = {**answer["DistributionConfig"], **change}
        cloudfront.update_distribution(Id=one, IfMatch=answer["ETag"], DistributionConfig=config)

    def headers_policy(self) -> None:
        cloudfront = self("cloudfront")
        items = cloudfront.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"]["Items"]
        policy = items[0]["ResponseHeadersPolicy"]
        config = policy["ResponseHeadersPolicyConfig"]
        config["SecurityHeadersConfig"]["FrameOptions"]["FrameOption"] = "SAMEORIGIN"
        etag = cloudfront.get_response_headers_policy(Id=policy["Id"])["ETag"]
        cloudfront.update_response_headers_policy(Id=policy["Id"], IfMatch=etag, ResponseHeadersPolicyConfig=config)

    def alarm(self, name: str, **change: Any) -> None:
        one = self("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        names = ("AlarmName", "MetricName", "Namespace", "Dimensions", "Statistic", "Period", "EvaluationPeriods",
                 "Threshold", "ComparisonOperator", "AlarmActions", "OKActions", "TreatMissingData",
                 "AlarmDescription", "DatapointsToAlarm")  # fmt: skip
        self("cloudwatch").put_metric_alarm(**{**{n: one[n] for n in names if n in one}, **change})


@dataclass(frozen=True)
class Deed:
    """One thing done by hand: what it must be found as. An empty field: missing or extra."""

    what: str
    do: Callable[[Hand], Any]
    address: str
    field: str
    risk: str
    batch: int = 0
    """Deeds at one address go into different batches."""


def _ingress(short: str, port: int, cidr: str = "0.0.0.0/0") -> Callable[[Hand], Any]:
    permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}
    return lambda h: h("ec2").authorize_security_group_ingress(GroupId=h.group(short), IpPermissions=[permission])


def _egress(short: str, port: int) -> Callable[[Hand], Any]:
    permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    return lambda h: h("ec2").authorize_security_group_egress(GroupId=h.group(short), IpPermissions=[permission])


def _wider_rule(h: Hand) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    change = {"SecurityGroupRuleId": h.rule("alb", 443), "SecurityGroupRule": rule}
    h("ec2").modify_security_group_rules(GroupId=h.group("alb"), SecurityGroupRules=[change])


def _route(h: Hand) -> None:
    gateway = h.named("describe_internet_gateways", "InternetGateways", "InternetGatewayId", "reptidex-dev-igw")
    h("ec2").create_route(RouteTableId=h.table("public"), DestinationCidrBlock="192.168.0.0/16", GatewayId=gateway)


def _second_listener(h: Hand) -> None:
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    h("elbv2").create_listener(LoadBalancerArn=h.balancer, Port=8080, Protocol="HTTP", DefaultActions=[action])


def _second_rule(h: Hand) -> None:
    h("elbv2").create_rule(
        ListenerArn=h.listener(443),
        Priority=999,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["secret.reptidex.com"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": h.target_group("web-admin")}],
    )


def _policy(h: Hand, name: str, statements: list[dict[str, Any]]) -> None:
    h("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def _assume(h: Hand) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    h("iam").update_assume_role_policy(RoleName="reptidex-dev-deployer", PolicyDocument=document)


def _lifecycle(h: Hand) -> None:
    rule = {"ID": "objects", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    h("s3").put_bucket_lifecycle_configuration(Bucket="reptidex-dev-uploads", LifecycleConfiguration={"Rules": [rule]})


def _unblock(h: Hand) -> None:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    h("s3").put_public_access_block(
        Bucket="reptidex-dev-assets", PublicAccessBlockConfiguration=dict.fromkeys(names, False)
    )


def _topic_policy(h: Hand) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": h.topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    h("sns").set_topic_attributes(TopicArn=h.topic, AttributeName="Policy", AttributeValue=policy)


def _attribute(h: Hand, name: str, value: str) -> None:
    h("elbv2").modify_load_balancer_attributes(LoadBalancerArn=h.balancer, Attributes=[{"Key": name, "Value": value}])


def _headers(h: Hand) -> None:
    name = "routing.http.response.x_frame_options.header_value"
    h("elbv2").modify_listener_attributes(
        ListenerArn=h.listener(443), Attributes=[{"Key": name, "Value": "SAMEORIGIN"}]
    )


def _budget(h: Hand) -> None:
    one = h("budgets").describe_budget(AccountId="123456789012", BudgetName="reptidex-dev-monthly")["Budget"]
    names = ("BudgetName", "BudgetType", "TimeUnit", "CostFilters")
    new = {**{n: one[n] for n in names}, "BudgetLimit": {"Amount": "9999", "Unit": "USD"}}
    h("budgets").update_budget(AccountId="123456789012", NewBudget=new)


def _rds(**change: Any) -> Callable[[Hand], Any]:
    return lambda h: h("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **change)


def _redis(**change: Any) -> Callable[[Hand], Any]:
    return lambda h: h("elasticache").modify_replication_group(
        ReplicationGroupId="reptidex-dev", ApplyImmediately=True, **change
    )


def _parameter_group(h: Hand) -> None:
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}
    h("rds").modify_db_parameter_group(DBParameterGroupName="reptidex-dev-postgres15", Parameters=[parameter])


CORE = "compute/service/repti-core"


def _attach(h: Hand) -> None:
    arn = h("iam").create_policy(PolicyName="everything", PolicyDocument=json.dumps(OPEN))["Policy"]["Arn"]
    h("iam").attach_role_policy(RoleName=ROLE, PolicyArn=arn)


def _scaled(h: Hand) -> None:
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/dev-reptidex-cluster/web-embed",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    h("application-autoscaling").register_scalable_target(**where, MinCapacity=0, MaxCapacity=9)
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    h("application-autoscaling").put_scaling_policy(
        **where,
        PolicyName="by-hand",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 5.0, "PredefinedMetricSpecification": metric},
    )


DEEDS = [
    # network
    Deed("VPC renamed", lambda h: h("ec2").create_tags(Resources=[h.vpc], Tags=[{"Key": "Name", "Value": "x"}]), "network/vpc", "name", "cosmetic", 3),
    Deed("DNS host names off", lambda h: h("ec2").modify_vpc_attribute(VpcId=h.vpc, EnableDnsHostnames={"Value": False}), "network/vpc", "dns_hostnames", "availability", 1),
    Deed("private subnet hands out public addresses", lambda h: h("ec2").modify_subnet_attribute(SubnetId=h.subnet("private-us-east-1a"), MapPublicIpOnLaunch={"Value": True}), "network/private_subnet/us-east-1a", "public", "security"),
    Deed("public subnet does not", lambda h: h("ec2").modify_subnet_attribute(SubnetId=h.subnet("public-us-east-1b"), MapPublicIpOnLaunch={"Value": False}), "network/public_subnet/us-east-1b", "public", "security"),
    Deed("a subnet of somebody's own", lambda h: h("ec2").create_subnet(VpcId=h.vpc, CidrBlock="10.1.99.0/24", AvailabilityZone="us-east-1a"), "network/vpc", "", "availability"),
    Deed("a route added", _route, "network/public_route_table", "routes.192.168.0.0/16", "security"),
    Deed("the default route deleted", lambda h: h("ec2").delete_route(RouteTableId=h.table("private-us-east-1a"), DestinationCidrBlock="0.0.0.0/0"), "network/private_route_table/us-east-1a", "routes.0.0.0.0/0", "security"),
    Deed("endpoint taken from a route table", lambda h: h("ec2").modify_vpc_endpoint(VpcEndpointId=h.named("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "reptidex-dev-s3"), RemoveRouteTableIds=[h.table("private-us-east-1b")]), "network/gateway_endpoint/s3", "route_tables", "availability"),
    Deed("endpoint's policy narrowed", lambda h: h("ec2").modify_vpc_endpoint(VpcEndpointId=h.named("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "reptidex-dev-s3"), PolicyDocument=json.dumps(OTHERS)), "network/gateway_endpoint/s3", "policy", "security"),
    # security
    Deed("SSH opened to the world", _ingress("ecs", 22), "security/security_group/ecs", "", "security"),
    Deed("database opened to the world", _ingress("rds", 5432), "security/security_group/rds", "", "security"),
    Deed("cache opened to the office", _ingress("redis", 6379, "198.51.100.0/24"), "security/security_group/redis", "", "security"),
    Deed("load balancer let out", _egress("alb", 22), "security/security_group/alb", "", "security"),
    Deed("a rule of ours widened", _wider_rule, "security/security_group_rule/alb/inbound/tcp-443-0.0.0.0_0", "from_port", "security"),
    Deed("a rule of ours revoked", lambda h: h("ec2").revoke_security_group_egress(GroupId=h.group("ecs"), SecurityGroupRuleIds=[h.rule("ecs", 5432, True)]), "security/security_group_rule/ecs/outbound/tcp-5432-rds", "", "security"),
    Deed("a group of somebody's own", lambda h: h("ec2").create_security_group(GroupName="hand-made", Description="by hand", VpcId=h.vpc), "network/vpc", "", "security"),
    Deed("a managed policy attached", _attach, "security/task_backend_role", "managed", "security", 1),
    Deed("an inline policy added", lambda h: h("iam").put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=json.dumps(OPEN)), "security/task_backend_role", "policies.more", "security"),
    Deed("an inline policy widened", lambda h: h("iam").put_role_policy(RoleName="reptidex-dev-task-frontend", PolicyName="observe", PolicyDocument=json.dumps(OPEN)), "security/task_frontend_role", "policies.observe", "security"),
    Deed("an inline policy deleted", lambda h: h("iam").delete_role_policy(RoleName="reptidex-dev-execution", PolicyName="start-tasks"), "security/execution_role", "policies.start-tasks", "security"),
    Deed("somebody else may assume the deployer", _assume, "security/deployer_role", "trust", "security"),
    Deed("longer sessions for people", lambda h: h("iam").update_role(RoleName="reptidex-dev-developer", Description="People assume it: developer", MaxSessionDuration=43200), "security/people_role/developer", "max_session_seconds", "security"),
    Deed("a description changed", lambda h: h("iam").update_role(RoleName="reptidex-dev-deployer", Description="x", MaxSessionDuration=3600), "security/deployer_role", "description", "cosmetic", 1),
    # database
    Deed("database made public", _rds(PubliclyAccessible=True), "database/database", "public", "security"),
    Deed("larger database class", _rds(DBInstanceClass="db.t4g.large"), "database/database", "instance_class", "cost", 1),
    Deed("fewer backups", _rds(BackupRetentionPeriod=1), "database/database", "backup_days", "data", 2),
    Deed("TLS no longer forced", _parameter_group, "database/database_parameter_group", "parameters.rds.force_ssl", "security"),
    Deed("larger cache nodes", _redis(CacheNodeType="cache.r7g.large"), "database/redis", "node_type", "cost"),
    Deed("snapshots of the cache", _redis(SnapshotRetentionLimit=3, SnapshottingClusterId="reptidex-dev-001"), "database/redis", "snapshot_days", "data", 1),
    Deed("another database host told", lambda h: h("ssm").put_parameter(Name="/reptidex/dev/database/host", Value="evil.example.com", Type="String", Overwrite=True), "database/parameter/database/host", "value", "availability"),
    Deed("a parameter deleted", lambda h: h("ssm").delete_parameter(Name="/reptidex/dev/redis/port"), "database/parameter/redis/port", "", "availability"),
    Deed("another account may read the password", lambda h: h("secretsmanager").put_resource_policy(SecretId="reptidex/dev/database", ResourcePolicy=json.dumps(OTHERS)), "database/database_secret", "policy", "security"),
    # compute
    Deed("scanning switched off", lambda h: h("ecr").put_image_scanning_configuration(repositoryName="reptidex/dev/web-public", imageScanningConfiguration={"scanOnPush": False}), "compute/repository/web-public", "scan_on_push", "security"),
    Deed("untagged images kept", lambda h: h("ecr").delete_lifecycle_policy(repositoryName="reptidex/dev/web-admin"), "compute/repository/web-admin", "untagged_days", "cost"),
    Deed("tags immutable", lambda h: h("ecr").put_image_tag_mutability(repositoryName="reptidex/dev/web-embed", imageTagMutability="IMMUTABLE"), "compute/repository/web-embed", "tag_mutability", "security"),
    Deed("logs kept for ever", lambda h: h("logs").delete_retention_policy(logGroupName="/ecs/dev/repti-core"), "compute/log_group/repti-core", "retention_days", "cost"),
    Deed("log group deleted", lambda h: h("logs").delete_log_group(logGroupName="/ecs/dev/repti-ops"), "compute/log_group/repti-ops", "", "availability"),
    Deed("logs deleted early", lambda h: h("logs").put_retention_policy(logGroupName="/ecs/dev/web-admin", retentionInDays=1), "compute/log_group/web-admin", "retention_days", "data"),
    Deed("Container Insights off", lambda h: h("ecs").update_cluster(cluster="dev-reptidex-cluster", settings=[{"name": "containerInsights", "value": "disabled"}]), "compute/cluster", "insights", "cost"),
    Deed("count raised by hand", lambda h: h.service("web-public", desiredCount=3), "compute/service/web-public", "desired", "availability"),
    Deed("exec switched on", lambda h: h.service("web-admin", enableExecuteCommand=True), "compute/service/web-admin", "execute_command", "security"),
    Deed("circuit breaker off", lambda h: h.service("web-breeder", deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200, "deploymentCircuitBreaker": {"enable": False, "rollback": False}}), "compute/service/web-breeder", "circuit_breaker", "availability"),
    Deed("shorter grace period", lambda h: h.service("web-embed", healthCheckGracePeriodSeconds=1), "compute/service/web-embed", "grace_seconds", "availability"),
    Deed("tasks with more CPU", lambda h: h.task("repti-animal", cpu="1024", memory="2048"), "compute/task_definition/repti-animal", "cpu", "cost"),
    Deed("a variable added", lambda h: h.task("repti-media", container={"environment": [{"name": "DEBUG", "value": "1"}]}), "compute/task_definition/repti-media", "containers.repti-media.environment.DEBUG", "availability"),
    Deed("another task role", lambda h: h.task("repti-ops", taskRoleArn="arn:aws:iam::123456789012:role/reptidex-dev-developer"), "compute/task_definition/repti-ops", "task_role", "security"),
    Deed("deletion protection on", lambda h: _attribute(h, "deletion_protection.enabled", "true"), "compute/load_balancer", "attributes.deletion_protection.enabled", "security"),
    Deed("access logs off", lambda h: _attribute(h, "access_logs.s3.enabled", "false"), "compute/load_balancer", "attributes.access_logs.s3.enabled", "security", 1),
    Deed("invalid headers let through", lambda h: _attribute(h, "routing.http.drop_invalid_header_fields.enabled", "false"), "compute/load_balancer", "attributes.routing.http.drop_invalid_header_fields.enabled", "security", 2),
    Deed("ambiguous requests let through", lambda h: _attribute(h, "routing.http.desync_mitigation_mode", "monitor"), "compute/load_balancer", "attributes.routing.http.desync_mitigation_mode", "security", 2),
    Deed("another health path", lambda h: h("elbv2").modify_target_group(TargetGroupArn=h.target_group("repti-core"), HealthCheckPath="/"), "compute/target_group/repti-core", "health.path", "availability"),
    Deed("longer deregistration", lambda h: h("elbv2").modify_target_group_attributes(TargetGroupArn=h.target_group("web-public"), Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]), "compute/target_group/web-public", "attributes.deregistration_delay.timeout_seconds", "availability"),
    Deed("another listener", _second_listener, "compute/load_balancer", "", "security"),
    Deed("older TLS", lambda h: h("elbv2").modify_listener(ListenerArn=h.listener(443), SslPolicy="ELBSecurityPolicy-2016-08"), "compute/https_listener", "tls_policy", "security"),
    Deed("a security header changed", _headers, "compute/https_listener", "attributes.routing.http.response.x_frame_options.header_value", "security", 1),
    Deed("HTTP no longer redirected", lambda h: h("elbv2").modify_listener(ListenerArn=h.listener(80), DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]), "compute/http_listener", "action", "security"),
    Deed("another host rule", _second_rule, "compute/https_listener", "", "availability"),
    Deed("a host sent elsewhere", lambda h: h("elbv2").modify_rule(RuleArn=h.host_rule("api-dev.reptidex.com"), Actions=[{"Type": "forward", "TargetGroupArn": h.target_group("repti-ops")}]), "compute/host_rule/repti-core", "target_group", "availability"),
    Deed("a host rule deleted", lambda h: h("elbv2").delete_rule(RuleArn=h.host_rule("ops-api-dev.reptidex.com")), "compute/host_rule/repti-ops", "", "availability"),
    Deed("scaled by a policy of somebody's", _scaled, "compute/scalable_target", "", "cost", 1),
    Deed("an address record under a host", lambda h: h.record("UPSERT", "admin-dev.reptidex.com", "AAAA", "2001:db8::1"), "compute/alias_record", "hosts.admin-dev.reptidex.com AAAA", "availability"),
    Deed("a host points elsewhere", lambda h: h.record("UPSERT", "embed-dev.reptidex.com", "A", "203.0.113.9"), "compute/alias_record", "hosts.embed-dev.reptidex.com.dns_name", "availability", 1),
    # storage
    Deed("bucket opened to the public", _unblock, "storage/bucket/assets", "public_access_blocked", "security"),
    Deed("TLS no longer demanded", lambda h: h("s3").delete_bucket_policy(Bucket="reptidex-dev-uploads"), "storage/bucket/uploads", "policy", "security"),
    Deed("log delivery cut off", lambda h: _policy(h, "reptidex-dev-logs", []), "storage/logs_bucket", "policy", "security"),
    Deed("uploads deleted after a day", _lifecycle, "storage/bucket/uploads", "lifecycle.objects.expire_days", "data", 1),
    Deed("versioning on", lambda h: h("s3").put_bucket_versioning(Bucket="reptidex-dev-assets", VersioningConfiguration={"Status": "Enabled"}), "storage/bucket/assets", "versioning", "data", 1),
    Deed("ACLs let in again", lambda h: h("s3").put_bucket_ownership_controls(Bucket="reptidex-dev-logs", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}), "storage/logs_bucket", "ownership", "security", 1),
    Deed("dearer price class", lambda h: h.distribution(PriceClass="PriceClass_All"), "storage/distribution", "price_class", "cost"),
    Deed("distribution switched off", lambda h: h.distribution(Enabled=False), "storage/distribution", "enabled", "availability", 1),
    Deed("framing allowed", Hand.headers_policy, "storage/headers_policy", "frame_options", "security"),
    # monitoring
    Deed("anybody may publish", _topic_policy, "monitoring/alarm_topic", "policy", "security"),
    Deed("somebody listens in", lambda h: h("sns").subscribe(TopicArn=h.topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:999999999999:q"), "monitoring/alarm_topic", "", "security"),
    Deed("an alarm made deaf", lambda h: h("cloudwatch").disable_alarm_actions(AlarmNames=["reptidex-dev-rds-cpu"]), "monitoring/alarm/rds-cpu", "actions_enabled", "availability"),
    Deed("an alarm's threshold raised", lambda h: h.alarm("reptidex-dev-alb-response-time", Threshold=60.0), "monitoring/alarm/alb-response-time", "threshold", "availability"),
    Deed("an alarm deleted", lambda h: h("cloudwatch").delete_alarms(AlarmNames=["reptidex-dev-repti-core-cpu"]), "monitoring/alarm/repti-core-cpu", "", "availability"),
    Deed("dashboard emptied", lambda h: h("cloudwatch").put_dashboard(DashboardName="reptidex-dev", DashboardBody='{"widgets": []}'), "monitoring/dashboard", "body", "cosmetic"),
    Deed("a larger budget", _budget, "monitoring/budget", "amount", "cost"),
]  # fmt: skip
