"""Fifty scheduled runs against what people do by hand, some of them killed: `make proof` only."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from reptiops import app
from reptiops.playbook import playbook_file
from reptiops.testing import mocked_aws, provision
from tests.drifts import DEEDS, Hand
from tests.faults import ANY, Faults, Killed

RUNS = 50
SEED = int(os.environ.get("REPTIOPS_SEED", random.SystemRandom().randrange(10**6)))


class Job:
    """A scheduled reconcile that reports cost and what is cosmetic, and mends all else; and an ear at the topic."""

    def __init__(self, session: Any, directory: Path):
        text = playbook_file("reconcile", None).read_text()
        for old, new in (
            ("data: report", "data: repair"),
            ("cost: ask", "cost: report"),
            ("cosmetic: repair", "cosmetic: report"),
            ("max_changes: 10", "max_changes: 1000"),
            ("  data: true", "  data: false"),
        ):
            assert old in text
            text = text.replace(old, new)
        (directory / "soak.yaml").write_text(text)
        all_of_it = text.replace("cost: report", "cost: repair").replace("cosmetic: report", "cosmetic: repair")
        (directory / "last.yaml").write_text(all_of_it)
        self.where: dict[str, Any] = {"session": session, "state_dir": directory, "playbook_dir": directory}
        self.told: Counter[str] = Counter()
        session._session.register("before-call.sns.Publish", self._hear)

    def _hear(self, params: Any, **_: Any) -> None:
        body = params["body"]
        message = body["Message"] if isinstance(body, dict) else parse_qs(body)["Message"][0]
        self.told.update(line for line in message.splitlines() if ": " in line and not line.startswith("dev: "))

    def run(self, playbook: str = "soak") -> None:
        """What `reptiops run soak dev` does."""
        done = app.reconcile("dev", yes=True, playbook=playbook, **self.where)
        left = [one for one, _ in done.left]
        app.notify("dev", playbook, left, mended=done.mended, failed=bool(done.braked), **self.where)


def _killed(job: Job, session: Any, chance: random.Random) -> bool:
    """A run that is killed at one of its writes, telling and counting included; whether it came to that."""
    fault = Faults(session, (ANY, chance.randint(1, 6)), chance.choice(("kill before", "kill after")))
    try:
        job.run()
    except Killed:
        return True
    fault.fired = True  # it lies in wait no longer
    return False


@pytest.mark.proof
def test_scheduled_runs_converge_and_tell_once(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"REPTIOPS_SEED={SEED}")
    deeds = chance.sample(DEEDS, len(DEEDS))
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", images=("repti-core", "web-public"))
        hand, job, killed = Hand(session), Job(session, tmp_path), 0
        for number in range(RUNS):
            for _ in range(chance.choice((0, 1, 1, 2))):
                if deeds:
                    deed = deeds.pop()
                    print(f"run {number}: {deed.what}")
                    deed.do(hand)
            if chance.random() < 0.6:
                killed += _killed(job, session, chance)
            else:
                job.run()
        job.run()
        assert job.told, "something was reported"
        assert max(job.told.values()) == 1, job.told.most_common(3)
        for _ in range(3):
            job.run("last")
        assert app.drift("dev", **job.where).findings == ()
        assert not app.plan("dev", session=session, state_dir=tmp_path).changes
        print(
            f"{RUNS} runs, {killed} killed, {len(DEEDS) - len(deeds)} deeds, {len(job.told)} findings told, each once"
        )
