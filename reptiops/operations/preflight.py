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
AMAZON = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
"""What a CAA record may name so that ACM's certificates are issued; any of them."""
DESCRIBED_AT_ONCE = 100
"""DescribeTasks takes so many."""
UNITS = 1024
"""ECS's units in one vCPU."""
RIGHTS = (
    read("servicequotas:GetServiceQuota", "ec2:DescribeAddresses", "ec2:DescribeVpcs", "ec2:DescribeAvailabilityZones"),
    read("rds:DescribeOrderableDBInstanceOptions", "elasticache:DescribeCacheEngineVersions"),
    read("elasticache:DescribeReservedCacheNodesOfferings"),
    read(
        "elasticache:ListAllowedNodeTypeModifications",
        on=(arn_of("elasticache", "replicationgroup:{elasticache.ReplicationGroup.name}"),),
    ),
    read("s3:ListBucket", on=("arn:{partition}:s3:::{s3.Bucket.name}",)),
    read("ecs:ListClusters", "ecs:ListTasks", "ecs:DescribeTasks"),
    read("route53:ListResourceRecordSets", on=("arn:{partition}:route53:::hostedzone/{zone}",)),
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
    """Engine, version, instance class, storage type. No version where only the class of one that is there changes."""
    cache: tuple[str, str] | None = None
    """Engine and version."""
    nodes: str = ""
    """The node type of a new replication group."""
    resized: tuple[str, str] | None = None
    """A replication group that is there, and the node type that it is to get."""
    buckets: Mapping[str, str] = field(default_factory=dict)
    """Address → name."""
    log_bucket: str = ""
    """Where a new load balancer or trail will write, if it is there already: AWS tries it at once."""
    linked: tuple[str, ...] = ()
    """Principals of the services whose own roles have to be made."""
    certificate: tuple[str, frozenset[str]] | None = None
    """The zone and the names of a certificate that is to be issued."""


def check(aws: Aws, needs: Needs) -> tuple[Note, ...]:
    """All notes at once, errors first. A dozen calls, none for what the plan does not make."""
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
    if needs.nodes:
        checks.append(("node type", lambda: _nodes(aws, needs.nodes)))
    if needs.resized:
        checks.append(("node type", lambda: _resized(aws, *needs.resized)))  # type: ignore[misc]
    if needs.log_bucket:
        checks.append(("log bucket", lambda: _log_bucket(aws, needs.log_bucket)))
    if needs.linked:
        checks.append(("service-linked roles", lambda: _linked(aws, needs.linked)))
    if needs.certificate:
        checks.append(("certificate", lambda: _certificate(aws, *needs.certificate)))  # type: ignore[misc]
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
                    "see `reptiops policy ENV --for preflight`",
                )
            ]
        if name in LACKING:
            return [Note("warning", about, f"not checked: this endpoint has no {operation}")]
        return [Note("warning", about, f"not checked: {operation} answered {name}: {message(error)[:200]}")]


def _credentials(aws: Aws, needs: Needs) -> Iterable[Note]:
    """Temporary ones that nothing renews must outlive the run: half an environment is what is left otherwise."""
    credentials = aws.session.get_credentials()
    ends = getattr(credentials, "_expiry_time", None)
    renew = getattr(credentials, "_refresh_using", None)
    # After a second factor was typed in, botocore renews once and never again (aws-facts 11.4).
    renewing = renew is not None and not getattr(renew, "_has_been_called", False)
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
    """The quota is the region's, so what other environments run counts. An update takes up to twice as much for a while."""
    limit, used = _quota(aws, FARGATE), _running(aws)
    if limit is not None and used + more <= limit < used + 2 * more:
        text = f"{used + more:g} of {limit:g} will be used; an update of every service at once takes {more:g} more for a while"
        return [Note("warning", "Fargate vCPUs", text, f"ask for more in Service Quotas: {FARGATE[0]} {FARGATE[1]}")]
    return _short("Fargate vCPUs", FARGATE, limit, used, more)


