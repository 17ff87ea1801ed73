"""Many kinds share one name, and others give some a new id: a rollback tells them apart all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sns.models import sns_backends

from reptiops import app
from reptiops.engine.resource import Live
from reptiops.errors import ReptiopsError
from reptiops.resources.elasticache import ReplicationGroup
from reptiops.resources.secretsmanager import Secret
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults, Killed
from tests.samples import World
from tests.skipping import Skipping
from tests.small import SERVICES, small_config
from tests.test_keeping import V43

NAME = "reptidex-dev"
TRAIL = ("cloudtrail:\n  enabled: false", "cloudtrail:\n  enabled: true")
SCALED = (
    "repti-core: {kind: backend, ",
    "repti-core: {kind: backend, scaling: {min: 1, max: 4, cpu: 65, memory: 65}, ",
)
PERSON = ("emails: []", "emails: [a@example.com]")


def _fails(session: Any, operation: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Once that call comes, something else happens first, and then it is denied."""
    done: list[str] = []

    def deny(model: Any, **_: Any) -> None:
        if not done:
            done.append(model.name)
            meanwhile()
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "injected"}}, model.name)

    session._session.register(f"before-call.{operation}", deny)


def _names(hand: Hand) -> dict[str, list[str]]:
    """What is there of the kinds that all have the environment's own name."""
    return {
        "database": [one["DBInstanceIdentifier"] for one in hand("rds").describe_db_instances()["DBInstances"]],
        "its subnets": [one["DBSubnetGroupName"] for one in hand("rds").describe_db_subnet_groups()["DBSubnetGroups"]],
        "cache": [
            one["ReplicationGroupId"] for one in hand("elasticache").describe_replication_groups()["ReplicationGroups"]
        ],
        "trail": [one["Name"] for one in hand("cloudtrail").describe_trails()["trailList"]],
        "dashboard": [one["DashboardName"] for one in hand("cloudwatch").list_dashboards()["DashboardEntries"]],
    }


@pytest.mark.parametrize("how", ["rollback", "keep"])
def test_what_has_the_name_of_the_database_does_not_stay_with_it(how: Any, tmp_path: Path) -> None:
    config = small_config(tmp_path / "config", TRAIL, SCALED)
    with mocked_aws() as session:
        hand = Hand(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "config_dir": config}
        _fails(session, "application-autoscaling.PutScalingPolicy")
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(images=SERVICES, on_failure=how, **where)
        if how == "keep":
            assert _names(hand)["trail"] == [NAME]
        undone = failed.value.undone or app.roll_back("dev", **where)[1]
        assert undone.complete, undone
        kept = {"database": [NAME], "its subnets": [NAME], "cache": [NAME], "trail": [], "dashboard": []}
        assert _names(hand) == kept, (
            "the services were up: what may hold data by now stays, and nothing else of its name"
        )
        told = {one.split(" ")[0] for one in undone.kept if f"({NAME})" in one}
        assert told == {
            f"database/{one}" for one in ("database", "database_subnet_group", "redis", "redis_subnet_group")
        }


def test_a_cache_that_has_run_for_hours_is_in_use() -> None:
    with mocked_aws():
        aws, cache = World().aws, ReplicationGroup(NAME)
        hours = [Live(NAME, cache, created=datetime.now(UTC) - timedelta(hours=n)) for n in (0, 49)]
        assert [cache.in_service(aws, one) for one in hours] == ["", "it has been running for 49 hours"]


def _confirmed(session: Any) -> None:
    """The addressee follows the link in the mail."""
    (backend,) = (b for regions in sns_backends.values() for b in regions.values() if b.subscriptions)
    for one in backend.subscriptions.values():
        one.confirmed_by_hand = True


@pytest.mark.parametrize("what", ["deployment", "confirmation"])
def test_what_others_do_elsewhere_meanwhile_is_not_of_the_run(what: str, tmp_path: Path) -> None:
    config = small_config(tmp_path / "before", SCALED, PERSON)
    larger = small_config(tmp_path / "after", (SCALED[0], f"{SCALED[1]}cpu: 1024, memory: 2048, "), PERSON)
    with mocked_aws() as session:
        hand = Hand(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        provision(images=SERVICES, config_dir=config, **where)
        deploys = {"deployment": lambda: hand.task("web-public", container={"image": V43})}
        act = deploys.get(what, lambda: _confirmed(session))
        _fails(session, "ecs.UpdateService", act)
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", config_dir=larger, **where)
        undone = failed.value.undone
        assert undone is not None
        assert undone.complete, undone
        assert not undone.theirs, "what the run has not touched is not worth a word"
        listed = session.client("sns").list_subscriptions()["Subscriptions"]
        if what == "confirmation":
            assert [one["SubscriptionArn"].startswith("arn:") for one in listed] == [True]


@pytest.mark.parametrize("how", ["rollback", "keep"])
def test_a_secret_that_a_run_took_back_is_not_lost_by_its_rollback(how: Any, tmp_path: Path) -> None:
    config = small_config(tmp_path / "config", ("recovery_days: 0 ", "recovery_days: 7 "))
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "config_dir": config}
        secrets, name, part = session.client("secretsmanager"), "reptidex/dev/database", ("database/database_secret",)
        provision(only=part, **where)
        before = secrets.get_secret_value(SecretId=name)["SecretString"]
        assert any("can be restored for 7 days" in one for one in app.teardown("dev", **where).kept)
        _fails(session, "rds.CreateDBSubnetGroup")
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", on_failure=how, **where)
        undone = failed.value.undone or app.roll_back("dev", **where)[1]
        assert undone.complete, undone
        (left,) = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
        assert left["Name"] == name
        assert left["DeletedDate"] > datetime.now(UTC) + timedelta(days=6), "in its window again"
        provision(only=part, **where)
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == before


