"""What AWS never takes back: storage that is there stays, an engine is not downgraded; a plan says so and reckons with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app.costs import cost_of_plan
from reptiops.app.planned import documented_plan
from reptiops.app.site import Refused
from reptiops.config import load_environment
from tests.small import SERVICES

IS = "storage_gb: 20"


def configured(where: dict[str, Any], *edits: tuple[str, str]) -> None:
    """Change the small environment's configuration."""
    file = Path(where["config_dir"]) / "dev.yaml"
    text = file.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small environment with 40 GiB, whose configuration the tests change; nothing is ever carried out."""
    from reptiops.testing import mocked_aws, provision
    from tests.small import small_config

    tmp = tmp_path_factory.mktemp("staying")
    with mocked_aws() as session:
        config = small_config(tmp / "config", (f"  {IS}", "  storage_gb: 40"))
        provision(session, tmp / "state", "dev", config_dir=config, images=SERVICES)
        yield {"session": session, "state_dir": tmp / "state", "config_dir": config}


@pytest.fixture
def where(made: dict[str, Any]) -> Any:
    """The same, with the configuration as it was before and after."""
    file = Path(made["config_dir"]) / "dev.yaml"
    before = file.read_text()
    yield made
    file.write_text(before)


def test_less_storage_than_there_is_is_told_in_plan_and_preflight(where: dict[str, Any]) -> None:
    assert not [n for n in app.plan("dev", **where).notes if "storage_gb" in n], "as it is configured nothing is told"
    configured(where, ("storage_gb: 40", IS))
    made, kept = documented_plan("dev", **where)
    assert not made.changes
    (told,) = [n for n in made.notes if "storage_gb" in n]
    assert told.startswith("database/database: storage_gb stays 40, not 20 as configured: AWS never shrinks storage")
    assert "Configure 40" in told, "what to do"
    assert told in kept.notes
    _, notes = app.preflight("dev", **where)
    (warned,) = [n for n in notes if n.about == "database/database"]
    assert (warned.level, "stays 40" in warned.text) == ("warning", True)


def test_the_costs_of_a_plan_are_reckoned_with_what_stays(where: dict[str, Any]) -> None:
    configured(where, ("storage_gb: 40", IS))
    found = cost_of_plan(load_environment("dev", where["config_dir"]), app.plan("dev", **where))
    assert found.fixed == 0
    configured(where, ("instance_class: db.t4g.micro", "instance_class: db.t4g.small"))
    found = cost_of_plan(load_environment("dev", where["config_dir"]), app.plan("dev", **where))
    storage = [line.money.low for line in found.after.lines if line.price == "rds.gp3.single"]
    assert storage == [pytest.approx(40 * 0.115)]
    assert found.fixed == pytest.approx(11.68, abs=0.01), "only the class costs more"


@pytest.mark.parametrize(
    ("address", "edits", "live", "wanted"),
    [
        ("database/database", [('version: "15.7"', 'version: "14.3"')], r"15\.\d+", r"14\.3"),
        (
            "database/redis",
            [('version: "7.0"', 'version: "6.2"'), ("default.redis7", "default.redis6.x")],
            r"7\.0\S*",
            r"6\.2",
        ),
    ],
)
def test_a_downgrade_is_refused_before_anything_is_done(
    where: dict[str, Any], address: str, edits: list[tuple[str, str]], live: str, wanted: str
) -> None:
    configured(where, *edits)
    made = app.plan("dev", **where)
    said = rf"AWS downgrades no engine: {live} is there, {wanted} is configured"
    assert list(made.stuck) == [address]
    with pytest.raises(Refused, match=said) as refused:
        app.provision("dev", allow_replace=True, **where)
    assert refused.value.exit_code == 4
    _, notes = app.preflight("dev", **where)
    assert [n.about for n in notes if n.level == "error"] == [address]


def test_an_upgrade_is_not_refused(where: dict[str, Any]) -> None:
    configured(where, ('version: "15.7"', 'version: "16.4"'))
    assert not app.plan("dev", **where).stuck
