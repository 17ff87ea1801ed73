"""What is known to stay or is gone for good keeps no rollback from ending; what replaced it is not taken away as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults, Killed
from tests.skipping import Skipping
from tests.small import SERVICES, small_config

PERSON = ("emails: []", "emails: [a@example.com]")
SUBSCRIPTION = "monitoring/subscription/a@example.com"
VERSIONS = ("    assets: {versioning: false}", "    assets: {versioning: true}")


@pytest.fixture
def where(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The small environment, in sync."""
    with mocked_aws() as session:
        where = {"session": session, "state_dir": tmp_path / "state", "clock": Skipping()}
        provision(images=SERVICES, config_dir=small_config(tmp_path / "before"), **where)
        yield where


def killed(where: dict[str, Any], point: str, *edits: tuple[str, str], how: str = "kill after", **more: Any) -> Any:
    """A provision of the edited configuration that is killed there; answers where its configuration is."""
    config = small_config(where["state_dir"].parent / "after", *edits)
    fault = Faults(where["session"], (point, 1), how)
    with pytest.raises(Killed):
        app.provision("dev", config_dir=config, **where, **more)
    assert fault.fired
    return {**where, "config_dir": config}


def ended(where: dict[str, Any]) -> app.Undone:
    """The rollback, which must leave nothing in doubt."""
    undone = app.roll_back("dev", **where)[1]
    assert app.in_doubt(app.open_site(app.Settings("dev", **where))).empty
    with pytest.raises(app.Refused, match="nothing in doubt"):
        app.roll_back("dev", **where)
    return undone


@pytest.mark.parametrize("what", ["a pending subscription", "versioning"])
def test_what_is_known_to_stay_is_named_and_the_rollback_has_ended(what: str, where: dict[str, Any]) -> None:
    if what == "versioning":
        where = killed(where, "s3:PutBucketVersioning", VERSIONS)
    else:
        where = killed(where, "sns:Subscribe", PERSON)
    undone = ended(where)
    (told,) = undone.kept
    text = app.undone_text(undone, "dev")
    if what == "versioning":
        assert told.startswith("storage/bucket/assets (reptidex-dev-assets): versioning stays True, it was False: ")
    else:
        assert told.startswith(f"{SUBSCRIPTION} (")
        assert told.endswith("nobody has confirmed it, so nobody can end it; it goes with its topic")
    assert f"Was made by the run and stays:\n  {told}" in text
    assert text.startswith("Rolled back: AWS was read again and is as it was before, but for what is listed here.")
    assert "Once the cause is mended" not in text
    newest = app.history("dev", **where)[0]
    assert (newest.operation, newest.ending) == ("rollback", "ended")


LARGER = ("repti-core: {kind: backend, ", "repti-core: {kind: backend, cpu: 1024, memory: 2048, ")


FAILED = {"rolloutState": "FAILED", "rolloutStateReason": "CannotPullContainerError"}
DEPLOYING = {"rolloutState": "IN_PROGRESS", "rolloutStateReason": "in progress"}


def _shown(session: Any, deployment: dict[str, str], **more: Any) -> Callable[[], None]:
    """ECS says so of every service and its deployment; answers what ends that."""

    ended = Event()

    def shown(parsed: Any, **_: Any) -> None:
        for one in [] if ended.is_set() else parsed.get("services", [parsed.get("service", {})]):
            one |= more
            for each in one.get("deployments", []):
                each |= deployment

    session._session.register("after-call.ecs.DescribeServices", shown)
    return ended.set


def _failing(session: Any) -> None:
    """The image cannot be pulled: ECS gives every deployment up."""
    _shown(session, FAILED)


@pytest.mark.parametrize("before", [True, False], ids=["before", "since"])
def test_what_was_failing_before_the_run_is_as_it_was_when_it_fails_again(before: bool, where: dict[str, Any]) -> None:
    session = where["session"]
    if before:
        _failing(session)
    where = killed(where, "ecs:UpdateService", LARGER)
    if before:
        undone = ended(where)
        assert [one.split(" (")[0] for one in undone.failing if "repti-core" in one] == ["compute/service/repti-core"]
        text = app.undone_text(undone, "dev")
        assert "Is as it was before, and that was not well:\n  compute/service/" in text
        return
    _failing(session)
    with pytest.raises(
        app.RollbackIncomplete, match=r"compute/service/repti-core .* was set back, but it is deployment failed"
    ):
        app.roll_back("dev", **where)


@pytest.mark.parametrize("running", [1, 0])
def test_what_was_in_the_middle_of_a_change_before_the_run_may_not_fail_since(
    running: int, where: dict[str, Any]
) -> None:
    """A healthy deployment, or a service whose task was just starting: nothing was wrong with either."""
    session = where["session"]
    over = _shown(session, DEPLOYING) if running else _shown(session, {}, runningCount=0)
    where = killed(where, "ecs:UpdateService", LARGER)
    over()
    _failing(session)
    with pytest.raises(app.RollbackIncomplete, match=r"repti-core .* was set back, but it is deployment failed"):
        app.roll_back("dev", **where)


