"""What holds a thing while AWS refuses its deletion, in sentences: outside of EC2, whose interfaces are in `ec2_held`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.aws import Aws
from reptiops.resources.ec2_held import listed as listed

BALANCING = tuple(f"elasticloadbalancing:Describe{what}" for what in ("TargetGroups", "Listeners", "Rules"))
"""The rights that it takes to see what forwards to a target group."""


def of(tags: Iterable[Mapping[str, str]]) -> str:
    """Whose something is, as far as its tags say."""
    named = {t["Key"]: t.get("Value", "") for t in tags}
    whose = " ".join(named[key] for key in ("Project", "Environment") if key in named)
    return f" of {whose}" if whose else ""


def forwarding(aws: Aws, group: str) -> str:
    """The listeners and rules that forward to a target group."""
    answer = aws.elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    found = []
    for balancer in (arn for one in answer for arn in one.get("LoadBalancerArns", [])):
        name = balancer.split("/")[-2]
        for listener in aws.elbv2.pages("describe_listeners", "Listeners", LoadBalancerArn=balancer):
            place = f"listener :{listener['Port']} of {name}"
            for rule in aws.elbv2.pages("describe_rules", "Rules", ListenerArn=listener["ListenerArn"]):
                if any(group in _targets(action) for action in rule.get("Actions", [])):
                    which = "the default action" if rule.get("IsDefault") else f"rule {rule['Priority']}"
                    found.append(f"{which} of {place}")
    if found:
        return f"{listed(found)} forwards to it: change or delete that."
    return "No rule forwards to it any more: AWS lets go of it within minutes."


def _targets(action: Mapping[str, Any]) -> set[str]:
    groups = {one["TargetGroupArn"] for one in action.get("ForwardConfig", {}).get("TargetGroups", [])}
    return groups | ({action["TargetGroupArn"]} if action.get("TargetGroupArn") else set())


def showing(aws: Aws, certificate: str) -> str:
    """The listeners and distributions that show a certificate, those of other environments and accounts too."""
    users = aws.acm.describe_certificate(CertificateArn=certificate)["Certificate"].get("InUseBy", [])
    if users:
        return f"Shown by {listed(users)}: give those another certificate."
    return "Nothing shows it any more: AWS lets go of it within minutes, of a distribution's when that is deployed."


def instances(aws: Aws, subnets: str = "", parameters: str = "") -> str:
    """The databases that use a subnet group or a parameter group."""
    found = []
    for one in aws.rds.pages("describe_db_instances", "DBInstances"):
        groups = {g["DBParameterGroupName"] for g in one.get("DBParameterGroups", [])}
        if one.get("DBSubnetGroup", {}).get("DBSubnetGroupName") == subnets or parameters in groups:
            found.append(f"{one['DBInstanceIdentifier']}{of(one.get('TagList', []))} ({one['DBInstanceStatus']})")
    return f"Used by {listed(found)}: free when that is deleted or changed." if found else _released("instance")


def clusters(aws: Aws, subnets: str) -> str:
    """The caches in a subnet group."""
    found = [
        f"{one['CacheClusterId']} ({one.get('CacheClusterStatus', '?')})"
        for one in aws.elasticache.pages("describe_cache_clusters", "CacheClusters")
        if one.get("CacheSubnetGroupName") == subnets
    ]
    return f"Used by {listed(found)}: free when that is deleted." if found else _released("cache")


def _released(what: str) -> str:
    return f"No {what} uses it any more: AWS lets go of it within minutes."


def attached(aws: Aws, role: str) -> str:
    """What still hangs on a role."""
    profiles = aws.iam.pages("list_instance_profiles_for_role", "InstanceProfiles", RoleName=role)
    policies = [
        *aws.iam.pages("list_role_policies", "PolicyNames", RoleName=role),
        *(p["PolicyName"] for p in aws.iam.pages("list_attached_role_policies", "AttachedPolicies", RoleName=role)),
    ]
    inside = listed(one["InstanceProfileName"] for one in profiles)
    first = f"In the instance profile {inside}: take it out of that." if profiles else ""
    second = f"Policies on it: {listed(policies)}; somebody keeps adding them, or IAM's lists lag." if policies else ""
    return " ".join(one for one in (first, second) if one)


def stored(aws: Aws, bucket: str) -> str:
    """How much is in a bucket, the first thousand of each."""
    versions = aws.s3.list_object_versions(Bucket=bucket, MaxKeys=1000)
    uploads = aws.s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1000).get("Uploads", [])
    counted = {
        "versions of objects": versions.get("Versions", []),
        "delete markers": versions.get("DeleteMarkers", []),
        "unfinished uploads": uploads,
    }
    parts = [f"{len(some)}{'+' if len(some) >= 1000 else ''} {what}" for what, some in counted.items() if some]
    if not parts:
        return "It looks empty: a log may have been delivered just now, or a policy denies the deletion."
    example = next((one["Key"] for some in counted.values() for one in some), "")
    return (
        f"In it are {', '.join(parts)}, such as {example}: whoever writes there has to stop; what an object lock or a "
        "policy keeps goes when that ends."
    )


def running(aws: Aws, cluster: str) -> str:
    """The services, tasks and instances of a cluster."""
    services = aws.ecs.pages("list_services", "serviceArns", cluster=cluster)
    tasks = aws.ecs.pages("list_tasks", "taskArns", cluster=cluster)
    instances = aws.ecs.pages("list_container_instances", "containerInstanceArns", cluster=cluster)
    named = (
        ("Services", services, "delete them; draining ones end by themselves"),
        ("Tasks", tasks, "stop them; those of a service end with it"),
        ("Container instances", instances, "deregister them"),
    )
    return " ".join(f"{what}: {listed(_ends(arns))}: {do}." for what, arns, do in named if arns)


def _ends(arns: Iterable[str]) -> list[str]:
    return sorted(arn.rsplit("/", 1)[-1] for arn in arns)
