"""RDS: minutes of creating and deleting, changes that wait, versions on offer, storage, snapshots, subnets in use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.clock import becomes
from reptiops.sandbox.rules.ec2 import shown
from reptiops.sandbox.rules.iam import linked
from reptiops.sandbox.rules.interfaces import put, take
from reptiops.sandbox.rules.logs import written

CREATED, DELETED, MODIFIED = 250.0, 300.0, 240.0
FLIPS = 20.0
"""Seconds for which a changed instance still says `available` before it says `modifying`."""
PARAMETERS_SETTLE = 60.0
"""Seconds for which groups count as in use after the instance."""
SLOW = {
    "DBInstanceClass": "db_instance_class",
    "EngineVersion": "engine_version",
    "MultiAZ": "multi_az",
    "AllocatedStorage": "allocated_storage",
    "StorageType": "storage_type",
}
"""What is pending first: at once with ApplyImmediately, else until the maintenance window."""
DEFAULTS = {
    "rds.force_ssl": ("1", "dynamic"),
    "log_min_duration_statement": ("-1", "dynamic"),
    "max_connections": ("LEAST({DBInstanceClassMemory/9531392},5000)", "static"),
    "shared_preload_libraries": ("pg_stat_statements", "static"),
}
"""A few of the engine's own parameters: value and how a change of it is applied."""
IDENTIFIER = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,62}(?<!-)")
PASSWORD = re.compile(r"[!#-.0-?A-~]{8,128}")
RESERVED = {"admin", "rdsadmin", "postgres_admin"}
CLASS = re.compile(
    r"db\.((t3|t4g)\.(micro|small|medium|large|xlarge|2xlarge)"
    r"|(m5|m6g|m6i|m7g|m7i|m8g|r5|r6g|r6i|r7g|r7i|r8g)\.(large|xlarge|(2|4|8|12|16|24|32)xlarge))"
)
"""Classes that run PostgreSQL; the largest differ by family, which is not told apart here."""
OFFERED = {
    "15": tuple(f"15.{minor}" for minor in range(13, 20)),
    "16": tuple(f"16.{minor}" for minor in range(9, 15)),
    "17": tuple(f"17.{minor}" for minor in range(5, 11)),
}
"""What AWS creates (aws-facts 0.1): 15.7 is not among it."""


def rules() -> None:
    """Everything about RDS."""
    _values()
    _groups()
    _storage()
    _creating()
    _modifying()
    _deleting()


