"""Log groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import REVERSIBLE, Change, Identity, Live, Made, Resource, Risk, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update, write

COMPRESSED = 0.15
"""What compression leaves of a log, roughly: AWS bills the compressed bytes and promises no ratio."""

GROUPS = (arn_of("logs", "log-group:{name}"), arn_of("logs", "log-group:{name}:*"))


@dataclass(frozen=True)
class LogGroup(Resource):
    """A log group. Without a retention it keeps everything for ever, and is billed for it."""

    name: str = fixed()
    retention_days: int = 0
    """0: for ever."""

    risk: ClassVar[Risk] = "cost"
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"OperationAbortedException", "ServiceUnavailableException"})
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("logs:DescribeLogGroups"),
        read("logs:ListTagsForResource", on=GROUPS),
        create("logs:CreateLogGroup", "logs:TagResource", on=GROUPS, when=TAGGED),
        *write("logs:PutRetentionPolicy", on=GROUPS),
        update("logs:DeleteRetentionPolicy", on=GROUPS),
        delete("logs:DeleteLogGroup", on=GROUPS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """What comes in, and what is kept of it, compressed; without a retention after a year."""
        yield Use("logs.ingest", by="log_gb")
        yield Use("logs.stored", (self.retention_days or 365) / 30 * COMPRESSED, by="log_gb")

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """A shorter retention deletes what is older."""
        shorter = (
            isinstance(change.want, int) and change.want and (not change.has or change.want < int(str(change.has)))
        )
        if shorter:
            return Undoing("reversible with data loss", f"what is older than {change.want} days is deleted")
        return REVERSIBLE

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """The wanted groups by name, and those beside them that carry our tags: what is no longer wanted is still ours."""
        names = {want.name for want in scope.wanted(LogGroup)}
        paths = {name.rpartition("/")[0] for name in names}
        groups = {
            one["arn"].removesuffix(":*"): one
            for one in aws.logs.pages("describe_log_groups", "logGroups")
            if one["logGroupName"].rpartition("/")[0] in paths
        }
        read = singly(lambda arn: aws.logs.list_tags_for_resource(resourceArn=arn)["tags"])
        tags = tags_of(scope, LogGroup, {arn: one["logGroupName"] for arn, one in groups.items()}, read, names)
        for arn, one in groups.items():
            address = scope.address(tags.get(arn, {}))
            if one["logGroupName"] not in names and address is None:
                continue
            has = cls(one["logGroupName"], one.get("retentionInDays", 0))
            created = datetime.fromtimestamp(one["creationTime"] / 1000, UTC)
            yield Live(one["logGroupName"], has, address, out={"arn": arn}, created=created)

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN, without the asterisk at its end."""
        aws.logs.tag_resource(resourceArn=live.out["arn"], tags=dict(identity.tags))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The retention is a second call."""
        aws.logs.create_log_group(logGroupName=self.name, tags=dict(identity.tags))
        self._retain(aws)
        return Made(self.name, {"arn": aws.arn("logs", f"log-group:{self.name}")})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the retention changes in place."""
        self._retain(aws)

    def _retain(self, aws: Aws) -> None:
        if self.retention_days:
            aws.logs.put_retention_policy(logGroupName=self.name, retentionInDays=self.retention_days)
        else:
            aws.logs.delete_retention_policy(logGroupName=self.name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once and for ever."""
        aws.logs.delete_log_group(logGroupName=self.name)
