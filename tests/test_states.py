"""An environment whose state is in S3: made, kept, scheduled, its state lost and made anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

from reptiops import app
from reptiops.app import jobs, states
from reptiops.config import environment_file
from reptiops.engine import lock as locks
from reptiops.engine.resource import ADDRESS_TAG
from reptiops.errors import ReptiopsError
from reptiops.testing import REGION
from tests.enumeration import enumerate_points
from tests.inventory import inventory
from tests.scenarios import emptied

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools/reptiops:1"


@pytest.fixture(scope="module")
def where(session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("config")
    text = environment_file("dev").read_text().replace("backend: local ", "backend: s3://reptidex-states/tool ")
    (directory / "dev.yaml").write_text(text)
    return {"session": session, "config_dir": directory, "state_dir": directory / "unused"}


def test_without_the_bucket_nothing_begins(where: dict[str, Any]) -> None:
    before = inventory(where["session"])
    with pytest.raises(ReptiopsError, match="state init"):
        app.provision("dev", **where)
    assert inventory(where["session"]) == before


def test_a_life_with_the_state_in_s3(where: dict[str, Any]) -> None:
    states.init("dev", **where)
    app.provision("dev", **where)
    assert not where["state_dir"].exists(), "nothing is kept on this machine"
    assert not app.plan("dev", **where).changes
    assert app.drift("dev", **where).findings == ()
    shown = states.show("dev", **where)
    assert shown.where == "s3://reptidex-states/tool/dev"
    assert shown.resources == len(states.entries("dev", **where)) > 150
    assert shown.lease is None
    assert [run.ending for run in app.history("dev", **where)] == ["ended"]


def test_the_job_is_made_and_removed(where: dict[str, Any]) -> None:
    session, file = where["session"], where["config_dir"] / "dev.yaml"
    before, text = inventory(session), file.read_text()
    with pytest.raises(ReptiopsError, match=r"dev.yaml:\d+: schedule.enabled: a scheduled job needs the tool's image"):
        jobs.install("dev", "20m", **where)
    assert (inventory(session), file.read_text()) == (before, text)
    jobs.install("dev", "20m", IMAGE, **where)
    scheduler = session.client("scheduler")
    (one,) = scheduler.list_schedules(GroupName="reptidex-dev")["Schedules"]
    schedule = scheduler.get_schedule(GroupName="reptidex-dev", Name=one["Name"])
    assert schedule["ScheduleExpression"] == "rate(20 minutes)"
    task = session.client("ecs").describe_task_definition(
        taskDefinition=schedule["Target"]["EcsParameters"]["TaskDefinitionArn"]
    )["taskDefinition"]
    (container,) = task["containerDefinitions"]
    assert (container["image"], container["command"]) == (IMAGE, ["run", "drift", "dev", "--json"])
    assert not app.plan("dev", **where).changes
    assert app.drift("dev", **where).findings == ()
    jobs.install("dev", None, IMAGE.replace(":1", ":2"), **where)
    (one,) = scheduler.list_schedules(GroupName="reptidex-dev")["Schedules"]
    schedule = scheduler.get_schedule(GroupName="reptidex-dev", Name=one["Name"])
    assert schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].endswith(":2"), (
        "its image is ours, not a pipeline's"
    )
    jobs.uninstall("dev", **where)
    assert inventory(session) == before
    assert scheduler.list_schedule_groups(NamePrefix="reptidex")["ScheduleGroups"] == []
    assert "# " in file.read_text()
    assert not app.plan("dev", **where).changes
    _, nothing = jobs.uninstall("dev", **where)
    assert nothing.plan.changes == ()


def test_a_job_needs_a_state_that_others_can_read(tmp_path: Path, session: Any) -> None:
    (tmp_path / "dev.yaml").write_text(environment_file("dev").read_text())
    with pytest.raises(ReptiopsError, match="cannot read the state of this machine"):
        jobs.install("dev", "15m", IMAGE, session=session, config_dir=tmp_path)


def test_a_lost_state_is_made_anew_from_aws(where: dict[str, Any]) -> None:
    s3, before = where["session"].client("s3"), states.entries("dev", **where)
    for key in [o["Key"] for o in s3.list_objects_v2(Bucket="reptidex-states")["Contents"]]:
        s3.delete_object(Bucket="reptidex-states", Key=key)
    assert states.entries("dev", **where) == ()
    world = inventory(where["session"])
    found = states.rebuild("dev", **where)
    assert {(e.address, e.id) for e in found} == {(e.address, e.id) for e in before}
    assert inventory(where["session"]) == world
    assert not app.plan("dev", **where).changes
    assert app.drift("dev", **where).findings == ()


def test_what_is_forgotten_is_found_again(where: dict[str, Any]) -> None:
    with pytest.raises(app.Refused, match="records nothing"):
        states.forget("dev", "network/nothing", **where)
    states.forget("dev", "network/vpc", **where)
    assert "network/vpc" not in {e.address for e in states.entries("dev", **where)}
    app.provision("dev", **where)
    assert "network/vpc" in {e.address for e in states.entries("dev", **where)}


def test_an_address_moves_with_its_resource(where: dict[str, Any]) -> None:
    file = where["config_dir"] / "dev.yaml"
    text = file.read_text()
    renamed = text.replace("    uploads:\n", "    pictures:\n      name: reptidex-dev-uploads\n")
    file.write_text(renamed.replace("[uploads]", "[pictures]"))
    with pytest.raises(app.Refused, match=r"no address of a s3\.Bucket"):
        states.move("dev", "storage/bucket/uploads", "network/vpc2", **where)
    with pytest.raises(app.Refused, match="records nothing"):
        states.move("dev", "storage/bucket/other", "storage/bucket/pictures", **where)
    unmoved = {a.address: a for a in app.plan("dev", **where).actions if a.address.startswith("storage/bucket/")}
    (change,) = unmoved["storage/bucket/pictures"].changes
    assert (change.path, change.has) == (ADDRESS_TAG, "storage/bucket/uploads"), "it is found by its name"
    assert "storage/bucket/uploads" not in unmoved, "and is not the old address's to delete"
    states.move("dev", "storage/bucket/uploads", "storage/bucket/pictures", **where)
    tags = where["session"].client("s3").get_bucket_tagging(Bucket="reptidex-dev-uploads")["TagSet"]
    assert {"Key": "reptiops:address", "Value": "storage/bucket/pictures"} in tags
    assert {a.verb for a in app.plan("dev", **where).actions if "bucket" in a.address} == {"none"}
    file.write_text(text)
    states.move("dev", "storage/bucket/pictures", "storage/bucket/uploads", **where)
    assert not app.plan("dev", **where).changes


@pytest.mark.proof
def test_a_state_is_rebuilt_whatever_happened_to_it(session: Any, tmp_path: Path) -> None:
    points = [f"{env}:{how}" for env in ("dev", "prod") for how in ("deleted", "cut off", "no state")]
    assert not enumerate_points("rebuilt", points, lambda point: _rebuilt(*point.split(":"), tmp_path / point)).wrong


def _rebuilt(environment: str, how: str, directory: Path) -> list[str]:
    """In a fork, whose world is emptied first."""
    emptied()
    session = boto3.Session("testing", "testing", "testing", region_name=REGION)
    here: dict[str, Any] = {"session": session, "state_dir": directory}
    app.provision(environment, **here)
    file = directory / environment / "state.json"
    before, world = states.entries(environment, **here), inventory(session)
    if how == "deleted":
        shutil.rmtree(directory / environment)
    else:
        file.write_bytes(file.read_bytes()[:5000] if how == "cut off" else b"{}")
        with pytest.raises(ReptiopsError, match=f"state rebuild {environment}"):
            app.plan(environment, **here)
    found = states.rebuild(environment, **here)
    assert {(e.address, e.id) for e in found} == {(e.address, e.id) for e in before}
    assert inventory(session) == world
    assert not app.plan(environment, **here).changes
    assert app.drift(environment, **here).findings == ()
    return []


def test_unlock_takes_the_lock_from_one_holder_only(where: dict[str, Any]) -> None:
    backend = app.open_site(app.Settings("dev", **where)).records.backend
    lock = locks.acquire(backend, "provision")
    lease = states.holder("dev", **where)
    assert lease is not None
    with pytest.raises(locks.Locked, match="reptiops unlock"):
        app.teardown("dev", **where)
    assert app.plan("dev", **where).changes == (), "readers need no lock"
    assert not states.unlock("dev", "another", **where)
    assert states.unlock("dev", lease.token, **where)
    with pytest.raises(locks.LeaseLost):
        lock.check()
    assert states.holder("dev", **where) is None
    lock.release()
