"""A run while it goes on. On a terminal: the phases and what is in flight, drawn in place, and above it a line for
what a person will want to find again. In a log: a line for each thing that happened, and one a minute while nothing does.

Threads tell it things and a thread draws it, so nothing is printed while the guard is held: printing takes rich's lock,
and drawing, which holds that lock, takes the guard.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live as Drawing
from rich.markup import escape
from rich.text import Text

from reptiops.engine.eta import ENDS, LATE, Countdown
from reptiops.engine.events import Event
from reptiops.engine.forecast import Leg
from reptiops.engine.graph import PHASES
from reptiops.report.durations import duration
from reptiops.report.plans import MARKS, SLOW, say

DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "restore": "restored"}
DOING = {
    "create": "creating",
    "update": "updating",
    "replace": "replacing",
    "delete": "deleting",
    "restore": "setting back",
}
BEAT = 60.0
"""Seconds of silence after which a log says what is being waited for: some CI systems end a job that says nothing."""
BAR = 24
AROUND = 6
"""Lines of a terminal that the drawing leaves free: the prompt, and some of what was printed before."""


@dataclass
class Flight:
    """One address on its way."""

    address: str
    verb: str
    began: float
    word: str = ""
    """AWS's word for where it is, and why it takes so long."""
    expected: float | None = None


@dataclass
class Board:
    """What is known of a run: how much there is to do, by phase, what is done, and what is in flight. No clock of its own."""

    totals: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    flights: dict[str, Flight] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)

    ended: set[str] = field(default_factory=set)

    def take(self, event: Event, now: float) -> None:
        """Take in one event."""
        phase = event.address.split("/")[0]
        if event.word == "start":
            expected = self.expected.get(event.address)
            self.flights[event.address] = Flight(event.address, event.verb, now, expected=expected)
        elif event.word in ("wait", "retry") and event.address in self.flights:
            again = f"asking again, {event.text}" if event.word == "retry" else event.text
            self.flights[event.address].word = again
        elif event.word in ENDS:
            self.flights.pop(event.address, None)
        if event.word in ENDS - {"failed"} and event.address not in self.ended:
            self.ended.add(event.address)
            self.done[phase] += 1
        if event.word == "done":
            word = DONE.get(event.verb, event.verb)
            self.counts[word] = self.counts.get(word, 0) + 1

    def turn_to(self, legs: Mapping[str, Leg]) -> None:
        """Something else is to be done from here on: a plan, or a rollback after it."""
        self.totals = Counter(address.split("/")[0] for address in legs)
        self.expected = {address: leg.seconds for address, leg in legs.items()}
        self.done.clear()
        self.ended.clear()

    def finished(self, phase: str) -> bool:
        """Whether all of a phase is done."""
        return bool(self.totals[phase]) and self.done[phase] >= self.totals[phase]


