"""Enumerations that take long: each point's outcome is kept, so that they go on where they stopped, in parts.

REPTIOPS_PROOF_DIR is where outcomes are kept (`.proof`). REPTIOPS_SHARD=1/4 takes a part; REPTIOPS_PROOF_SECONDS begins
no further point after so long; REPTIOPS_POINT=NAME tries one point, whatever came of it before. What went wrong is
tried again the next time. `python -m tests.enumeration` prints how much of each was tried, and with what outcome.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.forks import in_fork

P = TypeVar("P")
STUCK = float(os.environ.get("REPTIOPS_PROOF_LIMIT", "300"))
"""Seconds after which a trial counts as stuck."""


@dataclass(frozen=True)
class Point:
    """Which write of a scenario, what happens there, and which way out is taken."""

    number: int
    how: str
    way: str

    def __str__(self) -> str:
        return f"{self.number}:{self.how}:{self.way}"


def place() -> Path:
    """The directory that outcomes are kept in."""
    return Path(os.environ.get("REPTIOPS_PROOF_DIR", ".proof")).absolute()


@dataclass(frozen=True)
class Outcomes:
    """What came of the points of one enumeration: by name what was wrong, nothing if all was well."""

    points: int
    tried: dict[str, list[str]]

    @property
    def wrong(self) -> list[str]:
        """One line for each thing that was wrong at the last try of a point."""
        return [f"{name}: {line}" for name, lines in self.tried.items() for line in lines]

    def __str__(self) -> str:
        bad = sum(bool(lines) for lines in self.tried.values())
        return f"{self.points} points, {len(self.tried)} tried, {bad} wrong"


def outcomes(name: str) -> Outcomes:
    """What is kept of an enumeration. A point's last try counts, and only points that it still has."""
    every, tried = set[str](), dict[str, list[str]]()
    for line in (place() / f"{name}.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "points" in record:
            every = set(record["points"])
        else:
            tried[record["point"]] = record["wrong"]
    return Outcomes(len(every), {point: lines for point, lines in tried.items() if point in every})


def spread(points: Iterable[P]) -> list[P]:
    """In an order of which each beginning is a sample of the whole, the same each time."""
    every = list(points)
    return random.Random(0).sample(every, len(every))


def enumerate_points(name: str, points: Sequence[P], trial: Callable[[P], Iterable[str]]) -> Outcomes:
    """Try every point that was not tried well before, each in a fork; `trial` answers or raises what is wrong.

    Answers all outcomes there are by now, and prints them. What is tried is written down after it was tried.
    """
    shard, shards = (int(n) for n in os.environ.get("REPTIOPS_SHARD", "1/1").split("/"))
    seconds, only = float(os.environ.get("REPTIOPS_PROOF_SECONDS", "inf")), os.environ.get("REPTIOPS_POINT")
    place().mkdir(parents=True, exist_ok=True)
    file, ends = place() / f"{name}.jsonl", time.monotonic() + seconds
    _note(file, {"points": [str(point) for point in points]})
    good = {point for point, lines in outcomes(name).tried.items() if not lines}
    mine = [p for number, p in enumerate(points) if number % shards == shard - 1 and str(p) not in good]
    for point in [p for p in points if str(p) == only] if only else mine:
        if time.monotonic() > ends:
            break
        started = time.monotonic()
        wrong = _tried(point, trial)
        _note(file, {"point": str(point), "wrong": wrong})
        print(f"{name} {point}: {wrong or 'good'} ({time.monotonic() - started:.0f} s)", flush=True)
    found = outcomes(name)
    print(f"{name}: {found}", flush=True)
    return found


def _tried(point: P, trial: Callable[[P], Iterable[str]]) -> list[str]:
    try:
        return list(in_fork(lambda: list(trial(point)), STUCK))
    except RuntimeError as error:
        return [str(error)]


def _note(file: Path, record: object) -> None:
    with file.open("a") as handle:
        handle.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    for path in sorted(place().glob("*.jsonl")):
        if path.stem != "crash":  # that one is of `make crash`, which prints it itself
            print(f"{path.stem:28} {outcomes(path.stem)}")
