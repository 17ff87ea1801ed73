"""What could be adopted, and what was, as data and as lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape

from reptiops.engine.adopt import Candidate, Search
from reptiops.report.plans import say, show_change


def candidate(one: Candidate) -> dict[str, Any]:
    """One candidate, with what the next provision would change."""
    return {
        "address": one.address,
        "kind": one.live.has.kind(),
        "id": one.live.id,
        "fields": [{"field": c.path, "live": c.has, "wanted": c.want, "replaces": c.fixed} for c in one.changes],
    }


def found(search: Search) -> dict[str, Any]:
    """Everything that was found, could not be told apart, or is not there."""
    return {
        "candidates": [candidate(one) for one in search.candidates],
        "doubtful": {address: list(ids) for address, ids in search.doubtful.items()},
        "missing": list(search.missing),
    }


def show_candidates(console: Console, candidates: Iterable[Candidate]) -> None:
    """A line each, and under it what differs from the configuration."""
    for one in candidates:
        same = "" if one.changes else " [dim]as configured[/]"
        console.print(f"  {escape(one.address)}  [dim]{escape(one.live.id)}[/]{same}", highlight=False, soft_wrap=True)
        for change in one.changes:
            show_change(console, change)


def show_found(console: Console, environment: str, search: Search) -> None:
    """What there is, and how to take it over."""
    if search.candidates:
        console.print("[bold]These exist already and could be adopted:[/]")
        show_candidates(console, search.candidates)
    for address, ids in search.doubtful.items():
        console.print(f"  {escape(address)} could be any of {', '.join(ids)}", highlight=False, soft_wrap=True)
    if not (search.candidates or search.doubtful or search.missing):
        console.print(f"Nothing is left to adopt: {environment} has all that it declares.", highlight=False)
        return
    counts = f"{len(search.candidates)} found, {len(search.doubtful)} in doubt, {len(search.missing)} not there."
    console.print(counts, highlight=False)
    if search.candidates or search.doubtful:
        say(console, f"reptiops adopt {environment} ADDRESS ID   takes over one", 2, hang=4)
        say(console, f"reptiops adopt {environment} --all        takes over all that were found", 2, hang=4)
        say(console, "Adopting tags and records. It changes nothing; what differs is changed by the next provision.")
