"""RDS: engine versions on offer, parameters with their origin, groups that are in use."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import add, replace
from reptiops.sandbox.rules.rds import OFFERED

FAMILIES = frozenset({"t3", "t4g", "m5", "m6g", "m6i", "m7g", "m7i", "r5", "r6g", "r6i", "r7g", "r7i"})
DEFAULTS = {
    "rds.force_ssl": ("1", "dynamic"),
    "log_min_duration_statement": ("-1", "dynamic"),
    "max_connections": ("LEAST({DBInstanceClassMemory/9531392},5000)", "static"),
    "shared_preload_libraries": ("pg_stat_statements", "static"),
}
"""A few of the engine's own parameters: value and how a change of it is applied."""


def fill() -> None:
    """Everything about RDS."""
    _versions()
    _parameters()
    _subnet_groups()


def _versions() -> None:
    from moto.core.responses import ActionResult
    from moto.rds.responses import RDSResponse

    @add(RDSResponse, "describe_db_engine_versions")
    def describe_db_engine_versions(self: Any) -> ActionResult:
        family, version = self.params.get("DBParameterGroupFamily"), self.params.get("EngineVersion")
        found = [
            {
                "Engine": "postgres",
                "EngineVersion": one,
                "DBParameterGroupFamily": f"postgres{major}",
                "Status": "available",
            }
            for major, minors in OFFERED.items()
            for one in minors
            if family in (None, f"postgres{major}") and version in (None, one, major)
        ]
        return ActionResult({"DBEngineVersions": found if self.params.get("Engine", "postgres") == "postgres" else []})

    @replace(RDSResponse, "describe_orderable_db_instance_options")
    def orderable(_: Any, self: Any) -> ActionResult:
        """Every class of the families that run PostgreSQL, with the versions on offer."""
        asked, size = self.params.get("EngineVersion"), self.params.get("DBInstanceClass", "")
        offered = self.params.get("Engine") == "postgres" and asked in {
            v for minors in OFFERED.values() for v in minors
        }
        names = {"Engine": "postgres", "EngineVersion": asked, "DBInstanceClass": size, "Vpc": True}
        fits = offered and size.split(".")[:1] == ["db"] and size.split(".")[1] in FAMILIES
        options = [{**names, "StorageType": storage} for storage in ("gp2", "gp3", "io1", "io2")] if fits else []
        return ActionResult({"OrderableDBInstanceOptions": options})


def _parameters() -> None:
    from moto.core.responses import ActionResult
    from moto.rds.exceptions import DBParameterGroupNotFoundError, RDSClientError
    from moto.rds.models import RDSBackend
    from moto.rds.responses import RDSResponse

    def group(self: Any) -> Any:
        name = self.params.get("DBParameterGroupName")
        if name not in self.backend.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        return self.backend.db_parameter_groups[name]

    @replace(RDSResponse, "describe_db_parameters")
    def describe_db_parameters(original: Any, self: Any) -> ActionResult:
        user = group(self).parameters
        listed = []
        for name in sorted({*DEFAULTS, *user}):
            value, applied = DEFAULTS.get(name, ("", "dynamic"))
            source = "user" if name in user else "engine-default"
            value = user[name]["ParameterValue"] if name in user else value
            listed.append({"ParameterName": name, "ParameterValue": value, "ApplyType": applied, "Source": source})
        wanted = self.params.get("Source")
        return ActionResult({"Parameters": [p for p in listed if wanted in (None, p["Source"])]})

    @add(RDSResponse, "reset_db_parameter_group")
    def reset_db_parameter_group(self: Any) -> ActionResult:
        held = group(self)
        if self.params.get("ResetAllParameters"):
            held.parameters.clear()
        for one in self.params.get("Parameters", []):
            held.parameters.pop(one.original_dict()["ParameterName"], None)
        return ActionResult({"DBParameterGroupName": held.name})

    @replace(RDSBackend, "modify_db_parameter_group")
    def modify(original: Any, self: Any, name: str, parameters: Any) -> Any:
        for one in parameters:
            static = DEFAULTS.get(one["ParameterName"], ("", "dynamic"))[1] == "static"
            if static and one.get("ApplyMethod") == "immediate":
                message = "cannot use immediate apply method for static parameter"
                raise RDSClientError("InvalidParameterCombination", message)
        return original(self, name, parameters)

    @replace(RDSBackend, "delete_db_parameter_group")
    def delete(original: Any, self: Any, db_parameter_group_name: str) -> Any:
        if any(db.db_parameter_group_name == db_parameter_group_name for db in self.databases.values()):
            raise RDSClientError(
                "InvalidDBParameterGroupState",
                f"One or more database instances are still members of this parameter group {db_parameter_group_name}, "
                "so the group cannot be deleted",
            )
        return original(self, db_parameter_group_name)


def _subnet_groups() -> None:
    from moto.rds.exceptions import DBSubnetGroupNotFoundError, RDSClientError
    from moto.rds.models import RDSBackend

    def two_zones(subnets: Any) -> None:
        if len({subnet.availability_zone for subnet in subnets}) < 2:
            message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
            raise RDSClientError("DBSubnetGroupDoesNotCoverEnoughAZs", message)

    @replace(RDSBackend, "create_subnet_group")
    def create(original: Any, self: Any, subnet_name: str, description: str, subnets: Any, tags: Any) -> Any:
        if subnet_name.lower() in self.subnet_groups:
            message = f"The DB subnet group '{subnet_name}' already exists."
            raise RDSClientError("DBSubnetGroupAlreadyExists", message)
        two_zones(subnets)
        return original(self, subnet_name.lower(), description, subnets, tags)

    @replace(RDSBackend, "modify_db_subnet_group")
    def modify(original: Any, self: Any, subnet_name: str, description: str, subnets: Any) -> Any:
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        two_zones(subnets)
        group = original(self, subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group

    @replace(RDSBackend, "delete_subnet_group")
    def delete(original: Any, self: Any, subnet_name: str) -> Any:
        if any(db.db_subnet_group and db.db_subnet_group.name == subnet_name for db in self.databases.values()):
            message = f"Cannot delete the subnet group '{subnet_name}' because at least one database instance uses it."
            raise RDSClientError("InvalidDBSubnetGroupStateFault", message)
        return original(self, subnet_name)
