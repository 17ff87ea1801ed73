"""Flow logs: what is seen of a VPC's traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Live, Made, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.resources.ec2 import Vpc
from reptiops.resources.ec2_tags import TAGS, TaggedResource, at, made, named, raise_unsuccessful, rename
from reptiops.rights import OURS, ROLES, Right, create, delete, passed_to, read, update


@dataclass(frozen=True)
class FlowLog(TaggedResource):
    """Accepted and rejected traffic of a VPC, delivered to a log group. AWS changes nothing of it but its tags."""

    of_service: ClassVar[str] = "ec2_access"
    listing: ClassVar[tuple[str, str, str, str]] = ("describe_flow_logs", "FlowLogs", "FlowLogId", "flow-log-id")

    vpc: str = fixed()
    log_group: str = fixed()
    role: str = fixed()
    traffic: str = fixed(default="ALL")
    aggregation_seconds: int = fixed(default=600)
    name: str = ""

    forgotten: ClassVar[str] = "the traffic meanwhile is not recorded"
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
    def _read(
        cls, aws: Aws, scope: Scope, filters: list[dict[str, Any]], strange: bool = False
    ) -> Iterable[Live[Self]]:
        """Those of our VPC only."""
        vpcs = {one.id for one in scope.live(Vpc)}
        if vpcs:
            yield from (one for one in super()._read(aws, scope, filters, strange) if one.has.vpc in vpcs)

    @classmethod
    def _live(cls, aws: Aws, one: Mapping[str, Any], tags: Mapping[str, str], address: str | None) -> Live[Self]:
        """A failed delivery is shown with AWS's reason."""
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
        return Live(one["FlowLogId"], has, address, status, created=one.get("CreationTime"))

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
