"""What commands say of an environment of which nothing is there: never made, or undone. The account's own roles are not it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from reptiops import app
from reptiops.app import states
from reptiops.cli import cli
from reptiops.testing import mocked_aws
from tests.faults import Faults, Killed

ROLE, VPC = "security/service_linked_role/ecs", "network/vpc"


@pytest.fixture
def said(where: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(boto3, "Session", lambda *_, **__: where["session"])

    def say(*words: str, **more: Any) -> Result:
        places = ("--config-dir", str(where["config_dir"]), "--state-dir", str(where["state_dir"]))
        return CliRunner().invoke(cli, [*words, *places], **more)

    return say


def test_after_the_rollback_of_a_first_provision_nothing_is_there(said: Any, where: dict[str, Any]) -> None:
    Faults(where["session"], ("ec2:ModifyVpcAttribute", 2))
    failed = said("provision", "dev", "--yes", "--only", ROLE, "--only", VPC)
    assert isinstance(failed.exception, app.ProvisionFailed)
    assert ROLE in app.open_site(app.Settings("dev", **where)).state.entries, "the account's: it stays"
    assert said("status", "dev").output.startswith("Nothing of dev is there; `reptiops plan dev ")
    told = said("outputs", "dev")
    assert "arn:" not in told.output
    assert told.stderr.startswith("Nothing of dev is there; `reptiops provision dev ")


def test_who_never_had_a_run_has_none_to_undo(said: Any) -> None:
    refused = said("rollback", "dev", "--yes")
    assert isinstance(refused.exception, app.Refused)
    assert str(refused.exception) == "dev has no run yet that wrote anything: there is nothing to undo."


def test_the_list_of_outputs_has_no_role_of_the_account(said: Any) -> None:
    assert said("provision", "dev", "--yes", "--only", ROLE, "--only", "storage/bucket/assets").exit_code == 0
    listed = said("outputs", "dev").stdout
    assert "bucket_assets_arn" in listed
    assert "service_linked_role" not in listed
    ended = said("rollback", "dev", "--yes")
    assert str(ended.exception) == "The last run of dev has ended: there is nothing in doubt to undo."


def test_a_command_in_the_report_has_the_options_given(said: Any, where: dict[str, Any], tmp_path: Path) -> None:
    Faults(where["session"], ("ec2:ModifyVpcAttribute", 2), "kill after")
    with pytest.raises(Killed):
        said("provision", "dev", "--yes", "--only", VPC)
    assert said("report", "dev", "--to", str(tmp_path / "dev.html")).exit_code == 0
    text = html.unescape((tmp_path / "dev.html").read_text())
    places = f"--config-dir {where['config_dir']} --state-dir {where['state_dir']}"
    assert f"<code>reptiops rollback dev {places}</code>" in text


def test_the_list_to_undo_is_by_phase_and_totals_stand_above_the_question(said: Any, where: dict[str, Any]) -> None:
    """What the account keeps is not in the list of what goes; what holds data is told."""
    assert said("provision", "dev", "--yes", "--only", "compute/log_group/repti-core").exit_code == 0
    groups = where["session"].client("logs")
    groups.put_retention_policy(logGroupName="/ecs/dev/repti-core", retentionInDays=365)
    Faults(where["session"], ("ec2:ModifyVpcAttribute", 2), "kill after")
    only = [ROLE, VPC, "storage/bucket", "storage/logs_bucket", "compute/log_group", "network/elastic_ip"]
    strict = [word for one in only for word in ("--only", one)]
    with pytest.raises(Killed):
        said("provision", "dev", "--yes", *strict)
    asked = said("rollback", "dev", input="n\n")
    assert isinstance(asked.exception, app.Declined)
    *lines, question = [line for line in asked.output.splitlines() if line]
    assert question.startswith("Do it?")
    heads = [line for line in lines if line.endswith(" to undo")]
    assert heads == ["storage  3 to undo", "compute  2 to undo", "network  3 to undo"]
    assert lines.index("  - network/elastic_ip/us-east-1a") < lines.index("  - network/vpc"), (
        "what was made first goes last"
    )
    assert "  ~ compute/log_group/repti-core" in lines
    assert "service_linked_role" not in asked.output
    run, totals, data, stays = lines[-4:]
    assert run.startswith("Did not end: provision 2")
    assert totals == "Undoing: 7 removed, 1 set back."
    what, _, addresses = data.partition(": ")
    assert what == "May hold data (what has been filled or long in use by now stays)"
    assert set(addresses.strip(".").split(", ")) == {
        "compute/log_group/web-public",
        "storage/bucket/assets",
        "storage/bucket/uploads",
        "storage/logs_bucket",
    }
    assert stays == "Stays: 1 service-linked role, shared with the account."
    done = said("rollback", "dev", "--yes", "--json")
    assert done.exit_code == 0
    assert ROLE not in json.loads(done.stdout)["removed"]


def test_an_environment_of_which_nothing_is_there_is_none_to_choose(tmp_path: Path) -> None:
    """After its teardown a state is kept, and empty. What a killed run has begun counts."""
    with mocked_aws() as session:
        for name in ("dev", "prod"):
            app.provision(name, session=session, state_dir=tmp_path, only=("compute/repository",))
        assert states.with_something(tmp_path) == ("dev", "prod")
        app.teardown("prod", session=session, state_dir=tmp_path, allow_protected=True)
    assert (tmp_path / "prod" / "state.json").exists()
    assert states.with_something(tmp_path) == ("dev",)
    assert states.with_something(tmp_path / "none") == ()
    (tmp_path / "dev" / "state.json").write_text("{")
    assert states.with_something(tmp_path) == ("dev",), "a damaged one is told by who opens it"
