"""Who hears of what a scheduled run found: once each, whatever else is broken; and a run that cannot look says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from reptiops import app
from reptiops.app.telling import Memory
from reptiops.cli import cli
from reptiops.config import load_environment
from reptiops.engine import lock as locks
from reptiops.engine.backend import Backend
from reptiops.engine.drift import Finding
from reptiops.operations.notify import NotificationFailed
from reptiops.steps.job import counted
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults

FINDINGS = tuple(Finding(f"network/subnet/{n}", f"subnet-{n}", "public", "changed", "security") for n in "ab")
BOOK = "operation: drift\nnotifications: {topic: true, metrics: true, webhook_variable: HOOK}\n"


class Ear:
    """What went to the topic, and what was counted."""

    def __init__(self, session: Any):
        self.messages: list[str] = []
        self.counts: list[dict[str, float]] = []
        session._session.register("before-call.sns.Publish", self._message)
        session._session.register("provide-client-params.cloudwatch.PutMetricData", self._count)

    def _message(self, params: Any, **_: Any) -> None:
        body = params["body"]
        self.messages.append(body["Message"] if isinstance(body, dict) else parse_qs(body)["Message"][0])

    def _count(self, params: Any, **_: Any) -> None:
        self.counts.append({one["MetricName"]: one["Value"] for one in params["MetricData"]})


@pytest.fixture
def session() -> Iterator[Any]:
    with mocked_aws() as made:
        yield made


@pytest.fixture
def where(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Nothing but the topic, a playbook that tells everybody, and a webhook that nobody answers."""
    (tmp_path / "drift.yaml").write_text(BOOK)
    monkeypatch.setenv("HOOK", "https://127.0.0.1:1/secret-path")
    provision(session, tmp_path, "dev", only=("monitoring/alarm_topic",))
    return {"session": session, "state_dir": tmp_path, "playbook_dir": tmp_path}


def test_a_webhook_that_fails_silences_no_other_and_repeats_no_message(where: dict[str, Any]) -> None:
    ear = Ear(where["session"])
    for _ in range(2):
        with pytest.raises(NotificationFailed, match="webhook: the webhook did not take the message") as failed:
            app.notify("dev", "drift", FINDINGS, **where)
        assert "secret-path" not in str(failed.value)
    assert len(ear.messages) == 1, "the topic heard it once"
    assert [c["DriftedResources"] for c in ear.counts] == [2, 2], "and it was counted each time"
    assert [c["RunFailed"] for c in ear.counts] == [1, 1]


