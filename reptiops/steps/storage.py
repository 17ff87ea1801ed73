"""Phase 5, storage and delivery: buckets and CloudFront."""

from __future__ import annotations

from reptiops.config import Bucket as BucketSettings
from reptiops.config import Environment
from reptiops.engine.graph import step
from reptiops.facts import Facts
from reptiops.policy import Policy, Statement, allow, deny
from reptiops.resources.s3 import Bucket, LifecycleRule

ELB_ACCOUNTS = {"us-east-1": "127311923021", "us-east-2": "033677994240", "us-west-2": "797873946194"}
"""Before there was a service principal, access logs were written by these accounts; granting both forms is safest."""


def _bucket(env: Environment, facts: Facts, purpose: str, statements: list[Statement]) -> Bucket:
    settings = env.storage.buckets[purpose]
    name = env.bucket_name(purpose)
    arn = f"arn:{facts.partition}:s3:::{name}"
    plain_http = {"Bool": {"aws:SecureTransport": "false"}}
    tls_only = deny(["s3:*"], [arn, f"{arn}/*"], principal="*", condition=plain_http)
    return Bucket(
        name=name,
        versioning=settings.versioning,
        policy=Policy.make(tls_only, *statements),
        lifecycle=_lifecycle(settings),
    )


def _lifecycle(settings: BucketSettings) -> dict[str, LifecycleRule]:
    rules = {
        "objects": LifecycleRule(
            transitions=tuple(sorted((t.days, t.to) for t in settings.transitions)),
            expire_days=settings.expire_days,
            noncurrent_days=settings.noncurrent_days,
            abort_upload_days=settings.abort_upload_days,
        )
    }
    if settings.versioning and settings.noncurrent_days:
        # An expired object leaves a marker behind, which needs a rule of its own: S3 refuses both in one.
        rules["markers"] = LifecycleRule(expired_markers=True)
    return rules


@step(brought_forward_to="security")
def logs_bucket(env: Environment, facts: Facts) -> Bucket | None:
    """Trail and load balancer write to it, so bucket and policy are there before them."""
    if "logs" not in env.storage.buckets:
        return None
    arn = f"arn:{facts.partition}:s3:::{env.bucket_name('logs')}"
    statements: list[Statement] = []
    logs = env.load_balancer.access_logs
    if logs.enabled:
        objects = [f"{arn}/{logs.prefix}/AWSLogs/{facts.account}/*"]
        delivery = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
        statements.append(allow(["s3:PutObject"], objects, principal=delivery))
        if facts.region in ELB_ACCOUNTS:
            old = {"AWS": f"arn:{facts.partition}:iam::{ELB_ACCOUNTS[facts.region]}:root"}
            statements.append(allow(["s3:PutObject"], objects, principal=old))
    if env.cloudtrail.enabled:
        service = {"Service": "cloudtrail.amazonaws.com"}
        trail = f"arn:{facts.partition}:cloudtrail:{facts.region}:{facts.account}:trail/{env.prefix}"
        ours = {"aws:SourceArn": trail}
        owned = {"StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"}}
        statements.append(allow(["s3:GetBucketAcl"], [arn], principal=service, condition={"StringEquals": ours}))
        statements.append(
            allow(["s3:PutObject"], [f"{arn}/AWSLogs/{facts.account}/*"], principal=service, condition=owned)
        )
    return _bucket(env, facts, "logs", statements)


@step()
def bucket(env: Environment, facts: Facts) -> dict[str, Bucket]:
    """Everything else that is kept, by purpose."""
    return {purpose: _bucket(env, facts, purpose, []) for purpose in env.storage.buckets if purpose != "logs"}
