"""A run that was killed before it began anything leaves nothing in doubt, and everything says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.report.runs import ended
from reptiops.testing import mocked_aws
from tests.faults import Faults, Killed
from tests.skipping import Skipping

ONLY = ("network/vpc", "network/public_subnet")


def _at_once(_: Any) -> None:
    raise Killed("before its first write")


def test_a_run_that_was_killed_before_its_first_write_is_in_no_doubt(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        with pytest.raises(Killed):
            app.provision("dev", only=ONLY, expect=_at_once, **where)
        (first,) = app.history("dev", **where)
        assert ended(first) == "did not end, nothing begun"
        assert app.explain("dev", **where).ways_out == ()
        assert app.doubt_text(app.in_doubt(app.open_site(app.Settings("dev", **where))), "dev") == []
        with pytest.raises(
            app.Refused, match="The last run of dev did not end, but it had begun nothing: there is nothing in doubt"
        ):
            app.roll_back("dev", **where)
        Faults(session, ("ec2:CreateSubnet", 1), "kill before")
        with pytest.raises(Killed):
            app.provision("dev", only=ONLY, **where)
        doubt = app.in_doubt(app.open_site(app.Settings("dev", **where)))
        assert (first.id in doubt.runs, len(doubt.runs), doubt.operations) == (False, 1, ["provision"])
        app.roll_back("dev", **where)
        newest, undone, _ = app.history("dev", **where)
        assert ended(newest) == f"ended, undid {undone.id}"
        with pytest.raises(app.Refused, match="The last run of dev has ended: there is nothing in doubt"):
            app.roll_back("dev", **where)
