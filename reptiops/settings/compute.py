"""Phase 4: the cluster, the services with what they share by kind, the load balancer, repositories, office hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from reptiops.settings.base import (
    ClockTime,
    Frozen,
    FrozenMapping,
    Host,
    ImageTag,
    LogRetention,
    NotNegative,
    Percent,
    Port,
    Ports,
    Positive,
    ServiceName,
    Settings,
    UrlPath,
    Variables,
    standing,
)

Kind = Literal["frontend", "backend"]
Owner = Literal["reptiops", "pipeline", "autoscaling", "schedule", "aws"]
Command = tuple[str, ...]

FARGATE_MEMORY: Mapping[int, tuple[int, ...]] = FrozenMapping(
    {
        256: (512, 1024, 2048),
        512: tuple(range(1024, 4096 + 1, 1024)),
        1024: tuple(range(2048, 8192 + 1, 1024)),
        2048: tuple(range(4096, 16384 + 1, 1024)),
        4096: tuple(range(8192, 30720 + 1, 1024)),
        8192: tuple(range(16384, 61440 + 1, 4096)),
        16384: tuple(range(32768, 122880 + 1, 8192)),
    }
)
"""CPU units → the memory sizes (MiB) that Fargate pairs with them."""


TaskCount = Annotated[int, Field(ge=1, le=5000)]
"""A service has at most 5,000 tasks."""


class Scaling(Settings):
    """Target tracking between `min` and `max` tasks; `cpu` and `memory` are percentages, either may be left out."""

    min: TaskCount
    max: TaskCount
    cpu: Percent | None = 65.0
    memory: Percent | None = 65.0
    scale_in_seconds: NotNegative = 300
    scale_out_seconds: NotNegative = 60


class HealthCheck(Settings):
    """The container's own check, in seconds. In the command `{port}` and `{path}` stand for the service's own."""

    command: Command = Field(
        default=("CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:{port}{path} || exit 1"), min_length=2
    )
    interval: Annotated[int, Field(ge=5, le=300)] = 30
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    retries: Annotated[int, Field(ge=1, le=10)] = 3
    start_period: Annotated[int, Field(ge=0, le=300)] = 30


class Probe(Settings):
    """The target group's check of a service, in seconds."""

    interval: Annotated[int, Field(ge=5, le=300)] = 30
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 3
    codes: str = "200"


class Sidecar(Settings):
    """A further container in each task of a service."""

    name: ServiceName
    image: Annotated[str, Field(min_length=1, max_length=512)]
    essential: bool = False
    cpu: NotNegative = 0
    memory: Positive | None = None
    port: Port | None = None
    command: Command = ()
    environment: Variables = Field(default_factory=dict, validate_default=True)


class ServiceDefaults(Settings):
    """What the services of one kind have in common."""

    cpu: int = 256
    memory: int = 512
    desired: NotNegative = 1
    scaling: Scaling | None = None
    port: Port = 80
    ports: Ports = "80"
    health_path: UrlPath = "/health"
    health_check: HealthCheck = standing()
    probe: Probe = standing()
    grace_seconds: NotNegative = 60
    stop_seconds: Annotated[int, Field(ge=0, le=120)] = 30
    image_tag: ImageTag = "latest"
    environment: Variables = Field(default_factory=dict, validate_default=True)


_ASK_PYTHON = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=4)"


class BackendHealthCheck(HealthCheck):
    """Backend images have Python, not necessarily wget."""

    command: Command = Field(default=("CMD", "python", "-c", _ASK_PYTHON), min_length=2)


class BackendDefaults(ServiceDefaults):
    """What backends have in common."""

    cpu: int = 512
    memory: int = 1024
    port: Port = 8000
    ports: Ports = "8000-8006"
    health_path: UrlPath = "/api/v1/health"
    health_check: BackendHealthCheck = standing()


class ServiceSettings(Settings):
    """One service: its kind, its hosts, and whatever differs from its kind's defaults.

    `autoscaling: false` keeps the count fixed although services of its kind scale.
    """

    kind: Kind
    hosts: tuple[Host, ...] = Field(min_length=1, max_length=5)
    priority: Annotated[int, Field(ge=1, le=50000)] | None = None
    cpu: int | None = None
    memory: int | None = None
    desired: NotNegative | None = None
    autoscaling: bool = True
    scaling: Scaling | None = None
    port: Port | None = None
    health_path: UrlPath | None = None
    health_check: HealthCheck | None = None
    probe: Probe | None = None
    grace_seconds: NotNegative | None = None
    stop_seconds: Annotated[int, Field(ge=0, le=120)] | None = None
    image_tag: ImageTag | None = None
    environment: Variables = Field(default_factory=dict, validate_default=True)
    sidecars: tuple[Sidecar, ...] = Field(default=(), max_length=9)


@dataclass(frozen=True)
class Service:
    """A service as it is wanted: its own settings over those of its kind. Times are seconds, memory MiB, cpu units.

    `health_command` is the container check with port and path filled in; `count_owner` says who sets the number of
    running tasks; `priority` is the place of its host rule on the HTTPS listener.
    """

    name: str
    kind: Kind
    hosts: tuple[str, ...]
    priority: int
    cpu: int
    memory: int
    desired: int
    scaling: Scaling | None
    port: int
    health_path: str
    health_check: HealthCheck
    health_command: tuple[str, ...]
    probe: Probe
    grace_seconds: int
    stop_seconds: int
    image_tag: str
    environment: Mapping[str, str]
    sidecars: tuple[Sidecar, ...]
    count_owner: Owner


