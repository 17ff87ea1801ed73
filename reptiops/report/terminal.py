"""Plans, progress and results as lines for a person: rich on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from reptiops.engine.eta import Forecast
from reptiops.engine.events import Event
from reptiops.engine.graph import PHASES
from reptiops.engine.plan import Action, Plan
from reptiops.engine.resource import Change, Live, is_unknown

MARKS = {
    "create": "[green]+[/]",
    "update": "[yellow]~[/]",
    "replace": "[magenta]±[/]",
    "delete": "[red]-[/]",
    "foreign": "[red]![/]",
}
DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "restore": "restored"}


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 10 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


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


def show_plan(console: Console, plan: Plan, verbose: bool = False) -> None:
    """The plan: grouped by phase in the documented order, a line a resource, a line a differing field."""
    by_phase: dict[str, list[Action]] = {phase: [] for phase in PHASES}
    for action in plan.actions:
        by_phase.setdefault(action.phase, []).append(action)
    for phase, actions in by_phase.items():
        changing = [a for a in actions if a.verb != "none"]
        if not changing:
            continue
        console.print(f"[bold]{phase}[/]")
        for action in changing:
            brought = " [dim](brought forward)[/]" if action.brought_forward else ""
            identifier = f" [dim]{escape(action.live.id)}[/]" if action.live else ""
            console.print(
                f"  {MARKS[action.verb]} {escape(action.address)}{identifier}{brought}{_undo(action)}",
                highlight=False,
                soft_wrap=True,
            )
            for change in action.changes if action.verb in ("update", "replace", "foreign") or verbose else ():
                console.print(f"      {_change(change)}", highlight=False)
    show_notes(console, plan.notes)
    console.print(summary(plan))
    if plan.forecast is not None:
        console.print(expected(plan.forecast))


def expected(forecast: Forecast) -> str:
    """How long it is expected to take, and what holds it up."""
    if forecast.pole is None:
        return ""
    pole = f"{escape(forecast.pole.address)} ({duration(forecast.pole.seconds)})"
    return f"Expected to take {duration(forecast.seconds)}; the longest wait in it is {pole}."


def _undo(action: Action) -> str:
    """How far it can be undone. That a created thing can be removed again goes without saying."""
    how = action.undoing
    if action.verb in ("create", "foreign") and how.undo == "reversible":
        return ""
    colour = {"reversible": "dim", "reversible with data loss": "yellow", "one-way": "red"}[how.undo]
    return f" [{colour}]{how.undo}{f': {escape(how.why)}' if how.why else ''}[/]"


def _change(change: Change) -> str:
    want = "known after apply" if is_unknown(change.want) else escape(_short(change.want))
    forced = " [magenta](forces a replacement)[/]" if change.fixed else ""
    return f"{escape(change.path)}: {escape(_short(change.has))} → {want}{forced}"


def _short(value: Any) -> str:
    if isinstance(value, list | dict) and len(repr(value)) > 160:
        return f"{repr(value)[:157]}…"
    return repr(value) if not isinstance(value, str) else value


def summary(plan: Plan) -> str:
    """`Plan: 12 to create, …` or that nothing needs doing."""
    if not plan.changes:
        return f"[green]Nothing to do:[/] {len(plan.actions)} resources are as they should be."
    parts = [f"{plan.count(v)} to {v}" for v in ("create", "update", "replace", "delete") if plan.count(v)]
    if plan.count("foreign"):
        parts.append(f"{plan.count('foreign')} in the way")
    return f"Plan: {', '.join(parts)}; {plan.count('none')} unchanged."


def show_notes(console: Console, notes: Iterable[str]) -> None:
    """What a person should know, one line each."""
    for note in notes:
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False)


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
