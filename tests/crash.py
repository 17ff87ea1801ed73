"""Real processes of the command line, killed with SIGKILL before or after a chosen write, and what comes of it.

`make crash` (TRIALS, SEED, REPTIOPS_SHARD, REPTIOPS_PROOF_DIR), or one point again: `python -m tests.crash --point
provision:123:after:again`. Each trial runs against a fork of a sandbox that holds the world to begin with, so that
making that world is paid for once. The forked server counts the writes and kills the client at the chosen one.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reptiops.config import environment_file
from reptiops.sandbox.server import seed as zone
from tests.drifts import DEEDS, Hand
from tests.forks import in_fork
from tests.processes import Site, World, warm
from tests.scenarios import ways_back


@dataclass(frozen=True, order=True)
class Point:
    """Before or after which write of a scenario the kill comes, and which way out is taken afterwards."""

    scenario: str
    number: int
    when: str
    way: str

    def __str__(self) -> str:
        return f"{self.scenario}:{self.number}:{self.when}:{self.way}"


# --- scenarios ----------------------------------------------------------------------------------------------------

PROVISION = ("provision", "dev", "--yes")
UPDATE = (*PROVISION, "--config-dir", "{changed}", "--allow-replace")
RECONCILE = ("reconcile", "dev", "--yes", "--max-changes", "1000", "--playbook-dir", "{playbooks}")


def _changed(text: str) -> str:
    """A configuration with changes of many kinds: settings, a service more, one less, a bucket rule, an alarm."""
    for old, new in (
        ("    repti-ops: {kind: backend,", "    repti-new: {kind: backend,"),
        ("ops-api-dev", "new-api-dev"),
        ("idle_timeout_seconds: 60", "idle_timeout_seconds: 75"),
        ("    redis_cpu: {threshold: 75}", "    redis_cpu: {threshold: 70}"),
        ("  backup_days: 7", "  backup_days: 8"),
        ("    repti-core: {kind: backend,", "    repti-core: {kind: backend, cpu: 1024, memory: 2048,"),
        (
            "        - {ports: 6379, group: redis}",
            "        - {ports: 6379, group: redis}\n        - {ports: 587, cidr: 0.0.0.0/0}",
        ),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def _nothing(site: Site) -> None:
    """Nothing but the zone; the emulator's services are loaded, which each fork would else do anew."""
    _made(site)
    site.server.forget()
    shutil.rmtree(site.directory / "states")
    zone()


def _made(site: Site) -> None:
    zone()
    site.run(*PROVISION)


def _drifted(site: Site) -> None:
    _made(site)
    hand, seen = Hand(site.server.session()), set()
    for deed in DEEDS:
        if deed.risk == "security" and deed.address not in seen and len(seen) < 12:
            seen.add(deed.address)
            deed.do(hand)


def _half_updated(site: Site) -> None:
    _made(site)
    site.killed(25, "after", *_filled(UPDATE, site.directory))


@dataclass(frozen=True)
class Scenario:
    """The world to begin with, the command that is killed, and the ways out with the command that says all is well."""

    begin: Callable[[Site], None]
    command: tuple[str, ...]
    ways: dict[str, tuple[tuple[str, ...], tuple[str, ...] | None]]


PLAN = ("plan", "dev", "--detailed-exitcode")
ROLLBACK = ("rollback", "dev", "--yes")
TEARDOWN = ("teardown", "dev", "--yes")
SCENARIOS = {
    "provision": Scenario(_nothing, PROVISION, {"again": (PROVISION, PLAN), "rollback": (ROLLBACK, None)}),
    "update": Scenario(
        _made,
        UPDATE,
        {"again": (UPDATE, (*PLAN, "--config-dir", "{changed}")), "rollback": (ROLLBACK, None)},
    ),
    "reconcile": Scenario(_drifted, RECONCILE, {"again": (RECONCILE, ("drift", "dev")), "rollback": (ROLLBACK, None)}),
    "rollback": Scenario(_half_updated, ROLLBACK, {"again": (ROLLBACK, PLAN)}),
    "teardown": Scenario(_made, TEARDOWN, {"again": (TEARDOWN, None)}),
}


def _filled(command: Iterable[str], directory: Path) -> list[str]:
    return [part.format(changed=directory / "changed", playbooks=directory / "playbooks") for part in command]


def _furnish(directory: Path) -> None:
    (directory / "changed").mkdir(parents=True)
    (directory / "changed" / "dev.yaml").write_text(_changed(environment_file("dev").read_text()))
    (directory / "playbooks").mkdir()
    from reptiops.playbook import playbook_file

    text = playbook_file("reconcile", None).read_text()
    (directory / "playbooks" / "reconcile.yaml").write_text(text.replace("data: report", "data: repair"))


# --- forks --------------------------------------------------------------------------------------------------------


@contextmanager
def _copied(directory: Path) -> Iterator[Path]:
    """A copy of the files of a site. The paths in it are relative to it, so it can be used as it is."""
    with tempfile.TemporaryDirectory(prefix="crash") as other:
        copy = Path(other) / "site"
        shutil.copytree(directory, copy)
        yield copy


def undisturbed(scenario: Scenario, directory: Path) -> tuple[int, World, World]:
    """How many writes the command makes, the world before it and the world after it."""

    def work() -> Any:
        with _copied(directory) as copy:
            site = Site(copy)
            before = list(site.world().elements())
            site.server.writes = 0
            site.run(*_filled(scenario.command, copy))
            return site.server.writes, before, list(site.world().elements())

    writes, before, after = in_fork(work)
    return writes, Counter(map(tuple, before)), Counter(map(tuple, after))


