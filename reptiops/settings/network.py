"""Phase 1: the VPC, its zones with one public and one private subnet each, and how private tasks reach AWS."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from reptiops.settings.base import (
    Cidr,
    Frozen,
    FrozenMapping,
    LogRetention,
    Settings,
    refuse,
    shorthand,
    standing,
    text,
)


class Zone(Settings):
    """The two subnets of one availability zone."""

    public: Cidr
    private: Cidr


class FlowLogs(Settings):
    """VPC flow logs to CloudWatch Logs; AWS aggregates over 60 or 600 seconds."""

    enabled: bool = False
    retention_days: LogRetention = 30
    traffic: Literal["ALL", "ACCEPT", "REJECT"] = "ALL"
    aggregation_seconds: Literal[60, 600] = 600


def _nat(value: object) -> object:
    if value == "per_az":
        return "per_az"
    if (type(value) is int and value in (0, 1)) or value in ("0", "1"):
        return str(value)
    raise refuse(f"{value!r} is not a way to place NAT gateways", "per_az, 1 or 0")


NatGateways = Annotated[Literal["per_az", "1", "0"], shorthand(_nat, {"enum": ["per_az", 0, 1]})]
ZoneName = Annotated[
    str, text(r"[a-z]{2,4}(-[a-z]+)+-[0-9][a-z]", "the name of an availability zone, such as us-east-1a")
]
EndpointService = Annotated[str, text(r"[a-z0-9][a-z0-9.-]*", "a service name without region, such as ecr.api")]


class Network(Settings):
    """The VPC. With `nat_gateways: 0` the interface endpoints stand in for the NAT gateways."""

    cidr: Cidr
    zones: Frozen[ZoneName, Zone] = Field(min_length=1)
    nat_gateways: NatGateways = "per_az"
    endpoints: tuple[EndpointService, ...] = (
        "ecr.api",
        "ecr.dkr",
        "logs",
        "secretsmanager",
        "ssm",
        "monitoring",
        "email",
    )
    gateway_endpoints: tuple[Literal["s3", "dynamodb"], ...] = ("s3",)
    flow_logs: FlowLogs = standing()

    @property
    def public(self) -> Mapping[str, str]:
        """Zone name → CIDR of its public subnet."""
        return FrozenMapping({name: zone.public for name, zone in self.zones.items()})

    @property
    def private(self) -> Mapping[str, str]:
        """Zone name → CIDR of its private subnet."""
        return FrozenMapping({name: zone.private for name, zone in self.zones.items()})

    @property
    def nat_zones(self) -> tuple[str, ...]:
        """The zones that get a NAT gateway: all, the first, or none."""
        zones = tuple(self.zones)
        return {"per_az": zones, "1": zones[:1], "0": ()}[self.nat_gateways]

    @property
    def nat_by_zone(self) -> Mapping[str, str]:
        """Zone → the zone whose NAT gateway its private route table uses; empty without NAT gateways."""
        nats = self.nat_zones
        return FrozenMapping({zone: zone if zone in nats else nats[0] for zone in self.zones} if nats else {})

    @property
    def interface_endpoints(self) -> tuple[str, ...]:
        """The interface endpoints that exist: the configured ones without NAT gateways, none otherwise."""
        return () if self.nat_zones else self.endpoints
