"""A whole environment: its sections, each from the module of its phase, and the names of section "Names" of the specification.

Whether the sections agree with one another is for `settings.checks` to say.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from reptiops.regions import near, no_region
from reptiops.settings.base import (
    Address,
    FieldName,
    Frozen,
    FrozenMapping,
    Host,
    Settings,
    frozen,
    refuse,
    standing,
    text,
)
from reptiops.settings.compute import Compute, Ecr, LoadBalancer, OfficeHours, Service
from reptiops.settings.cost import Cost
from reptiops.settings.database import Database, Redis, Secrets
from reptiops.settings.monitoring import Monitoring, Owned, Schedule, State
from reptiops.settings.network import Network
from reptiops.settings.security import Certificate, Cloudtrail, Dns, Group, Security
from reptiops.settings.storage import SecurityHeaders, Storage

COUNTED = "compute/service/"
"""How the addresses begin whose `desired` is a count of tasks."""

EnvironmentName = Annotated[
    str, text(r"(?!.*--)[a-z]([a-z0-9-]{0,14}[a-z0-9])?", "1 to 16 lower-case letters, digits and single hyphens")
]
AccountId = Annotated[str, text(r"[0-9]{12}", "12 digits in quotes")]


def _region(value: str) -> str:
    why = no_region(value)
    if why:
        raise refuse(f"{value[:60]} {why}", ", ".join(near(value)))
    return value


Region = Annotated[str, text(r"[a-z]{2,4}(-[a-z]+)+-[0-9]", "a region such as us-east-1"), AfterValidator(_region)]
TagKey = Annotated[
    str, text(r"(?!aws:)[\w .:/=+@-]{1,128}", "1 to 128 letters, digits and .:/=+@_- not beginning with aws:")
]
TagValue = Annotated[str, text(r"[\w .:/=+@-]{0,256}", "up to 256 letters, digits, spaces and .:/=+@_-")]


class Sections(Settings):
    """What the file of an environment says, by section, and the names and lists that follow from it."""

    name: EnvironmentName
    project: Annotated[str, text(r"[a-z][a-z0-9]{1,19}", "2 to 20 lower-case letters and digits")] = "reptidex"
    region: Region = "us-east-1"
    account: AccountId | None = None
    domain: Host = "reptidex.com"
    protected: bool = False
    tags: Frozen[TagKey, TagValue] = Field(default_factory=dict, validate_default=True)
    state: State = standing()
    network: Network
    security: Security = standing()
    cloudtrail: Cloudtrail = standing()
    dns: Dns = standing()
    certificate: Certificate = standing()
    database: Database = standing()
    redis: Redis = standing()
    secrets: Secrets = standing()
    compute: Compute = standing()
    ecr: Ecr = standing()
    load_balancer: LoadBalancer = standing()
    security_headers: SecurityHeaders = standing()
    office_hours: OfficeHours = standing()
    storage: Storage = standing()
    monitoring: Monitoring = standing()
    schedule: Schedule = standing()
    cost: Cost = standing()
    owners: Frozen[Address, Frozen[FieldName, Owned]] = Field(default_factory=dict, validate_default=True)
    overrides: Annotated[
        Mapping[Address, Mapping[FieldName, Any]], AfterValidator(frozen)
    ] = Field(default_factory=dict, validate_default=True)  # fmt: skip

    # Names

    @cached_property
    def prefix(self) -> str:
        """`reptidex-dev`: also the name of the RDS instance, the replication group, the trail and the dashboard."""
        return f"{self.project}-{self.name}"

    def named(self, *parts: str) -> str:
        """`reptidex-dev-<part>-<part>`: VPC `Name` tags, roles, alarms, topic, load balancer."""
        return "-".join((self.prefix, *parts))

    @property
    def cluster_name(self) -> str:
        """The ECS cluster."""
        return f"{self.name}-{self.project}-cluster"

    def group_name(self, group: str) -> str:
        """The security group of the matrix's `group`, such as `reptidex-dev-alb-sg`."""
        return self.named(group, "sg")

    @property
    def database_parameter_group(self) -> str:
        """The RDS parameter group, one per major version: its family cannot change."""
        return self.named(self.database.family)

    def repository_name(self, service: str) -> str:
        """The ECR repository of a service."""
        return f"{self.project}/{self.name}/{service}"

    def task_family(self, service: str) -> str:
        """The task definition family of a service; its target group has the same name."""
        return self.named(service)

    def target_group_name(self, service: str) -> str:
        """The target group of a service: at most 32 characters."""
        return self.named(service)

    def log_group(self, service: str) -> str:
        """The log group of a service."""
        return f"/ecs/{self.name}/{service}"

    @property
    def flow_log_group(self) -> str:
        """The log group of the VPC flow logs."""
        return f"/vpc/{self.name}/flow-logs"

    def parameter_name(self, *parts: str) -> str:
        """An SSM parameter, such as `/reptidex/dev/database/host`."""
        return "/".join(("", self.project, self.name, *parts))

    def secret_name(self, what: str) -> str:
        """A secret, such as `reptidex/dev/database`."""
        return f"{self.project}/{self.name}/{what}"

    @property
    def metrics_namespace(self) -> str:
        """The namespace of custom metrics."""
        return f"{self.monitoring.metrics}/{self.name}"

    @property
    def topic_name(self) -> str:
        """The SNS topic of the alarms."""
        return self.named("alarms")

    @property
    def budget_name(self) -> str:
        """The monthly budget."""
        return self.named("monthly")

    @property
    def headers_policy_name(self) -> str:
        """The CloudFront response headers policy."""
        return self.named("security-headers")

    def bucket_name(self, purpose: str) -> str:
        """The bucket of a purpose, with the configured suffix; KeyError where the environment has none."""
        own = self.storage.buckets[purpose].name
        return own or self.named(purpose) + self.storage.suffix

    # What follows from several sections

    @cached_property
    def standard_tags(self) -> Mapping[str, str]:
        """The tags of everything the tool creates, without the address, and the configured further ones."""
        ours = {"Project": self.project, "Environment": self.name, "ManagedBy": "reptiops"}
        return FrozenMapping({**self.tags, **ours})

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Every service over the defaults of its kind, in the configured order; a count that was accepted is its count."""
        found = self.compute.resolve(self.office_hours)
        return tuple(replace(one, desired=self._counts.get(one.name, one.desired)) for one in found)

    @property
    def _counts(self) -> dict[str, int]:
        """Service → count, of those in `overrides`."""
        counts = ((address, fields.get("desired")) for address, fields in self.overrides.items())
        return {a.removeprefix(COUNTED): n for a, n in counts if a.startswith(COUNTED) and type(n) is int}

    @property
    def accepted(self) -> dict[str, Mapping[str, Any]]:
        """The overrides without the counts that `services` has: whether one holds now, images and parking say, too."""
        counted = {f"{COUNTED}{name}" for name in self._counts}
        return {
            address: {name: value for name, value in fields.items() if name != "desired" or address not in counted}
            for address, fields in self.overrides.items()
        }

    def service(self, name: str) -> Service:
        """The service called `name`; KeyError where there is none."""
        return {service.name: service for service in self.services}[name]

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """Host → the name of the service that answers it."""
        return FrozenMapping({host: service.name for service in self.services for host in service.hosts})

    @property
    def cdn_hosts(self) -> tuple[str, ...]:
        """The hosts whose DNS record points at CloudFront: its aliases, or else the first frontend's first host."""
        cdn = self.storage.cdn
        first = next((service.hosts[:1] for service in self.services if service.kind == "frontend"), ())
        return (cdn.aliases or first) if cdn.enabled else ()

    @property
    def load_balancer_hosts(self) -> tuple[str, ...]:
        """The hosts whose DNS record points at the load balancer."""
        return tuple(host for host in self.hosts if host not in self.cdn_hosts)

    @property
    def security_groups(self) -> Mapping[str, Group]:
        """The groups that exist: that of the interface endpoints only where there are such endpoints."""
        spare = () if self.network.interface_endpoints else ("endpoints",)
        return FrozenMapping({name: group for name, group in self.security.groups.items() if name not in spare})

    @property
    def public_subnets(self) -> Mapping[str, str]:
        """Zone → CIDR of its public subnet."""
        return self.network.public

    @property
    def private_subnets(self) -> Mapping[str, str]:
        """Zone → CIDR of its private subnet."""
        return self.network.private

    @property
    def zone_name(self) -> str:
        """The hosted zone, without the trailing dot."""
        return self.dns.zone or self.domain

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """What the certificate covers, the first being its domain name."""
        return self.certificate.names or (self.domain, f"*.{self.domain}")

    @property
    def needs_logs_bucket(self) -> bool:
        """Whether something writes to the logs bucket."""
        return self.cloudtrail.enabled or self.load_balancer.access_logs.enabled
