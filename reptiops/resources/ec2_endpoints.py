"""VPC endpoints: private ways to AWS's services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Change, Doing, Effect, Identity, Live, Made, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.policy import Policy
from reptiops.resources.ec2 import Subnet, Vpc, in_our_vpc
from reptiops.resources.ec2_access import SecurityGroup
from reptiops.resources.ec2_routes import RouteTable
from reptiops.resources.ec2_tags import TAGS, Ec2Resource, at, made, managed, named, raise_unsuccessful, rename, tags_of
from reptiops.rights import OURS, Right, create, delete, read, update

OPEN_POLICY = Policy.make({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
"""What AWS gives an endpoint that is made without a policy: what passes it is for the callers' own policies to say."""


@dataclass(frozen=True)
class VpcEndpoint(Ec2Resource):
    """A private way to an AWS service: a gateway in route tables, or interfaces in subnets."""

    of_service: ClassVar[str] = "ec2_access"

    vpc: str = fixed()
    service: str = fixed()
    type: Literal["Gateway", "Interface"] = fixed()
    name: str = ""
    route_tables: frozenset[str] = frozenset()
    subnets: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    private_dns: bool = False
    policy: Policy = OPEN_POLICY

    within: ClassVar[bool] = True
    risks: ClassVar[Mapping[str, Risk]] = {"policy": "security", "security_groups": "security"}
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"})
    not_yet: ClassVar[frozenset[str]] = Vpc.absent | Subnet.absent | RouteTable.absent | SecurityGroup.absent
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidParameter", "conflicting DNS domain"),)
    typical: ClassVar[float] = 90
    typical_delete: ClassVar[float] = 90
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeVpcEndpoints"),
        *made("ec2:CreateVpcEndpoint", "vpc-endpoint", "vpc", "route-table", "subnet", "security-group"),
        create("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        # Its private names are in a zone of AWS's, which is joined to the VPC on the caller's behalf.
        create("route53:AssociateVPCWithHostedZone", on=("arn:{partition}:route53:::hostedzone/*",)),
        update("ec2:ModifyVpcEndpoint", on=at("vpc-endpoint", "route-table", "subnet", "security-group"), when=OURS),
        update(TAGS, on=at("vpc-endpoint"), when=OURS),
        delete("ec2:DeleteVpcEndpoints", on=at("vpc-endpoint"), when=OURS),
    )

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """A gateway is an entry in route tables; interfaces have to be made."""
        return 6.0 if self.type == "Gateway" else super().takes(verb, changes)

    def effect(self, change: Change) -> Effect:
        """An interface in another subnet has to be made too."""
        return Effect(self.typical) if change.field == "subnets" else Effect()

    def key(self) -> str:
        """A VPC has one endpoint with private names for a service."""
        return f"{self.vpc}/{self.service}"

    def billable(self, around: Around) -> Iterable[Use]:
        """An interface costs in each zone; gateways cost nothing."""
        if self.type == "Interface":
            yield Use("endpoint.hour", HOURS * len(self.subnets))
            yield Use("endpoint.gb", by="nat_gb")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything in our VPC; the state's case differs between documentation and practice."""
        for one in in_our_vpc(scope, "describe_vpc_endpoints", "VpcEndpoints"):
            word = one.get("State", "available").lower()
            if word in ("deleted", "expired") or one.get("RequesterManaged") or managed(one):
                continue
            tags = tags_of(one)
            has = cls(
                vpc=one["VpcId"],
                service=one["ServiceName"],
                type=one["VpcEndpointType"],
                name=tags.get("Name", ""),
                route_tables=frozenset(one.get("RouteTableIds", [])),
                subnets=frozenset(one.get("SubnetIds", [])),
                security_groups=frozenset(g["GroupId"] for g in one.get("Groups", [])),
                private_dns=one["VpcEndpointType"] == "Interface" and bool(one.get("PrivateDnsEnabled")),
                policy=Policy.of(one["PolicyDocument"]) if one.get("PolicyDocument") else OPEN_POLICY,
            )
            yield Live(one["VpcEndpointId"], has, scope.address(tags), _endpoint_status(word))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Without groups an interface endpoint would take the VPC's default group, so they are always sent."""
        interface = {
            "SubnetIds": sorted(self.subnets),
            "SecurityGroupIds": sorted(self.security_groups),
            "PrivateDnsEnabled": self.private_dns,
        }
        answer = aws.ec2.create_vpc_endpoint(
            VpcEndpointType=self.type,
            VpcId=self.vpc,
            ServiceName=self.service,
            ClientToken=identity.token,
            TagSpecifications=named(identity, "vpc-endpoint", self.name),
            **({"RouteTableIds": sorted(self.route_tables)} if self.type == "Gateway" else interface),
        )
        word = answer["VpcEndpoint"].get("State", "pending").lower()
        return Made(answer["VpcEndpoint"]["VpcEndpointId"], status=_endpoint_status(word))

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """ModifyVpcEndpoint takes what to add and what to remove."""
        if "name" in changed:
            rename(aws, live.id, self.name)
        modify: dict[str, Any] = {}
        for name, parameter in (
            ("route_tables", "RouteTableIds"),
            ("subnets", "SubnetIds"),
            ("security_groups", "SecurityGroupIds"),
        ):
            if name in changed:
                want, has = getattr(self, name), getattr(live.has, name)
                modify |= {f"Add{parameter}": sorted(want - has)} if want - has else {}
                modify |= {f"Remove{parameter}": sorted(has - want)} if has - want else {}
        if "private_dns" in changed:
            modify["PrivateDnsEnabled"] = self.private_dns
        if "policy" in changed:
            modify["PolicyDocument"] = self.policy.json()
        if modify:
            aws.ec2.modify_vpc_endpoint(VpcEndpointId=live.id, **modify)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Answers 200 and says inside what did not work; its interfaces follow within minutes."""
        if live.status.word != "deleting":
            answer = aws.ec2.delete_vpc_endpoints(VpcEndpointIds=[live.id])
            raise_unsuccessful(answer, "DeleteVpcEndpoints")


def _endpoint_status(word: str) -> Status:
    phases: Mapping[str, Any] = {"available": "ready", "failed": "failed", "rejected": "failed", "deleting": "going"}
    return Status(phases.get(word, "pending"), word)
