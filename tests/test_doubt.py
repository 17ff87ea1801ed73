"""What a run that did not end has left in doubt stays so until a run that may touch all of it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
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
LOGS = ("compute/insights_log_group",)
LESS = ("log_retention_days: 30", "log_retention_days: 60")


def _doubt(where: dict[str, Any]) -> Unfinished:
    return app.in_doubt(app.open_site(app.Settings("dev", **where)))


def _killed(session: Any, where: dict[str, Any], point: str, how: str = "kill after", **more: Any) -> Unfinished:
    """A provision that is killed; what it leaves in doubt."""
    faults = Faults(session, (point, 1), how)
    with pytest.raises(Killed):
        app.provision("dev", **where, **more)
    assert faults.fired
    doubt = _doubt(where)
    assert not doubt.empty
    return doubt


def _a_part(session: Any, where: dict[str, Any], **part: Any) -> None:
    """A provision of a part ends, and had something to do."""
    ec2 = session.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:reptiops:address", "Values": ["network/vpc"]}])["Vpcs"]
    ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": False})
    assert app.provision("dev", **part, **where).plan.changes


def _refused(where: dict[str, Any], session: Any, address: str, by: str, run: str = "") -> None:
    """No rollback is done, nor offered: a later run has touched `by`, and that would not stand without `address`."""
    before, doubt = inventory(session), _doubt(where)
    run = run or app.history("dev", **where)[0].id
    assert doubt.built_on[address] == (run, by)
    why = f"{address}: run {run} has touched " + ("it since" if by == address else f"{by}, which builds on it")
    with pytest.raises(app.Refused) as refused:
        app.roll_back("dev", **where)
    lines = [line.strip() for line in str(refused.value).splitlines()]
    assert doubt.runs[0] in lines[0]
    assert "undoing it would break what that run made" in lines[0]
    assert why in lines
    assert lines[-1].startswith("Nothing was changed.")
    assert all(f"reptiops {way} dev" in lines[-1] for way in ("provision", "teardown"))
    told = "\n".join(app.doubt_text(doubt, "dev"))
    assert why in told
    assert "One way out:\n  reptiops provision dev" in told
    assert "reptiops rollback" not in told
    unended = app.open_ends(None, doubt, "dev")[1]
    assert unended is not None
    assert unended.ways_out == ("reptiops provision dev",)
    assert inventory(session) == before
    assert _doubt(where) == doubt


def test_what_a_later_run_of_a_part_has_touched_is_not_undone_with_the_run_before_it(tmp_path: Path) -> None:
    """A provision of everything is the way on, and leaves no doubt."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        killed = _killed(session, where, "ec2:CreateInternetGateway")
        _a_part(session, where, only=("network/vpc",))
        assert _doubt(where).created == killed.created
        assert "network/internet_gateway" in killed.asked
        _refused(where, session, "network/vpc", "network/vpc")
        app.provision("dev", **where)
        assert _doubt(where).empty


@pytest.mark.parametrize("point", ["ec2:CreateVpc", "ec2:CreateSubnet"])
def test_no_rollback_takes_the_ground_from_under_what_a_later_run_of_a_part_has_made(
    point: str, tmp_path: Path
) -> None:
    """The gateway names the VPC, be its id in the journal of the run that made it or not."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        _killed(session, where, point, only=("network/vpc", "network/public_subnet"))
        app.provision("dev", only=("network/internet_gateway",), **where)
        _refused(where, session, "network/vpc", "network/internet_gateway")


def test_a_run_of_a_part_that_touched_nothing_of_it_hinders_no_rollback(tmp_path: Path) -> None:
    """The killed run is undone whole, also where the part of the later one could have touched it; what that one has
    made stays as it is.
    """
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        before = inventory(session)
        _killed(session, where, "ec2:CreateSubnet", only=("network/vpc", "network/public_subnet"))
        app.provision("dev", only=("storage/bucket",), **where)
        made = {one for one in app.open_site(app.Settings("dev", **where)).state.entries if one.startswith("storage/")}
        assert made
        assert not _doubt(where).built_on
        _, undone = app.roll_back("dev", **where)
        assert undone.complete, undone
        assert _doubt(where).empty
        assert set(app.open_site(app.Settings("dev", **where)).state.entries) == made
        left = inventory(session) - before
        assert left
        assert not [one for one in left if "ec2" in str(one).lower()]


def test_an_update_that_a_later_run_of_a_part_has_made_once_more_is_not_set_back(tmp_path: Path) -> None:
    config, after = small_config(tmp_path / "before"), small_config(tmp_path / "after", LESS)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "clock": Skipping()}
        app.provision("dev", config_dir=config, only=("compute/log_group",), **where)
        mine = {**where, "config_dir": after}
        faults = Faults(session, ("logs:PutRetentionPolicy", 2), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", only=("compute/log_group",), **mine)
        assert faults.fired
        (settled, was), _ = list(_doubt(mine).updated.items())[:2]
        session.client("logs").put_retention_policy(logGroupName=was.id, retentionInDays=7)
        app.provision("dev", only=(settled,), **mine)
        _refused(mine, session, settled, settled)


def test_the_same_part_again_leaves_no_doubt_of_it(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        _killed(session, where, "ec2:CreateSubnet", only=NETWORK)
        app.provision("dev", only=NETWORK, **where)
        assert _doubt(where).empty


def test_a_provision_that_finds_nothing_to_do_settles_what_it_covers(tmp_path: Path) -> None:
    """The run before was killed after its last write: all is as wanted, and no rollback takes it down any more."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        app.provision("dev", only=("network/vpc",), **where)
        _killed(session, where, "logs:PutRetentionPolicy", only=LOGS)
        runs = len(app.history("dev", **where))
        app.provision("dev", only=("network/vpc",), **where)
        assert not _doubt(where).empty, "it could touch nothing of it"
        assert len(app.history("dev", **where)) == runs
        assert not app.provision("dev", only=LOGS, **where).plan.changes
        assert _doubt(where).empty
        newest, killed = app.history("dev", **where)[:2]
        assert (newest.operation, newest.ending, killed.finished_by) == ("provision", "ended", newest.id)
        app.provision("dev", only=LOGS, **where)
        assert len(app.history("dev", **where)) == runs + 1
        with pytest.raises(app.Refused, match="nothing in doubt"):
            app.roll_back("dev", **where)


