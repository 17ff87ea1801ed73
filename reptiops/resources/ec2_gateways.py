"""The ways out of a VPC: internet gateway, NAT gateways and their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws, settled
from reptiops.engine.resource import Drawn, Identity, Live, Made, Risk, Status, fixed
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.resources import ec2_held
from reptiops.resources.ec2 import Subnet, Vpc
from reptiops.resources.ec2_tags import TAGS, TaggedResource, at, made, named, rename
from reptiops.rights import OURS, Right, delete, read, update, write

STATES = {"Name": "state", "Values": ["pending", "available", "failed", "deleting"]}
"""Those of a NAT gateway that is not deleted yet: deleted ones stay visible for about an hour."""


@dataclass(frozen=True)
class InternetGateway(TaggedResource):
    """The way to the internet, attached to one VPC."""

    of_service: ClassVar[str] = "ec2"
    listing: ClassVar[tuple[str, str, str, str]] = (
        "describe_internet_gateways",
        "InternetGateways",
        "InternetGatewayId",
        "internet-gateway-id",
    )

    vpc: str = ""
    name: str = ""

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidInternetGatewayID.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent | Vpc.absent  # the attachment may fail when the gateway is there
    not_yet: ClassVar[frozenset[str]] = absent | Vpc.absent | {"DependencyViolation"}
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeInternetGateways"),
        *made("ec2:CreateInternetGateway", "internet-gateway"),
        *write("ec2:AttachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        update("ec2:DetachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        update(TAGS, on=at("internet-gateway"), when=OURS),
        update("ec2:DescribeInternetGateways"),
        delete("ec2:DescribeInternetGateways"),
        delete("ec2:DetachInternetGateway", on=at("internet-gateway", "vpc"), when=OURS),
        delete(ec2_held.INTERFACES),
        delete("ec2:DeleteInternetGateway", on=at("internet-gateway"), when=OURS),
    )

    def resembles(self, other: Self) -> bool:
        """Attached to the VPC, or of the same name."""
        return self.vpc == other.vpc or (bool(self.name) and self.name == other.name)

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        """It has no state of its own, only one of its attachment, which is called `available`."""
        attached = [a["VpcId"] for a in one.get("Attachments", [])]
        return Live(one["InternetGatewayId"], cls("".join(attached), tags.get("Name", "")), address)

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Made, then attached: a crash in between is a difference in `vpc`."""
        answer = aws.ec2.create_internet_gateway(TagSpecifications=named(identity, "internet-gateway", self.name))
        gateway = str(answer["InternetGateway"]["InternetGatewayId"])
        aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        return Made(gateway)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Name and attachment."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        if "vpc" in changed:
            there = _attached(aws, live.id)
            for vpc in there - {self.vpc}:
                _detach(aws, live.id, vpc)
            if self.vpc not in there:
                aws.ec2.attach_internet_gateway(InternetGatewayId=live.id, VpcId=self.vpc)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Detaching answers DependencyViolation while any public address in the VPC is mapped."""
        for vpc in _attached(aws, live.id):
            _detach(aws, live.id, vpc)
        aws.ec2.delete_internet_gateway(InternetGatewayId=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The interfaces of its VPC that have a public address."""
        return ec2_held.interfaces(aws, "vpc-id", live.has.vpc, public=True) if live.has.vpc else ""


def _attached(aws: Aws, gateway: str) -> set[str]:
    """The VPC that a gateway is attached to, if any."""
    answer = aws.ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    return {one["VpcId"] for one in answer[0].get("Attachments", [])}


def _detach(aws: Aws, gateway: str, vpc: str) -> None:
    """AWS's reads lag: what they show as attached may be detached by now."""
    settled(aws.ec2.detach_internet_gateway, "Gateway.NotAttached", InternetGatewayId=gateway, VpcId=vpc)


