"""Redis: the replication group. Encryption at rest exists only on replication groups, even of one node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message
from reptiops.engine.place import Place
from reptiops.engine.resource import (
    Change,
    Doing,
    Drawn,
    Effect,
    Identity,
    Live,
    Made,
    NotYet,
    Risk,
    Status,
    Undoing,
    fixed,
    local,
    satisfied,
)
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.resources import elasticache_changes
from reptiops.resources.elasticache_groups import (
    GROUPS,
    LOOKING,
    PLUGGING,
    PLUGS,
    ROLE_SPREADS,
    CacheResource,
    listed_tags,
)
from reptiops.resources.rds_changes import downgraded
from reptiops.resources.rds_states import long_running, newer_minor
from reptiops.resources.tagging import BULK, bulk
from reptiops.rights import BY_AWS, SECRETS, TAGGED, Right, arn_of, create, delete, read, update, write

TOKEN_TAG = "reptiops:token-version"
"""The tag that says from which version of the secret the auth token was set."""
ROTATING_TAG = "reptiops:token-rotating"
"""The tag that says what is being done to the token, and when AWS had last changed it before: `rotate:<version>:<time>`,
then `set:<version>:<time>`. It is an intention; done is what has moved AWS's own time.
"""

UNKNOWN = "unknown"
"""The version of a token that the group has and no tag of ours tells of: set by hand, or by a run that was killed."""


def _token_version(one: Mapping[str, Any], tags: Mapping[str, str]) -> str | None:
    """From which version of the secret its token is; None where it has none."""
    changing = (one.get("PendingModifiedValues") or {}).get("AuthTokenStatus")
    return tags.get(TOKEN_TAG) or (UNKNOWN if one.get("AuthTokenEnabled") or changing else None)


def _tag(aws: Aws, arn: str, name: str, value: str) -> None:
    aws.elasticache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": name, "Value": value}])


def _tagged(
    aws: Aws, known: Mapping[str, Mapping[str, str]], one: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """A group and its tags. While it is not available AWS refuses to list them: nightly snapshots, and a change that has
    begun since the group was read. Then those count that the tagging API has `known`.
    """
    if one["Status"] != "available":
        return one, known.get(one["ARN"], {})
    try:
        return one, listed_tags(aws, one["ARN"])
    except ClientError as error:
        if code(error) != "InvalidReplicationGroupState":
            raise
        return {**one, "Status": "modifying"}, known.get(one["ARN"], {})


CACHES = (
    arn_of("elasticache", "replicationgroup:{elasticache.ReplicationGroup.name}"),
    arn_of("elasticache", "cluster:{elasticache.ReplicationGroup.name}-*"),
)
BESIDE = (*GROUPS, arn_of("elasticache", "parametergroup:*"))
"""What the call that makes a group names."""


@dataclass(frozen=True)
class ReplicationGroup(CacheResource):
    """Redis, cluster mode off. The auth token is read from a secret inside the call that sets it."""

    name: str = fixed()
    description: str = ""
    engine: str = fixed(default="redis")
    version: str = satisfied(newer_minor, default="7.0")
    node_type: str = ""
    nodes: int = 1
    automatic_failover: bool = False
    multi_az: bool = False
    at_rest: bool = fixed(default=True)
    in_transit: bool = fixed(default=False)
    subnet_group: str = fixed(default="")
    security_groups: frozenset[str] = frozenset()
    parameter_group: str = "default.redis7"
    port: int = fixed(default=6379)
    snapshot_days: int = 0
    snapshot_window: str | None = None
    maintenance_window: str | None = None
    auto_minor_upgrade: bool = True
    token_from: str | None = local(default=None)
    """ARN of the secret whose value is the token."""
    token_version: str | None = None

    drawn: ClassVar[Drawn] = "data"
    risks: ClassVar[Mapping[str, Risk]] = {
        "node_type": "cost",
        "snapshot_days": "data",
        "security_groups": "security",
        "token_version": "security",
    }
    absent: ClassVar[frozenset[str]] = frozenset({"ReplicationGroupNotFoundFault"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InvalidReplicationGroupState", "InvalidCacheClusterState"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = ROLE_SPREADS
    untold: ClassVar[bool] = True
    holds_data: ClassVar[bool] = True
    refilled: ClassVar[bool] = True
    anew_empty: ClassVar[bool] = True
    opaque: ClassVar[bool] = True
    typical: ClassVar[float] = 450
    nine_in_ten: ClassVar[float | None] = 555
    typical_delete: ClassVar[float] = 400
    limit: ClassVar[float] = 3600
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("elasticache:DescribeReplicationGroups", on=(arn_of("elasticache", "replicationgroup:*"),)),
        read("elasticache:DescribeCacheClusters", on=(arn_of("elasticache", "cluster:*"),)),
        read("elasticache:ListTagsForResource", on=CACHES),
        create("elasticache:CreateReplicationGroup", "elasticache:AddTagsToResource", on=CACHES, when=TAGGED),
        create("elasticache:CreateReplicationGroup", on=BESIDE),
        *write(*LOOKING),
        *write(*PLUGGING, on=PLUGS, when=BY_AWS),
        *write("secretsmanager:GetSecretValue", on=SECRETS),
        update(
            "elasticache:AddTagsToResource",
            "elasticache:DecreaseReplicaCount",
            "elasticache:IncreaseReplicaCount",
            "elasticache:ListTagsForResource",
            "elasticache:ModifyReplicationGroup",
            "elasticache:RemoveTagsFromResource",
            on=CACHES,
        ),
        update("elasticache:ModifyReplicationGroup", on=BESIDE),
        update("elasticache:DescribeReplicationGroups", on=(arn_of("elasticache", "replicationgroup:*"),)),
        delete("elasticache:DeleteReplicationGroup", on=CACHES),
        delete(*LOOKING),
        delete(*PLUGGING, on=PLUGS, when=BY_AWS),
    )

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """What AWS never takes back, and what is lost on the way back."""
        return elasticache_changes.undoing(change)

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """Nodes, settings and token are changed one after the other."""
        return (
            elasticache_changes.in_turn(changes, self.automatic_failover) if verb == "update" else super().takes(verb)
        )

    def effect(self, change: Change) -> Effect:
        """One node is replaced while nothing stands in for it; of several a replica takes over."""
        return elasticache_changes.effect(change, self.automatic_failover)

    def key(self) -> str:
        """Ids are kept in lower case."""
        return self.name.lower()

    def billable(self, around: Around) -> Iterable[Use]:
        """Each node by the hour; snapshots beyond the first."""
        yield Use(f"{self.engine}.{self.node_type.removeprefix('cache.')}", self.nodes * HOURS)
        if self.snapshot_days:
            yield Use("redis.backup", by="cache_backup_gb")

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named, its nodes after it; where they answer AWS chooses."""
        return {"id": self.key()}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Groups, then their members in one read: only those tell version, groups, parameters and windows."""
        wanted = {want.key() for want in scope.wanted(cls)}
        groups = [
            one
            for one in aws.elasticache.pages("describe_replication_groups", "ReplicationGroups")
            if one["ReplicationGroupId"] in wanted
        ]
        if not groups:
            return
        members: dict[str, Mapping[str, Any]] = {}
        for member in aws.elasticache.pages("describe_cache_clusters", "CacheClusters"):
            members.setdefault(member.get("ReplicationGroupId", ""), member)
        known = bulk(scope)
        for one in groups:
            seen, tags = _tagged(aws, known, one)
            yield cls._live(seen, members.get(one["ReplicationGroupId"], {}), tags, scope.address(tags))

    @classmethod
    def _live(
        cls, one: Mapping[str, Any], member: Mapping[str, Any], tags: Mapping[str, str], address: str | None
    ) -> Live[Self]:
        node_group = (one.get("NodeGroups") or [{}])[0]
        endpoint = node_group.get("PrimaryEndpoint") or {}
        nodes = one.get("MemberClusters", [])
        has = cls(
            name=one["ReplicationGroupId"],
            description=one.get("Description", ""),
            engine=member.get("Engine", "redis"),
            version=member.get("EngineVersion", ""),
            node_type=one.get("CacheNodeType", ""),
            nodes=len(nodes),
            automatic_failover=one.get("AutomaticFailover", "disabled").startswith("enabl"),
            multi_az=one.get("MultiAZ") == "enabled",
            at_rest=one.get("AtRestEncryptionEnabled", False),
            in_transit=one.get("TransitEncryptionEnabled", False),
            subnet_group=member.get("CacheSubnetGroupName", ""),
            security_groups=frozenset(g["SecurityGroupId"] for g in member.get("SecurityGroups", [])),
            parameter_group=member.get("CacheParameterGroup", {}).get("CacheParameterGroupName", ""),
            port=endpoint.get("Port", 6379),
            snapshot_days=one.get("SnapshotRetentionLimit", 0),
            snapshot_window=one.get("SnapshotWindow"),
            maintenance_window=member.get("PreferredMaintenanceWindow"),
            auto_minor_upgrade=one.get("AutoMinorVersionUpgrade", True),
            token_version=_token_version(one, tags),
        )
        word = one["Status"]
        phase: Any = {"available": "ready", "create-failed": "failed", "deleting": "going"}.get(word, "pending")
        if phase == "ready" and not member:
            phase, word = "pending", "available, its nodes are not listed yet"
        status = Status(phase, word, partial=phase != "ready")
        roles = {m["CacheClusterId"]: m.get("CurrentRole") for m in node_group.get("NodeGroupMembers", [])}
        replicas = sorted(node for node in nodes if roles.get(node) == "replica")
        out = {"arn": one["ARN"], "members": ",".join(sorted(nodes)), "replicas": ",".join(replicas)}
        if endpoint.get("Address"):
            out |= {"host": endpoint["Address"], "port": str(has.port)}
        created = one.get("ReplicationGroupCreateTime")
        return Live(one["ReplicationGroupId"], has, address, status, out, created)

    def create(self, aws: Aws, identity: Identity) -> Made:
        """From 6 on the version is sent as major.minor: AWS takes no patch, which one has that is made anew from how it was."""
        short = ".".join(self.version.split(".")[:2]) if self.version[:1] not in ("4", "5") else self.version
        tags = dict(identity.tags) | ({TOKEN_TAG: self.token_version} if self.token_version else {})
        optional = {
            "SnapshotWindow": self.snapshot_window,
            "PreferredMaintenanceWindow": self.maintenance_window,
            "AuthToken": self._token(aws) if self.token_from else None,
        }
        answer = aws.elasticache.create_replication_group(
            ReplicationGroupId=self.name,
            ReplicationGroupDescription=self.description,
            Engine=self.engine,
            EngineVersion=short,
            CacheNodeType=self.node_type,
            NumCacheClusters=self.nodes,
            AutomaticFailoverEnabled=self.automatic_failover,
            MultiAZEnabled=self.multi_az,
            AtRestEncryptionEnabled=self.at_rest,
            TransitEncryptionEnabled=self.in_transit,
            CacheSubnetGroupName=self.subnet_group,
            SecurityGroupIds=sorted(self.security_groups),
            CacheParameterGroupName=self.parameter_group,
            Port=self.port,
            SnapshotRetentionLimit=self.snapshot_days,
            AutoMinorVersionUpgrade=self.auto_minor_upgrade,
            Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
            **{name: value for name, value in optional.items() if value},
        )
        made = answer["ReplicationGroup"]
        return Made(self.key(), {"arn": made["ARN"]}, Status("pending", made["Status"], partial=True))

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Once it has run for an hour: sessions and queues may be in it, and its automatic snapshots go with it."""
        return long_running(live)

    def known_whole(self) -> bool:
        """AWS tells no token, only that there is one: made anew without it, the group would be open to all."""
        return self.token_version is None

    def _token(self, aws: Aws) -> str:
        return str(aws.secretsmanager.get_secret_value(SecretId=self.token_from)["SecretString"])

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """AWS downgrades no engine."""
        return downgraded(self.version, live.has.version) if "version" in changed else ""

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """In AWS's order: nodes up, settings, token, nodes down; each at once, each waiting for the one before."""
        grows = self.nodes > live.has.nodes
        if "nodes" in changed and grows:
            self._step(aws, live, lambda: self._count(aws, "increase_replica_count"))
        settings = self._modified(live, changed)
        if settings:
            self._step(aws, live, lambda: self._modify(aws, settings))
        if "token_version" in changed and self.token_from:
            self._rotate(aws, live)
        if "nodes" in changed and not grows:
            self._step(aws, live, lambda: self._count(aws, "decrease_replica_count"))

    @staticmethod
    def _available(aws: Aws, live: Live[Any]) -> Mapping[str, Any]:
        """The group as it is now. Raises NotYet while it is being changed, a change that its status shows late too."""
        answer = aws.elasticache.describe_replication_groups(ReplicationGroupId=live.id)
        current: Mapping[str, Any] = answer["ReplicationGroups"][0]
        token = (current.get("PendingModifiedValues") or {}).get("AuthTokenStatus")
        if current["Status"] != "available" or token:
            raise NotYet(f"the group is {token or current['Status']}: one change at a time")
        return current

    def _step(self, aws: Aws, live: Live[Any], call: Any) -> None:
        self._available(aws, live)
        try:
            call()
        except ClientError as error:
            if code(error) != "InvalidParameterCombination" or "No modifications" not in message(error):
                raise

    def _count(self, aws: Aws, method: str) -> None:
        current = aws.elasticache.describe_replication_groups(ReplicationGroupId=self.key())["ReplicationGroups"][0]
        if len(current["MemberClusters"]) != self.nodes:
            getattr(aws.elasticache, method)(
                ReplicationGroupId=self.key(), NewReplicaCount=self.nodes - 1, ApplyImmediately=True
            )

    def _modify(self, aws: Aws, settings: Mapping[str, Any]) -> None:
        aws.elasticache.modify_replication_group(ReplicationGroupId=self.key(), ApplyImmediately=True, **settings)

    def _modified(self, live: Live[Any], changed: frozenset[str]) -> dict[str, Any]:
        parameters = {
            "description": "ReplicationGroupDescription",
            "version": "EngineVersion",
            "node_type": "CacheNodeType",
            "automatic_failover": "AutomaticFailoverEnabled",
            "multi_az": "MultiAZEnabled",
            "parameter_group": "CacheParameterGroupName",
            "snapshot_days": "SnapshotRetentionLimit",
            "snapshot_window": "SnapshotWindow",
            "maintenance_window": "PreferredMaintenanceWindow",
            "auto_minor_upgrade": "AutoMinorVersionUpgrade",
        }
        sent = {parameter: getattr(self, name) for name, parameter in parameters.items() if name in changed}
        if "security_groups" in changed:
            sent["SecurityGroupIds"] = sorted(self.security_groups)
        if "snapshot_days" in changed and not live.has.snapshot_days:
            # Which numbers there are depends on every node that ever was; a replica spares the primary the work.
            nodes = live.out.get("replicas") or live.out["members"]
            sent["SnapshottingClusterId"] = nodes.split(",")[0]
        return sent

    def _rotate(self, aws: Aws, live: Live[Any]) -> None:
        """ROTATE lets both tokens in, SET only the new one; each counts when AWS says that the token has been changed.

        One write an attempt, for each makes the group `modifying`, and then it takes neither tags nor changes. The tag
        comes before its change, so that a run that was killed is gone on with; alone it proves nothing.
        """
        arn, version = live.out["arn"], self.token_version or ""
        current = self._available(aws, live)
        moved = current.get("AuthTokenLastModifiedDate")
        at = moved.isoformat() if moved else ""
        tags = listed_tags(aws, arn)
        if tags.get(TOKEN_TAG) == version:
            if ROTATING_TAG in tags:
                aws.elasticache.remove_tags_from_resource(ResourceName=arn, TagKeys=[ROTATING_TAG])
            return
        stage = tags.get(ROTATING_TAG, "")
        rotating, setting = f"rotate:{version}:", f"set:{version}:"
        if stage in (f"{rotating}{at}", f"{setting}{at}"):
            strategy = "ROTATE" if stage.startswith(rotating) else "SET"
            self._set_token(aws, strategy)
            raise NotYet(f"the auth token is being changed ({strategy})")
        if stage.startswith(setting):
            _tag(aws, arn, TOKEN_TAG, version)
        else:
            _tag(aws, arn, ROTATING_TAG, f"{setting if stage.startswith(rotating) else rotating}{at}")
        raise NotYet("how far the change of the auth token is was written down")

    def _set_token(self, aws: Aws, strategy: str) -> None:
        self._modify(aws, {"AuthToken": self._token(aws), "AuthTokenUpdateStrategy": strategy})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Automatic snapshots go with it. Refused while it is being changed."""
        if live.status.word != "deleting":
            aws.elasticache.delete_replication_group(ReplicationGroupId=live.id, RetainPrimaryCluster=False)
