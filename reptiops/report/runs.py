"""Runs as journals tell them, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from reptiops.app import Explained, Run
from reptiops.app.diagnosis import Down
from reptiops.app.failure import so_many, ways_of
from reptiops.app.history import Deed, Left
from reptiops.engine.lock import Lease
from reptiops.engine.recover import Unfinished
from reptiops.report.durations import duration
from reptiops.report.failures import remedy, symptom_lines
from reptiops.report.hints import ENVIRONMENT
from reptiops.report.plans import MARKS, inside, say
from reptiops.report.progress import DONE

COLOURS = {"running": "cyan", "ended": "green", "undone": "yellow", "failed": "red", "did not end": "red"}


WORDS = {**DONE, "accept": "accepted", "adopt": "adopted", "stop": "stopped", "start": "started"}
IN_DOUBT = "In doubt: begun, and no answer is recorded"
IN_FLIGHT = "Being done"
BEGUN = {"retire": "retire (being switched off)"}
"""What a verb that nobody knows means."""
NO_ID = " request-id"
"""What an emulator says in place of a request's id: it helps no support case, so nobody is shown it."""
HEAD = 9
"""Columns of what a line is about."""


def ended(one: Run) -> str:
    """How a run ended, in a word or two; of one that a person stopped, what became of what it had done."""
    if one.undone_by or one.finished_by:
        return f"undone by {one.undone_by}" if one.undone_by else f"finished by {one.finished_by}"
    if one.undid:
        more = f" and {len(one.undid) - 1} more" if one.undid[1:] else ""
        return f"{one.ending}, undid {one.undid[0]}{more}"
    if not one.interrupted:
        return "did not end, nothing begun" if one.idle and one.ending == "did not end" else one.ending
    return {"ended": "interrupted", "undone": "interrupted, rolled back", "failed": "interrupted, kept"}.get(
        one.ending, one.ending
    )


