"""How long AWS works at a change of database and cache, and what is away meanwhile: a plan tells both."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reptiops import plandocument
from reptiops.engine.action import Action
from reptiops.engine.change import Change
from reptiops.engine.diff import diff
from reptiops.engine.eta import Countdown, Reversal, Timings, forecast
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Live, Resource
from reptiops.report.plans import show_plan
from reptiops.resources import (
    cloudfront,
    ec2_endpoints,
    ecs_services,
    elasticache,
    elasticache_changes,
    rds,
    rds_changes,
    rds_groups,
)
from reptiops.steps import documented

DATABASE = rds.Instance("reptidex-dev", "postgres", "15.19", "db.t4g.micro", backup_days=7)
CACHE = elasticache.ReplicationGroup("reptidex-dev", node_type="cache.t4g.micro")
TABLE = Path(__file__).parents[1] / "docs" / "timings.md"


def update(has: Resource, **changes: Any) -> Action:
    """A change in place of these fields."""
    want = replace(has, **changes)
    return Action("database/x", "update", type(has), want, Live("x", has), diff(want, has), "database")


def takes(has: Resource, **changes: Any) -> float:
    """Its forecast alone."""
    action = update(has, **changes)
    found = forecast(Plan((replace(action, address="database/database"),)), documented())
    return found.seconds


STANDBY = replace(DATABASE, multi_az=True)
REPLICA = replace(CACHE, nodes=2, automatic_failover=True)


@pytest.mark.parametrize(
    ("has", "changes", "least", "most", "away"),
    [
        (DATABASE, {"instance_class": "db.t4g.small"}, 300, 1200, "away for minutes"),
        (STANDBY, {"instance_class": "db.t4g.small"}, 300, 1200, "fails over"),
        (DATABASE, {"version": "16.4"}, 600, 1800, "away for minutes"),
        (STANDBY, {"version": "16.4"}, 600, 1800, "away for minutes"),
        (DATABASE, {"version": "15.20"}, 300, 900, "away for minutes"),
        (DATABASE, {"storage_gb": 40}, 60, 900, ""),
        (DATABASE, {"multi_az": True}, 300, 1500, ""),
        (DATABASE, {"backup_days": 0}, 30, 600, "suspends"),
        (DATABASE, {"backup_days": 14}, 0, 5, ""),
        (DATABASE, {"port": 5433}, 30, 600, "restarts"),
        (DATABASE, {"deletion_protection": True}, 0, 5, ""),
        (DATABASE, {"parameter_group": "other"}, 30, 120, "next restart"),
        (CACHE, {"node_type": "cache.t4g.small"}, 300, 1200, "away"),
        (REPLICA, {"node_type": "cache.t4g.small"}, 300, 1200, "connections break"),
        (CACHE, {"version": "7.1"}, 300, 1200, "away"),
        (CACHE, {"nodes": 2, "node_type": "cache.t4g.small"}, 900, 1500, "away"),
        (CACHE, {"parameter_group": "other"}, 30, 120, "most parameters count at once"),
        (CACHE, {"description": "x"}, 0, 5, ""),
    ],
)
def test_a_change_is_expected_to_take_what_aws_takes(
    has: Resource, changes: dict[str, Any], least: float, most: float, away: str
) -> None:
    assert least <= takes(has, **changes) <= most
    said = update(has, **changes).meanwhile
    assert away in said if away else not said


def test_the_plan_says_what_is_away_where_it_is_read() -> None:
    made = Plan((update(DATABASE, instance_class="db.t4g.small"),))
    console = Console(file=io.StringIO(), width=300)
    show_plan(console, made)
    line = next(one for one in console.file.getvalue().splitlines() if "database/x" in one)  # type: ignore[attr-defined]
    assert "it is away for minutes" in line
    assert plandocument.changes(made)[0].meanwhile.startswith("it is away for minutes")


def test_what_was_seen_of_changes_moves_each_by_its_own() -> None:
    times = Timings()
    resized, resting = update(DATABASE, instance_class="db.t4g.small"), update(DATABASE, backup_days=14)
    for _ in range(9):
        times.add(DATABASE, "update", 2 * DATABASE.takes("update", resized.changes), resized.changes)
        times.add(DATABASE, "update", 3.0, resting.changes)
    larger = update(DATABASE, version="16.4").changes
    assert times.expected(DATABASE, "update", larger) == pytest.approx(1.75 * DATABASE.takes("update", larger))
    assert times.expected(DATABASE, "update", resting.changes) < 5, "what is done at once stays at once"


def test_a_rollback_of_a_change_takes_as_long() -> None:
    back = replace(update(DATABASE, instance_class="db.t4g.small"), address="database/database")
    assert Countdown(documented(), Reversal((back,))).remaining(0) > 300


@pytest.mark.parametrize(
    ("want", "field", "least"),
    [
        (cloudfront.Distribution("x"), "price_class", 120),
        (ecs_services.Service("c", "web", first_desired=1, desired=1), "task_definition", 60),
        (ec2_endpoints.VpcEndpoint("vpc", "s", "Interface"), "subnets", 60),
    ],
)
def test_other_changes_that_take_minutes_are_expected_to(want: Resource, field: str, least: float) -> None:
    assert want.takes("update", (Change(field, "a", "b"),)) >= least


def test_static_parameters_wait_for_a_restart() -> None:
    has = rds_groups.ParameterGroup("x", "postgres15", "x", {"max_connections": "100"})
    assert "next restart" in update(has, parameters={"max_connections": "200"}).meanwhile


def test_the_table_of_changes_says_what_the_kinds_say() -> None:
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in TABLE.read_text().splitlines()]
    said = {(r[1].strip("`"), r[0]): int(r[2]) for r in rows if len(r) == 4 and re.match(r"`[a-z_0-9]+\.", r[1])}
    is_so = {
        ("rds.Instance", "another class"): rds_changes.CLASS,
        ("rds.Instance", "a newer minor version"): rds_changes.MINOR,
        ("rds.Instance", "a newer major version"): rds_changes.MAJOR,
        ("rds.Instance", "a standby is added"): rds_changes.STANDBY,
        ("rds.Instance", "more storage, another type of it"): rds_changes.STORAGE,
        ("rds.Instance", "port, backups on or off, monitoring, certificate"): rds_changes.RESTART,
        ("elasticache.ReplicationGroup", "another node type, a newer version"): elasticache_changes.MIGRATED,
        ("elasticache.ReplicationGroup", "more or fewer nodes"): elasticache_changes.WORKED["nodes"],
        ("elasticache.ReplicationGroup", "another token"): elasticache_changes.WORKED["token_version"],
        ("ec2_access.VpcEndpoint", "other subnets"): ec2_endpoints.VpcEndpoint.typical,
        ("ecs.Service", "a deployment"): ecs_services.Service.typical,
        ("cloudfront.Distribution", "any change"): cloudfront.Distribution.typical,
    }
    assert said == {name: int(seconds) for name, seconds in is_so.items()}
