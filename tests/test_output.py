"""What is printed for machines: every command that takes `--json` prints JSON and nothing else, and as YAML the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from reptiops.cli import cli
from reptiops.config import environment_file
from reptiops.testing import mocked_aws

ONLY = "--only network/vpc --only storage/bucket"
SCENES = (
    "provision dev --yes " + ONLY,
    "plan dev " + ONLY,
    "preflight dev " + ONLY,
    "status dev",
    "outputs dev",
    "history dev",
    "explain dev",
    "drift dev",
    "reconcile dev --yes",
    "adopt dev",
    "run drift dev",
    "report dev --to dev.html",
    "export cloudformation dev --to cfn",
    "export terraform-import dev",
    "cost dev --what-if single-nat",
    "policy dev --for plan",
    "policy dev --to policies",
    "validate dev",
    "doctor",
    "playbook list",
    "sandbox status",
    "sandbox rules",
    "state init dev",
    "state show dev",
    "state list dev",
    "state move dev storage/bucket/uploads storage/bucket/media",
    "state move dev storage/bucket/media storage/bucket/uploads",
    "state forget dev storage/bucket/assets",
    "state rebuild dev",
    "schedule uninstall dev",
    "unlock dev",
    "teardown dev --yes",
)
"""A life, in which each command says something."""
ELSEWHERE = {
    "rollback",  # needs a run that did not end
    "accept",  # with drift of its own: test_keeping.py
    "schedule install",  # needs a state in S3: test_states.py
    "sandbox start", "sandbox stop", "sandbox reset",  # make and end processes, and print what `sandbox status` prints
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dev.yaml").write_text(environment_file("dev").read_text())
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"), ("AWS_REGION", "us-east-1"),
        ("REPTIOPS_CONFIG_DIR", str(tmp_path / "own")), ("REPTIOPS_STATE_DIR", str(tmp_path / "state")),
        ("REPTIOPS_SANDBOX_DIR", str(tmp_path / "sandbox")),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    with mocked_aws():
        yield tmp_path


def _said(words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, shlex.split(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.mark.usefixtures("here")
def test_every_command_prints_json_and_nothing_else() -> None:
    for scene in SCENES:
        code, out = _said(f"{scene} --json")
        try:
            json.loads(out)
        except ValueError:
            pytest.fail(f"{scene} --json (exits {code}) printed: {out[:300]!r}")


def _leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    for name in command.list_commands(click.Context(command)):
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        yield from _leaves(inner, (*words, name))


def test_no_command_that_takes_json_is_left_out() -> None:
    takes = {name for name, command in _leaves(cli) if any("--json" in p.opts for p in command.params)}
    played = {name for name in takes for scene in SCENES if scene.startswith(name)}
    assert takes - played == ELSEWHERE


def test_yaml_says_the_same_and_a_mistake_is_told_as_data_too(here: Path) -> None:
    for words in ("cost dev", "plan dev --only network/vpc", "policy dev --for plan"):
        _, as_json = _said(f"{words} --json")
        _, as_yaml = _said(f"{words} --output yaml")
        assert _timeless(yaml.safe_load(as_yaml)) == _timeless(json.loads(as_json))
    assert not list(here.glob("yaml*")), "a form is no file"
    file = here / "own" / "dev.yaml"
    file.write_text(file.read_text().replace("nat_gateways: per_az", "nat_gateways: two"))
    code, out = _said("validate dev --json")
    (mistake,) = json.loads(out)["mistakes"]
    assert (code, mistake["path"], mistake["valid"]) == (2, "network.nat_gateways", "per_az, 1 or 0")
    assert file.read_text().splitlines()[mistake["line"] - 1].strip().startswith("nat_gateways: two")


def _timeless(found: Any) -> Any:
    return {k: v for k, v in found.items() if k != "made"} if isinstance(found, dict) else found
