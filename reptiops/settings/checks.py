"""What settings must be to one another: the checks that need more than one of them.

Each check yields what it found and changes nothing; `check` runs them all, so one mistake hides no other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network

from reptiops.settings.checks_compute import COMPUTE_CHECKS
from reptiops.settings.checks_storage import STORAGE_CHECKS
from reptiops.settings.environment import Sections
from reptiops.settings.findings import Finding, repeats
from reptiops.yamlsource import SettingPath

MANAGED_TAGS = ("Project", "Environment", "ManagedBy", "reptiops:address")
SMALLEST, LARGEST = 28, 16
ALB_SMALLEST = 27

NEEDED_WITHOUT_NAT = frozenset({"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"})
"""The interface endpoints without which a Fargate task neither gets its image, its secrets nor its log."""

Findings = Iterator[Finding]


def overlapping(blocks: Iterable[tuple[SettingPath, str]]) -> Iterator[tuple[SettingPath, SettingPath]]:
    """The pairs of paths whose CIDR blocks share an address, the later one first."""
    known = [(path, IPv4Network(cidr)) for path, cidr in blocks]
    for (first, one), (second, other) in itertools.combinations(known, 2):
        if one.overlaps(other):
            yield second, first


def _subnets(env: Sections) -> list[tuple[SettingPath, str]]:
    found: list[tuple[SettingPath, str]] = []
    for name, zone in env.network.zones.items():
        found += [
            (("network", "zones", name, "public"), zone.public),
            (("network", "zones", name, "private"), zone.private),
        ]
    return found


def _sizes(env: Sections) -> Findings:
    for path, cidr in [(("network", "cidr"), env.network.cidr), *_subnets(env)]:
        smallest = ALB_SMALLEST if path[-1] == "public" else SMALLEST
        if not LARGEST <= IPv4Network(cidr).prefixlen <= smallest:
            yield Finding(path, f"{cidr} has a size that AWS does not take here", f"/{LARGEST} to /{smallest}")
    vpc = IPv4Network(env.network.cidr)
    if not vpc.is_private and not vpc.subnet_of(IPv4Network("100.64.0.0/10")):
        valid = "a block inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10"
        yield Finding(("network", "cidr"), f"{vpc} is not a private range", valid)


def _placement(env: Sections) -> Findings:
    vpc = IPv4Network(env.network.cidr)
    for path, cidr in _subnets(env):
        if not IPv4Network(cidr).subnet_of(vpc):
            yield Finding(path, f"{cidr} lies outside the VPC", f"a block inside {vpc}", also=(("network", "cidr"),))
    for second, first in overlapping(_subnets(env)):
        other = ".".join(str(part) for part in first)
        yield Finding(second, f"overlaps {other}", "blocks without a common address", also=(first,))


def _zones(env: Sections) -> Findings:
    free = (f"{env.region}{letter}" for letter in "abcdef" if f"{env.region}{letter}" not in env.network.zones)
    for name in env.network.zones:
        if name[:-1] != env.region:
            message = f"{name} is not in {env.region}"
            yield Finding(("network", "zones", name), message, next(free, "another one"), also=(("region",),))
    if len(env.network.zones) < 2:
        message = "the load balancer and the subnet group of the database need two zones"
        yield Finding(("network", "zones"), message, "at least two zones")


def _endpoints(env: Sections) -> Findings:
    for key in ("endpoints", "gateway_endpoints"):
        yield from repeats(("network", key), getattr(env.network, key))
    if env.network.nat_zones:
        return
    also: tuple[SettingPath, ...] = (("network", "nat_gateways"),)
    missing = sorted(NEEDED_WITHOUT_NAT - set(env.network.endpoints))
    if missing:
        message = f"without NAT gateways tasks cannot start without {', '.join(missing)}"
        yield Finding(("network", "endpoints"), message, f"a list with {', '.join(missing)}", also=also)
    if "s3" not in env.network.gateway_endpoints:
        message = "without NAT gateways image layers come through the s3 gateway endpoint"
        yield Finding(("network", "gateway_endpoints"), message, "a list with s3", also=also)
    group = env.security.groups.get("endpoints")
    if group is None:
        message = "without NAT gateways the interface endpoints need the group endpoints"
        yield Finding(("security", "groups"), message, "a group called endpoints", also=also)
    elif not any(rule.group == "ecs" and rule.from_port <= 443 <= rule.to_port for rule in group.inbound):
        message = "without NAT gateways tasks reach AWS through port 443 of the interface endpoints"
        yield Finding(("security", "groups", "endpoints"), message, "an inbound rule for 443 from ecs", also=also)


def _matrix(env: Sections) -> Findings:
    groups = env.security.groups
    root: SettingPath = ("security", "groups")
    for name in sorted({"alb", "ecs", "rds", "redis"} - set(groups)):
        yield Finding(root, f"the group {name} is missing", "alb, ecs, rds and redis (and endpoints without NAT)")
    for name, group in groups.items():
        for side in ("inbound", "outbound"):
            rules = getattr(group, side)
            for index, rule in enumerate(rules):
                if rule.group is not None and rule.group not in groups:
                    path = (*root, name, side, index, "group")
                    yield Finding(path, f"there is no group {rule.group}", ", ".join(groups))
            yield from repeats((*root, name, side), rules)
    for target, port, setting in (("rds", env.database.port, "database"), ("redis", env.redis.port, "redis")):
        if not any(first <= port <= last for first, last in env.security.ports_between("ecs", target)):
            message = f"no security group lets tasks reach port {port}"
            valid = f"a port that group {target} admits from ecs, and ecs lets out"
            yield Finding((setting, "port"), message, valid, also=(root,))


def _roles(env: Sections) -> Findings:
    people, deployer = env.security.people, env.security.deployer
    yield from repeats(("security", "people", "trust"), people.trust)
    yield from repeats(("security", "people", "roles"), people.roles)
    yield from repeats(("security", "deployer", "trust"), deployer.trust)


def _tags(env: Sections) -> Findings:
    for key in env.tags:
        if key in MANAGED_TAGS:
            yield Finding(("tags", key), "this tag is set by the tool", f"any key but {', '.join(MANAGED_TAGS)}")
    if len(env.tags) + len(MANAGED_TAGS) > 50:
        yield Finding(("tags",), "AWS takes 50 tags on a resource", f"at most {50 - len(MANAGED_TAGS)} further tags")


def _names(env: Sections) -> Findings:
    # The load balancer's name is limited to 32, a replication group's to 40, a role's to 64 characters.
    if len(env.named("alb")) > 32:
        message = f"{env.named('alb')} is longer than the 32 characters of a load balancer's name"
        yield Finding(("project",), message, "a shorter project or environment name", also=(("name",),))


def _dns(env: Sections) -> Findings:
    zone, domain = env.zone_name, env.domain
    if not env.dns.enabled and env.certificate.mode == "acm":
        message = "without a zone AWS cannot validate a certificate"
        yield Finding(("certificate", "mode"), message, "self_signed", also=(("dns", "enabled"),))
    if env.dns.create_zone and not env.dns.enabled:
        yield Finding(("dns", "create_zone"), "contradicts enabled: false", "false", also=(("dns", "enabled"),))
    if domain != zone and not domain.endswith(f".{zone}"):
        yield Finding(("dns", "zone"), f"{domain} does not lie in {zone}", domain, also=(("domain",),))


def _certificate(env: Sections) -> Findings:
    names = env.certificate_names
    path: SettingPath = ("certificate", "names")
    yield from repeats(path, names)
    for index, name in enumerate(names):
        bare = name.removeprefix("*.")
        if bare != env.zone_name and not bare.endswith(f".{env.zone_name}"):
            valid = f"names in {env.zone_name}"
            yield Finding(
                (*path, index), f"{name} cannot be validated in the zone", valid, also=(("dns", "zone"), ("domain",))
            )
    if len(names[0]) > 64:
        yield Finding(path, f"{names[0]} is too long for a certificate's first name", "at most 64 characters")


def _database(env: Sections) -> Findings:
    database = env.database
    size, limit = database.storage_gb, database.max_storage_gb
    if limit != size and limit * 10 < size * 11:
        message = f"{limit} is less than 10 % above storage_gb {size}"
        valid = f"at least {-(-size * 11 // 10)}, or {size} for no growth"
        yield Finding(("database", "max_storage_gb"), message, valid, also=(("database", "storage_gb"),))
    if len(database.parameters) > 20:
        yield Finding(("database", "parameters"), "AWS changes 20 parameters in one call", "at most 20 parameters")


def _redis(env: Sections) -> Findings:
    redis = env.redis
    for key, needed in (("automatic_failover", redis.nodes >= 2), ("multi_az", redis.automatic_failover)):
        if getattr(redis, key) and not needed:
            what = "at least two nodes" if key == "automatic_failover" else "automatic_failover: true"
            other = "nodes" if key == "automatic_failover" else "automatic_failover"
            yield Finding(("redis", key), f"true needs {what}", f"false, or {what}", also=(("redis", other),))
    if redis.auth_token and not redis.encryption_in_transit:
        also: tuple[SettingPath, ...] = (("redis", "encryption_in_transit"),)
        yield Finding(
            ("redis", "auth_token"), "AWS takes a token only with TLS", "encryption_in_transit: true", also=also
        )
    major, patched = int(redis.version[0]), redis.version.count(".") == 2
    if patched is (major >= 6):
        message = (
            "from 6 on AWS takes versions without a patch" if patched else "before 6 AWS takes versions with a patch"
        )
        yield Finding(
            ("redis", "version"), f"{redis.version}: {message}", redis.version[:3] if patched else "such as 5.0.6"
        )
    if redis.snapshot_days and redis.node_type.startswith("cache.t1."):
        yield Finding(
            ("redis", "snapshot_days"), f"{redis.node_type} has no snapshots", "0", also=(("redis", "node_type"),)
        )
    family = f"redis{redis.version.split('.')[0]}"
    group = redis.parameter_group
    if group.startswith("default.") and not group.startswith(f"default.{family}"):
        valid = f"default.{family}"
        yield Finding(
            ("redis", "parameter_group"),
            f"{group} is not for version {redis.version}",
            valid,
            also=(("redis", "version"),),
        )
    if group.endswith(".cluster.on"):
        yield Finding(("redis", "parameter_group"), f"{group} turns cluster mode on", f"default.{family}")


def _timezone(env: Sections) -> Findings:
    hours = env.office_hours
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(hours.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        if not zoneinfo.available_timezones():
            return  # This machine has no time zones to compare with.
        valid = "a name of the IANA time zone database, such as America/New_York"
        yield Finding(("office_hours", "timezone"), f"{hours.timezone!r} is not a time zone", valid)


def _office_hours(env: Sections) -> Findings:
    hours = env.office_hours
    if hours.stop <= hours.start:
        also: tuple[SettingPath, ...] = (("office_hours", "start"),)
        yield Finding(
            ("office_hours", "stop"), f"{hours.stop} is not after {hours.start}", "later than start", also=also
        )
    yield from repeats(("office_hours", "weekdays"), hours.weekdays)
    for index, name in enumerate(hours.services):
        if name not in env.compute.services:
            valid = ", ".join(env.compute.services)
            path: SettingPath = ("office_hours", "services", index)
            yield Finding(path, f"there is no service {name}", valid, also=(("compute", "services"),))


NETWORK_CHECKS: tuple[Callable[[Sections], Findings], ...] = (_sizes, _placement, _zones, _endpoints)
SECURITY_CHECKS = (_matrix, _roles, _tags, _names, _dns, _certificate)
DATABASE_CHECKS = (_database, _redis)
HOURS_CHECKS = (_timezone, _office_hours)


def check(env: Sections) -> Iterator[Finding]:
    """Everything in `env` that does not go together, in no particular order."""
    every = (*NETWORK_CHECKS, *SECURITY_CHECKS, *DATABASE_CHECKS, *COMPUTE_CHECKS, *HOURS_CHECKS, *STORAGE_CHECKS)
    for one in every:
        yield from one(env)
