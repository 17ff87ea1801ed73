"""What ElastiCache does when a replication group is changed: what it never takes back, how long it works, what breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reptiops.engine.resource import REVERSIBLE, Change, Effect, Undoing

ONE_WAY: Mapping[str, Undoing] = {
    "version": Undoing("one-way", "AWS downgrades no engine"),
    # Who uses the token starts anew with it, so this one cannot wait for them.
    "token_version": Undoing("one-way", "nobody knows the token before", waits=False),
}
MIGRATED, BRIEF = 600.0, 60.0
"""Seconds that AWS typically works until its nodes are others, and at what concerns no node (docs/timings.md)."""
WORKED: Mapping[str, float] = {
    "node_type": MIGRATED,
    "nodes": 480.0,
    "version": MIGRATED,
    "token_version": 300.0,
    "automatic_failover": BRIEF,
    "multi_az": BRIEF,
    "security_groups": BRIEF,
    "snapshot_days": BRIEF,
}
"""What it works at each of these; everything else is changed at once."""
AWAY = "it is away for seconds to minutes while another node takes its place"


def undoing(change: Change) -> Undoing:
    """Fewer days of snapshots delete the older ones."""
    if change.field == "snapshot_days" and int(str(change.want)) < int(str(change.has)):
        return Undoing("reversible with data loss", f"snapshots older than {change.want} days are deleted")
    return ONE_WAY.get(change.field, REVERSIBLE)


def effect(change: Change, failover: bool) -> Effect:
    """What a change does to a group, with a replica that takes over or without one (aws-facts 5.3)."""
    meanwhile = ""
    if change.field in ("node_type", "version"):
        meanwhile = "its connections break for seconds as a replica takes over" if failover else AWAY
    if change.field == "parameter_group":
        told = "most parameters count at once, a few from its next restart on, and nobody restarts it unasked"
        return Effect(BRIEF, told)
    return Effect(WORKED.get(change.field, Effect.seconds), meanwhile)


def in_turn(changes: Iterable[Change], failover: bool) -> float:
    """Seconds of nodes, settings and token, which are changed one after the other."""
    turns: dict[str, float] = {}
    for change in changes:
        turn = change.field if change.field in ("nodes", "token_version") else ""
        turns[turn] = max(turns.get(turn, 0.0), effect(change, failover).seconds)
    return sum(turns.values()) or Effect.seconds
