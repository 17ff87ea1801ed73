"""Reading what steps must know of the live world before they are walked. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.config import Environment, Service
from reptiops.facts import Facts
from reptiops.rights import arn_of, read

PARKED = "reptiops:parked:"
"""What a tag of the cluster begins with by which the office-hours playbook says that a service stays at 0; then its name.

The cluster bears it, not the service: a service that is replaced while it is parked stays parked.
"""
DESCRIBED_AT_ONCE = 10
LEAVING = (read("route53:ListHostedZonesByName"),)
"""What a teardown reads of it."""
RIGHTS = (
    *LEAVING,
    read("ecs:DescribeTaskDefinition", "rds:DescribeDBEngineVersions"),
    read("rds:DescribeDBInstances", on=(arn_of("rds", "db:*"),)),
    read("ecs:DescribeClusters", on=(arn_of("ecs", "cluster/{cluster}"),)),
    read("ecs:DescribeServices", on=(arn_of("ecs", "service/{cluster}/*"),)),
    read("ecr:DescribeRepositories"),
    read("ecr:DescribeImages", on=(arn_of("ecr", "repository/{ecr.Repository.name}"),)),
)
NAMED = 20
"""So many services without an image are named."""


def gather(
    aws: Aws,
    env: Environment,
    account: str,
    *,
    leaving: bool = False,
    revisions: Mapping[str, Iterable[str]] | None = None,
) -> Facts:
    """Everything at once: zone, engine versions, cluster, images. Raises what AWS answers.

    `revisions`: ARN → images of the task definitions that are known; AWS never changes one. `leaving`: what decides on a count or a version is not read, for it will all go; every service may have had an image.
    """
    if leaving:
        every = frozenset(service.name for service in env.services)
        zone_id, missing = _zone(aws, env)
        return Facts(account, aws.region, zone_id=zone_id, images=every, missing=missing)
    with ThreadPoolExecutor(4, thread_name_prefix="facts") as pool:
        zone = pool.submit(_zone, aws, env)
        version = pool.submit(_postgres, aws, env)
        parked = pool.submit(_parked, aws, env)
        services = pool.submit(_services, aws, env)
        images = _images(aws, env, services.result(), revisions or {})
        zone_id, missing = zone.result()
        postgres, notes = version.result()
    if env.dns.enabled and env.dns.create_zone:
        notes = (
            *notes,
            f"{env.zone_name} is a zone of this environment's own: the certificate waits until its registrar names the "
            f"zone's name servers (`reptiops outputs {env.name}` shows them as soon as the zone is there)",
        )
    waiting = [s.name for s in env.services if s.name not in images]
    if waiting:
        more = f" and {len(waiting) - NAMED} more" if len(waiting) > NAMED else ""
        notes = (*notes, f"no image yet for {', '.join(waiting[:NAMED])}{more}: desired count 0 until there is one")
    cached = [b for b in (env.storage.cdn.default,) if env.storage.cdn.enabled and b.all_headers and b.default_ttl]
    if cached:
        notes = (
            *notes,
            "CloudFront's default behaviour forwards all headers, so AWS caches nothing there: list those that matter in "
            "`storage.cdn.default.headers` to change that",
        )
    return Facts(
        account=account,
        region=aws.region,
        zone_id=zone_id,
        postgres_version=postgres,
        images=images,
        parked=parked.result(),
        notes=notes,
        missing=missing,
    )


def _zone(aws: Aws, env: Environment) -> tuple[str | None, tuple[str, ...]]:
    """The public zone of that very name: the API starts at a name, it does not filter (aws-facts 4.2)."""
    if not env.dns.enabled or env.dns.create_zone:
        return None, ()
    answer = aws.route53.list_hosted_zones_by_name(DNSName=env.zone_name)
    found = [
        zone["Id"].rsplit("/", 1)[-1]
        for zone in answer["HostedZones"]
        if zone["Name"].rstrip(".") == env.zone_name and not zone.get("Config", {}).get("PrivateZone")
    ]
    if len(found) == 1:
        return found[0], ()
    if found:
        return None, (
            f"there are {len(found)} public hosted zones called {env.zone_name} ({', '.join(found)}): remove one",
        )
    return None, (f"there is no hosted zone {env.zone_name}: create it, set dns.create_zone, or dns.enabled: false",)


def _postgres(aws: Aws, env: Environment) -> tuple[str, tuple[str, ...]]:
    """The configured version if AWS offers it, otherwise the newest of its major version."""
    wanted = env.database.version
    if _is_there(aws, env.prefix):
        return wanted, ()  # a floor for the live one: "newest" must never upgrade a database that runs
    offered = [
        one["EngineVersion"]
        for one in aws.rds.pages(
            "describe_db_engine_versions",
            "DBEngineVersions",
            Engine=env.database.engine,
            DBParameterGroupFamily=env.database.family,
        )
    ]
    if wanted in offered:
        return wanted, ()
    major = [v for v in offered if v.split(".")[0] == env.database.major_version]
    if not major:
        return wanted, (f"AWS offers no PostgreSQL {env.database.major_version} here",)
    newest = max(major, key=lambda v: [int(part) for part in v.split(".")])
    return newest, (f"AWS no longer offers PostgreSQL {wanted}: {newest} is taken",)


def _is_there(aws: Aws, name: str) -> bool:
    """Whether the database is there, and not about to be gone."""
    try:
        found = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    except ClientError as error:
        if code(error) not in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            raise
        return False
    return any(one["DBInstanceStatus"] != "deleting" for one in found)


def _parked(aws: Aws, env: Environment) -> frozenset[str]:
    """The services that office hours hold at 0."""
    answer = aws.ecs.describe_clusters(clusters=[env.cluster_name], include=["TAGS"])
    there = [one for one in answer["clusters"] if one["status"] != "INACTIVE"]  # a deleted one is shown for long
    keys = [tag["key"] for one in there for tag in one.get("tags", [])]
    return frozenset(key.removeprefix(PARKED) for key in keys if key.startswith(PARKED))


def _services(aws: Aws, env: Environment) -> Mapping[str, Mapping[str, Any]]:
    """The live services by name; none where there is no cluster."""
    names = [service.name for service in env.services]
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(names), DESCRIBED_AT_ONCE):
        some = names[start : start + DESCRIBED_AT_ONCE]
        try:
            answer = aws.ecs.describe_services(cluster=env.cluster_name, services=some)
        except ClientError as error:
            if code(error) != "ClusterNotFoundException":
                raise
            return {}
        found |= {one["serviceName"]: one for one in answer["services"] if one["status"] == "ACTIVE"}
    return found


def _images(
    aws: Aws, env: Environment, live: Mapping[str, Mapping[str, Any]], revisions: Mapping[str, Iterable[str]]
) -> frozenset[str]:
    """Services that run already, and those whose image is in the registry: the wanted tag, or what the pipeline deployed."""
    running = {name for name, one in live.items() if one["desiredCount"] > 0}
    asked = [service for service in env.services if service.name not in running]
    if not asked:
        return frozenset(running)
    repositories = {one["repositoryName"] for one in aws.ecr.pages("describe_repositories", "repositories")}

    def pushed(service: Service) -> bool:
        repository = env.repository_name(service.name)
        if repository not in repositories:
            return False
        tags = _candidates(aws, service.image_tag, live.get(service.name), revisions)
        return any(_exists(aws, repository, tag) for tag in tags)

    found = zip(asked, aws.each(pushed, asked), strict=True)
    return frozenset(running) | {service.name for service, there in found if there}


def _candidates(
    aws: Aws, wanted: str, live: Mapping[str, Any] | None, revisions: Mapping[str, Iterable[str]]
) -> Iterator[str]:
    """The wanted tag, then what the service would run, which is asked for only where the former is not there."""
    yield wanted
    if live is None:
        return
    arn = live["taskDefinition"]
    images = revisions[arn] if arn in revisions else _images_of(aws, arn)
    for image in images:
        if ":" in image.rsplit("/", 1)[-1]:
            tag = image.partition("@")[2] or image.rsplit(":", 1)[1]
            if tag != wanted:
                yield tag


def _images_of(aws: Aws, arn: str) -> list[str]:
    answer = aws.ecs.describe_task_definition(taskDefinition=arn)
    return [one["image"] for one in answer["taskDefinition"]["containerDefinitions"]]


def _exists(aws: Aws, repository: str, tag: str) -> bool:
    try:
        name = "imageDigest" if tag.startswith("sha256:") else "imageTag"
        aws.ecr.describe_images(repositoryName=repository, imageIds=[{name: tag}])
    except ClientError as error:
        if code(error) not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        return False
    return True