class Deployment(Settings):
    """How a service is replaced by its next revision: rolling, between these percentages of the wanted count."""

    minimum_percent: Annotated[int, Field(ge=0, le=100)] = 100
    maximum_percent: Annotated[int, Field(ge=100, le=400)] = 200
    circuit_breaker: bool = True
    rollback: bool = True


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OfficeHours(Settings):
    """Scheduled actions that bring every service (or the listed ones) to 0 outside these hours. Off by default."""

    enabled: bool = False
    timezone: str = "America/New_York"
    start: ClockTime = "08:00"
    stop: ClockTime = "20:00"
    weekdays: tuple[Weekday, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    services: tuple[ServiceName, ...] = ()

    def covers(self, service: str) -> bool:
        """Whether the schedule sets the number of this service's tasks."""
        return self.enabled and (not self.services or service in self.services)

    @property
    def start_expression(self) -> str:
        """When the services come up, as a six-field cron expression in `timezone`."""
        return self._cron(self.start)

    @property
    def stop_expression(self) -> str:
        """When the services go down, as a six-field cron expression in `timezone`."""
        return self._cron(self.stop)

    def _cron(self, clock: str) -> str:
        hour, minute = (int(part) for part in clock.split(":"))
        return f"cron({minute} {hour} ? * {','.join(self.weekdays).upper()} *)"


class Compute(Settings):
    """The Fargate cluster and its services, in the order in which they are listed."""

    insights: Literal["enabled", "enhanced", "disabled"] = "enabled"
    log_retention_days: LogRetention = 30
    platform_version: Annotated[str, Field(pattern=r"^(LATEST|1\.[0-9]+\.[0-9]+)$")] = "LATEST"
    architecture: Literal["ARM64", "X86_64"] = "ARM64"
    operating_system: Literal["LINUX"] = "LINUX"
    execute_command: bool = False
    deployment: Deployment = standing()
    frontend: ServiceDefaults = standing()
    backend: BackendDefaults = standing()
    services: Frozen[ServiceName, ServiceSettings] = Field(default_factory=dict, validate_default=True)

    def defaults(self, kind: Kind) -> ServiceDefaults:
        """What services of this kind have in common."""
        return self.frontend if kind == "frontend" else self.backend

    def resolve(self, hours: OfficeHours) -> tuple[Service, ...]:
        """Every service over its kind's defaults; `hours` says whose counts the schedule owns."""
        return tuple(
            self._service(name, own, position, hours.covers(name))
            for position, (name, own) in enumerate(self.services.items(), start=1)
        )

    def _service(self, name: str, own: ServiceSettings, position: int, scheduled: bool) -> Service:
        shared = self.defaults(own.kind)

        def pick(field: str) -> Any:
            mine = getattr(own, field)
            if mine is None:
                return getattr(shared, field)
            if isinstance(mine, (HealthCheck, Probe)):
                written = {part: getattr(mine, part) for part in mine.model_fields_set}
                return getattr(shared, field).model_copy(update=written)
            return mine

        port, path, check = pick("port"), pick("health_path"), pick("health_check")
        scaling = pick("scaling") if own.autoscaling else None
        owner: Owner = "schedule" if scheduled else "autoscaling" if scaling else "reptiops"
        command = tuple(word.replace("{port}", str(port)).replace("{path}", path) for word in check.command)
        return Service(
            name=name,
            kind=own.kind,
            hosts=own.hosts,
            priority=own.priority or position * 10,
            port=port,
            scaling=scaling,
            health_path=path,
            health_check=check,
            health_command=command,
            environment=FrozenMapping({**shared.environment, **own.environment}),
            sidecars=own.sidecars,
            count_owner=owner,
            **{
                field: pick(field)
                for field in ("cpu", "memory", "desired", "probe", "grace_seconds", "stop_seconds", "image_tag")
            },
        )


class AccessLogs(Settings):
    """The load balancer's request log, into the logs bucket under `prefix`."""

    enabled: bool = True
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_/-]*[A-Za-z0-9]$")] = "alb"


class DefaultAnswer(Settings):
    """What the HTTPS listener answers for a host nobody serves."""

    status: Annotated[int, Field(ge=200, le=599)] = 404
    content_type: Literal["text/plain", "text/html", "application/json"] = "text/plain"
    body: Annotated[str, Field(max_length=1024)] = "Not found"


class LoadBalancer(Settings):
    """The public ALB: HTTP redirects to HTTPS, HTTPS routes by host."""

    deletion_protection: bool = False
    idle_timeout_seconds: Annotated[int, Field(ge=1, le=4000)] = 60
    tls_policy: Annotated[str, Field(pattern=r"^ELBSecurityPolicy-[A-Za-z0-9-]+$")] = (
        "ELBSecurityPolicy-TLS13-1-2-2021-06"
    )
    drop_invalid_headers: bool = True
    http2: bool = True
    redirect_status: Literal[301, 302] = 301
    access_logs: AccessLogs = standing()
    default_answer: DefaultAnswer = standing()
    security_headers: bool = True
    deregistration_delay_seconds: Annotated[int, Field(ge=0, le=3600)] = 30


class Ecr(Settings):
    """One image repository per service."""

    scan_on_push: bool = True
    untagged_days: Positive = 14
    tag_mutability: Literal["MUTABLE", "IMMUTABLE"] = "MUTABLE"
