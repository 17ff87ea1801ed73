"""A person at a terminal: what is open to strangers is closed before anything is asked, and all is shown before."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from rich.text import Text

from reptiops import app
from reptiops.cli import cli
from reptiops.engine.finding import Finding
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults
from tests.skipping import Skipping

GROUPS = ("/ecs/dev/repti-media", "/ecs/dev/repti-ops")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        state = tmp_path_factory.mktemp("state")
        provision(session, state, "dev")
        yield {"session": session, "state_dir": state}


@pytest.fixture
def hand(there: dict[str, Any]) -> Hand:
    return Hand(there["session"])


@pytest.fixture
def where(there: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    """The database's port is open to everybody, and logs of two services are kept for another time."""
    anybody = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    hand("ec2").authorize_security_group_ingress(GroupId=hand.group("rds"), IpPermissions=[anybody])
    for days, group in zip((365, 180), GROUPS, strict=True):
        hand("logs").put_retention_policy(logGroupName=group, retentionInDays=days)
    yield there
    _forget_repairs(there["state_dir"])
    app.reconcile("dev", yes=True, **there)


def _forget_repairs(state: Path) -> None:
    """The same port is opened once a test: it must not count as what keeps coming back."""
    for journal in (state / "dev").rglob("*.jsonl"):
        lines = [line for line in journal.read_text().splitlines() if '"repair"' not in line]
        journal.write_text("".join(f"{line}\n" for line in lines))


def _open(hand: Hand) -> bool:
    found = hand("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [hand.group("rds")]}])
    return any(r.get("CidrIpv4") == "0.0.0.0/0" and not r["IsEgress"] for r in found["SecurityGroupRules"])


def _days(hand: Hand) -> list[int]:
    return [
        hand("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["retentionInDays"] for name in GROUPS
    ]


def test_a_port_is_closed_before_the_first_question(where: dict[str, Any], hand: Hand) -> None:
    seen: list[tuple[str, bool]] = []
    stop = app.Stop()

    def show(found: app.Decided) -> None:
        seen.append(("shown", _open(hand)))
        assert [len(found.first), len(found.mend), len(found.ask), len(found.left)] == [1, 0, 2, 0]

    def ask(one: Finding) -> bool:
        assert not stop.armed, "Ctrl-C at a question ends the command"
        seen.append((one.address, _open(hand)))
        return one.address.endswith("repti-ops")

    before = len(app.history("dev", **where))
    done = app.reconcile("dev", show=show, ask=ask, stop=stop, **where)
    media, ops = "compute/log_group/repti-media", "compute/log_group/repti-ops"
    assert seen == [("shown", True), (media, False), (ops, False)]
    assert [f.address for f in done.mended] == ["security/security_group/rds", ops]
    assert [f.address for f, _ in done.left] == [media]
    assert _days(hand) == [365, 30]
    assert [run.operation for run in app.history("dev", **where)[: -before or None]] == ["reconcile", "reconcile"]


def test_who_goes_away_at_a_question_has_the_port_closed(where: dict[str, Any], hand: Hand) -> None:
    def ask(_: Finding) -> bool:
        raise app.Interrupted("gone")

    with pytest.raises(app.Interrupted, match="gone\nRemoved before that as a risk, and not brought back: ") as error:
        app.reconcile("dev", ask=ask, **where)
    assert "security/security_group_rule/sgr-" in str(error.value)
    assert (_open(hand), _days(hand)) == (False, [365, 180])
    assert app.current("dev", **where)[1].empty, "no run is without an end"


def test_what_else_an_error_says_stays_as_it_is(where: dict[str, Any], hand: Hand) -> None:
    """Only what reptiops itself says of this command has to fit to what it has closed."""

    def ask(_: Finding) -> bool:
        raise app.Refused("Somebody wrote: Nothing was changed.", unchanged=True, then="Ask again.")

    with pytest.raises(app.Refused) as error:
        app.reconcile("dev", ask=ask, **where)
    said, closed = str(error.value).split("\n")
    assert said == "Somebody wrote: Nothing was changed. Nothing else was changed. Ask again."
    assert closed.startswith("Removed before that as a risk, and not brought back: security/security_group_rule/sgr-")


def test_another_run_that_comes_between_is_told_with_what_was_closed(where: dict[str, Any], hand: Hand) -> None:
    def ask(_: Finding) -> bool:
        app.reconcile("dev", yes=True, **where)
        return True

    with pytest.raises(
        app.Refused, match=r"while this one was looking\. Nothing else was changed\. Run the same"
    ) as error:
        app.reconcile("dev", ask=ask, **where)
    assert str(error.value).count("Removed before that as a risk") == 1


def test_answers_beyond_the_brake_leave_the_port_closed(where: dict[str, Any], hand: Hand) -> None:
    done = app.reconcile("dev", ask=lambda _: True, max_changes=2, **where)
    assert done.braked == "3 changes would be made, and the brake is at 2"
    assert [f.address for f in done.mended] == ["security/security_group/rds"]
    assert [why for _, why in done.left] == ["braked", "braked"]
    assert (_open(hand), _days(hand), done.exit_code) == (False, [365, 180], 3)


def test_too_much_else_keeps_no_port_open(where: dict[str, Any], hand: Hand) -> None:
    """The brake holds what is open only where there is too much of that: two alarms are changed, it is at two."""
    for name in ("reptidex-dev-rds-cpu", "reptidex-dev-redis-001-cpu"):
        hand("cloudwatch").disable_alarm_actions(AlarmNames=[name])
    asked: list[Finding] = []
    told: list[app.Decided] = []
    done = app.reconcile("dev", ask=lambda one: bool(asked.append(one)), show=told.append, max_changes=2, **where)
    assert done.braked == "3 changes would be made, and the brake is at 2"
    assert [f.address for f in done.mended] == ["security/security_group/rds"]
    assert [why for _, why in done.left] == ["braked"] * 4
    assert (_open(hand), asked, told, done.exit_code) == (False, [], [], 3)


def test_what_needs_no_question_beyond_the_brake_changes_nothing(where: dict[str, Any], hand: Hand) -> None:
    done = app.reconcile("dev", max_changes=0, **where)
    assert (done.mended, len(done.left), _open(hand)) == ((), 3, True)


def _terminal(where: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *args: str, answers: str = "") -> tuple[int, str]:
    """A command typed at a terminal of 80 columns."""
    monkeypatch.setattr("boto3.Session", lambda **_: where["session"])
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "80"), ("LINES", "24"), ("REPTIOPS_PAGER", "")):
        monkeypatch.setenv(name, value)
    typed = (*args, "--state-dir", str(where["state_dir"]))
    result = contextvars.copy_context().run(CliRunner().invoke, cli, typed, input=answers)
    if isinstance(result.exception, app.Interrupted):
        return result.exception.exit_code, result.stdout + str(result.exception)
    return result.exit_code, Text.from_ansi(result.stdout).plain


