"""Terraform import blocks (1.5 and newer) with live ids, as the AWS provider's documentation of each resource has them.

One kind of ours may be several resources there: a bucket is eight, a route table has its associations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.engine.resource import Live, Resource
from reptiops.policy import Policy
from reptiops.resources import (
    acm,
    autoscaling,
    budgets,
    cloudfront,
    cloudfront_headers,
    cloudtrail,
    cloudwatch,
    ec2,
    ec2_access,
    ec2_endpoints,
    ec2_flow_logs,
    ec2_gateways,
    ec2_routes,
    ecr,
    ecs,
    ecs_services,
    ecs_tasks,
    elasticache,
    elasticache_groups,
    elbv2,
    elbv2_listeners,
    iam,
    logs,
    rds,
    rds_groups,
    route53,
    s3,
    scheduler,
    secretsmanager,
    sns,
    ssm,
)

HEADER = """# Live ids of {count} resources. Terraform 1.5 or newer: put this beside a provider block and run
#   terraform plan -generate-config-out=generated.tf
# then read generated.tf before anything is applied. Values of secrets are not in it.
"""
SCALING = "ecs:service:DesiredCount"
Pairs = Iterable[tuple[str, str]]
"""Resource type (with a suffix for the name after a `:`) and id."""


@dataclass(frozen=True)
class Imports:
    """The file, and what Terraform cannot take over, with the reason."""

    text: str
    count: int
    missing: Mapping[str, str]


def import_blocks(live: Mapping[str, Live[Any]], account: str, region: str) -> Imports:
    """Import blocks of what is live, by address."""
    blocks, missing = [], {}
    for address, one in live.items():
        kind = type(one.has)
        if kind in NONE:
            missing[address] = NONE[kind]
            continue
        if kind not in TAKEN:
            missing[address] = f"{kind.kind()} is not known here"
            continue
        name = re.sub(r"[^a-z0-9]+", "_", address.split("/", 1)[1].lower()).strip("_")
        for type_, identifier in TAKEN[kind](one, Place(account, region)):
            type_, _, suffix = type_.partition(":")
            label = f"{name}_{suffix}" if suffix else name
            blocks.append(f"import {{\n  to = {type_}.{label}\n  id = {_quoted(identifier)}\n}}\n")
    text = HEADER.format(count=len(blocks)) + "\n" + "\n".join(blocks)
    return Imports(text, len(blocks), missing)


def _quoted(text: str) -> str:
    """A string of HCL: JSON's, with its own templates escaped."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


@dataclass(frozen=True)
class Place:
    """Where the resources are."""

    account: str
    region: str


Take = Callable[[Live[Any], Place], Pairs]


def _by_id(type_: str) -> Take:
    return lambda one, _: [(type_, one.id)]


def _by_arn(type_: str) -> Take:
    return lambda one, _: [(type_, one.out["arn"])]


def _route_table(one: Live[Any], _: Place) -> Iterator[tuple[str, str]]:
    yield "aws_route_table", one.id
    for number, subnet in enumerate(sorted(one.has.subnets), 1):
        yield f"aws_route_table_association:{number}", f"{subnet}/{one.id}"


def _rule(one: Live[Any], _: Place) -> Pairs:
    way = "ingress" if one.has.direction == "inbound" else "egress"
    return [(f"aws_vpc_security_group_{way}_rule", one.id)]


def _role(one: Live[Any], _: Place) -> Iterator[tuple[str, str]]:
    yield "aws_iam_role", one.id
    for policy in sorted(one.has.policies):
        yield f"aws_iam_role_policy:{re.sub(r'[^a-z0-9]+', '_', policy.lower())}", f"{one.id}:{policy}"
    for number, arn in enumerate(sorted(one.has.managed), 1):
        yield f"aws_iam_role_policy_attachment:{number}", f"{one.id}/{arn}"


def _bucket(one: Live[Any], _: Place) -> Iterator[tuple[str, str]]:
    bucket: s3.Bucket = one.has
    yield "aws_s3_bucket", one.id
    yield "aws_s3_bucket_ownership_controls", one.id
    yield "aws_s3_bucket_public_access_block", one.id
    if bucket.encryption:
        yield "aws_s3_bucket_server_side_encryption_configuration", one.id
    if bucket.versioning:
        yield "aws_s3_bucket_versioning", one.id
    if bucket.policy != Policy.make():
        yield "aws_s3_bucket_policy", one.id
    if bucket.lifecycle:
        yield "aws_s3_bucket_lifecycle_configuration", one.id


def _repository(one: Live[Any], _: Place) -> Pairs:
    return [("aws_ecr_repository", one.id), ("aws_ecr_lifecycle_policy", one.id)]


def _topic(one: Live[Any], _: Place) -> Pairs:
    return [("aws_sns_topic", one.id), ("aws_sns_topic_policy", one.id)]


