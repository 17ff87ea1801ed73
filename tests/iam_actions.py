"""Which IAM actions an API call needs: most have the operation's name, these do not, or need more than one.

From AWS's service authorization reference. Calls that need none (`sts:GetCallerIdentity`) answer the empty set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = {
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "resource-groups-tagging-api": "tag",
    "service-quotas": "servicequotas",
}
"""API service → IAM prefix, where they differ."""
VIEW, MODIFY = ("budgets:ViewBudget",), ("budgets:ModifyBudget",)
RENAMED: Mapping[str, tuple[str, ...]] = {
    "budgets:CreateBudget": MODIFY,
    "budgets:CreateNotification": MODIFY,
    "budgets:CreateSubscriber": MODIFY,
    "budgets:DeleteBudget": MODIFY,
    "budgets:DeleteNotification": MODIFY,
    "budgets:DeleteSubscriber": MODIFY,
    "budgets:DescribeBudget": VIEW,
    "budgets:DescribeNotificationsForBudget": VIEW,
    "budgets:DescribeSubscribersForNotification": VIEW,
    "budgets:UpdateBudget": MODIFY,
    "cloudfront:CreateDistributionWithTags": ("cloudfront:CreateDistribution", "cloudfront:TagResource"),
    "s3:DeleteBucketLifecycle": ("s3:PutLifecycleConfiguration",),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "sts:GetCallerIdentity": (),
}
TAGGING = {
    "acm": ("Tags", "acm:AddTagsToCertificate"),
    "application-autoscaling": ("Tags", "application-autoscaling:TagResource"),
    "budgets": ("ResourceTags", "budgets:TagResource"),
    "cloudtrail": ("TagsList", "cloudtrail:AddTags"),
    "cloudwatch": ("Tags", "cloudwatch:TagResource"),
    "ec2": ("TagSpecifications", "ec2:CreateTags"),
    "ecr": ("tags", "ecr:TagResource"),
    "ecs": ("tags", "ecs:TagResource"),
    "elasticache": ("Tags", "elasticache:AddTagsToResource"),
    "elbv2": ("Tags", "elasticloadbalancing:AddTags"),
    "iam": ("Tags", "iam:TagRole"),
    "logs": ("tags", "logs:TagResource"),
    "rds": ("Tags", "rds:AddTagsToResource"),
    "scheduler": ("Tags", "scheduler:TagResource"),
    "secretsmanager": ("Tags", "secretsmanager:TagResource"),
    "sns": ("Tags", "sns:TagResource"),
    "sqs": ("tags", "sqs:TagQueue"),
    "ssm": ("Tags", "ssm:AddTagsToResource"),
}
"""Tags given with a create are an action of their own: the parameter they come in, and the action."""
PASSED = (
    ("ec2:CreateFlowLogs", "DeliverLogsPermissionArn"),
    ("ecs:RegisterTaskDefinition", "executionRoleArn"),
    ("ecs:RegisterTaskDefinition", "taskRoleArn"),
    ("rds:CreateDBInstance", "MonitoringRoleArn"),
    ("rds:ModifyDBInstance", "MonitoringRoleArn"),
    ("scheduler:CreateSchedule", "Target"),
    ("scheduler:UpdateSchedule", "Target"),
)
"""Calls that hand on a role, and the parameter that names it."""

CACHE_NODES = frozenset(
    {
        *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    }
)
COSTS = frozenset({"billing:GetBillingViewData"})
DEPENDENT: Mapping[str, frozenset[str]] = {
    "application-autoscaling:DeleteScalingPolicy": frozenset({"cloudwatch:DeleteAlarms"}),
    "application-autoscaling:DeregisterScalableTarget": frozenset({"cloudwatch:DeleteAlarms"}),
    "application-autoscaling:PutScalingPolicy": frozenset(
        {"cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"}
    ),
    "budgets:DescribeBudget": COSTS,
    "budgets:DescribeNotificationsForBudget": COSTS,
    "budgets:DescribeSubscribersForNotification": COSTS,
    "ec2:CreateVpcEndpoint": frozenset(
        {
            *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
            "route53:AssociateVPCWithHostedZone",
        }
    ),
    "elasticache:CreateReplicationGroup": CACHE_NODES,
    "elasticache:DecreaseReplicaCount": CACHE_NODES,
    "elasticache:DeleteCacheSubnetGroup": CACHE_NODES,
    "elasticache:DeleteReplicationGroup": CACHE_NODES,
    "elasticache:IncreaseReplicaCount": CACHE_NODES,
    "elasticache:ModifyReplicationGroup": CACHE_NODES,
    "elbv2:CreateLoadBalancer": frozenset(
        {
            *("ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways"),
            *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        }
    ),
    "elbv2:CreateTargetGroup": frozenset({"ec2:DescribeInternetGateways", "ec2:DescribeVpcs"}),
    "elbv2:SetSubnets": frozenset({"ec2:DescribeSubnets"}),
}
"""What AWS asks of the caller beside the call's own action; docs/security.md says where that is written and what is left out."""


def actions(service: str, operation: str, parameters: Mapping[str, Any]) -> frozenset[str]:
    """What IAM asks for when this call is made."""
    call = f"{service}:{operation}"
    needed = set(RENAMED.get(call, (f"{PREFIX.get(service, service)}:{operation}",)))
    parameter, tagging = TAGGING.get(service, ("", ""))
    if parameters.get(parameter) and operation not in ("AddTagsToResource", "CreateTags", "TagResource"):
        needed.add(tagging)
    if any(call == c and parameters.get(p) for c, p in PASSED):
        needed.add("iam:PassRole")
    if call == "s3:CreateBucket":
        if parameters.get("ObjectOwnership"):
            needed.add("s3:PutBucketOwnershipControls")
        if parameters.get("CreateBucketConfiguration", {}).get("Tags"):
            needed.add("s3:TagResource")
    if call == "rds:DeleteDBInstance" and parameters.get("FinalDBSnapshotIdentifier"):
        needed |= {"rds:CreateDBSnapshot", "rds:AddTagsToResource"}
    return frozenset(needed | DEPENDENT.get(call, frozenset()))
