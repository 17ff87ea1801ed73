"""RDS: engine versions on offer, parameters with their origin, subnet groups in lower case."""

from __future__ import annotations

import copy
from typing import Any

from reptiops.sandbox.gaps import add, replace
from reptiops.sandbox.rules.rds import CLASS, DEFAULTS, OFFERED


def fill() -> None:
    """Everything about RDS."""
    _creating()
    _versions()
    _parameters()
    _subnet_groups()
    _enhanced_monitoring()


def _enhanced_monitoring() -> None:
    from moto.rds.models import DBInstance

    def log_stream(self: Any) -> str | None:
        if not self.monitoring_interval:
            return None
        place = f"{self.region}:{self.account_id}:log-group:RDSOSMetrics:log-stream:{self.dbi_resource_id}"
        return f"arn:{self.partition}:logs:{place}"

    add(DBInstance, "enhanced_monitoring_resource_arn")(property(log_stream))  # type: ignore[type-var]


def _creating() -> None:
    from moto.core.responses import ActionResult
    from moto.rds.responses import RDSResponse

    @replace(RDSResponse, "create_db_instance")
    def create_db_instance(original: Any, self: Any) -> ActionResult:
        answered = copy.copy(original(self).result["DBInstance"])
        answered.status = "creating"  # AWS answers so, however soon it is there
        return ActionResult({"DBInstance": answered})


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
                "DBEngineDescription": "PostgreSQL",
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
            None,
            *(v for minors in OFFERED.values() for v in minors),
        }
        names = {"Engine": "postgres", "EngineVersion": asked or "17.10", "DBInstanceClass": size, "Vpc": True}
        fits = offered and CLASS.fullmatch(size)
        options = [{**names, "StorageType": storage} for storage in ("gp2", "gp3", "io1", "io2")] if fits else []
        return ActionResult({"OrderableDBInstanceOptions": options})


def _parameters() -> None:
    from moto.core.responses import ActionResult
    from moto.rds.exceptions import DBParameterGroupNotFoundError
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


def _subnet_groups() -> None:
    from moto.rds.exceptions import DBSubnetGroupNotFoundError
    from moto.rds.models import RDSBackend

    @replace(RDSBackend, "create_subnet_group")
    def create(original: Any, self: Any, subnet_name: str, description: str, subnets: Any, tags: Any) -> Any:
        return original(self, subnet_name.lower(), description, subnets, tags)

    @replace(RDSBackend, "modify_db_subnet_group")
    def modify(original: Any, self: Any, subnet_name: str, description: str, subnets: Any) -> Any:
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        group = original(self, subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group
