"""What a run that did not end has left in doubt stays so until a run that may touch all of it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app import states
from reptiops.engine.backend import LocalBackend
from reptiops.engine.graph import PHASES
from reptiops.engine.recover import Unfinished, unfinished
from reptiops.engine.state import Journal, Records
from reptiops.resources.ec2 import Vpc
from reptiops.testing import mocked_aws
from tests.drifts import Hand
from tests.faults import Faults, Killed
from tests.inventory import inventory
from tests.skipping import Skipping
from tests.small import small_config

NETWORK = ("network/vpc", "network/public_subnet", "network/internet_gateway")
LESS = ("log_retention_days: 30", "log_retention_days: 60")


def _doubt(where: dict[str, Any]) -> Unfinished:
    return app.in_doubt(app.open_site(app.Settings("dev", **where)))


def _killed(session: Any, where: dict[str, Any], point: str, **more: Any) -> Unfinished:
    """A provision that is killed; what it leaves in doubt."""
    faults = Faults(session, (point, 1), "kill after")
    with pytest.raises(Killed):
        app.provision("dev", **where, **more)
    assert faults.fired
    doubt = _doubt(where)
    assert not doubt.empty
    return doubt


def _recorded(where: dict[str, Any]) -> set[str]:
    """The addresses of the network that the state knows."""
    return {e.address for e in states.entries("dev", **where) if e.address.startswith("network/")}


def _a_part(session: Any, where: dict[str, Any], **part: Any) -> None:
    """A provision of a part ends, and had something to do."""
    ec2 = session.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:reptiops:address", "Values": ["network/vpc"]}])["Vpcs"]
    ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": False})
    assert app.provision("dev", **part, **where).plan.changes


def test_a_provision_of_a_part_leaves_the_rest_in_doubt(tmp_path: Path) -> None:
    """And settles its part: the VPC stays as that run has left it when the rest is undone."""
    with mocked_aws() as session:
        before = inventory(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        killed = _killed(session, where, "ec2:CreateInternetGateway")
        _a_part(session, where, only=("network/vpc",))
        doubt, (settler,) = _doubt(where), app.history("dev", **where)[:1]
        assert doubt.created == {a: one for a, one in killed.created.items() if a != "network/vpc"}
        assert "network/internet_gateway" in killed.asked
        told = f"settled since by {settler.id}, so a rollback leaves it: network/vpc"
        assert [line.strip() for line in app.doubt_text(doubt, "dev") if "settled" in line] == [told]
        _, undone = app.roll_back("dev", **where)
        assert undone.complete, undone
        made = inventory(session) - before
        vpcs = session.client("ec2").describe_vpcs()["Vpcs"]
        (vpc,) = [one["VpcId"] for one in vpcs if not one["IsDefault"]]
        assert made, "the VPC, with what AWS makes in every one"
        assert not session.client("ec2").describe_internet_gateways()["InternetGateways"]
        assert [s for s in session.client("ec2").describe_subnets()["Subnets"] if s["VpcId"] == vpc] == []
        assert _doubt(where).empty
        assert _recorded(where) == {"network/vpc"}


def test_what_a_later_run_of_a_part_needs_stays_when_the_run_before_it_is_undone(tmp_path: Path) -> None:
    """The killed run has made the VPC, a later one a gateway in it: nothing takes the ground from under that one."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        _killed(session, where, "ec2:CreateVpc")
        app.provision("dev", only=("network/internet_gateway",), **where)
        assert "network/vpc" in _doubt(where).created
        _, undone = app.roll_back("dev", **where)
        assert undone.complete, undone
        (kept,) = undone.kept
        assert kept.startswith("network/vpc (vpc-")
        assert "network/internet_gateway needs it, which run" in kept
        ec2 = session.client("ec2")
        (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
        assert gateway["Attachments"][0]["VpcId"] in kept
        assert _recorded(where) == {"network/vpc", "network/internet_gateway"}
        assert _doubt(where).empty


def test_an_update_that_a_later_run_of_a_part_has_settled_is_not_set_back(tmp_path: Path) -> None:
    config, after = small_config(tmp_path / "before"), small_config(tmp_path / "after", LESS)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "clock": Skipping()}
        app.provision("dev", config_dir=config, only=("compute/log_group",), **where)
        mine = {**where, "config_dir": after}
        faults = Faults(session, ("logs:PutRetentionPolicy", 2), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", only=("compute/log_group",), **mine)
        assert faults.fired
        (settled, was), (other, _) = list(_doubt(mine).updated.items())[:2]
        session.client("logs").put_retention_policy(logGroupName=was.id, retentionInDays=7)
        app.provision("dev", only=(settled,), **mine)
        app.roll_back("dev", **mine)
        days = {
            e.address: e.applied["retention_days"]
            for e in states.entries("dev", session=session, state_dir=tmp_path / "state")
            if e.address in (settled, other) and isinstance(e.applied, dict)
        }
        assert days == {settled: 60, other: 30}
        groups = session.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/dev/")["logGroups"]
        assert sorted(g["retentionInDays"] for g in groups)[-2:] == [30, 60]


def test_the_same_part_again_leaves_no_doubt_of_it(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        _killed(session, where, "ec2:CreateSubnet", only=NETWORK)
        app.provision("dev", only=NETWORK, **where)
        assert _doubt(where).empty


PART = {"phases": ["network"], "addresses": ["compute/log_group"]}
ENDED: Mapping[str, tuple[str, Mapping[str, Any], bool]] = {
    "of everything": ("provision", {}, True),
    "of a part": ("provision", {"selection": PART}, False),
    "of all phases": ("provision", {"selection": {"phases": list(PHASES), "addresses": []}}, True),
    "of all that the run touched": (
        "provision",
        {"selection": {"phases": ["network", "compute"], "addresses": []}},
        True,
    ),
    "a teardown": ("teardown", {}, True),
    "a teardown of a part": ("teardown", {"selection": PART}, False),
    "something that settles nothing": ("reconcile", {}, False),
}


@pytest.mark.parametrize("which", ENDED)
@pytest.mark.parametrize("end", ["end", "settled"])
def test_what_the_end_of_a_later_run_settles(which: str, end: str, tmp_path: Path) -> None:
    """Runs of earlier versions did not write down what they were told to touch: they count as told to touch everything."""
    operation, part, settles = ENDED[which]
    records = Records(LocalBackend(tmp_path))
    records.backend.prepare()
    killed, later = Journal(records, "1"), Journal(records, "2")
    killed.write("run", operation="provision")
    for address in ("network/vpc", "compute/cluster"):
        killed.write("begin", address=address, verb="create", kind="some", target=None, was=None)
    later.write("run", operation=operation, **part)
    later.write(end)
    assert unfinished(records).empty is (settles or (end == "settled" and operation == "reconcile"))


@pytest.mark.parametrize(("last", "looked_for"), [("failed", False), ("again", True), ("", True)])
def test_a_create_is_timed_by_what_its_journal_tells(last: str, looked_for: bool) -> None:
    """What failed without telling was not asked for since; of what was in flight, the run's last record is as good."""
    long_ago, what = datetime.now(UTC) - timedelta(seconds=100), Unfinished()
    create = {"address": "network/vpc", "verb": "create", "at": long_ago.isoformat(timespec="milliseconds")}
    records: list[dict[str, Any]] = [{"event": "begin", **create, "kind": Vpc.kind(), "target": None}]
    records += [{"event": last, **create, "doubtful": True}] if last else []
    what.take([*records, {"event": "note", "at": datetime.now(UTC).isoformat(timespec="milliseconds")}])
    assert bool(what.unseen({Vpc.kind(): Vpc}, 60.0)) is looked_for


def test_a_run_writes_down_what_it_was_told_to_touch(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        app.provision("dev", only=("storage/bucket",), phases=("network",), **where)
        (tmp_path / "less.yaml").write_text("operation: teardown\nphases: [storage, network]\n")
        app.teardown("dev", playbook="less", playbook_dir=tmp_path, **where)
        app.provision("dev", only=("storage/bucket",), **where)
        app.teardown("dev", **where)
        told = [
            json.loads(file.read_text().splitlines()[0]).get("selection")
            for file in sorted(tmp_path.glob("dev/journal/*"))
        ]
    assert told[0] == {"phases": ["network"], "addresses": ["storage/bucket"]}
    assert told[1]["phases"] == []
    assert "storage/bucket" in told[1]["addresses"]
    assert not [one for one in told[1]["addresses"] if not one.startswith(("storage/", "network/"))]
    assert told[2:] == [{"phases": [], "addresses": ["storage/bucket"]}, None]


def test_a_teardown_of_a_part_settles_what_no_step_declares_any_more(tmp_path: Path) -> None:
    """An earlier version's step: what it made is removed with the phase that its address names."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        app.provision("dev", only=("network/vpc",), **where)
        killed = Journal(app.open_site(app.Settings("dev", **where)).records, "2")
        killed.write("run", operation="provision")
        killed.write("begin", address="network/peering/old", verb="create", kind="some", target=None, was=None)
        killed.close()
        assert list(_doubt(where).created) == ["network/peering/old"]
        for phase, left in (("storage", ["network/peering/old"]), ("network", [])):
            (tmp_path / "less.yaml").write_text(f"operation: teardown\nphases: [{phase}]\n")
            app.teardown("dev", playbook="less", playbook_dir=tmp_path, **where)
            assert list(_doubt(where).created) == left


def test_office_hours_leave_an_update_in_doubt(tmp_path: Path) -> None:
    config, after = small_config(tmp_path / "before"), small_config(tmp_path / "after", LESS)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "clock": Skipping()}
        app.provision("dev", config_dir=config, **where)
        mine = {**where, "config_dir": after}
        _killed(session, mine, "logs:PutRetentionPolicy", only=("compute/log_group",))
        Hand(session).service("repti-core", desiredCount=0)
        app.start("dev", config_dir=config, **where)
        doubtful = _doubt(mine).updated
        assert doubtful
        assert all(address.startswith("compute/log_group/") for address in doubtful)
        app.roll_back("dev", **mine)
        groups = session.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/dev/")["logGroups"]
        assert {g["retentionInDays"] for g in groups} == {30}
