"""A rollback undoes what its runs did, all of that and nothing else: not others' work, and no run is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults, Killed
from tests.inventory import inventory

ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway")


def test_a_killed_run_is_not_forgotten_when_a_later_one_is_undone(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        killed = Faults(session, ("ec2:CreateSubnet", 1), "kill before")
        with pytest.raises(Killed):
            app.provision("dev", session=session, state_dir=tmp_path, only=ONLY)
        assert killed.fired
        left = inventory(session)
        assert left > before
        Faults(session, ("ec2:CreateSubnet", 1))
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(session, tmp_path, only=ONLY)
        assert failed.value.undone is not None
        assert failed.value.undone.complete, str(failed.value)
        assert inventory(session) >= left, "what the killed run made is not this one's to undo"
        doubt = app.in_doubt(app.open_site(app.Settings("dev", session=session, state_dir=tmp_path)))
        assert "network/vpc" in doubt.created
        app.roll_back("dev", session=session, state_dir=tmp_path)
        assert inventory(session) == before
        after = app.in_doubt(app.open_site(app.Settings("dev", session=session, state_dir=tmp_path)))
        assert after.empty
