"""PostgreSQL: the instance; `rds_groups` has its subnet group and its parameter group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
from reptiops.errors import ReptiopsError
from reptiops.resources import rds_changes
from reptiops.resources.rds_groups import PARAMETERS, ROLE_SPREADS, SUBNETS, RdsResource, tags_in
from reptiops.resources.rds_states import (
    READY,
    SPEED,
    UNABLE,
    at_least,
    long_running,
    newer_minor,
    numbers,
    status,
)
from reptiops.rights import ROLES, SECRETS, TAGGED, Right, arn_of, create, delete, passed_to, read, update, write

PASSWORD_TAG = "reptiops:password-version"
"""The tag that says from which version of the secret the master password was set."""
MULTI_AZ = 800.0
"""Seconds that AWS typically needs for an instance with a standby."""
SNAPSHOT = 120.0
"""Seconds that a final snapshot of a small database takes."""
STRIPED, IOPS, THROUGHPUT = 400, 12_000, 500
"""From so many GiB on gp3 has more volumes, with at least so many operations and MiB a second (aws-facts 5.2)."""
INSTANCES = (arn_of("rds", "db:{rds.Instance.name}"),)
SNAPSHOTS = (arn_of("rds", "snapshot:{rds.Instance.name}-*"),)


@dataclass(frozen=True)
class Instance(RdsResource):
    """A PostgreSQL instance. The master password is read from a secret inside the call that sets it."""

    name: str = fixed()
    engine: str = fixed()
    version: str = satisfied(newer_minor)
    instance_class: str = ""
    storage_gb: int = satisfied(at_least, default=20)
    max_storage_gb: int = 0
    storage_type: str = "gp3"
    encrypted: bool = fixed(default=True)
    multi_az: bool = False
    backup_days: int = 7
    backup_window: str | None = None
    maintenance_window: str | None = None
    monitoring_interval: int = 0
    monitoring_role: str | None = None
    deletion_protection: bool = False
    database: str = fixed(default="")
    username: str = fixed(default="")
    port: int = 5432
    subnet_group: str = fixed(default="")
    security_groups: frozenset[str] = frozenset()
    parameter_group: str = ""
    public: bool = False
    auto_minor_upgrade: bool = True
    extended_support: bool = fixed(default=False)
    copy_tags: bool = True
    log_exports: frozenset[str] = frozenset()
    ca_certificate: str | None = None
    password_from: str | None = local(default=None)
    """ARN of the secret whose JSON has the key `password`."""
    password_version: str | None = None
    """The secret's version that the password was set from; kept as a tag, for AWS tells nothing of a password."""
    final_snapshot: bool = local(default=False)

    drawn: ClassVar[Drawn] = "data"
    risks: ClassVar[Mapping[str, Risk]] = {
        "instance_class": "cost",
        "storage_gb": "cost",
        "max_storage_gb": "cost",
        "backup_days": "data",
        "deletion_protection": "data",
        "copy_tags": "cost",
        "public": "security",
        "security_groups": "security",
        "password_version": "security",
    }
    absent: ClassVar[frozenset[str]] = frozenset({"DBInstanceNotFound", "DBInstanceNotFoundFault"})
    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidVPCNetworkStateFault", "InvalidSubnet"}
    )
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidParameterValue", "ENHANCED_MONITORING"),
        ("InvalidParameterValue", "IAM role ARN value is invalid"),
        *ROLE_SPREADS,
    )
    typical: ClassVar[float] = 250
    nine_in_ten: ClassVar[float | None] = 370
    typical_delete: ClassVar[float] = 300
    limit: ClassVar[float] = 4800
    holds_data: ClassVar[bool] = True
    opaque: ClassVar[bool] = True
    content: ClassVar[str] = "resource_id"
    protections: ClassVar[frozenset[str]] = frozenset({"deletion_protection"})
    unsaved: ClassVar[str] = "no final snapshot"
    rights: ClassVar[tuple[Right, ...]] = (
        read("rds:DescribeDBInstances", on=(arn_of("rds", "db:*"),)),
        create("rds:CreateDBInstance", "rds:AddTagsToResource", on=INSTANCES, when=TAGGED),
        create("rds:CreateDBInstance", on=(*SUBNETS, *PARAMETERS)),
        *write("secretsmanager:GetSecretValue", on=SECRETS),
        *write("iam:PassRole", on=ROLES, when=passed_to("monitoring.rds")),
        update("rds:ModifyDBInstance", "rds:AddTagsToResource", on=INSTANCES),
        update("rds:ModifyDBInstance", on=(*SUBNETS, *PARAMETERS)),
        delete("rds:DescribeDBInstances", on=(arn_of("rds", "db:*"),)),
        delete("rds:ModifyDBInstance", "rds:DeleteDBInstance", on=INSTANCES),
        # The final snapshot carries the instance's tags.
        delete("rds:CreateDBSnapshot", on=(*INSTANCES, *SNAPSHOTS)),
        delete("rds:AddTagsToResource", on=SNAPSHOTS),
    )

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """What AWS never takes back, and what is lost on the way back."""
        return rds_changes.undoing(change)

    def effect(self, change: Change) -> Effect:
        """What is away while it is changed depends on whether there is a standby."""
        return rds_changes.effect(change, self.multi_az)

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """A second instance in another zone is made from a snapshot of the first; a final snapshot goes before a deletion."""
        if verb == "create" and self.multi_az:
            return MULTI_AZ
        return super().takes(verb, changes) + (SNAPSHOT if verb == "delete" and self.final_snapshot else 0.0)

    def key(self) -> str:
        """Identifiers are kept in lower case."""
        return self.name.lower()

    def billable(self, around: Around) -> Iterable[Use]:
        """The class by the hour, the storage as provisioned; backups beyond that, zone crossings, enhanced monitoring's log."""
        place = "multi" if self.multi_az else "single"
        yield Use(f"rds.{self.instance_class.removeprefix('db.')}.{place}", HOURS)
        yield Use(f"rds.{self.storage_type}.{place}", self.storage_gb)
        yield Use("rds.backup", by="database_backup_gb")
        yield Use("transfer.zone", 2, by="zone_gb")
        if self.monitoring_interval:
            yield Use("logs.ingest", by="enhanced_monitoring_gb")

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named; where it answers AWS chooses."""
        return {"id": self.key()}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region in pages, with their tags; ours, and those with a wanted name."""
        wanted = {want.key() for want in scope.wanted(cls)}
        for one in aws.rds.pages("describe_db_instances", "DBInstances"):
            address = scope.address(tags_in(one))
            if one["DBInstanceIdentifier"] in wanted or address is not None:
                yield cls._live(one, address)

    @classmethod
    def _live(cls, one: Mapping[str, Any], address: str | None) -> Live[Self]:
        pending = one.get("PendingModifiedValues") or {}
        groups = one.get("DBParameterGroups") or [{}]
        has = cls(
            name=one["DBInstanceIdentifier"],
            engine=one["Engine"],
            version=pending.get("EngineVersion", one["EngineVersion"]),
            instance_class=pending.get("DBInstanceClass", one["DBInstanceClass"]),
            storage_gb=pending.get("AllocatedStorage", one["AllocatedStorage"]),
            max_storage_gb=one.get("MaxAllocatedStorage") or one["AllocatedStorage"],
            storage_type=pending.get("StorageType", one.get("StorageType", "")),
            encrypted=one.get("StorageEncrypted", False),
            multi_az=pending.get("MultiAZ", one.get("MultiAZ", False)),
            backup_days=pending.get("BackupRetentionPeriod", one.get("BackupRetentionPeriod", 0)),
            backup_window=one.get("PreferredBackupWindow"),
            maintenance_window=one.get("PreferredMaintenanceWindow", "").lower(),
            monitoring_interval=one.get("MonitoringInterval") or 0,
            monitoring_role=one.get("MonitoringRoleArn"),
            deletion_protection=one.get("DeletionProtection", False),
            database=one.get("DBName", ""),
            username=one["MasterUsername"],
            port=pending.get("Port") or one.get("Endpoint", {}).get("Port") or one.get("DbInstancePort") or 0,
            subnet_group=one.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
            security_groups=frozenset(
                g["VpcSecurityGroupId"] for g in one.get("VpcSecurityGroups", []) if g["Status"] != "removing"
            ),
            parameter_group=groups[0].get("DBParameterGroupName", ""),
            public=one.get("PubliclyAccessible", False),
            auto_minor_upgrade=one.get("AutoMinorVersionUpgrade", True),
            extended_support=not one.get("EngineLifecycleSupport", "-disabled").endswith("-disabled"),
            copy_tags=one.get("CopyTagsToSnapshot", False),
            log_exports=frozenset(one.get("EnabledCloudwatchLogsExports", [])),
            ca_certificate=one.get("CACertificateIdentifier"),
            password_version=tags_in(one).get(PASSWORD_TAG),
        )
        host = one.get("Endpoint", {}).get("Address", "")
        out = {"arn": one["DBInstanceArn"], "resource_id": one.get("DbiResourceId", ""), "repairable": "yes"}
        waiting = {name: value for name, value in pending.items() if name != "MasterUserPassword"}
        if waiting and one["DBInstanceStatus"] in READY:
            out["waiting"] = json.dumps(waiting, default=str)
        out |= {name: str(one[member]) for name, member in SPEED.items() if one.get(member)}
        if host:
            out |= {"host": host, "port": str(has.port)}
        created = one.get("InstanceCreateTime")
        return Live(one["DBInstanceIdentifier"], has, address, status(one, pending), out, created)

    def create(self, aws: Aws, identity: Identity) -> Made:
        """gp3 below 400 GiB takes neither IOPS nor throughput; above, AWS's least are said."""
        lifecycle = "" if self.extended_support else "-disabled"
        tags = dict(identity.tags) | ({PASSWORD_TAG: self.password_version} if self.password_version else {})
        answer = aws.rds.create_db_instance(
            DBInstanceIdentifier=self.name,
            Engine=self.engine,
            EngineVersion=self.version,
            DBName=self.database,
            MasterUsername=self.username,
            MasterUserPassword=self._password(aws),
            StorageEncrypted=self.encrypted,
            DBSubnetGroupName=self.subnet_group,
            PubliclyAccessible=self.public,
            EngineLifecycleSupport=f"open-source-rds-extended-support{lifecycle}",
            EnableCloudwatchLogsExports=sorted(self.log_exports),
            Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
            Port=self.port,
            **self._settings(),
            **self._speed({}),
        )
        made = answer["DBInstance"]
        out = {"arn": made["DBInstanceArn"], "resource_id": made.get("DbiResourceId", ""), "repairable": "yes"}
        return Made(self.key(), out, Status("pending", made["DBInstanceStatus"]))

    def _password(self, aws: Aws) -> str:
        answer = aws.secretsmanager.get_secret_value(SecretId=self.password_from)
        return str(json.loads(answer["SecretString"])["password"])

    def _settings(self) -> dict[str, Any]:
        """What CreateDBInstance and ModifyDBInstance both take."""
        sent: dict[str, Any] = {
            "DBInstanceClass": self.instance_class,
            "AllocatedStorage": self.storage_gb,
            "MaxAllocatedStorage": self.max_storage_gb,
            "StorageType": self.storage_type,
            "MultiAZ": self.multi_az,
            "BackupRetentionPeriod": self.backup_days,
            "MonitoringInterval": self.monitoring_interval,
            "DeletionProtection": self.deletion_protection,
            "VpcSecurityGroupIds": sorted(self.security_groups),
            "DBParameterGroupName": self.parameter_group,
            "AutoMinorVersionUpgrade": self.auto_minor_upgrade,
            "CopyTagsToSnapshot": self.copy_tags,
        }
        optional = {
            "MonitoringRoleArn": self.monitoring_role,
            "PreferredBackupWindow": self.backup_window,
            "PreferredMaintenanceWindow": self.maintenance_window,
            "CACertificateIdentifier": self.ca_certificate,
        }
        return sent | {name: value for name, value in optional.items() if value}

    def _speed(self, out: Mapping[str, str]) -> dict[str, int]:
        """What a size of gp3 storage has to be sent with: what it has by now, and no less than AWS's least there."""
        if self.storage_type != "gp3" or self.storage_gb < STRIPED:
            return {}
        least = {"iops": IOPS, "throughput": THROUGHPUT}
        return {member: max(int(out.get(name, 0)), least[name]) for name, member in SPEED.items()}

    def staying(self, live: Live[Any]) -> str:
        """Storage never shrinks."""
        return rds_changes.staying(self, live.has)

    def not_again(self, has: Self) -> Mapping[str, str]:
        """A limit of growth, where the storage has grown too near to it."""
        return rds_changes.not_again(self, has)

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """A downgrade, a limit below what is there, and what would fire along what others have asked for."""
        return rds_changes.hindered(self, live, changed)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """At once: without ApplyImmediately AWS would answer yes and do most of it in the maintenance window only."""
        if why := self.hindered(live, changed):
            raise ReptiopsError(why)
        whole = self._settings()
        sent = {p: whole[p] for f in changed for p in rds_changes.PARAMETERS.get(f, ()) if p in whole}
        if changed & {"storage_gb", "storage_type"} and (speed := self._speed(live.out)):
            sent |= {"AllocatedStorage": self.storage_gb, **speed}
        if "version" in changed:
            major = numbers(self.version)[:1] != numbers(live.has.version)[:1]
            sent |= {"EngineVersion": self.version, "AllowMajorVersionUpgrade": major}
        if "port" in changed:
            sent["DBPortNumber"] = self.port
        if "public" in changed:
            sent["PubliclyAccessible"] = self.public
        if "log_exports" in changed:
            sent["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(self.log_exports - live.has.log_exports),
                "DisableLogTypes": sorted(live.has.log_exports - self.log_exports),
            }
        if "password_version" in changed and self.password_from:
            sent["MasterUserPassword"] = self._password(aws)
        if sent:
            now = not rds_changes.at_once(self, live, changed)
            aws.rds.modify_db_instance(DBInstanceIdentifier=self.name, ApplyImmediately=now, **sent)
        if "password_version" in changed and self.password_version:
            tags = [{"Key": PASSWORD_TAG, "Value": self.password_version}]
            aws.rds.add_tags_to_resource(ResourceName=live.out["arn"], Tags=tags)

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Once it has run for an hour."""
        return long_running(live)

    def unused(self) -> Self:
        """Never in service: no final snapshot."""
        return replace(self, final_snapshot=False)

    def leaves(self, live: Live[Any]) -> str:
        """The final snapshot stays, and is billed; where AWS can take none, the automated backups do."""
        if live.status.phase == "going":
            return "is being deleted already: a snapshot stays only if whoever deletes it has asked for one"
        if not self.final_snapshot:
            return ""
        if live.status.word in UNABLE:
            stay = f"no final snapshot can be taken ({live.status.word}): its automated backups stay"
            return stay if live.has.backup_days else ""
        backups = ", its automated backups go" if live.has.backup_days else ""
        return f"a final snapshot {self.name}-final-… stays and is billed{backups}"

    def traces(self, live: Live[Any]) -> str:
        """Enhanced monitoring writes for all instances into one log group."""
        kept = "what enhanced monitoring wrote stays for 30 days in RDSOSMetrics, the log group of all databases here"
        return kept if live.has.monitoring_interval else ""

    def protection(self, live: Live[Any]) -> str:
        """Deletion protection."""
        return "deletion protection is on" if live.has.deletion_protection else ""

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Protection off first. The snapshot's name carries the time, for a used name is refused."""
        current = aws.rds.describe_db_instances(DBInstanceIdentifier=live.id)["DBInstances"][0]
        if current["DBInstanceStatus"] == "deleting":
            return
        if current.get("DeletionProtection"):
            aws.rds.modify_db_instance(DBInstanceIdentifier=live.id, DeletionProtection=False)
            raise NotYet("deletion protection is being switched off")
        stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        usable = self.final_snapshot and current["DBInstanceStatus"] not in UNABLE
        snapshot: dict[str, Any] = {"SkipFinalSnapshot": not usable}
        if usable:
            snapshot["FinalDBSnapshotIdentifier"] = f"{live.id}-final-{stamp}"
        try:
            # Where a snapshot was wanted and cannot be taken, the automated backups are all that is left: they stay.
            backups = not self.final_snapshot or usable
            aws.rds.delete_db_instance(DBInstanceIdentifier=live.id, DeleteAutomatedBackups=backups, **snapshot)
        except ClientError as error:
            if "already being deleted" not in message(error) or not code(error).startswith("InvalidDBInstanceState"):
                raise
