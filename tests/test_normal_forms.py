"""What AWS gives back in another form than it was sent is no drift and nothing to plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.normalised import Normalised
from tests.test_failures import SEED


@pytest.mark.parametrize("environment", ["dev", pytest.param("prod", marks=pytest.mark.proof)])
def test_a_form_of_aws_is_no_drift(environment: str, tmp_path: Path) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    with mocked_aws() as session:
        provision(session, tmp_path, environment, images=("repti-core",))
        normalised = Normalised(session, SEED)
        found = app.drift(environment, session=session, state_dir=tmp_path)
        assert found.findings == ()
        assert found.pending == ()
        assert not app.plan(environment, session=session, state_dir=tmp_path).changes
        assert normalised.touched > 200, "the answers were not in another form"
