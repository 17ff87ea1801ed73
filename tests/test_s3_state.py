"""The bucket that keeps the state fails in the middle of a run: lost answers, 500s, refusals, another writer.

Nothing is orphaned, the person is told, and both ways out lead where they should. `make test` takes a few writes of lock,
journal and state, other ones each run; `make proof` every one with every kind of trouble.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber

from reptiops import app
from reptiops.app import states
from reptiops.config import environment_file
from reptiops.engine import lock as locks
from reptiops.errors import ReptiopsError
from reptiops.testing import mocked_aws
from tests.enumeration import Point, enumerate_points, spread
from tests.forks import in_fork
from tests.inventory import inventory
from tests.network import NOWHERE, Body
from tests.scenarios import compared, named, session
from tests.test_failures import SEED

BUCKET = "reptidex-states"
ONLY = ("network/vpc", "network/internet_gateway", "network/public_subnet")
TROUBLES = ("lost", "500 after", "500", "racing", "denied", "out of reach", "another writer")
"""lost, 500 after: it took effect. racing: S3 says that another write is under way, and that it was ours. denied, out of reach: from that write on, for good. another writer: what is there is
somebody else's by then.
"""
WAYS = ("again", "rollback")


class Bucket:
    """Counts what a session writes to the state's bucket, and troubles one write of it, or all from one on."""

    def __init__(self, watched: Any, number: int = 0, trouble: str = ""):
        self.written: list[str] = []
        self.hit = False
        self._number, self._trouble, self._guard = number, trouble, threading.Lock()
        self._seen: set[bytes] = set()
        self._model = threading.local()
        watched._session.register("before-call.s3", self._note)
        watched._session.get_component("event_emitter").register_first("before-send.s3", self._send)

    def _note(self, model: Any, **_: Any) -> None:
        self._model.current = model

    def _send(self, request: Any, **_: Any) -> Any:
        model = self._model.current
        if BUCKET not in request.url or model.name not in ("PutObject", "DeleteObject"):
            return None
        lasting = self._trouble in ("denied", "out of reach")
        with self._guard:
            attempt = f"{model.name} {request.url} {request.body!r}".encode()
            if attempt not in self._seen:
                self._seen.add(attempt)
                self.written.append(f"{model.name} {request.url.split('.com', 1)[-1]}")
            elif not lasting:
                return None  # botocore's own next attempt goes through
            now = len(self.written) - 1
            if not self._trouble or (now < self._number if lasting else now != self._number):
                return None
            self.hit = True
        return self._strike(model, request)

    def _strike(self, model: Any, request: Any) -> Any:
        if self._trouble == "another writer":
            key = request.url.split(f"{BUCKET}", 1)[1].split("/", 1)[1].split("?")[0]
            session().client("s3").put_object(Bucket=BUCKET, Key=key.removeprefix("/"), Body=_theirs(key))
            return None
        if self._trouble in ("lost", "500 after", "racing"):
            botocore_stubber(model.name, request)
        if self._trouble == "lost":
            raise ConnectionClosedError(endpoint_url=request.url)
        status, word = (403, "AccessDenied") if self._trouble == "denied" else (503, "ServiceUnavailable")
        if self._trouble in ("500", "500 after"):
            status, word = 500, "InternalError"
        if self._trouble == "racing":
            status, word = 409, "ConditionalRequestConflict"
        url, request.url = request.url, NOWHERE
        return AWSResponse(
            url, status, {}, Body(f"<Error><Code>{word}</Code><Message>injected</Message></Error>".encode())
        )


def _theirs(key: str) -> bytes:
    if not key.endswith("lock.json"):
        return b"another's\n"
    lease = locks.Lease("another's", "somebody", "elsewhere", 1, "2026-01-01", "provision", 2**33)
    return json.dumps(vars(lease)).encode()


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A bucket for states, and nothing else."""
    directory: Path = tmp_path_factory.mktemp("config")
    text = environment_file("dev").read_text().replace("backend: local ", f"backend: s3://{BUCKET} ")
    (directory / "dev.yaml").write_text(text)
    with mocked_aws() as made:
        given = {"config_dir": directory, "state_dir": directory / "unused"}
        states.init("dev", session=made, **given)
        yield given


def _writes(where: dict[str, Any]) -> list[str]:
    def work() -> list[str]:
        watched = session()
        bucket = Bucket(watched)
        app.provision("dev", session=watched, only=ONLY, **where)
        return bucket.written

    return list(in_fork(work))


def _forsaken() -> None:
    """What a process leaves that has ended, or that is somebody else's whose lease ran out: its lock holds nobody up."""
    s3 = session().client("s3")
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        if one["Key"].endswith("lock.json"):
            lease = json.loads(s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read())
            s3.put_object(Bucket=BUCKET, Key=one["Key"], Body=json.dumps({**lease, "expires": 0}).encode())


def tried(point: Point, where: dict[str, Any]) -> list[str]:
    """One point, in a fork; answers what is wrong in the end."""
    before = named()
    broken = session()
    bucket = Bucket(broken, point.number, point.how)
    wrong: list[str] = []
    told = ""
    try:
        app.provision("dev", session=broken, only=ONLY, **where)
    except ReptiopsError as error:
        told = "\n".join([str(error), *getattr(error, "__notes__", ())])
    if told and not ("state" in told or "lock" in told or "journal" in told):
        wrong.append(f"it is not told what failed: {told}")
    if not bucket.hit:  # how many parts a journal has differs: threads share one
        print(f"{point}: it did not come to that write", flush=True)
    if told and point.how in ("lost", "500 after", "500", "racing"):
        wrong.append(f"it stopped for what passes by itself: {told}")
    made = len(named() - before) > 0
    _forsaken()
    if point.way == "again" or not made:
        app.provision("dev", session=session(), only=ONLY, **where)
        changes = app.plan("dev", session=session(), only=ONLY, **where).changes
        return wrong + [f"not converged: {a.address} {a.verb}" for a in changes] + _twins(before)
    try:
        app.roll_back("dev", session=session(), **where)
    except app.Refused as error:  # all was done, and only what comes after it failed
        changes = app.plan("dev", session=session(), only=ONLY, **where).changes
        return wrong if not changes and "nothing in doubt" in str(error) else [*wrong, str(error)]
    return wrong + compared(before)


def _twins(before: Any) -> list[str]:
    tags = session().client("ec2").describe_tags(Filters=[{"Name": "key", "Values": ["reptiops:address"]}])["Tags"]
    addresses = sorted(t["Value"] for t in tags)
    rows = len(inventory(session())) - sum(before.values())
    return [] if len(addresses) == len(set(addresses)) and rows >= 4 else [f"twins: {addresses}"]


def test_trouble_with_some_writes_of_the_state(where: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # botocore waits a minute before it gives up
    print(f"REPTIOPS_SEED={SEED}")
    writes, chance = _writes(where), random.Random(SEED)
    for trouble in chance.sample(TROUBLES, 2):
        point = Point(chance.randrange(len(writes)), trouble, chance.choice(WAYS))
        print(f"{point}: {writes[point.number]}")
        assert in_fork(lambda point=point: tried(point, where)) == []


@pytest.mark.proof
def test_trouble_with_any_write_of_the_state(where: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    writes = _writes(where)
    points = [Point(n, trouble, way) for n in range(len(writes)) for trouble in TROUBLES for way in WAYS]
    print("\n".join(f"{n} {one}" for n, one in enumerate(writes)))
    assert not enumerate_points("s3-state", spread(points), lambda point: tried(point, where)).wrong
