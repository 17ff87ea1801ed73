"""What people type is judged where they typed it: exit code 2, a sentence that names it, and nothing is done."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reptiops.app.selection import UnknownSelection, select
from reptiops.cli import cli
from reptiops.config import load_environment
from reptiops.cost import Difference, difference, traffic_of
from reptiops.engine.unplannable import NeedsMissing
from reptiops.errors import ConfigurationError
from reptiops.report.failures import explain
from reptiops.sandbox import control, server
from reptiops.testing import mocked_aws
from tests.scenarios import session
from tests.small import small_config


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("reptiops")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "dev", "--out", "{there}/none/x.plan"), "there is no directory {there}/none"),
        (("report", "dev", "-o", "{there}"), "{there} is a directory"),
        (("export", "terraform-import", "dev", "-o", "{there}/file/x"), "{there}/file is a file"),
        (("export", "cloudformation", "dev", "-o", "{there}/file"), "{there}/file is a file"),
        (("policy", "dev", "--to", "{there}/file/deep"), "{there}/file is a file"),
        (("init", "one", "--yes", "--config-dir", "{there}/file"), "{there}/file/one.yaml cannot be written"),
        (("init", "one", "--yes", "--config-dir", "{there}", "--cidr", "10.9.0.0/20"), "no private /16"),
        (("init", "one", "--yes", "--config-dir", "{there}", "--cidr", "banana"), "such as 10.9.0.0/16"),
        (("init", "My Env", "--yes", "--config-dir", "{there}"), "'My Env' is not: 1 to 16 lower-case letters"),
        (
            ("init", "one", "--yes", "--config-dir", "{there}", "--domain", "bogus"),
            "'bogus' is not: a lower-case domain",
        ),
    ],
)
def test_it_is_refused_where_it_was_typed(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run(*(word.format(there=tmp_path) for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert said.format(there=tmp_path) in " ".join(done.stderr.split()).replace("- ", "-")
    assert len(done.stderr.splitlines()) <= 3, "one thing is wrong, and one is told"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_directory_of_states_that_nobody_may_make_is_refused_by_the_run_that_writes(tmp_path: Path) -> None:
    """Who only reads finds nothing there; S3 keeps the state of many who have the variable set all the same."""
    read = _run("history", "dev", "--state-dir", "/proc/states")
    assert (read.returncode, "--state-dir" in read.stderr) == (1, False), "it only lacks credentials"
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    done = _run("history", "dev", "--state-dir", str(tmp_path / "gone"))
    assert (done.returncode, f"{tmp_path}/gone is a file" in " ".join(done.stderr.split())) == (2, True)


PLACES = [
    (("status", "dev", "--sandbox", "--state-dir", "{there}/file"), "'--state-dir': {there}/file is a file"),
    (
        ("state", "show", "dev", "--sandbox", "--state-dir", "{there}/file/deep"),
        "'--state-dir': {there}/file is a file",
    ),
    (("schedule", "show", "dev", "--state-dir", "{there}/file"), "'--state-dir': {there}/file is a file"),
    (
        ("plan", "dev", "--sandbox", "--playbook-dir", "{there}/none"),
        "'--playbook-dir': there is no directory {there}/none",
    ),
    (("playbook", "list", "--playbook-dir", "{there}/file"), "'--playbook-dir': {there}/file is a file"),
    (("cost", "dev", "--config-dir", "{there}/none"), "'--config-dir': there is no directory {there}/none"),
    (("validate", "dev", "--config-dir", "{there}/none"), "'--config-dir': there is no directory {there}/none"),
    (("policy", "dev", "--config-dir", "{there}/file"), "'--config-dir': {there}/file is a file"),
    (("graph", "dev", "--config-dir", "{there}/none"), "'--config-dir': there is no directory {there}/none"),
    (("doctor", "--config-dir", "{there}/none"), "'--config-dir': there is no directory {there}/none"),
    (("export", "cloudformation", "dev", "--config-dir", "{there}/none"), "there is no directory {there}/none"),
]


def _called(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize(
    ("words", "said"), PLACES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_a_wrong_directory_is_refused_where_it_was_typed(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state that is kept in a file would be none, and a directory that is not there would stand in each next command."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPTIOPS_SANDBOX_DIR", str(tmp_path / "sandbox"))
    done = _called(*(word.format(there=tmp_path) for word in words))
    assert (done.exit_code, done.stdout) == (2, ""), done
    assert said.format(there=tmp_path) in " ".join(done.stderr.split())
    assert not (tmp_path / "sandbox").exists(), "no sandbox is started for it"


def test_a_variable_that_names_a_wrong_directory_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPTIOPS_STATE_DIR", str(tmp_path / "file"))
    done = _called("history", "dev")
    assert done.exit_code == 2
    assert "REPTIOPS_STATE_DIR" in done.stderr
    assert "is a file" in done.stderr


def test_states_may_be_kept_where_nothing_is_yet(tmp_path: Path) -> None:
    """The first provision makes the directory; who only looks makes none."""
    done = _called("schedule", "show", "dev", "--form", "cron", "--state-dir", str(tmp_path / "not" / "yet"))
    assert done.exit_code == 0, done.stderr
    assert str(tmp_path / "not" / "yet") in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_unknown_is_named_plainly(tmp_path: Path) -> None:
    assert "Missing argument 'ENV'." in _called("explain", "--sandbox").stderr
    with pytest.raises(
        UnknownSelection, match=r"^foo is neither a phase nor the beginning of an address; phases: network, "
    ):
        select(["foo"])
    with pytest.raises(UnknownSelection, match=r"^foo, bar/x are neither"):
        select(["foo"], ["bar/x"])
    small_config(tmp_path, ("storage_gb: 20\n", "storage_gb: abc\n"))
    with pytest.raises(ConfigurationError, match=r"database.storage_gb: 'abc' is not a whole number$"):
        load_environment("dev", tmp_path)


def test_a_part_whose_need_is_missing_says_what_makes_it() -> None:
    """Both are commands of their own, complete and unbroken."""
    said = explain(NeedsMissing("compute/service/web-public", "network/private_subnet"), "dev")
    assert "`reptiops provision dev --phase network` makes that;" in said
    assert "`reptiops provision dev`, without --phase and --only, makes all" in said


def test_the_cost_says_what_the_guide_is() -> None:
    assert _called("cost", "dev").stdout.count("The guide is ReptiDex's AWS infrastructure setup.") == 1


def test_a_sandbox_is_emptied_where_it_is_and_on_a_terminal_after_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An AWS_ENDPOINT_URL that was exported goes on to lead there."""
    monkeypatch.setenv("REPTIOPS_SANDBOX_DIR", str(tmp_path))
    mine, theirs = pty.openpty()
    try:
        before = control.start(tmp_path)
        os.write(mine, b"n\n")
        command = [str(Path(sys.executable).with_name("reptiops")), "sandbox", "reset"]
        refused = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
        assert (refused.returncode, control.status(tmp_path)) == (130, before), refused
        assert before.endpoint in refused.stdout
        done = _called("sandbox", "reset")
        after = control.status(tmp_path)
        assert (done.exit_code, after.endpoint) == (0, before.endpoint), done
        assert after.instance != before.instance
        assert after.endpoint in done.stdout
        assert server.free(int(after.endpoint.rsplit(":", 1)[-1])) == 0, "another program's port is left to it"
    finally:
        control.stop(tmp_path)
        os.close(mine)
        os.close(theirs)


