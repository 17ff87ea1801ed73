"""What a brake counts, who tells beforehand that it would stop something, and what a run writes down of what it leaves."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reptiops import app
from reptiops.cli import cli
from reptiops.testing import mocked_aws, provision
from tests.drifts import OPEN, Hand
from tests.small import small_config

ALARM = "reptidex-dev-rds-cpu"
GROUPS = ("/ecs/dev/repti-core", "/ecs/dev/web-public")
BOOK = "operation: reconcile\nrepair: {{default: {rule}}}\nbrake: {{max_changes: {most}}}\n"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        state, config = tmp_path_factory.mktemp("state"), small_config(tmp_path_factory.mktemp("config"))
        provision(session, state, "dev", config_dir=config)
        yield {"session": session, "state_dir": state, "config_dir": config}


@pytest.fixture
def hand(there: dict[str, Any]) -> Hand:
    return Hand(there["session"])


def _book(directory: Path, rule: str = "repair", most: int = 1) -> Path:
    (directory / "reconcile.yaml").write_text(BOOK.format(rule=rule, most=most))
    return directory


def _alarm(hand: Hand) -> None:
    """One alarm, four of its fields."""
    [was] = hand("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    kept = ("AlarmName", "MetricName", "Namespace", "Statistic", "Dimensions", "ComparisonOperator", "AlarmActions")
    changed = {"Period": 3600, "EvaluationPeriods": 7, "Threshold": 1.0, "ActionsEnabled": False}
    hand("cloudwatch").put_metric_alarm(**{key: was[key] for key in kept}, **changed)


def _typed(there: dict[str, Any], books: Path, *words: str) -> tuple[int, str]:
    places = {"state-dir": there["state_dir"], "config-dir": there["config_dir"], "playbook-dir": books}
    options = [word for name, value in places.items() for word in (f"--{name}", str(value))]
    done = contextvars.copy_context().run(CliRunner().invoke, cli, [*words, *options])
    return done.exit_code, " ".join(done.output.split())


def test_many_fields_of_one_resource_are_one_change(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    _alarm(hand)
    done = app.reconcile("dev", playbook_dir=_book(tmp_path), **there)
    assert (done.braked, done.left) == ("", ())
    assert len(done.mended) >= 4
    assert {f.address for f in done.mended} == {"monitoring/alarm/rds-cpu"}


def test_what_nobody_declared_counts_each(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    """Two rules hang on one group, and are two resources."""
    for port in (5432, 6379):
        anybody = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        hand("ec2").authorize_security_group_ingress(GroupId=hand.group("rds"), IpPermissions=[anybody])
    assert app.reconcile("dev", playbook_dir=_book(tmp_path), **there).braked == (
        "2 changes would be made, and the brake is at 1"
    )
    assert app.reconcile("dev", playbook_dir=_book(tmp_path, most=2), **there).exit_code == 0


def test_drift_says_that_a_reconcile_would_brake(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    _alarm(hand)
    for name in GROUPS:
        hand("logs").put_retention_policy(logGroupName=name, retentionInDays=365)
    code, said = _typed(there, _book(tmp_path), "drift", "dev")
    assert code == 3
    assert "stops at its brake: 3 changes would be made, and the brake is at 1" in said
    assert "`reptiops reconcile dev --" in said
    assert "--max-changes 3` goes on" in said
    found = json.loads(_typed(there, tmp_path, "drift", "dev", "--json")[1])
    assert found["braked"] == "3 changes would be made, and the brake is at 1"
    assert "brake" not in _typed(there, _book(tmp_path, most=3), "drift", "dev")[1]
    assert "brake" not in _typed(there, _book(tmp_path, rule="ask"), "drift", "dev")[1], "nobody has said yes"
    assert app.reconcile("dev", playbook_dir=_book(tmp_path, most=3), **there).exit_code == 0


def test_plan_says_that_a_provision_would_brake(there: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "provision.yaml").write_text("operation: provision\nbrake: {max_changes: 1}\n")
    config = small_config(
        tmp_path / "config",
        ("    assets: {versioning: false}\n", "    assets: {versioning: true}\n    a: {versioning: false}\n"),
    )
    here = {**there, "config_dir": config}
    code, said = _typed(here, tmp_path, "plan", "dev", "--only", "storage/bucket")
    told = "2 changes would be made, and the playbook provision brakes at 1 (brake.max_changes)"
    assert (code, f"refused: {told}" in said) == (0, True), said
    assert json.loads(_typed(here, tmp_path, "plan", "dev", "--only", "storage/bucket", "--json")[1])["braked"] == told
    with pytest.raises(app.Refused, match="brakes at 1"):
        app.provision("dev", only=("storage/bucket",), playbook_dir=tmp_path, **here)


def _rule(hand: Hand, group: str = "rds") -> None:
    anybody = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group(group), IpPermissions=[anybody])


def _explained(there: dict[str, Any], books: Path) -> tuple[str, list[tuple[str, str, str]], dict[str, Any]]:
    """What `explain` prints, address, field and reason of what it tells as left, and all of its JSON."""
    text, data = (
        _typed(there, books, "explain", "dev")[1],
        json.loads(_typed(there, books, "explain", "dev", "--json")[1]),
    )
    return text, [(one["address"], one["field"], one["why"]) for one in data["left"]], data


def test_a_run_writes_down_what_it_leaves_and_why(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    """One log group is agreed to, of the other nobody says yes, what has a role's tags is only reported."""
    for name in GROUPS:
        hand("logs").put_retention_policy(logGroupName=name, retentionInDays=365)
    role = "reptidex-dev-task-backend"
    hand("iam").update_role(RoleName=role, Description="x")
    books = _book(tmp_path, rule="ask, phases: {security: report}", most=9)
    done = app.reconcile("dev", playbook_dir=books, ask=lambda one: one.address.endswith("repti-core"), **there)
    assert [f.address for f in done.mended] == ["compute/log_group/repti-core"]
    text, left, data = _explained(there, books)
    assert left == [
        ("security/task_backend_role", "description", "the playbook only reports it"),
        ("compute/log_group/web-public", "retention_days", "the playbook asks, and nobody answered yes"),
    ]
    assert data["left"][1]["risk"] == "cost"
    assert "Left · security/task_backend_role reptidex-dev-task-backend cosmetic description" in text, text
    assert "(the playbook asks, and nobody answered yes)" in text
    _, history = _typed(there, books, "history", "dev")
    assert history.split("reconcile")[1].count("2 left") == 1
    assert app.history("dev", **there)[0].left == app.explain("dev", **there).left
    assert app.reconcile("dev", yes=True, playbook_dir=_book(tmp_path, most=9), **there).exit_code == 0


