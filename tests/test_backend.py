"""State and journal: the same in a directory and in a bucket."""

from __future__ import annotations

import json
import resource
import signal
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reptiops import app
from reptiops.aws import Aws
from reptiops.config import environment_file
from reptiops.engine import lock as locks
from reptiops.engine.backend import Backend, Conflict, LocalBackend, LocalLog, StateError
from reptiops.engine.state import Belongs, Entry, Journal, Records, State
from reptiops.errors import ReptiopsError
from reptiops.operations.s3_backend import S3Backend, s3_backend
from reptiops.operations.state_bucket import make_bucket
from reptiops.testing import mocked_aws

BELONGS = Belongs("dev", "123456789012", "us-east-1", "here")
BUCKET = "reptidex-states"


def _entry(number: int) -> Entry:
    return Entry(
        f"network/subnet/{number}", "ec2.Subnet", f"subnet-{number}", {"cidr": f"10.0.{number}.0/24"}, ("network/vpc",)
    )


def _filled(backend: Backend, count: int = 3) -> State:
    state = State(BELONGS, entries={_entry(n).address: _entry(n) for n in range(count)})
    Records(backend).save(state)
    return state


def test_what_is_saved_is_loaded(backend: Backend) -> None:
    state = _filled(backend)
    found = Records(backend).load(BELONGS)
    assert found.entries == state.entries
    assert (found.lineage, found.serial) == (state.lineage, 1)


def test_a_journal_goes_on_where_the_snapshot_ends(backend: Backend) -> None:
    _filled(backend, 1)
    journal = Journal(Records(backend), "20260101T000000")
    journal.write("begin", address="network/subnet/7", verb="create", kind="ec2.Subnet", pre=None)
    journal.write("done", address="network/subnet/7", verb="create", entry=vars(_entry(7)))
    journal.write("done", address="network/subnet/0", verb="delete", entry=None)
    for closed in (False, True):  # killed, or ended
        if closed:
            journal.close()
        assert set(Records(backend).load(BELONGS).entries) == {"network/subnet/7"}
    assert Records(backend).runs() == ["20260101T000000"]


def test_the_mark_changes_with_every_write(backend: Backend) -> None:
    records = Records(backend)
    marks = [records.mark()]
    journal = Journal(records, "20260101T000000")
    for number in range(3):
        journal.write("note", number=number)
        marks.append(records.mark())
    newer = Journal(records, "20260102T000000")
    newer.write("note", number=4)
    marks.append(records.mark())
    journal.write("note", number=5)  # the older one is not dead yet
    marks.append(records.mark())
    newer.close()
    assert records.mark() == marks[-1], "closing tells nothing new"
    _filled(backend)
    marks.append(records.mark())
    assert len(set(marks)) == len(marks)


