"""Phase 6, and the tool itself: alarms, budget, scheduled runs, where state lives, who owns which field."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reptiops.settings.base import (
    Duration,
    Email,
    FieldName,
    Frozen,
    Positive,
    Settings,
    duration_seconds,
    refuse,
    shorthand,
    standing,
    text,
)
from reptiops.settings.compute import FARGATE_MEMORY


class Alarm(Settings):
    """When an alarm goes off: `threshold` passed in `datapoints` of the last `periods` periods (default: in all)."""

    enabled: bool = True
    threshold: Annotated[float, Field(ge=0)]
    period_seconds: Positive = 300
    periods: Positive = 3
    datapoints: Positive | None = None
    missing: Literal["missing", "ignore", "breaching", "notBreaching"] = "notBreaching"


class Alarms(Settings):
    """Every alarm of the environment. Rates and utilisation are percentages, times seconds, sizes bytes."""

    alb_5xx_rate: Alarm = Alarm(threshold=5)
    alb_4xx_rate: Alarm = Alarm(threshold=25)
    alb_response_time: Alarm = Alarm(threshold=1)
    alb_unhealthy_hosts: Alarm = Alarm(threshold=0, period_seconds=60)
    ecs_cpu: Alarm = Alarm(threshold=85)
    ecs_memory: Alarm = Alarm(threshold=85)
    ecs_running_tasks: Alarm = Alarm(threshold=0, period_seconds=60, periods=10, missing="breaching")
    rds_cpu: Alarm = Alarm(threshold=80)
    rds_connections: Alarm = Alarm(threshold=80)
    rds_free_storage: Alarm = Alarm(threshold=5 * 2**30)
    rds_read_latency: Alarm = Alarm(threshold=0.05)
    rds_write_latency: Alarm = Alarm(threshold=0.05)
    redis_cpu: Alarm = Alarm(threshold=75)
    redis_memory: Alarm = Alarm(threshold=80)
    redis_hit_rate: Alarm = Alarm(threshold=80, periods=6)
    redis_network_in: Alarm = Alarm(threshold=3 * 10**9)
    redis_network_out: Alarm = Alarm(threshold=3 * 10**9)
    drift: Alarm = Alarm(threshold=0, period_seconds=900, periods=1, missing="ignore")

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        # An alarm in the file changes what it names and keeps the rest of its own defaults.
        if not isinstance(given, dict):
            return given
        whole = dict(given)
        for name, part in given.items():
            if isinstance(part, dict) and name in cls.model_fields:
                whole[name] = {**cls.model_fields[name].default.model_dump(), **part}
        return whole


def _amount(value: object) -> object:
    if value == "estimate":
        return value
    if type(value) in (int, float) and 0 < float(value) < 1e9:  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    raise refuse(f"{value!r} is not an amount", "US dollars a month, or estimate")


class Budget(Settings):
    """A monthly budget in US dollars; `estimate` takes the tool's own. Thresholds are percentages."""

    enabled: bool = True
    amount: Annotated[
        float | Literal["estimate"], shorthand(_amount, {"anyOf": [{"type": "number"}, {"const": "estimate"}]})
    ] = "estimate"
    thresholds: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(default=(80, 100), min_length=1, max_length=5)


class Monitoring(Settings):
    """Who is told, about what. `metrics` is the first part of the metrics namespace `<metrics>/<environment>`."""

    emails: tuple[Email, ...] = Field(default=(), max_length=10)
    metrics: Annotated[str, text(r"(?!AWS)[A-Za-z][A-Za-z0-9_-]{0,63}", "letters, digits, - and _, not AWS")] = (
        "ReptiDex"
    )
    dashboard: bool = True
    alarms: Alarms = standing()
    budget: Budget = standing()


class State(Settings):
    """Where state, journal and lock live: `local` (the state directory) or `s3://bucket/prefix`."""

    backend: Annotated[
        str,
        text(
            r"local|s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?",
            "local or s3://bucket/prefix",
        ),
    ] = "local"

    @property
    def remote(self) -> bool:
        """Whether other machines can read it: scheduled jobs need that."""
        return self.backend != "local"

    @property
    def bucket(self) -> str | None:
        """The S3 bucket, or None for local state."""
        return self.backend.removeprefix("s3://").split("/")[0] if self.remote else None

    @property
    def prefix(self) -> str:
        """The key prefix in the bucket, without slashes at its ends."""
        return self.backend.removeprefix("s3://").partition("/")[2].strip("/") if self.remote else ""


Variable = Annotated[str, text(r"[A-Z][A-Z0-9_]*", "the name of an environment variable")]
SecretArn = Annotated[
    str,
    text(
        r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+|ssm:[a-z0-9-]+:[0-9]{12}:parameter/\S+)",
        "the ARN of a secret in Secrets Manager or of a parameter in SSM",
    ),
]


class Schedule(Settings):
    """The scheduled run of `playbook`: EventBridge Scheduler starts a Fargate task of `image`."""

    enabled: bool = False
    every: Duration = "15m"
    playbook: Annotated[str, text(r"[a-z][a-z0-9-]{0,31}", "the name of a playbook")] = "drift"
    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    cpu: int = min(FARGATE_MEMORY)
    memory: int = min(FARGATE_MEMORY[min(FARGATE_MEMORY)])
    secrets: Frozen[Variable, SecretArn] = Field(default_factory=dict, validate_default=True)
    """Environment variable → ARN of the secret or parameter that ECS puts into it, such as the webhook's address."""

    @property
    def every_seconds(self) -> int:
        """The interval in seconds."""
        return duration_seconds(self.every)

    @property
    def expression(self) -> str:
        """The interval as EventBridge Scheduler writes it, such as `rate(15 minutes)`."""
        minutes = self.every_seconds // 60
        return f"rate({minutes} minute{'' if minutes == 1 else 's'})"


def _moment(value: object) -> object:
    if isinstance(value, datetime.datetime):
        return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    if isinstance(value, datetime.date):
        return datetime.datetime.combine(value + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
    if value is None:
        return None
    raise refuse(f"{value!r} is not a date", "2026-12-31 or 2026-12-31T18:00:00Z, without quotes")


Moment = Annotated[datetime.datetime, shorthand(_moment, {"type": "string", "format": "date-time"})]
"""A point in time; a date alone means the end of that day, UTC."""


class Ownership(Settings):
    """Who owns a field, until when (a lease; without an end for good), and why."""

    owner: Literal["reptiops", "pipeline", "autoscaling", "schedule", "aws", "operator"]
    until: Moment | None = None
    reason: str = ""

    def active(self, now: datetime.datetime) -> bool:
        """Whether it still holds at `now` (an aware time)."""
        return self.until is None or now < self.until


def _owner(value: Any) -> Any:
    return {"owner": value} if isinstance(value, str) else value


Owned = Annotated[Ownership, shorthand(_owner, {"type": ["string", "object"]})]
Owners = dict[FieldName, Owned]
