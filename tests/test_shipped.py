"""A file that came with the tool is never written: what makes one's own of it is said, and does it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reptiops import app, shipped
from reptiops.cli import cli
from reptiops.config import load_environment
from reptiops.engine.unplannable import UnknownAddress

ROOT = Path(shipped.__file__).resolve().parent.parent


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without files, beside an installed package that has them inside."""
    for shelf in ("config", "playbooks", "prices"):
        shutil.copytree(ROOT / shelf, tmp_path / "package" / "_shipped" / shelf)
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "package" / "shipped.py"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "package" / "_shipped" / "config" / "dev.yaml"


def _commands(text: str) -> list[list[str]]:
    return [shlex.split(line.strip(" `"))[1:] for line in text.splitlines() if line.startswith("  `reptiops ")]


def test_what_was_changed_by_hand_is_kept_by_the_commands_that_the_refusal_names(
    account: Any, installed: Path, tmp_path: Path
) -> None:
    before, where = installed.read_text(), {"session": account, "state_dir": tmp_path / "state"}
    app.provision("dev", only=["network/vpc"], **where)
    ec2 = account.client("ec2")
    ec2.modify_vpc_attribute(
        VpcId=ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["*dev*"]}])["Vpcs"][0]["VpcId"],
        EnableDnsHostnames={"Value": False},
    )
    with pytest.raises(UnknownAddress, match="did you mean network/vpc"):
        app.accept("dev", "network/vpcs", **where)
    with pytest.raises(app.Refused, match="was shipped with the tool") as refused:
        app.accept("dev", "network/vpc", **where)
    copy, again = _commands(str(refused.value))
    shown = load_environment("dev")
    assert CliRunner().invoke(cli, copy).exit_code == 0
    assert load_environment("dev", "my-config") == shown, "another environment would be made than the one that is there"
    assert again == ["accept", "dev", "network/vpc", "--config-dir", "my-config"]
    file, _ = app.accept("dev", "network/vpc", config_dir=Path("my-config"), **where)
    assert "overrides" in file.read_text()
    assert installed.read_text() == before


def test_a_job_is_switched_in_a_file_of_ones_own(account: Any, installed: Path, tmp_path: Path) -> None:
    from reptiops.app import jobs

    for act, word in ((jobs.install, "install"), (jobs.uninstall, "uninstall")):
        with pytest.raises(app.Refused) as refused:
            act(
                "dev",
                session=account,
                state_dir=tmp_path / "state",
                **({"image": "a/b:1"} if act is jobs.install else {}),
            )
        copy, again = _commands(str(refused.value))
        assert copy == ["init", "dev", "--like", "dev", "--config-dir", "my-config", "--yes"]
        assert again == ["schedule", word, "dev", "--config-dir", "my-config"]
    assert installed.exists()
