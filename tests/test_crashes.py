"""Runs killed at a write of theirs, in process, over a small environment with every kind; and one write denied for good.

`make test` plays a few points, other ones each run: the seed is printed, and REPTIOPS_POINT=update:12:kill after:again
plays one again. `make proof` plays every one (REPTIOPS_SHARD=1/4 takes a part, and it goes on where it stopped).
`make crash` does it with real processes over the whole of dev.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

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
from tests.test_failures import SEED

HOW = ("kill before", "kill after")
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
        return {"state_dir": self.root / "state", "config_dir": self.root / config, "session": session()}

    def provision(self, config: str = "config", **more: Any) -> None:
        app.provision("dev", allow_replace=True, **self.where(config) | more)

    def reconcile(self, **more: Any) -> None:
        app.reconcile("dev", yes=True, max_changes=1000, playbook_dir=self.root, **self.where() | more)

    def teardown(self, **more: Any) -> None:
        app.teardown("dev", **self.where() | more)

    def roll_back(self, **more: Any) -> None:
        try:
            app.roll_back("dev", **self.where() | more)
        except (app.Refused, app.RollbackIncomplete) as error:
            # Refused: all had ended. Incomplete: images are gone with their repository, and nothing else may be.
            named = set(re.findall(r"^  (\S+)", str(error), re.M)) - {"compute/repository/web-public"}
            if named or not ("nothing in doubt" in str(error) or "cannot be brought back" in str(error)):
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


@dataclass(frozen=True, order=True)
class Point:
    """Which write of a scenario, what happens there, and which way out is taken."""

    scenario: str
    number: int
    how: str
    way: str

    def __str__(self) -> str:
        return f"{self.scenario}:{self.number}:{self.how}:{self.way}"


def _copied(root: Path) -> Path:
    copy = Path(tempfile.mkdtemp(prefix="crashes")) / "place"
    shutil.copytree(root, copy)
    return copy


def _writes(scenario: Scenario, root: Path) -> tuple[list[Write], list[Any], list[Any]]:
    """The writes of an undisturbed run, the world before it and the world after it."""

    def work() -> Any:
        place = Place(_copied(root))
        scenario.begin(place)
        before, watched = named(), session()
        faults = Faults(watched)
        scenario.command(place, session=watched)
        if scenario is SCENARIOS["update"]:
            changes = app.plan("dev", **place.where(scenario.config)).changes
            assert not changes, "an undisturbed run leaves something to do"
        return faults.points(), list(before.elements()), list(named().elements())

    points, before, after = in_fork(work)
    return [tuple(p) for p in points], before, after


def _trial(point: Point, write: Write, root: Path, before: list[Any], after: list[Any]) -> list[str]:
    scenario = SCENARIOS[point.scenario]

    def work() -> Any:
        place = Place(_copied(root))
        scenario.begin(place)
        broken = session()
        faults = Faults(broken, write, point.how)
        if point.how == "deny":
            with pytest.raises(app.ProvisionFailed) as failed:
                scenario.command(place, session=broken)
            undone = failed.value.undone
            assert undone is not None
            assert undone.complete or "cannot be brought back" in str(failed.value), str(failed.value)
        else:
            with contextlib.suppress(Killed):  # the order of concurrent calls differs: it may not come to that write
                scenario.command(place, session=broken)
            (place.roll_back if point.way == "rollback" else functools.partial(scenario.command, place))()
        expected = Counter(map(tuple, before if faults.fired and point.way == "rollback" else after))
        world, wrong = named(), []
        wrong += [f"twin or orphan: {row}" for row in sorted((world - expected).elements())]
        lost = {("repository", "reptidex/dev/web-public")}
        wrong += [f"missing: {row}" for row in sorted((expected - world).elements()) if row not in lost]
        if point.way == "again" and point.scenario != "teardown":
            changes = app.plan("dev", **place.where(scenario.config)).changes
            wrong += [f"not converged: {a.address} {a.verb}" for a in changes]
        return wrong

    return list(in_fork(work))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A world that exists, for all but the first scenario; an empty one is made in a fork before it."""
    empty = small(tmp_path_factory.mktemp("empty"))
    made = tmp_path_factory.mktemp("made") / "place"
    shutil.copytree(empty, made)
    kinds = {type(want).kind() for want in configured(load_environment("dev", made / "config")).values()}
    assert {kind.kind() for kind in documented().kinds()} - kinds == NOT_HERE
    with mocked_aws():
        Place(made).provision()
        yield {name: empty if name == "provision" else made for name in SCENARIOS}


def _play(
    name: str, places: dict[str, Path], choose: Callable[[list[Point]], Iterable[Point]], deny: bool
) -> list[str]:
    """Some points of a scenario; answers what went wrong."""
    scenario = SCENARIOS[name]

    def work() -> Any:
        writes, before, after = _writes(scenario, places[name])
        every = [Point(name, n, how, way) for n in range(len(writes)) for how in HOW for way in scenario.ways]
        if deny:
            every = [Point(name, n, "deny", "rollback") for n in range(len(writes))]
        wrong: list[str] = []
        for point in choose(every):
            found = _trial(point, writes[point.number], places[name], before, after)
            print(f"{point} ({writes[point.number][0]}): {found or 'good'}", flush=True)
            wrong += [f"{point}: {one}" for one in found]
        return wrong

    if name == "provision":

        def alone() -> Any:
            from moto.moto_api._internal import moto_api_backend

            moto_api_backend.reset()
            boto3.client("route53", REGION).create_hosted_zone(Name="reptidex.com.", CallerReference="again")
            return work()

        return list(in_fork(alone))
    return list(in_fork(work))


def test_killed_at_some_write(places: dict[str, Path]) -> None:
    chance = random.Random(SEED)
    given = os.environ.get("REPTIOPS_POINT")
    print(f"REPTIOPS_SEED={SEED}")
    name = given.split(":")[0] if given else chance.choice(sorted(SCENARIOS))

    def choose(every: list[Point]) -> list[Point]:
        return [p for p in every if str(p) == given] if given else chance.sample(every, 2)

    assert not _play(name, places, choose, False)


def test_a_write_of_an_update_fails_for_good(places: dict[str, Path]) -> None:
    print(f"REPTIOPS_SEED={SEED}")
    assert not _play("update", places, lambda every: [random.Random(SEED).choice(every)], True)


@pytest.mark.proof
@pytest.mark.parametrize("deny", [False, True], ids=["killed", "denied"])
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_at_every_write(name: str, deny: bool, places: dict[str, Path]) -> None:
    if deny and name not in ("provision", "update"):
        pytest.skip("a failure policy exists for what makes and changes")
    shard, shards = (int(n) for n in os.environ.get("REPTIOPS_SHARD", "1/1").split("/"))
    file = Path(os.environ.get("REPTIOPS_PROOF_DIR", ".proof")).absolute() / "crashes.txt"
    file.parent.mkdir(exist_ok=True)
    done = set(file.read_text().splitlines()) if file.exists() else set()

    def rest(every: list[Point]) -> Iterator[Point]:
        for number, point in enumerate(every):
            if number % shards == shard - 1 and str(point) not in done:
                yield point
                with file.open("a") as record:
                    record.write(f"{point}\n")
        print(f"{name}: {len(every)} points, all tried")

    assert not _play(name, places, rest, deny)
