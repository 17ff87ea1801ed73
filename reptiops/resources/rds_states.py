"""What RDS says of an instance: its version, its state, what of it waits for the maintenance window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reptiops.engine.resource import Live, Status

SPEED = {"iops": "Iops", "throughput": "StorageThroughput"}
"""What `out` calls how fast the storage is, and what AWS calls it."""
READY = frozenset({"available", "storage-optimization"})
FAILED = frozenset(
    {
        "failed",
        "inaccessible-encryption-credentials",
        "incompatible-credentials",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "restore-error",
    }
)

WAITING: Mapping[str, str] = {
    "EngineVersion": "version",
    "DBInstanceClass": "instance_class",
    "AllocatedStorage": "storage_gb",
    "StorageType": "storage_type",
    "MultiAZ": "multi_az",
    "BackupRetentionPeriod": "backup_days",
    "Port": "port",
    "CACertificateIdentifier": "ca_certificate",
}
"""What may wait for the maintenance window, by AWS's name, and the field that says what is wanted of it."""
AT_ONCE = frozenset(
    {
        "auto_minor_upgrade",
        "backup_window",
        "copy_tags",
        "deletion_protection",
        "log_exports",
        "maintenance_window",
        "max_storage_gb",
        "password_version",
        "security_groups",
    }
)
"""What AWS changes at once whether it is asked to or not, so that nothing else that waits is touched (aws-facts 5.2)."""

UNABLE = frozenset({"failed", "incompatible-restore", "incompatible-network"})
"""In these states AWS takes no final snapshot."""


def long_running(live: Live[Any]) -> str:
    """AWS does not tell whether a database holds rows or a cache keys: one that has run for an hour counts as in use."""
    hours = (datetime.now(UTC) - live.created).total_seconds() / 3600 if live.created else 0.0
    return f"it has been running for {hours:.0f} hours" if hours >= 1 else ""


def numbers(version: str) -> list[int]:
    """`15.19` is 15 and 19: as text, 15.9 would be newer."""
    return [int(part) for part in version.split(".") if part.isdigit()]


def newer_minor(want: str | None, live: str | None) -> bool:
    """Whether a live version is the wanted one or a newer minor version of the same major one."""
    if not want or not live:
        return want == live
    return numbers(want)[:1] == numbers(live)[:1] and numbers(live) >= numbers(want)


def at_least(want: int | None, live: int | None) -> bool:
    """Storage that AWS grew by itself satisfies; it never shrinks."""
    return want is not None and live is not None and live >= want


def status(one: Mapping[str, Any], pending: Mapping[str, Any]) -> Status:
    """What an instance's own word, its security groups, and what waits for the maintenance window come to."""
    word = one["DBInstanceStatus"]
    if word in FAILED:
        return Status("failed", word)
    groups = [g["Status"] for g in one.get("VpcSecurityGroups", [])]
    if word in ("stopped", "stopping"):
        return Status("ready", word)
    if word == "deleting":
        return Status("going", word, partial=True)
    if word not in READY or any(g not in ("active",) for g in groups):
        # A full disk is not going to change by itself: somebody has to give it more.
        return Status("pending", word, partial=not one.get("Endpoint"), changing=word != "storage-full")
    waiting = sorted(k for k in pending if k != "MasterUserPassword")
    if waiting:
        return Status("ready", f"{word}, changes wait: {', '.join(waiting)}", unapplied=True)
    reboot = any(g.get("ParameterApplyStatus") == "pending-reboot" for g in one.get("DBParameterGroups", []))
    return Status("ready", f"{word}, reboot pending" if reboot else word)
