"""What a run shows while it goes on: drawn on a terminal, a line for each thing in a log, never both."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from reptiops.engine.action import Action
from reptiops.engine.eta import Countdown, Reversal
from reptiops.engine.events import Event
from reptiops.report.progress import BEAT, Progress
from reptiops.resources.elasticache import ReplicationGroup
from reptiops.steps import documented


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watched(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, ci: bool = False
) -> tuple[Progress, Clock, Any, Console]:
    """A run of eight resources that is about to begin."""
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", "true")
    out = Terminal() if terminal else io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=terminal, color_system=None, emoji=False)
    clock = Clock()
    progress = Progress(console, clock=clock)
    graph = documented()
    addresses = ["network/vpc", *(f"network/nat_gateway/{z}" for z in "ab"), "database/database", "database/redis"]
    kinds = {path: kind for path, s in graph.by_path.items() for kind in s.kinds}
    from reptiops.resources.ec2 import Vpc

    want = Vpc(cidr="10.0.0.0/16", name="x")
    actions = []
    for address in addresses:
        kind = kinds["/".join(address.split("/")[:2])]
        actions.append(Action(address, "delete", kind, None if kind is not Vpc else want))
    progress.expect(Countdown(graph, actions))
    return progress, clock, out, console


def drawn(progress: Progress, console: Console) -> str:
    """What is drawn, on paper of the same width: a console that is drawn on adds its own cursor movements."""
    paper = Console(file=io.StringIO(), width=console.width, color_system=None)
    with paper.capture() as captured:
        paper.print(progress.draw())
    return captured.get()


def test_a_terminal_shows_phases_and_flights_within_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, _, console = watched(monkeypatch, terminal=True)
    for address in ("network/vpc", "network/nat_gateway/a", "database/redis"):
        progress(Event("start", address, "create"))
    clock.now += 75
    progress(Event("done", "network/vpc", "create", "vpc-1", 1.0))
    word = "creating, later than nine of ten: a reason that AWS gives and that is much too long for a line"
    progress(Event("wait", "database/redis", "create", word, 75.0))
    text = drawn(progress, console)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert len(text.splitlines()) <= 24
    assert "network     " in text
    assert "1/3" in text
    assert "0/2" in text
    assert "network/nat_gateway/a" in text
    assert "network/vpc" not in text, "what is done is no longer in flight"
    assert "1 min 15 s, late\n      creating: a reason that AWS gives and that is much too long for a line\n" in text
    assert "1 min 15 s" in text
    assert "1 min 15 s so far" in text


def test_what_is_late_says_so_however_long_its_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, _, console = watched(monkeypatch, terminal=True)
    address = f"network/nat_gateway/{'a' * 30}"
    progress(Event("start", address, "create"))
    progress(Event("wait", address, "create", "pending", 1.0))
    clock.now += 120
    assert ", late" not in drawn(progress, console)
    clock.now += 10
    progress(Event("wait", address, "create", "pending, later than nine of ten", 130.0))
    assert f"{address}  2 min 10 s, late  pending\n" in drawn(progress, console)


def test_an_id_that_does_not_fit_breaks_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, out, _ = watched(monkeypatch, terminal=True)
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/reptidex-dev-alb/bdeb599110cee2f8"
    with progress:
        progress(Event("start", "network/nat_gateway/a", "create"))
        clock.now += 100
        progress(Event("done", "network/nat_gateway/a", "create", arn, 100.0))
    assert "network/nat_gateway/a created 1 min 40 s" in out.getvalue()


def test_more_in_flight_than_there_are_lines_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, _, _, console = watched(monkeypatch, terminal=True)
    for number in range(60):
        progress(Event("start", f"compute/service/s{number}", "create"))
    text = drawn(progress, console)
    assert len(text.splitlines()) <= 24
    assert "more in flight" in text


def test_above_the_drawing_stands_what_one_looks_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, out, _ = watched(monkeypatch, terminal=True)
    with progress:
        progress(Event("start", "network/vpc", "create"))
        progress(Event("retry", "network/vpc", "create", "Throttling: slow down"))
        progress(Event("done", "network/vpc", "create", "vpc-1", 1.0))
        for zone in "ab":
            progress(Event("start", f"network/nat_gateway/{zone}", "create"))
        clock.now += 100
        for zone in "ab":
            progress(Event("done", f"network/nat_gateway/{zone}", "create", f"nat-{zone}", 100.0))
        progress(Event("failed", "database/database", text="StorageFull"))
    text = out.getvalue()
    assert "nat-a 1 min 40 s" in text
    assert "✓ network 3 done after 1 min 40 s" in text
    assert "✗ database/database StorageFull" in text
    assert "vpc-1" not in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0, "the cursor is given back"
    assert progress.counts == {"created": 3}


@pytest.mark.parametrize(("terminal", "ci"), [(False, False), (True, True)])
def test_a_log_has_a_line_for_each_thing_and_no_drawing(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, ci: bool
) -> None:
    progress, clock, out, _ = watched(monkeypatch, terminal=terminal, ci=ci)
    with progress:
        progress(Event("start", "network/vpc", "create"))
        clock.now += 2
        progress(Event("done", "network/vpc", "create", "vpc-1", 2.0))
        progress(Event("kept", "network/nat_gateway/a", "delete", "somebody needs it"))
        progress(Event("note", text="the notification was not sent"))
    lines = out.getvalue().splitlines()
    assert [line.strip() for line in lines] == [
        "2.0s + network/vpc created vpc-1",
        "2.0s = network/nat_gateway/a stays: somebody needs it",
        "2.0s the notification was not sent",
    ]
    assert "\x1b[?25" not in out.getvalue()


def test_a_log_speaks_up_after_a_minute_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, _, _ = watched(monkeypatch, terminal=False)
    assert progress.beat() == ""
    progress(Event("start", "database/redis", "create"))
    progress(Event("wait", "database/redis", "create", "creating", 1.0))
    clock.now += BEAT + 1
    assert "waiting for database/redis (1 min 1 s" in progress.beat()
    assert "creating" in progress.beat() or progress.beat() == "", "once a minute"
    progress(Event("done", "database/redis", "create", "r", 61.0))
    clock.now += BEAT + 1
    assert progress.beat() == ""


def test_a_question_takes_the_drawing_away_and_the_next_start_brings_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, _, out, _ = watched(monkeypatch, terminal=True)
    with progress:
        progress(Event("start", "network/vpc", "create"))
        progress.pause()
        hidden, shown = out.getvalue().count("\x1b[?25l"), out.getvalue().count("\x1b[?25h")
        assert hidden == shown == 1
        progress(Event("start", "database/redis", "create"))
        assert out.getvalue().count("\x1b[?25l") == 2
    assert out.getvalue().count("\x1b[?25h") == 2


def test_a_rollback_is_no_part_of_the_plan_and_a_phase_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, _, out, console = watched(monkeypatch, terminal=True)
    with progress:
        for address in ("database/database", "database/redis"):
            progress(Event("start", address, "create"))
            progress(Event("done", address, "create", "x", 1.0))
        progress(Event("start", "network/vpc", "create"))
        assert progress.stopping()
        assert "stopping: 1 in flight" in drawn(progress, console)
        progress(Event("note", text="rolling back"))
        progress(Event("start", "database/redis", "delete"))
        progress(Event("done", "database/redis", "delete", "x", 1.0))
        assert "database    " not in drawn(progress, console)
    assert out.getvalue().count("✓ database 2 done") == 1
    assert not progress.stopping(), "nothing is drawn any more: whoever asks says it himself"


def test_a_rollback_counts_down_its_own_time_and_goes_on_with_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, clock, out, console = watched(monkeypatch, terminal=True)
    kinds = {path: kind for path, s in documented().by_path.items() for kind in s.kinds}
    with progress:
        progress(Event("start", "database/redis", "create"))
        clock.now += 100
        progress(Event("done", "database/redis", "create", "r", 100.0))
        progress(Event("note", text="rolling back"))
        assert "left" not in drawn(progress, console), "what is left of the plan is not what is left now"
        redis = Action("database/redis", "delete", kinds["database/redis"], ReplicationGroup("x"))
        progress.expect(Countdown(documented(), Reversal(removed=(redis,))))
        progress(Event("start", "database/redis", "delete"))
        clock.now += 90
        text = drawn(progress, console)
        assert "database    " in text
        assert "0/1" in text
        assert "1 min 30 s of ~6 min 40 s" in text
        assert "3 min 10 s so far, about 5 min 10 s left" in text
        clock.now += 300
        progress(Event("done", "database/redis", "delete", "r", 390.0))
        assert "left" not in drawn(progress, console)
    assert "✓ database 1 undone after 8 min 10 s" in out.getvalue()
    assert progress.counts == {"created": 1, "deleted": 1}
