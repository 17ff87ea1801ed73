"""What AWS is deleting is as good as gone, but is in the way of its successor until it has gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.events import Event
from reptiops.report.describe import status
from tests.faults import Faults, Killed
from tests.scenarios import session
from tests.skipping import Skipping
from tests.small import small_config

NETWORK = ("network",)
DATABASE = ("network", "security", "database")
LOOKS = 3
"""How often AWS still shows it once it is about to end."""


@dataclass(frozen=True)
class Shown:
    """How AWS shows one: by which read, in which list, under which name, its state in which word; and how it goes."""

    read: str
    listed: str
    name: str
    word: str
    delete: Callable[[Any, str], Any]
    going: str = "deleting"


GATEWAY = Shown(
    "ec2.DescribeNatGateways",
    "NatGateways",
    "NatGatewayId",
    "State",
    lambda session, one: session.client("ec2").delete_nat_gateway(NatGatewayId=one),
)
ENDPOINT = Shown(
    "ec2.DescribeVpcEndpoints",
    "VpcEndpoints",
    "VpcEndpointId",
    "State",
    lambda session, one: session.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[one]),
)
INSTANCE = Shown(
    "rds.DescribeDBInstances",
    "DBInstances",
    "DBInstanceIdentifier",
    "DBInstanceStatus",
    lambda session, one: session.client("rds").delete_db_instance(DBInstanceIdentifier=one, SkipFinalSnapshot=True),
)
CACHE = Shown(
    "elasticache.DescribeReplicationGroups",
    "ReplicationGroups",
    "ReplicationGroupId",
    "Status",
    lambda session, one: session.client("elasticache").delete_replication_group(ReplicationGroupId=one),
)
SERVICE = Shown(
    "ecs.DescribeServices",
    "services",
    "serviceName",
    "status",
    lambda session, one: session.client("ecs").delete_service(cluster="dev-reptidex-cluster", service=one, force=True),
    "DRAINING",
)


class Dying:
    """Something that AWS is deleting: shown so until `ending` is set and it was looked at some times more."""

    def __init__(self, session: Any, shown: Shown):
        self.ids: set[str] = set()
        self.ending, self._looks = False, 0
        self._session, self._of = session, shown
        session.events.register(f"after-call.{shown.read}", self._shown)

    def _shown(self, parsed: Any, **_: Any) -> None:
        there = [one for one in parsed.get(self._of.listed, []) if one[self._of.name] in self.ids]
        for one in there:
            one[self._of.word] = self._of.going
        self._looks += self.ending and bool(there)
        if self._looks > LOOKS:
            doomed, self.ids = self.ids, set()
            for one in doomed:
                self._of.delete(self._session, one)


def _gateways(session: Any) -> set[str]:
    listed = session.client("ec2").describe_nat_gateways()["NatGateways"]
    return {n["NatGatewayId"] for n in listed if n["State"] == "available"}


def test_a_gateway_and_an_endpoint_that_are_being_deleted_are_made_anew(account: Any, where: dict[str, Any]) -> None:
    """As a teardown leaves them that was killed when it had just asked for their deletion."""
    app.provision("dev", phases=NETWORK, **where)
    ec2, gateway, endpoint = account.client("ec2"), Dying(account, GATEWAY), Dying(account, ENDPOINT)
    old = min(_gateways(account))
    end = ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["VpcEndpointId"]
    gateway.ids, endpoint.ids = {old}, {end}
    planned = app.plan("dev", phases=NETWORK, **where)
    made = [a.address for a in planned.changes if a.verb == "create"]
    assert [a.rsplit("/", 1)[0] for a in made] == ["network/nat_gateway", "network/gateway_endpoint"]
    assert planned.forecast is not None
    legs = [leg for address, leg in planned.forecast.legs.items() if address == made[0]]
    assert all(leg.seconds >= 105 for leg in legs), "the wait for its end counts too"
    gateway.ending = endpoint.ending = True
    told: list[Event] = []
    app.provision("dev", phases=NETWORK, tell=told.append, **where)
    waits = [e.text for e in told if e.word == "wait" and "until the one before is gone" in e.text]
    assert {i for i in (old, end) for text in waits if i in text} == {old, end}
    assert old not in _gateways(account)
    routes = [r for t in ec2.describe_route_tables()["RouteTables"] for r in t["Routes"]]
    assert {r["NatGatewayId"] for r in routes if "NatGatewayId" in r} == _gateways(account)
    ends = {e["VpcEndpointId"]: e["State"].lower() for e in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    assert ends.pop(end, "deleted") == "deleted"
    assert set(ends.values()) == {"available"}
    assert not app.plan("dev", phases=NETWORK, **where).changes


def test_a_database_and_a_cache_that_are_being_deleted_are_made_anew(account: Any, where: dict[str, Any]) -> None:
    app.provision("dev", phases=DATABASE, **where)
    rds, cache = account.client("rds"), account.client("elasticache")
    made = rds.describe_db_instances()["DBInstances"][0]["InstanceCreateTime"]
    dying = [Dying(account, INSTANCE), Dying(account, CACHE)]
    for one in dying:
        one.ids = {"reptidex-dev"}
    drift = app.drift("dev", **where)
    assert {"database/database: being deleted (deleting)", "database/redis: being deleted (deleting)"} <= set(
        drift.busy
    )
    assert {f.address for f in drift.findings if f.what == "missing"} >= {"database/database", "database/redis"}
    planned = app.plan("dev", phases=DATABASE, **where)
    shown = {row["address"]: row["status"] for row in status(planned, 0.0)}
    assert shown["database/database"] == shown["database/redis"] == "being deleted"
    for one in dying:
        one.ending = True
    done = app.provision("dev", phases=DATABASE, **where)
    assert {a.address for a in done.plan.changes} >= {"database/database", "database/redis"}
    (instance,) = rds.describe_db_instances()["DBInstances"]
    assert instance["DBInstanceStatus"] == "available"
    assert instance["InstanceCreateTime"] > made
    assert [g["Status"] for g in cache.describe_replication_groups()["ReplicationGroups"]] == ["available"]
    assert not app.plan("dev", phases=DATABASE, **where).changes


def test_a_service_that_drains_and_that_no_state_records_is_waited_for(account: Any, where: dict[str, Any]) -> None:
    """ECS lists it no more, and refuses another of its name until it has gone."""
    address, early = "compute/service/repti-core", list[str]()
    app.provision("dev", **where)
    draining = Dying(account, SERVICE)

    def unlisted(parsed: Any, **_: Any) -> None:
        parsed["serviceArns"] = [a for a in parsed["serviceArns"] if a.rpartition("/")[2] not in draining.ids]

    def made(params: Any, **_: Any) -> None:
        early.extend(draining.ids)

    account.events.register("after-call.ecs.ListServices", unlisted)
    account.events.register("before-call.ecs.CreateService", made)
    draining.ids = {"repti-core"}
    shutil.rmtree(where["state_dir"])
    assert [a.going is not None for a in app.plan("dev", **where).changes if a.address == address] == [True]
    draining.ending = True
    told: list[Event] = []
    app.provision("dev", tell=told.append, **where)
    waits = [e.text for e in told if e.address == address and "until the one before is gone" in e.text]
    assert ["draining" in text for text in waits] == [True]
    assert early == []
    assert not app.plan("dev", **where).changes


def test_a_name_that_aws_has_not_given_free_yet_is_waited_for(account: Any, where: dict[str, Any]) -> None:
    """The list of the plan does not show the old one, the create is answered "already exists"."""
    app.provision("dev", phases=DATABASE, **where)
    refused: list[str] = []

    def hidden(parsed: Any, **_: Any) -> None:
        if not refused:
            parsed["DBInstances"] = []

    def asked(parsed: Any, model: Any, **_: Any) -> None:
        if "AlreadyExists" in parsed.get("Error", {}).get("Code", ""):
            refused.append(model.name)

    dying = Dying(account, INSTANCE)
    dying.ids, dying.ending = {"reptidex-dev"}, True
    account.events.register("after-call.rds.DescribeDBInstances", hidden)
    account.events.register("after-call.rds.CreateDBInstance", asked)
    app.provision("dev", phases=DATABASE, **where)
    assert set(refused) == {"CreateDBInstance"}
    assert not app.plan("dev", phases=DATABASE, **where).changes


def test_a_teardown_waits_for_what_is_being_deleted_already(account: Any, where: dict[str, Any]) -> None:
    app.provision("dev", phases=NETWORK, **where)
    dying, old = Dying(account, GATEWAY), min(_gateways(account))
    dying.ids, dying.ending = {old}, True
    gone = app.teardown("dev", **where)
    assert gone.left == ()
    assert not dying.ids
    assert _gateways(account) == set()
    assert account.client("ec2").describe_addresses()["Addresses"] == []


def test_a_rollback_makes_anew_what_is_being_deleted(account: Any, where: dict[str, Any], tmp_path: Path) -> None:
    """A run that removes a gateway dies when AWS has begun to delete it: AWS still shows it, and it is as good as gone."""
    app.provision("dev", phases=NETWORK, **where)
    gateway, before = Dying(account, GATEWAY), len(_gateways(account))
    fewer = small_config(tmp_path / "fewer", ("nat_gateways: per_az", "nat_gateways: 1"))
    broken = session()
    Faults(broken, ("ec2:DeleteNatGateway", 1), "kill before")
    with pytest.raises(Killed):
        app.provision("dev", phases=NETWORK, **where | {"session": broken, "config_dir": fewer})
    (asked,) = (d for d in app.in_doubt(app.open_site(app.Settings("dev", **where))).deleted.values() if "nat-" in d.id)
    gateway.ids, gateway.ending = {asked.id}, True
    _, undone = app.roll_back("dev", clock=Skipping(), **where)
    assert asked.id not in _gateways(account)
    assert len(_gateways(account)) == before
    assert [one for one in undone.anew if asked.id in one]
    assert not app.plan("dev", phases=NETWORK, **where).changes
