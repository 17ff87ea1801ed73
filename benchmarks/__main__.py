"""`python -m benchmarks [--part PART]`: measure all of it, or parts, and write docs/performance.md with its figures.

What is measured is kept in benchmarks/results.json part by part, so that a run that is broken off has lost nothing, and
what other work on the machine disturbs can be measured again when it is quiet: that is only `wall`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import measure, results, size
from benchmarks.page import write

SIZES = (10, 100, 1000)


def _calls() -> Any:
    """Exact, whatever else the machine does."""
    return {name: measure.environment(name) for name in ("dev", "prod")}


def _wall() -> Any:
    """Seconds of dev, without and with latency, and of a start. Other work makes them longer."""
    seconds = {"0": measure.environment("dev"), "0.08": measure.environment("dev", 0.08)}
    return {"operations": seconds, "starts": measure.starts()}


def _waiting() -> Any:
    """Simulated seconds: exact."""
    return {name: measure.critical_path(name) for name in ("dev", "prod")}


def _size() -> Any:
    """CPU seconds. Each size in a process of its own, for the peak of memory is a process's own."""
    found = []
    for services in SIZES:
        command = [sys.executable, "-m", "benchmarks", "--one-size", str(services)]
        found.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
        sys.stderr.write(f"{services} services measured\n")
    return found


def _sandbox() -> Any:
    """CPU seconds, of the tool and of the emulated AWS apart."""
    return {services: size.run(services) for services in SIZES}


def _profile() -> Any:
    """CPU seconds by function."""
    return measure.profile("dev")


PARTS: Mapping[str, Callable[[], Any]] = {
    "calls": _calls,
    "waiting": _waiting,
    "size": _size,
    "sandbox": _sandbox,
    "profile": _profile,
    "wall": _wall,
}


def main() -> None:
    """Measure what was asked for, keep it, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this; may be repeated")
    parser.add_argument("--page", action="store_true", help="measure nothing, only write the page anew")
    parser.add_argument("--one-size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one_size:
        sys.stdout.write(json.dumps(vars(measure.size(given.one_size))))
        return
    for part in () if given.page else given.part or PARTS:
        sys.stderr.write(f"measuring: {part}\n")
        results.keep(part, PARTS[part]())
    write(Path(__file__).parents[1] / "docs", results.load())


if __name__ == "__main__":
    main()
