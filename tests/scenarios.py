"""A small environment with every kind, and what is done to it: made, updated, reconciled, rolled back, torn down.

Tests play these scenarios with something in their way. A trial is a fork of a process that holds the world to begin
with, so making that world is paid for once.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend

from reptiops import app
from reptiops.app.costs import configured
from reptiops.config import environment_file, load_environment
from reptiops.playbook import playbook_file
from reptiops.steps import documented
from reptiops.testing import REGION, mocked_aws
from tests.drifts import DEEDS, Hand
from tests.faults import Faults, Killed
from tests.faults import Point as Write
from tests.forks import in_fork
from tests.inventory import inventory
from tests.skipping import Skipping

NOT_HERE = {
    "acm.SelfSignedCertificate",  # instead of the other certificate
    "route53.HostedZone",  # found, never written
    "scheduler.Schedule",  # needs a state in S3
    "scheduler.ScheduleGroup",
}
CHANGES = (
    ("idle_timeout_seconds: 60", "idle_timeout_seconds: 75"),
    ("    redis_cpu: {threshold: 75}", "    redis_cpu: {threshold: 70}"),
    ("    repti-core: {kind: backend,", "    repti-core: {kind: backend, cpu: 1024, memory: 2048,"),
    ("web-public: {kind: frontend,", "web-new: {kind: frontend,"),
    ("dashboard: true", "dashboard: false"),
)


def small(directory: Path) -> Path:
    """dev with two services and everything switched on."""
    text = environment_file("dev").read_text()
    text = re.sub(r"    (web-(admin|breeder|embed)|repti-(animal|commerce|media|community|ops)): .*\n", "", text)
    for old, new in (
        ("flow_logs:\n    enabled: false", "flow_logs:\n    enabled: true"),
        ("cloudtrail:\n  enabled: false", "cloudtrail:\n  enabled: true"),
        ("scaling: null               # no autoscaling", "scaling: {min: 1, max: 2, cpu: 65, memory: 65}"),
        ("at night and on weekends\n  enabled: false", "at night and on weekends\n  enabled: true"),
        ("emails: []", "emails: [ops@reptidex.com]"),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    for name, changes in (("config", ()), ("changed", CHANGES)):
        (directory / name).mkdir()
        for old, new in changes:
            text = text.replace(old, new, 1)
        (directory / name / "dev.yaml").write_text(text)
    book = playbook_file("reconcile", None).read_text()
    (directory / "reconcile.yaml").write_text(book.replace("data: report", "data: repair"))
    return directory


class Place:
    """A directory with the configurations and the state, and the operations there with a fresh session each."""

    def __init__(self, root: Path):
        self.root = root

    def where(self, config: str = "config") -> dict[str, Any]:
        directories = {"state_dir": self.root / "state", "config_dir": self.root / config}
        return {**directories, "session": session(), "clock": Skipping()}

    def provision(self, config: str = "config", **more: Any) -> None:
        app.provision("dev", allow_replace=True, **self.where(config) | more)

    def reconcile(self, **more: Any) -> None:
        done = app.reconcile("dev", yes=True, max_changes=1000, playbook_dir=self.root, **self.where() | more)
        if any("in the middle of a change" in why for _, why in done.left):  # what is open is closed; the rest waits
            raise app.Refused("in the middle of a change")

    def teardown(self, **more: Any) -> None:
        app.teardown("dev", **self.where() | more)

    def roll_back(self, **more: Any) -> None:
        try:
            app.roll_back("dev", **self.where() | more)
        except app.Refused as error:  # all had ended
            if "nothing in doubt" not in str(error):
                raise


def session() -> Any:
    return boto3.Session("testing", "testing", "testing", region_name=REGION)


def named() -> Counter[tuple[str, str]]:
    """The inventory without what AWS makes up anew each time."""
    made_up = r"[0-9a-f]{8,}|[A-Z0-9]{12,}|(?<=-)[0-9a-f]{4}(?=-)|(?<=:)[0-9]+$"
    return Counter((what, re.sub(made_up, "", name)) for what, name in inventory(session()))


def _update(place: Place, **more: Any) -> None:
    place.provision("changed", **more)


def _provision(place: Place, **more: Any) -> None:
    place.provision(**more)


def _half_updated(place: Place) -> None:
    broken = session()
    Faults(broken, ("elbv2:ModifyRule", 1), "kill before")
    Faults(broken, ("cloudwatch:PutMetricAlarm", 1), "kill after")
    with pytest.raises(Killed):
        place.provision("changed", session=broken)


def _drifted(place: Place) -> None:
    hand, seen = Hand(session()), set()
    mine = set(app.declared("dev", place.root / "config"))
    for deed in DEEDS:
        if deed.risk == "security" and deed.address in mine - seen and len(seen) < 8:
            seen.add(deed.address)
            deed.do(hand)


@dataclass(frozen=True)
class Scenario:
    """What is killed in a world that exists (but for `provision`), and what must then lead where."""

    command: Callable[..., None]
    begin: Callable[[Place], None] = lambda _: None
    ways: tuple[str, ...] = ("again", "rollback")
    config: str = "config"


SCENARIOS = {
    "provision": Scenario(_provision),
    "update": Scenario(_update, config="changed"),
    "reconcile": Scenario(Place.reconcile, _drifted),
    "rollback": Scenario(Place.roll_back, _half_updated, ("again",)),
    "teardown": Scenario(Place.teardown, ways=("again",)),
}


World = Counter[tuple[str, str]]


def emptied() -> None:
    """Nothing is in AWS but the zone, as where `mocked_aws` begins: for a fork of a process whose world is full."""
    moto_api_backend.reset()
    boto3.client("route53", REGION).create_hosted_zone(Name="reptidex.com.", CallerReference="again")


@contextmanager
def begun(name: str, root: Path) -> Iterator[Place]:
    """A scenario's place, a copy, with the world to begin with around it. Only in a fork of the process that holds it."""
    with tempfile.TemporaryDirectory(prefix="scenario") as directory:
        copy = Path(directory) / "place"
        shutil.copytree(root, copy)
        if name == "provision":
            emptied()
            shutil.rmtree(copy / "state")
        place = Place(copy)
        SCENARIOS[name].begin(place)
        yield place


