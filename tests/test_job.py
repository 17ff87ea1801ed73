"""The job inside the environment: what it may do is what it does, and it knows what it looks after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app import jobs, states
from reptiops.config import environment_file, load_environment
from reptiops.facts import Facts
from reptiops.sandbox.evaluation import ALLOWED, IMPLICIT, evaluate
from reptiops.steps.job import may_start
from tests.iam_actions import actions

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools/reptiops:1"
WEBHOOK = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-AbCdEf"
BOOK = "operation: drift\nphases: [network, monitoring]\nnotifications: {topic: true, metrics: true}\n"


@pytest.fixture(scope="module")
def where(session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small environment with a job that runs a playbook of the team's own."""
    directory = tmp_path_factory.mktemp("config")
    text = environment_file("dev").read_text().replace("backend: local ", "backend: s3://reptidex-states/tool ")
    text = text.replace("  playbook: drift\n", f"  playbook: drift\n  secrets: {{REPTIOPS_WEBHOOK: {WEBHOOK}}}\n")
    (directory / "dev.yaml").write_text(text)
    (directory / "drift.yaml").write_text(BOOK)
    made = {"session": session, "config_dir": directory, "playbook_dir": directory, "state_dir": directory / "unused"}
    states.init("dev", **made)
    some = ("network", "security", "compute/insights_log_group", "compute/cluster", "monitoring/alarm_topic")
    app.provision("dev", only=some, **made)
    jobs.install("dev", "15m", IMAGE, **made)
    return made


class Calls:
    """Every call of a session with its parameters."""

    def __init__(self, session: Any):
        self.made: list[tuple[str, str, dict[str, Any]]] = []
        session._session.register("provide-client-params", self._note)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.made.append((model.service_model.service_name, model.name, params))


def _documents(session: Any, role: str) -> list[str]:
    iam = session.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [json.dumps(iam.get_role_policy(RoleName=role, PolicyName=n)["PolicyDocument"]) for n in names]


def _container(session: Any) -> dict[str, Any]:
    ecs = session.client("ecs")
    task = ecs.describe_task_definition(taskDefinition="reptidex-dev-reptiops")["taskDefinition"]
    return dict(task["containerDefinitions"][0])


def test_the_job_s_role_allows_every_call_of_the_job_and_no_other_environment(where: dict[str, Any]) -> None:
    session = where["session"]
    documents, calls = _documents(session, "reptidex-dev-job"), Calls(session)
    app.notify("dev", "drift", app.drift("dev", playbook="drift", **where).findings, **where)
    made, calls.made = calls.made, []
    kept = [(operation, given) for service, operation, given in made if given.get("Bucket") == "reptidex-states"]
    assert {"GetObject", "PutObject"} <= {operation for operation, _ in kept}
    for operation, given in kept:  # without any condition key: S3 sends none with a HEAD, nor when it weighs 404 or 403
        resource = "arn:aws:s3:::reptidex-states" + (f"/{given['Key']}" if "Key" in given else "")
        for action in (*actions("s3", operation, given), "s3:ListBucket"):
            on = "arn:aws:s3:::reptidex-states" if action == "s3:ListBucket" else resource
            assert evaluate(documents, action, on, {}) == ALLOWED, (operation, given)
    allowed = {a for d in documents for s in json.loads(d)["Statement"] for a in s["Action"]}
    needed = {a for service, operation, given in made for a in actions(service, operation, given)}
    assert needed - allowed == set()
    assert "cloudtrail:LookupEvents" not in allowed, "only a person asks who it was"
    prod = "arn:aws:ssm:us-east-1:123456789012:parameter/reptidex/prod/database/host"
    for arn, decision in ((prod, IMPLICIT), (prod.replace("prod", "dev"), ALLOWED)):
        assert evaluate(documents, "ssm:GetParametersByPath", arn, {}) == decision
    other = "arn:aws:s3:::reptidex-states/tool/prod/state.json"
    assert evaluate(documents, "s3:GetObject", other, {}) == IMPLICIT


def test_the_job_carries_its_configuration_and_its_playbook(
    where: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = _container(where["session"])
    variables = {one["name"]: one["value"] for one in container["environment"]}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert load_environment("dev") == load_environment("dev", where["config_dir"])
    bare = {"session": where["session"], "state_dir": tmp_path}
    made = app.drift("dev", playbook="drift", **bare)
    assert (made.findings, [f for f in made.pending if f.address in jobs.ADDRESSES]) == ((), []), (
        "it is what it carries"
    )
    assert app.plan("dev", only=jobs.ADDRESSES, **bare).changes == ()
    assert container["secrets"] == [{"name": "REPTIOPS_WEBHOOK", "valueFrom": WEBHOOK}]


def test_what_starts_the_job_may_read_its_secrets_and_no_others() -> None:
    env = load_environment("dev")
    secrets = {"A": f"{WEBHOOK}:url::", "B": "arn:aws:ssm:us-east-1:123456789012:parameter/hook"}
    env = env.model_copy(update={"schedule": env.schedule.model_copy(update={"secrets": secrets})})
    documents = [p.json() for p in may_start(env, Facts("123456789012", "us-east-1")).values()]
    assert evaluate(documents, "secretsmanager:GetSecretValue", WEBHOOK, {}) == ALLOWED
    assert evaluate(documents, "secretsmanager:GetSecretValue", WEBHOOK.replace("hook", "x"), {}) == IMPLICIT
    assert evaluate(documents, "ssm:GetParameters", secrets["B"], {}) == ALLOWED


def test_an_empty_state_of_an_environment_that_is_there_is_refused(where: dict[str, Any], tmp_path: Path) -> None:
    """What a job without its configuration would look at: the state directory of a container that has none."""
    bare = {"session": where["session"], "state_dir": tmp_path, "config_dir": environment_file("dev").parent}
    for run in (app.drift, app.reconcile):
        with pytest.raises(app.Refused, match="state rebuild dev") as refused:
            run("dev", **bare)
        assert refused.value.exit_code == 4
