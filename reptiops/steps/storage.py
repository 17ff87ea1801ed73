"""Phase 5, storage and delivery: buckets and CloudFront."""

from __future__ import annotations

from typing import Any

from reptiops.config import Behaviour as BehaviourSettings
from reptiops.config import Bucket as BucketSettings
from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.policy import Policy, Statement, allow, deny
from reptiops.resources.cloudfront import Distribution
from reptiops.resources.cloudfront_config import Behaviour, Origin, PathBehaviour
from reptiops.resources.cloudfront_headers import HeadersPolicy
from reptiops.resources.route53 import AliasRecords
from reptiops.resources.route53_sets import Alias
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
            expire_days=settings.expire_days or 0,
            noncurrent_days=settings.noncurrent_days or 0,
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


@step()
def headers_policy(env: Environment) -> HeadersPolicy | None:
    """The security headers that CloudFront adds."""
    if not env.storage.cdn.enabled:
        return None
    wanted = env.security_headers
    return HeadersPolicy(
        name=env.headers_policy_name,
        comment=f"Of {env.prefix}, made by reptiops",
        hsts_seconds=wanted.hsts_seconds,
        hsts_subdomains=wanted.hsts_subdomains,
        hsts_preload=wanted.hsts_preload,
        frame_options=wanted.frame_options,
        content_type_options=wanted.content_type_options,
        referrer_policy=wanted.referrer_policy,
    )


@step(early=("load_balancer",), outlives=("load_balancer",))
def distribution(
    env: Environment, certificate: Result, load_balancer: Result, headers_policy: Result | None
) -> Distribution | None:
    """CloudFront in front of the load balancer. It goes slowest of all, so the load balancer need not wait for it."""
    if headers_policy is None:
        return None
    cdn = env.storage.cdn
    return Distribution(
        comment=env.prefix,
        aliases=frozenset(env.cdn_hosts),
        certificate=certificate.id,
        minimum_tls=cdn.minimum_tls,
        price_class=cdn.price_class,
        http_version=cdn.http_version,
        ipv6=cdn.ipv6,
        origin=Origin(
            domain=load_balancer.out("dns_name"),
            path=cdn.origin.path,
            read_timeout=cdn.origin.read_timeout_seconds,
            keepalive=cdn.origin.keepalive_seconds,
        ),
        default=Behaviour(**_behaviour(cdn.default, headers_policy.id)),
        behaviours=tuple(PathBehaviour(**_behaviour(b, headers_policy.id), path=b.path) for b in cdn.behaviours),
    )


def _behaviour(wanted: BehaviourSettings, policy: str) -> dict[str, Any]:
    return {
        "min_ttl": wanted.min_ttl,
        "default_ttl": wanted.default_ttl,
        "max_ttl": wanted.max_ttl,
        "headers": frozenset({"*"} if wanted.all_headers else wanted.headers),
        "cookies": wanted.cookies,
        "query_strings": wanted.query_strings,
        "compress": wanted.compress,
        "methods": wanted.methods,
        "headers_policy": policy,
    }


@step(early=("distribution",))
def cdn_record(
    env: Environment, facts: Facts, hosted_zone: Result | None, distribution: Result | None
) -> AliasRecords | None:
    """The names that CloudFront answers. They go before the distribution: a dangling alias can be taken over."""
    zone = hosted_zone.id if hosted_zone else facts.zone_id
    if zone is None or distribution is None:
        return None
    alias = Alias(distribution.out("domain_name"), distribution.out("zone_id"))
    return AliasRecords(zone, "cdn", dict.fromkeys(env.cdn_hosts, alias))
