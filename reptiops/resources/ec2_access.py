"""What is let through the network and what is seen of it: security groups, their rules, VPC endpoints, flow logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, settled
from reptiops.engine.resource import Doing, Identity, Live, Made, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.policy import Policy
from reptiops.resources import ec2_held
from reptiops.resources.ec2 import ELSEWHERE, Subnet, Vpc
from reptiops.resources.ec2_routes import RouteTable
from reptiops.resources.ec2_tags import (
    TAGS,
    WITH_CREATE,
    Ec2Resource,
    at,
    made,
    managed,
    named,
    rename,
    tagged,
    tags_of,
)
from reptiops.rights import OURS, ROLES, Right, create, delete, passed_to, read, update, write

EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""The rule that AWS puts into the outbound side of every new group."""


def raise_unsuccessful(answer: Mapping[str, Any], operation: str) -> None:
    """Turn a failure that EC2 reports inside a 200 answer into the error it is."""
    for one in answer.get("Unsuccessful") or []:
        raise ClientError({"Error": one["Error"], "ResponseMetadata": answer.get("ResponseMetadata", {})}, operation)


@dataclass(frozen=True)
class SecurityGroup(Ec2Resource):
    """A security group without its rules, which are resources of their own because groups name each other."""

    vpc: str = fixed()
    name: str = fixed()
    description: str = fixed()
    open_outbound: bool = False
    """Whether it still has the rule that lets everything out, which AWS puts into each new group."""

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = absent | {"InvalidVpcID.NotFound", "DependencyViolation", "InvalidGroup.InUse"}
    typical_delete: ClassVar[float] = 10
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSecurityGroups"),
        *made("ec2:CreateSecurityGroup", "security-group", "vpc"),
        *write("ec2:RevokeSecurityGroupEgress", on=at("security-group"), when=OURS),
        update("ec2:AuthorizeSecurityGroupEgress", on=at("security-group"), when=OURS),
        delete(ec2_held.INTERFACES, "ec2:DescribeSecurityGroups"),
        delete("ec2:DeleteSecurityGroup", on=at("security-group"), when=OURS),
    )

    def key(self) -> str:
        """Names are unique in a VPC, whatever their case."""
        return f"{self.vpc}/{self.name.lower()}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Every group of our VPC but the default one, which AWS owns."""
        vpcs = [one.id for one in scope.live(Vpc)]
        if not vpcs:
            return
        for one in aws.ec2.pages(
            "describe_security_groups", "SecurityGroups", Filters=[{"Name": "vpc-id", "Values": vpcs}]
        ):
            if one["GroupName"] == "default" or managed(one):
                continue
            has = cls(one["VpcId"], one["GroupName"], one["Description"], _is_open(one.get("IpPermissionsEgress", [])))
            yield Live(one["GroupId"], has, scope.address(tags_of(one)))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """No token: name and tag find it again. The rule that lets everything out goes at once, unless it is wanted."""
        answer = aws.ec2.create_security_group(
            GroupName=self.name,
            Description=self.description,
            VpcId=self.vpc,
            TagSpecifications=named(identity, "security-group", self.name),
        )
        group = str(answer["GroupId"])
        if not self.open_outbound:
            aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[EVERYTHING])
        return Made(group)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the open outbound rule can differ in place. A rollback may want it back."""
        if self.open_outbound:
            call, settled_by = aws.ec2.authorize_security_group_egress, "InvalidPermission.Duplicate"
        else:
            call, settled_by = aws.ec2.revoke_security_group_egress, "InvalidPermission.NotFound"
        settled(call, settled_by, GroupId=live.id, IpPermissions=[EVERYTHING])

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while an interface uses it or another group's rule names it."""
        aws.ec2.delete_security_group(GroupId=live.id)

    def irreplaceable(self, live: Live[Any]) -> str:
        """A second group of the name is refused, and the first one stays as long as anything uses it."""
        if live.has.vpc != self.vpc:
            return ELSEWHERE
        return (
            "AWS changes no group's name or description, and moving its members to another group would cut them off for "
            "minutes, as rules of other groups name this one. Put back what it was; the words are seen in the console only"
        )

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The interfaces that it is on, and the groups whose rules name it."""
        return ec2_held.together(ec2_held.interfaces(aws, "group-id", live.id), ec2_held.naming(aws, live.id))


def _is_open(permissions: Iterable[Mapping[str, Any]]) -> bool:
    return any(
        p["IpProtocol"] == "-1" and any(r["CidrIp"] == "0.0.0.0/0" for r in p.get("IpRanges", [])) for p in permissions
    )


@dataclass(frozen=True)
class SecurityGroupRule(Ec2Resource):
    """One line of the matrix in one group. `peer` is a CIDR block or the id of another group."""

    group: str = fixed()
    direction: Literal["inbound", "outbound"] = fixed()
    protocol: str = "tcp"
    from_port: int = 0
    to_port: int = 0
    peer: str = "0.0.0.0/0"

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset(
        {"InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound", *SecurityGroup.absent}
    )
    not_yet: ClassVar[frozenset[str]] = SecurityGroup.absent
    within: ClassVar[bool] = True
    removable: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeSecurityGroupRules"),
        create(
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            on=at("security-group"),
            when=OURS,
        ),
        create(TAGS, on=at("security-group-rule"), when=WITH_CREATE),
        update("ec2:ModifySecurityGroupRules", on=at("security-group"), when=OURS),
        update("ec2:ModifySecurityGroupRules", on=at("security-group-rule")),
        delete("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", on=at("security-group"), when=OURS),
    )

    def key(self) -> str:
        """A group refuses two rules of the same content."""
        return f"{self.group}/{self.direction}/{self.protocol}/{self.from_port}-{self.to_port}/{self.peer}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Each rule by its own id: DescribeSecurityGroups would merge rules of equal ports."""
        groups = {one.id: one for one in scope.live(SecurityGroup) if one.address}
        if not groups:
            return
        filters = [{"Name": "group-id", "Values": sorted(groups)}]
        for one in aws.ec2.pages("describe_security_group_rules", "SecurityGroupRules", Filters=filters):
            if one["IsEgress"] and one["IpProtocol"] == "-1" and groups[one["GroupId"]].has.open_outbound:
                continue  # a difference of the group itself
            peer = one.get("CidrIpv4") or one.get("ReferencedGroupInfo", {}).get("GroupId")
            has = cls(
                group=one["GroupId"],
                direction="outbound" if one["IsEgress"] else "inbound",
                protocol=one["IpProtocol"],
                from_port=one.get("FromPort", -1),
                to_port=one.get("ToPort", -1),
                peer=peer or one.get("CidrIpv6") or one.get("PrefixListId") or "?",
            )
            yield Live(one["SecurityGroupRuleId"], has, scope.address(tags_of(one)))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """One rule a call: a duplicate would fail the whole call."""
        authorize = (
            aws.ec2.authorize_security_group_ingress
            if self.direction == "inbound"
            else aws.ec2.authorize_security_group_egress
        )
        tags = [{"ResourceType": "security-group-rule", "Tags": identity.tag_list()}]
        answer = authorize(GroupId=self.group, IpPermissions=[self._permission()], TagSpecifications=tags)
        return Made(answer["SecurityGroupRules"][-1]["SecurityGroupRuleId"])

    def _permission(self) -> dict[str, Any]:
        listed, member, _ = _peer(self.peer)
        return {
            "IpProtocol": self.protocol,
            "FromPort": self.from_port,
            "ToPort": self.to_port,
            listed: [{member: self.peer}],
        }

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """ModifySecurityGroupRules replaces all fields of a rule."""
        _, _, member = _peer(self.peer)
        rule = {
            "IpProtocol": self.protocol,
            "FromPort": self.from_port,
            "ToPort": self.to_port,
            member: self.peer,
        }
        aws.ec2.modify_security_group_rules(
            GroupId=self.group,
            SecurityGroupRules=[{"SecurityGroupRuleId": live.id, "SecurityGroupRule": rule}],
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """By its id, so that nothing but this rule goes."""
        revoke = (
            aws.ec2.revoke_security_group_ingress
            if live.has.direction == "inbound"
            else aws.ec2.revoke_security_group_egress
        )
        revoke(GroupId=live.has.group, SecurityGroupRuleIds=[live.id])


OPEN_POLICY = Policy.make({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
"""What AWS gives an endpoint that is made without a policy: what passes it is for the callers' own policies to say."""


def _peer(peer: str) -> tuple[str, str, str]:
    """How a permission lists such a peer, what it calls it there, and what a rule calls it. A rollback knows them all."""
    if peer.startswith("sg-"):
        return "UserIdGroupPairs", "GroupId", "ReferencedGroupId"
    if peer.startswith("pl-"):
        return "PrefixListIds", "PrefixListId", "PrefixListId"
    if ":" in peer:
        return "Ipv6Ranges", "CidrIpv6", "CidrIpv6"
    return "IpRanges", "CidrIp", "CidrIpv4"


@dataclass(frozen=True)
class VpcEndpoint(Ec2Resource):
    """A private way to an AWS service: a gateway in route tables, or interfaces in subnets."""

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

    def takes(self, verb: Doing = "create") -> float:
        """A gateway is an entry in route tables; interfaces have to be made."""
        return 6.0 if self.type == "Gateway" else super().takes(verb)

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
        vpcs = [one.id for one in scope.live(Vpc)]
        if not vpcs:
            return
        for one in aws.ec2.pages(
            "describe_vpc_endpoints", "VpcEndpoints", Filters=[{"Name": "vpc-id", "Values": vpcs}]
        ):
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
    phase: Any = {"available": "ready", "failed": "failed", "rejected": "failed"}.get(word, "pending")
    return Status(phase, word)


@dataclass(frozen=True)
class FlowLog(Ec2Resource):
    """Accepted and rejected traffic of a VPC, delivered to a log group. AWS changes nothing of it but its tags."""

    vpc: str = fixed()
    log_group: str = fixed()
    role: str = fixed()
    traffic: str = fixed(default="ALL")
    aggregation_seconds: int = fixed(default=600)
    name: str = ""

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"InvalidFlowLogId.NotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidVpcID.NotFound"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("InvalidParameter", "assume"),)
    limit: ClassVar[float] = 180
    rights: ClassVar[tuple[Right, ...]] = (
        read("ec2:DescribeFlowLogs"),
        *made("ec2:CreateFlowLogs", "vpc-flow-log", "vpc"),
        create("iam:PassRole", on=ROLES, when=passed_to("vpc-flow-logs")),
        update(TAGS, on=at("vpc-flow-log"), when=OURS),
        delete("ec2:DeleteFlowLogs", on=at("vpc-flow-log"), when=OURS),
    )

    def key(self) -> str:
        """AWS refuses an identical second one."""
        return f"{self.vpc}/{self.log_group}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By tag; a failed delivery is shown with AWS's reason."""
        yield from cls._read(aws, scope, scope.ec2_filters())

    @classmethod
    def strangers(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of our VPC that nobody has claimed."""
        yield from cls._read(aws, scope, [], strange=True)

    @classmethod
    def _read(
        cls, aws: Aws, scope: Scope, filters: list[dict[str, Any]], strange: bool = False
    ) -> Iterable[Live[Self]]:
        vpcs = {one.id for one in scope.live(Vpc)}
        if not vpcs:
            return
        for one in tagged(scope, cls, ("describe_flow_logs", "FlowLogs", "FlowLogId", "flow-log-id"), filters):
            tags = tags_of(one)
            if one["ResourceId"] not in vpcs or (strange and not scope.unclaimed(tags)):
                continue
            has = cls(
                vpc=one["ResourceId"],
                log_group=one.get("LogGroupName", ""),
                role=one.get("DeliverLogsPermissionArn", ""),
                traffic=one["TrafficType"],
                aggregation_seconds=one.get("MaxAggregationInterval", 600),
                name=tags.get("Name", ""),
            )
            delivered = one.get("DeliverLogsStatus", "SUCCESS") != "FAILED"
            word = "active" if delivered else "delivery failed"
            status = Status("ready", word, one.get("DeliverLogsErrorMessage", ""))
            yield Live(one["FlowLogId"], has, scope.address(tags), status, created=one.get("CreationTime"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Answers 200 with the failure inside; a role made seconds ago cannot be assumed yet."""
        answer = aws.ec2.create_flow_logs(
            ClientToken=identity.token,
            ResourceIds=[self.vpc],
            ResourceType="VPC",
            TrafficType=self.traffic,
            LogDestinationType="cloud-watch-logs",
            LogGroupName=self.log_group,
            DeliverLogsPermissionArn=self.role,
            MaxAggregationInterval=self.aggregation_seconds,
            TagSpecifications=named(identity, "vpc-flow-log", self.name),
        )
        raise_unsuccessful(answer, "CreateFlowLogs")
        return Made(answer["FlowLogIds"][0])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the name can change."""
        rename(aws, live.id, self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """The log group stays: it is a resource of its own."""
        raise_unsuccessful(aws.ec2.delete_flow_logs(FlowLogIds=[live.id]), "DeleteFlowLogs")
