"""A resource that others hang on is replaced, and the run fails or dies at a write of that: what was is made anew.

A private subnet with another address range, to which a route table is tied. `make test` plays one write, another one
each run; `make proof` every one.
"""

from __future__ import annotations

import contextlib
import functools
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.config import environment_file
from reptiops.testing import mocked_aws
from tests.enumeration import Point, enumerate_points, spread
from tests.faults import Faults, Killed
from tests.faults import Point as Write
from tests.forks import in_fork
from tests.scenarios import compared, named, session
from tests.test_failures import SEED

RANGES = ("private: 10.1.10.0/24", "private: 10.1.30.0/24")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("replaced")
    text = environment_file("dev").read_text()
    for name, wanted in (("before", text), ("after", text.replace(*RANGES))):
        (directory / name).mkdir()
        (directory / name / "dev.yaml").write_text(wanted)
    with mocked_aws():
        app.provision("dev", **_where(directory, "before"))
        yield directory


def _where(root: Path, config: str) -> dict[str, Any]:
    return {"session": session(), "state_dir": root / "state", "config_dir": root / config, "phases": ("network",)}


def _shape() -> set[tuple[str, str, tuple[str, ...]]]:
    """Each subnet's range, its name, and where the route table that it is tied to leads."""
    ec2 = session().client("ec2")
    tables = ec2.describe_route_tables()["RouteTables"]
    ties = {a.get("SubnetId"): table for table in tables for a in table["Associations"]}
    found = set()
    for one in ec2.describe_subnets(Filters=[{"Name": "tag-key", "Values": ["reptiops:address"]}])["Subnets"]:
        name = next(t["Value"] for t in one["Tags"] if t["Key"] == "Name")
        routes = ties.get(one["SubnetId"], {"Routes": []})["Routes"]
        leads = {r.get("DestinationCidrBlock", "endpoint") for r in routes}
        found.add((one["CidrBlock"], name, tuple(sorted(leads))))
    return found


def _replace(root: Path, with_session: Any = None) -> None:
    where = _where(root, "after")
    app.provision("dev", allow_replace=True, **where | ({"session": with_session} if with_session else {}))


def _points(root: Path) -> tuple[list[Write], list[Point]]:
    def work() -> Any:
        watched = session()
        faults = Faults(watched)
        with _copied(root) as copy:
            _replace(copy, watched)
        assert any(cidr == "10.1.30.0/24" for cidr, _, _ in _shape())
        return faults.points()

    writes: list[Write] = [(name, n) for name, n in in_fork(work)]
    ways = [("deny", "rollback"), *((k, w) for k in ("kill before", "kill after") for w in ("again", "rollback"))]
    return writes, [Point(n, how, way) for n in range(len(writes)) for how, way in ways]


@contextlib.contextmanager
def _copied(root: Path) -> Iterator[Path]:
    """Configurations and state for one fork, which has a world of its own."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(shutil.copytree(root, Path(place) / "copy"))


def tried(point: Point, write: Write, root: Path) -> list[str]:
    """One point, in a fork; answers what is wrong in the end."""
    with _copied(root) as copy:
        return _wrong(point, write, copy)


def _wrong(point: Point, write: Write, root: Path) -> list[str]:
    before, shape = named(), _shape()
    broken = session()
    faults = Faults(broken, write, point.how)
    wrong: list[str] = []
    if point.how == "deny":
        with pytest.raises(app.ProvisionFailed) as failed:
            _replace(root, broken)
        undone = failed.value.undone
        wrong += [] if undone is not None and undone.complete else [str(failed.value)]
    else:
        with contextlib.suppress(Killed):
            _replace(root, broken)
        if point.way == "rollback":
            with contextlib.suppress(app.Refused):
                app.roll_back("dev", **{k: v for k, v in _where(root, "after").items() if k != "phases"})
        else:
            _replace(root)
    config = "before" if point.way == "rollback" and faults.fired else "after"
    changes = app.plan("dev", **_where(root, config)).changes
    wrong += [f"not converged: {a.address} {a.verb} {[c.path for c in a.changes]}" for a in changes]
    wrong += compared(before)
    if config == "before" and _shape() != shape:
        wrong.append(f"not as before: {_shape() ^ shape}")
    return wrong


def test_a_replacement_fails_at_some_write(root: Path) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    writes, points = _points(root)
    point = random.Random(SEED).choice(points)
    print(f"{point}: {writes[point.number][0]}")
    assert in_fork(functools.partial(tried, point, writes[point.number], root)) == []


@pytest.mark.proof
def test_a_replacement_fails_at_any_write(root: Path) -> None:
    writes, points = _points(root)
    print(writes)
    assert not enumerate_points("replaced", spread(points), lambda p: tried(p, writes[p.number], root)).wrong
