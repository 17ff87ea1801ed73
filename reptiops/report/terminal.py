"""Results as lines for a person: on a terminal, and plain in a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from reptiops.engine.resource import Live
from reptiops.engine.state import Entry
from reptiops.report.plans import brief
from reptiops.report.progress import Progress as Progress

ID = 24
"""Columns that an id takes: most of AWS's are shorter, ARNs longer."""
WORD = 14
"""Columns that a status takes where there is little room, such as `0 of 0 running`; one for which there is no room moves its
own line.
"""
SHORTER = {"INSUFFICIENT_DATA": "no data yet", "PENDING_VALIDATION": "validating"}
"""AWS's words that are too long for a narrow terminal, and what is said there instead."""
SOME = 4
"""Columns from which a part of an id tells something."""


def show_status(console: Console, rows: Iterable[Mapping[str, str]]) -> None:
    """Each resource on a line, so that it can be searched: address, live status, age, id. On a terminal that is too narrow
    for that the status comes first, and an id is cut where the line ends.
    """
    listed = list(rows)
    columns = ("address", "status", "age", "id")
    widths = {c: max([len(c), *(len(row[c]) for row in listed)]) for c in columns[:-1]}
    if console.is_terminal and sum(widths.values()) + 2 * len(columns) + ID > console.width:
        _show_narrow(console, listed)
        return
    for row in [{c: c for c in columns}, *listed]:
        front = "  ".join(row[c].ljust(width) for c, width in widths.items())
        console.print(_beside(console, front, row["id"]), markup=False, highlight=False, soft_wrap=True)


def _show_narrow(console: Console, rows: Iterable[Mapping[str, str]]) -> None:
    listed, cut = [{**row, "status": _shorter(row["status"])} for row in rows], False
    most = max(WORD, console.width - 7 - max((len(row["address"]) for row in listed), default=0))
    wide = max((len(row["status"]) for row in listed if len(row["status"]) <= most), default=0)
    for row in listed:
        line = Text(f"{row['status']:{wide}}  {row['age']:>3}  ", style="" if row["id"] else "bold")
        line.append(row["address"])
        room, identifier = console.width - len(line) - 2, brief(row["id"])
        if identifier and len(identifier) > room:
            cut, identifier = True, f"{identifier[: room - 1]}…" if room > SOME else ""
        line.append(f"  {identifier}" if identifier else "", style="dim")
        console.print(line, highlight=False, soft_wrap=True)
    if cut:
        console.print("Ids are cut to fit; --json and a wider terminal have them whole.", style="dim", soft_wrap=True)


def _shorter(status: str) -> str:
    """Of `INSUFFICIENT_DATA, differs` only the first word is AWS's."""
    word, comma, more = status.partition(",")
    return f"{SHORTER.get(word, word)}{comma}{more}"


def show_entries(console: Console, entries: Iterable[Entry]) -> None:
    """What a state records: a line each, or on a terminal that is too narrow for that the id below."""
    listed = list(entries)
    width = max((len(one.address) for one in listed), default=0)
    for one in listed:
        if console.is_terminal and width + 2 + ID > console.width:
            console.print(one.address, markup=False, highlight=False, soft_wrap=True)
            console.print(f"    {brief(one.id)}", style="dim", markup=False, highlight=False, soft_wrap=True)
        else:
            line = _beside(console, one.address.ljust(width), one.id)
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _beside(console: Console, front: str, identifier: str) -> str:
    """An id at the end of a line; of an ARN that a terminal would break only what tells it apart."""
    line = f"{front}  {identifier}".rstrip()
    return f"{front}  {brief(identifier)}" if console.is_terminal and len(line) > console.width else line


def show_outputs(console: Console, outputs: Mapping[str, str]) -> None:
    """What other people need of the environment: endpoints and ARNs."""
    for name, value in outputs.items():
        console.print(f"  {name} = {value}", highlight=False, markup=False, soft_wrap=True)


def age(live: Live[Any], now: float, recorded: str = "") -> str:
    """How old a resource is: as AWS says, else since `recorded`, the time at which the state says it was made."""
    created = live.created or (datetime.fromisoformat(recorded) if recorded else None)
    if created is None:
        return ""
    seconds = max(0.0, now - created.timestamp())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
