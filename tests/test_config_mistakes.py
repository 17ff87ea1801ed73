"""Every mistake in a configuration is refused with its line, its path, and what would be valid.

Each row edits the shipped file in one place; `at` is text that the blamed line, and no other line, contains.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reptiops.config import parse_environment
from reptiops.errors import ConfigurationError, Mistake

SHIPPED = Path(__file__).parent.parent / "config"
WEB = "    web-public: {kind: frontend, hosts: [dev.reptidex.com]}\n"
CORE = "kind: backend, hosts: [api-dev.reptidex.com]"
LONG = "repti-core-with-a-name"


def mistakes_of(text: str, name: str = "dev") -> tuple[Mistake, ...]:
    """All mistakes in the text of a file `<name>.yaml`; fails if there is none."""
    with pytest.raises(ConfigurationError) as refusal:
        parse_environment(text, name, f"config/{name}.yaml")
    return refusal.value.mistakes


@dataclass(frozen=True)
class Row:
    """`old` becomes `new` in the shipped file; the mistake is at `path`, in the line with `at`, and says `message`."""

    old: str
    new: str
    at: str
    path: str
    message: str
    valid: str = ""
    env: str = "dev"


SERVICES = "compute.services"
ROWS = {
    "unknown key": Row("  nat_gateways:", "  nat_gatewais:", "nat_gatewais", "network.nat_gatewais", "did you mean nat_gateways?"),
    "unknown section": Row("redis:\n  v", "rediss:\n  v", "rediss:", "rediss", "did you mean redis?"),
    "unknown key in a service": Row(CORE, CORE + ", prot: 8001", "prot:", f"{SERVICES}.repti-core.prot", "unknown key", "port"),
    "unknown alarm": Row("    rds_cpu:", "    rds_cpus:", "rds_cpus", "monitoring.alarms.rds_cpus", "did you mean rds_cpu?"),
    "number as text": Row("storage_gb: 20\n", 'storage_gb: "20"\n', '"20"', "database.storage_gb", "is not a whole number"),
    "yes as a number": Row("  nodes: 1", "  nodes: yes", "nodes: yes", "redis.nodes", "true is not a whole number"),
    "number as a switch": Row("deletion_protection: false\n  final", "deletion_protection: 0\n  final", "n: 0", "database.deletion_protection", "0 is not true or false"),
    "fraction as a count": Row("  nodes: 1", "  nodes: 1.5", "nodes: 1.5", "redis.nodes", "not a whole number"),
    "version without quotes": Row('"15.7"', "15.7", "15.7 ", "database.version", "put it in quotes"),
    "nothing where text belongs": Row("domain: reptidex.com", "domain:", "domain:", "domain", "nothing is not text"),
    "list where a mapping belongs": Row("tags: {} ", "tags: [a] ", "tags:", "tags", "a list is not a mapping"),
    "mapping where a list belongs": Row("emails: []", "emails: {}", "emails", "monitoring.emails", "a mapping is not a list"),
    "text where a section belongs": Row("ecr:\n  scan_on_push: true\n  untagged_days: 14", "ecr: on please", "ecr: on", "ecr", "is not a mapping of settings"),
    "not a choice": Row("storage_type: gp3", "storage_type: gp4", "gp4", "database.storage_type", "'gp4' is not a choice", "'gp3', 'gp2'"),
    "cidr nonsense": Row("cidr: 10.1.0.0/16", "cidr: 10.1.0.0.0/16", "10.1.0.0.0", "network.cidr", "is not an IPv4 CIDR block"),
    "cidr number out of range": Row("10.1.10.0/24", "10.1.300.0/24", "10.1.300", "network.zones.us-east-1a.private", "is not an IPv4 CIDR block"),
    "cidr with host bits": Row("10.1.10.0/24", "10.1.10.7/24", "10.1.10.7", "network.zones.us-east-1a.private", "not written the way AWS stores it", "10.1.10.0/24"),
    "rule cidr with host bits": Row("80, cidr: 0.0.0.0/0", "80, cidr: 1.0.0.0/0", "1.0.0.0", "security.groups.alb.inbound[0].cidr", "not written", "0.0.0.0/0"),
    "subnets overlap": Row("10.1.10.0/24", "10.1.1.0/25", "10.1.1.0/25", "network.zones.us-east-1a.private", "overlaps network.zones.us-east-1a.public"),
    "subnets overlap across zones": Row("10.1.20.0/24", "10.1.0.0/20", "10.1.0.0/20", "network.zones.us-east-1b.private", "overlaps network.zones.us-east-1"),
    "subnet outside the vpc": Row("10.1.20.0/24", "10.2.20.0/24", "10.2.20", "network.zones.us-east-1b.private", "lies outside the VPC", "10.1.0.0/16"),
    "vpc too large": Row("cidr: 10.1.0.0/16", "cidr: 10.0.0.0/8", "10.0.0.0/8", "network.cidr", "size", "/16 to /28"),
    "vpc too small": Row("cidr: 10.1.0.0/16", "cidr: 10.1.0.0/29", "10.1.0.0/29", "network.cidr", "size", "/16 to /28"),
    "subnet too small": Row("10.1.20.0/24", "10.1.20.0/29", "10.1.20.0/29", "network.zones.us-east-1b.private", "size", "/16 to /28"),
    "public subnet too small for a load balancer": Row("10.1.2.0/24", "10.1.2.0/28", "10.1.2.0/28", "network.zones.us-east-1b.public", "size", "/16 to /27"),
    "public address range": Row("cidr: 10.1.0.0/16", "cidr: 8.8.0.0/16", "8.8.0.0", "network.cidr", "is not a private range"),
    "zone of another region": Row("    us-east-1b:", "    us-west-2b:", "us-west-2b", "network.zones.us-west-2b", "is not in us-east-1", "us-east-1"),
    "zone is no zone": Row("    us-east-1b:", "    east:", "    east:", "network.zones.east", "not allowed here", "us-east-1a"),
    "one zone": Row("    us-east-1b: {public: 10.1.2.0/24, private: 10.1.20.0/24}\n", "", "  zones:", "network.zones", "need two zones"),
    "nat gateways": Row("nat_gateways: per_az", "nat_gateways: 2", "nat_gateways: 2", "network.nat_gateways", "2 is not a way", "per_az, 1 or 0"),
    "no nat and no endpoint": Row("nat_gateways: per_az          # per_az, 1, or 0 (then the endpoints below are created instead)\n  endpoints: [ecr.api, ecr.dkr,", "nat_gateways: 0\n  endpoints: [ecr.api,", "endpoints: [ecr.api, logs", "network.endpoints", "cannot start without ecr.dkr", "ecr.dkr"),
    "retention": Row("    retention_days: 30", "    retention_days: 31", "retention_days: 31", "network.flow_logs.retention_days", "not a retention that CloudWatch Logs knows", "30, 60"),
    "log retention": Row("log_retention_days: 30", "log_retention_days: 10", "log_retention_days: 10", "compute.log_retention_days", "not a retention", "7, 14"),
    "rule without far side": Row("{ports: 443, cidr: 0.0.0.0/0}\n      outbound:\n        - {ports: 80,", "{ports: 443}\n      outbound:\n        - {ports: 80,", "- {ports: 443}", "security.groups.alb.inbound[1]", "exactly one far side"),
    "rule to an unknown group": Row("5432, group: rds", "5432, group: rdx", "group: rdx", "security.groups.ecs.outbound[1].group", "there is no group rdx", "rds"),
    "rule twice": Row("{ports: 443, cidr: 0.0.0.0/0}\n      outbound:\n        - {ports: 80,", "{ports: 80, cidr: 0.0.0.0/0}   # again\n      outbound:\n        - {ports: 80,", "# again", "security.groups.alb.inbound[1]", "listed twice"),
    "ports upside down": Row("{ports: 8000-8006, group: alb}", "{ports: 8006-8000, group: alb}", "8006-8000", "security.groups.ecs.inbound[1].ports", "not a port or a range", "8000-8006"),
    "database port behind a wall": Row("  port: 5432", "  port: 5433", "5433", "database.port", "no security group lets tasks reach port 5433"),
    "account without quotes": Row('# account: "123456789012"', "account: 123456789012", "account: 1", "account", "put it in quotes"),
    "account too short": Row('# account: "123456789012"', 'account: "12345678901"', "account: ", "account", "not allowed here", "12 digits"),
    "principal": Row("    trust: [root]               #", "    trust: [everybody] #", "everybody", "security.people.trust[0]", "not allowed here", "ARN"),
    "session too long": Row("session_hours: 4", "session_hours: 13", "session_hours: 13", "security.people.session_hours", "out of range", "at most 12"),
    "deployer bucket": Row("buckets: [assets]  ", "buckets: [asset]  ", "buckets: [asset]", "security.deployer.buckets[0]", "there is no bucket for asset", "assets"),
    "certificate outside the zone": Row('names: [reptidex.com, "*', 'names: [reptidex.org, reptidex.com, "*', "reptidex.org", "certificate.names[0]", "cannot be validated in the zone"),
    "certificate without a zone": Row("dns:\n  enabled: true ", "dns:\n  enabled: false ", "mode: acm", "certificate.mode", "cannot validate", "self_signed"),
    "domain outside the zone": Row("  zone: reptidex.com", "  zone: reptidex.net", "reptidex.net", "dns.zone", "reptidex.com does not lie in reptidex.net"),
    "max storage": Row("max_storage_gb: 100 ", "max_storage_gb: 21 ", "max_storage_gb: 21", "database.max_storage_gb", "less than 10 % above", "at least 22, or 20"),
    "monitoring interval": Row("monitoring_interval: 0", "monitoring_interval: 20", "interval: 20", "database.monitoring_interval", "not a monitoring interval of RDS", "0, 1, 5, 10, 15, 30, 60"),
    "backup days": Row("backup_days: 7", "backup_days: 36", "backup_days: 36", "database.backup_days", "out of range", "at most 35"),
    "database name": Row("  name: reptidex\n", "  name: repti-dex\n", "repti-dex", "database.name", "not allowed here", "letters, digits and _"),
    "database user reserved": Row("username: reptidex", "username: admin", "username: admin", "database.username", "not allowed here", "reserved"),
    "instance class": Row("db.t4g.micro", "t4g.micro", ": t4g.micro", "database.instance_class", "not allowed here", "db.t4g.micro"),
    "instance class that is none": Row("db.t4g.micro", "db.t4g.micr0", "db.t4g.micr0", "database.instance_class", "did you mean db.t4g.micro?"),
    "node type that is none": Row("cache.t4g.micro", "cache.t4g.smal", "cache.t4g.smal", "redis.node_type", "did you mean cache.t4g.small?"),
    "failover with one node": Row("automatic_failover: false", "automatic_failover: true", "failover: true", "redis.automatic_failover", "needs at least two nodes"),
    "multi-az without failover": Row("  multi_az: false\n  encryption_at", "  multi_az: true\n  encryption_at", "multi_az: true", "redis.multi_az", "needs automatic_failover"),
    "token without tls": Row("auth_token: false", "auth_token: true", "auth_token: true", "redis.auth_token", "only with TLS", "encryption_in_transit: true"),
    "node type": Row("cache.t4g.micro", "db.t4g.micro ", "node_type: db", "redis.node_type", "not allowed here", "cache.t4g.micro"),
    "redis version with a patch": Row('redis:\n  version: "7.0"', 'redis:\n  version: "7.0.7"', "7.0.7", "redis.version", "without a patch", "7.0"),
    "parameter group of another version": Row("default.redis7", "default.redis6.x", "default.redis6", "redis.parameter_group", "not for version 7.0", "default.redis7"),
    "recovery window": Row("recovery_days: 0", "recovery_days: 3", "recovery_days: 3", "secrets.recovery_days", "not a recovery window", "0, 7, 8"),
    "fargate pair": Row("    cpu: 256\n    memory: 512", "    cpu: 256\n    memory: 4096", "memory: 4096", "compute.frontend.memory", "does not pair 256", "512, 1024, 2048"),
    "fargate pair of a service": Row(CORE, CORE + ", cpu: 4096", "cpu: 4096", f"{SERVICES}.repti-core.cpu", "does not pair 4096", "8192 to 30720"),
    "fargate size": Row("    cpu: 256\n", "    cpu: 300\n", "cpu: 300", "compute.frontend.cpu", "no size of 300", "256, 512"),
    "scaling min above max": Row("{min: 2, max: 4,", "{min: 5, max: 4,", "min: 5", "compute.frontend.scaling.min", "5 is above max 4", "at most 4", "prod"),
    "desired above max": Row("    desired: 2\n    scaling: {min: 2, max: 4,", "    desired: 9\n    scaling: {min: 2, max: 4,", "desired: 9", "compute.frontend.desired", "outside the scaling range", "2 to 4", "prod"),
    "desired below min": Row("    desired: 2\n    scaling: {min: 2, max: 6,", "    desired: 1\n    scaling: {min: 2, max: 6,", "desired: 1", "compute.backend.desired", "outside the scaling range", "2 to 6", "prod"),
    "scaling on nothing": Row("max: 4, cpu: 65, memory: 65", "max: 4, cpu: null, memory: null", "max: 4", "compute.frontend.scaling", "nothing to scale on", "cpu or memory", "prod"),
    "backend port": Row(CORE, CORE + ", port: 8007", "8007", f"{SERVICES}.repti-core.port", "port 8007", "8000-8006"),
    "frontend port": Row(WEB, WEB.replace("}", ", port: 8000}"), "port: 8000}", f"{SERVICES}.web-public.port", "port 8000 of a frontend", "80"),
    "ports the matrix stops": Row("    ports: 8000-8006\n", "    ports: 8000-8010\n", "8010", "compute.backend.ports", "do not let these ports through", "80, 8000-8006"),
    "duplicate host": Row("[admin-dev.reptidex.com]", "[dev.reptidex.com]", "web-admin", f"{SERVICES}.web-admin.hosts[0]", "already the host of web-public"),
    "duplicate host in one service": Row("[admin-dev.reptidex.com]", "[admin-dev.reptidex.com, admin-dev.reptidex.com]", "web-admin", f"{SERVICES}.web-admin.hosts[1]", "already the host of web-admin"),
    "host outside the domain": Row("[admin-dev.reptidex.com]", "[admin.example.com]", "example.com", f"{SERVICES}.web-admin.hosts[0]", "outside the domain", "reptidex.com"),
    "host that only looks inside": Row("[admin-dev.reptidex.com]", "[evilreptidex.com]", "evil", f"{SERVICES}.web-admin.hosts[0]", "outside the domain"),
    "host in capitals": Row("[admin-dev.reptidex.com]", "[Admin-dev.reptidex.com]", "Admin", f"{SERVICES}.web-admin.hosts[0]", "not allowed here", "lower-case"),
    "host no certificate covers": Row("[admin-dev.reptidex.com]", "[a.admin.reptidex.com]", "a.admin", f"{SERVICES}.web-admin.hosts[0]", "certificate does not cover"),
    "no host": Row("[admin-dev.reptidex.com]", "[]", "web-admin", f"{SERVICES}.web-admin.hosts", "too few", "at least 1"),
    "service without kind": Row("web-admin: {kind: frontend, ", "web-admin: {", "web-admin", f"{SERVICES}.web-admin.kind", "missing"),
    "service name": Row("    web-admin:", "    web_admin:", "web_admin", f"{SERVICES}.web_admin", "not allowed here", "single hyphens"),
    "target group name": Row("    repti-core:", f"    {LONG}:", LONG, f"{SERVICES}.{LONG}", "has 35 characters", "at most 19 characters"),
    "priority twice": Row(CORE, CORE + ", priority: 10", "priority: 10", f"{SERVICES}.repti-core.priority", "already that of web-public"),
    "sidecar name twice": Row(CORE, CORE + ", sidecars: [{name: log, image: a}, {name: log, image: b}]", "sidecars", f"{SERVICES}.repti-core.sidecars[1]", "listed twice"),
    "sidecar takes the service's name": Row(CORE, CORE + ", sidecars: [{name: repti-core, image: a}]", "sidecars", f"{SERVICES}.repti-core.sidecars[0].name", "has this name"),
    "sidecar takes the port": Row(CORE, CORE + ", sidecars: [{name: log, image: a, port: 8000}]", "sidecars", f"{SERVICES}.repti-core.sidecars", "share its ports"),
    "sidecar takes the memory": Row(CORE, CORE + ", sidecars: [{name: log, image: a, memory: 1024}]", "sidecars", f"{SERVICES}.repti-core.sidecars", "leave no memory"),
    "deployment that cannot move": Row("maximum_percent: 200", "maximum_percent: 100", "minimum_percent", "compute.deployment.maximum_percent", "nothing can be replaced"),
    "old tls": Row("ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08", "2016-08", "load_balancer.tls_policy", "allows TLS below 1.2"),
    "tls 1.0 under a new name": Row("TLS13-1-2-2021", "TLS13-1-0-2021", "TLS13-1-0", "load_balancer.tls_policy", "allows TLS below 1.2"),
    "cdn tls": Row("minimum_tls: TLSv1.2_2021", "minimum_tls: TLSv1.1_2016", "TLSv1.1", "storage.cdn.minimum_tls", "not a choice", "TLSv1.2_2021"),
    "access log prefix": Row("prefix: alb", "prefix: x/AWSLogs", "AWSLogs", "load_balancer.access_logs.prefix", "adds AWSLogs itself"),
    "time zone": Row("America/New_York", "America/New_Yorck", "Yorck", "office_hours.timezone", "is not a time zone", "America/New_York"),
    "time zone as a path": Row("America/New_York", "../../etc/passwd", "passwd", "office_hours.timezone", "is not a time zone"),
    "office hours upside down": Row('stop: "20:00"', 'stop: "07:00"', "07:00", "office_hours.stop", "is not after 08:00"),
    "clock without quotes": Row('stop: "20:00"', "stop: 20:00", "stop: 20:00", "office_hours.stop", "put it in quotes"),
    "clock": Row('start: "08:00"', 'start: "24:00"', "24:00", "office_hours.start", "not allowed here", "'08:00'"),
    "weekday": Row("[mon, tue,", "[monday, tue,", "monday", "office_hours.weekdays[0]", "'monday' is not a choice", "'mon'"),
    "weekday twice": Row("[mon, tue,", "[mon, mon,", "mon, mon", "office_hours.weekdays[1]", "listed twice"),
    "office hours of nobody": Row("weekdays: [mon, tue, wed, thu, fri]", "services: [web-publik]", "publik", "office_hours.services[0]", "no service web-publik", "web-public"),
    "bucket name": Row("assets: {versioning: false}", "assets: {name: My_Bucket}", "My_Bucket", "storage.buckets.assets.name", "not allowed here", "3 to 63"),
    "bucket suffix": Row('suffix: ""', "suffix: _4711", "_4711", "storage.suffix", "not allowed here", "hyphen"),
    "bucket name reserved": Row("assets: {versioning: false}", "assets: {name: my-s3alias}", "s3alias", "storage.buckets.assets.name", "S3 reserves"),
    "bucket name twice": Row("assets: {versioning: false}", "assets: {name: reptidex-dev-logs}", "    logs:", "storage.buckets.logs", "already the bucket for assets"),
    "no bucket for logs": Row("    logs:\n", "    log:\n", "S3 names are global\n  buckets:", "storage.buckets", "need a bucket for logs"),
    "infrequent access too early": Row("{days: 30, to:", "{days: 29, to:", "days: 29", "storage.buckets.uploads.transitions[0].days", "before 30 days", "at least 30"),
    "transition to a warmer class": Row("        - {days: 30, to: STANDARD_IA}", "        - {days: 30, to: GLACIER}\n        - {days: 60, to: STANDARD_IA}", "days: 60", "storage.buckets.uploads.transitions[1]", "colder class"),
    "expiry before transition": Row("        - {days: 30, to: STANDARD_IA}", "        - {days: 30, to: STANDARD_IA}\n      expire_days: 30  # uploads", "expire_days: 30  # uploads", "storage.buckets.uploads.expire_days", "not after the last transition"),
    "parameter group name": Row("default.redis7", "default redis7", "default redis7", "redis.parameter_group", "not allowed here"),
    "parameter without quotes": Row('rds.force_ssl: "1"', "rds.force_ssl: 1", "force_ssl: 1", "database.parameters.rds.force_ssl", "put it in quotes"),
    "check that is no command": Row("command: [CMD-SHELL,", "command: [SHELL,", "[SHELL", "compute.frontend.health_check.command[0]", "not how a check begins", "CMD or CMD-SHELL"),
    "check of several shells": Row("command: [CMD, python,", "command: [CMD-SHELL, python,", "CMD-SHELL, python", "compute.backend.health_check.command", "one line for the shell"),
    "probe timeout": Row(CORE, CORE + ", probe: {interval: 5, timeout: 5}", "timeout: 5}", f"{SERVICES}.repti-core.probe.timeout", "below the interval", "less than 5"),
    "endless threshold": Row("rds_cpu: {threshold: 80}", "rds_cpu: {threshold: .inf}", ".inf", "monitoring.alarms.rds_cpu.threshold", "finite"),
    "gateway endpoint": Row("gateway_endpoints: [s3]", "gateway_endpoints: [ecr.api]", "gateway_endpoints: [e", "network.gateway_endpoints[0]", "is not a choice", "'s3'"),
    "ttl order": Row("{min_ttl: 0, default_ttl: 3600, max_ttl: 86400", "{min_ttl: 0, default_ttl: 3600, max_ttl: 60", "max_ttl: 60,", "storage.cdn.default.default_ttl", "not in order", "min_ttl ≤"),
    "all headers and a minimum": Row("{min_ttl: 0, default_ttl: 3600", "{min_ttl: 1, default_ttl: 3600", "min_ttl: 1", "storage.cdn.default.min_ttl", "no minimum but 0"),
    "behaviour without host": Row("headers: [Host]", "headers: [Accept]", "Accept", "storage.cdn.behaviours[1].headers", "answers 404", "Host"),
    "compress what is not cached": Row('max_ttl: 0, headers: ["*"]}', 'max_ttl: 0, headers: ["*"], compress: true}', "compress: true}", "storage.cdn.behaviours[0].compress", "only what it caches"),
    "behaviour twice": Row("path: /assets/*", "path: /api/*", "- path: /api/*", "storage.cdn.behaviours[1]", "listed twice"),
    "alias nobody answers": Row("aliases: [dev.reptidex.com]", "aliases: [cdn.reptidex.com]", "aliases:", "storage.cdn.aliases[0]", "no service answers", "dev.reptidex.com"),
    "cdn with a self-signed certificate": Row("mode: acm", "mode: self_signed", "  cdn:\n    enabled", "storage.cdn.enabled", "no self-signed certificate", "false"),
    "e-mail": Row("emails: []", "emails: [ops@reptidex]", "ops@", "monitoring.emails[0]", "not allowed here", "name@example.com"),
    "e-mail twice": Row("emails: []", "emails: [a@b.com, A@b.com]", "A@b", "monitoring.emails[1]", "listed twice"),
    "budget": Row("amount: 150", "amount: guess", "guess", "monitoring.budget.amount", "is not an amount", "estimate"),
    "budget of nothing": Row("amount: 150", "amount: 0", "amount: 0", "monitoring.budget.amount", "is not an amount"),
    "alarm period": Row("{threshold: 0, period_seconds: 60}", "{threshold: 0, period_seconds: 45}", "period_seconds: 45", "monitoring.alarms.alb_unhealthy_hosts.period_seconds", "not a period", "multiple of 60"),
    "alarm datapoints": Row("rds_cpu: {threshold: 80}", "rds_cpu: {threshold: 80, datapoints: 4}", "datapoints", "monitoring.alarms.rds_cpu.datapoints", "4 of 3", "1 to 3"),
    "alarm looks too far back": Row("rds_cpu: {threshold: 80}", "rds_cpu: {threshold: 80, periods: 300}", "periods: 300", "monitoring.alarms.rds_cpu.periods", "further than", "at most 288"),
    "schedule on a laptop": Row("schedule:                       # drift runs inside the environment; `reptiops schedule install` switches this on\n  enabled: false", "schedule:\n  image: a\n  enabled: true # switched", "# switched", "schedule.enabled", "state of this machine", "s3://"),
    "schedule interval": Row("every: 15m", "every: 90s", "90s", "schedule.every", "number of minutes"),
    "schedule interval nonsense": Row("every: 15m", "every: often", "often", "schedule.every", "not a duration", "15m"),
    "state backend": Row("backend: local", "backend: ftp://x", "ftp", "state.backend", "not allowed here", "local or s3://bucket/prefix"),
    "state in a bucket of the environment": Row("backend: local", "backend: s3://reptidex-dev-logs/state", "s3://r", "state.backend", "a teardown would delete"),
    "tag of ours": Row("tags: {} ", "tags: {Environment: x} ", "tags:", "tags.Environment", "set by the tool"),
    "tag of aws": Row("tags: {} ", 'tags: {"aws:x": y} ', "tags:", "tags.aws:x", "not allowed here", "not beginning with aws:"),
    "owner": Row("owners: {} ", "owners: {compute/service/web-public: {desired: nobody}} ", "owners:", "owners.compute/service/web-public.desired.owner", "'nobody' is not a choice", "'pipeline'"),
    "owner until": Row("owners: {} ", "owners: {compute/service/web-public: {desired: {owner: operator, until: soon}}} ", "owners:", "owners.compute/service/web-public.desired.until", "is not a date", "2026-12-31"),
    "override of no address": Row("overrides: {} ", "overrides: {web-public: {cpu: 1}} ", "overrides:", "overrides.web-public", "not allowed here", "phase/step"),
    "name of another file": Row("project: reptidex", "name: prod", "name: prod", "name", "contradicts the file's name", "dev"),
    "redis port behind a wall": Row("  port: 6379", "  port: 6380", "6380", "redis.port", "no security group lets tasks reach port 6380"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_mistake_is_refused_where_it_is(row: Row) -> None:
    text = (SHIPPED / f"{row.env}.yaml").read_text()
    assert text.count(row.old) >= 1
    text = text.replace(row.old, row.new, 1)
    assert text.count(row.at) == 1, "the row must point at one place"
    line = text[: text.index(row.at) + len(row.at)].count("\n") + 1
    found = [mistake for mistake in mistakes_of(text, row.env) if mistake.path == row.path]
    assert found, f"nothing at {row.path}: {mistakes_of(text, row.env)}"
    assert (found[0].file, found[0].line) == (f"config/{row.env}.yaml", line)
    assert row.message in found[0].message
    assert row.valid in found[0].valid


LONE = {name: row for name, row in ROWS.items() if name not in {
    "subnets overlap across zones", "vpc too small", "public address range", "rule to an unknown group", "domain outside the zone",
}}  # fmt: skip
"""The rows whose mistake makes nothing else wrong."""


@pytest.mark.parametrize("row", LONE.values(), ids=LONE)
def test_one_mistake_is_told_once(row: Row) -> None:
    text = (SHIPPED / f"{row.env}.yaml").read_text().replace(row.old, row.new, 1)
    assert [mistake.path for mistake in mistakes_of(text, row.env)] == [row.path]


def test_all_mistakes_are_told_at_once() -> None:
    text = (SHIPPED / "dev.yaml").read_text()
    single = {
        "subnets overlap",
        "fargate pair of a service",
        "retention",
        "token without tls",
        "e-mail",
        "ttl order",
        "time zone",
    }
    for name in single:
        assert ROWS[name].old in text
        text = text.replace(ROWS[name].old, ROWS[name].new, 1)
    found = mistakes_of(text)
    assert {mistake.path for mistake in found} == {ROWS[name].path for name in single}
    assert [mistake.line for mistake in found] == sorted(mistake.line for mistake in found)


def test_a_missing_network_does_not_hide_what_else_is_wrong() -> None:
    text = "domain: 7\nredis: {auth_token: true}\nnetwork: {cidr: x}\nstorage: {cdn: {enabled: false}}\n"
    found = {(mistake.path, mistake.line) for mistake in mistakes_of(text)}
    assert found == {("domain", 1), ("redis.auth_token", 2), ("network.cidr", 3), ("network.zones", 3)}


def test_a_check_that_looked_at_a_wrong_setting_is_not_believed() -> None:
    text = (
        (SHIPPED / "dev.yaml")
        .read_text()
        .replace("    cpu: 256\n    memory: 512", "    cpu: lots\n    memory: 4096", 1)
    )
    assert [mistake.path for mistake in mistakes_of(text)] == ["compute.frontend.cpu"]


def test_a_bucket_name_counts_with_its_suffix() -> None:
    purpose = "a" * 31
    text = (SHIPPED / "dev.yaml").read_text().replace("    logs:\n", f"    {purpose}: {{}}\n    logs:\n", 1)
    assert parse_environment(text, "dev").bucket_name(purpose) == f"reptidex-dev-{purpose}"
    longer = text.replace('suffix: ""', "suffix: -4711-4711-4711-4711")
    [mistake] = mistakes_of(longer)
    assert mistake.path == f"storage.buckets.{purpose}"
    assert "has 64 characters" in mistake.message


NO_NAT = ("nat_gateways: per_az ", "nat_gateways: 0 ")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("gateway_endpoints: [s3]", "gateway_endpoints: []", "network.gateway_endpoints"),
        ("      inbound:\n        - {ports: 443, group: ecs}\n", "", "security.groups.endpoints"),
        ("    endpoints:                  # exists", "    endpoint:  # exists", "security.groups"),
    ],
)
def test_without_nat_gateways_tasks_need_their_endpoints(old: str, new: str, path: str) -> None:
    text = (SHIPPED / "dev.yaml").read_text().replace(*NO_NAT)
    assert "endpoints" in parse_environment(text, "dev").security_groups
    assert text.count(old) == 1
    [mistake] = mistakes_of(text.replace(old, new))
    assert mistake.path == path


def test_an_alias_must_be_on_the_certificate() -> None:
    text = (SHIPPED / "dev.yaml").read_text()
    text = text.replace('names: [reptidex.com, "*.reptidex.com"]', "names: [reptidex.com]")
    paths = {mistake.path for mistake in mistakes_of(text)}
    assert "storage.cdn.aliases[0]" in paths
    assert "compute.services.repti-core.hosts[0]" in paths


def test_cloudfront_takes_certificates_from_one_region() -> None:
    text = (SHIPPED / "dev.yaml").read_text().replace("us-east-1", "eu-west-1")
    [mistake] = mistakes_of(text)
    assert mistake.path == "storage.cdn.enabled"
    assert "us-east-1" in mistake.valid


FILES = {
    "empty": ("", 0, "is empty"),
    "only a comment": ("# nothing\n", 0, "is empty"),
    "not a mapping": ("- a\n- b\n", 1, "not a mapping"),
    "syntax": ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
    "a bracket that stays open": ("a: 1\nfoo: [\nb: 2\nc: 3\n", 4, "and a ] at its end"),
    "a bracket at the end": ("foo: [\n", 2, "is not closed"),
    "a key behind a value": ("a: b: c\n", 1, "stands where no key can begin"),
    "tab": ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
    "control character": ("a: 1\nb: \x01\n", 2, "not valid YAML"),
    "key twice": ("region: us-east-1\ndomain: a.com\nregion: us-east-1\n", 3, "set twice, first in line 1"),
    "key twice, deep": ("redis:\n  nodes: 1\n  port: 1\n  nodes: 2\n", 4, "set twice, first in line 2"),
    "key that is a number": ("redis:\n  1: 2\n", 2, "cannot be a key"),
    "key that is a switch": ("on: 1\n", 1, "'on' is not text"),
    "key that is a list": ("? [a]\n: 1\n", 1, "cannot be a key"),
    "python object": ("a: !!python/object/apply:os.system [ls]\n", 1, "is not allowed"),
    "binary": ("a: !!binary aGVsbG8=\n", 1, "is not allowed"),
    "merge key": ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "merge keys"),
    "alias without anchor": ("a: *x\n", 1, "undefined alias"),
    "alias in itself": ("a: &x [1, *x]\n", 1, "contains itself"),
    "impossible date": ("a: 2026-13-41\n", 1, "cannot be read"),
    "too deep": ("a: " + "[" * 40 + "]" * 40 + "\n", 1, "nested too deeply"),
    "far too deep": ("a: " + "[" * 100_000, 1, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "line", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_not_plain_yaml_is_refused(text: str, line: int, message: str) -> None:
    found = [mistake for mistake in mistakes_of(text) if message in mistake.message]
    assert [mistake.line for mistake in found] == [line]


def test_aliases_cannot_blow_the_document_up() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    [mistake] = mistakes_of("\n".join(rows))
    assert "too large" in mistake.message