def _running(aws: Aws) -> float:
    """The vCPUs of all tasks of the region that count against the quota of Fargate on demand."""
    units = 0
    for cluster in aws.ecs.pages("list_clusters", "clusterArns"):
        tasks = aws.ecs.pages("list_tasks", "taskArns", cluster=cluster, launchType="FARGATE")
        for start in range(0, len(tasks), DESCRIBED_AT_ONCE):
            answer = aws.ecs.describe_tasks(cluster=cluster, tasks=tasks[start : start + DESCRIBED_AT_ONCE])
            spot = [one for one in answer["tasks"] if one.get("capacityProviderName") == "FARGATE_SPOT"]
            units += sum(int(one.get("cpu") or 0) for one in answer["tasks"] if one not in spot)
    return units / UNITS


def _zones(aws: Aws, wanted: Iterable[str]) -> Iterable[Note]:
    answer = aws.ec2.describe_availability_zones()["AvailabilityZones"]
    open_ones = {one["ZoneName"] for one in answer if one.get("State", "available") == "available"}
    for zone in sorted(set(wanted) - open_ones):
        yield Note(
            "error", "zones", f"{zone} is not available to this account", f"choose from {', '.join(sorted(open_ones))}"
        )


def _database(aws: Aws, engine: str, version: str, instance_class: str, storage: str) -> Iterable[Note]:
    """Not every class runs every version in every region; AWS says so only when the instance is made."""
    asked = {"EngineVersion": version} if version else {}
    options = aws.rds.describe_orderable_db_instance_options(
        Engine=engine, DBInstanceClass=instance_class, Vpc=True, MaxRecords=100, **asked
    )["OrderableDBInstanceOptions"]
    with_version = f"{engine} {version}".rstrip()
    if not options:
        text = f"AWS offers no {instance_class} with {with_version} in {aws.region}"
        yield Note("error", "database", text, "choose another database.instance_class or database.version")
    elif storage not in {one.get("StorageType") for one in options}:
        yield Note(
            "error",
            "database",
            f"{instance_class} with {with_version} takes no {storage}",
            "choose another storage",
        )


def _cache(aws: Aws, engine: str, version: str) -> Iterable[Note]:
    answer = aws.elasticache.describe_cache_engine_versions(Engine=engine, MaxRecords=100)["CacheEngineVersions"]
    offered = {one["EngineVersion"] for one in answer}
    if not any(one == version or one.startswith(f"{version}.") for one in offered):
        text = f"AWS offers no {engine} {version} in {aws.region}: {', '.join(sorted(offered)) or 'none at all'}"
        yield Note("error", "cache", text, "choose another cache.version")


def _nodes(aws: Aws, node_type: str) -> Iterable[Note]:
    """AWS lists which types it sells reservations of in a region, and nowhere which it has on demand: one that is not
    among them is a warning and no more.
    """
    answer = aws.elasticache.describe_reserved_cache_nodes_offerings(CacheNodeType=node_type, MaxRecords=20)
    if not answer["ReservedCacheNodesOfferings"]:
        text = f"AWS sells no reservations of {node_type} in {aws.region}, so it may have none on demand either"
        yield Note("warning", "node type", text, "if the group is refused, choose another redis.node_type")


def _resized(aws: Aws, group: str, node_type: str) -> Iterable[Note]:
    """Documented: a group takes no type but those that AWS lists for it."""
    answer = aws.elasticache.list_allowed_node_type_modifications(ReplicationGroupId=group)
    allowed = {*answer.get("ScaleUpModifications", ()), *answer.get("ScaleDownModifications", ())}
    if node_type not in allowed:
        text = f"{group} cannot become {node_type}: it can become {', '.join(sorted(allowed)) or 'nothing else'}"
        yield Note("error", "node type", text, "choose another redis.node_type")


def _bucket(aws: Aws, address: str, name: str) -> Iterable[Note]:
    """Names are unique in the world: 404 is free, 403 belongs to another account."""
    try:
        aws.s3.head_bucket(Bucket=name)
    except ClientError as error:
        if code(error) in ("403", "AccessDenied"):
            text = f"the name {name} belongs to another account, or these credentials may not look (HeadBucket: 403)"
            yield Note("error", address, text, "set storage.suffix or the bucket's name; looking needs s3:ListBucket")
        elif code(error) not in ("404", "NoSuchBucket"):
            raise