def elapsed(lease: Lease) -> float:
    """Seconds since somebody took the environment; clocks of two machines may differ."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(lease.since)).total_seconds())


def running(lease: Lease) -> str:
    """Who is at work, and since when."""
    return f"{lease.operation} is running: {lease.who} on {lease.host}, process {lease.pid}, since {duration(elapsed(lease))}."


def unsettled(lease: Lease | None, doubt: Unfinished, environment: str) -> str:
    """One line for who looks at something else: that a run is at work, or did not end, and what can be done; or nothing."""
    if lease is not None:
        return f"{running(lease)} What is shown may be its doing: look again afterwards."
    if doubt.empty:
        return ""
    runs = ", ".join(f"{operation} {name}" for name, operation in zip(doubt.runs, doubt.operations, strict=False))
    ways = ways_of(doubt, environment)
    return f"Did not end: {runs}. {so_many(ways)}: " + " or ".join(f"`{one}` ({what})" for one, what in ways) + "."


def run(one: Run) -> dict[str, Any]:
    """One run."""
    left = [dict(vars(each)) for each in one.left]
    listed = {"failures": list(one.failures), "left": left, "undid": list(one.undid)}
    return {**vars(one), "changes": dict(one.changes), **listed}


def explained(found: Explained) -> dict[str, Any]:
    """A run in full."""
    return {
        **run(found.run),
        "ways_out": [command for command, _ in found.ways_out],
        **{
            name: [{**vars(d), "fields": list(d.fields), "requests": list(d.requests)} for d in deeds]
            for name, deeds in (
                ("done", found.done),
                ("failed", found.failed),
                ("in_doubt", found.doubtful),
                ("undone", found.undone),
            )
        },
        "services_down": [_down(one) for one in found.down],
    }


def _down(one: Down) -> dict[str, Any]:
    """A service that did not come up, for machines."""
    said = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(one.symptoms).items()}
    return {"address": one.address, **said, "do": remedy(one.symptoms, ENVIRONMENT.get())}


def show_history(console: Console, runs: Iterable[Run]) -> None:
    """A line a run, newest first, and one for each failure."""
    listed = list(runs)
    wide = {
        "operation": max((len(one.operation) for one in listed), default=0),
        "ended": max((len(ended(one)) for one in listed), default=0),
        "took": max((len(duration(one.seconds)) for one in listed), default=0),
    }
    for one in listed:
        changes = [f"{n} {WORDS.get(verb, verb)}" for verb, n in sorted(one.changes.items())] or ["no change"]
        changes += [f"{len(one.left)} left"] if one.left else []
        ending = f"[{COLOURS[one.ending]}]{ended(one):{wide['ended']}}[/]"
        took = f"{duration(one.seconds):>{wide['took']}}"
        by = f"[dim]{escape(f'{one.user} {one.git}'.strip())}[/]"
        head = f"{one.id}  {one.operation:{wide['operation']}}  {ending}  {took}"
        listed_changes = [*(f" {one}," for one in changes[:-1]), f" {changes[-1]}"]
        _say_parts(console, [head, f" {listed_changes[0]}", *listed_changes[1:], f"  {by}"], hang=4)
        for failure in one.failures:
            say(console, f"[red]failed[/] {escape(failure.removesuffix(NO_ID))}", 4)


def _say_parts(console: Console, parts: Iterable[str], hang: int) -> None:
    """A line of parts, each with the space before it, which on a terminal is broken between them and not inside."""
    line = ""
    for part in parts:
        if line and console.is_terminal and Text.from_markup(f"{line}{part}", emoji=False).cell_len > console.width:
            say(console, line, hang=2 * hang)
            line = " " * hang + part.lstrip()
        else:
            line += part
    say(console, line, hang=2 * hang)


def show_explained(console: Console, found: Explained) -> None:
    """Who, when, what was done, what failed and why, what was undone, and what can be done now."""

    one = found.run
    by = f", by the playbook {escape(one.playbook)}" if one.playbook else ""
    say(console, f"[bold]{one.operation}[/] {one.id}: [{COLOURS[one.ending]}]{ended(one)}[/]{by}")
    say(console, f"  by       {escape(one.who or 'somebody')}, {escape(one.user)}")
    took = (
        f"{duration(one.seconds)} until its last word" if one.ending == "running" else f"took {duration(one.seconds)}"
    )
    say(console, f"  began    {one.at}, {took}")
    say(console, f"  with     reptiops {one.version}{f', commit {one.git}' if one.git else ''}")
    if one.undone_by:
        say(console, f"  undone   by the run {one.undone_by}")
    if one.finished_by:
        say(console, f"  finished by the run {one.finished_by}")
    for title, deeds in (
        ("Done", found.done),
        ("Failed", found.failed),
        (IN_FLIGHT if one.ending == "running" else IN_DOUBT, found.doubtful),
        ("Undone", found.undone),
    ):
        if deeds:
            say(console, f"[bold]{title}[/]")
        for deed in deeds:
            _show_deed(console, deed)
    if found.left:
        say(console, "[bold]Left[/]")
    for left in found.left:
        _show_left(console, left)
    if one.why:
        say(console, "[bold]Why it stopped[/]")
        for line in one.why.splitlines():
            say(console, escape(line), 2, hang=2)
    for service in found.down:
        _show_down(console, service)
    if found.ways_out:
        say(console, f"[bold]{so_many(found.ways_out)}[/]")
        for command, what in found.ways_out:
            say(console, command, 2, hang=4)
            say(console, what, 6)


def _show_down(console: Console, one: Down) -> None:
    say(console, f"[bold]What AWS said of {escape(one.address)}[/]")
    for head, line in (*symptom_lines(one.symptoms), ("do", remedy(one.symptoms, ENVIRONMENT.get()))):
        say(console, f"{head:{HEAD}}{escape(line)}", 2, hang=HEAD)


def _show_left(console: Console, left: Left) -> None:
    what = {"missing": "is missing", "extra": f"nobody declared this {left.kind}"}.get(left.what, left.field)
    identifier = inside(left.id) if console.is_terminal else left.id
    say(console, escape(f"· {left.address}  {identifier}  {left.risk}  {what}  ({left.why})"), 2, hang=4)


def _show_deed(console: Console, deed: Deed) -> None:
    fields = f" ({', '.join(deed.fields)})" if deed.fields else ""
    identifier = inside(deed.id) if console.is_terminal else deed.id
    parts = [
        BEGUN.get(deed.verb, deed.verb) + escape(fields),
        escape(identifier),
        duration(deed.seconds) if deed.seconds >= 0.1 else "",
    ]
    line = f"  {MARKS.get(deed.verb, '·')} {escape(deed.address)}  {'  '.join(p for p in parts if p)}"
    say(console, line, hang=6)
    if deed.why:
        say(console, escape(deed.why), 6)
    if deed.requests:
        requests = ", ".join(one.removesuffix(NO_ID) for one in deed.requests)
        say(console, f"[dim]{escape(requests)}[/]", 6)
