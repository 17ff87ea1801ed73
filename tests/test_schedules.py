"""The jobs that `schedule show` prints work as they are printed: each is read, or run, by what it is for."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from click.testing import CliRunner

from reptiops.cli import cli
from reptiops.config import Environment, environment_file, load_environment
from reptiops.report.schedules import FORMS, NoSchedule, Place, cron_expression, schedule

MINUTES_A_DAY = 24 * 60
ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A machine whose `reptiops` tells what it was started with and finds a difference."""
    tool = tmp_path / "bin" / "reptiops"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$*"\nenv\ntouch "{tmp_path}/ran"\nexit 3\n')
    tool.chmod(0o755)
    for name in ("config", "state"):
        (tmp_path / name).mkdir()
    return Place("root", tool, "me", tmp_path, tmp_path / "config", state_dir=tmp_path / "state")


@pytest.fixture
def shared() -> Environment:
    """Its state is in S3."""
    env = load_environment("dev")
    return env.model_copy(update={"state": env.state.model_copy(update={"backend": "s3://reptidex-states/tool"})})


def _allowed(field: str, values: int) -> set[int]:
    whole, _, step = field.partition("/")
    return set(range(0, values, int(step or 1))) if whole == "*" else {int(whole)}


def test_cron_s_fields_mean_the_interval_or_there_are_none() -> None:
    """As cron reads them over two days: every gap is the interval, also across an hour and a day."""
    for minutes in range(1, 3 * MINUTES_A_DAY):
        expression = cron_expression(minutes)
        if expression is None:
            assert 60 % minutes, minutes
            assert minutes % 60 or MINUTES_A_DAY % minutes, minutes
            continue
        minute, hour, *rest = expression.split()
        assert rest == ["*", "*", "*"]
        of_hour, of_day = _allowed(minute, 60), _allowed(hour, 24)
        starts = [n for n in range(2 * MINUTES_A_DAY) if n % 60 in of_hour and n // 60 % 24 in of_day]
        assert {b - a for a, b in itertools.pairwise(starts)} == {minutes}


def _crontab(text: str) -> tuple[dict[str, str], str, str]:
    """The variables, the five fields and the command of a crontab with one job, as cron reads it."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    variables = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines[:-1])}
    parts = lines[-1].split(" ", 5)
    assert "%" not in parts[5], "cron makes a new line of it"
    return variables, " ".join(parts[:5]), parts[5]


@pytest.mark.skipif(not shutil.which("flock") or not shutil.which("logger"), reason="util-linux is not here")
def test_a_line_of_cron_keeps_the_exit_code_and_knows_where_it_is(place: Place, tmp_path: Path) -> None:
    variables, fields, command = _crontab(schedule(load_environment("dev"), "cron", place, "15m"))
    assert fields == "*/15 * * * *"
    home = tmp_path / "home"
    home.mkdir()
    run = {"env": {**variables, "HOME": str(home)}, "cwd": "/", "check": False}
    assert subprocess.run([variables["SHELL"], "-c", command], **run).returncode == 3  # type: ignore[call-overload]
    log = home / ".reptiops-dev.log"
    said = log.read_text().splitlines()
    assert said[0] == "run drift dev --json"
    directories = {f"REPTIOPS_{n.upper()}_DIR={tmp_path / n}" for n in ("config", "state")}
    assert {"AWS_PROFILE=me", *directories} <= set(said)
    assert log.stat().st_mode & 0o077 == 0
    (tmp_path / "ran").unlink()
    with subprocess.Popen(["flock", home / ".reptiops-dev.lock", "cat"], stdin=subprocess.PIPE) as holder:
        while subprocess.run(["flock", "-n", home / ".reptiops-dev.lock", "true"], check=False).returncode == 0:
            pass
        assert subprocess.run([variables["SHELL"], "-c", command], **run).returncode == 4  # type: ignore[call-overload]
        holder.communicate()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("every", ["15m", "45m", "36h"])
def test_systemd_takes_the_units(place: Place, tmp_path: Path, every: str) -> None:
    text = schedule(load_environment("dev"), "systemd", place, every)
    service, timer = text.split("# /etc/systemd/system/reptiops-dev.timer")
    (tmp_path / "reptiops-dev.service").write_text(service)
    (tmp_path / "reptiops-dev.timer").write_text(f"#{timer}")
    units = [str(tmp_path / f"reptiops-dev.{kind}") for kind in ("service", "timer")]
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    assert "reptiops-dev" not in run.stderr, run.stderr
    assert run.returncode == 0, run.stderr
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("Env"))
    assert settings["OnUnitActiveSec"] == {"15m": "15min", "45m": "45min", "36h": "2160min"}[every]
    assert (settings["SuccessExitStatus"], settings["User"], settings["OnBootSec"]) == ("3", "root", "2min")


def test_a_workflow_takes_a_difference_for_no_failure(place: Place, shared: Environment) -> None:
    loaded = yaml.safe_load(schedule(shared, "github", place, "1h"))
    assert loaded[True]["schedule"] == [{"cron": "0 * * * *"}], "YAML reads `on` as true; GitHub does not"
    steps = loaded["jobs"]["drift"]["steps"]
    uses = [one["uses"].split("@")[0] for one in steps if "uses" in one]
    assert uses == ["actions/checkout", "actions/setup-python", "aws-actions/configure-aws-credentials"]
    last = steps[-1]
    assert last["env"] == {"REPTIOPS_CONFIG_DIR": "config"}
    for code, ends in ((3, 0), (0, 0), (1, 1), (4, 1)):
        shell = f"reptiops() {{ return {code}; }}\n{last['run']}"
        assert subprocess.run(["bash", "-e", "-c", shell], check=False).returncode == ends, code


ANSWERS = """#!/bin/sh
case "$*" in
*"scheduler create-schedule"*) printf '%s\\n' "$@" >"$CALLS"; for a; do last=$a; done; printf %s "$last" >"$CALLS.target";;
*describe-clusters*) echo arn:aws:ecs:us-east-1:123456789012:cluster/dev-reptidex-cluster;;
*describe-task-definition*) echo arn:aws:ecs:us-east-1:123456789012:task-definition/reptidex-dev-reptiops:4;;
*get-role*) echo arn:aws:iam::123456789012:role/reptidex-dev-schedule;;
*describe-subnets*) echo '["subnet-1", "subnet-2"]';;
*describe-security-groups*) echo '["sg-1"]';;
*) exit 9;;
esac
"""


def test_the_call_of_the_aws_cli_is_what_scheduler_takes(place: Place, shared: Environment, tmp_path: Path) -> None:
    """Against the service's own model; what the look-ups answer stands in for an account."""
    aws = place.executable.parent / "aws"
    aws.write_text(ANSWERS)
    aws.chmod(0o755)
    calls = tmp_path / "calls"
    path = f"{aws.parent}:{ENVIRONMENT['PATH']}"
    text = schedule(shared, "eventbridge", place, "1h")
    subprocess.run(["sh", "-c", text], env={"PATH": path, "CALLS": str(calls)}, check=True)
    words = calls.read_text().splitlines()
    sent = {
        "GroupName": words[words.index("--group-name") + 1],
        "Name": words[words.index("--name") + 1],
        "ScheduleExpression": words[words.index("--schedule-expression") + 1],
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": json.loads((tmp_path / "calls.target").read_text()),
    }
    model = botocore.session.get_session().get_service_model("scheduler").operation_model("CreateSchedule")
    assert not (found := ParamValidator().validate(sent, model.input_shape)).has_errors(), found.generate_report()
    assert (sent["GroupName"], sent["ScheduleExpression"]) == ("reptidex-dev", "rate(60 minutes)")
    network = sent["Target"]["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    assert (network["Subnets"], network["SecurityGroups"]) == (["subnet-1", "subnet-2"], ["sg-1"])


@pytest.mark.parametrize(
    ("form", "every", "says"),
    [
        ("cron", "45m", "--every 30m or 1h"),
        ("cron", "36h", "--every 1d"),
        ("cron", "5h", "--every 4h or 6h"),
        ("github", "4m", "more often than every 5m"),
        ("github", "90m", "--every 1h or 2h"),
        ("systemd", "90s", "whole minutes"),
    ],
)
def test_an_interval_that_a_form_cannot_say_is_refused(
    place: Place, shared: Environment, form: str, every: str, says: str
) -> None:
    with pytest.raises(NoSchedule, match=says):
        schedule(shared, form, place, every)


def test_a_webhook_s_address_comes_from_where_secrets_are(place: Place, shared: Environment) -> None:
    place = Place("root", place.executable, "me", place.working, place.config_dir, webhook_variable="HOOK")
    said = {form: schedule(shared, form, place) for form in ("cron", "systemd", "github")}
    assert '. "$HOME/.reptiops-dev.env"; ' in said["cron"]
    assert "\nEnvironmentFile=/etc/reptiops/dev.env\n" in said["systemd"]
    assert yaml.safe_load(said["github"])["jobs"]["drift"]["steps"][-1]["env"]["HOOK"] == "${{ secrets.HOOK }}"


def test_what_cannot_read_the_state_is_refused_and_the_others_are_printed(tmp_path: Path) -> None:
    shutil.copy(environment_file("dev"), tmp_path / "dev.yaml")
    called = ["schedule", "show", "dev", "--config-dir", str(tmp_path)]
    for form in FORMS:
        run = CliRunner().invoke(cli, [*called, "--form", form])
        assert (run.exit_code == 0) == (form in ("cron", "systemd")), form
        if run.exit_code:
            assert isinstance(run.exception, NoSchedule)
            assert run.exception.exit_code == 2
            assert "state.backend" in str(run.exception)
    run = CliRunner().invoke(cli, called)
    assert run.exit_code == 0
    assert f'REPTIOPS_CONFIG_DIR="{tmp_path}"' in run.stdout
    assert "# no github: " in run.stderr
    assert "jobs:" not in run.stdout


@pytest.mark.parametrize("every", ["abc", "15s", "90s", "0m", "1.5h"])
def test_an_interval_is_judged_where_it_is_typed(every: str) -> None:
    run = CliRunner().invoke(cli, ["schedule", "show", "dev", "--form", "cron", "--every", every])
    assert run.exit_code == 2
    assert f"'{every}' is not: whole minutes, hours or days, such as 15m, 2h or 1d" in run.output
    assert "with s" not in run.output
    assert CliRunner().invoke(cli, ["schedule", "show", "dev", "--form", "cron", "--every", "120s"]).exit_code == 0