def test_a_teardown_that_finds_nothing_there_settles_what_it_covers(tmp_path: Path) -> None:
    """The run before was killed when it was about to make its first thing. One with nothing in doubt writes nothing."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        assert not app.teardown("dev", **where).doomed
        assert app.history("dev", **where) == ()
        _killed(session, where, "logs:CreateLogGroup", "kill before", only=LOGS)
        (tmp_path / "less.yaml").write_text("operation: teardown\nphases: [network]\n")
        assert not app.teardown("dev", playbook="less", playbook_dir=tmp_path, **where).doomed
        assert not _doubt(where).empty, "it could touch nothing of it"
        assert len(app.history("dev", **where)) == 1
        assert not app.teardown("dev", **where).doomed
        assert _doubt(where).empty
        newest, killed = app.history("dev", **where)
        assert (newest.operation, newest.ending, killed.finished_by) == ("teardown", "ended", newest.id)
        app.teardown("dev", **where)
        assert len(app.history("dev", **where)) == 2


def test_a_rollback_names_the_roles_that_it_leaves(tmp_path: Path) -> None:
    """A service-linked role is made by the first who needs it, and from then on it is the account's."""
    role, only = "security/service_linked_role/ecs", ("security/service_linked_role/ecs", *LOGS)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        _killed(session, where, "logs:CreateLogGroup", "kill after", only=only, strict_phases=True)
        what, undone = app.roll_back("dev", **where)
        assert (role in what.created, undone.shared, undone.complete) == (True, (role,), True)
        text = app.undone_text(undone, "dev")
        assert (
            "is as it was before, but for what the account shares from now on: security/service_linked_role/ecs."
            in text
        )
        roles = [one["Path"] for one in session.client("iam").list_roles()["Roles"]]
        assert roles == ["/aws-service-role/ecs.amazonaws.com/"]
        Faults(session, ("logs:CreateLogGroup", 1))
        with pytest.raises(app.ProvisionFailed, match=r"is as it was before\.") as failed:
            app.provision("dev", only=only, **where)
        assert failed.value.undone is not None
        assert failed.value.undone.shared == (), "it was there already"


@pytest.mark.parametrize("how", ["kill before", "kill after"], ids=["nothing else", "a log group"])
def test_a_teardown_right_after_a_kill_waits_for_the_lists_of_aws(how: str, tmp_path: Path) -> None:
    """The VPC was made, AWS has answered, and its lists do not show it yet: it must not be taken for absent, whatever else
    they show.
    """
    with mocked_aws() as session:
        clock = Skipping()
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": clock}
        _killed(session, where, "logs:CreateLogGroup", how, only=("network/vpc", *LOGS), strict_phases=True)
        killed, hidden = clock.now(), []

        def lagging(parsed: Any, **_: Any) -> None:
            if clock.now() < killed + 30:
                hidden.extend(parsed["Vpcs"])
                parsed["Vpcs"] = []

        session._session.register("after-call.ec2.DescribeVpcs", lagging)
        assert "network/vpc" in [a.address for a in app.teardown("dev", **where).doomed]
        assert hidden
        assert [v for v in session.client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]] == []


