"""Runs that were kept are undone later, by another process; two runs at once make one environment; a sleeper is refused."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from reptiops import app
from reptiops.app import states
from reptiops.engine import lock as locks
from reptiops.engine.events import Event
from reptiops.engine.resource import ADDRESS_TAG
from reptiops.testing import REGION, mocked_aws, provision
from tests.faults import Faults, Killed
from tests.inventory import inventory
from tests.skipping import Skipping

ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway")


def test_a_failed_run_that_was_kept_is_undone_later(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        Faults(session, ("ecs:CreateCluster", 1))
        with pytest.raises(app.ProvisionFailed):
            provision(session, tmp_path, "dev", on_failure="keep")
        assert inventory(session) > before
        site = app.open_site(app.Settings("dev", session=session, state_dir=tmp_path))
        assert "network/vpc" in app.in_doubt(site).created
        app.roll_back("dev", session=session, state_dir=tmp_path)
        runs = app.history("dev", session=session, state_dir=tmp_path)
        assert [(run.operation, run.ending) for run in runs] == [("rollback", "ended"), ("provision", "failed")]
        assert runs[1].failures == ("compute/cluster: AccessDenied injected",)
        assert inventory(session) == before


def test_where_nobody_listens_any_more_a_run_ends_in_order(tmp_path: Path) -> None:
    def closed(event: Event) -> None:
        if event.word in ("start", "done", "failed"):
            raise SystemExit(1) if event.word == "start" else BrokenPipeError

    with mocked_aws() as session:
        before = inventory(session)
        Faults(session, ("ec2:CreateSubnet", 2))
        with pytest.raises(app.ProvisionFailed, match="injected") as failed:
            provision(session, tmp_path, "dev", only=ONLY, tell=closed)
        assert failed.value.undone is not None
        assert failed.value.undone.complete
        assert inventory(session) == before


def test_an_update_that_was_kept_is_set_back(tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text().replace("log_retention_days: 30", "log_retention_days: 60")
    (tmp_path / "dev.yaml").write_text(text.replace("idle_timeout_seconds: 60", "idle_timeout_seconds: 90"))
    with mocked_aws() as session:
        provision(session, tmp_path, "dev")
        before = inventory(session)
        Faults(session, ("logs:PutRetentionPolicy", 4))
        with pytest.raises(app.ProvisionFailed):
            provision(session, tmp_path, "dev", on_failure="keep", config_dir=tmp_path)
        app.roll_back("dev", session=session, state_dir=tmp_path)
        groups = session.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/dev/")["logGroups"]
        assert {g["retentionInDays"] for g in groups} == {30}
        assert inventory(session) == before
        assert not app.plan("dev", session=session, state_dir=tmp_path).changes


def _address_of(session: Any, bucket: str) -> str:
    tags = session.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    return next(t["Value"] for t in tags if t["Key"] == ADDRESS_TAG)


def test_a_renamed_address_gets_its_tag_and_gives_it_back(tmp_path: Path) -> None:
    bucket, old, new = "reptidex-dev-uploads", "storage/bucket/uploads", "storage/bucket/pictures"
    text = Path("config/dev.yaml").read_text().replace("    uploads:\n", f"    pictures:\n      name: {bucket}\n")
    (tmp_path / "dev.yaml").write_text(text.replace("[uploads]", "[pictures]"))
    with mocked_aws() as session:
        where: dict[str, Any] = {"state_dir": tmp_path, "only": ("storage/bucket",)}
        provision(session, tmp_path, "dev", only=("storage/bucket",))
        before = inventory(session)
        where |= {"config_dir": tmp_path, "session": session}
        (action,) = app.plan("dev", **where).changes
        assert (action.address, action.verb, action.undoing.undo) == (new, "update", "reversible")
        assert [(c.path, c.has, c.want) for c in action.changes] == [(ADDRESS_TAG, old, new)]
        fault = Faults(session, ("s3:PutBucketTagging", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", **where)
        assert fault.fired
        assert _address_of(session, bucket) == new
        app.roll_back("dev", session=session, state_dir=tmp_path, config_dir=tmp_path)
        assert _address_of(session, bucket) == old
        recorded = {e.address for e in states.entries("dev", session=session, state_dir=tmp_path)}
        assert old in recorded
        assert new not in recorded
        assert not app.plan("dev", session=session, state_dir=tmp_path, only=("storage/bucket",)).changes
        app.provision("dev", **where)
        assert _address_of(session, bucket) == new
        assert not app.plan("dev", **where).changes
        recorded = {e.address for e in states.entries("dev", session=session, state_dir=tmp_path)}
        assert (old in recorded, new in recorded) == (False, True)
        assert inventory(session) == before


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.proof)])
def test_two_provisions_at_once_make_one_environment(rounds: int, tmp_path: Path) -> None:
    ended: list[str] = []

    def run(session: Any) -> None:
        try:
            app.provision("dev", session=session, state_dir=tmp_path, only=ONLY)
            ended.append("done")
        except (locks.Locked, app.ApplyError, app.ProvisionFailed) as error:
            ended.append(type(error).__name__)

    with mocked_aws() as session:
        provision(session, tmp_path / "alone", "dev", only=ONLY)
        alone = len(inventory(session))
    for _ in range(rounds):
        with mocked_aws() as session:
            threads = [threading.Thread(target=run, args=(session,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if len(inventory(session)) != alone:
                run(session)
            assert len(inventory(session)) == alone
            app.teardown("dev", session=session, state_dir=tmp_path)
    assert set(ended) <= {"done", "Locked"}, ended


def _late(times: int) -> tuple[boto3.Session, list[int]]:
    """A session whose first looks at VPCs show none; and how many each of them has hidden."""
    session, hidden = boto3.Session("testing", "testing", "testing", region_name=REGION), list[int]()

    def lagging(parsed: Any, **_: Any) -> None:
        if len(hidden) < times:
            hidden.append(len(parsed["Vpcs"]))
            parsed["Vpcs"] = []

    session._session.register("after-call.ec2.DescribeVpcs", lagging)
    return session, hidden


def test_what_a_killed_run_made_is_looked_for_while_lists_lag(tmp_path: Path) -> None:
    """Killed after CreateVpc and begun again at once, while DescribeVpcs does not show it yet."""
    where: dict[str, Any] = {"state_dir": tmp_path, "only": ["network/vpc"]}
    with mocked_aws() as quiet:
        killed = boto3.Session("testing", "testing", "testing", region_name=REGION)
        faults = Faults(killed, ("ec2:CreateVpc", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", session=killed, **where)
        assert faults.fired
        again, hidden = _late(6)
        app.provision("dev", session=again, clock=Skipping(), **where)
        tagged = {"Name": "tag:reptiops:address", "Values": ["network/vpc"]}
        assert len(quiet.client("ec2").describe_vpcs(Filters=[tagged])["Vpcs"]) == 1
        assert len(hidden) == 6


def test_a_look_for_what_a_killed_run_made_rides_out_what_aws_does_not_answer(tmp_path: Path) -> None:
    where: dict[str, Any] = {"state_dir": tmp_path, "only": ["network/vpc"]}
    with mocked_aws() as quiet:
        killed = boto3.Session("testing", "testing", "testing", region_name=REGION)
        Faults(killed, ("ec2:CreateVpc", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", session=killed, **where)
        again, notes = boto3.Session("testing", "testing", "testing", region_name=REGION), list[str]()
        throttled: Any = {"Error": {"Code": "RequestLimitExceeded", "Message": "too fast"}}
        wrong = [EndpointConnectionError(endpoint_url="https://ec2"), ClientError(throttled, "DescribeVpcs")] * 8

        def away(**_: Any) -> None:
            if wrong:
                raise wrong.pop(0)

        again._session.register("before-call.ec2.DescribeVpcs", away)
        app.provision("dev", session=again, clock=Skipping(), tell=lambda event: notes.append(event.text), **where)
        assert not wrong
        first, then = [one for one in notes if one.startswith("AWS gave no answer")]
        assert first.startswith(
            "AWS gave no answer to a look, which is repeated for up to 600 s: EndpointConnectionError: "
        )
        assert then.startswith("AWS gave no answer for 60 s to a look"), "it is told once a minute, not each time"
        tagged = {"Name": "tag:reptiops:address", "Values": ["network/vpc"]}
        assert len(quiet.client("ec2").describe_vpcs(Filters=[tagged])["Vpcs"]) == 1


def test_a_rollback_looks_for_what_a_killed_run_made_while_lists_lag(tmp_path: Path) -> None:
    where: dict[str, Any] = {"state_dir": tmp_path}
    with mocked_aws() as quiet:
        killed = boto3.Session("testing", "testing", "testing", region_name=REGION)
        Faults(killed, ("ec2:CreateVpc", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", session=killed, only=["network/vpc"], **where)
        again, hidden = _late(7)
        _, undone = app.roll_back("dev", session=again, clock=Skipping(), **where)
        assert undone.complete
        assert len(hidden) == 7
        tagged = {"Name": "tag:reptiops:address", "Values": ["network/vpc"]}
        assert quiet.client("ec2").describe_vpcs(Filters=[tagged])["Vpcs"] == []


def test_a_teardown_looks_for_what_a_killed_run_made_while_lists_lag(tmp_path: Path) -> None:
    """It would end, settle all that was in doubt, and leave behind what nobody looks for any more."""
    where: dict[str, Any] = {"state_dir": tmp_path}
    with mocked_aws() as quiet:
        killed = boto3.Session("testing", "testing", "testing", region_name=REGION)
        app.provision("dev", session=killed, only=["compute/insights_log_group"], **where)
        Faults(killed, ("ec2:CreateVpc", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", session=killed, only=["network/vpc"], **where)
        again, hidden = _late(6)
        app.teardown("dev", session=again, clock=Skipping(), **where)
        assert len(hidden) == 6
        tagged = {"Name": "tag:reptiops:address", "Values": ["network/vpc"]}
        assert quiet.client("ec2").describe_vpcs(Filters=[tagged])["Vpcs"] == []
        assert app.in_doubt(app.open_site(app.Settings("dev", session=again, **where))).empty


def _an_hour_before(journal: Path, but: str) -> None:
    """As if all of a run were an hour old but these events."""
    lines = []
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record["event"] != but:
            at = datetime.fromisoformat(record["at"]) - timedelta(hours=1)
            record["at"] = at.isoformat(timespec="milliseconds")
        lines.append(json.dumps(record) + "\n")
    journal.write_text("".join(lines))


def test_a_create_is_looked_for_from_its_last_attempt_on(tmp_path: Path) -> None:
    """Begun long ago, answers lost, killed after the third attempt, and undone while DescribeVpcs does not show it yet."""
    where: dict[str, Any] = {"state_dir": tmp_path}
    with mocked_aws() as quiet:
        killed, asked = boto3.Session("testing", "testing", "testing", region_name=REGION), list[str]()

        def lost(model: Any, **_: Any) -> None:
            asked.append(model.name)
            if len(asked) < 3:
                raise ReadTimeoutError(endpoint_url="https://ec2")

        killed._session.register("before-call.ec2.CreateVpc", lost)
        Faults(killed, ("ec2:CreateVpc", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", session=killed, only=["network/vpc"], clock=Skipping(), **where)
        assert len(asked) == 3
        (journal,) = tmp_path.glob("dev/journal/*")
        _an_hour_before(journal, but="again")
        again, _ = _late(7)
        app.roll_back("dev", session=again, clock=Skipping(), **where)
        tagged = {"Name": "tag:reptiops:address", "Values": ["network/vpc"]}
        assert quiet.client("ec2").describe_vpcs(Filters=[tagged])["Vpcs"] == []


def test_a_sleeper_past_its_lease_writes_nothing(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        session = boto3.Session("testing", "testing", "testing", region_name="us-east-1")
        woken: list[str] = []

        def sleep(model: Any, **_: Any) -> None:
            if not woken and model.name == "CreateSubnet":  # meanwhile its lease ends, and another run takes over
                woken.append(model.name)
                file = tmp_path / "dev" / "lock.json"
                lease = json.loads(file.read_text())
                file.write_text(json.dumps({**lease, "token": "another's", "operation": "reconcile"}))

        session._session.register("before-call.ec2", sleep)
        with pytest.raises(app.ProvisionFailed, match="another run may hold the environment") as failed:
            app.provision("dev", session=session, state_dir=tmp_path, only=ONLY)
        assert failed.value.undone is None, "it must not even undo"
        written = (tmp_path / "dev" / "state.json").exists()
        assert not written, "it wrote the state of an environment that it no longer held"
        (tmp_path / "dev" / "lock.json").unlink()
        fresh = boto3.Session("testing", "testing", "testing", region_name="us-east-1")
        app.roll_back("dev", session=fresh, state_dir=tmp_path)
        assert inventory(fresh) == before
