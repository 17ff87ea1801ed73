"""Takes the tags off everything in an account, with plain boto3: a world as other tools or people would have made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEYS = ["Project", "Environment", "ManagedBy", "reptiops:address"]


def _network(session: Any) -> None:
    ec2 = session.client("ec2")
    ids = {t["ResourceId"] for t in ec2.describe_tags()["Tags"]}
    ids |= {r["SecurityGroupRuleId"] for r in ec2.describe_security_group_rules()["SecurityGroupRules"]}
    ec2.delete_tags(Resources=sorted(ids), Tags=[{"Key": key} for key in KEYS])
    elb = session.client("elbv2")
    arns = []
    for one in elb.describe_load_balancers()["LoadBalancers"]:
        arns.append(one["LoadBalancerArn"])
        for listener in elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]:
            arns.append(listener["ListenerArn"])
            rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            arns += [r["RuleArn"] for r in rules if not r["IsDefault"]]
    arns += [g["TargetGroupArn"] for g in elb.describe_target_groups()["TargetGroups"]]
    for arn in arns:
        elb.remove_tags(ResourceArns=[arn], TagKeys=KEYS)


def _identity(session: Any) -> None:
    iam, acm, route53 = session.client("iam"), session.client("acm"), session.client("route53")
    for role in iam.list_roles()["Roles"]:
        iam.untag_role(RoleName=role["RoleName"], TagKeys=KEYS)
    for one in acm.list_certificates()["CertificateSummaryList"]:
        tags = [{"Key": key} for key in KEYS]
        acm.remove_tags_from_certificate(CertificateArn=one["CertificateArn"], Tags=tags)
    for zone in route53.list_hosted_zones()["HostedZones"]:
        identifier = zone["Id"].rsplit("/", 1)[-1]
        route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier, RemoveTagKeys=KEYS)


def _stores(session: Any) -> None:
    rds, cache = session.client("rds"), session.client("elasticache")
    arns = [d["DBInstanceArn"] for d in rds.describe_db_instances()["DBInstances"]]
    arns += [g["DBSubnetGroupArn"] for g in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
    arns += [g["DBParameterGroupArn"] for g in rds.describe_db_parameter_groups()["DBParameterGroups"]]
    for arn in arns:
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=KEYS)
    arns = [g["ARN"] for g in cache.describe_replication_groups()["ReplicationGroups"]]
    arns += [g["ARN"] for g in cache.describe_cache_subnet_groups()["CacheSubnetGroups"] if g.get("ARN")]
    for arn in arns:
        cache.remove_tags_from_resource(ResourceName=arn, TagKeys=KEYS)
    secrets, ssm, ecr, s3 = (session.client(name) for name in ("secretsmanager", "ssm", "ecr", "s3"))
    for one in secrets.list_secrets()["SecretList"]:
        secrets.untag_resource(SecretId=one["ARN"], TagKeys=KEYS)
    for one in ssm.describe_parameters(MaxResults=50)["Parameters"]:
        ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=one["Name"], TagKeys=KEYS)
    for one in ecr.describe_repositories()["repositories"]:
        ecr.untag_resource(resourceArn=one["repositoryArn"], tagKeys=KEYS)
    for one in s3.list_buckets()["Buckets"]:
        s3.delete_bucket_tagging(Bucket=one["Name"])


def _compute(session: Any) -> None:
    ecs = session.client("ecs")
    arns = list(ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"])
    for cluster in ecs.list_clusters()["clusterArns"]:
        arns += [cluster, *ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]]
    for arn in arns:
        ecs.untag_resource(resourceArn=arn, tagKeys=KEYS)


def _watching(session: Any) -> None:
    logs, sns, trail, cloudwatch = (session.client(name) for name in ("logs", "sns", "cloudtrail", "cloudwatch"))
    for one in logs.describe_log_groups()["logGroups"]:
        logs.untag_resource(resourceArn=one["arn"].removesuffix(":*"), tagKeys=KEYS)
    for one in sns.list_topics()["Topics"]:
        sns.untag_resource(ResourceArn=one["TopicArn"], TagKeys=KEYS)
    for one in trail.describe_trails()["trailList"]:
        arn = one["TrailARN"]
        held = trail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"]
        trail.remove_tags(ResourceId=arn, TagsList=[t for t in held if t["Key"] in KEYS])
    for page in cloudwatch.get_paginator("describe_alarms").paginate():
        for one in page["MetricAlarms"]:
            cloudwatch.untag_resource(ResourceARN=one["AlarmArn"], TagKeys=KEYS)
    account, budgets = session.client("sts").get_caller_identity()["Account"], session.client("budgets")
    for one in budgets.describe_budgets(AccountId=account).get("Budgets", []):
        arn = f"arn:aws:budgets::{account}:budget/{one['BudgetName']}"
        budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=KEYS)
    cloudfront = session.client("cloudfront")
    for one in cloudfront.list_distributions()["DistributionList"].get("Items", []):
        cloudfront.untag_resource(Resource=one["ARN"], TagKeys={"Items": KEYS})


STRIPPERS: tuple[Callable[[Any], None], ...] = (_network, _identity, _stores, _compute, _watching)


def strip(session: Any) -> None:
    """Nothing in the account carries a tag of ours afterwards."""
    for one in STRIPPERS:
        one(session)
