"""What AWS would refuse in the middle of a run, asked for before its first write. Reads only, and only what the plan needs.

Each check answers notes. One that cannot ask (no permission, an endpoint without the operation) says so as a warning:
a check that was not made never passes for one that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from reptiops.aws import DENIED, Aws, code, message
from reptiops.rights import arn_of, read

LACKING = frozenset(
    {"NotImplemented", "NotImplementedError", "UnknownOperationException", "InvalidAction", "501", "404"}
)
"""How emulators say that they have no such operation."""
ADDRESSES, VPCS, FARGATE = ("ec2", "L-0263D0A3"), ("vpc", "L-F678F1CE"), ("fargate", "L-3032A538")
"""Service and code of the quotas: Elastic IPs and VPCs in a region, vCPUs of Fargate on demand."""
MARGIN = 1.5
"""Credentials should live so much longer than a run is expected to take."""
RIGHTS = (
    read("servicequotas:GetServiceQuota", "ec2:DescribeAddresses", "ec2:DescribeVpcs", "ec2:DescribeAvailabilityZones"),
    read("rds:DescribeOrderableDBInstanceOptions", "elasticache:DescribeCacheEngineVersions"),
    read("s3:ListBucket", on=("arn:{partition}:s3:::{s3.Bucket.name}",)),
)
SIMULATE = (
    read(
        "iam:SimulatePrincipalPolicy",
        on=(arn_of("iam", "role/*", regional=False), arn_of("iam", "user/*", regional=False)),
    ),
)


@dataclass(frozen=True, order=True)
class Note:
    """One thing found: an error stops a provision before its first write, a warning is shown."""

    level: Literal["error", "warning"]
    about: str
    """What it is about: `credentials`, a quota, an address."""
    text: str
    do: str = ""


@dataclass(frozen=True)
class Needs:
    """What a plan is going to make, as far as AWS may refuse it."""

    seconds: float = 0.0
    """How long the run is expected to take."""
    addresses: int = 0
    vpcs: int = 0
    vcpus: float = 0.0
    """Of all tasks that new services start with."""
    zones: frozenset[str] = frozenset()
    database: tuple[str, str, str, str] | None = None
    """Engine, version, instance class, storage type."""
    cache: tuple[str, str] | None = None
    """Engine and version."""
    buckets: Mapping[str, str] = field(default_factory=dict)
    """Address → name."""


def check(aws: Aws, needs: Needs) -> tuple[Note, ...]:
    """All notes at once, errors first. At most nine calls, none for what the plan does not make."""
    checks: list[tuple[str, Callable[[], Iterable[Note]]]] = [("credentials", lambda: _credentials(aws, needs))]
    if needs.addresses:
        checks.append(("Elastic IPs", lambda: _addresses(aws, needs.addresses)))
    if needs.vpcs:
        checks.append(("VPCs", lambda: _vpcs(aws, needs.vpcs)))
    if needs.vcpus:
        checks.append(("Fargate vCPUs", lambda: _fargate(aws, needs.vcpus)))
    if needs.zones:
        checks.append(("zones", lambda: _zones(aws, needs.zones)))
    if needs.database:
        checks.append(("database", lambda: _database(aws, *needs.database)))  # type: ignore[misc]
    if needs.cache:
        checks.append(("cache", lambda: _cache(aws, *needs.cache)))  # type: ignore[misc]
    checks += [(address, lambda a=address, n=name: _bucket(aws, a, n)) for address, name in needs.buckets.items()]  # type: ignore[misc]
    with ThreadPoolExecutor(8, thread_name_prefix="preflight") as pool:
        found = list(pool.map(lambda one: _asked(*one), checks))
    return tuple(sorted(note for notes in found for note in notes))


def _asked(about: str, ask: Callable[[], Iterable[Note]]) -> list[Note]:
    try:
        return list(ask())
    except (ClientError, BotoCoreError, NotImplementedError) as error:
        name = code(error)
        operation = getattr(error, "operation_name", "") or str(error).removeprefix("The ").split(" action")[0]
        if name in DENIED:
            return [
                Note(
                    "warning",
                    about,
                    f"not checked: these credentials may not call {operation}",
                    "see `reptiops policy`",
                )
            ]
        if name in LACKING:
            return [Note("warning", about, f"not checked: this endpoint has no {operation}")]
        return [Note("warning", about, f"not checked: {operation} answered {name}: {message(error)[:200]}")]


def _credentials(aws: Aws, needs: Needs) -> Iterable[Note]:
    """Temporary ones that nothing renews must outlive the run: half an environment is what is left otherwise."""
    credentials = aws.session.get_credentials()
    ends = getattr(credentials, "_expiry_time", None)
    renewing = getattr(credentials, "_refresh_using", None) is not None
    if not isinstance(ends, datetime) or renewing:
        return
    left = (ends - datetime.now(UTC)).total_seconds()
    if left < needs.seconds * MARGIN:
        text = (
            f"the credentials end in {left / 60:.0f} minutes, and the run is expected to take {needs.seconds / 60:.0f}"
        )
        yield Note("error", "credentials", text, "sign in again, or use a profile that renews them")


def _quota(aws: Aws, quota: tuple[str, str]) -> float | None:
    """The account's quota; None where AWS knows none of that code here."""
    try:
        answer = aws.service_quotas.get_service_quota(ServiceCode=quota[0], QuotaCode=quota[1])
    except ClientError as error:
        if code(error) != "NoSuchResourceException":
            raise
        return None
    return float(answer["Quota"]["Value"])