def _service(one: Live[Any], _: Place) -> Pairs:
    return [("aws_ecs_service", f"{one.has.cluster}/{one.has.name}")]


def _scalable_target(one: Live[Any], _: Place) -> Pairs:
    return [("aws_appautoscaling_target", f"ecs/{one.has.resource}/{SCALING}")]


def _scaling_policy(one: Live[Any], _: Place) -> Pairs:
    return [("aws_appautoscaling_policy", f"ecs/{one.has.resource}/{SCALING}/{one.has.name}")]


def _records(one: Live[Any], _: Place) -> Iterator[tuple[str, str]]:
    for host in sorted(one.has.hosts):
        yield f"aws_route53_record:{re.sub(r'[^a-z0-9]+', '_', host)}", f"{one.has.zone}_{host}_A"


def _validation(one: Live[Any], _: Place) -> Pairs:
    return [("aws_route53_record", f"{one.has.zone}_{one.has.name.rstrip('.')}_CNAME")]


def _budget(one: Live[Any], place: Place) -> Pairs:
    return [("aws_budgets_budget", f"{place.account}:{one.id}")]


def _subscription(one: Live[Any], _: Place) -> Pairs:
    return [("aws_sns_topic_subscription", one.id)] if one.id.startswith("arn:") else []


TAKEN: Mapping[type[Resource], Take] = {
    acm.Certificate: _by_id("aws_acm_certificate"),
    acm.SelfSignedCertificate: _by_id("aws_acm_certificate"),
    autoscaling.ScalableTarget: _scalable_target,
    autoscaling.ScalingPolicy: _scaling_policy,
    budgets.Budget: _budget,
    cloudfront.Distribution: _by_id("aws_cloudfront_distribution"),
    cloudfront_headers.HeadersPolicy: _by_id("aws_cloudfront_response_headers_policy"),
    cloudtrail.Trail: _by_arn("aws_cloudtrail"),
    cloudwatch.Alarm: _by_id("aws_cloudwatch_metric_alarm"),
    cloudwatch.Dashboard: _by_id("aws_cloudwatch_dashboard"),
    ec2_gateways.ElasticIp: _by_id("aws_eip"),
    ec2_gateways.InternetGateway: _by_id("aws_internet_gateway"),
    ec2_gateways.NatGateway: _by_id("aws_nat_gateway"),
    ec2_routes.RouteTable: _route_table,
    ec2.Subnet: _by_id("aws_subnet"),
    ec2.Vpc: _by_id("aws_vpc"),
    ec2_flow_logs.FlowLog: _by_id("aws_flow_log"),
    ec2_access.SecurityGroup: _by_id("aws_security_group"),
    ec2_access.SecurityGroupRule: _rule,
    ec2_endpoints.VpcEndpoint: _by_id("aws_vpc_endpoint"),
    ecr.Repository: _repository,
    ecs.Cluster: _by_id("aws_ecs_cluster"),
    ecs_services.Service: _service,
    ecs_tasks.TaskDefinition: _by_id("aws_ecs_task_definition"),
    elasticache.ReplicationGroup: _by_id("aws_elasticache_replication_group"),
    elasticache_groups.SubnetGroup: _by_id("aws_elasticache_subnet_group"),
    elbv2_listeners.HostRule: _by_id("aws_lb_listener_rule"),
    elbv2_listeners.Listener: _by_id("aws_lb_listener"),
    elbv2.LoadBalancer: _by_id("aws_lb"),
    elbv2.TargetGroup: _by_id("aws_lb_target_group"),
    iam.Role: _role,
    iam.ServiceLinkedRole: _by_arn("aws_iam_service_linked_role"),
    logs.LogGroup: _by_id("aws_cloudwatch_log_group"),
    logs.ServiceLogGroup: _by_id("aws_cloudwatch_log_group"),
    rds.Instance: _by_id("aws_db_instance"),
    rds_groups.ParameterGroup: _by_id("aws_db_parameter_group"),
    rds_groups.SubnetGroup: _by_id("aws_db_subnet_group"),
    route53.AliasRecords: _records,
    route53.HostedZone: _by_id("aws_route53_zone"),
    route53.ValidationRecord: _validation,
    s3.Bucket: _bucket,
    scheduler.Schedule: _by_id("aws_scheduler_schedule"),
    scheduler.ScheduleGroup: _by_id("aws_scheduler_schedule_group"),
    secretsmanager.Secret: _by_id("aws_secretsmanager_secret"),
    sns.Subscription: _subscription,
    sns.Topic: _topic,
    ssm.Parameter: _by_id("aws_ssm_parameter"),
}
"""Kind → its resources in Terraform and their ids."""
NONE: Mapping[type[Resource], str] = {
    autoscaling.ScheduledAction: "the provider imports no scheduled actions: write it anew, which replaces it by name",
}
"""Kinds that the provider cannot import."""