@dataclass(frozen=True)
class Undisturbed:
    """What a scenario does where nothing is in its way: its writes, and the world before and after it."""

    writes: tuple[Write, ...]
    before: World
    after: World


def undisturbed(name: str, root: Path) -> Undisturbed:
    """Play a scenario in a fork and watch."""
    scenario = SCENARIOS[name]

    def work() -> Any:
        with begun(name, root) as place:
            before, watched = named(), session()
            faults = Faults(watched)
            scenario.command(place, session=watched)
            if name == "update":
                changes = app.plan("dev", **place.where(scenario.config)).changes
                assert not changes, "an undisturbed run leaves something to do"
            return faults.points(), list(before.elements()), list(named().elements())

    writes, before, after = in_fork(work)
    return Undisturbed(tuple((name, n) for name, n in writes), Counter(map(tuple, before)), Counter(map(tuple, after)))


def compared(expected: World) -> list[str]:
    """What is in AWS and should not be, or the other way round."""
    world = named()
    wrong = [f"twin or orphan: {row}" for row in sorted((world - expected).elements())]
    return wrong + [f"missing: {row}" for row in sorted((expected - world).elements())]


def unconverged(name: str, place: Place) -> list[str]:
    """What a plan would still change."""
    if name == "teardown":
        return []
    changes = app.plan("dev", **place.where(SCENARIOS[name].config)).changes
    return [f"not converged: {a.address} {a.verb} {', '.join(c.path for c in a.changes)}" for a in changes]


RULE = ("describe_security_group_rules", "sgr-")


def ways_back(name: str, before: World, after: World) -> list[World]:
    """What a rollback may end in: the world before. A reconcile closes opened ports first, by a run of its own that has
    ended, and what is rolled back then is the run after it: the ports stay closed.
    """
    closed = before.copy()
    closed[RULE] = min(before[RULE], after[RULE])
    return [before, closed] if name == "reconcile" else [before]


@contextmanager
def prepared(directory: Path) -> Iterator[Path]:
    """A world in which the environment exists, and the place with its state and its configurations."""
    place = directory / "place"
    place.mkdir()
    small(place)
    kinds = {type(want).kind() for want in configured(load_environment("dev", place / "config")).values()}
    assert {kind.kind() for kind in documented().kinds()} - kinds == NOT_HERE
    with mocked_aws():
        Place(place).provision()
        yield place
