"""Phase 3: PostgreSQL on RDS, Redis on ElastiCache, and how long a deleted secret can be brought back."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from reptiops.settings.base import Frozen, Port, Settings, one_of, refuse, text

Days = Annotated[int, Field(ge=0, le=35)]
DailyWindow = Annotated[
    str, text(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]", "UTC, such as '03:00-04:00'")
]
WeeklyWindow = Annotated[
    str,
    text(
        r"(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]",
        "UTC, such as 'sun:05:00-sun:06:00'",
    ),
]
_RESERVED = r"(?!(admin|administrator|rdsadmin|rds_superuser|rdsrepladmin|postgres_fdw|public|root|user|master)$)"


_SIZES = ("micro", "small", "medium", "large", "xlarge", *(f"{n}xlarge" for n in (2, 4, 8, 10, 12, 16, 24, 32, 48)))
"""What RDS and ElastiCache call their sizes."""
_FAMILIES = ("t2", "t3", "t4g", "m5", "m6g", "m6i", "m7g", "m7i", "m8g", "r5", "r6g", "r6i", "r7g", "r7i", "r8g")
"""Families to suggest, not to insist on: AWS adds to them every year, and `preflight` asks AWS."""


def size_of(service: str, valid: str) -> Any:
    """A class of instance or node, `service.family.size`, of the sizes that there are."""

    def check(value: str) -> str:
        parts = value.split(".")
        if (
            len(parts) == 3
            and parts[0] == service
            and re.fullmatch(r"[a-z]+\d[a-z]{0,4}", parts[1])
            and parts[2] in _SIZES
        ):
            return value
        from difflib import get_close_matches

        known = [f"{service}.{family}.{size}" for family in _FAMILIES for size in _SIZES]
        close = get_close_matches(value, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise refuse(f"{value[:60]!r} is not allowed here{hint}", valid)

    return AfterValidator(check)


ParameterName = Annotated[str, text(r"[a-z][a-z0-9_.]*", "the name of a PostgreSQL parameter")]
ParameterValue = Annotated[str, text(r"[^\s].*", "a value in quotes")]


class Database(Settings):
    """PostgreSQL. `version` is asked for; where AWS no longer offers it the newest of its major version is taken."""

    engine: Literal["postgres"] = "postgres"
    version: Annotated[str, text(r"[0-9]{2}(\.[0-9]{1,2})?", "a version in quotes, such as '15.7'")] = "15.7"
    instance_class: Annotated[str, size_of("db", "an instance class such as db.t4g.micro")] = "db.t4g.micro"
    storage_gb: Annotated[int, Field(ge=20, le=65536)] = 20
    max_storage_gb: Annotated[int, Field(ge=20, le=65536)] = 100
    storage_type: Literal["gp3", "gp2"] = "gp3"
    encrypted: bool = True
    multi_az: bool = False
    backup_days: Days = 7
    backup_window: DailyWindow | None = None
    maintenance_window: WeeklyWindow | None = None
    monitoring_interval: Annotated[int, one_of((0, 1, 5, 10, 15, 30, 60), "a monitoring interval of RDS")] = 0
    deletion_protection: bool = False
    final_snapshot: bool = False
    name: Annotated[str, text(r"[A-Za-z][A-Za-z0-9_]{0,62}", "letters, digits and _, beginning with a letter")] = (
        "reptidex"
    )
    username: Annotated[
        str, text(_RESERVED + r"[A-Za-z][A-Za-z0-9_]{0,15}", "up to 16 letters, digits and _, not a reserved word")
    ] = "reptidex"
    password_length: Annotated[int, Field(ge=16, le=128)] = 32
    port: Port = 5432
    parameters: Frozen[ParameterName, ParameterValue] = Field(
        default_factory=lambda: {"rds.force_ssl": "1"}, validate_default=True
    )
    auto_minor_upgrade: bool = True
    extended_support: bool = False
    copy_tags_to_snapshot: bool = True
    log_exports: tuple[Literal["postgresql", "upgrade"], ...] = ()
    ca_certificate: str | None = None

    @property
    def major_version(self) -> str:
        """`15` of `15.7`."""
        return self.version.split(".", maxsplit=1)[0]

    @property
    def family(self) -> str:
        """The parameter group family, such as `postgres15`."""
        return f"{self.engine}{self.major_version}"


class Redis(Settings):
    """Redis as a replication group, even with one node: encryption at rest exists only there."""

    engine: Literal["redis"] = "redis"
    version: Annotated[str, text(r"[4-7]\.[0-9](\.[0-9]+)?", "a version in quotes, such as '7.0'")] = "7.0"
    node_type: Annotated[str, size_of("cache", "a node type such as cache.t4g.micro")] = "cache.t4g.micro"
    nodes: Annotated[int, Field(ge=1, le=6)] = 1
    automatic_failover: bool = False
    multi_az: bool = False
    encryption_at_rest: bool = True
    encryption_in_transit: bool = False
    auth_token: bool = False
    auth_token_length: Annotated[int, Field(ge=16, le=128)] = 64
    snapshot_days: Days = 0
    snapshot_window: DailyWindow | None = None
    maintenance_window: WeeklyWindow | None = None
    parameter_group: Annotated[str, text(r"[a-z][a-z0-9.-]{0,254}", "the name of a parameter group")] = "default.redis7"
    port: Port = 6379
    auto_minor_upgrade: bool = True


class Secrets(Settings):
    """`recovery_days` 0 deletes a secret at once; otherwise Secrets Manager keeps it for 7 to 30 days."""

    recovery_days: Annotated[int, one_of((0, *range(7, 31)), "a recovery window of Secrets Manager")] = 0