def test_many_threads_write_one_journal(backend: Backend) -> None:
    journal = Journal(Records(backend), "20260101T000000")

    def write(thread: int) -> None:
        for number in range(20):
            journal.write("note", thread=thread, number=number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    records = list(Records(backend).records("20260101T000000"))
    for thread in range(8):
        assert [r["number"] for r in records if r["thread"] == thread] == list(range(20))


def test_two_runs_never_write_one_journal(backend: Backend) -> None:
    first = Journal(Records(backend), "20260101T000000")
    first.write("run")
    with pytest.raises(Conflict):
        Journal(Records(backend), "20260101T000000").write("run")


def test_a_change_in_a_long_journal_costs_no_copy_of_it(backend: Backend) -> None:
    log, long = backend.log("journal/long"), 20_000_000
    log.append(b"x" * long)
    tracemalloc.start()
    try:
        log.append(b"y")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < long / 4
    log.close()
    assert backend.read_log("journal/long") == b"x" * long + b"y"


def test_earlier_versions_are_kept(backend: Backend) -> None:
    state = _filled(backend)
    for _ in range(25):
        Records(backend).save(state)
    kept = backend.names("versions")
    assert len(kept) == 20
    last = backend.read(f"versions/{kept[-1]}")
    assert last is not None
    assert json.loads(last.data)["serial"] == state.serial - 1


def test_what_cannot_be_used_is_refused(backend: Backend) -> None:
    _filled(backend)
    with pytest.raises(StateError, match=r"belongs to something else .*account"):
        Records(backend).load(Belongs("dev", "999999999999", "us-east-1", "here"))
    stored = backend.read("state.json")
    assert stored is not None
    document = json.loads(stored.data)
    backend.write("state.json", json.dumps({**document, "version": 99, "more": {}}).encode())
    with pytest.raises(StateError, match="newer reptiops"):
        Records(backend).load(BELONGS)


def test_a_truncated_state_is_refused_wherever_it_was_cut(backend: Backend) -> None:
    _filled(backend, 20)
    stored = backend.read("state.json")
    assert stored is not None
    for length in range(0, len(stored.data) - 2, 100):
        backend.write("state.json", stored.data[:length])
        with pytest.raises(StateError, match="state rebuild dev"):
            Records(backend).load(BELONGS)


def test_a_closed_journal_cut_anywhere_is_read_as_far_as_it_goes(backend: Backend) -> None:
    journal = Journal(Records(backend), "20260101T000000")
    for number in range(12):
        journal.write("done", address=_entry(number).address, verb="create", entry=vars(_entry(number)))
    journal.close()
    whole = backend.read_log("journal/20260101T000000.jsonl")
    for length in range(0, len(whole), 100):
        backend.write("journal/20260101T000000.jsonl", whole[:length])
        found = Records(backend).load(BELONGS).entries
        assert list(found) == [_entry(n).address for n in range(len(found))]
        assert len(found) >= whole[:length].count(b"\n")


def test_a_journal_damaged_in_the_middle_is_refused_by_those_who_rely_on_it(backend: Backend) -> None:
    journal = Journal(Records(backend), "20260101T000000")
    for number in range(3):
        journal.write("done", address=_entry(number).address, verb="create", entry=vars(_entry(number)))
    journal.close()
    lines = backend.read_log("journal/20260101T000000.jsonl").splitlines(keepends=True)
    for damage in (b"\0\0\0\n", b"[]\n", lines[1][:40] + b"\n"):
        backend.write("journal/20260101T000000.jsonl", b"".join([lines[0], damage, lines[2]]))
        with pytest.raises(StateError, match=r"line 2, is damaged .*state rebuild"):
            Records(backend).load(BELONGS)
        assert len(list(Records(backend).records("20260101T000000", strict=False))) == 2


def test_what_is_no_state_at_all_is_refused(backend: Backend) -> None:
    for document in (b"null", b"[]", b"{}", b'{"version": 4, "terraform_version": "1.11"}', b'{"belongs": 1}'):
        backend.write("state.json", document)
        with pytest.raises(StateError, match=r"is damaged .*state rebuild dev"):
            Records(backend).load(BELONGS)


def test_a_state_made_anew_keeps_the_earlier_versions(backend: Backend) -> None:
    state = _filled(backend)
    Records(backend).save(state)
    Records(backend).save(state)
    before = backend.names("versions")
    anew = Records(backend).blank(BELONGS)
    Records(backend).save(anew)
    assert set(before) < set(backend.names("versions"))
    assert anew.serial > max(int(name.split(".")[0]) for name in before)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10_000))
def test_a_truncated_journal_loses_at_most_what_was_cut(cut: int, tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "dev")
    backend.prepare()
    path = backend.root / "journal" / "20260101T000000.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(Records(backend), "20260101T000000")
    for number in range(30):
        journal.write("done", address=_entry(number).address, verb="create", entry=vars(_entry(number)))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    found = Records(backend).load(BELONGS).entries
    lines = path.read_bytes().count(b"\n")
    assert lines <= len(found) <= lines + 1
    assert list(found) == [_entry(number).address for number in range(len(found))]


def test_conditional_writes(backend: Backend) -> None:
    backend.write("one", b"1", None)
    with pytest.raises(Conflict):
        backend.write("one", b"2", None)
    stored = backend.read("one")
    assert stored is not None
    backend.write("one", b"2", stored.version)
    with pytest.raises(Conflict):
        backend.write("one", b"3", stored.version)
    with pytest.raises(Conflict):
        backend.remove("one", stored.version)
    backend.remove("one")
    backend.remove("one")
    assert backend.read("one") is None
    with pytest.raises(Conflict):
        backend.write("one", b"4", stored.version)


# --- the directory ------------------------------------------------------------------------------------------------


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "dev")
    backend.prepare()
    _filled(backend)
    Journal(Records(backend), "20260101T000000").write("run")
    with locks.held(backend, "provision"):
        for path in (tmp_path / "dev").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o600 if path.is_file() else 0o700), path


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LocalLog(tmp_path / "one.jsonl")
    log.append(b'{"n": 1}\n')
    real = __import__("os").write
    monkeypatch.setattr("reptiops.engine.backend.os.write", lambda handle, data: real(handle, data[:3]))
    with pytest.raises(StateError, match="No space left"):
        log.append(b'{"n": 2}\n')
    monkeypatch.undo()
    log.append(b'{"n": 3}\n')
    assert (tmp_path / "one.jsonl").read_bytes() == b'{"n": 1}\n{"n": 3}\n'


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be made"):
        LocalBackend(tmp_path / "file" / "dev").prepare()


