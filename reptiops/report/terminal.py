"""Results as lines for a person: on a terminal, and plain in a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console

from reptiops.engine.resource import Live
from reptiops.engine.state import Entry
from reptiops.report.plans import brief
from reptiops.report.progress import Progress as Progress

ID = 24
"""Columns that an id takes: most of AWS's are shorter, ARNs longer."""


def show_status(console: Console, rows: Iterable[Mapping[str, str]]) -> None:
    """Each resource: address, id, live status, age. A line each, so that it can be searched; on a terminal that is too
    narrow for that a second line, indented, with what stands behind the address.
    """
    listed = list(rows)
    columns = ("address", "status", "age", "id")
    widths = {c: max([len(c), *(len(row[c]) for row in listed)]) for c in columns[:-1]}
    narrow = console.is_terminal and sum(widths.values()) + 2 * len(columns) + ID > console.width
    for row in listed if narrow else [{c: c for c in columns}, *listed]:
        behind = [row["status"], row["age"], brief(row["id"])]
        if narrow and not row["id"]:
            console.print(f"{row['address']}  {row['status']}", style="bold", markup=False, soft_wrap=True)
        elif narrow:
            console.print(row["address"], style="bold" if not row["id"] else "", markup=False, soft_wrap=True)
            console.print(
                "    " + "  ".join(part for part in behind if part), style="dim", markup=False, soft_wrap=True
            )
        else:
            front = "  ".join(row[c].ljust(width) for c, width in widths.items())
            console.print(_beside(console, front, row["id"]), markup=False, highlight=False, soft_wrap=True)


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
