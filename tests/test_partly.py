"""What goes back of a mapping in which others have set something since the run did: only what the run has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from reptiops import app
from reptiops.config import environment_file
from reptiops.engine.partly import taken_back
from reptiops.testing import mocked_aws

BUCKET = "reptidex-dev-uploads"
KEYS = st.sampled_from("abcd")
FLAT = st.dictionaries(KEYS, st.integers(0, 3))
NESTED = st.dictionaries(KEYS, st.one_of(st.integers(0, 2), st.dictionaries(KEYS, st.integers(0, 2))))
SETS = st.frozensets(st.integers(0, 6))


@given(before=NESTED, wrote=NESTED)
def test_undisturbed_it_is_as_before(before: Any, wrote: Any) -> None:
    assert taken_back(before, [wrote], wrote) == before


@given(before=NESTED, wrote=NESTED, now=NESTED)
def test_before_the_write_it_stays_so_and_twice_is_once(before: Any, wrote: Any, now: Any) -> None:
    assert taken_back(before, [wrote], before) == before
    once = taken_back(before, [wrote], now)
    assert taken_back(before, [wrote], once) == once
    assert taken_back(before, [], now) == before, "with nothing known of what was written it is as before"
    assert taken_back(before, [before], now) == now


@given(before=FLAT, wrote=st.lists(FLAT, min_size=1, max_size=3), now=FLAT)
def test_what_was_written_goes_back_and_all_else_stays(
    before: dict[str, int], wrote: list[dict[str, int]], now: dict[str, int]
) -> None:
    back = taken_back(before, wrote, now)
    for key in "abcd":
        written = any(one.get(key) != before.get(key) for one in wrote)
        assert back.get(key) == (before if written else now).get(key)


@given(before=SETS, wrote=SETS, now=SETS)
def test_members_that_were_added_go_and_those_that_were_removed_come_back(
    before: frozenset[int], wrote: frozenset[int], now: frozenset[int]
) -> None:
    back = taken_back(before, [wrote], now)
    for one in range(7):
        ours = (one in before) != (one in wrote)
        assert (one in back) == (one in (before if ours else now))


def _rule(name: str, days: int) -> dict[str, Any]:
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": "theirs/"}, "Expiration": {"Days": days}}


def _configured(root: Path) -> None:
    """Two configurations that differ in a lifecycle rule of the bucket."""
    text = environment_file("dev").read_text()
    for name, days in (("before", "30"), ("after", "60")):
        (root / name).mkdir()
        wanted = text.replace("{days: 30, to: STANDARD_IA}", f"{{days: {days}, to: STANDARD_IA}}")
        (root / name / "dev.yaml").write_text(wanted)


def _rules(s3: Any) -> dict[str, Any]:
    return {r["ID"]: r for r in s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}


def _add_rule(s3: Any) -> None:
    rules = [*_rules(s3).values(), _rule("theirs", 9)]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})


@pytest.mark.parametrize("how", ["rollback", "keep"])
def test_a_rule_that_another_adds_to_a_bucket_meanwhile_stays(how: Any, tmp_path: Path) -> None:
    _configured(tmp_path)
    with mocked_aws() as session:
        s3 = session.client("s3")
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "only": ("storage/bucket",)}

        app.provision("dev", config_dir=tmp_path / "before", **where)
        before, met = _rules(s3), list[dict[str, Any]]()

        def after(model: Any, **_: Any) -> None:
            """The change has taken effect, and before the run learns that it failed another adds a rule."""
            if met:
                return
            met.append(_rules(s3))
            _add_rule(s3)
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "injected"}}, model.name)

        session.events.register("after-call.s3.PutBucketLifecycleConfiguration", after)
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", config_dir=tmp_path / "after", on_failure=how, **where)
        del where["only"]
        undone = failed.value.undone or app.roll_back("dev", config_dir=tmp_path / "after", **where)[1]
        assert undone.complete, undone
        assert met != [before]
        assert _rules(s3) == {**before, "theirs": _rule("theirs", 9)}


def _of_an_earlier_version(journal: Path, *, killed: bool) -> None:
    """As versions wrote it that did not record what an update writes; and it did not end."""
    kept = []
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        record.pop("wrote", None)
        if record["event"] not in ("end", "settled", *(["done"] if killed else [])):
            kept.append(json.dumps(record))
    journal.write_text("\n".join(kept) + "\n")


@pytest.mark.parametrize("killed", [False, True])
def test_a_run_of_an_earlier_version_is_undone(killed: bool, tmp_path: Path) -> None:
    """Where its update has an end, what it wrote follows from what was applied; else all goes back to what was read."""
    _configured(tmp_path)
    with mocked_aws() as session:
        s3 = session.client("s3")
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        app.provision("dev", config_dir=tmp_path / "before", only=("storage/bucket",), **where)
        state, before, first = (
            tmp_path / "state" / "dev" / "state.json",
            _rules(s3),
            set(tmp_path.glob("state/dev/journal/*")),
        )
        kept = state.read_bytes()
        app.provision("dev", config_dir=tmp_path / "after", only=("storage/bucket",), **where)
        state.write_bytes(kept)
        (journal,) = set(tmp_path.glob("state/dev/journal/*")) - first
        assert '"wrote"' in journal.read_text()
        _of_an_earlier_version(journal, killed=killed)
        assert _rules(s3) != before
        _add_rule(s3)
        undone = app.roll_back("dev", config_dir=tmp_path / "after", **where)[1]
        assert undone.complete, undone
        assert _rules(s3) == (before if killed else {**before, "theirs": _rule("theirs", 9)})
        assert app.plan("dev", config_dir=tmp_path / "before", only=("storage/bucket",), **where).count("update") == (
            0 if killed else 1
        )