def trial(point: Point, scenario: Scenario, directory: Path, before: World, after: World) -> dict[str, Any]:
    """One kill and one way out of it."""

    def work() -> Any:
        with _copied(directory) as copy:
            site = Site(copy)
            reached = site.killed(point.number, point.when, *_filled(scenario.command, copy))
            way, proof = scenario.ways[point.way]
            answer = site.run(*_filled(way, copy), check=False)
            wrong = []
            nothing_to_undo = point.way == "rollback" and answer.returncode == 4 and "nothing in doubt" in answer.stderr
            # What a run deleted may be gone for good; then rollback names it, and nothing else may miss.
            gone = answer.stdout.count("cannot be brought back")
            if answer.returncode and not nothing_to_undo:
                wrong.append(f"{way[0]} ended with {answer.returncode}: {answer.stdout[-700:]}{answer.stderr[-700:]}")
            world = site.world()
            worlds = ways_back(point.scenario, before, after) if point.way == "rollback" and reached else [after]
            expected = min(worlds, key=lambda one: ((world - one) + (one - world)).total())
            wrong += [f"twin or orphan: {row}" for row in sorted((world - expected).elements())[:5]]
            missing = sorted((expected - world).elements())
            wrong += [f"missing: {row}" for row in missing[:5]] if len(missing) > gone else []
            if proof:
                shown = site.run(*_filled(proof, copy), check=False)
                if shown.returncode:
                    wrong.append(f"not converged: {shown.stdout[-700:]}{shown.stderr[-300:]}")
            return {"reached": reached, "wrong": wrong}

    return dict(in_fork(work))


def points(name: str, writes: int) -> list[Point]:
    """All kills of a scenario, each with each way out."""
    ways = SCENARIOS[name].ways
    return [Point(name, n, when, way) for n in range(1, writes + 1) for when in ("before", "after") for way in ways]


def play(name: str, choose: Callable[[list[Point]], list[Point]], results: Path) -> dict[str, int]:
    """Some points of one scenario, in a process of its own that holds its world to begin with."""

    def work() -> Any:
        scenario = SCENARIOS[name]
        with tempfile.TemporaryDirectory(prefix="crash") as place:
            base = Path(place) / "site"
            _furnish(base)
            site = Site(base)
            scenario.begin(site)
            site.world()  # which makes the clients that read it, once for all trials
            site.close()
            writes, before, after = undisturbed(scenario, base)
            every = points(name, writes)
            chosen = choose(every)
            gc.collect()
            gc.freeze()  # else each fork copies what its first collection goes through
            print(f"{name}: {writes} writes, {len(every)} points, {len(chosen)} to try", flush=True)
            wrong = sum(_tried(point, scenario, base, before, after, results) for point in chosen)
        return {"points": len(every), "tried": len(chosen), "wrong": wrong}

    return dict(in_fork(work))


def _tried(point: Point, scenario: Scenario, base: Path, before: World, after: World, results: Path) -> bool:
    started = time.monotonic()
    try:
        found = trial(point, scenario, base, before, after)
    except RuntimeError as error:
        found = {"reached": True, "wrong": [str(error)]}
    with results.open("a") as file:
        file.write(json.dumps({**asdict(point), **found}) + "\n")
    word = "WRONG" if found["wrong"] else "good" if found["reached"] else "good (ended before)"
    print(f"  {point} {word} {time.monotonic() - started:.0f} s", flush=True)
    for line in found["wrong"]:
        print(f"    {line}", flush=True)
    return bool(found["wrong"])


def main() -> int:
    """The chosen points; exit code 1 when one went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", default="10", help="so many of each scenario, or all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    parser.add_argument("--point", help="one point again, such as provision:123:after:again")
    given = parser.parse_args()
    warm()
    place = Path(os.environ.get("REPTIOPS_PROOF_DIR", ".proof"))
    place.mkdir(exist_ok=True)
    results = place / "crash.jsonl"
    done = {str(Point(r["scenario"], r["number"], r["when"], r["way"])) for r in _recorded(results) if not r["wrong"]}
    shard, shards = (int(x) for x in os.environ.get("REPTIOPS_SHARD", "1/1").split("/"))

    def choose(every: list[Point]) -> list[Point]:
        if given.point:
            return [p for p in every if str(p) == given.point]
        rest = [p for i, p in enumerate(every) if str(p) not in done and i % shards == shard - 1]
        if given.trials == "all":
            return rest
        return sorted(random.Random(given.seed).sample(rest, min(int(given.trials), len(rest))))

    print(f"seed {given.seed}")
    names = [given.point.split(":")[0]] if given.point else given.scenario or list(SCENARIOS)
    totals = [play(name, choose, results) for name in names]
    for name, total in zip(names, totals, strict=True):
        _report(name, total["points"], results)
    return 1 if any(total["wrong"] for total in totals) else 0


def _report(name: str, points: int, results: Path) -> None:
    """How much of a scenario is covered by now, and what came of it: the last try of each point counts."""
    last = {(r["number"], r["when"], r["way"]): r for r in _recorded(results) if r["scenario"] == name}
    lines = [line for r in last.values() for line in r["wrong"]]
    counts = {
        word: sum(line.startswith(word) for line in lines) for word in ("twin or orphan", "missing", "not converged")
    }
    bad = sum(bool(r["wrong"]) for r in last.values())
    early = sum(not r["reached"] for r in last.values())
    print(
        f"{name:10} {len(last)} of {points} points tried ({len(last) / points:.0%}), {bad} wrong; "
        f"{', '.join(f'{word}: {n}' for word, n in counts.items())}; {early} ended before the write"
    )


def _recorded(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


if __name__ == "__main__":
    sys.exit(main())
