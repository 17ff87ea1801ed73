"""What commands say of an environment of which nothing is there: never made, or undone. The account's own roles are not it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from reptiops import app
from reptiops.cli import cli
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
