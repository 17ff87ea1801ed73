"""TAB in real shells: each that is installed loads the script that reptiops prints, and completes with it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from reptiops.cli import cli
from tests.shells import Shell
from tests.test_failures import SEED

ADDRESSES = ("network/vpc", "monitoring/subscription/ops@reptidex.com", "monitoring/subscription/other@reptidex.com")
RUN = "20260301T120000.000001"
FPATH = "unsetopt prompt_cr prompt_sp; bindkey -e; fpath=({script.parent}/functions $fpath); autoload -U compinit; compinit -u -D\n"
"""As a person has it in ~/.zshrc: the file is found by its name and its first line."""
LINES = {
    "reptiops prov": "reptiops provision",
    "reptiops plan pr": "reptiops plan prod",
    "reptiops plan dev --pha": "reptiops plan dev --phase",
    "reptiops plan dev --phase net": "reptiops plan dev --phase network",
    "reptiops plan dev --phase=net": "reptiops plan dev --phase=network",
    "reptiops run office-hours-sta": "reptiops run office-hours-start",
    "reptiops accept dev network/v": "reptiops accept dev network/vpc",
    "reptiops accept dev monitoring/subscription/op": "reptiops accept dev monitoring/subscription/ops@reptidex.com",
    "reptiops accept dev monitoring/subscription/ops@r": "reptiops accept dev monitoring/subscription/ops@reptidex.com",
    "reptiops plan dev --only=monitoring/subscription/op": "reptiops plan dev --only=monitoring/subscription/ops@reptidex.com",
    "reptiops accept --state-dir=states dev network/v": "reptiops accept --state-dir=states dev network/vpc",
    "reptiops state reb": "reptiops state rebuild",
    "reptiops cost dev --what-if office-": "reptiops cost dev --what-if office-hours",
    "reptiops cost dev --what-if=single-nat,office-": "reptiops cost dev --what-if=single-nat,office-hours",
    "reptiops cost dev --what-if datab": "reptiops cost dev --what-if database.",
    "reptiops cost dev --what-if database.inst": "reptiops cost dev --what-if database.instance_class=",
    "reptiops cost dev --what-if=single-nat,web-public.mem": "reptiops cost dev --what-if=single-nat,web-public.memory=",
    "reptiops cost dev --what-if database.instance_class=db.t4g.me": "reptiops cost dev --what-if database.instance_class=db.t4g.medium",
    "reptiops cost dev --what-if=office_hours.enabled=t": "reptiops cost dev --what-if=office_hours.enabled=true",
    "reptiops cost dev --what-if no-nat,compute.architecture=X": "reptiops cost dev --what-if no-nat,compute.architecture=X86_64",
    "reptiops explain dev 2026": f"reptiops explain dev {RUN}",
    "reptiops explain 2026": f"reptiops explain {RUN}",
    "reptiops cost dev --what-if nothing-begins-so": "reptiops cost dev --what-if nothing-begins-so",
}
"""What is typed before TAB → what then stands there."""
SAMPLED = 5
"""How many of them `make test` types in a shell, for each starts a process; `make proof` types all."""


def sampled(shell: str) -> dict[str, str]:
    """Other ones in each shell and with each seed."""
    print(f"REPTIOPS_SEED={SEED}")
    return {line: LINES[line] for line in random.Random(f"{SEED} {shell}").sample(list(LINES), SAMPLED)}


def installed(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")


def place(directory: Path, shell: str) -> Path:
    """A directory with a state and the shell's script, whose path is answered."""
    (directory / "states" / "dev").mkdir(parents=True)
    state = {"entries": {address: {} for address in ADDRESSES}}
    (directory / "states" / "dev" / "state.json").write_text(json.dumps(state))
    (directory / "states" / "dev" / "journal").mkdir()
    (directory / "states" / "dev" / "journal" / f"{RUN}.jsonl").touch()
    script = directory / f"reptiops.{shell}"
    script.write_text(CliRunner().invoke(cli, ["completion", shell]).output)
    (directory / "functions").mkdir()
    shutil.copy(script, directory / "functions" / "_reptiops")
    return script


@pytest.fixture(params=["bash", "zsh", "zsh by its path"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    name = str(request.param).split()[0]
    installed(name)
    script = place(tmp_path, name)
    started = Shell(name, tmp_path, script, {"REPTIOPS_STATE_DIR": "states"}, FPATH if "path" in request.param else "")
    yield started
    started.close()


def test_tab_completes_the_line(shell: Shell, request: pytest.FixtureRequest) -> None:
    lines = sampled(request.node.name)
    assert {line: " ".join(shell.completed(line)) for line in lines} == lines


def test_what_is_not_whole_yet_ends_in_no_space(shell: Shell) -> None:
    """TAB goes on where TAB has stopped: behind a dot, and behind the sign for a value."""
    typed = "reptiops cost dev --what-if datab\tmulti\tt"
    assert shell.completed(typed) == ["reptiops", "cost", "dev", "--what-if", "database.multi_az=true"]


@pytest.mark.proof
def test_tab_completes_every_line(shell: Shell) -> None:
    assert {line: " ".join(shell.completed(line)) for line in LINES} == LINES


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tab_shows_what_there_is_to_choose_from(name: str, tmp_path: Path) -> None:
    installed(name)
    shell = Shell(name, tmp_path, place(tmp_path, name), {"REPTIOPS_STATE_DIR": "states"})
    try:
        shell.type("reptiops accept dev monitoring/subscription/\t\t\t")
        shown = shell.shows(r"(?s)subscription/o.*other@reptidex\.com")
        assert "ops@reptidex.com" in shown
    finally:
        shell.close()


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.proof)], ids=["some", "every"])
def test_fish_completes_and_says_what_it_offers(every: bool, tmp_path: Path) -> None:
    installed("fish")
    lines = LINES if every else sampled("fish") | {"reptiops prov": LINES["reptiops prov"]}
    paths = {
        "reptiops plan dev --config-dir=sta": "--config-dir=states/",
        "reptiops report dev --to=sta": "--to=states/",
    }
    script = place(tmp_path, "fish")
    asked = "; ".join(f"echo '== {line}'; complete -C '{line}'" for line in [*lines, *paths, "reptiops plan "])
    said = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; {asked}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "REPTIOPS_STATE_DIR": "states",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        },
    ).stdout
    offered = {part.splitlines()[0]: part.splitlines()[1:] for part in said.split("== ")[1:]}
    for line, whole in lines.items():
        words = [one.split("\t")[0] for one in offered[line]]
        assert words == ([whole.split()[-1]] if whole != line else []), line
    found = {line: [one.split("\t")[0] for one in offered[line]] for line in paths}  # fish says what is a directory
    assert found == {line: [path] for line, path in paths.items()}
    assert {one.split("\t")[0] for one in offered["reptiops plan "]} == {"dev", "prod"}
    assert offered["reptiops prov"] == ["provision\tMake ENV exist, or bring it back to its..."], "not cut at a comma"


def test_where_a_shell_is_not_installed_the_test_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.skip.Exception, match="there is no zsh on this machine"):
        installed("zsh")
