"""Phase 2: the security group matrix, who may assume what, the trail, the certificate and the zone."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reptiops.settings.base import (
    Cidr,
    Frozen,
    FrozenMapping,
    HostOrWildcard,
    Ports,
    Settings,
    port_range,
    refuse,
    standing,
    text,
)

GroupName = Annotated[str, text(r"[a-z][a-z0-9]{0,15}", "a short lower-case name such as alb")]
Principal = Annotated[
    str,
    text(
        r"root|arn:aws:(iam|sts)::[0-9]{12}:[A-Za-z0-9+=,.@_/:-]+",
        "root (this account) or the ARN of an IAM principal",
    ),
]


class Rule(Settings):
    """One line of the matrix: ports, and either a CIDR block or another group on the far side."""

    ports: Ports
    protocol: Literal["tcp", "udp"] = "tcp"
    cidr: Cidr | None = None
    group: GroupName | None = None

    @model_validator(mode="after")
    def _one_far_side(self) -> Self:
        if (self.cidr is None) == (self.group is None):
            raise refuse("a rule has exactly one far side", "either cidr or group")
        return self

    @property
    def from_port(self) -> int:
        """First port."""
        return port_range(self.ports)[0]

    @property
    def to_port(self) -> int:
        """Last port."""
        return port_range(self.ports)[1]


class Group(Settings):
    """A security group with every rule it has; the egress rule AWS puts into a new group is not among them."""

    description: Annotated[str, text(r"[A-Za-z0-9. _:/()#,@\[\]+=&;{}!$*-]{1,255}", "1 to 255 plain characters")]
    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()


def _matrix() -> Mapping[str, Group]:
    web = tuple(Rule(ports=ports, cidr="0.0.0.0/0") for ports in ("80", "443"))
    tasks = ("80", "8000-8006")
    from_tasks = {port: (Rule(ports=port, group="ecs"),) for port in ("443", "5432", "6379")}
    return FrozenMapping(
        {
            "alb": Group(
                description="Load balancer: the web in, tasks out",
                inbound=web,
                outbound=tuple(Rule(ports=ports, group="ecs") for ports in tasks),
            ),
            "ecs": Group(
                description="Tasks: load balancer in, HTTPS, database and cache out",
                inbound=tuple(Rule(ports=ports, group="alb") for ports in tasks),
                outbound=(
                    Rule(ports="443", cidr="0.0.0.0/0"),
                    Rule(ports="5432", group="rds"),
                    Rule(ports="6379", group="redis"),
                ),
            ),
            "rds": Group(description="PostgreSQL: tasks in", inbound=from_tasks["5432"]),
            "redis": Group(description="Redis: tasks in", inbound=from_tasks["6379"]),
            "endpoints": Group(description="VPC endpoints: tasks in", inbound=from_tasks["443"]),
        }
    )


class Deployer(Settings):
    """The CI/CD role: who may assume it, and into which buckets (by purpose) it may put objects."""

    trust: tuple[Principal, ...] = Field(default=("root",), min_length=1)
    buckets: tuple[str, ...] = ("assets",)
    session_hours: Annotated[int, Field(ge=1, le=12)] = 1


class People(Settings):
    """The roles people assume: `developer` may do all in this environment, `readonly` reads all but secret values."""

    roles: tuple[Literal["developer", "readonly"], ...] = ()
    trust: tuple[Principal, ...] = Field(default=("root",), min_length=1)
    mfa: bool = True
    session_hours: Annotated[int, Field(ge=1, le=12)] = 4


class Security(Settings):
    """Security groups and roles. `backend_buckets` are the purposes the backend task role may read and write."""

    groups: Frozen[GroupName, Group] = Field(default_factory=_matrix)
    people: People = standing()
    deployer: Deployer = standing()
    backend_buckets: tuple[str, ...] = ("uploads",)
    mail_identities: tuple[str, ...] = ()

    def ports_between(self, source: str, target: str) -> tuple[tuple[int, int], ...]:
        """The port ranges that `target` admits from `source` and `source` lets out to `target`."""
        into, out = self.groups.get(target), self.groups.get(source)
        if into is None or out is None:
            return ()
        admitted = [(rule.from_port, rule.to_port) for rule in into.inbound if rule.group == source]
        let_out = [(rule.from_port, rule.to_port) for rule in out.outbound if rule.group == target]
        both = ((max(a[0], b[0]), min(a[1], b[1])) for a in admitted for b in let_out)
        return tuple(sorted({span for span in both if span[0] <= span[1]}))


class Cloudtrail(Settings):
    """One trail into the logs bucket."""

    enabled: bool = False
    multi_region: bool = True
    log_file_validation: bool = True
    global_events: bool = True


class Dns(Settings):
    """The hosted zone (default: the domain) is found, or created with `create_zone`. `ttl_seconds`: validation records.

    `enabled: false` is an environment without a zone: no records, and a self-signed certificate.
    """

    enabled: bool = True
    zone: HostOrWildcard | None = None
    create_zone: bool = False
    ttl_seconds: Annotated[int, Field(ge=1, le=604800)] = 300


class Certificate(Settings):
    """`acm`: requested and validated through DNS. `self_signed`: generated and imported, where there is no zone.

    Without `names` it covers the domain and its wildcard (a wildcard does not cover the apex).
    """

    mode: Literal["acm", "self_signed"] = "acm"
    names: tuple[HostOrWildcard, ...] = Field(default=(), max_length=10)
    key_algorithm: Literal["RSA_2048", "EC_prime256v1"] = "RSA_2048"
    valid_days: Annotated[int, Field(ge=1, le=3650)] = 365
