"""Starting, finding and stopping the sandbox's server process. Neither moto nor boto3 is imported here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from reptiops.errors import ReptiopsError

START_LIMIT = 60.0
"""Seconds in which a server has to answer; loading the emulator takes a few on a small machine."""


class SandboxError(ReptiopsError):
    """The sandbox could not be started or stopped."""


@dataclass(frozen=True)
class Strictness:
    """How like AWS a new sandbox is. `clock`: the part of AWS's durations that things take; None: the usual one.

    `quotas`: (name, number) where they differ from a new account's.
    """

    lenient: bool = False
    clock: float | None = None
    quotas: tuple[tuple[str, int], ...] = ()

    def unlike(self, running: Status) -> tuple[str, ...]:
        """What was asked for and a running one has otherwise; what nobody asked for is as it is."""
        if running.clock is None:
            return ()  # it does not tell
        clock = self.clock if self.clock is not None else running.clock
        return (
            *([f"clock {running.clock:g} and not {clock:g}"] if running.clock != clock else []),
            *(["AWS's rules enforced"] if self.lenient and not running.lenient else []),
            *(
                f"quota {name}={running.quotas.get(name)} and not {number}"
                for name, number in self.quotas
                if running.quotas.get(name) != number
            ),
        )

    def typed(self) -> str:
        """As it is typed."""
        clock = [] if self.clock is None else [f"--clock {self.clock:g}"]
        quotas = (f"--quota {name}={number}" for name, number in self.quotas)
        return " ".join([*(["--lenient"] if self.lenient else []), *clock, *quotas])

    def options(self) -> list[str]:
        """For the server's command line. REPTIOPS_SANDBOX_CLOCK sets the clock where nobody names one."""
        clock = self.clock if self.clock is not None else os.environ.get("REPTIOPS_SANDBOX_CLOCK")
        return [
            *(["--lenient"] if self.lenient else []),
            *(["--clock", str(clock)] if clock is not None else []),
            *(f"--quota={name}={number}" for name, number in self.quotas),
        ]


@dataclass(frozen=True)
class Status:
    """Whether a sandbox runs, and where. `instance` names its world: another world has another."""

    running: bool
    endpoint: str = ""
    pid: int = 0
    account: str = ""
    region: str = ""
    started: str = ""
    instance: str = ""
    lenient: bool = False
    clock: float | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it, for `--json`."""
        return asdict(self)


def default_directory() -> Path:
    """Where the sandbox keeps its files, apart from real environments; REPTIOPS_SANDBOX_DIR moves it."""
    given = os.environ.get("REPTIOPS_SANDBOX_DIR")
    return Path(given) if given else Path(platformdirs.user_state_dir("reptiops")) / "sandbox"


def status(directory: Path) -> Status:
    """The sandbox of this directory. A server counts as running only if it answers with the recorded instance."""
    try:
        recorded = Status(**json.loads((directory / "sandbox.json").read_text()))
    except (OSError, ValueError, TypeError):
        return Status(running=False)
    return recorded if _instance(recorded.endpoint) == recorded.instance else Status(running=False)


def ensure(directory: Path) -> Status:
    """The running sandbox; started if there is none."""
    return start(directory)


def start(directory: Path, strictness: Strictness = Strictness(), port: int = 0) -> Status:
    """Start a server, or answer the one that runs. Two starters make one server.

    `port`: where it listens if nobody else does there; 0: anywhere. Raises SandboxError where the one that runs is not as
    it was asked for.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(directory / "sandbox.guard", timeout=START_LIMIT, mode=0o600):
        current = status(directory)
        if current.running:
            _refuse_other(current, strictness)
            return current
        (directory / "sandbox.json").unlink(missing_ok=True)
        log = os.open(directory / "sandbox.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "reptiops.sandbox.server", "--directory", str(directory)),
                f"--port={port}",
                *strictness.options(),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(),
        )
        os.close(log)
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            current = status(directory)
            if current.running:
                return current
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise SandboxError(f"the sandbox did not start; its log is {directory / 'sandbox.log'}:\n{_tail(directory)}")


def _refuse_other(running: Status, strictness: Strictness) -> None:
    unlike = strictness.unlike(running)
    if unlike:
        raise SandboxError(
            f"A sandbox runs already, with other settings: {', '.join(unlike)}. "
            f"`reptiops sandbox reset {strictness.typed()}` makes an empty one with these; its world goes with the old one."
        )


def stop(directory: Path) -> Status:
    """Stop the server and wait until it is gone. Its world goes with it."""
    current = status(directory)
    if current.running:
        os.kill(current.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while _alive(current.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _alive(current.pid):
            os.kill(current.pid, signal.SIGKILL)
    (directory / "sandbox.json").unlink(missing_ok=True)
    return status(directory)


def reset(directory: Path, strictness: Strictness = Strictness()) -> Status:
    """A new, empty world at the same endpoint, which somebody may have exported, unless another program took it."""
    before = status(directory)
    stop(directory)
    return start(directory, strictness, int(before.endpoint.rsplit(":", 1)[-1]) if before.running else 0)


def _environment() -> dict[str, str]:
    """The person's environment without anything of AWS: the server must not see real credentials."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}


def _instance(endpoint: str) -> str:
    if not endpoint.startswith("http://127.0.0.1:"):
        return ""
    try:
        with urllib.request.urlopen(f"{endpoint}/reptiops/instance", timeout=5) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return ""


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # if it is our child, it would otherwise stay as a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tail(directory: Path) -> str:
    try:
        return "\n".join((directory / "sandbox.log").read_text().splitlines()[-5:])
    except OSError:
        return "(no log)"