def _log_bucket(aws: Aws, name: str) -> Iterable[Note]:
    """It is in this region and this account's; a load balancer takes no other."""
    try:
        answer = aws.s3.head_bucket(Bucket=name)
    except ClientError as error:
        if code(error) not in ("403", "AccessDenied", "404", "NoSuchBucket", "301"):
            raise
        why = {"301": "lies in another region", "404": "is not there", "NoSuchBucket": "is not there"}
        text = (
            f"the bucket {name} {why.get(code(error), 'belongs to another account')}: AWS refuses to write logs to it"
        )
        yield Note("error", "log bucket", text, "provision the phase storage too, or set another name")
        return
    region = answer.get("BucketRegion") or aws.region
    if region != aws.region:
        text = f"the bucket {name} lies in {region}: a load balancer writes its logs in its own region only"
        yield Note("error", "log bucket", text, "set another name for storage.buckets.logs")


def _linked(aws: Aws, services: Iterable[str]) -> Iterable[Note]:
    """Without their own roles ECS, RDS and others refuse their first call; making one is a right of its own."""
    caller = principal(aws.caller())
    for service in services if caller else ():
        results = aws.iam.simulate_principal_policy(
            PolicySourceArn=caller,
            ActionNames=["iam:CreateServiceLinkedRole"],
            ResourceArns=[aws.arn("iam", f"role/aws-service-role/{service}/*", regional=False)],
            ContextEntries=[
                {
                    "ContextKeyName": "iam:AWSServiceName",
                    "ContextKeyValues": [service],
                    "ContextKeyType": "string",
                }
            ],
        )["EvaluationResults"]
        if any(one["EvalDecision"] != "allowed" for one in results):
            text = f"the account has no role of {service}'s own yet, and these credentials may not make it"
            do = f"have it made once: aws iam create-service-linked-role --aws-service-name {service}"
            yield Note("error", "service-linked roles", text, do)


def principal(arn: str) -> str | None:
    """The role or user that IAM knows, for the caller's ARN; None for whom IAM knows no policy of, such as root.

    A session's ARN lacks the role's path, which IAM tells nobody who has only the session: such a role is asked for
    without one.
    """
    head, _, name = arn.rpartition(":")
    if name.startswith("assumed-role/"):
        return f"{head.replace(':sts:', ':iam:')}:role/{name.split('/')[1]}"
    return arn if ":iam:" in arn and name != "root" else None


def _certificate(aws: Aws, zone: str, names: Iterable[str]) -> Iterable[Note]:
    """A domain's CAA record says who may issue for it; the one nearest above a name counts. ACM asks only minutes later."""
    asked: dict[str, list[dict[str, str]]] = {}

    def record(name: str) -> list[dict[str, str]]:
        if name not in asked:
            answer = aws.route53.list_resource_record_sets(
                HostedZoneId=zone, StartRecordName=name, StartRecordType="CAA", MaxItems="1"
            )["ResourceRecordSets"]
            here = [one for one in answer if one["Type"] == "CAA" and one["Name"].rstrip(".") == name]
            asked[name] = here[0]["ResourceRecords"] if here else []
        return asked[name]

    for name in sorted({name.removeprefix("*.") for name in names}):
        parts = name.split(".")
        above = [".".join(parts[start:]) for start in range(len(parts) - 1)]
        found = next((values for one in above if (values := record(one))), [])
        words = [one["Value"].split(None, 2) for one in found]
        issuers = {word[2].strip('"').split(";")[0].strip() for word in words if word[1] in ("issue", "issuewild")}
        if issuers and not issuers & AMAZON:
            text = f"the CAA record above {name} lets only {', '.join(sorted(issuers - {''})) or 'nobody'} issue certificates"
            yield Note("error", "certificate", text, 'add 0 issue "amazon.com" to it')
