"""Playbooks: the shipped ones, what may be repaired unasked, and mistakes with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reptiops.config import PHASES
from reptiops.errors import ConfigurationError, Mistake
from reptiops.playbook import Repairs, load_playbook, parse_playbook, playbook_file, playbook_schema, playbooks


@pytest.fixture(autouse=True)
def _no_directory_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REPTIOPS_PLAYBOOK_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def mistakes_of(text: str) -> tuple[Mistake, ...]:
    """All mistakes in the text of a playbook file; fails if there is none."""
    with pytest.raises(ConfigurationError) as refusal:
        parse_playbook(text, "nightly", "playbooks/nightly.yaml")
    return refusal.value.mistakes


def test_the_shipped_playbooks() -> None:
    names = {name: load_playbook(name).operation for name in playbooks()}
    assert names == {
        "drift": "drift",
        "office-hours-start": "start",
        "office-hours-stop": "stop",
        "provision": "provision",
        "reconcile": "reconcile",
        "teardown": "teardown",
    }


def test_provision_and_teardown_run_in_opposite_orders() -> None:
    assert load_playbook("provision").phases == PHASES
    assert load_playbook("teardown").phases == tuple(reversed(PHASES))
    assert load_playbook("provision").on_failure == "rollback"


def test_a_teardown_without_phases_begins_at_the_end() -> None:
    assert parse_playbook("operation: teardown\n", "nightly").phases == tuple(reversed(PHASES))
    assert parse_playbook("operation: drift\n", "nightly").phases == PHASES


@pytest.mark.parametrize(
    ("phase", "risk", "decision"),
    [
        ("network", "security", "repair"),
        ("network", "cost", "ask"),
        ("network", "data", "report"),
        ("database", "security", "ask"),
        ("database", "data", "report"),
        ("storage", "cosmetic", "repair"),
    ],
)
def test_the_more_careful_rule_counts(phase: str, risk: str, decision: str) -> None:
    assert load_playbook("reconcile").repair.decide(phase, risk) == decision  # type: ignore[arg-type]


def test_without_a_rule_the_default_counts() -> None:
    assert Repairs(default="report").decide("network", "cost") == "report"
    assert Repairs(default="report", risks={"cost": "repair"}).decide("network", "cost") == "repair"


def test_the_longest_matching_timeout_counts() -> None:
    text = "operation: provision\ntimeouts: {compute: 5m, compute/service: 10m, compute/service/web-public: 90s}\n"
    playbook = parse_playbook(text, "nightly")
    assert playbook.timeout_seconds("compute/service/web-public") == 90
    assert playbook.timeout_seconds("compute/service/web-admin") == 600
    assert playbook.timeout_seconds("compute/services_are_others") == 300
    assert playbook.timeout_seconds("network/vpc") is None


def test_what_may_be_replaced() -> None:
    playbook = parse_playbook("operation: provision\nreplace: [network/flow_log, compute/service/web]\n", "nightly")
    assert playbook.may_replace("network/flow_log")
    assert playbook.may_replace("network/flow_log/a")
    assert not playbook.may_replace("network/flow_logs")
    assert not playbook.may_replace("compute/service/web-admin")


ROWS = {
    "unknown key": ("operation: drift\nphasess: []\n", 2, "phasess", "did you mean phases?"),
    "unknown operation": ("operation: destroy\n", 1, "operation", "'destroy' is not a choice"),
    "no operation": ("description: x\n", 1, "operation", "missing"),
    "unknown phase": ("operation: drift\nphases:\n  - network\n  - databse\n", 4, "phases[1]", "'databse' is not a choice"),
    "no phase": ("operation: drift\nphases: []\n", 2, "phases", "too few"),
    "phase twice": ("operation: drift\nphases: [network, network]\n", 2, "phases[1]", "listed twice"),
    "order": ("operation: provision\nphases: [security, network]\n", 2, "phases", "cannot run the phases in this order"),
    "teardown order": ("operation: teardown\nphases: [network, security]\n", 2, "phases", "in this order"),
    "switch": ("operation: provision\nstrict_phases: 1\n", 2, "strict_phases", "1 is not true or false"),
    "failure": ("operation: provision\non_failure: retry\n", 2, "on_failure", "'retry' is not a choice"),
    "risk": ("operation: reconcile\nrepair:\n  risks:\n    dat: repair\n", 4, "repair.risks.dat", "is not a choice"),
    "repair": ("operation: reconcile\nrepair:\n  default: mend\n", 3, "repair.default", "'mend' is not a choice"),
    "brake": ("operation: reconcile\nbrake: {max_changes: -1}\n", 2, "brake.max_changes", "out of range"),
    "brake word": ("operation: reconcile\nbrake: {max_changes: many}\n", 2, "brake.max_changes", "not a whole number"),
    "timeout": ("operation: provision\ntimeouts:\n  network/vpc: 5\n", 3, "timeouts.network/vpc", "put it in quotes"),
    "timeout unit": ("operation: provision\ntimeouts:\n  network/vpc: 5y\n", 3, "timeouts.network/vpc", "not a duration"),
    "timeout address": ("operation: provision\ntimeouts:\n  vpc: 5m\n", 3, "timeouts.vpc", "not allowed here"),
    "services of a provision": ("operation: provision\nservices: [web]\n", 2, "services", "has no effect on provision"),
    "repair of a drift": ("operation: drift\nrepair: {}\n", 2, "repair", "has no effect on drift"),
    "parallel stop": ("operation: stop\nmax_parallel: 2\n", 2, "max_parallel", "has no effect on stop"),
    "failure of a teardown": ("operation: teardown\non_failure: rollback\n", 2, "on_failure", "has no effect on teardown"),
    "metrics of a provision": ("operation: provision\nnotifications: {metrics: true}\n", 2, "notifications.metrics", "has no effect on provision"),
    "phases of a stop": ("operation: stop\nphases: [compute]\n", 2, "phases", "has no effect on stop"),
    "webhook": ("operation: drift\nnotifications: {webhook_variable: 'https://x'}\n", 2, "notifications.webhook_variable", "not allowed here"),
    "name": ("name: weekly\noperation: drift\n", 1, "name", "contradicts the file's name"),
    "nothing in flight": ("operation: drift\nmax_parallel: 0\n", 2, "max_parallel", "out of range"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "path", "message"), ROWS.values(), ids=ROWS)
def test_a_mistake_is_refused_where_it_is(text: str, line: int, path: str, message: str) -> None:
    [mistake] = mistakes_of(text)
    assert (mistake.file, mistake.line, mistake.path) == ("playbooks/nightly.yaml", line, path)
    assert message in mistake.message


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes_of("operation: drift\nrepair: {default: mend}\nphases: [compute, network]\nmax_parallel: x\n")
    assert [(mistake.line, mistake.path) for mistake in found] == [
        (2, "repair.default"),
        (3, "phases"),
        (4, "max_parallel"),
    ]


def test_own_playbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "nightly.yaml").write_text("operation: drift\n")
    assert load_playbook("nightly").name == "nightly"
    assert "provision" in playbooks()
    monkeypatch.setenv("REPTIOPS_PLAYBOOK_DIR", str(tmp_path / "playbooks"))
    assert {"nightly", "provision", "reconcile"} <= set(playbooks()), "the shipped ones stay"
    assert playbook_file("nightly").parent == tmp_path / "playbooks"
    assert playbook_file("provision").parent != tmp_path / "playbooks"
    with pytest.raises(ConfigurationError, match="there is no playbook called 'nightl'; did you mean nightly"):
        playbook_file("nightl")


def test_the_schema_is_plain_json_and_does_not_ask_for_the_name() -> None:
    schema = json.loads(json.dumps(playbook_schema()))
    assert schema["required"] == ["operation"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["phases"]["items"]["enum"] == list(PHASES)
