"""The trail: who called which API, kept in the logs bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update, write

TRAILS = (arn_of("cloudtrail", "trail/{name}"),)


EVERY = ""
SELECTORS = '{"EventSelectors": [{"IncludeManagementEvents": true, "ReadWriteType": "All", "DataResources": []}]}'
"""What a trail without selectors does: all management events, no data events (aws-facts 7.3)."""


def _events(answer: Mapping[str, Any]) -> str:
    """AWS's selectors as text; EVERY for those of a trail that nobody has touched."""
    selectors = answer.get("EventSelectors") or []
    one = selectors[0] if len(selectors) == 1 else {}
    usual = one.get("ReadWriteType") == "All" and one.get("IncludeManagementEvents", True)
    plain = usual and not one.get("DataResources") and not one.get("ExcludeManagementEventSources")
    advanced = answer.get("AdvancedEventSelectors") or []
    if not advanced and (plain or not selectors):
        return EVERY
    member = {"AdvancedEventSelectors": advanced} if advanced else {"EventSelectors": selectors}
    return json.dumps(member, sort_keys=True)


@dataclass(frozen=True)
class Trail(Resource):
    """A trail of management events. A new one logs nothing until it is started."""

    name: str = fixed()
    bucket: str = ""
    multi_region: bool = True
    global_events: bool = True
    log_file_validation: bool = True
    logging: bool = True
    events: str = EVERY
    """Which management events it keeps: all, or as AWS's selectors say it."""

    forgotten: ClassVar[str] = "what happens meanwhile is not recorded"
    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"TrailNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"InsufficientS3BucketPolicyException", "S3BucketDoesNotExistException", "ConflictException"}
    )
    limit: ClassVar[float] = 300
    rights: ClassVar[tuple[Right, ...]] = (
        read("cloudtrail:DescribeTrails"),
        read("cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "cloudtrail:ListTags", on=TRAILS),
        create("cloudtrail:CreateTrail", "cloudtrail:AddTags", on=TRAILS, when=TAGGED),
        *write("cloudtrail:StartLogging", on=TRAILS),
        update("cloudtrail:UpdateTrail", "cloudtrail:StopLogging", "cloudtrail:PutEventSelectors", on=TRAILS),
        delete("cloudtrail:DeleteTrail", on=TRAILS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By name, without the shadows of trails of other regions; whether it logs is another read."""
        names = {want.name for want in scope.wanted(cls)} | {scope.names.prefix}
        trails = [
            one
            for one in aws.cloudtrail.describe_trails(includeShadowTrails=False)["trailList"]
            if one["Name"] in names
        ]
        if not trails:
            return
        answer = aws.cloudtrail.list_tags(ResourceIdList=[one["TrailARN"] for one in trails])
        tags = {r["ResourceId"]: {t["Key"]: t["Value"] for t in r["TagsList"]} for r in answer["ResourceTagList"]}
        for one in trails:
            arn = one["TrailARN"]
            has = cls(
                name=one["Name"],
                bucket=one["S3BucketName"],
                multi_region=one["IsMultiRegionTrail"],
                global_events=one["IncludeGlobalServiceEvents"],
                log_file_validation=one["LogFileValidationEnabled"],
                logging=aws.cloudtrail.get_trail_status(Name=arn)["IsLogging"],
                events=_events(aws.cloudtrail.get_event_selectors(TrailName=arn)),
            )
            yield Live(one["Name"], has, scope.address(tags.get(arn, {})), out={"arn": arn})

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.cloudtrail.add_tags(ResourceId=live.out["arn"], TagsList=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Made, then started. A bucket policy written seconds ago may be refused: asked again."""
        answer = aws.cloudtrail.create_trail(**self._parameters(), TagsList=identity.tag_list())
        if self.logging:
            aws.cloudtrail.start_logging(Name=self.name)
        return Made(self.name, {"arn": answer["TrailARN"]})

    def _parameters(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "S3BucketName": self.bucket,
            "IsMultiRegionTrail": self.multi_region,
            "IncludeGlobalServiceEvents": self.global_events,
            "EnableLogFileValidation": self.log_file_validation,
        }

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Everything but the name."""
        if "events" in changed:
            aws.cloudtrail.put_event_selectors(TrailName=self.name, **json.loads(self.events or SELECTORS))
        if changed - {"logging", "events"}:
            aws.cloudtrail.update_trail(**self._parameters())
        if "logging" in changed and self.logging:
            aws.cloudtrail.start_logging(Name=self.name)
        if "logging" in changed and not self.logging:
            aws.cloudtrail.stop_logging(Name=self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once; what it has written stays in the bucket."""
        aws.cloudtrail.delete_trail(Name=live.id)
