"""The checks of phases 5 and 6: bucket names and lifecycles, what CloudFront accepts, alarms and who is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from reptiops.settings.checks_compute import covered
from reptiops.settings.environment import Sections
from reptiops.settings.findings import Finding, repeats
from reptiops.settings.monitoring import Alarm
from reptiops.settings.storage import Behaviour
from reptiops.yamlsource import SettingPath

Findings = Iterator[Finding]
Paths = tuple[SettingPath, ...]

BUCKETS: SettingPath = ("storage", "buckets")
CDN: SettingPath = ("storage", "cdn")
COLDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
RESERVED_NAMES = re.compile(r"(xn--|sthree-|amzn-s3-demo-).*|.*(-s3alias|--ol-s3|--x-s3|--table-s3)")
DAY = 86400
FORWARDED_HEADERS = 10


def _bucket_names(env: Sections) -> Findings:
    taken: dict[str, str] = {}
    for purpose, bucket in env.storage.buckets.items():
        name = env.bucket_name(purpose)
        path: SettingPath = (*BUCKETS, purpose, "name") if bucket.name else (*BUCKETS, purpose)
        also: Paths = () if bucket.name else (("storage", "suffix"), ("project",))
        if not 3 <= len(name) <= 63:
            yield Finding(path, f"the bucket's name {name} has {len(name)} characters", "3 to 63 characters", also=also)
        if RESERVED_NAMES.fullmatch(name):
            yield Finding(path, f"S3 reserves names like {name}", "another name", also=also)
        if name in taken:
            yield Finding(path, f"{name} is already the bucket for {taken[name]}", "a name of its own", also=also)
        taken.setdefault(name, purpose)
        if name == env.state.bucket:
            message = f"the state lives in {name}, which a teardown would delete"
            yield Finding(("state", "backend"), message, "a bucket outside this environment", also=(path, *also))


def _bucket_uses(env: Sections) -> Findings:
    uses = (
        (("security", "deployer", "buckets"), env.security.deployer.buckets),
        (("security", "backend_buckets"), env.security.backend_buckets),
    )
    for path, purposes in uses:
        yield from repeats(path, purposes)
        for index, purpose in enumerate(purposes):
            if purpose not in env.storage.buckets:
                valid = ", ".join(env.storage.buckets)
                yield Finding((*path, index), f"there is no bucket for {purpose}", valid, also=(BUCKETS,))
    if env.needs_logs_bucket and "logs" not in env.storage.buckets:
        message = "CloudTrail and the load balancer's access logs need a bucket for logs"
        also: Paths = (("cloudtrail", "enabled"), ("load_balancer", "access_logs"))
        yield Finding(BUCKETS, message, "a bucket called logs, or both switched off", also=also)


def _lifecycles(env: Sections) -> Findings:
    for purpose, bucket in env.storage.buckets.items():
        path: SettingPath = (*BUCKETS, purpose, "transitions")
        for index, step in enumerate(bucket.transitions):
            if step.to in ("STANDARD_IA", "ONEZONE_IA") and step.days < 30:
                message = f"S3 moves nothing to {step.to} before 30 days"
                yield Finding((*path, index, "days"), message, "at least 30")
        for index, (one, next_) in enumerate(pairwise(bucket.transitions), start=1):
            if next_.days <= one.days or COLDER.index(next_.to) <= COLDER.index(one.to):
                message = "each transition comes later, and to a colder class, than the one before"
                yield Finding((*path, index), message, f"after {one.days} days, colder than {one.to}")
        last = max((step.days for step in bucket.transitions), default=0)
        if bucket.expire_days is not None and bucket.transitions and bucket.expire_days <= last:
            message = f"{bucket.expire_days} is not after the last transition"
            yield Finding((*BUCKETS, purpose, "expire_days"), message, f"more than {last}", also=(path,))


def _cdn_hosts(env: Sections) -> Findings:
    cdn = env.storage.cdn
    if not cdn.enabled:
        return
    on: Paths = ((*CDN, "enabled"),)
    yield from repeats((*CDN, "aliases"), cdn.aliases)
    for index, alias in enumerate(cdn.aliases):
        path: SettingPath = (*CDN, "aliases", index)
        if alias not in env.hosts:
            also: Paths = (*on, ("compute", "services"))
            yield Finding(path, f"no service answers {alias}", ", ".join(env.hosts) or "a service's host", also=also)
        if not covered(alias, env.certificate_names):
            also = (*on, ("certificate", "names"), ("domain",))
            yield Finding(path, f"the certificate does not cover {alias}", ", ".join(env.certificate_names), also=also)
    if not env.cdn_hosts:
        message = "there is no host that CloudFront could serve"
        yield Finding((*CDN, "enabled"), message, "false, or a frontend with a host", also=(("compute", "services"),))
    if env.certificate.mode == "self_signed":
        message = "CloudFront takes no self-signed certificate"
        yield Finding((*CDN, "enabled"), message, "false, or certificate.mode: acm", also=(("certificate", "mode"),))
    if env.region != "us-east-1":
        message = f"CloudFront takes certificates from us-east-1 only, and this one is in {env.region}"
        yield Finding((*CDN, "enabled"), message, "false, or region: us-east-1", also=(("region",),))


def _behaviour(path: SettingPath, behaviour: Behaviour) -> Findings:
    least, usual, most = behaviour.min_ttl, behaviour.default_ttl, behaviour.max_ttl
    if not least <= usual <= most:
        message = f"{least}, {usual}, {most} are not in order"
        also: Paths = ((*path, "min_ttl"), (*path, "max_ttl"))
        yield Finding((*path, "default_ttl"), message, "min_ttl ≤ default_ttl ≤ max_ttl", also=also)
    headers: SettingPath = (*path, "headers")
    if behaviour.all_headers and least:
        message = "with all headers forwarded AWS takes no minimum but 0"
        yield Finding((*path, "min_ttl"), message, "0", also=(headers,))
    if behaviour.all_headers and len(behaviour.headers) > 1:
        yield Finding(headers, "* stands for all headers", '["*"] alone, or a list without it')
    if not behaviour.all_headers and "host" not in {header.lower() for header in behaviour.headers}:
        message = "without Host no rule of the load balancer matches, and it answers 404"
        yield Finding(headers, message, 'a list with Host, or ["*"]')
    if len(behaviour.headers) > FORWARDED_HEADERS:
        yield Finding(headers, "CloudFront forwards at most 10 named headers", f"at most {FORWARDED_HEADERS}, or *")
    yield from repeats(headers, [header.lower() for header in behaviour.headers])
    if behaviour.compress and not most:
        message = "CloudFront compresses only what it caches"
        yield Finding((*path, "compress"), message, "false, or a max_ttl above 0", also=((*path, "max_ttl"),))


def _behaviours(env: Sections) -> Findings:
    cdn = env.storage.cdn
    yield from _behaviour((*CDN, "default"), cdn.default)
    for index, behaviour in enumerate(cdn.behaviours):
        yield from _behaviour((*CDN, "behaviours", index), behaviour)
    yield from repeats((*CDN, "behaviours"), [behaviour.path for behaviour in cdn.behaviours])


def _alarm(path: SettingPath, alarm: Alarm) -> Findings:
    period = alarm.period_seconds
    if period not in (10, 20, 30) and period % 60:
        yield Finding(
            (*path, "period_seconds"), f"{period} is not a period of CloudWatch", "10, 20, 30 or a multiple of 60"
        )
    span, limit = period * alarm.periods, DAY if period < 3600 else 7 * DAY
    if span > limit:
        message = f"{alarm.periods} periods of {period} s look back further than CloudWatch does"
        valid = f"at most {limit // period} periods"
        yield Finding((*path, "periods"), message, valid, also=((*path, "period_seconds"),))
    if alarm.datapoints is not None and alarm.datapoints > alarm.periods:
        message = f"{alarm.datapoints} of {alarm.periods} cannot be"
        yield Finding((*path, "datapoints"), message, f"1 to {alarm.periods}", also=((*path, "periods"),))


def _monitoring(env: Sections) -> Findings:
    monitoring = env.monitoring
    yield from repeats(("monitoring", "emails"), [email.lower() for email in monitoring.emails])
    yield from repeats(("monitoring", "budget", "thresholds"), monitoring.budget.thresholds)
    for name in type(monitoring.alarms).model_fields:
        yield from _alarm(("monitoring", "alarms", name), getattr(monitoring.alarms, name))


STORAGE_CHECKS: tuple[Callable[[Sections], Findings], ...] = (
    _bucket_names,
    _bucket_uses,
    _lifecycles,
    _cdn_hosts,
    _behaviours,
    _monitoring,
)
