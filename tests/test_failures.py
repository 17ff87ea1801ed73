"""A permanent failure at a write: rolled back, the world as before, the state empty, exit code 1.

`make test` takes a few writes of each environment, other ones each run (the seed is printed; set REPTIOPS_SEED to
repeat one). `make proof` takes every write, see tests/enumeration.py.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from reptiops import app
from reptiops.engine.backend import LocalBackend
from reptiops.engine.state import Records
from reptiops.testing import mocked_aws, provision
from tests.enumeration import enumerate_points, spread
from tests.faults import Faults, Point
from tests.inventory import inventory

SEED = int(os.environ.get("REPTIOPS_SEED", random.SystemRandom().randrange(10**6)))
SAMPLE = 2


def _points(environment: str, directory: Path) -> list[Point]:
    with mocked_aws() as session:
        faults = Faults(session)
        provision(session, directory, environment)
        return faults.points()


def _trial(environment: str, point: Point, directory: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        faults = Faults(session, point)
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(session, directory, environment)
        assert faults.fired
        assert failed.value.exit_code == 1
        assert "injected" in str(failed.value)
        assert failed.value.undone is not None
        assert failed.value.undone.complete, str(failed.value)
        assert inventory(session) == before
        left = app.open_site(app.Settings(environment, session=session, state_dir=directory)).state.entries
        assert {address for address in left if not address.startswith("security/service_linked_role")} == set()
        assert Records(LocalBackend(directory / environment)).runs()


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_failure_at_some_writes_is_rolled_back(environment: str, tmp_path: Path) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    points = _points(environment, tmp_path / "clean")
    for number, point in enumerate(random.Random(SEED).sample(points, SAMPLE)):
        print(f"{environment} {point}")
        _trial(environment, point, tmp_path / str(number))


@pytest.mark.proof
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_failure_at_every_write_is_rolled_back(environment: str, tmp_path: Path) -> None:
    points = {f"{name} {n}": (name, n) for name, n in _points(environment, tmp_path / "clean")}

    def trial(point: str) -> list[str]:
        _trial(environment, points[point], tmp_path / point.replace(":", "-").replace(" ", "-"))
        return []

    assert not enumerate_points(f"failures-{environment}", spread(points), trial).wrong
