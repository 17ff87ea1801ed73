"""Measuring: each function answers plain numbers."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.generate import beyond_aws, write
from benchmarks.memory import peak
from benchmarks.profile import Profile, profiled
from reptiops import app
from reptiops.aws import Aws
from reptiops.engine.backend import LocalBackend
from reptiops.engine.canonical import plain
from reptiops.engine.drift import find
from reptiops.engine.plan import Matcher, make, nobody
from reptiops.engine.state import Entry, Journal, Records
from reptiops.limits import Limits
from reptiops.testing import mocked_aws
from tests.simulated import Simulation

OPERATIONS = ("provision", "plan", "provision again", "drift", "teardown")


@dataclass
class Run:
    """One operation: wall clock and CPU in seconds, calls by service; polls, looks at what AWS is still making, apart."""

    wall: float
    cpu: float
    calls: Counter[str] = field(default_factory=Counter)
    polls: Counter[str] = field(default_factory=Counter)


def environment(name: str, latency: float = 0.0) -> dict[str, Run]:
    """Every operation on a shipped environment, in an AWS inside this process; `latency` seconds are added to each call."""
    found: dict[str, Run] = {}
    with mocked_aws() as session, tempfile.TemporaryDirectory() as directory:
        session._session.register("before-call", lambda **_: time.sleep(latency))
        where: dict[str, Any] = {"session": session, "state_dir": Path(directory)}
        doing: dict[str, Callable[[], Any]] = {
            "provision": lambda: app.provision(name, **where),
            "plan": lambda: app.plan(name, **where),
            "provision again": lambda: app.provision(name, **where),
            "drift": lambda: app.drift(name, **where),
            "teardown": lambda: app.teardown(name, allow_protected=True, **where),
        }
        for operation in OPERATIONS:
            wall, cpu = time.perf_counter(), time.process_time()
            with counted() as (calls, polls):
                doing[operation]()
            took, used = time.perf_counter() - wall, time.process_time() - cpu
            found[operation] = Run(took, used, _by_service(calls), _by_service(polls))
    return found


@contextmanager
def counted() -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Calls and polls, as the gate counts them, of all that is done meanwhile."""
    calls, polls = Counter[str](), Counter[str]()
    begin = Aws.__init__

    def begun(aws: Aws, *given: Any, **more: Any) -> None:
        begin(aws, *given, **more)
        aws.calls, aws.polls = calls, polls

    Aws.__init__ = begun  # type: ignore[method-assign]
    try:
        yield calls, polls
    finally:
        Aws.__init__ = begin  # type: ignore[method-assign]


def _by_service(counted: Counter[str]) -> Counter[str]:
    found = Counter[str]()
    for call, number in counted.items():
        found[call.partition(":")[0]] += number
    return found


STARTS = (("--help",), ("version",), ("validate", "dev"))
REPEATED = 11


def starts() -> dict[str, dict[str, float]]:
    """Seconds of commands that call no AWS, each in a process of its own as a person starts it: the median of eleven."""
    command = str(Path(sys.executable).with_name("reptiops"))
    found = {}
    for given in STARTS:
        took = []
        for _ in range(REPEATED):
            before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([command, *given], stdout=subprocess.DEVNULL, check=True)
            after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - wall
            took.append((seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
        walls, cpus = zip(*took, strict=True)
        found[" ".join(given)] = {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}
    return found


def profile(name: str) -> dict[str, Profile]:
    """Where CPU goes in a first provision and in a plan, whose start is warm: everything is loaded."""
    with mocked_aws() as session, tempfile.TemporaryDirectory() as directory:
        where: dict[str, Any] = {"session": session, "state_dir": Path(directory)}
        app.plan(name, **where)
        return {
            "provision": profiled(lambda: app.provision(name, **where)),
            "plan": profiled(lambda: app.plan(name, **where)),
        }


def critical_path(name: str) -> dict[str, tuple[float, float]]:
    """Simulated seconds of provision and teardown, and of AWS's own critical path."""
    simulation = Simulation(name)
    made, ideal = simulation.provision()
    gone, least = simulation.teardown()
    return {"provision": (made, ideal.seconds), "teardown": (gone, least.seconds)}


@dataclass
class Size:
    """The tool's own CPU seconds at one size, AWS's answers simulated; memory is the peak of the process in MB."""

    services: int
    resources: int
    cpu: dict[str, float]
    memory: float
    record: float
    """Bytes written for one change, on average."""
    snapshot: int
    """Bytes written once, when a run ends."""


def size(services: int) -> Size:
    """Everything that the tool does by itself, at one size."""
    beyond_aws(services)
    cpu: dict[str, float] = {}

    def timed(what: str, act: Callable[[], Any]) -> Any:
        started = time.process_time()
        answer = act()
        cpu[what] = time.process_time() - started
        return answer

    with tempfile.TemporaryDirectory() as directory:
        config = write(Path(directory) / "config", services)
        simulation: Simulation = timed("configuration and steps", lambda: Simulation("dev", config_dir=config))
        simulation.work.limits = Limits({})  # what waits for AWS's rates takes no CPU, but simulated time does
        timed("provision", simulation.provision)
        account, graph, given = simulation.account, simulation.graph, simulation.given
        state = simulation.work.state
        for kind in account.things:
            for one in account.live(kind):
                state.entries[one.id] = Entry(one.id, kind.kind(), one.id, plain(one.has))
        timed("plan", lambda: make(graph, given, account, state))  # type: ignore[arg-type]
        matcher = Matcher(account, graph.kinds(), state)  # type: ignore[arg-type]
        timed("drift", lambda: find(graph, given, matcher, state, nobody))
        records = Records(LocalBackend(Path(directory) / "state"))
        records.backend.prepare()
        record, snapshot = timed("journal and state", lambda: _kept(records, state))
        timed("teardown", simulation.teardown)
    return Size(services, len(state.entries), cpu, peak(), record, snapshot)


def _kept(records: Records, state: Any) -> tuple[float, int]:
    """A record for each resource, then the snapshot, written and read; answers the bytes of both."""
    root = Path(records.backend.root)  # type: ignore[attr-defined]
    journal = Journal(records, "20260101T000000.000000")
    for entry in state.entries.values():
        journal.write("done", address=entry.address, verb="create", entry=vars(entry))
    journal.close()
    written = _bytes(root)
    records.save(state)
    records.load(state.belongs)
    return written / len(state.entries), _bytes(root) - written


def _bytes(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
