"""The lock: the same in a directory and in a bucket."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from reptiops.aws import Aws
from reptiops.engine import lock as locks
from reptiops.engine.backend import Backend, Conflict, LocalBackend, StateError
from reptiops.operations.s3_backend import s3_backend
from reptiops.operations.state_bucket import make_bucket
from reptiops.testing import mocked_aws


def test_one_run_at_a_time(backend: Backend) -> None:
    with locks.held(backend, "provision") as lock:
        lock.check()
        with pytest.raises(locks.Locked, match="provision by"):
            locks.acquire(backend, "teardown")
    assert locks.read(backend) is None


def _stored(backend: Backend, **changed: Any) -> None:
    lease = locks.read(backend)
    assert lease is not None
    backend.write(locks.LOCK, json.dumps({**vars(lease), **changed}).encode())


def test_a_lock_taken_by_another_refuses_the_next_write(backend: Backend) -> None:
    lock = locks.acquire(backend, "provision")
    _stored(backend, token="other")
    with pytest.raises(locks.LeaseLost):
        lock.check()
    lock.release()
    assert locks.read(backend) is not None, "another's lock was released"


def test_what_goes_wrong_with_the_lock_is_told_beside_results_and_not_among_them(tmp_path: Path) -> None:
    """In a process of its own: pytest takes log records for itself."""
    code = """
import sys
from pathlib import Path
from reptiops.engine import lock
from reptiops.engine.backend import LocalBackend
backend = LocalBackend(Path(sys.argv[1]))
backend.prepare()
with lock.held(backend, "provision"):
    backend.remove = None
    print("a result")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "state")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "a result\n"
    assert "the lock could not be given free, it ends by itself within" in done.stderr


def test_a_sleeper_past_its_lease_is_refused(backend: Backend) -> None:
    sleeper = locks.acquire(backend, "provision")
    _stored(backend, expires=0)  # it slept: nobody renewed
    with pytest.raises(locks.LeaseLost):
        sleeper.check()
    with locks.held(backend, "reconcile") as other:
        with pytest.raises(locks.LeaseLost):
            sleeper.check()
        sleeper.release()
        other.check()


def test_a_killed_run_of_this_machine_holds_nothing(backend: Backend) -> None:
    locks.acquire(backend, "provision")
    _stored(backend, pid=2**22 - 1)
    locks.acquire(backend, "provision").release()


def test_a_process_of_another_place_is_not_looked_for_here(backend: Backend) -> None:
    lock = locks.acquire(backend, "provision")
    for place in ("another boot 4026531836", ""):  # a container or machine of the same name; an earlier version's lease
        _stored(backend, pid=2**22 - 1, place=place)
        with pytest.raises(locks.Locked):
            locks.acquire(backend, "teardown")
        assert locks.holder(backend) is not None
    lock.check()


def test_leases_of_earlier_and_later_versions_are_read(backend: Backend) -> None:
    locks.acquire(backend, "provision")
    found = locks.read(backend)
    assert found is not None
    lease = vars(found)
    for document in ({**lease, "more": 1}, {k: v for k, v in lease.items() if k != "place"}):
        backend.write(locks.LOCK, json.dumps(document).encode())
        with pytest.raises(locks.Locked, match="provision by"):
            locks.acquire(backend, "teardown")


class Clock:
    """S3's answers to GetObject carry its time, as AWS's do and moto's in process do not."""

    later = timedelta()

    def __init__(self, session: Any):
        session.events.register("before-parse.s3.GetObject", self._tell)

    def _tell(self, response_dict: dict[str, Any], **_: Any) -> None:
        response_dict["headers"]["date"] = format_datetime(datetime.now(UTC) + self.later, usegmt=True)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_in_a_bucket_only_the_clock_of_s3_counts(minutes: int) -> None:
    with mocked_aws() as session:
        clock, aws = Clock(session), Aws(session, "us-east-1")
        make_bucket(aws, "reptidex-states", "dev")
        backend = s3_backend(aws, "reptidex-states", "", "dev")
        holder = locks.acquire(backend, "provision")
        skewed = datetime.now(UTC).timestamp() + locks.LEASE + minutes * 60
        _stored(backend, host="elsewhere", expires=skewed)
        holder.check()
        assert locks.holder(backend) is not None
        with pytest.raises(locks.Locked, match="on elsewhere"):
            locks.acquire(backend, "teardown")
        clock.later = timedelta(seconds=locks.LEASE + 2)
        assert locks.holder(backend) is None
        with pytest.raises(locks.LeaseLost):
            holder.check()
        locks.acquire(backend, "teardown")


def test_another_machines_lock_holds_until_it_expires(backend: Backend) -> None:
    locks.acquire(backend, "provision")
    _stored(backend, host="elsewhere", pid=1)
    with pytest.raises(locks.Locked, match="on elsewhere"):
        locks.acquire(backend, "provision")
    _stored(backend, expires=datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    locks.acquire(backend, "provision").release()


def test_a_truncated_lock_holds_nobody_up(backend: Backend) -> None:
    locks.acquire(backend, "provision")
    stored = backend.read(locks.LOCK)
    assert stored is not None
    backend.write(locks.LOCK, stored.data[:30])
    locks.acquire(backend, "provision").release()


def test_breaking_a_lock_open(backend: Backend) -> None:
    lock = locks.acquire(backend, "provision")
    lease = locks.read(backend)
    assert lease is not None
    assert not locks.break_open(backend, "another token")
    assert locks.break_open(backend, lease.token)
    with pytest.raises(locks.LeaseLost):
        lock.check()


def test_of_many_starters_one_wins(backend: Backend) -> None:
    for _ in range(10):
        won: list[locks.Lock] = []

        def start(won: list[locks.Lock] = won) -> None:
            try:
                won.append(locks.acquire(backend, "provision"))
            except locks.Locked:
                return

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        won[0].release()


class Losing(LocalBackend):
    """Every second answer to a write is lost, and the next attempt finds the first one's effect."""

    beats = 0

    def __init__(self, root: Path):
        super().__init__(root)
        self.beaten = threading.Event()

    def write(self, name: str, data: bytes, expected: str | None = "*") -> None:
        super().write(name, data, expected)
        self.beats += 1
        if self.beats == 4:
            self.beaten.set()
        if self.beats % 2 == 0:
            raise Conflict("written already")


def test_a_heartbeat_whose_answer_was_lost_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LEASE", 3.0)
    monkeypatch.setattr(locks, "BEATS", 100)
    backend = Losing(tmp_path)
    lock = locks.acquire(backend, "provision")
    assert backend.beaten.wait(10), "it stopped beating"
    lock.check()
    lock.release()


def test_a_lock_that_cannot_be_given_free_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LocalBackend(tmp_path)
    backend.prepare()

    def refused(*_: Any) -> None:
        raise StateError("out of reach")

    monkeypatch.setattr(backend, "remove", refused)
    with pytest.raises(ValueError, match="what went wrong"), locks.held(backend, "provision"):
        raise ValueError("what went wrong")
    with pytest.raises(locks.Locked):
        locks.acquire(backend, "provision")
