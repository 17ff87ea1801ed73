"""Every call of a life, held against the policies that reptiops prints for itself: nothing is called that is not granted,
and nothing is granted that is never called.

The second half is shown here for the operations, and for the kinds by the contract test, each for itself.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.app import rights, states
from reptiops.config import environment_file
from reptiops.operations import facts, notify, parking, preflight, s3_backend, state_bucket, strays, who
from reptiops.sandbox.rules.shapes import input_shape, violations
from reptiops.testing import mocked_aws, push_images
from tests.granted import missing
from tests.iam_actions import actions
from tests.recorder import Call, Recorder

pytestmark = pytest.mark.proof
"""A whole life of both environments, with all that is done to them. `make test` holds the contract test of each kind, and
provision and teardown of both environments (tests/test_lifecycle.py), to the same.
"""
ACCOUNT = "123456789012"
Life = dict[str, list[Call]]
"""Calls by what the policy is for."""


class Phases:
    """Sorts what a recorder sees by what the tool was doing."""

    def __init__(self, recorder: Recorder):
        self._recorder, self._seen = recorder, 0
        self.life: Life = {}

    def over(self, task: str) -> None:
        """What was called since the last time belongs to this task."""
        self.life.setdefault(task, []).extend(self._recorder.calls[self._seen :])
        self._seen = len(self._recorder.calls)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("config")
    shutil.copy(environment_file("prod"), directory)
    text = environment_file("dev").read_text()
    scaled = text.replace("scaling: null", "scaling: {min: 1, max: 2, cpu: 65, memory: 65}", 1)
    assert scaled != text
    (directory / "dev.yaml").write_text(scaled)
    with mocked_aws() as session:
        yield {"session": session, "config_dir": directory, "state_dir": directory / "state"}


@pytest.fixture(scope="module")
def phases(where: dict[str, Any]) -> Phases:
    """A life of dev with all that is done to it, and a shorter one of prod, side by side in one account."""
    recorded = Phases(Recorder(where["session"]))
    _elsewhere(where["session"])
    app.plan("dev", **where)
    recorded.over("plan")
    app.provision("dev", only=("compute/repository",), **where)
    push_images(where["session"], app.open_site(app.Settings("dev", **where)).env, ("repti-core", "web-public"))
    app.provision("dev", **where)
    _changed(where["config_dir"] / "dev.yaml")
    app.provision("dev", **where)
    app.stop("dev", **where)
    app.start("dev", **where)
    recorded.over("provision")
    _by_hand(where["session"])
    found = app.drift("dev", **where).findings
    assert len(found) >= 3
    app.who("dev", found[:1], **where)
    app.notify("dev", "drift", found, **where)
    recorded.over("drift")
    assert app.reconcile("dev", yes=True, **where).mended
    recorded.over("reconcile")
    app.teardown("dev", **where)
    recorded.over("teardown")
    _kept_in_s3(where["config_dir"])
    states.init("dev", **where)
    recorded.over("init")
    states.rebuild("dev", **where)
    recorded.over("provision")
    return recorded


@pytest.fixture(scope="module")
def prod(where: dict[str, Any], phases: Phases) -> Life:
    recorded = Phases(Recorder(where["session"]))
    app.provision("prod", **where)
    _changed(where["config_dir"] / "prod.yaml")
    app.provision("prod", **where)
    recorded.over("provision")
    _by_hand(where["session"], "prod")
    assert len(app.drift("prod", **where).findings) >= 3
    recorded.over("drift")
    assert app.reconcile("prod", yes=True, **where).mended
    recorded.over("reconcile")
    app.teardown("prod", allow_protected=True, **where)
    recorded.over("teardown")
    return recorded.life


def _kept_in_s3(directory: Path) -> None:
    file = directory / "dev.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["state"]["backend"] = "s3://reptidex-states/tool"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))


def _changed(file: Path) -> None:
    """Settings of many kinds are changed, so that their updates are called too."""
    changed = yaml.safe_load(file.read_text())
    changed["database"] |= {"backup_days": 10, "log_exports": ["postgresql", "upgrade"], "copy_tags_to_snapshot": False}
    changed["database"]["parameters"] = {"rds.force_ssl": "1", "log_min_duration_statement": "500"}
    changed["redis"] |= {
        "node_type": "cache.t4g.medium",
        "snapshot_days": 5,
        "maintenance_window": "sun:07:00-sun:08:00",
    }
    changed["compute"] |= {"log_retention_days": 60}
    changed["ecr"] |= {"scan_on_push": False, "untagged_days": 10}
    changed["monitoring"] |= {"emails": ["ops@example.com"]}
    changed["monitoring"].setdefault("budget", {})["thresholds"] = [50, 100]
    first = next(iter(changed["compute"]["services"].values()))
    first["cpu"], first["memory"] = 1024, 4096
    file.write_text(yaml.safe_dump(changed, sort_keys=False))


def _elsewhere(session: Any) -> None:
    """Another application of the account runs a task: it counts against the same quota."""
    ecs, ec2 = session.client("ecs"), session.client("ec2")
    with contextlib.suppress(ClientError):  # in a new account the first call comes before ECS's own role is usable
        ecs.create_cluster(clusterName="elsewhere")
    ecs.create_cluster(clusterName="elsewhere")
    made = ecs.register_task_definition(
        family="elsewhere",
        cpu="256",
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "one", "image": "public.ecr.aws/nginx/nginx:1"}],
    )["taskDefinition"]["taskDefinitionArn"]
    subnet = ec2.describe_subnets()["Subnets"][0]
    network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]], "securityGroups": []}}
    ecs.create_service(
        cluster="elsewhere",
        serviceName="one",
        taskDefinition=made,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )


def _deployed(session: Any, environment: str, service: str = "web-admin") -> None:
    """A pipeline deploys before its image is there: what that revision runs, the state does not know."""
    ecs, cluster = session.client("ecs"), f"{environment}-reptidex-cluster"
    live = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
    one = ecs.describe_task_definition(taskDefinition=live["taskDefinition"])["taskDefinition"]
    sent = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities", "runtimePlatform", "containerDefinitions",
            "executionRoleArn", "taskRoleArn")  # fmt: skip
    made = ecs.register_task_definition(**{name: one[name] for name in sent if name in one})["taskDefinition"]
    ecs.update_service(cluster=cluster, service=service, taskDefinition=made["taskDefinitionArn"])


def _by_hand(session: Any, environment: str = "dev") -> None:
    _deployed(session, environment)
    ec2 = session.client("ec2")
    name = f"reptidex-{environment}-rds-sg"
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0"
    )
    session.client("logs").put_retention_policy(logGroupName=f"/ecs/{environment}/repti-core", retentionInDays=365)
    session.client("ssm").delete_parameter(Name=f"/reptidex/{environment}/database/host")


@pytest.mark.parametrize("task", ["init", "plan", "provision", "drift", "reconcile", "teardown"])
def test_dev_calls_nothing_that_is_not_granted(task: str, phases: Phases, where: dict[str, Any]) -> None:
    assert not missing("dev", task, phases.life[task], where["config_dir"])


@pytest.mark.proof
@pytest.mark.parametrize("task", ["provision", "drift", "reconcile", "teardown"])
def test_prod_calls_nothing_that_is_not_granted(task: str, prod: Life, where: dict[str, Any]) -> None:
    assert not missing("prod", task, prod[task], where["config_dir"])


OPERATIONS = {
    "operations.facts": facts.RIGHTS,
    "operations.notify": (*notify.MESSAGE, *notify.METRICS),
    "operations.parking": parking.RIGHTS,
    "operations.preflight": preflight.RIGHTS,
    "operations.s3_backend": s3_backend.RIGHTS,
    "operations.state_bucket": state_bucket.RIGHTS,
    "operations.strays": strays.RIGHTS,
    "operations.who": who.RIGHTS,
}


@pytest.mark.parametrize("module", sorted(OPERATIONS))
def test_operations_declare_what_they_call_and_call_what_they_declare(module: str, phases: Phases) -> None:
    calls = [call for calls in phases.life.values() for call in calls if call.by == module]
    called = {action for call in calls for action in actions(call.service, call.operation, call.parameters)}
    assert called == {action for right in OPERATIONS[module] for action in right.actions}


def test_a_teardown_is_granted_no_read_beside_the_kinds_that_it_does_not_make(phases: Phases) -> None:
    """Facts about versions and images decide on nothing that goes; a kind's own reads are the same whatever they are for."""
    calls = [call for call in phases.life["teardown"] if call.by.startswith("operations.")]
    called = {action for call in calls for action in actions(call.service, call.operation, call.parameters)}
    granted = {action for right in rights.OPERATIONS["teardown"] if right.purpose == "read" for action in right.actions}
    assert granted == called


def test_every_call_belongs_to_a_kind_or_an_operation_that_declares(phases: Phases) -> None:
    kinds = {kind.kind() for kind in app.steps_of(None)[0].kinds()}
    others = {
        f"{call.service}:{call.operation} by {call.by}"
        for calls in phases.life.values()
        for call in calls
        if call.by not in kinds | OPERATIONS.keys() and actions(call.service, call.operation, {})
    }
    assert others == set()


def test_every_value_sent_is_one_that_the_models_take(phases: Phases, prod: Life) -> None:
    """Enum, pattern, length, size and range, which botocore knows and does not check."""
    calls = [call for life in (phases.life, prod) for calls in life.values() for call in calls]
    assert len(calls) > 2000
    broken = {
        f"{call.service}:{call.operation} {text}"
        for call in calls
        for text in violations(input_shape(call.service, call.operation), call.parameters)
    }
    assert broken == set()
