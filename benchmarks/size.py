"""A large environment, all of it: provisioned, planned, compared and removed in the emulated AWS inside this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate import beyond_aws, write
from benchmarks.profile import Emulator
from reptiops import app
from reptiops.testing import mocked_aws


@dataclass
class Step:
    """One operation: calls, CPU seconds of the tool (botocore included) and of the emulator, wall clock, bytes kept."""

    operation: str
    resources: int
    calls: int
    tool: float
    emulator: float
    wall: float
    kept: int


def run(services: int, *, remove: bool = True) -> list[Step]:
    """Every operation at one size."""
    beyond_aws(services)
    found: list[Step] = []
    with tempfile.TemporaryDirectory() as directory, mocked_aws(quotas={"fargate-vcpus": 100_000}) as session:
        root = Path(directory)
        where: dict[str, Any] = {
            "session": session,
            "state_dir": root / "state",
            "config_dir": write(root / "config", services),
        }
        doing: dict[str, Callable[[], Any]] = {
            "provision": lambda: app.provision("dev", **where),
            "plan": lambda: app.plan("dev", **where),
            "drift": lambda: app.drift("dev", **where),
            "teardown": lambda: app.teardown("dev", **where),
        }
        calls = [0]

        def count(**_: Any) -> None:
            calls[0] += 1

        session._session.register("before-call", count)
        for operation, act in doing.items():
            if operation == "teardown" and not remove:
                continue
            emulator, calls[0] = Emulator(), 0
            cpu, wall = time.process_time(), time.perf_counter()
            with emulator.measured():
                answer = act()
            spent, took = time.process_time() - cpu, time.perf_counter() - wall
            if operation == "plan" and answer.changes:
                raise SystemExit(f"{services} services: {len(answer.changes)} changes are left")
            if operation == "drift" and answer.findings:
                raise SystemExit(f"{services} services: {answer.findings[:3]}")
            if operation == "teardown" and answer.left:
                raise SystemExit(f"{services} services: left {answer.left[:3]}")
            if operation == "provision":
                resources = len(answer.live)
            kept = sum(file.stat().st_size for file in (root / "state").rglob("*") if file.is_file())
            found.append(Step(operation, resources, calls[0], spent - emulator.cpu, emulator.cpu, took, kept))
    return found


if __name__ == "__main__":
    import sys

    for step in run(int(sys.argv[1]), remove="keep" not in sys.argv):
        sys.stdout.write(f"{step}\n")
