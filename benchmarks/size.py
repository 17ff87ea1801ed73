"""A large environment, all of it: provisioned, planned, compared and removed in a sandbox of its own.

Each operation runs in a process of its own, and so does the emulated AWS: what the tool takes is told apart exactly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate import beyond_aws, write
from benchmarks.memory import peak
from reptiops import app
from reptiops.sandbox import control

OPERATIONS = ("provision", "plan", "drift", "teardown")
QUOTAS = ("fargate-vcpus", "rules-per-load-balancer", "target-groups-per-load-balancer")
STRICTNESS = control.Strictness(clock=0, quotas=tuple((name, 100_000) for name in QUOTAS))


@dataclass
class Step:
    """One operation: calls, CPU seconds of the tool (botocore included) and of the emulator, wall clock.

    `memory` is the peak of the tool's process in MB, `kept` what state and journals take on the disk in bytes.
    """

    operation: str
    resources: int
    calls: int
    tool: float
    emulator: float
    wall: float
    memory: float
    kept: int


def run(services: int, *, remove: bool = True) -> list[Step]:
    """Every operation at one size."""
    found: list[Step] = []
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write(root / "config", services)
        sandbox = control.start(root / "sandbox", STRICTNESS)
        try:
            resources = 0
            for operation in OPERATIONS if remove else OPERATIONS[:-1]:
                before = _cpu(sandbox.pid)
                found.append(_apart(operation, services, root, resources))
                found[-1].emulator = _cpu(sandbox.pid) - before
                resources = found[-1].resources
                sys.stderr.write(f"{services} services, {found[-1]}\n")
        finally:
            control.stop(root / "sandbox")
    return found


def _apart(operation: str, services: int, root: Path, resources: int) -> Step:
    """One operation in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.size", operation, str(services), str(root), str(resources)]
    where = {**os.environ, "REPTIOPS_SANDBOX_DIR": str(root / "sandbox")}
    answer = subprocess.run(command, env=where, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Step(**json.loads(answer))


def _cpu(pid: int) -> float:
    """CPU seconds of another process so far; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def act(operation: str, services: int, root: Path, resources: int) -> Step:
    """The operation itself, and what it took here. SystemExit where it did not end as it has to."""
    beyond_aws(services)
    where: dict[str, Any] = {"sandbox": True, "state_dir": root / "state", "config_dir": root / "config"}
    session = app.site.session_of(app.Settings("dev", sandbox=True))[0]
    calls = [0]

    def count(**_: Any) -> None:
        calls[0] += 1

    session._session.register("before-call", count)
    doing: dict[str, Callable[..., Any]] = {
        "provision": app.provision,
        "plan": app.plan,
        "drift": app.drift,
        "teardown": app.teardown,
    }
    cpu, wall = time.process_time(), time.perf_counter()
    answer = doing[operation]("dev", session=session, **where)
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    left = {"plan": "changes", "drift": "findings", "teardown": "left"}.get(operation)
    if left and getattr(answer, left):
        raise SystemExit(f"{services} services: {operation} has {getattr(answer, left)[:3]}")
    made = len(answer.live) if operation == "provision" else resources
    kept = sum(file.stat().st_size for file in (root / "state").rglob("*") if file.is_file())
    return Step(operation, made, calls[0], spent, 0.0, took, peak(), kept)


def main(given: list[str]) -> None:
    """`python -m benchmarks.size SERVICES [keep]`; with an operation in front it is one of the processes above."""
    if given[0] in OPERATIONS:
        step = act(given[0], int(given[1]), Path(given[2]), int(given[3]))
        sys.stdout.write(json.dumps(asdict(step)))
        return
    for step in run(int(given[0]), remove="keep" not in given):
        sys.stdout.write(f"{step}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