@dataclass(frozen=True)
class ElasticIp(TaggedResource):
    """A public address for a NAT gateway. It costs money as long as it exists."""

    lost: ClassVar[str] = "AWS gives another public address"
    of_service: ClassVar[str] = "ec2"
    listing: ClassVar[tuple[str, str, str, str]] = ("describe_addresses", "Addresses", "AllocationId", "allocation-id")

    name: str = ""

    risk: ClassVar[Risk] = "cost"
    without: ClassVar[Risk | None] = "availability"
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidAllocationID.NotFound", "InvalidAddress.NotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidIPAddress.InUse"})
    # AWS's words while the mapping of a NAT gateway lingers that it calls deleted already: no right is missing.
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("AuthFailure", "permission to access the specified resource"),
    )
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeAddresses"),
        *made("ec2:AllocateAddress", "elastic-ip"),
        update(TAGS, on=at("elastic-ip"), when=OURS),
        delete("ec2:ReleaseAddress", on=at("elastic-ip"), when=OURS),
    )

    def billable(self, around: Around) -> Iterable[Use]:
        """Every public address is billed by the hour, in use or not."""
        yield Use("ipv4.hour", HOURS)

    def resembles(self, other: Self) -> bool:
        """Only the name tells one address from another."""
        return bool(self.name) and self.name == other.name

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        return Live(one["AllocationId"], cls(tags.get("Name", "")), address, out={"address": one["PublicIp"]})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """AllocateAddress has no token: the tag finds it again."""
        answer = aws.ec2.allocate_address(Domain="vpc", TagSpecifications=named(identity, "elastic-ip", self.name))
        return Made(answer["AllocationId"], {"address": answer["PublicIp"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the name can change."""
        rename(aws, live.id, self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Released only when no NAT gateway uses it."""
        aws.ec2.release_address(AllocationId=live.id)


@dataclass(frozen=True)
class NatGateway(TaggedResource):
    """How private subnets reach the internet. Creation succeeds and may fail later; a failed one is never repaired."""

    of_service: ClassVar[str] = "ec2"
    listing: ClassVar[tuple[str, str, str, str]] = (
        "describe_nat_gateways",
        "NatGateways",
        "NatGatewayId",
        "nat-gateway-id",
    )
    always: ClassVar[tuple[Mapping[str, Any], ...]] = (STATES,)

    subnet: str = fixed()
    address: str = fixed()
    name: str = ""

    drawn: ClassVar[Drawn] = "gate"
    absent: ClassVar[frozenset[str]] = frozenset({"NatGatewayNotFound", "InvalidNatGatewayID.NotFound"})
    not_yet: ClassVar[frozenset[str]] = Subnet.absent | {"InvalidAllocationID.NotFound"}
    typical: ClassVar[float] = 105
    nine_in_ten: ClassVar[float | None] = 126
    typical_delete: ClassVar[float] = 60
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeNatGateways"),
        *made("ec2:CreateNatGateway", "natgateway", "elastic-ip", "subnet", "vpc"),
        update(TAGS, on=at("natgateway"), when=OURS),
        delete("ec2:DeleteNatGateway", on=at("natgateway"), when=OURS),
    )

    def billable(self, around: Around) -> Iterable[Use]:
        """The hour and every GB that goes through it; its address is billed by itself."""
        yield Use("nat.hour", HOURS)
        yield Use("nat.gb", by="nat_gb")

    def resembles(self, other: Self) -> bool:
        """In the same subnet."""
        return self.subnet == other.subnet

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        addresses = one.get("NatGatewayAddresses") or [{}]
        has = cls(one["SubnetId"], addresses[0].get("AllocationId", ""), tags.get("Name", ""))
        words = {"available": "ready", "failed": "failed", "deleting": "going"}
        reason = f"{one.get('FailureCode', '')} {one.get('FailureMessage', '')}".strip()
        status = Status(words.get(one["State"], "pending"), one["State"], reason)  # type: ignore[arg-type]
        return Live(one["NatGatewayId"], has, address, status, created=one.get("CreateTime"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The token is honoured by AWS: the same one answers the same gateway."""
        answer = aws.ec2.create_nat_gateway(
            SubnetId=self.subnet,
            AllocationId=self.address,
            ClientToken=identity.token,
            TagSpecifications=named(identity, "natgateway", self.name),
        )
        return Made(answer["NatGateway"]["NatGatewayId"], status=Status("pending", "pending"))

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the name can change."""
        rename(aws, live.id, self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Takes one to five minutes; the address stays allocated."""
        if live.status.word == "deleting":
            return
        aws.ec2.delete_nat_gateway(NatGatewayId=live.id)
