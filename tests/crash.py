"""`make crash`: real processes, really killed, at random moments of provision, rollback and teardown in a sandbox.

python -m tests.crash --trials 20 --seed 1

After each kill the same command is run again (or the run is rolled back), and the account is read with plain boto3:
nothing may be missing, doubled or left behind. A trial is repeated by its seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

import boto3

from tests.inventory import inventory

LONGEST = 7.0
"""Seconds within which the kill comes: about as long as a provision takes here."""


class Site:
    """One sandbox of its own, driven by the command line."""

    def __init__(self, directory: str):
        self._env = {**os.environ, "REPTIOPS_SANDBOX_DIR": directory}
        self._command = [sys.executable, "-m", "reptiops"]

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return subprocess.run([*self._command, *args], capture_output=True, text=True, env=self._env, timeout=300)

    def killed(self, seconds: float, *args: str) -> None:
        """One command, killed after so many seconds."""
        process = subprocess.Popen(
            [*self._command, *args], env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.kill()
        process.wait()

    def session(self) -> Any:
        """A boto3 session that sees the sandbox."""
        self.run("sandbox", "start")
        os.environ["AWS_ENDPOINT_URL"] = json.loads(self.run("sandbox", "status", "--json").stdout)["endpoint"]
        return boto3.Session("x", "x", region_name="us-east-1")


def trial(site: Site, session: Any, chance: random.Random) -> str:
    """One kill and one way out of it; answers what went wrong, or nothing."""
    before = inventory(session)
    provision, teardown = ("provision", "dev", "--sandbox", "--yes"), ("teardown", "dev", "--sandbox", "--yes")
    way = chance.choice(("again", "rollback", "teardown", "killed teardown"))
    site.killed(chance.uniform(0.5, LONGEST), *provision)
    made = len(inventory(session) - before)
    if way == "rollback":
        answer = site.run("rollback", "dev", "--sandbox", "--yes")
        if answer.returncode not in (0, 4):
            return f"{way} after {made}: {answer.stdout[-500:]}{answer.stderr[-500:]}"
    if way in ("again", "killed teardown"):
        answer = site.run(*provision)
        plan = site.run("plan", "dev", "--sandbox", "--detailed-exitcode")
        if answer.returncode or plan.returncode:
            return f"{way} after {made}: {answer.stdout[-500:]}{answer.stderr[-500:]}{plan.stdout[-500:]}"
    if way == "killed teardown":
        site.killed(chance.uniform(0.5, LONGEST / 2), *teardown)
    answer = site.run(*teardown)
    left = inventory(session) - before
    if answer.returncode or left:
        return f"{way} after {made}: left {sorted(left)[:5]} {answer.stdout[-500:]}{answer.stderr[-500:]}"
    print(f"  killed with {made:3} things made, {way}: nothing left")
    return ""


def main() -> int:
    """All trials; exit code 1 when one went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        site = Site(directory)
        session = site.session()
        for number in range(given.trials):
            seed = given.seed + number
            print(f"trial {seed}", flush=True)
            problem = trial(site, session, random.Random(seed))
            if problem:
                wrong += 1
                print(f"  WRONG: {problem}", flush=True)
        site.run("sandbox", "stop")
    print(f"{given.trials} kills, {wrong} not converged")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
