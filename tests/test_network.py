"""Lost answers, resets, 500s and throttling at every write and many reads: ridden out, and never a twin."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from reptiops import app
from reptiops.config import environment_file
from reptiops.testing import mocked_aws, provision
from tests.network import KINDS, Network
from tests.test_crashes import named
from tests.test_failures import SEED

SAMPLED = 0.15
"""The share of writes that `make test` disturbs; `make proof` disturbs every one."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    place = tmp_path_factory.mktemp("quiet")
    with mocked_aws() as session:
        provision(session, place, "dev", config_dir=_config(place / "config"))
        return named()


def _config(directory: Path) -> Path:
    """dev with what it leaves out: every kind that has words of its own."""
    text = environment_file("dev").read_text()
    for old, new in (
        ("flow_logs:\n    enabled: false", "flow_logs:\n    enabled: true"),
        ("cloudtrail:\n  enabled: false", "cloudtrail:\n  enabled: true"),
        ("scaling: null               # no autoscaling", "scaling: {min: 1, max: 2, cpu: 65, memory: 65}"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    directory.mkdir()
    (directory / "dev.yaml").write_text(text)
    return directory


def _through(kind: str, writes: float, reads: float, directory: Path, expected: Counter[tuple[str, str]]) -> int:
    """Make it, look that it is what an undisturbed run makes, and remove it, all under trouble."""
    with mocked_aws() as session:
        before = named()
        network = Network(session, kind, random.Random(SEED), writes, reads)
        where = {"session": session, "state_dir": directory, "config_dir": _config(directory / "config")}
        app.provision("dev", **where)
        quiet = network.hit.total()
        assert quiet >= (2 if kind == "slow states" else 6)
        assert named() == expected
        assert not app.plan("dev", **where).changes
        gone = app.teardown("dev", **where)
        assert gone.left == ()
        assert named() == before
        return network.hit.total()


def test_some_trouble(tmp_path: Path, undisturbed: Counter[tuple[str, str]]) -> None:
    kind = random.Random(SEED).choice(KINDS)
    print(f"REPTIOPS_SEED={SEED}, {kind}")
    _through(kind, SAMPLED, SAMPLED, tmp_path, undisturbed)


@pytest.mark.proof
@pytest.mark.parametrize("kind", KINDS)
def test_trouble_at_every_write(kind: str, tmp_path: Path, undisturbed: Counter[tuple[str, str]]) -> None:
    hit = _through(kind, 1.0, 0.3, tmp_path, undisturbed)
    print(f"{kind}: {hit} calls disturbed")