@contextmanager
def _full_at(size: int) -> Iterator[None]:
    """No file can grow beyond some bytes: the kernel answers as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)


def test_a_full_disk_leaves_the_state_before(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "dev")
    backend.prepare()
    state = _filled(backend, 3)
    files = {p: p.read_bytes() for p in (tmp_path / "dev").rglob("*") if p.is_file()}
    larger = State(BELONGS, state.lineage, state.serial, entries={_entry(n).address: _entry(n) for n in range(60)})
    for size in range(0, 4000, 400):
        with _full_at(size), pytest.raises(StateError, match="cannot be written"):
            Records(backend).save(larger)
        left = {p: p.read_bytes() for p in (tmp_path / "dev").rglob("*") if p.is_file() and "versions" not in p.parts}
        assert left == files, "something half-written is left"
        assert Records(backend).load(BELONGS).entries == state.entries


def test_a_disk_that_fills_up_stops_the_run_and_nothing_is_lost(tmp_path: Path) -> None:
    only = ("network/vpc", "network/public_subnet", "network/internet_gateway")
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "only": only}
        with _full_at(2500), pytest.raises(ReptiopsError, match="cannot be written"):
            app.provision("dev", **where)
        for journal in (tmp_path / "dev" / "journal").iterdir():
            assert journal.read_bytes().endswith(b"}\n"), "half a line"
        app.provision("dev", **where)
        assert not app.plan("dev", **where).changes
        vpcs = [v for v in session.client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]]
        assert len(vpcs) == 1, "a twin"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with mocked_aws() as session, pytest.raises(StateError, match=r"cannot be (made|written)"):
        app.provision("dev", session=session, state_dir=Path("/proc/reptiops"), only=("network/vpc",))


# --- the bucket ---------------------------------------------------------------------------------------------------


def test_the_bucket_is_made_properly() -> None:
    with mocked_aws() as session:
        aws = Aws(session, "us-east-1")
        make_bucket(aws, BUCKET, "states/dev")
        make_bucket(aws, BUCKET, "states/dev")  # again: nothing breaks
        s3 = session.client("s3", region_name="us-east-1")
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
        rule = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_a_bucket_that_is_not_there() -> None:
    with mocked_aws() as session:
        backend: S3Backend = s3_backend(Aws(session, "us-east-1"), "reptidex-nowhere", "", "dev")
        for act in (backend.prepare, lambda: backend.read("state.json"), lambda: backend.names("journal")):
            with pytest.raises(StateError, match="state init"):
                act()


def _owned_by(session: Any, owner: str) -> list[str]:
    """The bucket belongs to that account, and S3 keeps to the owner that is expected, as moto does not: it lets all in.

    Answers the operations on it as they are asked for, and whom they expect.
    """
    asked: list[str] = []

    def check(model: Any, params: Any, **_: Any) -> None:
        expected = params["headers"].get("x-amz-expected-bucket-owner", "")
        if f"/{BUCKET}" in params["url_path"] or BUCKET in params["url"]:
            asked.append(f"{model.name} {expected}")
            if expected not in ("", owner):
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, model.name)

    session.events.register("before-call.s3", check)
    return asked


def test_a_bucket_that_is_another_accounts_by_now_is_refused(tmp_path: Path) -> None:
    """Every call says whose the bucket has to be: a stranger who has taken its name gets no state to read or to write."""
    text = environment_file("dev").read_text()
    (tmp_path / "dev.yaml").write_text(text.replace("  backend: local", f"  backend: s3://{BUCKET}/states"))
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "config_dir": tmp_path, "only": ("network/vpc",)}
        make_bucket(Aws(session, "us-east-1"), BUCKET, "states/dev")
        asked = _owned_by(session, "123456789012")
        app.provision("dev", **where)
        assert {one.split()[0] for one in asked} >= {"GetObject", "PutObject", "DeleteObject", "ListObjectsV2"}
        assert {one.split()[1:] == ["123456789012"] for one in asked} == {True}, asked
        held = {one["Key"] for one in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
        stolen = boto3.Session("testing", "testing", "testing", region_name="us-east-1")
        _owned_by(stolen, "999999999999")
        with pytest.raises(StateError, match="does not belong to the account 123456789012"):
            app.provision("dev", **where | {"session": stolen})
        with pytest.raises(StateError, match="does not belong to the account 123456789012"):
            app.plan("dev", **where | {"session": stolen})
        assert {one["Key"] for one in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]} == held
