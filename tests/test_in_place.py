"""What is deleted to be made anew is looked at right before: nobody agreed to lose what has changed since the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto.elasticache.models import elasticache_backends

from reptiops import app
from reptiops.engine.events import Event
from reptiops.testing import mocked_aws
from tests.small import small_config

UPLOADS, BOTH = ("storage/bucket/uploads",), ("storage/bucket/uploads", "storage/bucket/assets")
OLD, NEW = "reptidex-dev-uploads", "reptidex-dev-uploads-anew"
RENAMED = ("    uploads:\n", f"    uploads:\n      name: {NEW}\n")


def _fill(s3: Any) -> None:
    s3.put_object(Bucket=OLD, Key="theirs", Body=b"x")


def _open(s3: Any) -> None:
    s3.delete_public_access_block(Bucket=OLD)


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        app.provision("dev", only=UPLOADS, config_dir=small_config(tmp_path / "old"), **where)
        client = session.client("s3")
        client.rename = partial(_renamed, session, small_config(tmp_path / "new", RENAMED), tmp_path / "state")
        yield client


def _renamed(session: Any, config: Path, state: Path, meanwhile: Callable[[Any], None]) -> None:
    """The bucket gets another name; something happens to the old one while another bucket is being made."""
    begun: list[str] = []

    def happens(params: dict[str, Any], **_: Any) -> None:
        if not begun and params["context"]["input_params"]["Bucket"] == "reptidex-dev-assets":
            begun.append("once")
            meanwhile(session.client("s3"))

    session.events.register("before-call.s3.CreateBucket", happens)
    try:
        app.provision("dev", only=BOTH, allow_replace=True, session=session, state_dir=state, config_dir=config)
    finally:
        assert begun


def _names(s3: Any) -> list[str]:
    return sorted(one["Name"] for one in s3.list_buckets()["Buckets"])


def _nothing(s3: Any) -> None:
    """As it was."""


@pytest.mark.parametrize("before", [_nothing, _fill])
def test_what_is_as_the_plan_showed_it_is_made_anew(s3: Any, before: Callable[[Any], None]) -> None:
    """What was in it already is in the plan as lost."""
    before(s3)
    s3.rename(_nothing)
    assert _names(s3) == ["reptidex-dev-assets", NEW]


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [(_fill, "it holds objects, which it did not before"), (_open, "somebody changed public_access_blocked")],
)
def test_what_was_filled_or_changed_since_stops_the_run(s3: Any, meanwhile: Callable[[Any], None], why: str) -> None:
    with pytest.raises(app.ProvisionFailed, match=why):
        s3.rename(meanwhile)
    assert _names(s3) == [OLD]
    assert meanwhile is _open or s3.list_objects_v2(Bucket=OLD)["KeyCount"] == 1


CACHE = ("network", "security", "database/redis_subnet_group", "database/redis")
UNENCRYPTED = ("encryption_at_rest: true", "encryption_at_rest: false")


def test_a_cache_that_only_gets_older_meanwhile_was_not_filled(tmp_path: Path) -> None:
    """Of one made 50 minutes ago the hour passes during the run, after which it counts as in use."""
    with mocked_aws() as session:
        backends: Any = elasticache_backends
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "only": CACHE}
        app.provision("dev", config_dir=small_config(tmp_path / "old"), **where)
        (backend,) = (b for regions in backends.values() for b in regions.values() if b.replication_groups)
        (group,) = backend.replication_groups.values()
        made = group.replication_group_create_time

        def older(event: Event) -> None:
            if (event.word, event.address) == ("start", "database/redis"):
                group.replication_group_create_time = made - timedelta(minutes=61)

        group.replication_group_create_time = made - timedelta(minutes=50)
        config = small_config(tmp_path / "new", UNENCRYPTED)
        app.provision("dev", allow_replace=True, tell=older, config_dir=config, **where)
        (anew,) = session.client("elasticache").describe_replication_groups()["ReplicationGroups"]
        assert not anew["AtRestEncryptionEnabled"]
        assert group.replication_group_create_time < made