def test_what_a_brake_held_is_written_down_by_the_run_that_closed_a_port(
    there: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    _rule(hand)
    for name in GROUPS:
        hand("logs").put_retention_policy(logGroupName=name, retentionInDays=365)
    done = app.reconcile("dev", playbook_dir=_book(tmp_path, most=2), **there)
    assert done.braked
    held = "braked: 3 changes would be made, and the brake is at 2"
    text, left, _ = _explained(there, tmp_path)
    assert left == [(f"compute/log_group/{name[9:]}", "retention_days", held) for name in GROUPS]
    assert held in text
    assert app.reconcile("dev", playbook_dir=_book(tmp_path, most=9), **there).exit_code == 0
    assert _explained(there, tmp_path)[1] == []


def test_what_is_a_risk_and_stays_behind_a_brake_is_named(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    """A port is closed; a role that may do anything and a public database are mended only as far as the brake allows."""
    _rule(hand, "redis")
    role = "reptidex-dev-task-backend"
    hand("iam").put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(OPEN))
    public = {"DBInstanceIdentifier": "reptidex-dev", "ApplyImmediately": True}
    hand("rds").modify_db_instance(**public, PubliclyAccessible=True)
    stay = "2 security findings stay: database/database public, security/task_backend_role policies.more"
    assert stay in _typed(there, _book(tmp_path), "drift", "dev")[1]
    code, said = _typed(there, _book(tmp_path), "reconcile", "dev")
    assert (code, stay in said, said.count("mended")) == (3, True, 2), said
    assert stay in _typed(there, _book(tmp_path), "reconcile", "dev")[1], "also where nothing was closed"
    code, said = _typed(there, _book(tmp_path, most=9), "reconcile", "dev")
    assert (code, "findings stay" in said) == (0, False), said


def test_what_keeps_coming_back_is_written_down_as_that(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    books = _book(tmp_path, most=9)
    for _ in range(3):
        hand("logs").put_retention_policy(logGroupName=GROUPS[0], retentionInDays=180)
        app.reconcile("dev", yes=True, playbook_dir=books, **there)
    hand("logs").put_retention_policy(logGroupName=GROUPS[0], retentionInDays=180)
    _rule(hand)
    app.reconcile("dev", playbook_dir=books, **there)
    [(address, _, why)] = _explained(there, books)[1]
    assert address == "compute/log_group/repti-core"
    assert "it came back: mended " in why
    assert why.endswith("nobody had answered yet")
    app.reconcile("dev", yes=True, playbook_dir=books, **there)


def test_no_value_is_written_down_with_what_is_left(there: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    hand("logs").put_retention_policy(logGroupName=GROUPS[1], retentionInDays=400)
    _rule(hand)
    app.reconcile("dev", playbook_dir=_book(tmp_path, rule="repair", most=1), **there)
    journal = sorted((there["state_dir"] / "dev" / "journal").iterdir())[-1]
    [left] = [json.loads(line) for line in journal.read_text().splitlines() if '"left"' in line]
    assert left.keys() == {"event", "at", "address", "id", "field", "what", "risk", "kind", "why"}
    assert app.reconcile("dev", yes=True, playbook_dir=_book(tmp_path, most=9), **there).exit_code == 0
