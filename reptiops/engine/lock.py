"""One run per environment: a lease in the state's backend, renewed by a heartbeat, with a token that is checked before each write.

A killed run's lease expires by itself. A machine that slept through its lease finds another token (or an expired
lease of its own) and is refused before it can write.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from getpass import getuser
from pathlib import Path

from reptiops.engine.backend import Backend, Conflict, Stored
from reptiops.engine.state import now
from reptiops.errors import ReptiopsError

LEASE = 60.0
"""Seconds for which a lease holds without a heartbeat; the heartbeat comes three times in it."""
BEATS = 3
LOCK = "lock.json"


def _warn(text: str, error: object) -> None:
    """To standard error: results go to the other one. structlog is loaded when there is something to log."""
    import structlog

    structlog.wrap_logger(structlog.PrintLogger(sys.stderr)).warning(text, error=str(error))


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
    place: str = ""
    """In which boot and PID namespace `pid` is a process; empty in a lease of an earlier version."""


def read(backend: Backend) -> Lease | None:
    """The lease as it stands, expired or not; None where nobody holds the environment."""
    return _parse(backend.read(LOCK))


def holder(backend: Backend) -> Lease | None:
    """The lease of the run that is at work; None where there is none, or only that of a run that was killed."""
    stored = backend.read(LOCK)
    lease = _parse(stored)
    return lease if lease is not None and _holds(stored, lease) and _alive(lease) else None


def _holds(stored: Stored | None, lease: Lease) -> bool:
    """Whether a lease has not run out: by the clock of the place where it is kept, for those of two machines may differ
    by minutes; else by our own.
    """
    if stored is not None and stored.age is not None:
        return stored.age <= LEASE
    return lease.expires >= time.time()


def _parse(stored: Stored | None) -> Lease | None:
    try:
        raw = json.loads(stored.data) if stored else None
        known = {one.name for one in fields(Lease)}  # a later version may write more
        return Lease(**{name: value for name, value in raw.items() if name in known}) if raw is not None else None
    except (ValueError, TypeError, AttributeError):
        return None  # cut off by a full disk: nobody can hold it


class Lock:
    """A held lease."""

    def __init__(self, backend: Backend, lease: Lease):
        self._backend, self._lease = backend, lease
        self._stopped = threading.Event()
        self._beat = threading.Thread(target=self._heartbeat, name="lock", daemon=True)
        self._beat.start()

    def check(self) -> None:
        """Refuse to go on if the lease has expired or somebody else has taken it."""
        if self._mine(self._backend.read(LOCK)) is None:
            raise LeaseLost(
                "this run lost its lock (the machine slept, or somebody unlocked it): nothing more is written"
            )

    def _mine(self, stored: Stored | None) -> str | None:
        """The version of the stored lease if it is ours and holds."""
        current = _parse(stored)
        if stored is None or current is None or current.token != self._lease.token or not _holds(stored, current):
            return None
        return stored.version

    def release(self) -> None:
        """Give the environment free, if it is still ours."""
        self._stopped.set()
        self._beat.join()
        stored = self._backend.read(LOCK)
        current = _parse(stored)
        if stored is not None and current is not None and current.token == self._lease.token:
            with contextlib.suppress(Conflict):  # taken over in this very moment: then it is not ours to give free
                self._backend.remove(LOCK, stored.version)

    def _heartbeat(self) -> None:
        pause = LEASE / BEATS
        while not self._stopped.wait(pause):
            pause = LEASE / BEATS
            try:
                version = self._mine(self._backend.read(LOCK))
                if version is None:
                    return  # lost: check() tells
                renewed = replace(self._lease, expires=time.time() + LEASE)
                self._backend.write(LOCK, _document(renewed), version)
                self._lease = renewed
            except Conflict:
                continue  # taken over, or ours already and only the answer was lost: the next look tells
            except Exception as error:  # out of reach for a moment: the lease is long enough for another try
                if self._lease.expires < time.time():
                    return  # it has run out meanwhile: check() tells
                pause = LEASE / BEATS / 10
                _warn("the lock could not be renewed, it is tried again", type(error).__name__)


def _document(lease: Lease) -> bytes:
    return json.dumps(asdict(lease)).encode()


def acquire(backend: Backend, operation: str) -> Lock:
    """Take the environment, or raise Locked saying who has it."""
    stored = backend.read(LOCK)
    current = _parse(stored)
    if current is not None and _holds(stored, current) and _alive(current):
        raise _locked(current)
    lease = Lease(
        secrets.token_hex(8),
        getuser(),
        socket.gethostname(),
        os.getpid(),
        now(),
        operation,
        time.time() + LEASE,
        _place(),
    )
    try:
        backend.write(LOCK, _document(lease), stored.version if stored else None)
    except Conflict:
        current = read(backend)
        if current is None or current.token != lease.token:  # else the first attempt's answer was lost
            raise _locked(current) from None
    return Lock(backend, lease)


def _locked(lease: Lease | None) -> Locked:
    if lease is None:
        return Locked("another run took this environment in the same moment: try again")
    return Locked(
        f"another run holds this environment: {lease.operation} by {lease.who} on {lease.host} "
        f"(process {lease.pid}) since {lease.since}. Wait for it; if it was killed, its lock ends by itself within "
        f"{LEASE:.0f} s, or see `reptiops unlock ENV`."
    )


def break_open(backend: Backend, token: str) -> bool:
    """Take the lease away from whoever has it, if it is still that one; the run that had it is refused its next write."""
    stored = backend.read(LOCK)
    current = _parse(stored)
    if stored is None or (current is not None and current.token != token):
        return False
    try:
        backend.remove(LOCK, stored.version)
    except Conflict:
        return False
    return True


def _place() -> str:
    """Where a process id means one and the same process: this boot of this machine, and this PID namespace of it.

    Containers may have the same host name, and so may two machines.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # not Linux: no containers of its own either, so the machine is enough
        return f"{uuid.getnode():x}"


def _alive(lease: Lease) -> bool:
    """A process of this very place that is gone holds nothing; of another place's we cannot know, so its lease has to end."""
    if lease.host != socket.gethostname() or not lease.place or lease.place != _place():
        return True
    try:
        os.kill(lease.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def held(backend: Backend, operation: str) -> Iterator[Lock]:
    """Hold the environment for the length of a block. A lock that cannot be given free ends by itself: no reason to fail."""
    lock = acquire(backend, operation)
    try:
        yield lock
    finally:
        try:
            lock.release()
        except Exception as error:  # such as a bucket that is out of reach: what the block says comes first
            _warn(f"the lock could not be given free, it ends by itself within {LEASE:.0f} s", error)