def test_a_topic_that_is_gone_is_told_when_it_is_back_and_the_webhook_only_once(
    where: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = where["session"]
    ear, sns = Ear(session), session.client("sns")
    monkeypatch.delenv("HOOK")
    Faults(session, ("sns:Publish", 1))
    with pytest.raises(NotificationFailed, match=r"topic: .*injected"):
        app.notify("dev", "drift", FINDINGS[:1], **where)
    assert ear.counts[-1]["DriftedResources"] == 1
    ear.messages.clear()
    assert app.notify("dev", "drift", FINDINGS, **where) == FINDINGS
    (message,) = ear.messages
    assert "network/subnet/a" in message
    assert sns.list_topics()["Topics"]


def test_playbooks_remember_for_themselves(
    where: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK")
    (tmp_path / "security.yaml").write_text("operation: drift\nphases: [security]\nnotifications: {topic: true}\n")
    assert app.notify("dev", "drift", FINDINGS, **where) == FINDINGS
    assert app.notify("dev", "security", (), **where) == ()
    assert app.notify("dev", "drift", FINDINGS, **where) == ()


def test_of_two_runs_at_once_one_tells(where: dict[str, Any]) -> None:
    backend = app.open_site(app.Settings("dev", **where)).records.backend
    keys = {f.key for f in FINDINGS}

    class Late:
        """The backend of a run between whose read and write another one has its turn."""

        def __getattr__(self, name: str) -> Any:
            if name == "write":
                assert Memory(backend, "told-x.json").claim(["topic"], keys, True) == {"topic": keys}
            return getattr(backend, name)

    late: Backend = Late()  # type: ignore[assignment]
    assert Memory(late, "told-x.json").claim(["topic"], keys, True) == {}


def test_what_was_found_is_printed_even_if_it_cannot_be_told(
    where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(where["session"])
    hand("sns").delete_topic(TopicArn=hand.topic)
    ear = Ear(where["session"])
    monkeypatch.setattr("boto3.Session", lambda **_: where["session"])
    given = ["run", "drift", "dev", "--json", "--state-dir", str(where["state_dir"])]
    result = CliRunner().invoke(cli, [*given, "--playbook-dir", str(where["playbook_dir"])])
    (found,) = json.loads(result.stdout)["drift"]
    assert (found["address"], found["what"]) == ("monitoring/alarm_topic", "missing")
    assert isinstance(result.exception, NotificationFailed)
    assert ear.counts[-1]["RunFailed"] == 1


def test_a_run_says_of_how_much_its_channels_heard(
    where: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "drift.yaml").write_text("operation: drift\nnotifications: {topic: true}\n")
    hand, ear = Hand(where["session"]), Ear(where["session"])
    monkeypatch.setattr("boto3.Session", lambda **_: where["session"])
    given = ["run", "drift", "dev", "--state-dir", str(tmp_path), "--playbook-dir", str(tmp_path)]
    hand("sns").subscribe(TopicArn=hand.topic, Protocol="email", Endpoint="somebody@example.com")
    for said, heard in (("told of 1 new finding", 1), ("nothing new to tell", 1)):
        result = CliRunner().invoke(cli, given)
        assert (result.exit_code, len(ear.messages)) == (3, heard)
        assert result.stderr.rstrip().endswith(f"the playbook's channels: {said}")


def test_a_run_that_fails_of_anything_is_counted_and_one_that_stands_back_is_a_run(
    where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = where["session"]
    ear = Ear(session)
    monkeypatch.setattr("boto3.Session", lambda **_: session)
    given = ["--state-dir", str(where["state_dir"]), "--playbook-dir", str(where["playbook_dir"])]

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AuthorizationError", "Message": "no"}}, "GetTopicAttributes")

    session._session.register("before-call.sns.GetTopicAttributes", deny, unique_id="deny")
    result = CliRunner().invoke(cli, ["run", "drift", "dev", *given])
    session._session.unregister("before-call.sns.GetTopicAttributes", deny, unique_id="deny")
    assert result.exit_code == 1
    assert ear.counts == [{"RunFailed": 1}]
    ear.counts.clear()
    backend = app.open_site(app.Settings("dev", **where)).records.backend
    with locks.held(backend, "provision"):
        result = CliRunner().invoke(cli, ["run", "drift", "dev", *given])
    assert isinstance(result.exception, app.Busy)
    assert (ear.counts, ear.messages) == ([{"ScheduledRuns": 1}], [])


# --- another run at the same time --------------------------------------------------------------------------------------


def test_a_look_into_which_another_run_comes_finds_nothing(where: dict[str, Any]) -> None:
    session = where["session"]
    site = app.open_site(app.Settings("dev", **where))
    with locks.held(site.records.backend, "provision"), pytest.raises(app.Busy, match="is at work: provision") as busy:
        app.drift("dev", **where)
    assert busy.value.exit_code == 4
    came = []

    def come(**_: Any) -> None:
        if not came:  # the run begins and ends while this one looks
            came.append(True)
            site.records.save(site.state)

    session._session.register("before-call.sns.ListTopics", come)
    session._session.register("before-call.ec2.DescribeVpcs", come)
    with pytest.raises(app.Busy, match="ended meanwhile"):
        app.drift("dev", **where)
    assert came
    assert app.drift("dev", **where).findings == ()


# --- the alarms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("every", "period"), [("15m", 900), ("5m", 900), ("1h", 3600), ("2h", 7200), ("36h", 86400)])
def test_the_alarms_wait_as_long_as_the_interval(every: str, period: int) -> None:
    env = load_environment("dev")
    on = {"enabled": True, "every": every}
    env = env.model_copy(update={"schedule": env.schedule.model_copy(update=on)})
    made = {one.name: one for one in counted(env)}
    for name in ("drift", "reconcile-failed", "run-failed"):
        assert (made[name].settings.period_seconds, made[name].settings.missing) == (period, "ignore")
    if every == "36h":
        assert "job-silent" not in made, "CloudWatch's longest period is a day"
    else:
        silent = made["job-silent"]
        assert (silent.settings.missing, silent.below) == ("breaching", True)
        assert silent.settings.period_seconds == env.schedule.every_seconds
    off = env.model_copy(update={"schedule": env.schedule.model_copy(update={"enabled": False})})
    assert "job-silent" not in {one.name for one in counted(off)}
