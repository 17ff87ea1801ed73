"""Runs killed at a write of theirs, in process, over a small environment with every kind; and one write denied for good.

`make test` plays a few points, other ones each run: the seed is printed, and REPTIOPS_POINT=update:12:kill after:again
plays one again. `make proof` plays every one (see tests/enumeration.py); `state lost` deletes the state directory after
the kill. `make crash` does it with real processes over the whole of dev.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from tests.enumeration import enumerate_points, spread
from tests.faults import Faults, Killed
from tests.faults import Point as Write
from tests.forks import in_fork
from tests.scenarios import (
    SCENARIOS,
    Place,
    Undisturbed,
    begun,
    compared,
    prepared,
    session,
    unconverged,
    undisturbed,
    ways_back,
)
from tests.test_failures import SEED

UNTAGGED = ("dashboard", "reptidex-dev")
"""What nobody declares any more is found by its tags or by the state; a dashboard has no tags, and stays without a state."""


@dataclass(frozen=True, order=True)
class Point:
    """Which write of a scenario, what happens there, and which way out is taken."""

    scenario: str
    number: int
    how: str
    way: str

    def __str__(self) -> str:
        return f"{self.scenario}:{self.number}:{self.how}:{self.way}"


def points_of(name: str, writes: int, how: str) -> list[Point]:
    """Every write of a scenario, killed before and after it, or denied, or killed and the state lost."""
    numbers = range(writes)
    if how == "denied":
        return [Point(name, n, "deny", "rollback") for n in numbers]
    ways = ("state lost",) if how == "state lost" else SCENARIOS[name].ways
    return [Point(name, n, kill, way) for n in numbers for kill in ("kill before", "kill after") for way in ways]


def _denied(command: Any, place: Place, broken: Any) -> str | None:
    """What a failed run says of its rollback, which undid it all; None if it went on."""
    try:
        command(place, session=broken)
    except app.ProvisionFailed as failed:
        if failed.undone is None or not failed.undone.complete:
            raise
        return str(failed)
    return None


def tried(point: Point, write: Write, root: Path, quiet: Undisturbed) -> list[str]:
    """One point, in the world to begin with, which is a fork's; answers what is wrong afterwards."""
    name, scenario = point.scenario, SCENARIOS[point.scenario]
    with begun(name, root) as place:
        broken = session()
        faults = Faults(broken, write, point.how)
        if point.how == "deny":
            undone = _denied(scenario.command, place, broken)
            if undone is None:  # several deleted in one call, and one by one when that was refused
                assert write[0].partition(":")[2].startswith("Delete"), f"it went on without {write[0]}"
                return compared(quiet.after) + unconverged(name, place)
        else:
            with contextlib.suppress(Killed):  # the order of concurrent calls differs: it may not come to that write
                scenario.command(place, session=broken)
            if point.way == "state lost":
                shutil.rmtree(place.root / "state")
            (place.roll_back if point.way == "rollback" else functools.partial(scenario.command, place))()
        back = faults.fired and point.way == "rollback"
        worlds = ways_back(name, quiet.before, quiet.after) if back else [quiet.after]
        wrong = min((compared(world) for world in worlds), key=len)
        if point.way == "state lost":
            wrong = [one for one in wrong if one != f"twin or orphan: {UNTAGGED}"]
        return wrong if point.way == "rollback" else wrong + unconverged(name, place)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with prepared(tmp_path_factory.mktemp("crashes")) as place:
        yield place


def _sampled(name: str, how: str, count: int, root: Path) -> list[str]:
    """Some points of a scenario, or the given one; answers what went wrong."""
    quiet, given = undisturbed(name, root), os.environ.get("REPTIOPS_POINT")
    every, wrong = points_of(name, len(quiet.writes), how), []
    chosen = [p for p in every if str(p) == given] if given else random.Random(SEED).sample(every, count)
    for point in chosen:
        write = quiet.writes[point.number]
        found = in_fork(functools.partial(tried, point, write, root, quiet))
        print(f"{point} ({write[0]}): {found or 'good'}", flush=True)
        wrong += [f"{point}: {one}" for one in found]
    return wrong


def test_killed_at_some_write(root: Path) -> None:
    given = os.environ.get("REPTIOPS_POINT")
    print(f"REPTIOPS_SEED={SEED}")
    name = given.split(":")[0] if given else random.Random(SEED).choice(sorted(SCENARIOS))
    assert not _sampled(name, "killed", 2, root)


def test_a_write_of_an_update_fails_for_good(root: Path) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    assert not _sampled("update", "denied", 1, root)


@pytest.mark.proof
@pytest.mark.parametrize("how", ["killed", "denied", "state lost"])
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_at_every_write(name: str, how: str, root: Path) -> None:
    if how == "denied" and name not in ("provision", "update"):
        pytest.skip("a failure policy exists for what makes and changes")
    if how == "state lost" and name == "rollback":
        pytest.skip("a rollback has nothing to go by without its journal")
    quiet = undisturbed(name, root)

    def trial(point: Point) -> list[str]:
        return tried(point, quiet.writes[point.number], root, quiet)

    points = spread(points_of(name, len(quiet.writes), how))
    assert not enumerate_points(f"{how.replace(' ', '-')}-{name}", points, trial).wrong
