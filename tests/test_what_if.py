"""Questions of `cost --what-if` as they are typed: what they are taken for, and what is said of one that makes no sense."""

from __future__ import annotations

from click.testing import CliRunner

from reptiops.cli import cli


def _typed(*words: str) -> tuple[str, str]:
    done = CliRunner().invoke(cli, ["cost", "dev", *words])
    return done.output, str(done.exception or "")


def test_all_mistakes_of_all_questions_are_told_at_once() -> None:
    questions = ("no-nta", "database.classs=db.t4g.small", "savings-plan=lots,bakend.cpu=1", "backend.cpu=[")
    _, told = _typed(*(word for one in questions for word in ("--what-if", one)))
    assert "--what-if no-nta: not understood; did you mean no-nat? (valid: office-hours, " in told
    assert "--what-if database.classs=db.t4g.small: database.classs: unknown key; did you mean instance_class?" in told
    assert "--what-if savings-plan=lots: the rate of a Savings Plan is a percentage" in told
    assert "--what-if bakend.cpu=1: bakend: unknown key; did you mean backend?" in told
    assert "--what-if backend.cpu=[: '[' is no value" in told
    assert len(told.splitlines()) == 5


def test_a_service_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    _, told = _typed("--what-if", "repti-cor.cpu=256", "--what-if", "servce.cpu=256", "--what-if", "owners.cpu=3")
    lines = told.splitlines()
    assert "repti-cor: unknown key; did you mean repti-core?" in lines[1]
    assert "(valid: service, frontend, backend, web-public, " in lines[1]
    assert "servce: unknown key; did you mean service?" in lines[2]
    assert "owners: unknown key" in lines[0]
    assert len(lines) == 3


def test_a_time_or_a_version_is_typed_as_it_is() -> None:
    """What YAML takes for a number is text where the setting is text."""
    one = "office_hours.enabled=true,office_hours.stop=18:00,database.version=15.7,redis.version='7.1'"
    text, told = _typed("--what-if", one, "--what-if", "database.backup_window=null")
    assert told == ""
    assert one in text
    _, told = _typed("--what-if", "office_hours.stop=25:00,database.storage_gb=a")
    assert "'25:00' is not allowed here" in told
    assert "'a' is not a whole number" in told


def test_a_question_that_another_overrules_is_named() -> None:
    text, told = _typed("--what-if", "no-nat", "--what-if", "single-nat", "--what-if", "savings-plan=20")
    assert told == ""
    assert text.count("has no effect") == 1
    assert "network.nat_gateways: single-nat counts, no-nat has no effect beside it" in text
    text, _ = _typed("--what-if", "savings-plan=20,savings-plan=30")
    assert "savings-plan=30 counts, savings-plan=20 has no effect" in text