def _short(about: str, quota: tuple[str, str], limit: float | None, used: float, more: float) -> Iterable[Note]:
    if limit is None:
        yield Note("warning", about, f"not checked: there is no quota {quota[1]} of {quota[0]} here")
    elif used + more > limit:
        text = f"{more:g} more are needed and {used:g} of {limit:g} are used"
        yield Note("error", about, text, f"ask for more in Service Quotas: {quota[0]} {quota[1]}")


def _addresses(aws: Aws, more: int) -> Iterable[Note]:
    used = len(aws.ec2.describe_addresses()["Addresses"])
    return _short("Elastic IPs", ADDRESSES, _quota(aws, ADDRESSES), used, more)


def _vpcs(aws: Aws, more: int) -> Iterable[Note]:
    used = len(aws.ec2.pages("describe_vpcs", "Vpcs"))
    return _short("VPCs", VPCS, _quota(aws, VPCS), used, more)


def _fargate(aws: Aws, more: float) -> Iterable[Note]:
    """What runs already is not counted: AWS tells that only as a metric, minutes late. An update takes up to twice as much."""
    limit = _quota(aws, FARGATE)
    if limit is not None and more <= limit < 2 * more:
        text = f"{more:g} of {limit:g} will be used; an update of every service at once takes up to twice as much"
        return [Note("warning", "Fargate vCPUs", text, f"ask for more in Service Quotas: {FARGATE[0]} {FARGATE[1]}")]
    return _short("Fargate vCPUs", FARGATE, limit, 0, more)


def _zones(aws: Aws, wanted: Iterable[str]) -> Iterable[Note]:
    answer = aws.ec2.describe_availability_zones()["AvailabilityZones"]
    open_ones = {one["ZoneName"] for one in answer if one.get("State", "available") == "available"}
    for zone in sorted(set(wanted) - open_ones):
        yield Note(
            "error", "zones", f"{zone} is not available to this account", f"choose from {', '.join(sorted(open_ones))}"
        )


def _database(aws: Aws, engine: str, version: str, instance_class: str, storage: str) -> Iterable[Note]:
    """Not every class runs every version in every region; AWS says so only when the instance is made."""
    options = aws.rds.describe_orderable_db_instance_options(
        Engine=engine, EngineVersion=version, DBInstanceClass=instance_class, Vpc=True, MaxRecords=100
    )["OrderableDBInstanceOptions"]
    if not options:
        text = f"AWS offers no {instance_class} with {engine} {version} in {aws.region}"
        yield Note("error", "database", text, "choose another database.instance_class or database.version")
    elif storage not in {one.get("StorageType") for one in options}:
        yield Note(
            "error",
            "database",
            f"{instance_class} with {engine} {version} takes no {storage}",
            "choose another storage",
        )


def _cache(aws: Aws, engine: str, version: str) -> Iterable[Note]:
    answer = aws.elasticache.describe_cache_engine_versions(Engine=engine, MaxRecords=100)["CacheEngineVersions"]
    offered = {one["EngineVersion"] for one in answer}
    if not any(one == version or one.startswith(f"{version}.") for one in offered):
        text = f"AWS offers no {engine} {version} in {aws.region}: {', '.join(sorted(offered)) or 'none at all'}"
        yield Note("error", "cache", text, "choose another cache.version")


def _bucket(aws: Aws, address: str, name: str) -> Iterable[Note]:
    """Names are unique in the world: 404 is free, 403 belongs to another account."""
    try:
        aws.s3.head_bucket(Bucket=name)
    except ClientError as error:
        if code(error) in ("403", "AccessDenied"):
            text = f"the name {name} belongs to another account, or these credentials may not look"
            yield Note("error", address, text, "set storage.suffix or the bucket's name")
        elif code(error) not in ("404", "NoSuchBucket"):
            raise
