"""What nobody declares any more is looked at right before it is deleted: nobody agreed to lose what has come since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.testing import mocked_aws
from tests.faults import Faults
from tests.small import small_config

SPARE, SECRET, GROUP = "storage/bucket/spare", "database/redis_secret", "compute/log_group/repti-more"
ONLY = (SPARE, SECRET, GROUP, "storage/bucket/assets")
BUCKET, LOGS = "reptidex-dev-spare", "/ecs/dev/repti-more"
MORE = (
    ("    uploads:\n", "    spare: {versioning: false}\n    uploads:\n"),
    ("auth_token: false", "auth_token: true"),
    ("encryption_in_transit: false", "encryption_in_transit: true"),
    ("    repti-core:", "    repti-more: {kind: backend, hosts: [more-dev.reptidex.com]}\n    repti-core:"),
)


@dataclass
class World:
    """An environment whose configuration no longer has a bucket, a secret and a log group."""

    session: Any
    path: Path

    def provision(
        self, meanwhile: Callable[[Any], None], at: tuple[str, int] = ("before-call.s3.CreateBucket", 1), **more: Any
    ) -> app.Outcome:
        """Something happens to them meanwhile, if nothing else is said while another bucket is being made."""
        seen: list[str] = []

        def happens(**_: Any) -> None:
            seen.append("once")
            if len(seen) == at[1]:
                meanwhile(self.session)

        self.session.events.register(at[0], happens)
        where = {"session": self.session, "state_dir": self.path / "state", "config_dir": self.path / "new"}
        try:
            return app.provision("dev", only=ONLY, allow_replace=True, **where, **more)
        finally:
            assert len(seen) >= at[1]

    def left(self) -> tuple[bool, bool, bool]:
        """Whether the bucket, the secret and the log group are there."""
        buckets = [one["Name"] for one in self.session.client("s3").list_buckets()["Buckets"]]
        groups = self.session.client("logs").describe_log_groups(logGroupNamePrefix=LOGS)["logGroups"]
        return BUCKET in buckets, bool(self.session.client("secretsmanager").list_secrets()["SecretList"]), bool(groups)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        app.provision("dev", only=ONLY[:3], config_dir=small_config(tmp_path / "old", *MORE), **where)
        small_config(tmp_path / "new")
        world = World(session, tmp_path)
        assert world.left() == (True, True, True)
        yield world


def _nothing(_: Any) -> None:
    """As it was."""


def _fill(session: Any) -> None:
    session.client("s3").put_object(Bucket=BUCKET, Key="theirs", Body=b"x")


def _write(session: Any) -> None:
    session.client("logs").create_log_stream(logGroupName=LOGS, logStreamName="theirs")


def _open(session: Any) -> None:
    session.client("s3").delete_public_access_block(Bucket=BUCKET)


def _describe(session: Any) -> None:
    secrets = session.client("secretsmanager")
    (one,) = secrets.list_secrets()["SecretList"]
    secrets.update_secret(SecretId=one["ARN"], Description="theirs")


def _rotate(session: Any) -> None:
    secrets = session.client("secretsmanager")
    (one,) = secrets.list_secrets()["SecretList"]
    secrets.put_secret_value(SecretId=one["ARN"], SecretString="theirs")


@pytest.mark.parametrize("before", [_nothing, _fill])
def test_what_is_as_the_plan_showed_it_goes(world: World, before: Callable[[Any], None]) -> None:
    """What was in it already is in the plan as lost."""
    before(world.session)
    assert not world.provision(_nothing).left
    assert world.left() == (False, False, False)


@pytest.mark.parametrize(
    ("meanwhile", "address", "why"),
    [
        (_fill, SPARE, "it holds objects, which it did not before"),
        (_open, SPARE, "somebody changed public_access_blocked"),
        (_describe, SECRET, "somebody changed description"),
        (_rotate, SECRET, r"somebody changed what it holds \(version "),
        (_write, GROUP, "it holds logs, which it did not before"),
    ],
)
def test_what_was_filled_or_changed_since_is_left(
    world: World, meanwhile: Callable[[Any], None], address: str, why: str
) -> None:
    """Its deletion is not asked for, and the run has failed."""
    faults = Faults(world.session)
    with pytest.raises(app.ProvisionFailed, match=rf"{address} \(.*\): {why}.* left alone: plan again"):
        world.provision(meanwhile, on_failure="keep")
    assert world.left() == (True, True, True), "what goes for good goes only when all may go"
    asked = ("s3:DeleteBucket", "secretsmanager:DeleteSecret", "logs:DeleteLogGroup")
    assert not [one for one in asked if faults.writes[one]]
    if meanwhile is _fill:
        assert world.session.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_what_is_filled_while_somebody_reads_the_plan_is_left(world: World) -> None:
    def read(_: Any) -> bool:
        _fill(world.session)
        return True

    with pytest.raises(app.ProvisionFailed, match="it holds objects, which it did not before this run"):
        world.provision(_nothing, approve=read, on_failure="keep")
    assert world.left() == (True, True, True)


def test_a_secret_that_gets_a_value_while_somebody_reads_for_long_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so long AWS is looked at again: what was shown, and not what is there now, is what somebody agreed to."""
    monkeypatch.setattr("reptiops.app.provisioning.STALE", -1.0)

    def read(_: Any) -> bool:
        _rotate(world.session)
        return True

    with pytest.raises(app.Refused, match="AWS has moved since this plan was shown"):
        world.provision(_nothing, ("before-call.secretsmanager.PutSecretValue", 1), approve=read)
    assert world.left() == (True, True, True)


def test_a_kept_plan_does_not_hold_for_another_value_of_a_secret(world: World) -> None:
    where: dict[str, Any] = {
        "session": world.session,
        "state_dir": world.path / "state",
        "config_dir": world.path / "new",
    }
    _, kept = app.documented_plan("dev", only=ONLY, **where)
    _rotate(world.session)
    with pytest.raises(app.PlanMoved, match="database/redis_secret: what it holds is another now"):
        app.provision("dev", kept=kept, allow_replace=True, **where)
    assert world.left() == (True, True, True)


def test_what_is_filled_when_all_has_been_looked_at_is_left_too(world: World) -> None:
    """Its turn comes later: it is listed when the run begins, before anything goes, and in its turn."""
    with pytest.raises(app.ProvisionFailed, match="it holds objects, which it did not before"):
        world.provision(_fill, ("after-call.s3.ListObjectVersions", 2), on_failure="keep")
    assert world.left() == (True, False, False)
    assert world.session.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_a_rollback_has_lost_nothing(world: World) -> None:
    with pytest.raises(app.ProvisionFailed) as failed:
        world.provision(_fill)
    assert failed.value.undone is not None
    assert failed.value.undone.complete, failed.value
    assert world.left() == (True, True, True)
    assert world.session.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