def test_all_is_shown_before_it_asks(where: dict[str, Any], hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = _terminal(where, monkeypatch, "reconcile", "dev", answers="n\ny\n")
    shown, *questions = text.split("Question ")
    assert "at once  security/security_group/rds" in shown
    assert "open to the whole internet" in " ".join(shown.split())
    assert shown.count("ask  compute/log_group/repti-") == 2
    assert "dev: 3 findings: 1 security, 2 cost" in shown
    assert "1 to close at once, 2 to ask about" in shown
    assert [q.split("\n")[0] for q in questions] == ["1 of 2", "2 of 2"]
    assert ("2 mended, 1 left" in questions[1], code) == (True, 3)
    assert "`reptiops reconcile dev --state-dir" in questions[1], "how to mend the rest"
    assert "retention_days: 180 → 30" in questions[1], "the way it was mended"
    assert _days(hand) == [365, 30]


def test_the_keyboard_is_left_at_a_question(where: dict[str, Any], hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = _terminal(where, monkeypatch, "reconcile", "dev", answers="")  # the end of the input, as of Ctrl-D
    assert "Mend it? [y/N]: \nStopped at a question: no answer was used. Nothing else was changed. " in text
    assert "`reptiops reconcile dev` asks again." in text
    assert "Removed before that as a risk, and not brought back: security/security_group_rule/sgr-" in text
    assert (code, _open(hand), _days(hand)) == (130, False, [365, 180])


def test_a_reconcile_by_another_playbook_suggests_that_one(
    where: dict[str, Any], hand: Hand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "careful.yaml").write_text("operation: reconcile\nrepair: {default: ask}\n")
    typed = ("run", "careful", "dev", "--playbook-dir", str(tmp_path))
    code, text = _terminal(where, monkeypatch, *typed, answers="")
    assert ("`reptiops run careful dev` asks again." in text, code) == (True, 130)
    code, text = _terminal(where, monkeypatch, *typed, answers="n\nn\nn\n")
    assert "reptiops reconcile" not in text
    assert text.count("`reptiops run careful dev --playbook-dir") == 2
    (tmp_path / "careful.yaml").write_text("operation: reconcile\nrepair: {default: repair}\n")
    code, text = _terminal(where, monkeypatch, *typed, "--max-changes", "0")
    assert f"`reptiops drift dev --playbook-dir {tmp_path}" in text, "the brake"


def test_drift_tells_the_worst_first(where: dict[str, Any], hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = _terminal(where, monkeypatch, "drift", "dev")
    order = [text.index(address) for address in ("security/security_group/rds", "repti-media", "repti-ops")]
    assert (order, code) == (sorted(order), 3), "security before cost, though compute comes before security"


ASKING = "operation: reconcile\non_failure: rollback\nrepair: {default: ask}\n"


def test_a_port_that_somebody_says_yes_to_goes_first_and_stays_closed(
    where: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    """The playbook asks for everything. What is slow begins when the port is closed, and its failure opens nothing."""
    (tmp_path / "asking.yaml").write_text(ASKING)
    closed: list[bool] = []
    Faults(where["session"], ("logs:PutRetentionPolicy", 1))
    where["session"].events.register_first(
        "before-call.cloudwatch-logs.PutRetentionPolicy", lambda **_: closed.append(not _open(hand))
    )
    with pytest.raises(app.ProvisionFailed, match="Removed before that as a risk"):
        app.reconcile("dev", ask=lambda _: True, playbook="asking", playbook_dir=tmp_path, **where)
    assert closed[0]
    assert not _open(hand)


def test_a_brake_is_told_before_anything_is_announced(where: dict[str, Any], hand: Hand) -> None:
    told: list[app.Decided] = []
    done = app.reconcile("dev", show=told.append, max_changes=0, **where)
    assert told == []
    assert [why for _, why in done.left] == ["braked"] * 3


def test_the_keyboard_after_a_port_was_closed(where: dict[str, Any], hand: Hand) -> None:
    """Ctrl-C while it looks or plans, as no run is armed then."""

    def pressed(**_: Any) -> None:
        if not _open(hand):
            raise KeyboardInterrupt

    where["session"].events.register("before-call.rds.DescribeDBInstances", pressed)
    try:
        with pytest.raises(app.Interrupted, match=r"Nothing else was changed.\nRemoved before that as a risk"):
            app.reconcile("dev", **where)
    finally:
        where["session"].events.unregister("before-call.rds.DescribeDBInstances", pressed)


def test_credentials_that_expire_at_a_question(where: dict[str, Any], hand: Hand) -> None:
    def ask(_: Finding) -> bool:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeVpcs")

    with pytest.raises(ClientError) as error:
        app.reconcile("dev", ask=ask, **where)
    assert any("not brought back: security/security_group_rule/" in note for note in error.value.__notes__)


def test_a_list_that_still_shows_the_rule_is_read_again(where: dict[str, Any], hand: Hand) -> None:
    """AWS has said yes to the removal; its list shows the rule for some seconds more."""
    shown: list[Any] = []

    def lagging(parsed: Any, **_: Any) -> None:
        rules = [
            r for r in parsed["SecurityGroupRules"] if r.get("CidrIpv4") == "0.0.0.0/0" and r.get("FromPort") == 5432
        ]
        if rules:
            shown[:] = rules
        elif shown and len(late) < 2:
            late.append("once more")
            parsed["SecurityGroupRules"] += shown

    late: list[str] = []
    where["session"].events.register("after-call.ec2.DescribeSecurityGroupRules", lagging)
    try:
        done = app.reconcile("dev", clock=Skipping(), **where)
    finally:
        where["session"].events.unregister("after-call.ec2.DescribeSecurityGroupRules", lagging)
    assert len(late) == 2
    assert [f.address for f in done.mended] == ["security/security_group/rds"]


def test_nobody_at_the_keyboard_is_asked_nothing(
    where: dict[str, Any], hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI job that forces colour is no terminal."""
    monkeypatch.setattr("boto3.Session", lambda **_: where["session"])
    monkeypatch.setenv("FORCE_COLOR", "1")
    typed = ("reconcile", "dev", "--state-dir", str(where["state_dir"]))
    result = contextvars.copy_context().run(CliRunner().invoke, cli, typed)
    assert (result.exit_code, _open(hand)) == (3, False)
    assert "Question" not in result.stdout
