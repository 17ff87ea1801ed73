"""Who may do what in AWS: the policy documents of the environment's roles. Least privilege, resources by ARN.

Actions that take no resource in IAM stand alone with `*`: `ecr:GetAuthorizationToken`, `cloudwatch:PutMetricData`
(held to one namespace by a condition) and the Describe and List calls.
"""

from __future__ import annotations

from collections.abc import Iterable

from reptiops.config import Environment
from reptiops.facts import Facts
from reptiops.policy import Policy, Statement, allow, deny


class Arns:
    """The ARNs of what the environment owns, computed from names: roles exist before what they name."""

    def __init__(self, env: Environment, facts: Facts):
        self.env, self.partition = env, facts.partition
        self.region, self.account = facts.region, facts.account

    def of(self, service: str, resource: str, *, regional: bool = True) -> str:
        """`arn:aws:<service>:<region>:<account>:<resource>`."""
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account}:{resource}"

    def role(self, *parts: str) -> str:
        """One of the environment's roles."""
        return self.of("iam", f"role/{self.env.named(*parts)}", regional=False)

    def bucket(self, purpose: str) -> str:
        """One of the environment's buckets."""
        return f"arn:{self.partition}:s3:::{self.env.bucket_name(purpose)}"

    @property
    def repositories(self) -> str:
        """All image repositories."""
        return self.of("ecr", f"repository/{self.env.repository_name('*')}")

    @property
    def log_groups(self) -> list[str]:
        """All services' log groups, and their streams."""
        group = self.of("logs", f"log-group:{self.env.log_group('*')}")
        return [group, f"{group}:*"]

    @property
    def secrets(self) -> str:
        """All secrets; AWS ends their ARNs with six characters of its own."""
        return self.of("secretsmanager", f"secret:{self.env.secret_name('*')}")

    @property
    def parameters(self) -> str:
        """All SSM parameters."""
        return self.of("ssm", f"parameter{self.env.parameter_name('*')}")

    @property
    def services(self) -> str:
        """All services of the cluster."""
        return self.of("ecs", f"service/{self.env.cluster_name}/*")

    @property
    def task_definitions(self) -> str:
        """All task definitions of the environment's services."""
        return self.of("ecs", f"task-definition/{self.env.task_family('*')}:*")


def assumed_by_tasks(arns: Arns) -> Policy:
    """Trust: ECS tasks of this account and region, nobody else's (no confused deputy)."""
    condition = {
        "StringEquals": {"aws:SourceAccount": arns.account},
        "ArnLike": {"aws:SourceArn": arns.of("ecs", "*")},
    }
    return Policy.make(allow(["sts:AssumeRole"], principal={"Service": "ecs-tasks.amazonaws.com"}, condition=condition))


def assumed_by(arns: Arns, principals: Iterable[str], *, mfa: bool) -> Policy:
    """Trust: people or pipelines of the configuration; with `mfa` only after a second factor."""
    root = f"arn:{arns.partition}:iam::{arns.account}:root"
    names = sorted(root if name == "root" else name for name in principals)
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}} if mfa else None
    return Policy.make(allow(["sts:AssumeRole"], principal={"AWS": names}, condition=condition))


def write_logs(arns: Arns) -> Statement:
    """Write into the environment's log groups."""
    return allow(["logs:CreateLogStream", "logs:PutLogEvents"], arns.log_groups)


def put_metrics(env: Environment) -> Statement:
    """Custom metrics in one namespace; the action takes no resource."""
    condition = {"StringEquals": {"cloudwatch:namespace": env.metrics_namespace}}
    return allow(["cloudwatch:PutMetricData"], ["*"], condition=condition)


def execution(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What ECS does before a task starts: pull the image, open the log stream, fetch what is injected."""
    arns = Arns(env, facts)
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return {
        "start-tasks": Policy.make(
            allow(["ecr:GetAuthorizationToken"], ["*"]),
            allow(pull, [arns.repositories]),
            write_logs(arns),
            allow(["secretsmanager:GetSecretValue"], [arns.secrets]),
            allow(["ssm:GetParameters"], [arns.parameters]),
        )
    }


def _exec(env: Environment) -> list[Statement]:
    """What `ecs execute-command` needs inside a task, where the configuration allows it; the actions take no resource."""
    if not env.compute.execute_command:
        return []
    channels = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]
    return [allow([f"ssmmessages:{channel}" for channel in channels], ["*"])]


def frontend(env: Environment, facts: Facts) -> dict[str, Policy]:
    """Logs and custom metrics."""
    return {"observe": Policy.make(write_logs(Arns(env, facts)), put_metrics(env), *_exec(env))}


def backend(env: Environment, facts: Facts) -> dict[str, Policy]:
    """Logs and metrics, the media bucket, mail. No database credentials: those are injected."""
    arns = Arns(env, facts)
    buckets = [arns.bucket(purpose) for purpose in env.security.backend_buckets if purpose in env.storage.buckets]
    identities = [arns.of("ses", f"identity/{name}") for name in env.security.mail_identities or (env.domain,)]
    statements = [write_logs(arns), put_metrics(env), allow(["ses:SendEmail", "ses:SendRawEmail"], identities)]
    if buckets:
        statements.append(allow(["s3:ListBucket"], buckets))
        statements.append(
            allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{bucket}/*" for bucket in buckets])
        )
    return {"serve": Policy.make(*statements, *_exec(env))}


def deployer(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What CI/CD does: push images, register task definitions, update services, put objects. No other data."""
    arns = Arns(env, facts)
    push = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ]
    roles = [arns.role("execution"), arns.role("task-frontend"), arns.role("task-backend")]
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    statements = [
        allow(["ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition"], ["*"]),
        allow(push, [arns.repositories]),
        allow(["ecs:RegisterTaskDefinition", "ecs:TagResource"], [arns.task_definitions]),
        allow(["ecs:DescribeServices", "ecs:UpdateService"], [arns.services]),
        allow(["iam:PassRole"], roles, condition=to_tasks),
    ]
    buckets = [arns.bucket(purpose) for purpose in env.security.deployer.buckets if purpose in env.storage.buckets]
    if buckets:
        statements.append(allow(["s3:PutObject"], [f"{bucket}/*" for bucket in buckets]))
    return {"deploy": Policy.make(*statements)}


