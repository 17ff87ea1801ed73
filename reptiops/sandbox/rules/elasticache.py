"""ElastiCache: minutes of creating and deleting, encryption, versions, groups in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.clock import becomes
from reptiops.sandbox.rules.ec2 import shown
from reptiops.sandbox.rules.iam import linked
from reptiops.sandbox.rules.interfaces import put, take

CREATED, DELETED, MODIFIED = 450.0, 400.0, 120.0
TAGGED = 15.0
"""Seconds for which a group that was given or lost tags is not available."""
RELEASED = 60.0
"""Seconds for which a subnet group counts as in use after its last group."""
SLOW = ("cache_node_type", "engine_version")
"""What waits for the maintenance window unless it is to be done at once."""
TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
IDENTIFIER = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,39}(?<!-)")
TYPE = re.compile(
    r"cache\.((t2|t3|t4g)\.(micro|small|medium)|(m4|m5|m6g|m7g|r4|r5|r6g|r6gd|r7g)\.(large|xlarge|(2|4|8|10|12|16|24)xlarge))"
)
"""Types of node; the largest differ by family, which is not told apart here."""
VERSIONS = ("4.0.10", "5.0.6", "6.0", "6.2", "7.0", "7.1")
"""Versions of Redis on offer; from 6 on without a patch."""


def rules() -> None:
    """Everything about ElastiCache."""
    _values()
    _together()
    _states()
    _going()
    _groups()


def _values() -> None:
    @rule("5.3", "elasticache", "CreateReplicationGroup")
    def names_and_versions(call: Call) -> None:
        """Id, description and version as ElastiCache takes them."""
        name, version = call.get("ReplicationGroupId", ""), call.get("EngineVersion")
        if not IDENTIFIER.fullmatch(name):
            raise Refused(
                "InvalidParameterValue", f"The parameter ReplicationGroupId is not a valid identifier: {name}"
            )
        if not call.get("ReplicationGroupDescription"):
            raise Refused("InvalidParameterValue", "The parameter ReplicationGroupDescription must be provided.")
        if call.get("Engine", "redis") == "redis" and version not in (None, *VERSIONS):
            raise Refused("InvalidParameterCombination", f"Cannot find version {version} for redis")

    @rule("5.3", "elasticache", "CreateReplicationGroup", "ModifyReplicationGroup")
    def node_type_exists(call: Call) -> None:
        """Only types of node that ElastiCache has. The code is AWS's, the words are ours."""
        size = call.get("CacheNodeType")
        if size and not TYPE.fullmatch(size):
            raise Refused("InvalidParameterValue", f"The parameter CacheNodeType is not valid: {size}")

    @rule("5.3 id", "elasticache", "CreateReplicationGroup")
    def id_is_free(call: Call) -> None:
        """An id is taken, whatever its case, as long as its group is there."""
        name = str(call.get("ReplicationGroupId")).lower()
        if name in call.backend().replication_groups:
            raise Refused("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")

    @rule("5.3 id", "elasticache", "CreateCacheSubnetGroup")
    def subnet_group_names(call: Call) -> None:
        """255 letters, digits and hyphens."""
        name = str(call.get("CacheSubnetGroupName"))
        if not re.fullmatch(r"[a-zA-Z0-9-]{1,255}", name):
            raise Refused("InvalidParameterValue", f"The parameter CacheSubnetGroupName is not valid: {name}")

    @rule("5.3", "elasticache", "CreateCacheSubnetGroup", "ModifyCacheSubnetGroup")
    def subnets_that_are_seen(call: Call) -> None:
        """Subnets that are there."""
        shown(call)

    @rule("5.3 chg", "elasticache", "ModifyReplicationGroup")
    def something_to_modify(call: Call) -> None:
        """A modification that changes nothing is refused."""
        if not set(call.params) - {"ReplicationGroupId", "ApplyImmediately"}:
            raise Refused("InvalidParameterCombination", "No modifications were requested")

    @rule("5.3", "elasticache", "CreateReplicationGroup", "ModifyReplicationGroup")
    def auth_tokens(call: Call) -> None:
        """A token of 16 to 128 characters of a small set, and only with encryption in transit and a subnet group."""
        token = call.get("AuthToken")
        if token and not TOKEN.fullmatch(token):
            message = "The AuthToken must have 16 to 128 characters, of special ones only ! & # $ ^ < > -"
            raise Refused("InvalidParameterValue", message)
        created = call.operation == "CreateReplicationGroup"
        if created and token and not call.get("TransitEncryptionEnabled"):
            message = "The AuthToken parameter requires in-transit encryption to be enabled."
            raise Refused("InvalidParameterCombination", message)
        if created and call.get("TransitEncryptionEnabled") and not call.get("CacheSubnetGroupName"):
            raise Refused("InvalidParameterCombination", "Encryption features are not supported for non-VPC clusters.")