def test_what_has_the_name_of_something_made_anew_is_not_set_back_for_it(tmp_path: Path) -> None:
    """The dashboard comes back under the name that the database has, too: the alarms over that one have nothing to do with it."""
    config = small_config(tmp_path / "before")
    without = small_config(tmp_path / "after", ("dashboard: true", "dashboard: false"))
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        provision(images=SERVICES, config_dir=config, **where)
        faults = Faults(session, ("cloudwatch:DeleteDashboards", 1), "kill after")
        with pytest.raises(Killed):
            app.provision("dev", config_dir=without, only=("monitoring/dashboard",), **where)
        assert faults.fired
        watch = session.client("cloudwatch")
        named = [
            one["AlarmName"]
            for one in watch.describe_alarms()["MetricAlarms"]
            if NAME in [dimension["Value"] for dimension in one["Dimensions"]]
        ]
        watch.delete_alarms(AlarmNames=named[:1])
        _, undone = app.roll_back("dev", config_dir=config, **where)
        assert named
        assert undone.complete, undone
        assert [one["DashboardName"] for one in watch.list_dashboards()["DashboardEntries"]] == [NAME]


@pytest.mark.parametrize("how", ["rollback", "keep"])
def test_a_secret_that_had_gone_when_it_was_to_be_taken_back_goes_for_good(how: Any, tmp_path: Path) -> None:
    """Its window ends between the create that it refuses and its restoration: it is made anew, and nobody needs that one."""
    config = small_config(tmp_path / "config", ("recovery_days: 0 ", "recovery_days: 7 "))
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "config_dir": config}
        secrets, ended = session.client("secretsmanager"), list[str]()
        provision(only=("database/database_secret",), **where)
        app.teardown("dev", **where)

        def end(**_: Any) -> None:
            if not ended:
                ended.append("reptidex/dev/database")
                secrets.delete_secret(SecretId=ended[0], ForceDeleteWithoutRecovery=True)

        session._session.register("before-call.secretsmanager.RestoreSecret", end)
        _fails(session, "rds.CreateDBSubnetGroup")
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", on_failure=how, clock=Skipping(), **where)
        assert ended
        undone = failed.value.undone or app.roll_back("dev", **where)[1]
        assert undone.complete, undone
        assert secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


def test_a_deleted_secret_of_others_is_not_taken_back() -> None:
    with mocked_aws():
        world = World()
        client, want = world.session.client("secretsmanager"), Secret("reptidex/dev/database", recovery_days=7)
        client.create_secret(Name=want.name, SecretString="theirs", Tags=[{"Key": "Project", "Value": "another"}])
        client.delete_secret(SecretId=want.name, RecoveryWindowInDays=7)
        with pytest.raises(ReptiopsError, match="not ours"):
            want.create(world.aws, world.identity("database/database_secret"))
        assert "DeletedDate" in client.describe_secret(SecretId=want.name)


@pytest.mark.parametrize("by", ["provision", "teardown"])
def test_a_secret_that_nobody_declares_any_more_goes_into_its_window(by: str, tmp_path: Path) -> None:
    token = ("auth_token: false", "auth_token: true"), ("encryption_in_transit: false", "encryption_in_transit: true")
    days, part = ("recovery_days: 0 ", "recovery_days: 7 "), ("database/redis_secret",)
    before = small_config(tmp_path / "before", days, *token)
    after = small_config(tmp_path / "after", days)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "config_dir": after}
        provision(only=part, **{**where, "config_dir": before})
        (action,) = app.plan("dev", only=part, **where).changes
        assert (action.verb, action.undoing.undo) == ("delete", "reversible with data loss")
        if by == "provision":
            app.provision("dev", only=part, allow_replace=True, **where)
        else:
            app.teardown("dev", **where)
        secret = session.client("secretsmanager").describe_secret(SecretId="reptidex/dev/redis")
        assert secret["DeletedDate"] > datetime.now(UTC) + timedelta(days=6)
