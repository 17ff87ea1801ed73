"""What was recorded and had gone before a run is recorded and missing again when that run has been rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app import states
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults, Killed
from tests.skipping import Skipping

ADDRESS = "compute/log_group/repti-media"
GROUP = "/ecs/dev/repti-media"


def _missing(where: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f.address, f.what) for f in app.drift("dev", **where).findings]


def _without_its_group(directory: Path, session: Any) -> dict[str, Any]:
    provision(session, directory, only=(ADDRESS,))
    session.client("logs").delete_log_group(logGroupName=GROUP)
    return {"session": session, "state_dir": directory, "clock": Skipping()}


@pytest.mark.parametrize("call", ["CreateLogGroup", "PutRetentionPolicy"])
def test_a_failed_repair_does_not_forget_what_is_missing(call: str, tmp_path: Path) -> None:
    with mocked_aws() as session:
        where = _without_its_group(tmp_path, session)
        before = states.entries("dev", **where)
        Faults(session, (f"logs:{call}", 1))
        with pytest.raises(app.ProvisionFailed) as failed:
            app.reconcile("dev", yes=True, **where)
        assert failed.value.undone is not None
        assert failed.value.undone.complete, str(failed.value)
        assert (states.entries("dev", **where), _missing(where)) == (before, [(ADDRESS, "missing")])
        assert not session.client("logs").describe_log_groups()["logGroups"]


def test_a_killed_one_that_is_undone_later_does_not_either(tmp_path: Path) -> None:
    """Two runs that did not end: what the first one made was not there before them."""
    with mocked_aws() as session:
        where = _without_its_group(tmp_path, session)
        before = states.entries("dev", **where)
        for _ in range(2):
            Faults(session, ("logs:PutRetentionPolicy", 1), "kill after")
            with pytest.raises(Killed):
                app.provision("dev", only=(ADDRESS,), **where)
            session.client("logs").delete_log_group(logGroupName=GROUP)
        app.roll_back("dev", **where)
        assert (states.entries("dev", **where), _missing(where)) == (before, [(ADDRESS, "missing")])
