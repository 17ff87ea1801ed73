"""What AWS does not allow, for good or any more: a denied read is never "missing", dead credentials end a run in order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.aws import is_read
from reptiops.engine.events import Event
from reptiops.errors import ReptiopsError
from reptiops.testing import REGION, mocked_aws, provision
from tests.enumeration import enumerate_points
from tests.forks import in_fork
from tests.inventory import inventory
from tests.scenarios import SCENARIOS, Undisturbed, begun, compared, prepared, unconverged, undisturbed
from tests.test_failures import SEED

PHASES = ("network", "security")


class Gate:
    """Remembers what a session reads and writes; refuses one operation, or everything from a write on."""

    def __init__(self, session: Any, denied: str = "", expires: int = 0):
        self.reads, self.writes, self.refused = set[str](), list[str](), 0
        self._denied, self._expires = denied, expires
        session._session.register("before-call", self._before)

    def _before(self, model: Any, **_: Any) -> None:
        name = f"{model.service_model.service_name}:{model.name}"
        if self._expires and len(self.writes) >= self._expires:
            self.refused += 1
            raise self._error(model, "ExpiredToken", "The security token included in the request is expired", 403)
        if is_read(xform_name(model.name)):
            self.reads.add(name)
        else:
            self.writes.append(name)
        if name == self._denied:
            self.refused += 1
            raise self._error(model, "AccessDenied", f"not authorized to perform: {name}", 403)

    @staticmethod
    def _error(model: Any, code: str, text: str, status: int) -> ClientError:
        answer: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return ClientError(answer, model.name)


def _fresh() -> Any:
    return boto3.Session("testing", "testing", "testing", region_name=REGION)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", phases=PHASES)
        yield tmp_path


def _reads(directory: Path) -> list[str]:
    session = _fresh()
    gate = Gate(session)
    app.plan("dev", session=session, state_dir=directory)
    return sorted(gate.reads)


def _denied(operation: str, directory: Path) -> None:
    session = _fresh()
    before, gate = inventory(_fresh()), Gate(session, denied=operation)
    with pytest.raises(Exception, match=operation.split(":")[1]):
        app.provision("dev", session=session, state_dir=directory, phases=PHASES)
    assert gate.refused
    assert gate.writes == [], f"{operation} was denied, and something was written"
    assert inventory(_fresh()) == before


def test_a_denied_read_is_not_taken_for_missing(world: Path) -> None:
    reads = _reads(world)
    print(f"REPTIOPS_SEED={SEED}")
    for operation in random.Random(SEED).sample(reads, 2):
        print(operation)
        _denied(operation, world)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with prepared(tmp_path_factory.mktemp("denied")) as place:
        yield place


@pytest.mark.proof
@pytest.mark.parametrize("name", ["provision", "update", "reconcile", "teardown"])
def test_any_denied_read(name: str, root: Path) -> None:
    """Whatever a run reads, denied from its beginning: it ends before it writes, or leaves what the ways out settle."""
    quiet = undisturbed(name, root)
    enumerated = enumerate_points(
        f"reads-denied-{name}", _reads_of(name, root), lambda read: _without(read, name, root, quiet)
    )
    assert not enumerated.wrong


def _reads_of(name: str, root: Path) -> list[str]:
    def work() -> list[str]:
        with begun(name, root) as place:
            watched = _fresh()
            gate = Gate(watched)
            SCENARIOS[name].command(place, session=watched)
            return sorted(gate.reads)

    return list(in_fork(work))


def _without(read: str, name: str, root: Path, quiet: Undisturbed) -> list[str]:
    scenario = SCENARIOS[name]
    with begun(name, root) as place:
        broken = _fresh()
        gate = Gate(broken, denied=read)
        told, events = "", list[Event]()
        try:
            scenario.command(place, session=broken, tell=events.append)
        except (ReptiopsError, ClientError) as error:
            told = str(error)
        if not told:  # the preflight warns of what it cannot ask; a teardown leaves what others may need, and says so
            print(f"{name} does without {read}", flush=True)
            about = [event for event in events if read.split(":")[1] in event.text]
            kept = any(event.word == "kept" for event in about)
            wrong = (
                [] if kept or any("not checked" in event.text for event in about) else [f"it went on without {read}"]
            )
            if kept:
                left = compared(quiet.after)
                return wrong if left == ["twin or orphan: ('record', '_.reptidex.com. CNAME')"] else [*wrong, *left]
            return wrong + compared(quiet.after) + unconverged(name, place)
        wrong = [] if read.split(":")[1] in told else [f"it is not said: {told[:300]}"]
        if not gate.writes:
            return wrong + compared(quiet.before)
        print(f"{name} wrote {len(gate.writes)} times before {read} was denied", flush=True)
        scenario.command(place)
        return wrong + compared(quiet.after) + unconverged(name, place)


def test_expired_credentials_end_a_run_in_order(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        gate = Gate(session, expires=random.Random(SEED).randint(3, 30))
        with pytest.raises(app.ProvisionFailed, match="no longer valid") as failed:
            provision(session, tmp_path, "dev", phases=PHASES)
        assert failed.value.undone is None
        assert "reptiops rollback dev" in str(failed.value)
        assert gate.refused <= 40, "it went on asking with dead credentials"
        assert inventory(_fresh()) > before
        where = {"session": _fresh(), "state_dir": tmp_path, "phases": PHASES}
        app.provision("dev", **where)
        made = sorted(what for what, _ in inventory(_fresh()))
        assert not app.plan("dev", **where).changes
    with mocked_aws() as session:
        provision(session, tmp_path / "other", "dev", phases=PHASES)
        assert sorted(what for what, _ in inventory(session)) == made, "a twin, or something missing"
