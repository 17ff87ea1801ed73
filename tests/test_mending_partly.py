"""A reconcile writes what was decided to be mended, and leaves AWS's value of every other field, over many kinds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.app.upkeep import observed
from reptiops.engine.finding import Finding
from reptiops.engine.plan import walk
from reptiops.engine.resource import Identity, Live
from reptiops.errors import ReptiopsError
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults
from tests.small import small_config

ALL_ASKED = "operation: reconcile\nrepair: {default: ask}\nbrake: {max_changes: 500, data: false}\n"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        state, config = tmp_path_factory.mktemp("state"), small_config(tmp_path_factory.mktemp("config"))
        provision(session, state, "dev", config_dir=config, images=("repti-core", "web-public"))
        yield {"session": session, "state_dir": state, "config_dir": config}


@pytest.fixture
def hand(there: dict[str, Any]) -> Hand:
    return Hand(there["session"])


def _database(hand: Hand) -> dict[str, Any]:
    return dict(hand("rds").describe_db_instances()["DBInstances"][0])


def test_the_database_keeps_the_backups_that_are_only_reported(there: dict[str, Any], hand: Hand) -> None:
    change = {"BackupRetentionPeriod": 30, "PubliclyAccessible": True}
    hand("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **change)
    done = app.reconcile("dev", yes=True, **there)
    assert ([f.field for f in done.mended], [f.field for f, _ in done.left]) == (["public"], ["backup_days"])
    now = _database(hand)
    assert (now["PubliclyAccessible"], now["BackupRetentionPeriod"]) == (False, 30)
    assert done.exit_code == 3
    [deed] = app.explain("dev", **there).done
    assert deed.fields == ("public",), "what was sent, and nothing else"
    found = app.drift("dev", **there)
    assert [(f.field, f.applied, f.live) for f in found.findings] == [("backup_days", 7, 30)], "it stays drift"
    assert found.pending == ()
    back = {"BackupRetentionPeriod": 7}
    hand("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **back)
    assert app.drift("dev", **there).findings == ()


def test_a_rollback_leaves_what_was_left(there: dict[str, Any], hand: Hand) -> None:
    change = {"BackupRetentionPeriod": 30, "PubliclyAccessible": True}
    hand("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **change)
    hand.alarm("reptidex-dev-rds-cpu", Threshold=1.0, Period=60)
    Faults(there["session"], ("cloudwatch:PutMetricAlarm", 1))
    with pytest.raises(app.ProvisionFailed):
        app.reconcile("dev", yes=True, **there)
    assert (_database(hand)["PubliclyAccessible"], _database(hand)["BackupRetentionPeriod"]) == (True, 30)
    assert {f.field for f in app.drift("dev", **there).findings} == {"public", "backup_days", "period", "threshold"}
    back = {"BackupRetentionPeriod": 7}
    hand("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", ApplyImmediately=True, **back)
    assert app.reconcile("dev", yes=True, **there).exit_code == 0


def test_a_bucket_is_closed_and_keeps_its_versions_and_its_objects(there: dict[str, Any], hand: Hand) -> None:
    s3, name = hand("s3"), {"Bucket": "reptidex-dev-uploads"}
    kept = s3.get_bucket_lifecycle_configuration(**name)["Rules"]
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(**name, PublicAccessBlockConfiguration=dict.fromkeys(names, False))
    s3.put_bucket_versioning(**name, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_bucket_lifecycle(**name)
    done = app.reconcile("dev", **there)
    assert [f.field for f in done.mended] == ["public_access_blocked"]
    assert all(s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(**name)["Status"] == "Enabled"
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(**name)
    s3.put_bucket_versioning(**name, VersioningConfiguration={"Status": "Suspended"})
    s3.put_bucket_lifecycle_configuration(**name, LifecycleConfiguration={"Rules": kept})
    assert app.drift("dev", **there).findings == ()


# --- over many kinds -----------------------------------------------------------------------------------------------


def _with(**change: Any) -> Callable[[Any], Any]:
    return lambda value: dataclasses.replace(value, **change)


def _set(key: str, other: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, key: other}


def _each(other: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {key: other(one) for key, one in value.items()}


OTHERWISE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("name", "description", "comment", "value"), lambda _: "by hand"),
    "retention_days": lambda _: 7,
    "max_session_seconds": lambda value: value + 3600,
    "tag_mutability": lambda _: "IMMUTABLE",
    "insights": lambda _: "disabled",
    "instance_class": lambda _: "db.t4g.small",
    "node_type": lambda _: "cache.t4g.small",
    "monitoring_interval": lambda _: None,
    **dict.fromkeys(("port", "private_dns"), lambda _: None),
    "automatic_failover": lambda _: None,
    "nodes": lambda _: None,
    "periods": lambda value: value + 5,
    "period": lambda _: 60,
    "cpu": lambda _: None,
    "memory": lambda _: 1024,
    "containers": _each(lambda one: dataclasses.replace(one, environment={**one.environment, "BY": "hand"})),
    "attributes": lambda value: {k: {"30": "31", "DENY": "SAMEORIGIN"}.get(v, v) for k, v in value.items()},
    "health": _with(interval=60),
    "frame_options": lambda _: "SAMEORIGIN",
    "price_class": lambda _: "PriceClass_All",
    "default": _with(default_ttl=7),
    "lifecycle": _each(_with(abort_upload_days=99)),
    "routes": _set("192.168.0.0/16", ""),
    "enabled": lambda _: None,
    "actions": lambda _: frozenset(),
    "ok_actions": lambda _: frozenset(),
    "from_port": lambda value: value - 1,
}
"""Another value that AWS takes there; None: there is none. Truth values are turned round, numbers one more."""


def _otherwise(name: str, value: Any) -> Any:
    if name in OTHERWISE:
        found = OTHERWISE[name](value) if value is not None else None
        return None if found == value else found
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else None


def _differing(live: Live[Any]) -> Iterator[tuple[str, Any]]:
    """What somebody could make of it by hand, a field each."""
    for f in dataclasses.fields(live.has):
        if not any(f.metadata.get(m) for m in ("fixed", "secret", "local", "owner", "follows", "satisfied")):
            other = _otherwise(f.name, getattr(live.has, f.name))
            if other is not None:
                yield f.name, other


def _drifted(there: dict[str, Any]) -> dict[str, list[str]]:
    """Change two fields of one resource of each kind, as a person with the console would; answers which, by address."""
    site = app.open_site(app.Settings("dev", **there))
    _, matcher = observed(site)
    site.aws.read_only, seen, done = False, set(), {}
    for _, actions in walk(site.graph, site.given, matcher):
        for a in (a for a in actions if a.live is not None and not a.kind.existing and a.kind not in seen):
            live, named = a.live, []
            for name, other in _differing(live):
                live = dataclasses.replace(live, identity=Identity(a.address, site.names.tags))
                try:
                    changed = dataclasses.replace(live.has, **{name: other})
                    made = changed.update(site.aws, live, frozenset({name}))
                except (ClientError, ReptiopsError) as error:
                    print(f"{a.address} {name}: {error}")
                    continue
                live = dataclasses.replace(live, has=changed, id=made or live.id)
                named.append(name)
                if len(named) == 2:
                    break
            if a.kind.renewed and named:
                site.aws.ecs.update_service(
                    cluster=site.env.cluster_name, service=a.address.split("/")[-1], taskDefinition=live.id
                )
            if named:
                seen.add(a.kind)
                done[a.address] = named
    return done


def _values(found: tuple[Finding, ...]) -> dict[tuple[str, str], Any]:
    return {(f.address, f.field): f.live for f in found}


@pytest.mark.parametrize("mended", [0, 1])
def test_of_two_fields_one_is_mended_and_the_other_left(there: dict[str, Any], tmp_path: Path, mended: int) -> None:
    """Over many kinds at once; a fresh look says that nothing else was written."""
    (tmp_path / "reconcile.yaml").write_text(ALL_ASKED)
    mine = {**there, "playbook_dir": tmp_path}
    named = _drifted(there)
    before = app.drift("dev", **there)
    assert before.pending == ()
    both = {a for a, names in named.items() if len(names) == 2}
    assert len(both) >= 15, named
    chosen = {f for f in before.findings if f.field.split(".")[0] in named[f.address][mended : mended + 1]}
    assert Counter(f.address for f in chosen).keys() >= both
    done = app.reconcile("dev", ask=lambda f: f in chosen, **mine)
    assert set(done.mended) == chosen
    assert done.exit_code == 3
    after = app.drift("dev", **there)
    assert _values(after.findings) == _values(tuple(f for f in before.findings if f not in chosen))
    assert after.pending == ()
    assert app.reconcile("dev", yes=True, **mine).left == ()
    assert app.drift("dev", **there).findings == ()
    assert not app.plan("dev", **there).changes


def test_what_an_update_cannot_send_is_not_lost_by_mending_its_neighbour(
    there: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    """A revision, a rule of a listener and a rule of a bucket are written whole, without what reptiops never sets."""
    (tmp_path / "reconcile.yaml").write_text(ALL_ASKED)
    mine = {**there, "playbook_dir": tmp_path}
    hand.task("web-public", container={"user": "1000", "stopTimeout": 77})
    s3, name = hand("s3"), {"Bucket": "reptidex-dev-uploads"}
    rules = s3.get_bucket_lifecycle_configuration(**name)["Rules"]
    rules[0] |= {"Filter": {"Prefix": "tmp/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 99}}
    s3.put_bucket_lifecycle_configuration(**name, LifecycleConfiguration={"Rules": rules})
    found = app.drift("dev", **there).findings
    theirs = {f for f in found if f.field.endswith(".other")}
    assert len(theirs) == 2, found
    done = app.reconcile("dev", ask=lambda f: f not in theirs, **mine)
    assert done.mended == ()
    assert {f: "never sets" in why for f, why in done.left if f not in theirs} == {
        f: True for f in found if f not in theirs
    }
    assert app.drift("dev", **there).findings == found
    assert app.reconcile("dev", yes=True, **mine).left == ()
    assert app.drift("dev", **there).findings == ()
