"""Log groups that AWS's services make for themselves: ours before they do, found by their names, gone in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults
from tests.inventory import inventory

GROUP = "/aws/ecs/containerinsights/dev-reptidex-cluster/performance"
ONLY = ("security/service_linked_role", "compute/insights_log_group", "compute/cluster")


@pytest.fixture
def world() -> Iterator[Any]:
    with mocked_aws() as session:
        yield session


def _group(session: Any, name: str = GROUP) -> dict[str, Any] | None:
    found = session.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return next((dict(one) for one in found if one["logGroupName"] == name), None)


def test_aws_makes_one_without_an_end_for_a_cluster_that_has_none(world: Any) -> None:
    world.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    on = [{"name": "containerInsights", "value": "enabled"}]
    world.client("ecs").create_cluster(clusterName="dev-reptidex-cluster", settings=on)
    made = _group(world)
    assert made is not None
    assert "retentionInDays" not in made
    assert world.client("logs").list_tags_for_resource(resourceArn=made["arn"].removesuffix(":*"))["tags"] == {}


def test_ours_is_there_first_with_its_retention_and_goes_in_the_end(world: Any, tmp_path: Path) -> None:
    before = inventory(world)
    provision(world, tmp_path, only=ONLY)
    made = _group(world)
    assert made is not None
    assert made["retentionInDays"] == 30
    gone = app.teardown("dev", session=world, state_dir=tmp_path)
    assert (gone.left, inventory(world)) == ((), before)


def test_one_that_aws_made_is_taken_over_without_a_question(world: Any, tmp_path: Path) -> None:
    logs = world.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    planned = {a.address: a for a in app.plan("dev", session=world, state_dir=tmp_path, only=ONLY).changes}
    assert planned["compute/insights_log_group"].verb == "update"
    provision(world, tmp_path, only=ONLY)
    made = _group(world)
    assert made is not None
    assert made["retentionInDays"] == 30
    tags = logs.list_tags_for_resource(resourceArn=made["arn"].removesuffix(":*"))["tags"]
    assert tags["reptiops:address"] == "compute/insights_log_group"
    assert not app.plan("dev", session=world, state_dir=tmp_path, only=ONLY).changes


def test_one_that_comes_once_more_is_removed_once_more(world: Any, tmp_path: Path) -> None:
    """What Container Insights measured last arrives after the deletion: in the teardown, and once more after it."""
    before = inventory(world)
    provision(world, tmp_path, only=ONLY)
    late = [GROUP]

    def written_late(**_: Any) -> None:
        if late:
            world.client("logs").create_log_group(logGroupName=late.pop())

    world._session.register("after-call.cloudwatch-logs.DeleteLogGroup", written_late)
    gone = app.teardown("dev", session=world, state_dir=tmp_path)
    assert (gone.left, late, inventory(world)) == ((), [], before)
    world.client("logs").create_log_group(logGroupName=GROUP)
    assert not app.open_site(app.Settings("dev", session=world, state_dir=tmp_path)).state.entries
    again = app.teardown("dev", session=world, state_dir=tmp_path)
    assert [a.address for a in again.doomed] == ["compute/insights_log_group"]
    assert inventory(world) == before


def test_a_rollback_removes_it_once_more_as_well(world: Any, tmp_path: Path) -> None:
    before = inventory(world)
    Faults(world, ("ecs:CreateCluster", 1))
    late = [GROUP]

    def written_late(**_: Any) -> None:
        if late:
            world.client("logs").create_log_group(logGroupName=late.pop())

    world._session.register("after-call.cloudwatch-logs.DeleteLogGroup", written_late)
    with pytest.raises(app.ProvisionFailed) as failed:
        provision(world, tmp_path, only=ONLY)
    assert failed.value.undone is not None
    assert failed.value.undone.complete, str(failed.value)
    assert (late, inventory(world)) == ([], before)


def test_another_environments_and_other_peoples_stay(world: Any, tmp_path: Path) -> None:
    logs = world.client("logs")
    others = ("/aws/ecs/containerinsights/prod-reptidex-cluster/performance", "RDSOSMetrics", "/aws/lambda/theirs")
    for name in others:
        logs.create_log_group(logGroupName=name)
    provision(world, tmp_path, only=ONLY)
    app.teardown("dev", session=world, state_dir=tmp_path)
    assert {one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]} == set(others)
