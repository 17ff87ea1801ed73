"""What others own survives every command: the pipeline's image and variable, the count, RDS's own storage and version."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.config import environment_file, load_environment
from reptiops.testing import mocked_aws, provision, push_images
from tests.faults import Faults

CLUSTER = "dev-reptidex-cluster"
MODES = ("autoscaling", "office hours", "parked")
COMMANDS = ("provision", "reconcile", "rollback")
OWNERS = "owners:\n  compute/task_definition/repti-core: {environment/BUILD: pipeline}"
SIDECAR = "sidecars: [{name: proxy, image: proxy:1, essential: false}], "


def _configuration(mode: str) -> str:
    text = environment_file("dev").read_text().replace("owners: {}", OWNERS)
    scaling = "scaling: {min: 1, max: 4, cpu: 65, memory: 65}, " if mode == "autoscaling" else ""
    text = text.replace("repti-core: {kind: backend, ", f"repti-core: {{kind: backend, {SIDECAR}{scaling}")
    if mode == "office hours":
        head, tail = text.split("\noffice_hours:", 1)
        text = f"{head}\noffice_hours:{tail.replace('enabled: false', 'enabled: true', 1)}"
    return text


class World:
    """An environment in which others have been at work."""

    def __init__(self, session: Any, directory: Path, mode: str):
        self.session, self.mode, self.directory = session, mode, directory
        self.ecs = session.client("ecs")
        self.text = _configuration(mode)
        self.write(self.text)
        self.where: dict[str, Any] = {"session": session, "state_dir": directory / "state", "config_dir": directory}
        provision(session, directory / "state", "dev", images=("repti-core", "web-public"), config_dir=directory)
        self.deploy()
        self.count()
        session.client("rds").modify_db_instance(
            DBInstanceIdentifier="reptidex-dev", AllocatedStorage=45, ApplyImmediately=True
        )

    def write(self, text: str) -> None:
        (self.directory / "dev.yaml").write_text(text)

    def deploy(self) -> None:
        """What a pipeline does: another revision, with its images and a variable of its own."""
        push_images(self.where["session"], load_environment("dev"), ("repti-core",), "v42")
        live = self.ecs.describe_services(cluster=CLUSTER, services=["repti-core"])["services"][0]
        one = self.ecs.describe_task_definition(taskDefinition=live["taskDefinition"])["taskDefinition"]
        names = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn", "runtimePlatform",
                 "requiresCompatibilities", "containerDefinitions")  # fmt: skip
        whole = {name: one[name] for name in names if name in one}
        for container in whole["containerDefinitions"]:
            container["image"] = container["image"].rsplit(":", 1)[0] + ":v42"
            container["environment"] = [*container["environment"], {"name": "BUILD", "value": "4711"}]
        arn = self.ecs.register_task_definition(**whole)["taskDefinition"]["taskDefinitionArn"]
        self.ecs.update_service(cluster=CLUSTER, service="repti-core", taskDefinition=arn)

    def count(self) -> None:
        """What sets the count where it is not ours."""
        if self.mode == "autoscaling":
            self.ecs.update_service(cluster=CLUSTER, service="repti-core", desiredCount=3)
        elif self.mode == "parked":
            app.stop("dev", **self.where)
        else:
            self.session.client("application-autoscaling").register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=f"service/{CLUSTER}/repti-core",
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=0,
                MaxCapacity=0,
            )

    def theirs(self) -> dict[str, Any]:
        """Everything that is not ours, as AWS has it."""
        live = self.ecs.describe_services(cluster=CLUSTER, services=["repti-core"])["services"][0]
        task = self.ecs.describe_task_definition(taskDefinition=live["taskDefinition"])["taskDefinition"]
        database = self.session.client("rds").describe_db_instances()["DBInstances"][0]
        targets = self.session.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
        return {
            "count": live["desiredCount"],
            "images": {c["name"]: c["image"].rsplit(":", 1)[1] for c in task["containerDefinitions"]},
            "build": {
                e["value"] for c in task["containerDefinitions"] for e in c["environment"] if e["name"] == "BUILD"
            },
            "storage": database["AllocatedStorage"],
            "range": {(t["ResourceId"], t["MinCapacity"], t["MaxCapacity"]) for t in targets["ScalableTargets"]},
        }

    def ours(self) -> tuple[str, str, str]:
        """The size of the task and the database's backup days: what the commands change."""
        live = self.ecs.describe_services(cluster=CLUSTER, services=["repti-core"])["services"][0]
        task = self.ecs.describe_task_definition(taskDefinition=live["taskDefinition"])["taskDefinition"]
        database = self.session.client("rds").describe_db_instances()["DBInstances"][0]
        return task["cpu"], task["memory"], str(database["BackupRetentionPeriod"])


def _larger(text: str) -> str:
    text = text.replace("repti-core: {kind: backend, ", "repti-core: {kind: backend, cpu: 1024, memory: 2048, ")
    return text.replace("backup_days: 7", "backup_days: 9")


@pytest.fixture(
    scope="module", params=["one of them", *(pytest.param(mode, marks=pytest.mark.proof) for mode in MODES)]
)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # `make test` tries one, another each time; `make proof` all.
    mode = request.param if request.param in MODES else random.Random(os.environ.get("REPTIOPS_SEED")).choice(MODES)
    print(f"mode: {mode}")
    with mocked_aws() as session:
        yield World(session, tmp_path_factory.mktemp("world"), mode)


def test_it_is_no_drift_and_nothing_to_plan(world: World) -> None:
    found = app.drift("dev", **world.where)
    assert (found.findings, found.pending) == ((), ())
    assert not app.plan("dev", **world.where).changes


@pytest.mark.parametrize("command", COMMANDS)
def test_it_survives(command: str, world: World) -> None:
    theirs, ours = world.theirs(), world.ours()
    assert theirs["images"] == {"repti-core": "v42", "proxy": "v42"}
    assert theirs["count"] == (3 if world.mode == "autoscaling" else 0)
    if command == "provision":
        world.write(_larger(world.text))
        provision(world.session, world.directory / "state", "dev", config_dir=world.directory)
        assert world.ours() == ("1024", "2048", "9")
    elif command == "reconcile":
        world.session.client("rds").modify_db_instance(
            DBInstanceIdentifier="reptidex-dev", BackupRetentionPeriod=3, ApplyImmediately=True
        )
        done = app.reconcile("dev", yes=True, playbook="bold", playbook_dir=_bold(world.directory), **world.where)
        assert [f.field for f in done.mended] == ["backup_days"]
        assert world.ours() == ours
    else:
        world.write(world.text)  # back to the smaller one, which fails and is undone
        Faults(world.session, ("rds:ModifyDBInstance", 1))
        with pytest.raises(app.ProvisionFailed):
            app.provision("dev", **world.where)
        assert world.ours() == ours
    assert world.theirs() == theirs
    if command != "rollback":
        assert not app.plan("dev", **world.where).changes


def _bold(directory: Path) -> Path:
    """A playbook that mends what holds data too."""
    from reptiops.playbook import playbook_file

    text = playbook_file("reconcile", None).read_text()
    (directory / "bold.yaml").write_text(text.replace("data: report", "data: repair"))
    return directory
