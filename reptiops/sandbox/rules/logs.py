"""CloudWatch Logs: groups that AWS's services make for themselves, and once more when their owner has gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, rule

LATE = 40.0
"""Seconds after its cluster's end within which Container Insights still writes."""


def rules() -> None:
    """Everything about log groups that nobody created."""

    @rule("0.17", "ecs", "CreateCluster", "UpdateCluster", "UpdateClusterSettings")
    def container_insights_makes_its_log_group(call: Call) -> Iterator[None]:
        """Container Insights makes its log group where that is missing: without tags, keeping everything for ever."""
        yield
        for name in _measured(call):
            written(call, f"/aws/ecs/containerinsights/{name}/performance")

    @rule("0.17, 8.1 del", "ecs", "DeleteCluster")
    def container_insights_writes_after_the_end(call: Call) -> Iterator[None]:
        """What it measured last comes after its cluster's end, and makes the log group once more."""
        measured = _measured(call)
        yield
        for name in measured:
            call.world.clock.later(LATE, written, call, f"/aws/ecs/containerinsights/{name}/performance")


def _measured(call: Call) -> list[str]:
    """The cluster of a call, if Container Insights is on for it."""
    given = call.get("clusterName") or call.get("cluster") or "default"
    held = call.backend().clusters.get(str(given).rsplit("/", 1)[-1])
    settings: list[Any] = (held.settings if held is not None else None) or []
    on = any(s["name"] == "containerInsights" and s["value"] != "disabled" for s in settings)
    return [held.name] if on else []


def written(call: Call, group: str, days: int | None = None) -> None:
    """A service writes to a log group: it makes the group if there is none."""
    logs = call.backend("logs")
    if group not in logs.groups:
        logs.create_log_group(group, {})
        logs.groups[group].retention_in_days = days
