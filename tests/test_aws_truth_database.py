"""What is riskiest of databases on AWS and invisible on moto: versions, storage, when a change is made. See test_aws_truth.py."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from reptiops.aws import Aws
from reptiops.config import load_environment
from reptiops.engine.action import Action
from reptiops.engine.diff import diff
from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.operations import facts
from reptiops.resources import elasticache, rds
from reptiops.sandbox.rules.rds import OFFERED
from tests.samples import World
from tests.strict import refused

# --- 1-3 database: version, gp3, ApplyImmediately --------------------------------------------------------------


def _database(world: World, **more: Any) -> rds.Instance:
    from tests.samples.database import _instance

    return rds.Instance(**{**vars(_instance(world)), **more})


def test_01_the_version_in_the_configuration_is_one_that_aws_still_creates(world: World) -> None:
    for name in ("dev", "prod"):
        version, notes = facts._postgres(world.aws, load_environment(name))
        assert version in OFFERED["15"]
        assert "15.7" in " ".join(notes), "a person is told that it is another one"
    old = _database(world, version="15.7")
    refused(lambda: old.create(world.aws, world.identity("a/b")), "InvalidParameterCombination", "Cannot find version")


def test_02_gp3_below_400_gib_is_sent_without_iops_and_throughput(world: World) -> None:
    want = _database(world)
    sent: dict[str, Any] = {}
    world.session.events.register(
        "before-parameter-build.rds.CreateDBInstance", lambda params, **_: sent.update(params)
    )
    fresh = Aws(world.session, "us-east-1")
    want.create(fresh, world.identity("a/b"))
    assert sent["StorageType"] == "gp3"
    assert not {"Iops", "StorageThroughput"} & sent.keys()
    client = world.session.client("rds")
    refused(
        lambda: client.modify_db_instance(DBInstanceIdentifier="reptidex-dev", Iops=3000, ApplyImmediately=True),
        "InvalidParameterCombination",
        "storage size less than 400",
    )


def test_02_gp3_from_400_gib_on_is_sent_with_what_it_has_and_aws_least(world: World) -> None:
    client = world.session.client("rds")

    def has() -> tuple[Any, ...]:
        one = client.describe_db_instances()["DBInstances"][0]
        return one["AllocatedStorage"], one.get("Iops"), one.get("StorageThroughput")

    def grow(size: int) -> None:
        want = rds.Instance(**{**vars(first), "storage_gb": size, "max_storage_gb": 2 * size})
        live = next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))
        want.update(world.aws, live, frozenset({"storage_gb", "max_storage_gb"}))

    first = _database(world)
    first.create(world.aws, world.identity("a/b"))
    grow(390)
    assert has()[0] == 390
    grow(500)
    assert has() == (500, 12000, 500)
    more = {"AllocatedStorage": 500, "Iops": 20000, "StorageThroughput": 900}
    client.modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **more)
    grow(600)
    assert has() == (600, 20000, 900), "what somebody gave it is kept"
    refused(
        lambda: client.modify_db_instance(
            DBInstanceIdentifier="reptidex-dev", AllocatedStorage=700, ApplyImmediately=True
        ),
        "InvalidParameterCombination",
        "both the storage size and iops",
    )


def test_02_one_is_made_with_more_than_400_gib(world: World) -> None:
    want = _database(world, storage_gb=500, max_storage_gb=1000)
    want.create(world.aws, world.identity("a/b"))
    made = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert (made["AllocatedStorage"], made["Iops"], made["StorageThroughput"]) == (500, 12000, 500)


def test_03_every_change_is_sent_to_be_applied_at_once(world: World) -> None:
    want = _database(world)
    want.create(world.aws, world.identity("a/b"))
    larger = rds.Instance(**{**vars(want), "instance_class": "db.t4g.small"})
    live = next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))
    larger.update(world.aws, live, frozenset({"instance_class"}))
    held = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert held["DBInstanceClass"] == "db.t4g.small"
    world.session.client("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", DBInstanceClass="db.t4g.large")
    held = world.session.client("rds").describe_db_instances()["DBInstances"][0]
    assert held["DBInstanceClass"] == "db.t4g.small", "without ApplyImmediately nothing happens"
    assert held["PendingModifiedValues"]["DBInstanceClass"] == "db.t4g.large"


def test_04_an_instance_that_still_says_available_is_not_done_with_its_change(slow: Any) -> None:
    want = _database(slow)
    refused(lambda: want.create(slow.aws, slow.identity("a/b")), "InvalidParameterValue", "service linked role")
    slow.pass_time(60)
    want.create(slow.aws, slow.identity("a/b"))

    def look() -> Live[rds.Instance]:
        return next(iter(Scope(slow.aws, slow.names, [want]).live(rds.Instance)))

    assert look().status.phase == "pending"
    slow.pass_time(300)
    assert look().status.phase == "ready"
    larger = rds.Instance(**{**vars(want), "instance_class": "db.t4g.small"})
    larger.update(slow.aws, look(), frozenset({"instance_class"}))
    early = look()
    assert early.status.word.startswith("available")
    assert early.status.unapplied, "a waiter that starts at once would return too early"
    slow.pass_time(30)
    assert look().status.phase == "pending"
    slow.pass_time(300)
    assert look().status.phase == "ready"
    assert not look().status.unapplied


def test_03_what_somebody_else_has_waiting_is_not_fired_along(world: World) -> None:
    want = _database(world)
    want.create(world.aws, world.identity("a/b"))
    client = world.session.client("rds")
    client.modify_db_instance(DBInstanceIdentifier=want.name, EngineVersion="15.14")

    def look() -> Live[rds.Instance]:
        return next(iter(Scope(world.aws, world.names, [want]).live(rds.Instance)))

    def planned(other: rds.Instance) -> Action:
        return Action("database/database", "update", type(other), other, look(), diff(other, look().has))

    def version() -> str:
        return str(client.describe_db_instances()["DBInstances"][0]["EngineVersion"])

    safe = dataclasses.replace(want, deletion_protection=True, backup_days=14)
    assert not planned(safe).hindrance
    safe.update(world.aws, look(), frozenset({"deletion_protection", "backup_days"}))
    assert (look().has.deletion_protection, look().has.backup_days, version()) == (True, 14, "15.13")
    larger = dataclasses.replace(safe, instance_class="db.t4g.small")
    assert "EngineVersion 15.14" in planned(larger).hindrance
    with pytest.raises(ReptiopsError, match=r"EngineVersion 15\.14"):
        larger.update(world.aws, look(), frozenset({"instance_class"}))
    assert version() == "15.13"
    asked_for = dataclasses.replace(larger, version="15.14")
    assert not planned(asked_for).hindrance
    asked_for.update(world.aws, look(), frozenset({"instance_class"}))
    assert version() == "15.14", "AWS applies all that waits"


def test_04_a_new_one_is_being_created_from_the_first_word_on(slow: Any) -> None:
    for kind in ("elasticache", "rds"):
        slow.session.client("iam").create_service_linked_role(AWSServiceName=f"{kind}.amazonaws.com")
    slow.pass_time(60)
    slow.session.client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName="sample", CacheSubnetGroupDescription="x", SubnetIds=list(slow.subnets)
    )
    cache = elasticache.ReplicationGroup("sample", "x", node_type="cache.t4g.micro", subnet_group="sample")
    for want in (_database(slow), cache):
        made = want.create(slow.aws, slow.identity("a/b"))
        assert (made.status.phase, made.status.word) == ("pending", "creating")
