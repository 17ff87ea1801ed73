"""The scheduled job: what it runs as, and what it may do. Its steps are in `monitoring.py`."""

from __future__ import annotations

from reptiops.config import Environment
from reptiops.facts import Facts
from reptiops.policy import Policy, Statement, allow
from reptiops.resources.ecs_tasks import Container, PinnedContainer
from reptiops.steps.access import LOOK, Arns, put_metrics

NAME = "reptiops"
READ = [
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "acm:ListTagsForCertificate",
    "budgets:ListTagsForResource",
    "budgets:ViewBudget",
    "cloudfront:Get*",
    "cloudfront:List*",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:ListTags",
    "cloudtrail:LookupEvents",
    "ecr:GetLifecyclePolicy",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetRole",
    "iam:ListRoles",
    "rds:ListTagsForResource",
    "route53:GetHostedZone",
    "route53:List*",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:ListAllMyBuckets",
    "scheduler:Get*",
    "scheduler:List*",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetResourcePolicy",
    "secretsmanager:ListSecrets",
    "sns:Get*",
    "sns:List*",
    "ssm:GetParametersByPath",
    "ssm:ListTagsForResource",
    "sts:GetCallerIdentity",
]
"""What looking at everything takes, beside LOOK: settings, never the value of a secret."""


def container(env: Environment, facts: Facts, log_group: str) -> dict[str, Container]:
    """The tool's image with the command of the job."""
    return {
        NAME: PinnedContainer(
            image=env.schedule.image or "",
            command=("run", env.schedule.playbook, env.name, "--json"),
            log_group=log_group,
            log_region=facts.region,
            log_prefix=NAME,
        )
    }


def may_start(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What ECS does before the job starts: pull the image, where it is one of this account's, and open the log."""
    arns = Arns(env, facts)
    group = arns.of("logs", f"log-group:{env.log_group(NAME)}")
    statements = [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])]
    repository = _repository(env, facts)
    if repository:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        statements += [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(pull, [repository])]
    return {"start": Policy.make(*statements)}


def _repository(env: Environment, facts: Facts) -> str | None:
    """The ARN of the image's repository, if ECR holds it."""
    registry, _, path = (env.schedule.image or "").partition("/")
    parts = registry.split(".")
    if len(parts) < 6 or parts[1:3] != ["dkr", "ecr"]:
        return None
    name = path.split("@")[0].rsplit(":", 1)[0]
    return f"arn:{facts.partition}:ecr:{parts[3]}:{parts[0]}:repository/{name}"


def may_do(env: Environment, facts: Facts) -> dict[str, Policy]:
    """Look at everything; write the state, the metrics and the message; and nothing in the environment itself."""
    arns = Arns(env, facts)
    topic = arns.of("sns", env.topic_name)
    return {
        "look": Policy.make(allow([*LOOK, *READ], ["*"])),
        "tell": Policy.make(*_state(env, facts), put_metrics(env), allow(["sns:Publish"], [topic])),
    }


def _state(env: Environment, facts: Facts) -> list[Statement]:
    bucket = f"arn:{facts.partition}:s3:::{env.state.bucket}"
    prefix = "/".join(part for part in (env.state.prefix, env.name) if part)
    only = {"StringLike": {"s3:prefix": [f"{prefix}/*"]}}
    return [
        allow(["s3:ListBucket"], [bucket], condition=only),
        allow(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [f"{bucket}/{prefix}/*"]),
    ]


def may_run(env: Environment, facts: Facts) -> dict[str, Policy]:
    """What the schedule does: start that task in that cluster, with its two roles."""
    arns = Arns(env, facts)
    cluster = {"ArnEquals": {"ecs:cluster": arns.of("ecs", f"cluster/{env.cluster_name}")}}
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    family = arns.of("ecs", f"task-definition/{env.task_family(NAME)}:*")
    return {
        "run": Policy.make(
            allow(["ecs:RunTask"], [family], condition=cluster),
            allow(["iam:PassRole"], [arns.role("job"), arns.role("job-execution")], condition=to_tasks),
        )
    }


def assumed_by_schedules(env: Environment, facts: Facts) -> Policy:
    """Trust: schedules of our group. A schedule's own ARN would never match (aws-facts 3.2)."""
    group = Arns(env, facts).of("scheduler", f"schedule-group/{env.prefix}")
    condition = {"StringEquals": {"aws:SourceAccount": facts.account, "aws:SourceArn": group}}
    return Policy.make(allow(["sts:AssumeRole"], principal={"Service": "scheduler.amazonaws.com"}, condition=condition))
