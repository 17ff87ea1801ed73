"""ElastiCache: subnet groups can be changed and deleted; replication groups have members, take changes and disappear."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from reptiops.sandbox.gaps import add, replace

PATCHES = {"5.0.6": "5.0.6", "6.0": "6.0.5", "6.2": "6.2.6", "7.0": "7.0.7", "7.1": "7.1.0"}
"""Versions that can be asked for, and what is then read back."""


def fill() -> None:
    """Everything about ElastiCache."""
    _subnet_groups()
    _replication_groups()
    _changes()
    _members()
    _versions()
    _node_types()
    _endpoints()


OF_ACCOUNT = "q3ewf7.use1.cache.amazonaws.com"
"""The end of every host name: one for an account in a region, so a group that is made anew has the name of before."""


def _endpoints() -> None:
    from moto.elasticache.models import ReplicationGroup

    @replace(ReplicationGroup, "__init__")
    def made(original: Any, self: Any, *args: Any, **more: Any) -> None:
        original(self, *args, **more)
        short, region = OF_ACCOUNT.split(".", 1)
        for number, one in enumerate(self.node_groups, 1):
            if "primary_endpoint_address" not in one:
                continue
            name = f"{self.replication_group_id}.{short}.ng.{number:04}.{region}"
            if self.transit_encryption_enabled:
                name = f"master.{self.replication_group_id}.{OF_ACCOUNT}"
            one["primary_endpoint_address"] = one["primary_endpoint"]["address"] = name


SMALL, LARGE = ("micro", "small", "medium"), ("large", "xlarge", "2xlarge", "4xlarge")
FAMILIES = {family: SMALL if family.startswith("t") else LARGE for family in ("t3", "t4g", "m6g", "m7g", "r6g", "r7g")}
NODE_TYPES = tuple(f"cache.{family}.{size}" for family, sizes in FAMILIES.items() for size in sizes)
"""Some of those that AWS has."""


def _node_types() -> None:
    from moto.core.responses import ActionResult
    from moto.elasticache.exceptions import ReplicationGroupNotFound
    from moto.elasticache.responses import ElastiCacheResponse

    @add(ElastiCacheResponse, "describe_reserved_cache_nodes_offerings")
    def offerings(self: Any) -> ActionResult:
        wanted = self._get_param("CacheNodeType")
        found = [
            {"ReservedCacheNodesOfferingId": f"offering-{one}", "CacheNodeType": one, "ProductDescription": "redis"}
            for one in NODE_TYPES
            if wanted in (None, one)
        ]
        return ActionResult({"ReservedCacheNodesOfferings": found})

    @add(ElastiCacheResponse, "list_allowed_node_type_modifications")
    def allowed(self: Any) -> ActionResult:
        name = str(self._get_param("ReplicationGroupId")).lower()
        group = self.elasticache_backend.replication_groups.get(name)
        if group is None:
            raise ReplicationGroupNotFound(name)
        at = NODE_TYPES.index(group.cache_node_type) if group.cache_node_type in NODE_TYPES else -1
        return ActionResult(
            {
                "ScaleUpModifications": list(NODE_TYPES[at + 1 :]),
                "ScaleDownModifications": list(NODE_TYPES[: max(at, 0)]),
            }
        )


def _versions() -> None:
    from moto.core.responses import ActionResult
    from moto.elasticache.responses import ElastiCacheResponse

    @add(ElastiCacheResponse, "describe_cache_engine_versions")
    def offered(self: Any) -> ActionResult:
        found = [{"Engine": "redis", "EngineVersion": version} for version in PATCHES.values()]
        return ActionResult({"CacheEngineVersions": found if self._get_param("Engine") == "redis" else []})


def _subnet_groups() -> None:
    from moto.core.responses import ActionResult, EmptyResult
    from moto.elasticache.exceptions import CacheSubnetGroupNotFound
    from moto.elasticache.models import CacheSubnetGroup
    from moto.elasticache.responses import ElastiCacheResponse

    def held(self: Any) -> Any:
        name = self._get_param("CacheSubnetGroupName").lower()
        if name not in self.elasticache_backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        return self.elasticache_backend.cache_subnet_groups[name]

    @add(ElastiCacheResponse, "modify_cache_subnet_group")
    def modify(self: Any) -> ActionResult:
        group, backend = held(self), self.elasticache_backend
        renewed = CacheSubnetGroup(
            account_id=backend.account_id,
            region_name=backend.region_name,
            cache_subnet_group_name=group.cache_subnet_group_name,
            cache_subnet_group_description=self._get_param("CacheSubnetGroupDescription")
            or group.cache_subnet_group_description,
            subnet_ids=self._get_param("SubnetIds", []) or group.subnet_ids,
            tags=group.tags,
        )
        backend.cache_subnet_groups[group.cache_subnet_group_name] = renewed
        return ActionResult({"CacheSubnetGroup": renewed})

    @add(ElastiCacheResponse, "delete_cache_subnet_group")
    def delete(self: Any) -> ActionResult:
        name, backend = held(self).cache_subnet_group_name, self.elasticache_backend
        del backend.cache_subnet_groups[name]
        return EmptyResult()


def _replication_groups() -> None:
    from moto.elasticache.exceptions import CacheSubnetGroupNotFound
    from moto.elasticache.models import ElastiCacheBackend

    @replace(ElastiCacheBackend, "create_replication_group")
    def create(original: Any, self: Any, **given: Any) -> Any:
        given["replication_group_id"] = given["replication_group_id"].lower()
        nodes = given.get("num_cache_clusters") or 1
        if given.get("cache_subnet_group_name") not in (None, *self.cache_subnet_groups):
            raise CacheSubnetGroupNotFound(given["cache_subnet_group_name"])
        given["replicas_per_node_group"] = given.get("replicas_per_node_group") or nodes - 1
        answered = copy.copy(original(self, **given))
        answered.status = "creating"  # AWS answers so, however soon it is there
        return answered

    @replace(ElastiCacheBackend, "delete_replication_group")
    def delete(original: Any, self: Any, replication_group_id: str, retain_primary_cluster: bool | None) -> Any:
        group = original(self, replication_group_id, retain_primary_cluster)
        del self.replication_groups[replication_group_id]
        return group


def _changes() -> None:
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.elasticache.exceptions import ReplicationGroupNotFound
    from moto.elasticache.responses import ElastiCacheResponse

    def held(self: Any) -> Any:
        name = self._get_param("ReplicationGroupId").lower()
        if name not in self.elasticache_backend.replication_groups:
            raise ReplicationGroupNotFound(name)
        return self.elasticache_backend.replication_groups[name]

    @replace(ElastiCacheResponse, "modify_replication_group")
    def modify(original: Any, self: Any) -> Any:
        group, params = held(self), self._get_params()
        answer = original(self)
        for parameter, name in (
            ("SnapshotWindow", "snapshot_window"),
            ("PreferredMaintenanceWindow", "preferred_maintenance_window"),
            ("CacheParameterGroupName", "cache_parameter_group_name"),
            ("EngineVersion", "engine_version"),
            ("SecurityGroupIds", "security_group_ids"),
        ):
            if parameter in params:
                setattr(group, name, self._get_param(parameter))
        if "AuthToken" in params:
            before, group.auth_token_enabled = group.auth_token_last_modified_date, True
            group.auth_token_last_modified_date = max(utcnow(), (before or utcnow()) + timedelta(seconds=1))
        if "AutoMinorVersionUpgrade" in params:
            group.auto_minor_version_upgrade = self._get_bool_param("AutoMinorVersionUpgrade")
        return answer

    def resize(self: Any) -> ActionResult:
        group, replicas = held(self), self._get_int_param("NewReplicaCount")
        node_group = group.node_groups[0]
        node_group["node_group_members"], group.member_clusters = [], []
        group._set_node_members_clusters_disabled(
            member_clusters=group.member_clusters,
            replication_group_id=group.replication_group_id,
            replication_group_domain=f"{group.replication_group_id}.{OF_ACCOUNT}",
            node_group=node_group,
            preferred_cache_cluster_azs=[],
            num_cache_clusters=replicas + 1,
            replicas_per_node_group=replicas,
        )
        return ActionResult({"ReplicationGroup": group})

    add(ElastiCacheResponse, "increase_replica_count")(resize)
    add(ElastiCacheResponse, "decrease_replica_count")(resize)


def _members() -> None:
    from moto.core.responses import PaginatedResult
    from moto.elasticache.exceptions import CacheClusterNotFound
    from moto.elasticache.responses import ElastiCacheResponse

    @replace(ElastiCacheResponse, "describe_cache_clusters")
    def describe(original: Any, self: Any) -> Any:
        wanted = self._get_param("CacheClusterId")
        groups = self.elasticache_backend.replication_groups.values()
        members = {name: _member(name, group) for group in groups for name in group.member_clusters}
        single = [c for c in self.elasticache_backend.cache_clusters.values() if wanted in (None, c.cache_cluster_id)]
        if wanted and wanted not in members and not single:
            raise CacheClusterNotFound(wanted)
        found = [member for name, member in members.items() if wanted in (None, name)]
        return PaginatedResult({"CacheClusters": [*single, *found]})

    def _member(name: str, group: Any) -> dict[str, Any]:
        return {
            "CacheClusterId": name,
            "ARN": group.arn.replace(f":replicationgroup:{group.replication_group_id}", f":cluster:{name}"),
            "ReplicationGroupId": group.replication_group_id,
            "CacheClusterStatus": "available",
            "CacheNodeType": group.cache_node_type,
            "Engine": group.engine,
            "EngineVersion": PATCHES.get(group.engine_version or "7.1", group.engine_version),
            "NumCacheNodes": 1,
            "CacheSubnetGroupName": group.cache_subnet_group_name,
            "CacheParameterGroup": {
                "CacheParameterGroupName": group.cache_parameter_group_name or "default.redis7",
                "ParameterApplyStatus": "in-sync",
            },
            "SecurityGroups": [{"SecurityGroupId": g, "Status": "active"} for g in group.security_group_ids or []],
            "PreferredMaintenanceWindow": group.preferred_maintenance_window or "sun:05:00-sun:06:00",
            "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        }