def test_what_had_no_task_before_the_run_is_waited_for_when_it_is_set_back(where: dict[str, Any]) -> None:
    session = where["session"]
    over = _shown(session, {}, runningCount=0)
    where = killed(where, "ecs:UpdateService", LARGER)
    waited = Event()

    class Starting(Skipping):
        """Its task runs once somebody has waited for it."""

        def sleep(self, seconds: float, stop: Event) -> None:
            super().sleep(seconds, stop)
            waited.set()
            over()

    undone = ended({**where, "clock": Starting()})
    assert waited.is_set()
    assert undone.failing == ()


GROWN = (
    ("instance_class: db.t4g.micro", "instance_class: db.t4g.small"),
    ("  storage_gb: 20", "  storage_gb: 95"),
    ("  max_storage_gb: 100", "  max_storage_gb: 200"),
)


def test_a_limit_of_growth_that_aws_no_longer_takes_keeps_nothing_else_from_going_back(where: dict[str, Any]) -> None:
    """Storage never shrinks, and the limit of before is less than a tenth above what is there by now."""
    where = killed(where, "rds:ModifyDBInstance", *GROWN)
    undone = ended(where)
    (has,) = where["session"].client("rds").describe_db_instances()["DBInstances"]
    assert (has["DBInstanceClass"], has["AllocatedStorage"], has["MaxAllocatedStorage"]) == ("db.t4g.micro", 95, 200)
    size, limit = [one.partition("): ")[2] for one in undone.kept if one.startswith("database/database (")]
    assert size == "storage_gb stays 95, it was 20: storage never shrinks"
    assert limit.startswith("max_storage_gb stays 200, it was 100: its storage is 95 GiB by now")
    here = {name: value for name, value in where.items() if name != "config_dir"}
    before = where["state_dir"].parent / "before"
    assert app.drift("dev", config_dir=before, **here).findings == (), "neither what stays nor what went back"


ZOO = (
    "    web-public: {kind: frontend, hosts: [dev.reptidex.com]}",
    "    web-public: {kind: frontend, hosts: [dev.reptidex.com]}\n"
    "    web-zoo: {kind: frontend, hosts: [zoo-dev.reptidex.com]}",
)


def test_what_a_killed_rollback_has_made_anew_is_nobody_elses(where: dict[str, Any], tmp_path: Path) -> None:
    """The rule that had gone is there again, under another id and with the priority of the one that took its place."""
    session = where["session"]
    provision(config_dir=small_config(tmp_path / "zoo", ZOO), **where)
    elb = session.client("elbv2")

    def rules() -> dict[str, tuple[str, str]]:
        found = (r for one in [Hand(session).listener(443)] for r in elb.describe_rules(ListenerArn=one)["Rules"])
        return {r["Conditions"][0]["Values"][0]: (r["Priority"], r["RuleArn"]) for r in found if not r["IsDefault"]}

    before = {host: priority for host, (priority, _) in rules().items()}
    where = killed(where, "elbv2:DeleteRule", allow_replace=True)
    Faults(session, ("elbv2:CreateRule", 1), "kill after")
    with pytest.raises(Killed):
        app.roll_back("dev", **where)
    zoo, core = (rules()[f"{one}-dev.reptidex.com"] for one in ("zoo", "api"))
    swapped = [{"RuleArn": zoo[1], "Priority": int(core[0])}, {"RuleArn": core[1], "Priority": int(zoo[0])}]
    elb.set_rule_priorities(RulePriorities=swapped)
    undone = ended(where)
    assert undone.theirs == ()
    assert {host: priority for host, (priority, _) in rules().items()} == before


TOKEN = (("  encryption_in_transit: false\n  auth_token: false", "  encryption_in_transit: true\n  auth_token: true"),)


def _cache(session: Any) -> list[dict[str, Any]]:
    return list(session.client("elasticache").describe_replication_groups()["ReplicationGroups"])


def _host(session: Any) -> tuple[str, str]:
    """Where the cache answers, and where the services look for it."""
    endpoint = _cache(session)[0]["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    return endpoint, session.client("ssm").get_parameter(Name="/reptidex/dev/redis/host")["Parameter"]["Value"]


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_a_cache_that_was_replaced_is_made_anew_or_its_successor_stays(used: bool, tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "clock": Skipping()}
        provision(images=SERVICES if used else (), config_dir=small_config(tmp_path / "before"), **where)
        assert _cache(session)[0]["TransitEncryptionEnabled"] is False
        (action,) = (
            one
            for one in app.plan("dev", **where, config_dir=small_config(tmp_path / "after", *TOKEN)).changes
            if one.address == "database/redis"
        )
        assert (action.verb, action.undoing.undo) == ("replace", "reversible with data loss")
        where = killed(where, "ssm:PutParameter", *TOKEN, allow_replace=True)
        assert _cache(session)[0]["TransitEncryptionEnabled"] is True
        undone = ended(where)
        assert _cache(session)[0]["TransitEncryptionEnabled"] is used
        endpoint, asked = _host(session)
        assert endpoint == asked
        made = [one.split(" (")[0] for one in (undone.lost if used else undone.anew) if "redis" in one]
        assert made == ["database/redis"]
        assert undone.complete, undone
