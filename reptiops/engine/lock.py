"""One run per environment: a lease in a file, renewed by a heartbeat, with a token that is checked before each write.

A killed run's lease expires by itself. A machine that slept through its lease finds another token (or an expired
lease of its own) and is refused before it can write.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from getpass import getuser
from pathlib import Path

from filelock import FileLock

from reptiops.engine.state import now
from reptiops.errors import ReptiopsError

LEASE = 60.0
"""Seconds for which a lease holds without a heartbeat; the heartbeat comes three times in it."""


class Locked(ReptiopsError):
    """Another run holds the environment."""

    exit_code = 4


class LeaseLost(ReptiopsError):
    """This run no longer holds the environment: it must not write any more."""


@dataclass(frozen=True)
class Lease:
    """Who holds the environment, and until when (seconds since the epoch)."""

    token: str
    who: str
    host: str
    pid: int
    since: str
    operation: str
    expires: float


def read(root: Path) -> Lease | None:
    """The lease as it stands, expired or not; None where nobody holds the environment."""
    try:
        return Lease(**json.loads((root / "lock.json").read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None  # cut off by a full disk: nobody can hold it


class Lock:
    """A held lease."""

    def __init__(self, root: Path, lease: Lease):
        self._root, self._lease = root, lease
        self._stopped = threading.Event()
        self._checked = 0.0
        self._beat = threading.Thread(target=self._heartbeat, name="lock", daemon=True)
        self._beat.start()

    def check(self) -> None:
        """Refuse to go on if the lease has expired or somebody else has taken it."""
        current = read(self._root)
        if current is None or current.token != self._lease.token or current.expires < time.time():
            raise LeaseLost(
                "this run lost its lock (the machine slept, or somebody unlocked it): nothing more is written"
            )

    def release(self) -> None:
        """Give the environment free, if it is still ours."""
        self._stopped.set()
        self._beat.join()
        with _guard(self._root):
            current = read(self._root)
            if current is not None and current.token == self._lease.token:
                (self._root / "lock.json").unlink(missing_ok=True)

    def _heartbeat(self) -> None:
        while not self._stopped.wait(LEASE / 3):
            with _guard(self._root):
                current = read(self._root)
                if current is None or current.token != self._lease.token or current.expires < time.time():
                    return  # lost: check() tells
                self._lease = Lease(**{**asdict(self._lease), "expires": time.time() + LEASE})
                _write(self._root, self._lease)


def _guard(root: Path) -> FileLock:
    return FileLock(root / "lock.guard", timeout=10, mode=0o600)


def _write(root: Path, lease: Lease) -> None:
    temporary = root / ".lock.json.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(lease), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, root / "lock.json")


def acquire(root: Path, operation: str) -> Lock:
    """Take the environment, or raise Locked saying who has it."""
    with _guard(root):
        current = read(root)
        if current is not None and current.expires >= time.time() and _alive(current):
            raise Locked(
                f"another run holds this environment: {current.operation} by {current.who} on {current.host} "
                f"(process {current.pid}) since {current.since}. Wait for it; if it was killed, its lock ends by itself "
                f"within {LEASE:.0f} s."
            )
        lease = Lease(
            secrets.token_hex(8), getuser(), socket.gethostname(), os.getpid(), now(), operation, time.time() + LEASE
        )
        _write(root, lease)
    return Lock(root, lease)


def _alive(lease: Lease) -> bool:
    """A process of this very machine that is gone holds nothing; of another machine's we cannot know."""
    if lease.host != socket.gethostname():
        return True
    try:
        os.kill(lease.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def held(root: Path, operation: str) -> Iterator[Lock]:
    """Hold the environment for the length of a block."""
    lock = acquire(root, operation)
    try:
        yield lock
    finally:
        lock.release()
