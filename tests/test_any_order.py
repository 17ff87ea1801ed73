"""Whatever people do, in whatever order: edits, provisions, kills, changes by hand, rollbacks, lost states, teardowns.

A part of the environment, so that many steps fit; a small sample in each run of the tests, a long one in `make proof`.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reptiops import app
from reptiops.app import states
from reptiops.testing import mocked_aws
from tests.enumeration import enumerate_points
from tests.faults import ANY, Faults, Killed
from tests.inventory import inventory
from tests.small import small_config

SEED = int(os.environ.get("REPTIOPS_SEED", random.SystemRandom().randrange(10**6)))
ONLY = ("network/vpc", "network/internet_gateway", "network/public_subnet", "storage/bucket")
EDITS = (("assets: {versioning: false}", "assets: {versioning: true}"), ("expire_days: 30", "expire_days: 40"))
BUCKET = "reptidex-dev-assets"
LONG = 60
"""How many sequences of 25 steps `make proof` plays; each number is a seed."""


class AnyOrder(RuleBasedStateMachine):
    """One environment and what happens to it."""

    thorough = True
    """Whether each provision is followed by another plan and a drift run, beside its own look at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.world = mocked_aws()
        self.session = self.world.__enter__()
        self.root = Path(tempfile.mkdtemp())
        self.where: dict[str, Any] = {
            "session": self.session,
            "state_dir": self.root / "state",
            "config_dir": small_config(self.root / "config"),
        }
        self.empty = self.before = inventory(self.session)
        self.doubt = self.touched = self.made = False
        """Whether a run did not end; whether anything was done by hand since; whether all of it is there."""
        self.whole: Counter[str] | None = None

    def teardown(self) -> None:
        try:
            app.teardown("dev", **self.where)
            assert inventory(self.session) == self.empty, "something is left in the end"
        finally:
            self.world.__exit__(None, None, None)
            shutil.rmtree(self.root)

    def _tags(self) -> Counter[str]:
        tags = self.session.client("ec2").describe_tags(Filters=[{"Name": "key", "Values": ["reptiops:address"]}])
        return Counter(t["Value"] for t in tags["Tags"])

    @initialize()
    def first(self) -> None:
        self.provision()

    @rule(versioned=st.booleans(), longer=st.booleans())
    def edit(self, versioned: bool, longer: bool) -> None:
        chosen = [edit for edit, wanted in zip(EDITS, (versioned, longer), strict=True) if wanted]
        small_config(self.root / "config", *chosen)

    @rule()
    def provision(self) -> None:
        assert app.provision("dev", **self.where, only=ONLY).left == (), "it looked again, and differs"
        self.doubt = self.touched = False
        self.made = True
        if self.thorough:
            assert not app.plan("dev", **self.where, only=ONLY).changes
            assert app.drift("dev", **self.where).findings == ()
        now = Counter(what for what, _ in inventory(self.session))
        self.whole = self.whole or now
        assert now == self.whole, "a twin, an orphan, or something missing"
        recorded = {e.address for e in states.entries("dev", **self.where)}
        assert set(self._tags()) <= recorded, "tagged as ours and in no state"

    @rule(write=st.integers(1, 12), how=st.sampled_from(("kill before", "kill after")), tear=st.booleans())
    def killed(self, write: int, how: str, tear: bool) -> None:
        before = inventory(self.session)
        fault = Faults(self.session, (ANY, write), how)
        try:
            if tear:
                app.teardown("dev", **self.where)
            else:
                app.provision("dev", **self.where, only=ONLY)
        except Killed:
            self.before = self.before if self.doubt else before
            self.touched = self.touched or tear  # what was torn down is made anew by a rollback, with other ids
            self.doubt = True
        else:
            self.doubt = False
        finally:
            fault.point = None
        self.made = not tear and not self.doubt if fault.fired or tear else True

    @precondition(lambda self: self.doubt)
    @rule()
    def rollback(self) -> None:
        try:
            app.roll_back("dev", **self.where)
        except app.Refused:
            assert not app.in_doubt(app.open_site(app.Settings("dev", **self.where))).created
        except app.RollbackIncomplete:
            assert self.touched, "nothing was in its way"
            return
        if not self.touched:
            assert inventory(self.session) == self.before
        self.doubt = False
        self.made = False

    @precondition(lambda self: self.made)
    @rule(deed=st.sampled_from(("rename", "open", "remove")))
    def by_hand(self, deed: str) -> None:
        ec2, s3 = self.session.client("ec2"), self.session.client("s3")
        if deed == "rename":
            (vpc,) = [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]
            ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "by hand"}])
        elif deed == "open":
            s3.delete_public_access_block(Bucket=BUCKET)
        else:
            for one in ec2.describe_internet_gateways()["InternetGateways"]:
                for attached in one["Attachments"]:
                    ec2.detach_internet_gateway(InternetGatewayId=one["InternetGatewayId"], VpcId=attached["VpcId"])
                ec2.delete_internet_gateway(InternetGatewayId=one["InternetGatewayId"])
        self.touched = True
        if not self.doubt:
            assert app.drift("dev", **self.where).findings

    @rule(rebuilt=st.booleans())
    def lose_the_state(self, rebuilt: bool) -> None:
        shutil.rmtree(self.root / "state")
        self.doubt = False
        self.made = False  # what was done by hand before is no drift any more
        if rebuilt:
            states.rebuild("dev", **self.where)
            assert app.drift("dev", **self.where).findings == ()

    @rule()
    def tear_down(self) -> None:
        gone = app.teardown("dev", **self.where)
        assert gone.left == ()
        assert inventory(self.session) == self.empty
        self.doubt = self.made = False
        self.touched = True

    @invariant()
    def no_twins(self) -> None:
        assert all(count == 1 for count in self._tags().values())


class Sampled(AnyOrder):
    """The same with half of the looks, for each run of the tests."""

    thorough = False


def _run(machine: type[AnyOrder], examples: int, steps: int, number: int = SEED) -> None:
    print(f"REPTIOPS_SEED={number}")
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=how)


def test_a_few_steps_in_any_order() -> None:
    _run(Sampled, examples=1, steps=3)


@pytest.mark.proof
def test_many_steps_in_any_order() -> None:
    def trial(number: int) -> list[str]:
        _run(AnyOrder, examples=1, steps=25, number=number)
        return []

    assert not enumerate_points("any-order", range(LONG), trial).wrong