LOOK = [
    "application-autoscaling:Describe*",
    "cloudwatch:Describe*",
    "cloudwatch:Get*",
    "cloudwatch:List*",
    "ec2:Describe*",
    "ecr:Describe*",
    "ecr:List*",
    "ecs:Describe*",
    "ecs:List*",
    "elasticache:Describe*",
    "elasticache:List*",
    "elasticloadbalancing:Describe*",
    "logs:Describe*",
    "logs:List*",
    "rds:Describe*",
    "rds:List*",
    "route53:Get*",
    "route53:List*",
    "s3:ListAllMyBuckets",
    "secretsmanager:ListSecrets",
    "sns:List*",
    "ssm:DescribeParameters",
    "tag:GetResources",
]
"""Reads that take no resource in IAM, or show nothing but settings."""


def developer(env: Environment, facts: Facts) -> dict[str, Policy]:
    """Full access to what belongs to this environment, by ARN or by its Environment tag; nothing of another one."""
    arns = Arns(env, facts)
    buckets = [arns.bucket(purpose) for purpose in env.storage.buckets]
    own = [
        allow(["ecr:*"], [arns.repositories]),
        allow(
            ["ecs:*"],
            [
                arns.of("ecs", f"cluster/{env.cluster_name}"),
                arns.services,
                arns.of("ecs", f"task/{env.cluster_name}/*"),
                arns.task_definitions,
            ],
        ),
        allow(["logs:*"], arns.log_groups),
        allow(["s3:*"], [*buckets, *(f"{bucket}/*" for bucket in buckets)]),
        allow(["secretsmanager:*"], [arns.secrets]),
        allow(["ssm:*"], [arns.parameters]),
        allow(["rds:*"], [arns.of("rds", f"{what}:{env.prefix}*") for what in ("db", "pg", "subgrp", "snapshot")]),
        allow(
            ["elasticache:*"],
            [
                arns.of("elasticache", f"{what}:{env.prefix}*")
                for what in ("replicationgroup", "cluster", "subnetgroup")
            ],
        ),
        allow(["sns:*"], [arns.of("sns", env.topic_name)]),
        allow(["cloudwatch:*"], [arns.of("cloudwatch", f"alarm:{env.named('*')}")]),
        allow(
            ["ec2:*", "elasticloadbalancing:*"],
            ["*"],
            condition={
                "StringEquals": {"aws:ResourceTag/Environment": env.name, "aws:ResourceTag/Project": env.project}
            },
        ),
    ]
    roles = [arns.role("execution"), arns.role("task-frontend"), arns.role("task-backend")]
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    own.append(allow(["iam:PassRole"], roles, condition=to_tasks))
    # These take no resource: logging in to the registry, and reading the answers of Logs Insights.
    everywhere = allow(["ecr:GetAuthorizationToken", "logs:GetQueryResults", "logs:StopQuery"], ["*"])
    return {"look": Policy.make(allow(LOOK, ["*"]), everywhere), "own": Policy.make(*own)}


def readonly(env: Environment, facts: Facts) -> dict[str, Policy]:
    """See everything of the environment but the values of its secrets, which stay closed whatever else is granted."""
    arns = Arns(env, facts)
    read = [
        allow(LOOK, ["*"]),
        allow(["logs:FilterLogEvents", "logs:GetLogEvents"], arns.log_groups),
        allow(["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], [arns.parameters]),
        allow(
            ["s3:GetBucket*", "s3:GetLifecycleConfiguration", "s3:GetEncryptionConfiguration", "s3:ListBucket"],
            [arns.bucket(purpose) for purpose in env.storage.buckets],
        ),
        allow(["secretsmanager:DescribeSecret"], [arns.secrets]),
        deny(["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"], [arns.secrets]),
    ]
    return {"read": Policy.make(*read)}


def enhanced_monitoring(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What RDS writes with enhanced monitoring: one log group of AWS's own naming."""
    group = Arns(env, facts).of("logs", "log-group:RDSOSMetrics")
    return {
        "write-metrics": Policy.make(
            allow(["logs:CreateLogGroup", "logs:PutRetentionPolicy"], [group, f"{group}:*"]),
            allow(
                ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"],
                [f"{group}:log-stream:*"],
            ),
        )
    }
