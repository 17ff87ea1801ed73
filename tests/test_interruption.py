"""Ctrl-C and SIGTERM, sent to real processes at a write of theirs; on a terminal they ask what is to become of it."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from reptiops.cli.signals import choosing
from reptiops.engine.recover import Unfinished
from reptiops.sandbox.server import seed as zone
from tests.processes import Site, warm

PROVISION = ("provision", "dev", "--yes", "--only", "network/vpc", "--only", "network/public_subnet")
SIGNALLED = {(2, "after"): signal.SIGINT}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    warm()
    directory = tmp_path / "site"
    directory.mkdir()
    site = Site(directory)
    site.server.forget()
    zone()
    yield site
    site.close()


def test_once_starts_nothing_new_and_rolls_back(site: Site) -> None:
    before = site.world()
    code, text = site.signalled(SIGNALLED, *PROVISION)
    assert code == 130
    assert "again to stop at once" in text
    assert "interrupted: nothing new was started" in text
    assert "Rolled back: AWS was read again and is as it was before" in text
    assert site.world() == before
    assert "interrupted, rolled back" in site.run("history", "dev").stdout


def _asked(site: Site, answer: Callable[[int], object]) -> str:
    """A provision on a terminal, interrupted, and what it shows; `answer` gets the keyboard once it asks."""
    mine, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while b"keep it as it is" not in b"".join(shown):
            if not select.select([mine], [], [], 60)[0]:
                return
            shown.append(os.read(mine, 65536))
        answer(mine)
        while select.select([mine], [], [], 1)[0]:
            shown.append(os.read(mine, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    code, _ = site.signalled(SIGNALLED, *PROVISION, terminal=os.ttyname(theirs))
    reader.join()
    text = b"".join(shown).decode()
    assert code == 130, text
    assert "Everything done so far was kept" in text
    return text


def test_on_a_terminal_it_asks_and_what_is_kept_can_be_undone(site: Site) -> None:
    before = site.world()
    _asked(site, lambda keyboard: os.write(keyboard, b"n\n"))
    assert site.world() != before
    status = site.run("status", "dev").stdout
    assert "Did not end: provision" in status
    assert "reptiops rollback dev" in status
    assert "interrupted, kept" in site.run("history", "dev").stdout
    told = site.run("explain", "dev").stdout
    assert "interrupted, kept" in told
    assert told.count("reptiops rollback dev") == 1, "the ways out are told once"
    assert "request-id" not in told
    site.run("rollback", "dev", "--yes")
    assert site.world() == before


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_question_keeps_and_says_so(site: Site, kind: signal.Signals) -> None:
    def end(_: int) -> None:
        os.kill(json.loads(next(site.directory.rglob("lock.json")).read_text())["pid"], kind)

    text = _asked(site, end)
    assert "reptiops rollback dev" in text
    assert not list(site.directory.rglob("lock.json")), "the lock is given back"
    assert "interrupted, kept" in site.run("history", "dev").stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_asked_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors above the question are long ones of AWS."""
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stdout", Terminal())
    shown = Terminal()
    choose = choosing(Console(file=shown, force_terminal=True, width=80), {"as_json": False}, lambda: None)
    assert choose is not None
    assert (
        choose("interrupted\ncreate of network/vpc: " + "AWS has not answered yet [no id] " * 5, Unfinished()) == "keep"
    )
    assert shown.getvalue().count("[no id]") == 5
    assert max(len(line) for line in shown.getvalue().splitlines()) <= 80


@pytest.mark.proof
@pytest.mark.parametrize("twice", [False, True], ids=["SIGTERM", "twice"])
def test_sigterm_and_twice(site: Site, twice: bool) -> None:
    before = site.world()
    points = {(2, "before"): signal.SIGTERM}
    if twice:
        points = {(2, "before"): signal.SIGINT, (3, "before"): signal.SIGINT}
    code, text = site.signalled(points, *PROVISION, "--on-failure", "keep")
    assert code == 130
    assert ("stopped at once" if twice else "Everything done so far was kept") in text
    assert site.world() != before
    site.run("rollback", "dev", "--yes")
    assert site.world() == before