class Progress:
    """The sink of a run. As a context manager it draws on a terminal and speaks up in a log; without, it only logs."""

    def __init__(
        self,
        console: Console,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
        *,
        sandbox: bool = False,
    ):
        """With `sandbox` it says that the times it expects are AWS's: there things take a fraction of them."""
        self._console, self._verbose, self._clock = console, verbose, clock
        self._whose = " on AWS, less here" if sandbox else ""
        self._guard = threading.RLock()  # a drawing draws itself once while it is made
        self._started = self._turned = self._spoke = clock()
        self._board = Board()
        self._countdown: Countdown | None = None
        self._drawing: Drawing | None = None
        self._over = threading.Event()
        self._entered = self._stopping = self._expected = False
        self._announced: set[str] = set()

    @property
    def counts(self) -> Mapping[str, int]:
        """`created` → how many, and so on."""
        return self._board.counts

    @property
    def live(self) -> bool:
        """Whether there is a terminal to draw on. A CI job that forces colour is none."""
        console = self._console
        return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal and "CI" not in os.environ

    # -- what it is told --

    def expect(self, countdown: Countdown) -> None:
        """What is going to be done, and how long it is expected to take; called again when a run turns back."""
        with self._guard:
            self._turned = self._clock()
            if not self._expected:
                self._started, self._expected = self._turned, True
            self._countdown = countdown
            self._announced.clear()
            self._board.turn_to(countdown.forecast(0.0).legs)

    def _since_turned(self) -> float:
        """Seconds of what is counted down."""
        return self._clock() - self._turned

    def _left(self) -> float:
        """Seconds that are left; 0 where that is not known."""
        return self._countdown.remaining(self._since_turned()) if self._countdown else 0.0

    def stopping(self) -> bool:
        """Somebody wants to stop. Whether a drawing says so; called by a signal's handler, so it takes no lock."""
        self._stopping = True
        return self._drawing is not None

    def __call__(self, event: Event) -> None:
        """Take in one event, and show it."""
        with self._guard:
            now = self._clock() - self._started
            self._board.take(event, now)
            if event.word == "note" and event.text.startswith("rolling back"):
                self._countdown = None  # what goes on from here is no part of the plan; what it is, is told next
                self._board.turn_to({})
            if self._countdown is not None:
                self._countdown.note(event, self._since_turned())
            drawn = self._entered and self.live
            line = self._drawn_line(event) if drawn else self._line(event)
            if line and not drawn:
                line = f"[dim]{now:6.1f}s[/] {line}"
            self._spoke = self._clock() if line else self._spoke
            start = drawn and self._drawing is None and event.word == "start" and not self._over.is_set()
            if start:
                self._drawing = Drawing(
                    console=self._console, get_renderable=self.draw, refresh_per_second=4, transient=True
                )
        if start and self._drawing is not None:
            self._drawing.start()
        for one in line.splitlines() if drawn else ():
            say(self._console, one, hang=2)
        if line and not drawn:
            self._console.print(line, highlight=False, soft_wrap=True)

    def _line(self, event: Event, drawn: bool = False) -> str:
        address = escape(event.address)
        if event.word == "done":
            word, took = DONE.get(event.verb, event.verb), duration(event.seconds) if event.seconds >= SLOW else ""
            room = self._console.width - len(f"+ {event.address} {word}  {took}")
            name = "" if drawn and len(event.text) > room else f" [dim]{escape(event.text)}[/]"  # an ARN: see `status`
            return f"{MARKS.get(event.verb, '·')} {address} {word}{name}{took and f' [dim]{took}[/]'}"
        if event.word == "wait":
            return f"… {address} {escape(event.text or 'waiting')} [dim]({duration(event.seconds)})[/]"
        if event.word == "retry":
            return f"… {address} {event.verb}: asking again, {escape(event.text)}"
        if event.word == "kept":
            return f"[yellow]=[/] {address} stays: {escape(event.text)}"
        if event.word == "failed":
            return f"[red]✗ {address} {escape(event.text)}[/]"
        if event.word == "note":
            return f"[yellow]{escape(event.text)}[/]"
        if event.word == "same":
            return f"[dim]= {address} is as it was[/]" if self._verbose else ""
        return f"[dim]  {address} {event.verb} …[/]" if self._verbose else ""

    def _drawn_line(self, event: Event) -> str:
        """Above a drawing: what went wrong, what took long, and each phase when it is done."""
        if event.word in ("failed", "kept", "note") or (self._verbose and event.word in ("done", "retry", "same")):
            return self._line(event, drawn=True)
        if event.word != "done":
            return ""
        phase = event.address.split("/")[0]
        lines = [self._line(event, drawn=True)] if event.seconds >= SLOW else []
        if self._board.finished(phase) and phase not in self._announced:
            self._announced.add(phase)
            took = duration(self._clock() - self._started)
            word = "undone" if self._countdown is not None and self._countdown.back else "done"
            lines.append(f"[green]✓[/] [bold]{phase}[/] {self._board.totals[phase]} {word} after {took}")
        return "\n".join(lines)

    # -- drawing --

    def draw(self) -> RenderableType:
        """The phases, what is in flight, and what is left."""
        with self._guard:
            now = self._clock() - self._started
            board = self._board
            late = set(self._countdown.late(self._since_turned())) if self._countdown else set()
            flights = sorted(board.flights.values(), key=lambda f: f.began - (f.expected or 0.0))
            room = max(1, self._console.height - AROUND - len(board.totals))
            rows: list[RenderableType] = [self._phase(phase) for phase in PHASES if board.totals[phase]]
            rows.append(self._flights(flights[:room], late, now, max(0, room - len(flights))))
            rows.append(Text.from_markup(self._footer(now, len(flights) - room), emoji=False))
        return Group(*rows)

    def _phase(self, phase: str) -> Text:
        done, total = self._board.done[phase], self._board.totals[phase]
        full = min(BAR, BAR * done // total)
        return Text.from_markup(
            f"{phase:11} [green]{'━' * full}[/][dim]{'─' * (BAR - full)}[/] {done}/{total}", overflow="ellipsis"
        )

    def _flights(self, flights: list[Flight], late: set[str], now: float, spare: int) -> Group:
        """A line each: the address and the time whole, AWS's word as far as there is room. A word that is longer has one
        of the lines to spare to itself.
        """
        # One long address takes its own line's room, not everybody's.
        widest = min(max((len(f.address) for f in flights), default=0), self._console.width // 2 - 4)
        rows = []
        for one in flights:
            elapsed = f"{now - one.began:.0f} s" if now - one.began < 10 else duration(now - one.began)
            of = f" of ~{duration(one.expected)}" if one.expected and one.expected >= SLOW else ""
            overdue = one.address in late or LATE in one.word
            of += ", late" if overdue else ""  # a colour alone tells nothing to many
            wide = max(widest, len(one.address))
            room = self._console.width - wide - len(elapsed + of) - 6
            style = "yellow" if overdue else "dim"
            row = Text(f"  {one.address:{widest}}  {elapsed}{of}", overflow="ellipsis", no_wrap=True)
            row.stylize(style, wide + 4)
            word = Text(one.word.replace(f", {LATE}", "") or DOING.get(one.verb, one.verb), style)
            below = word.cell_len > room and spare > 0
            if not below and room >= 4:
                word.truncate(room, overflow="ellipsis")
                row.append("  ").append(word)
            rows.append(row)
            if below:
                spare -= 1
                word.truncate(self._console.width - 6, overflow="ellipsis")
                rows.append(Text("      ").append(word))
        return Group(*rows)

    def _footer(self, now: float, more: int) -> str:
        parts = [f"{more} more in flight"] if more > 0 else []
        parts.append(f"{duration(max(now, 10.0)) if now >= 10 else f'{now:.0f} s'} so far")
        left = self._left()
        if left >= 10:
            parts.append(f"about {duration(left)} left{self._whose}")
        elif self._board.totals and all(self._board.finished(phase) for phase in self._board.totals):
            parts.append("looking at AWS again")
        if self._stopping:
            parts = [f"[yellow]stopping[/]: {len(self._board.flights)} in flight may end; again to stop at once"]
        return f"[dim]{', '.join(parts)}[/]"

    # -- as a context --

    def __enter__(self) -> Self:
        """From now on there is somebody who reads along."""
        self._entered = True
        if not self.live and not self._console.quiet:
            threading.Thread(target=self._speak_up, name="progress", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the terminal as a person expects it."""
        self._over.set()
        self.pause()

    def pause(self) -> None:
        """Take the drawing away, so that a question can be asked; it comes back with the next thing that starts."""
        with self._guard:
            drawing, self._drawing = self._drawing, None
            self._stopping = False
        if drawing is not None:
            drawing.stop()

    def _speak_up(self) -> None:
        while not self._over.wait(BEAT / 4):
            line = self.beat()
            if line:
                self._console.print(line, highlight=False, soft_wrap=True)

    def beat(self) -> str:
        """What a log says after a minute of silence: what is in flight, how long already, and what is left."""
        with self._guard:
            clock = self._clock()
            flights = sorted(self._board.flights.values(), key=lambda f: f.began)
            if clock - self._spoke < BEAT or not flights:
                return ""
            self._spoke, now = clock, clock - self._started
            some = [self._waiting(one, now) for one in flights[:4]]
            more = [f"{len(flights) - 4} more"] if len(flights) > 4 else []
            left = self._left()
            rest = f"; about {duration(left)} left{self._whose}" if left >= 10 else ""
        return f"[dim]{now:6.1f}s[/] … waiting for {', '.join([*some, *more])}{rest}"

    @staticmethod
    def _waiting(one: Flight, now: float) -> str:
        of = f" of ~{duration(one.expected)}" if one.expected and one.expected >= SLOW else ""
        word = f": {escape(one.word)}" if one.word else ""
        return f"{escape(one.address)} ({duration(now - one.began)}{of}{word})"
