"""A run killed at a write: running it again ends in the undisturbed world, rolling it back in the one before.

Sampled like `test_failures.py`; the real SIGKILL of a real process is the business of `make crash`.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine import lock as locks
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults, Killed, Point
from tests.inventory import inventory
from tests.test_failures import SEED

ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway")
HOW = ("kill before", "kill after")


def _points(directory: Path) -> tuple[list[Point], Counter[str]]:
    with mocked_aws() as session:
        faults = Faults(session)
        provision(session, directory, "dev")
        return faults.points(), Counter(what for what, _ in inventory(session))


def _killed(session: Any, directory: Path, point: Point, how: str) -> None:
    faults = Faults(session, point, how)
    with pytest.raises(Killed):
        provision(session, directory, "dev")
    assert faults.fired


def test_a_killed_run_goes_on_or_is_undone(tmp_path: Path) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    points, whole = _points(tmp_path / "clean")
    chance = random.Random(SEED)
    for number, point in enumerate(chance.sample(points, 2)):
        how = chance.choice(HOW)
        print(how, point)
        where = tmp_path / str(number)
        with mocked_aws() as session:
            _killed(session, where, point, how)
            provision(session, where, "dev")
            assert Counter(what for what, _ in inventory(session)) == whole, "a twin, an orphan, or something missing"
            assert not app.plan("dev", session=session, state_dir=where).changes
        with mocked_aws() as session:
            before = inventory(session)
            _killed(session, where / "back", point, how)
            app.roll_back("dev", session=session, state_dir=where / "back")
            assert inventory(session) == before
            with pytest.raises(app.Refused, match="nothing in doubt"):
                app.roll_back("dev", session=session, state_dir=where / "back")


def test_a_failed_run_that_was_kept_is_undone_later(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        Faults(session, ("ecs:CreateCluster", 1))
        with pytest.raises(app.ProvisionFailed):
            provision(session, tmp_path, "dev", on_failure="keep")
        assert inventory(session) > before
        site = app.open_site(app.Settings("dev", session=session, state_dir=tmp_path))
        assert "network/vpc" in app.in_doubt(site).created
        app.roll_back("dev", session=session, state_dir=tmp_path)
        runs = app.history("dev", session=session, state_dir=tmp_path)
        assert [(run.operation, run.ending) for run in runs] == [("rollback", "undone"), ("provision", "failed")]
        assert runs[1].failures == ("compute/cluster: AccessDenied injected",)
        assert inventory(session) == before


def test_an_update_that_was_kept_is_set_back(tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text().replace("log_retention_days: 30", "log_retention_days: 60")
    (tmp_path / "dev.yaml").write_text(text.replace("idle_timeout_seconds: 60", "idle_timeout_seconds: 90"))
    with mocked_aws() as session:
        provision(session, tmp_path, "dev")
        before = inventory(session)
        Faults(session, ("logs:PutRetentionPolicy", 4))
        with pytest.raises(app.ProvisionFailed):
            provision(session, tmp_path, "dev", on_failure="keep", config_dir=tmp_path)
        app.roll_back("dev", session=session, state_dir=tmp_path)
        groups = session.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/dev/")["logGroups"]
        assert {g["retentionInDays"] for g in groups} == {30}
        assert inventory(session) == before
        assert not app.plan("dev", session=session, state_dir=tmp_path).changes


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.proof)])
def test_two_provisions_at_once_make_one_environment(rounds: int, tmp_path: Path) -> None:
    ended: list[str] = []

    def run(session: Any) -> None:
        try:
            app.provision("dev", session=session, state_dir=tmp_path, only=ONLY)
            ended.append("done")
        except (locks.Locked, app.ApplyError, app.ProvisionFailed) as error:
            ended.append(type(error).__name__)

    with mocked_aws() as session:
        provision(session, tmp_path / "alone", "dev", only=ONLY)
        alone = len(inventory(session))
    for _ in range(rounds):
        with mocked_aws() as session:
            threads = [threading.Thread(target=run, args=(session,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if len(inventory(session)) != alone:
                run(session)
            assert len(inventory(session)) == alone
            app.teardown("dev", session=session, state_dir=tmp_path)
    assert set(ended) <= {"done", "Locked"}, ended