def test_a_teardown_that_finds_nothing_there_forgets_what_a_killed_one_has_removed(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        app.provision("dev", only=LOGS, **where)
        Faults(session, ("logs:DeleteLogGroup", 1), "kill after")
        with pytest.raises(Killed):
            app.teardown("dev", **where)
        assert not _doubt(where).empty
        assert not app.teardown("dev", **where).doomed
        assert _doubt(where).empty
        assert not app.open_site(app.Settings("dev", **where)).state.entries


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


def _begin(address: str, verb: str = "update", **more: Any) -> dict[str, Any]:
    given = {"kind": "some", "target": None, "pre": None, "id": f"{address}-id", "was": None}
    return {"event": "begin", "address": address, "verb": verb, **given, **more}


def _done(address: str, name: str, verb: str = "create", applied: Any = None, needs: tuple[str, ...] = ()) -> Any:
    entry = {"address": address, "kind": "some", "id": name, "applied": applied, "needs": needs, "created": ""}
    return {"event": "done", "address": address, "verb": verb, "entry": entry}


NEW = [_begin("a/new", "create", id=None), _done("a/new", "new-1")]
REVISED = [_begin("a/task", id="arn:task:5", wrote={}), _done("a/task", "arn:task:6", "update")]
SET = [_begin("a/set", pre={"uses": "old-1", "name": "set"}, wrote={"uses": "other"})]
USER = [_begin("b/user", wrote={})]
BUILT: Mapping[str, tuple[list[Any], list[Any], tuple[str, str] | None]] = {
    "nothing of it": ([*NEW, *SET], [*USER, _done("b/user", "user-1", "update", {"uses": "new-12"})], None),
    "its address": (SET, [_begin("a/set", wrote={"name": "other"})], ("a/set", "a/set")),
    "the address that it had": (
        [_begin("a/now", "adopt", tagged="a/then")],
        [_begin("a/then", "create", id=None), _done("a/then", "then-1")],
        ("a/now", "a/then"),
    ),
    "a neighbour that made room": (
        [_begin("a/rule", "create", id=None), {**_begin("a/neighbour", pre={}), "event": "displaced"}],
        [_begin("a/neighbour", wrote={})],
        ("a/neighbour", "a/neighbour"),
    ),
    "its record": ([_begin("a/new", "create", id=None)], [_done("a/new", "new-1", "record")], ("a/new", "a/new")),
    "what it names": (NEW, [*USER, _done("b/user", "user-1", "update", {"uses": ["new-1"]})], ("a/new", "b/user")),
    "what was written to it": (NEW, [_begin("b/user", wrote={"uses": "new-1"})], ("a/new", "b/user")),
    "a new revision": (REVISED, [*USER, _done("b/user", "user-1", "update", "arn:task:6")], ("a/task", "b/user")),
    "the revision before it": (REVISED, [*USER, _done("b/user", "user-1", "update", "arn:task:5")], None),
    "an id that is not known": (
        NEW[:1],
        [*USER, _done("b/user", "user-1", "update", needs=("a/new",))],
        ("a/new", "b/user"),
    ),
    "a new id that is not known": (
        [_begin("a/task", wrote={}, renews=True)],
        [*USER, _done("b/user", "user-1", "update", needs=("a/task",))],
        ("a/task", "b/user"),
    ),
    "an id that stays": (
        [_begin("a/task", id="arn:set:5", wrote={}, renews=False)],
        [*USER, _done("b/user", "user-1", "update", needs=("a/task",))],
        None,
    ),
    "an update by an earlier version": (
        SET,
        [*USER, _done("b/user", "user-1", "update", needs=("a/set",))],
        ("a/set", "b/user"),
    ),
    "a create that was refused": (
        [NEW[0], {"event": "failed", "address": "a/new", "verb": "create", "doubtful": False}],
        [*USER, _done("b/user", "user-1", "update", needs=("a/new",))],
        None,
    ),
    "what it has replaced": (
        [_begin("a/group", "create", id=None, beside="old-1"), _done("a/group", "group-2")],
        [_begin("a/group/replaced", "delete", id="old-1")],
        ("a/group", "a/group/replaced"),
    ),
    "what it named before": (SET, [_begin("b/old", "delete", id="old-1")], ("a/set", "b/old")),
    "what it still names": (SET, [_begin("b/set", "delete", id="set")], None),
    "what was made anew by its name": (
        SET,
        [_begin("b/old", "delete", id="old-1"), _begin("b/old", "create", id=None), _done("b/old", "old-1")],
        None,
    ),
}


@pytest.mark.parametrize("which", BUILT)
@pytest.mark.parametrize("end", ["end", "settled"])
def test_what_a_later_run_of_a_part_has_built_on(which: str, end: str, tmp_path: Path) -> None:
    """One that did not end, or settles nothing, hinders no rollback; nor one that comes before."""
    first, then, expected = BUILT[which]
    records = Records(LocalBackend(tmp_path))
    records.backend.prepare()
    for run, operation, done, last in (
        ("1", "provision", then, end),
        ("2", "provision", [*first, _begin("c/other")], "stopped"),
        ("3", "reconcile", then, "end"),
        ("4", "provision", then, end),
    ):
        journal = Journal(records, run)
        journal.write("run", operation=operation, selection={"phases": ["a", "b"], "addresses": []})
        for record in done:
            journal.write(**record)
        if run == "4":
            assert not unfinished(records).built_on
        journal.write(last)
    found = unfinished(records)
    assert found.runs == ["2"]
    assert found.built_on == ({expected[0]: ("4", expected[1])} if expected else {})


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
