"""Log groups: our own, and those that services of AWS write under names that follow from the resource they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.place import Place
from reptiops.engine.resource import REVERSIBLE, Change, Identity, Live, Made, Resource, Risk, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources.ec2_flow_logs import FlowLog
from reptiops.resources.ecs import Cluster
from reptiops.resources.expiry import sooner
from reptiops.resources.rds import Instance
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, undo, update, write

COMPRESSED = 0.15
"""What compression leaves of a log, roughly: AWS bills the compressed bytes and promises no ratio."""

GROUPS = (arn_of("logs", "log-group:{name}"), arn_of("logs", "log-group:{name}:*"))


INSIGHTS = "/aws/ecs/containerinsights/"
OWN = (INSIGHTS, "/aws/rds/instance/")
"""Below these the next part of a name is a cluster's or an instance's: what is there belongs to that (aws-facts 0.17)."""


def insights_group(cluster: str) -> str:
    """Where Container Insights writes what it measures of a cluster."""
    return f"{INSIGHTS}{cluster}/performance"


def export_group(instance: str, log: str) -> str:
    """Where RDS exports one of an instance's logs to."""
    return f"/aws/rds/instance/{instance.lower()}/{log}"


def _groups(scope: Scope, paths: Iterable[str]) -> list[dict[str, Any]]:
    """All of a small account by one call, else those below the paths: an account with functions has thousands."""
    logs = scope.aws.logs
    answer = scope.once("log groups", lambda: logs.describe_log_groups())
    if "nextToken" not in answer:
        return list(answer["logGroups"])

    def below(path: str) -> list[dict[str, Any]]:
        return logs.pages("describe_log_groups", "logGroups", logGroupNamePrefix=f"{path}/")

    return [one for path in sorted(paths) for one in scope.once(f"log groups of {path}", partial(below, path))]


@dataclass(frozen=True)
class LogsResource(Resource):
    """What both kinds of log groups share. Without a retention one keeps everything for ever, and is billed for it."""

    name: str = fixed()
    retention_days: int = 0
    """0: for ever."""

    risk: ClassVar[Risk] = "cost"
    holds_data: ClassVar[bool] = True
    anew_empty: ClassVar[bool] = True
    good_empty: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    unseen: ClassVar[frozenset[str]] = absent
    not_yet: ClassVar[frozenset[str]] = absent | {"OperationAbortedException", "ServiceUnavailableException"}
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
    def at_stake(cls, change: Change) -> Risk:
        """A shorter retention deletes logs, a longer one costs."""
        shorter = change.field == "retention_days" and sooner(change.want, change.has)
        return "data" if shorter else super().at_stake(change)

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """A shorter retention deletes what is older."""
        if sooner(change.has, change.want):
            return Undoing("reversible with data loss", f"what is older than {change.want} days is deleted")
        return REVERSIBLE

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.name, "arn": place.arn("logs", f"log-group:{self.name}")}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """The wanted groups by name, and those beside them that are ours: what is no longer wanted is still ours."""
        names = {want.name for want in scope.wanted(cls)}
        paths = {name.rpartition("/")[0] for name in names}
        groups = {
            one["arn"].removesuffix(":*"): one
            for one in _groups(scope, paths)
            if one["logGroupName"].rpartition("/")[0] in paths
        }
        read = singly(lambda arn: aws.logs.list_tags_for_resource(resourceArn=arn)["tags"])
        tags = tags_of(scope, cls, {arn: one["logGroupName"] for arn, one in groups.items()}, read, names)
        for arn, one in groups.items():
            address = scope.address(tags.get(arn, {}))
            if one["logGroupName"] not in names and address is None and not cls._ours(one["logGroupName"]):
                continue
            has = cls(one["logGroupName"], one.get("retentionInDays", 0))
            created = datetime.fromtimestamp(one["creationTime"] / 1000, UTC)
            yield Live(one["logGroupName"], has, address, out={"arn": arn}, created=created)

    @classmethod
    def _ours(cls, name: str) -> bool:
        """Whether one beside a wanted one is ours although nothing but its name says so."""
        return False

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN, without the asterisk at its end."""
        aws.logs.tag_resource(resourceArn=live.out["arn"], tags=dict(identity.tags))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The retention is a second call."""
        aws.logs.create_log_group(logGroupName=self.name, tags=dict(identity.tags))
        if self.retention_days:
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


@dataclass(frozen=True)
class LogGroup(LogsResource):
    """A log group of our own. Without it no new task of its service starts."""

    without: ClassVar[Risk | None] = "availability"
    rights: ClassVar[tuple[Right, ...]] = (*LogsResource.rights, undo("logs:DescribeLogStreams", on=GROUPS))

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Once something has written to it."""
        streams = aws.logs.describe_log_streams(logGroupName=live.id, limit=1)["logStreams"]
        return "it holds logs" if streams else ""


@dataclass(frozen=True)
class ServiceLogGroup(LogsResource):
    """A log group that a service of AWS writes to, under a name that AWS has made up from that of a resource of ours.

    Where it is missing AWS makes it, without tags and for ever: so it is made before who writes to it, and whose it is says
    who writes to it, or under AWS's own names the name alone. AWS may write for minutes after that one's end, and then makes it once more (aws-facts 0.17, 8.1).
    What it holds says nothing without that one, so a rollback never keeps it for what it holds.
    """

    within: ClassVar[bool] = True
    returns: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (*LogsResource.rights, update("logs:TagResource", on=GROUPS, when=TAGGED))

    def billable(self, around: Around) -> Iterable[Use]:
        """Container Insights is billed by its metrics."""
        return () if self.name.startswith(INSIGHTS) else super().billable(around)

    @classmethod
    def _ours(cls, name: str) -> bool:
        return name.startswith(OWN)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Of one that bears no tags it is told whether somebody else's is what writes to it."""
        recorded = scope.recorded(cls)
        for one in super().observe(aws, scope):
            theirs = one.address is None and one.id not in recorded and cls._theirs(scope, one.id)
            yield replace(one, out={**one.out, "theirs": "yes"}) if theirs else one

    @classmethod
    def _theirs(cls, scope: Scope, name: str) -> bool:
        """Of a name that we have chosen, whether no flow log of ours delivers there; of one that AWS has made up, whether
        the cluster or the instance in it is there and not ours.
        """
        if not name.startswith(OWN):
            return all(log.has.log_group != name for log in scope.live(FlowLog))
        writer: type[Cluster] | type[Instance] = Cluster if name.startswith(INSIGHTS) else Instance
        there = [one.id for one in scope.live(writer) if one.has.key() == name.split("/")[4]]
        ours = {one.id for one in scope.ours(writer)}
        return bool(there) and not ours & set(there)

    def foreign(self, live: Live[Any]) -> bool:
        """Only what somebody else's writes to."""
        return "theirs" in live.out

    def create(self, aws: Aws, identity: Identity) -> Made:
        """AWS may have been first by now: then it gets what it lacks."""
        try:
            return super().create(aws, identity)
        except ClientError as error:
            if code(error) != "ResourceAlreadyExistsException":
                raise
        arn = aws.arn("logs", f"log-group:{self.name}")
        aws.logs.tag_resource(resourceArn=arn, tags=dict(identity.tags))
        if self.retention_days:
            self._retain(aws)
        return Made(self.name, {"arn": arn})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """One that AWS has made has no tags either."""
        super().update(aws, live, changed)
        if live.address is None and live.identity is not None:
            aws.logs.tag_resource(resourceArn=live.out["arn"], tags=dict(live.identity.tags))
