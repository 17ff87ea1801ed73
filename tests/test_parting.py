"""What nobody declares any more is looked at right before it is deleted: nobody agreed to lose what has come since."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from reptiops import app, plandocument
from reptiops.config import load_environment
from reptiops.report import describe
from reptiops.report.summary import show_outcome
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

    def again(self, only: tuple[str, ...]) -> app.Outcome:
        """Once more, by somebody who has seen what is there now."""
        where: dict[str, Any] = {"session": self.session, "state_dir": self.path / "state"}
        return app.provision("dev", only=only, allow_replace=True, config_dir=self.path / "new", **where)

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
    """Its deletion is not asked for; the run does all the rest, and says so. Whoever agrees once more loses it."""
    faults = Faults(world.session)
    done = world.provision(meanwhile)
    (line,) = done.left
    assert re.match(rf"{address}: {why}.*: it was left alone", line), line
    assert done.left_alone == (address,)
    assert world.left() == tuple(one == address for one in (SPARE, SECRET, GROUP))
    asked = {SPARE: "s3:DeleteBucket", SECRET: "secretsmanager:DeleteSecret", GROUP: "logs:DeleteLogGroup"}
    assert not faults.writes[asked[address]]
    assert app.current("dev", session=world.session, state_dir=world.path / "state")[1].empty
    if meanwhile is _fill:
        assert world.session.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    assert not world.again(done.left_alone).left
    assert world.left() == (False, False, False)


def test_what_is_left_is_told_with_the_command_that_removes_it(world: World) -> None:
    done = world.provision(_fill)
    console = Console(file=StringIO(), width=200)
    show_outcome(console, load_environment("dev", world.path / "new"), done, {}, ())
    text = console.file.getvalue()
    assert f"not as wanted: {SPARE}: it holds objects, which it did not before: it was left alone" in text
    assert f"`reptiops provision dev --only {SPARE} --allow-replace`" in text
    assert describe.outcome(done)["left_alone"] == [SPARE]


def test_what_is_filled_while_somebody_reads_the_plan_is_left(world: World) -> None:
    def read(_: Any) -> bool:
        _fill(world.session)
        return True

    assert world.provision(_nothing, approve=read).left_alone == (SPARE,)
    assert world.left() == (True, False, False)


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


def _where(world: World) -> dict[str, Any]:
    return {"session": world.session, "state_dir": world.path / "state", "config_dir": world.path / "new"}


def _kept(world: World) -> plandocument.PlanDocument:
    """As it is read from a file again."""
    _, kept = app.documented_plan("dev", only=ONLY, **_where(world))
    return plandocument.PlanDocument.model_validate_json(plandocument.text(kept))


def test_a_kept_plan_does_not_hold_for_another_value_of_a_secret(world: World) -> None:
    kept = _kept(world)
    _rotate(world.session)
    with pytest.raises(app.PlanMoved, match="database/redis_secret: what it holds is another now"):
        app.provision("dev", kept=kept, allow_replace=True, **_where(world))
    assert world.left() == (True, True, True)


@pytest.mark.parametrize(("fill", "address", "what"), [(_fill, SPARE, "objects"), (_write, GROUP, "logs")])
def test_a_kept_plan_does_not_hold_for_what_was_empty_and_is_not(
    world: World, fill: Callable[[Any], None], address: str, what: str
) -> None:
    kept = _kept(world)
    fill(world.session)
    with pytest.raises(app.PlanMoved, match=f"{address}: it holds {what}, which it did not when the plan was made"):
        app.provision("dev", kept=kept, allow_replace=True, **_where(world))
    assert world.left() == (True, True, True)
    assert not app.provision("dev", kept=_kept(world), allow_replace=True, **_where(world)).left
    assert world.left() == (False, False, False), "what was in it already is in the plan as lost"


def test_a_kept_plan_says_what_it_found_empty(world: World) -> None:
    _fill(world.session)
    kept = _kept(world)
    assert {c.address: c.held for c in kept.changes if c.held is not None} == {
        SPARE: "it holds objects",
        GROUP: "",
    }
    assert plandocument.PlanDocument.model_validate_json(plandocument.text(kept)) == kept


def test_a_plan_of_an_earlier_version_does_not_know_what_was_empty(world: World, tmp_path: Path) -> None:
    """It is carried out as it says; from its beginning on what fills is left alone."""
    raw = json.loads(plandocument.text(_kept(world)))
    for change in raw["changes"]:
        del change["held"]
    (tmp_path / "old.plan").write_text(json.dumps(raw))
    _fill(world.session)
    kept = plandocument.read_plan(tmp_path / "old.plan")
    assert not app.provision("dev", kept=kept, allow_replace=True, **_where(world)).left
    assert world.left() == (False, False, False)


def test_who_may_only_plan_is_not_told_what_is_empty(world: World) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectVersions")

    world.session.events.register("before-call.s3.ListObjectVersions", denied)
    assert {c.address: c.held for c in _kept(world).changes if c.action == "delete"} == {
        SPARE: None,
        SECRET: None,
        GROUP: "",
    }


def test_what_is_filled_while_others_go_is_left_too(world: World) -> None:
    """It is listed before anybody is asked, and in its turn."""
    assert world.provision(_fill, ("before-call.s3.ListObjectVersions", 2)).left_alone == (SPARE,)
    assert world.left() == (True, False, False)
    assert world.session.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_what_somebody_else_has_deleted_is_not_told_as_left(world: World) -> None:
    def away(session: Any) -> None:
        session.client("s3").delete_bucket(Bucket=BUCKET)

    done = world.provision(away)
    assert (done.left, done.left_alone, world.left()) == ((), (), (False, False, False))