def test_a_running_sandbox_with_other_settings_is_not_taken_for_the_one_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPTIOPS_SANDBOX_DIR", str(tmp_path))
    try:
        made = _called("sandbox", "start", "--clock", "0.5", "--quota", "elastic-ips=10", "--json")
        assert made.exit_code == 0, made
        shown = json.loads(_called("sandbox", "status", "--json").stdout)
        assert (shown["lenient"], shown["clock"], shown["quotas"]["elastic-ips"]) == (False, 0.5, 10)
        assert "clock 0.5, quotas elastic-ips=10" in " ".join(_called("sandbox", "status").stdout.split())
        for words in ((), ("--clock", "0.5"), ("--quota", "elastic-ips=10", "--clock", "0.5")):
            assert _called("sandbox", "start", *words).exit_code == 0
        other = ("--clock", "0.25", "--lenient", "--quota", "vpcs=9")
        refused = _called("sandbox", "start", *other)
        assert isinstance(refused.exception, control.SandboxError)
        said = str(refused.exception)
        assert (
            "runs already, with other settings: clock 0.5 and not 0.25, AWS's rules enforced, quota vpcs=5 and not 9"
            in said
        )
        assert "`reptiops sandbox reset --lenient --clock 0.25 --quota vpcs=9`" in said
        assert "its world goes" in said
        assert control.status(tmp_path).instance == shown["instance"]
    finally:
        control.stop(tmp_path)


def test_nothing_can_be_printed() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("reptiops")), "cost", "dev"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written: No space left on device" in done.stderr
    assert "fault of reptiops" not in done.stderr


def test_what_a_plan_leaves_out_costs_nothing_more(tmp_path: Path) -> None:
    """A larger database that is configured and not asked for is in no plan of the network, nor in its bill."""
    from reptiops import app
    from reptiops.app.costs import prices_of

    larger = small_config(tmp_path / "larger", ("instance_class: db.t4g.micro", "instance_class: db.t4g.medium"))
    where = {"state_dir": tmp_path / "state"}
    with mocked_aws() as quiet:
        config = small_config(tmp_path / "config")
        phases = ["network", "security", "database"]
        app.provision("dev", session=quiet, config_dir=config, phases=phases, **where)
        env = load_environment("dev", larger)

        def cost(*only: str) -> Difference:
            made = app.plan("dev", session=session(), config_dir=larger, only=only, **where)
            return difference(made, prices_of(env), traffic_of("dev", env.cost.traffic))

        all_of_it, network = cost("database/database"), cost("network/vpc")
        assert all_of_it.after.total.typical > all_of_it.before.total.typical
        assert network.before.total == network.after.total
