"""`python -m benchmarks`: measure all, print it, and write docs/performance.md with its figure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import measure, size
from benchmarks.page import Measured, write

SIZES = (10, 100, 1000)
IN_THE_SANDBOX = (10, 100)
"""A thousand take the emulated AWS most of an hour: `python -m benchmarks.size 1000`."""


def main() -> None:
    """Sizes are measured in a process each, for the peak of memory is a process's own."""
    if sys.argv[1:2] == ["size"]:
        one = measure.size(int(sys.argv[2]))
        sys.stdout.write(repr(tuple(vars(one).values())))
        return
    sizes = []
    for services in SIZES:
        command = [sys.executable, "-m", "benchmarks", "size", str(services)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        sizes.append(measure.Size(*eval(answer)))  # our own repr of numbers
        sys.stderr.write(f"{services} services measured\n")
    found = Measured(
        {name: measure.environment(name) for name in ("dev", "prod")},
        measure.environment("dev", 0.08),
        {name: measure.critical_path(name) for name in ("dev", "prod")},
        sizes,
        {services: size.run(services) for services in IN_THE_SANDBOX},
        measure.profile("dev"),
    )
    write(Path(__file__).parents[1] / "docs", found)


if __name__ == "__main__":
    main()
