"""What every command has in common: help with examples, completion, output for machines, silence when asked for."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import jsonschema
import pytest
import yaml
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from reptiops import app
from reptiops.cli import cli
from reptiops.cli.completion import PLACES, VARIABLE
from reptiops.cli.examples import EXAMPLES
from reptiops.cli.reference import commands
from reptiops.config import parse_environment
from reptiops.errors import ConfigurationError
from reptiops.loading import load_environment


def parsed(line: str) -> click.Context:
    """The context that a command line makes, without running it; raises UsageError where it is no valid one."""
    command: click.Command = cli
    words = shlex.split(line, comments=True)[1:]
    for number, word in enumerate(words[:-1]):  # directories that the reader has made by then
        if word in ("--config-dir", "--playbook-dir", "--state-dir"):
            words[number + 1] = "."
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"{line}: there is no command {name}"
        command = found
    return command.make_context(command.name, words)


def run(*words: str, env: dict[str, str] | None = None, answers: str | None = None) -> Result:
    """A command run in this process, errors raised."""
    return CliRunner().invoke(cli, words, env=env, input=answers, catch_exceptions=False)


ALL = dict(commands())


def test_every_command_has_an_example_and_no_example_is_of_nothing() -> None:
    assert set(EXAMPLES) == set(ALL)


@pytest.mark.parametrize("path", ALL)
def test_help_says_what_it_does_and_shows_valid_examples(path: str) -> None:
    text = run(*path.split(), "--help").output
    first = text.split("\n\n")[1].strip()
    assert re.match(r"[A-Z].*", first)
    typed = " ".join(text.replace("\\\n", "").split())
    for line, what in EXAMPLES[path]:
        assert f"$ {line} {what}" in typed
        ctx = parsed(line)
        assert ctx.command in {command for _, command in commands(ALL[path], path)}, line
    for parameter in ALL[path].params:
        hidden = getattr(parameter, "hidden", False) or isinstance(parameter, click.Argument)
        assert hidden or getattr(parameter, "help", None), f"{path} {parameter.opts} says nothing of itself"


@pytest.mark.parametrize("shell", PLACES)
def test_the_completion_script_asks_the_tool(shell: str) -> None:
    script = run("completion", shell).output
    first, second, *_ = script.splitlines()
    assert (second if shell == "zsh" else first).startswith("# Save as ~/")
    assert shell != "zsh" or first == "#compdef reptiops", "by this line alone zsh knows what the file is for"
    assert VARIABLE in script
    assert "reptiops" in script


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "pro", {"provision"}),
        (["plan"], "", {"dev", "prod"}),
        (["plan", "prod", "--phase"], "n", {"network"}),
        (["run"], "office", {"office-hours-start", "office-hours-stop"}),
        (["accept", "dev"], "storage/bucket/u", {"storage/bucket/uploads"}),
        (["plan", "dev", "--only"], "compute/service/repti-m", {"compute/service/repti-media"}),
        (["plan", "nowhere", "--only"], "compute", set()),
        (["state"], "re", {"rebuild"}),
        (["cost", "dev", "--what-if"], "sin", {"single-nat"}),
        (["cost", "dev", "--what-if"], "no-nat,n", {"no-nat,network."}),
        (["cost", "dev", "--what-if"], "no-nat,database.mu", {"no-nat,database.multi_az="}),
        (["cost", "dev", "--what-if"], "database.multi_az=", {"database.multi_az=true", "database.multi_az=false"}),
        (["cost", "nowhere", "--what-if"], "sin", set()),
    ],
)
def test_completion(words: list[str], incomplete: str, expected: set[str], tmp_path: Path) -> None:
    words = [*words, "--state-dir", str(tmp_path)] if "dev" in words and words[-1][:2] != "--" else words
    found = ShellComplete(cli, {}, "reptiops", VARIABLE).get_completions(words, incomplete)
    assert {one.value for one in found} == expected


def test_questions_with_a_name_are_offered_before_the_settings() -> None:
    asked = ShellComplete(cli, {}, "reptiops", VARIABLE).get_completions(["cost", "dev", "--what-if"], "")
    assert [one.value for one in asked][:4] == ["office-hours", "single-nat", "no-nat", "savings-plan"]
    assert "web-public." in {one.value for one in asked}


def test_what_the_state_records_completes_without_reading_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "state.json").write_text(json.dumps({"entries": {"network/vpc": {}, "network/old": {}}}))
    words = ["state", "forget", "--state-dir", str(tmp_path), "dev"]
    found = ShellComplete(cli, {}, "reptiops", VARIABLE).get_completions(words, "network/o")
    assert [one.value for one in found] == ["network/old"]


def test_runs_complete_with_and_without_their_environment(tmp_path: Path) -> None:
    for name, run_id in (("dev", "20260102T000000.000000"), ("prod", "20260101T000000.000000")):
        (tmp_path / name / "journal").mkdir(parents=True)
        (tmp_path / name / "journal" / f"{run_id}.jsonl").write_text("")
    shell = ShellComplete(cli, {}, "reptiops", VARIABLE)
    alone = shell.get_completions(["explain", "--state-dir", str(tmp_path)], "2")
    assert [one.value for one in alone] == ["20260102T000000.000000", "20260101T000000.000000"]
    named = shell.get_completions(["explain", "--state-dir", str(tmp_path), "dev"], "")
    assert [one.value for one in named] == ["20260102T000000.000000"]


def test_a_run_alone_finds_its_environment(tmp_path: Path) -> None:
    with pytest.raises(app.Refused, match="2026: no environment has a run of that name"):
        run("explain", "2026", "--state-dir", str(tmp_path))
    with pytest.raises(click.UsageError, match="2026 is a run"):
        CliRunner().invoke(cli, ["explain", "2026", "2027"], standalone_mode=False, catch_exceptions=False)


def test_json_and_yaml_say_the_same() -> None:
    as_json = run("playbook", "list", "--json").output
    assert as_json == run("playbook", "list", "--output", "json").output
    as_yaml = run("playbook", "list", "--output", "yaml").output
    assert json.loads(as_json) == yaml.safe_load(as_yaml)
    assert "drift" in run("playbook", "list").output


def test_a_quiet_run_does_not_ask() -> None:
    result = CliRunner().invoke(cli, ["provision", "dev", "--quiet"])
    assert result.exit_code == 2
    assert "--yes" in result.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["staging"], "staging.reptidex.com"),
        (["live", "--like", "prod"], "www-live.reptidex.com"),
        (["staging", "--domain", "example.org", "--email", "ops@example.org"], "api-staging.example.org"),
        (["europe", "--region", "eu-central-1", "--nat-gateways", "1", "--create-zone"], "eu-central-1a:"),
        (["staging", "--account", "123456789012", "--cidr", "10.77.0.0/16"], "10.77.20.0/24"),
    ],
)
def test_init_writes_a_valid_commented_configuration(words: list[str], expected: str, tmp_path: Path) -> None:
    result = run("init", *words, "--yes", "--config-dir", str(tmp_path))
    text = (tmp_path / f"{words[0]}.yaml").read_text()
    made = parse_environment(text, words[0])
    assert expected in text
    assert text.count("#") > 30
    assert made.network.cidr not in ("10.0.0.0/16", "10.1.0.0/16")
    hosts = set(made.hosts)
    for name in ("dev", "prod"):
        others = set(parse_environment(Path(f"config/{name}.yaml").read_text(), name).hosts)
        assert not hosts & others, "two environments never claim one host"
    assert f"reptiops plan {words[0]}" in result.output
    again = CliRunner().invoke(cli, ["init", *words, "--yes", "--config-dir", str(tmp_path)])
    assert again.exit_code == 2
    assert "--force" in again.output


def test_init_keeps_the_network_of_an_environment_that_is_known(tmp_path: Path) -> None:
    run("init", "dev", "--yes", "--config-dir", str(tmp_path))
    was = parse_environment(Path("config/dev.yaml").read_text(), "dev")
    assert parse_environment((tmp_path / "dev.yaml").read_text(), "dev").network == was.network


@pytest.mark.parametrize("path", ALL)
def test_help_is_no_wider_than_a_terminal(path: str) -> None:
    text = CliRunner().invoke(cli, [*path.split(), "--help"], terminal_width=80).output
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_without_a_command_there_is_help_and_no_error() -> None:
    ended = subprocess.run([sys.executable, "-m", "reptiops"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: ")


def test_init_asks_what_was_not_given(tmp_path: Path) -> None:
    answers = "prod\nexample.org\n\n210987654321\n1\ny\nops@example.org\n"
    run("init", "blue", "--config-dir", str(tmp_path), answers=answers)
    made = parse_environment((tmp_path / "blue.yaml").read_text(), "blue")
    assert (made.account, made.domain, made.dns.create_zone) == ("210987654321", "example.org", True)
    assert made.database.multi_az
    assert made.protected
    assert made.monitoring.emails == ("ops@example.org",)


def test_init_refuses_what_is_no_setting(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["init", "staging", "--domain", "No Domain", "--yes", "--config-dir", str(tmp_path)]
    )
    assert result.exit_code != 0
    assert not list(tmp_path.iterdir())


def test_the_schemas_know_the_shipped_files_and_refuse_a_slip() -> None:
    for what, folder in (("environment", "config"), ("playbook", "playbooks")):
        schema = json.loads(run("schema", what).output)
        for file in sorted(Path(folder).glob("*.yaml")):
            document = yaml.safe_load(file.read_text())
            jsonschema.validate(document, schema)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({**document, "nettwork": {}}, schema)


def test_doctor_finds_this_installation_sound_and_says_what_is_not(tmp_path: Path) -> None:
    env = {"REPTIOPS_STATE_DIR": str(tmp_path / "states"), "AWS_EC2_METADATA_DISABLED": "true"}
    found = {c["name"]: c for c in json.loads(run("doctor", "--json", env=env).output)}
    assert found["packages"]["verdict"] == found["python"]["verdict"] == found["configuration"]["verdict"] == "good"
    (tmp_path / "states" / "dev").mkdir(parents=True)
    (tmp_path / "states" / "dev" / "state.json").write_text("{}")
    (tmp_path / "states" / "dev" / "state.json").chmod(0o644)
    (tmp_path / "dev.yaml").write_text("network: {cidr: nonsense}\n")
    result = run("doctor", "--config-dir", str(tmp_path), env=env)
    assert result.exit_code == 1
    assert "dev.yaml:1" in result.output
    assert "chmod 600" in result.output


def test_doctor_goes_on_where_one_thing_is_wrong_and_tells_each_by_itself(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("network: {cidr: nonsense}\nredis: {nodes: many}\nfoo: 1\n")
    env = {"REPTIOPS_STATE_DIR": "/proc/x", "AWS_PROFILE": "nix", "AWS_EC2_METADATA_DISABLED": "true"}
    ended = run("doctor", "--json", "--config-dir", str(tmp_path), env=env)
    checks = json.loads(ended.output)
    assert ended.exit_code == 1
    found = {c["name"]: c for c in checks}
    assert {"python", "state", "credentials", "terminal", "pager"} <= set(found)
    assert (found["credentials"]["verdict"], found["state"]["verdict"]) == ("bad", "bad")
    assert "nix" in found["credentials"]["what"]
    assert "/proc cannot be written" in found["state"]["what"]
    told = [c["what"] for c in checks if c["name"] == "configuration"]
    with pytest.raises(ConfigurationError) as refused:
        load_environment("dev", tmp_path)
    assert told == [str(one) for one in refused.value.mistakes]
    assert len(told) > 3
    assert len([c for c in checks if c["name"] == "configuration" and c["mend"]]) == 1
    assert not list(Path("/proc").glob("x*"))
