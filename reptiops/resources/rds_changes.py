"""What RDS does when an instance is changed: what it never takes back, what waits, how long it works and what is away.

An instance is `Any` here: `rds` knows this file, not the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any

from reptiops.engine.resource import REVERSIBLE, Change, Effect, Live, Undoing
from reptiops.resources.rds_states import AT_ONCE, WAITING, numbers

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "instance_class": ("DBInstanceClass",),
    "storage_gb": ("AllocatedStorage",),
    "max_storage_gb": ("MaxAllocatedStorage",),
    "storage_type": ("StorageType",),
    "multi_az": ("MultiAZ",),
    "backup_days": ("BackupRetentionPeriod",),
    "backup_window": ("PreferredBackupWindow",),
    "maintenance_window": ("PreferredMaintenanceWindow",),
    "monitoring_interval": ("MonitoringInterval", "MonitoringRoleArn"),
    "monitoring_role": ("MonitoringInterval", "MonitoringRoleArn"),
    "deletion_protection": ("DeletionProtection",),
    "security_groups": ("VpcSecurityGroupIds",),
    "parameter_group": ("DBParameterGroupName",),
    "auto_minor_upgrade": ("AutoMinorVersionUpgrade",),
    "copy_tags": ("CopyTagsToSnapshot",),
    "ca_certificate": ("CACertificateIdentifier",),
}
"""Which parameters of ModifyDBInstance a field is sent with."""
ONE_WAY: Mapping[str, Undoing] = {
    "version": Undoing("one-way", "AWS downgrades no engine"),
    "storage_gb": Undoing("one-way", "storage never shrinks"),
    # Who uses the password starts anew with it, so this one cannot wait for them.
    "password_version": Undoing("one-way", "nobody knows the password before", waits=False),
}

MINOR, MAJOR, CLASS, STANDBY, STORAGE, RESTART, BRIEF = 480.0, 1200.0, 720.0, 900.0, 300.0, 180.0, 60.0
"""Seconds that AWS typically works at a change, until the instance is available again (docs/timings.md)."""
PLAIN: Mapping[str, float] = {
    "storage_gb": STORAGE,
    "storage_type": STORAGE,
    "monitoring_interval": RESTART,
    "monitoring_role": RESTART,
    "ca_certificate": RESTART,
    "parameter_group": BRIEF,
    "log_exports": BRIEF,
    "password_version": BRIEF,
    "public": BRIEF,
    "security_groups": BRIEF,
}
"""What the database works through while it is changed; every other field that is not in `effect` is changed at once."""
AWAY = "it is away for minutes meanwhile"
RESTARTS = "it restarts, and is away for a minute or two"
FAILS_OVER = "it fails over to its standby, and is away for a minute or two"


def undoing(change: Change) -> Undoing:
    """Fewer days of backups delete the older ones at once."""
    if change.field == "backup_days" and int(str(change.want)) < int(str(change.has)):
        return Undoing("reversible with data loss", f"backups older than {change.want} days are deleted")
    return ONE_WAY.get(change.field, REVERSIBLE)


def effect(change: Change, standby: bool) -> Effect:
    """What a change does to an instance, with a standby in another zone or without one (aws-facts 5.2, 9.3)."""
    name, has, want = change.field, str(change.has), str(change.want)
    if name == "version":
        major = numbers(has)[:1] != numbers(want)[:1]
        return Effect(MAJOR if major else MINOR, AWAY)  # a standby is upgraded with it, not before it
    if name == "instance_class":
        return Effect(CLASS, FAILS_OVER if standby else AWAY)
    if name == "multi_az":
        return Effect(STANDBY if change.want else STORAGE)
    if name == "backup_days" and (not change.has or not change.want):
        return Effect(RESTART, "switching backups on or off suspends it for seconds to minutes")
    if name == "port":
        return Effect(RESTART, RESTARTS)
    if name == "ca_certificate":
        return Effect(RESTART, "it restarts where its version cannot take a certificate without")
    if name == "parameter_group":
        return Effect(BRIEF, "its parameters count from its next restart on, and nobody restarts it unasked")
    return Effect(PLAIN.get(name, Effect.seconds))


def staying(want: Any, has: Any) -> str:
    """Storage, be it that it grew by itself or that less was configured."""
    if want.storage_gb >= has.storage_gb:
        return ""
    return (
        f"storage_gb stays {has.storage_gb}, not {want.storage_gb} as configured: AWS never shrinks storage, and grows it "
        f"by itself as it fills. Configure {has.storage_gb}, which is what is there and paid for; only a new database can "
        "have less"
    )


def hindered(want: Any, live: Live[Any], changed: frozenset[str]) -> str:
    """What AWS never takes back; and ApplyImmediately fires everything that waits, what others have asked for too."""
    if "version" in changed and (why := downgraded(want.version, live.has.version)):
        return why
    if "max_storage_gb" in changed and (why := _too_small(want, live.has)):
        return why
    return "" if at_once(want, live, changed) else _fired(want, live, changed)


def not_again(before: Any, has: Any) -> Mapping[str, str]:
    """The limit of growth, which must not keep everything else from going back."""
    why = _too_small(before, has)
    return {"max_storage_gb": why} if why else {}


def downgraded(want: str, live: str) -> str:
    """That this would be a downgrade, and what to do instead; empty where it is none."""
    if numbers(want) >= numbers(live):
        return ""
    return f"AWS downgrades no engine: {live} is there, {want} is configured. Configure {live.split('.')[0]} or newer"


def _too_small(want: Any, has: Any) -> str:
    """AWS takes no limit of growth that is less than ten percent above what is there, but that itself."""
    size = max(want.storage_gb, has.storage_gb)
    if want.max_storage_gb == size or want.max_storage_gb >= 1.1 * size:
        return ""
    least = ceil(1.1 * size)
    return f"its storage is {size} GiB by now: max_storage_gb has to be {size}, which ends its growing, or at least {least}"


def _fired(want: Any, live: Live[Any], changed: frozenset[str]) -> str:
    waiting = json.loads(live.out.get("waiting", "{}"))
    others = {
        name: value
        for name, value in waiting.items()
        if (field := WAITING.get(name, "")) not in changed and (not field or getattr(want, field) != value)
    }
    if not others:
        return ""
    named = ", ".join(f"{name} {value}" for name, value in sorted(others.items()))
    return (
        f"somebody has asked for {named}, which waits for the maintenance window, and this change would apply it at "
        "once: let it pass or apply it yourself, or put it into the configuration"
    )


def at_once(want: Any, live: Live[Any], changed: frozenset[str]) -> bool:
    """Whether AWS makes all of it at once anyway. Backups are switched on or off when applied only."""
    kept = changed - {"backup_days"} if want.backup_days and live.has.backup_days else changed
    return kept <= AT_ONCE
