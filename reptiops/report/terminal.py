"""Progress and results as lines for a person: rich on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from reptiops.engine.events import Event
from reptiops.engine.resource import Live
from reptiops.report.plans import MARKS, duration

DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "restore": "restored"}


class Progress:
    """The sink of a run: one line for each thing that happened, in the order in which it happened."""

    def __init__(self, console: Console, verbose: bool = False):
        self._console, self._verbose = console, verbose
        self._guard = threading.Lock()
        self._started = time.monotonic()
        self.counts: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._guard:
            line = self._line(event)
            if line:
                clock = time.monotonic() - self._started
                self._console.print(f"[dim]{clock:6.1f}s[/] {line}", highlight=False, soft_wrap=True)

    def _line(self, event: Event) -> str:
        address = escape(event.address)
        if event.word == "done":
            word = DONE.get(event.verb, event.verb)
            self.counts[word] = self.counts.get(word, 0) + 1
            return f"{MARKS.get(event.verb, '·')} {address} {word} [dim]{escape(event.text)}[/]"
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
        return f"[dim]  {address} {event.verb} …[/]" if self._verbose else ""


def show_status(console: Console, rows: Iterable[Mapping[str, str]]) -> None:
    """Each resource: address, id, live status, age. A line each, never wrapped, so that it can be searched."""
    listed = list(rows)
    columns = ("address", "status", "age", "id")
    widths = {c: max([len(c), *(len(row[c]) for row in listed)]) for c in columns[:-1]}
    for row in [{c: c for c in columns}, *listed]:
        line = "  ".join([*(row[c].ljust(width) for c, width in widths.items()), row["id"]])
        console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)


def show_outputs(console: Console, outputs: Mapping[str, str]) -> None:
    """What other people need of the environment: endpoints and ARNs."""
    for name, value in outputs.items():
        console.print(f"  {name} = {value}", highlight=False, markup=False, soft_wrap=True)


def age(live: Live[Any], now: float) -> str:
    """How old a resource is, where AWS says."""
    if live.created is None:
        return ""
    seconds = max(0.0, now - live.created.timestamp())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
