"""What readers say of a run that is at work, of one that was killed, and of one that a later run has settled."""

from __future__ import annotations

import contextvars
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
from click.testing import CliRunner

from reptiops import app
from reptiops.app.history import _deeds
from reptiops.aws import Aws
from reptiops.cli import cli
from reptiops.engine import lock as locks
from reptiops.engine.backend import LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import silent
from reptiops.engine.recover import unfinished
from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.engine.state import Journal, Records, State
from reptiops.plandocument import plan_schema
from reptiops.report.page import page
from reptiops.report.runs import ended
from reptiops.testing import mocked_aws
from tests.faults import Faults, Killed
from tests.skipping import Skipping
from tests.test_engine import BELONGS, NAMES, Note

ONLY = ("network/vpc", "network/internet_gateway")


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        monkeypatch.setattr("boto3.Session", lambda **_: session)
        yield {"session": session, "state_dir": tmp_path}


def _said(where: dict[str, Any], *args: str, answer: str = "") -> tuple[int, str]:
    given = [*args, "--state-dir", str(where["state_dir"])]
    # A command leaves its options behind for the hints of its process.
    result = contextvars.copy_context().run(CliRunner().invoke, cli, given, input=answer)
    return result.exit_code, result.output


def _document(where: dict[str, Any], command: str) -> dict[str, Any]:
    """What `--json` prints; the first line may be a remark on stderr."""
    text = _said(where, command, "dev", "--json")[1]
    document: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    if command == "plan":
        jsonschema.validate(document, plan_schema())
    return document


def _killed(where: dict[str, Any]) -> str:
    Faults(where["session"], ("ec2:CreateInternetGateway", 1), "kill before")
    with pytest.raises(Killed):
        app.provision("dev", only=ONLY, **where)
    return app.history("dev", **where)[0].id


def test_a_run_that_is_at_work_is_not_taken_for_a_dead_one(where: dict[str, Any]) -> None:
    seen: dict[str, Any] = {}
    guard = threading.Lock()

    def look(**_: Any) -> None:
        if seen or not guard.acquire(blocking=False):
            return
        seen["history"] = app.history("dev", **where)[0].ending
        seen["explained"] = app.explain("dev", **where)
        seen["page"] = page(app.overview("dev", **where))
        for command in ("status", "plan", "drift"):
            seen[command] = _said(where, command, "dev")
        seen["json"] = {command: _document(where, command) for command in ("plan", "drift")}
        seen["state"] = _said(where, "state", "show", "dev")
        seen["unlock"] = _said(where, "unlock", "dev", answer="n\n")

    where["session"]._session.register("before-call.ec2.CreateInternetGateway", look)
    app.provision("dev", only=ONLY, **where)
    assert (seen["history"], seen["explained"].run.ending, seen["explained"].ways_out) == ("running", "running", ())
    running = f"on {socket.gethostname()}, process {os.getpid()}, since "
    for text in (seen["page"], seen["status"][1], seen["plan"][1]):
        assert "provision is running: " in text
        assert running in text
        assert "ways out" not in text
    code, text = seen["drift"]
    assert code in (0, 3), text
    assert "is at work: provision" in text
    assert "may be its doing" in text
    for document in seen["json"].values():
        told = document["at_work"]
        assert (told["operation"], told["host"], told["pid"]) == ("provision", socket.gethostname(), os.getpid())
        assert document["unfinished"] is None
    for _, text in (seen["state"], seen["unlock"]):
        assert " ago" in text
        assert "gone" not in text
    assert app.history("dev", **where)[0].ending == "ended"


def test_of_one_that_was_killed_everybody_tells_the_ways_out(where: dict[str, Any]) -> None:
    run = _killed(where)
    backend = app.open_site(app.Settings("dev", **where)).records.backend
    dead = subprocess.Popen(["true"])
    dead.wait()
    lease = locks.acquire(backend, "provision")._lease
    held = locks.Lease(**{**vars(lease), "pid": dead.pid})
    backend.write(locks.LOCK, locks._document(held), backend.read(locks.LOCK).version)  # type: ignore[union-attr]
    for command in ("status", "plan", "drift"):
        code, text = _said(where, command, "dev")
        assert code in (0, 3), text
        assert f"Did not end: provision {run}" in text
        assert "reptiops rollback dev" in text
        assert "is running" not in text
    for command in ("plan", "drift"):
        document = _document(where, command)
        assert document["at_work"] is None
        assert document["unfinished"] == {
            "runs": [run],
            "operations": ["provision"],
            "ways_out": ["reptiops provision dev", "reptiops rollback dev"],
        }
    _, text = _said(where, "state", "show", "dev")
    assert f"last run   {run}" in text
    assert "that run is gone, and the next one takes over by itself" in text
    _, text = _said(where, "unlock", "dev", answer="n\n")
    assert "that run is gone, and the next one takes over by itself" in text
    assert "Did not end" in page(app.overview("dev", **where))


def test_history_settles(where: dict[str, Any]) -> None:
    killed = _killed(where)
    app.provision("dev", only=ONLY, clock=Skipping(), **where)
    finisher, first = app.history("dev", **where)
    assert (first.id, first.finished_by, first.undone_by) == (killed, finisher.id, "")
    assert ended(first) == f"finished by {finisher.id}"
    assert app.explain("dev", killed, **where).run.finished_by == finisher.id
    Faults(where["session"], ("ec2:CreateSubnet", 1))
    with pytest.raises(app.ProvisionFailed):
        app.provision("dev", only=(*ONLY, "network/public_subnet"), on_failure="keep", **where)
    app.roll_back("dev", **where)
    undoer, kept, *_ = app.history("dev", **where)
    assert (kept.undone_by, kept.finished_by) == (undoer.id, "")
    assert ended(kept) == f"undone by {undoer.id}"
    assert finisher.finished_by == ""


def test_what_was_switched_off_is_in_doubt_for_nobody(tmp_path: Path) -> None:
    """The first half of a slow deletion was answered."""
    with mocked_aws():
        aws = Aws(boto3.Session("a", "b", region_name="us-east-1"), "us-east-1")
        records = Records(LocalBackend(tmp_path))
        records.backend.prepare()
        work = Work(aws, Scope(aws, NAMES), State(BELONGS), Journal(records, "1"), silent)
        work.journal.write("run", operation="teardown")
        note = Note("/notes/a", "1")
        work.retire("network/a", note, Live("/notes/a", note, "network/a"))
        assert unfinished(records).asked == {}
        assert [(d.verb, d.result) for d in _deeds(records.records("1"))] == [("retire", "done")]