def _together() -> None:
    @rule("5.3", "elasticache", "CreateReplicationGroup")
    def failover_needs_a_replica(call: Call) -> None:
        """Automatic failover needs two nodes, Multi-AZ automatic failover."""
        nodes = call.get("NumCacheClusters") or 1
        if call.get("AutomaticFailoverEnabled") and nodes < 2:
            message = "Replication group with automatic failover needs at least one replica."
            raise Refused("InvalidParameterCombination", message)
        if call.get("MultiAZEnabled") and not call.get("AutomaticFailoverEnabled"):
            raise Refused("InvalidParameterCombination", "Multi-AZ needs automatic failover.")

    @rule("5.3 chg", "elasticache", "ModifyReplicationGroup")
    def set_after_rotate(call: Call) -> Iterator[None]:
        """A new token is rotated in first; SET comes only after ROTATE."""
        held = call.backend().replication_groups.get(str(call.get("ReplicationGroupId")).lower())
        strategy = call.get("AuthTokenUpdateStrategy")
        if call.get("AuthToken") and held is not None and strategy == "SET" and not getattr(held, "rotating", False):
            message = "SET is allowed only after ROTATE of the same token."
            raise Refused("InvalidParameterCombination", message)
        yield
        if held is not None and strategy:
            held.rotating = strategy == "ROTATE"


def _states() -> None:
    @rule("3.1", "elasticache", "CreateReplicationGroup")
    def service_linked_role(call: Call) -> None:
        """ElastiCache's own role must be usable."""
        if not linked(call, "elasticache.amazonaws.com"):
            raise Refused("InvalidParameterValue", "Verify that the ElastiCache service linked role exists.")

    @rule("5.3 ready, 2.8", "elasticache", "CreateReplicationGroup")
    def group_takes_minutes(call: Call) -> Iterator[None]:
        """Creating for minutes, with interfaces in its subnets."""
        yield
        name = str(call.get("ReplicationGroupId")).lower()
        held = call.backend().replication_groups[name]
        place = call.backend().cache_subnet_groups.get(held.cache_subnet_group_name)
        put(call, (place.subnet_ids if place else [])[:1], call.get("SecurityGroupIds", []), f"ElastiCache {name}")
        _during(call, held, "creating", CREATED)

    @rule("5.3 chg", "elasticache", "ModifyReplicationGroup", "IncreaseReplicaCount", "DecreaseReplicaCount")
    def one_change_at_a_time(call: Call) -> Iterator[None]:
        """A group that is being made or changed takes no other change; a changed one is `modifying` for minutes."""
        held = _available(call)
        yield
        if held is not None:
            _during(call, held, "modifying", MODIFIED)

    @rule("5.3 chg", "elasticache", "ModifyReplicationGroup", "IncreaseReplicaCount", "DecreaseReplicaCount")
    def changes_wait(call: Call) -> Iterator[None]:
        """Without ApplyImmediately type and version wait for the maintenance window, which never comes here.

        The number of replicas changes at once or not at all.
        """
        held = call.backend().replication_groups.get(str(call.get("ReplicationGroupId")).lower())
        if call.operation != "ModifyReplicationGroup" and not call.get("ApplyImmediately"):
            raise Refused("InvalidParameterValue", "ApplyImmediately=False is not supported for replica counts.")
        before = {name: getattr(held, name, None) for name in SLOW}
        yield
        if held is not None and not call.get("ApplyImmediately"):
            for name, value in before.items():
                setattr(held, name, value)

    @rule("5.3", "elasticache", "AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource")
    def tags_of_an_available_group(call: Call) -> Iterator[None]:
        """Tags are told and taken only while the group is available, and writing them makes it `modifying` for a moment."""
        name = str(call.get("ResourceName")).rsplit(":", 1)[-1]
        held = call.backend().replication_groups.get(name)
        if ":replicationgroup:" in str(call.get("ResourceName")) and held is not None and held.status != "available":
            raise Refused("InvalidReplicationGroupState", f"Replication group {name} is in {held.status} state.")
        yield
        if held is not None and call.operation != "ListTagsForResource":
            _during(call, held, "modifying", TAGGED)


def _going() -> None:
    @rule("5.3 del", "elasticache", "DeleteReplicationGroup")
    def group_goes_slowly(call: Call) -> Iterator[None]:
        """Refused while it is being made or changed, then deleting for minutes, with its interfaces."""
        held = _available(call)
        groups, name = call.backend().replication_groups, str(call.get("ReplicationGroupId")).lower()
        yield
        clock = call.world.clock
        place = held.cache_subnet_group_name if held is not None else ""
        take(call, f"ElastiCache {name}", DELETED)
        if held is not None and clock.factor:
            groups[name] = held
            held.status = "deleting"
            clock.later(DELETED, _gone, call, groups, name, place)


def _gone(call: Call, groups: Any, name: str, place: str) -> None:
    groups.pop(name, None)
    call.world.clock.note(f"released {place}")


def _available(call: Call) -> Any:
    held = call.backend().replication_groups.get(str(call.get("ReplicationGroupId")).lower())
    if held is not None and held.status != "available":
        message = f"Replication group {held.replication_group_id} has status {held.status}"
        raise Refused("InvalidReplicationGroupState", message)
    return held


def _during(call: Call, held: Any, word: str, seconds: float) -> None:
    if call.world.clock.factor:
        held.status = word
        call.world.clock.later(seconds, becomes, held, "status", word, "available")


def _groups() -> None:
    @rule("5.3 del", "elasticache", "DeleteCacheSubnetGroup")
    def subnet_group_in_use(call: Call) -> None:
        """A subnet group is in use by its groups, and for a while after the last has gone."""
        name = str(call.get("CacheSubnetGroupName")).lower()
        used = any(one.cache_subnet_group_name == name for one in call.backend().replication_groups.values())
        if used or call.world.clock.younger(f"released {name}", RELEASED):
            message = f"Cache subnet group {name} is currently in use by a cache cluster."
            raise Refused("CacheSubnetGroupInUse", message)
