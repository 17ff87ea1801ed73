"""Repositories, cluster, load balancer, services and their scaling."""

from __future__ import annotations

import json
from typing import Any

from reptiops.export.form import FORMS, Properties, Writer
from reptiops.resources import autoscaling, ecr, ecs, ecs_services, ecs_tasks, elbv2, elbv2_listeners


def camel(name: str) -> str:
    """`web-public` → `WebPublic`."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-"))


@FORMS.form(ecr.Repository, "AWS::ECR::Repository", uri="RepositoryUri", arn="Arn")
def repository(want: ecr.Repository, to: Writer) -> Properties:
    expire = {
        "rulePriority": 1,
        "description": "untagged images",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": want.untagged_days,
        },
        "action": {"type": "expire"},
    }
    return {
        "RepositoryName": want.name,
        "ImageScanningConfiguration": {"ScanOnPush": want.scan_on_push},
        "ImageTagMutability": want.tag_mutability,
        "EncryptionConfiguration": {"EncryptionType": want.encryption},
        "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": [expire]})},
    }


@FORMS.form(ecs.Cluster, "AWS::ECS::Cluster", arn="Arn")
def cluster(want: ecs.Cluster, to: Writer) -> Properties:
    return {
        "ClusterName": want.name,
        "ClusterSettings": [{"Name": "containerInsights", "Value": want.insights}],
    }


@FORMS.form(ecs_tasks.TaskDefinition, "AWS::ECS::TaskDefinition")
def task_definition(want: ecs_tasks.TaskDefinition, to: Writer) -> Properties:
    return {
        "Family": want.family,
        "Cpu": str(want.cpu),
        "Memory": str(want.memory),
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "RuntimePlatform": {"OperatingSystemFamily": "LINUX", "CpuArchitecture": want.architecture},
        "ExecutionRoleArn": want.execution_role,
        "TaskRoleArn": want.task_role or None,
        "ContainerDefinitions": [_container(name, c) for name, c in want.containers.items()],
    }


def _container(name: str, c: ecs_tasks.Container) -> Properties:
    check = c.health
    health = check and {
        "Command": list(check.command),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "Retries": check.retries,
        "StartPeriod": check.start_period or None,
    }
    options = {"awslogs-group": c.log_group, "awslogs-region": c.log_region, "awslogs-stream-prefix": c.log_prefix}
    return {
        "Name": name,
        "Image": c.image,
        "Essential": c.essential,
        "Cpu": c.cpu or None,
        "Memory": c.memory,
        "Command": list(c.command) or None,
        "PortMappings": [{"ContainerPort": c.port, "Protocol": "tcp"}] if c.port else None,
        "Environment": [{"Name": k, "Value": v} for k, v in sorted(c.environment.items())] or None,
        "Secrets": [{"Name": k, "ValueFrom": v} for k, v in sorted(c.secrets.items())] or None,
        "HealthCheck": health,
        "StopTimeout": c.stop_seconds,
        "LogConfiguration": {"LogDriver": "awslogs", "Options": options} if c.log_group else None,
    }


@FORMS.form(ecs_services.Service, "AWS::ECS::Service", arn="Ref")
def service(want: ecs_services.Service, to: Writer) -> Properties:
    for address, rule in to.like(elbv2_listeners.HostRule).items():
        if rule.target_group == want.target_group:
            to.depends(f"⟦{address}.id⟧")
    count = want.first_desired if want.desired is None else want.desired
    about = f"Tasks of {want.name}; 0 until its image has been pushed"
    network = {
        "Subnets": want.subnets,
        "SecurityGroups": want.security_groups,
        "AssignPublicIp": "ENABLED" if want.public_ip else "DISABLED",
    }
    balancer = {"ContainerName": want.container, "ContainerPort": want.port, "TargetGroupArn": want.target_group}
    return {
        "Cluster": want.cluster,
        "ServiceName": want.name,
        "LaunchType": "FARGATE",
        "PlatformVersion": want.platform_version,
        "SchedulingStrategy": "REPLICA",
        "TaskDefinition": want.task_definition,
        "DesiredCount": to.parameter(f"{camel(want.name)}Tasks", str(count), about),
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "LoadBalancers": [balancer],
        "HealthCheckGracePeriodSeconds": want.grace_seconds,
        "EnableExecuteCommand": want.execute_command,
        "EnableECSManagedTags": True,
        "PropagateTags": "SERVICE",
        "AvailabilityZoneRebalancing": "ENABLED",
        "DeploymentConfiguration": {
            "MinimumHealthyPercent": want.minimum_percent,
            "MaximumPercent": want.maximum_percent,
            "DeploymentCircuitBreaker": {"Enable": want.circuit_breaker, "Rollback": want.rollback},
        },
    }


@FORMS.form(
    elbv2.LoadBalancer,
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    arn="Ref",
    dns_name="DNSName",
    zone_id="CanonicalHostedZoneID",
    suffix="LoadBalancerFullName",
)
def load_balancer(want: elbv2.LoadBalancer, to: Writer) -> Properties:
    return {
        "Name": want.name,
        "Type": "application",
        "Scheme": want.scheme,
        "IpAddressType": "ipv4",
        "Subnets": want.subnets,
        "SecurityGroups": want.security_groups,
        "LoadBalancerAttributes": _attributes(want.attributes),
    }


def _attributes(attributes: Any) -> list[dict[str, str]] | None:
    return [{"Key": k, "Value": v} for k, v in sorted(attributes.items())] or None


@FORMS.form(elbv2.TargetGroup, "AWS::ElasticLoadBalancingV2::TargetGroup", arn="Ref", suffix="TargetGroupFullName")
def target_group(want: elbv2.TargetGroup, to: Writer) -> Properties:
    check = want.health
    return {
        "Name": want.name,
        "VpcId": want.vpc,
        "Port": want.port,
        "Protocol": want.protocol,
        "TargetType": want.target_type,
        "HealthCheckProtocol": want.protocol,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "Matcher": {"HttpCode": check.codes},
        "TargetGroupAttributes": _attributes(want.attributes),
    }


@FORMS.form(elbv2_listeners.Listener, "AWS::ElasticLoadBalancingV2::Listener", arn="Ref")
def listener(want: elbv2_listeners.Listener, to: Writer) -> Properties:
    return {
        "LoadBalancerArn": want.load_balancer,
        "Port": want.port,
        "Protocol": want.protocol,
        "SslPolicy": want.tls_policy,
        "Certificates": [{"CertificateArn": want.certificate}] if want.certificate else None,
        "DefaultActions": [_action(want.action)],
        "ListenerAttributes": _attributes(want.attributes),
    }


def _action(action: elbv2_listeners.Redirect | elbv2_listeners.FixedResponse) -> Properties:
    if isinstance(action, elbv2_listeners.Redirect):
        config = {"Protocol": action.protocol, "Port": action.port, "StatusCode": action.status}
        return {"Type": "redirect", "RedirectConfig": config}
    answer = {"StatusCode": action.status, "ContentType": action.content_type, "MessageBody": action.body}
    return {"Type": "fixed-response", "FixedResponseConfig": answer}


@FORMS.form(elbv2_listeners.HostRule, "AWS::ElasticLoadBalancingV2::ListenerRule", arn="Ref")
def host_rule(want: elbv2_listeners.HostRule, to: Writer) -> Properties:
    return {
        "ListenerArn": want.listener,
        "Priority": want.priority,
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": sorted(want.hosts)}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": want.target_group}],
    }


@FORMS.form(autoscaling.ScalableTarget, "AWS::ApplicationAutoScaling::ScalableTarget")
def scalable_target(want: autoscaling.ScalableTarget, to: Writer) -> Properties:
    for address, one in to.like(ecs_services.Service).items():
        if want.resource.endswith(f"/{one.name}"):
            to.depends(f"⟦{address}.id⟧")
    actions = [_scheduled(a) for a in to.like(autoscaling.ScheduledAction).values() if _is_of(a, want, to)]
    return {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": want.resource,
        "MinCapacity": want.first_minimum if want.minimum is None else want.minimum,
        "MaxCapacity": want.first_maximum if want.maximum is None else want.maximum,
        "ScheduledActions": actions or None,
    }


def _is_of(action: autoscaling.ScheduledAction, target: autoscaling.ScalableTarget, to: Writer) -> bool:
    targets = to.like(autoscaling.ScalableTarget)
    return any(action.resource == f"⟦{address}.id⟧" and one is target for address, one in targets.items())


def _scheduled(action: autoscaling.ScheduledAction) -> Properties:
    return {
        "ScheduledActionName": action.name,
        "Schedule": action.schedule,
        "Timezone": action.timezone,
        "ScalableTargetAction": {"MinCapacity": action.minimum, "MaxCapacity": action.maximum},
    }


FORMS.without(autoscaling.ScheduledAction, "part of its scalable target")


@FORMS.form(autoscaling.ScalingPolicy, "AWS::ApplicationAutoScaling::ScalingPolicy", arn="Ref")
def scaling_policy(want: autoscaling.ScalingPolicy, to: Writer) -> Properties:
    return {
        "PolicyName": want.name,
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": want.resource,
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": {"PredefinedMetricType": want.metric},
            "TargetValue": want.target,
            "ScaleInCooldown": want.scale_in_seconds,
            "ScaleOutCooldown": want.scale_out_seconds,
        },
    }