def _values() -> None:
    @rule("5.2 id", "rds", "CreateDBInstance")
    def identifiers_and_credentials(call: Call) -> None:
        """Identifier, master user and password as RDS for PostgreSQL takes them."""
        name, user, word = (
            call.get("DBInstanceIdentifier", ""),
            call.get("MasterUsername"),
            call.get("MasterUserPassword"),
        )
        if not IDENTIFIER.fullmatch(name):
            raise Refused(
                "InvalidParameterValue", f"The parameter DBInstanceIdentifier is not a valid identifier: {name}"
            )
        if user is not None and (user in RESERVED or not re.fullmatch(r"[a-zA-Z]\w{0,15}", user)):
            message = f"MasterUsername {user} cannot be used as it is a reserved word used by the engine"
            raise Refused("InvalidParameterValue", message)
        if word is not None and not PASSWORD.fullmatch(word):
            message = (
                "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
                "'/', '@', '\"', ' ' may be used."
            )
            raise Refused("InvalidParameterValue", message)

    @rule("0.1, 5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def version_is_offered(call: Call) -> None:
        """Only versions that AWS still creates: 15.7 is not among them."""
        version = call.get("EngineVersion")
        if version and not any(version in minors or version == major for major, minors in OFFERED.items()):
            raise Refused("InvalidParameterCombination", f"Cannot find version {version} for postgres")

    @rule("5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def class_exists(call: Call) -> None:
        """Only classes that RDS has."""
        size = call.get("DBInstanceClass")
        if size and not CLASS.fullmatch(size):
            raise Refused("InvalidParameterValue", f"Invalid DB Instance class: {size}")

    @rule("5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def monitoring_needs_both(call: Call) -> None:
        """An interval other than zero needs a role, a role an interval; 0, 1, 5, 10, 15, 30 or 60 seconds."""
        interval, role = call.get("MonitoringInterval"), call.get("MonitoringRoleArn")
        if interval not in (None, 0, 1, 5, 10, 15, 30, 60):
            raise Refused("InvalidParameterValue", f"Invalid MonitoringInterval {interval}")
        if call.operation == "CreateDBInstance" and bool(interval) != bool(role):
            message = "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
            raise Refused("InvalidParameterCombination", message)

    @rule("5.1", "rds", "ModifyDBParameterGroup")
    def twenty_parameters_a_call(call: Call) -> None:
        """At most twenty parameters a call."""
        if len(call.get("Parameters", [])) > 20:
            raise Refused("InvalidParameterValue", "You can modify 20 parameters at most in one request")


def _groups() -> None:
    @rule("5.1", "rds", "ModifyDBParameterGroup")
    def static_parameters_wait(call: Call) -> None:
        """A static parameter is applied at a reboot, never at once."""
        for one in call.get("Parameters", []):
            static = DEFAULTS.get(one["ParameterName"], ("", "dynamic"))[1] == "static"
            if static and one.get("ApplyMethod") == "immediate":
                message = "cannot use immediate apply method for static parameter"
                raise Refused("InvalidParameterCombination", message)

    @rule("5.1 id", "rds", "CreateDBSubnetGroup", "CreateDBParameterGroup")
    def group_names(call: Call) -> None:
        """Names of 255 letters, digits and hyphens, not `default`; a subnet group's is taken whatever its case."""
        name = str(call.get("DBSubnetGroupName") or call.get("DBParameterGroupName"))
        if not re.fullmatch(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,254}(?<!-)", name) or name.lower() == "default":
            raise Refused("InvalidParameterValue", f"The name {name} is not a valid identifier.")
        if call.operation == "CreateDBSubnetGroup" and name.lower() in call.backend().subnet_groups:
            raise Refused("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")

    @rule("5.1", "rds", "CreateDBSubnetGroup", "ModifyDBSubnetGroup")
    def subnets_of_two_zones(call: Call) -> None:
        """Subnets of two zones at least, also for an instance in one."""
        if len({one.availability_zone for one in shown(call).values()}) < 2:
            message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
            raise Refused("DBSubnetGroupDoesNotCoverEnoughAZs", message)

    @rule("5.1 del", "rds", "DeleteDBSubnetGroup", "DeleteDBParameterGroup")
    def groups_in_use(call: Call) -> None:
        """A group stays while an instance, a vanishing one too, uses it."""
        place, options = call.get("DBSubnetGroupName"), call.get("DBParameterGroupName")
        for one in call.backend().databases.values():
            if place and one.db_subnet_group and one.db_subnet_group.name == place:
                message = f"Cannot delete the subnet group '{place}' because at least one database instance uses it."
                raise Refused("InvalidDBSubnetGroupStateFault", message)
            if options and one.db_parameter_group_name == options:
                message = f"One or more database instances are still members of the parameter group {options}"
                raise Refused("InvalidDBParameterGroupState", message)


def _storage() -> None:
    @rule("5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def gp3_below_400_without_iops(call: Call) -> None:
        """gp3 below 400 GiB takes neither IOPS nor throughput, not even its baseline."""
        held = call.backend().databases.get(call.get("DBInstanceIdentifier", ""))
        storage = call.get("AllocatedStorage") or (held.allocated_storage if held else 0)
        kind = call.get("StorageType") or (held.storage_type if held else "")
        if kind == "gp3" and int(storage) < 400 and (call.get("Iops") or call.get("StorageThroughput")):
            message = (
                "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400."
            )
            raise Refused("InvalidParameterCombination", message)

    @rule("5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def gp3_from_400_on_with_iops(call: Call) -> None:
        """Where gp3 storage becomes, or is made, larger than 400 GiB, its IOPS go with the size, 12,000 at least."""
        held = call.backend().databases.get(call.get("DBInstanceIdentifier", ""))
        storage, kind = call.get("AllocatedStorage"), call.get("StorageType") or (held.storage_type if held else "")
        if kind != "gp3" or not storage or int(storage) < 400:
            return
        sent = (call.get("Iops"), call.get("StorageThroughput"))
        if call.operation == "ModifyDBInstance" and not all(sent):
            message = (
                "You must specify both the storage size and iops when modifying the storage size or iops on a DB "
                "instance that has iops."
            )
            raise Refused("InvalidParameterCombination", message)
        if sent[0] is not None and int(sent[0]) < 12_000:
            raise Refused("InvalidParameterCombination", f"Invalid iops value for engine name postgres: {sent[0]}")

    @rule("5.2", "rds", "CreateDBInstance", "ModifyDBInstance")
    def storage_grows(call: Call) -> None:
        """Twenty GiB at least, never fewer than before, and a limit of autoscaling ten percent above."""
        held = call.backend().databases.get(call.get("DBInstanceIdentifier", ""))
        storage, most = call.get("AllocatedStorage"), call.get("MaxAllocatedStorage")
        if storage is not None and (storage < 20 or (held is not None and storage < int(held.allocated_storage))):
            raise Refused("InvalidParameterCombination", f"Invalid storage size for engine name postgres: {storage}")
        size = storage or (int(held.allocated_storage) if held else 0)
        if most is not None and most != size and most < size * 1.1:
            message = "The max storage size must be at least 10% more than the allocated storage"
            raise Refused("InvalidParameterCombination", message)


def _creating() -> None:
    @rule("3.1", "rds", "CreateDBInstance")
    def service_linked_role(call: Call) -> None:
        """RDS's own role must be usable."""
        if not linked(call, "rds.amazonaws.com"):
            message = (
                "Unable to create the resource. Verify that you have permission to create service linked role. "
                "Otherwise wait and try again later"
            )
            raise Refused("InvalidParameterValue", message)

    @rule("5.2 ready, 2.8, 0.17", "rds", "CreateDBInstance")
    def instance_takes_minutes(call: Call) -> Iterator[None]:
        """Creating for minutes, with an interface in its subnets; its exported logs make groups of their own."""
        yield
        held = call.backend().databases[call.get("DBInstanceIdentifier")]
        group = held.db_subnet_group
        subnets = [s["SubnetIdentifier"] for s in group.subnets][:1] if group else []
        put(call, subnets, call.get("VpcSecurityGroupIds", []), f"RDSNetworkInterface {held.db_instance_identifier}")
        _log_groups(call, held, call.get("EnableCloudwatchLogsExports", []))
        if call.world.clock.factor:
            held.status = "creating"
            call.world.clock.later(CREATED, becomes, held, "status", "creating", "available")


def _log_groups(call: Call, held: Any, exports: Iterable[str]) -> None:
    for log in exports:
        written(call, f"/aws/rds/instance/{held.db_instance_identifier}/{log}")
    if getattr(held, "monitoring_interval", None) or call.get("MonitoringInterval"):
        written(call, "RDSOSMetrics", 30)


def _modifying() -> None:
    @rule("0.17", "rds", "ModifyDBInstance")
    def logs_make_their_groups(call: Call) -> Iterator[None]:
        """Exported logs and enhanced monitoring make their log groups where those are missing, without tags, for ever."""
        yield
        held = call.backend().databases.get(call.get("DBInstanceIdentifier", ""))
        if held is not None:
            _log_groups(call, held, call.get("CloudwatchLogsExportConfiguration", {}).get("EnableLogTypes", []))

    @rule("5.2 chg, 1.4", "rds", "ModifyDBInstance")
    def changes_wait(call: Call) -> Iterator[None]:
        """Class, version, zones and storage are pending first, and the status flips late.

        Without ApplyImmediately they stay pending until the maintenance window, which never comes here; with it,
        everything that is pending is applied, whoever asked for it.
        """
        held = call.backend().databases.get(call.get("DBInstanceIdentifier", ""))
        before = {name: getattr(held, name, None) for name in SLOW.values()} if held else {}
        if held is not None and held.status in ("creating", "deleting"):
            message = f"Database instance is not in available state: {held.db_instance_identifier}"
            raise Refused("InvalidDBInstanceState", message)
        earlier = {p: v for p, v in getattr(held, "pending_modified_values", {}).items() if p in SLOW}
        yield
        if held is None:
            return
        sent = {p: call.get(p) for p, n in SLOW.items() if p in call.params and getattr(held, n, None) != before[n]}
        waiting = {**earlier, **sent}
        for name in (SLOW[p] for p in sent):
            setattr(held, name, before[name])
        others = {p: v for p, v in getattr(held, "pending_modified_values", {}).items() if p not in SLOW}
        held.pending_modified_values = {**others, **waiting}
        if not waiting or not call.get("ApplyImmediately"):
            return
        wanted, clock = {SLOW[p]: v for p, v in waiting.items()}, call.world.clock
        if clock.factor:
            clock.later(FLIPS, becomes, held, "status", "available", "modifying")
            clock.later(FLIPS + MODIFIED, _apply, held, wanted, tuple(waiting))
        else:
            _apply(held, wanted, tuple(waiting))


def _apply(held: Any, wanted: dict[str, Any], sent: tuple[str, ...]) -> None:
    for name, value in wanted.items():
        setattr(held, name, value)
    held.pending_modified_values = {p: v for p, v in held.pending_modified_values.items() if p not in sent}
    becomes(held, "status", "modifying", "available")


def _deleting() -> None:
    @rule("5.2 del", "rds", "DeleteDBInstance")
    def snapshot_or_none(call: Call) -> None:
        """A final snapshot's name, or the word that there shall be none: not both, not neither, no used name."""
        name, skip = call.get("FinalDBSnapshotIdentifier"), bool(call.get("SkipFinalSnapshot"))
        if bool(name) == skip:
            message = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and excluded by it."
            raise Refused("InvalidParameterCombination", message)
        snapshots = getattr(call.backend(), "database_snapshots", {})
        if name and name in snapshots:
            message = f"Cannot create the snapshot because a snapshot with the identifier {name} already exists."
            raise Refused("DBSnapshotAlreadyExists", message)

    @rule("5.2 del", "rds", "DeleteDBInstance")
    def instance_goes_slowly(call: Call) -> Iterator[None]:
        """Deleting for minutes, with its interface; a second request says so."""
        databases, name = call.backend().databases, str(call.get("DBInstanceIdentifier"))
        held = databases.get(name)
        if held is not None and held.status == "deleting":
            raise Refused("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
        yield
        take(call, f"RDSNetworkInterface {name}", DELETED)
        if held is not None and call.world.clock.factor:
            databases[name] = held
            held.status = "deleting"
            call.world.clock.later(DELETED, databases.pop, name, None)
