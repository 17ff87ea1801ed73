"""What a person reads before a teardown or a rollback: all that goes, and then, right above the question, what matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.console import Console
from rich.markup import escape

from reptiops.app import Parting, Undoing
from reptiops.engine.graph import PHASES
from reptiops.report.findings import counted
from reptiops.report.plans import MARKS, brief, by_phase, expected, say

EACH = 3
"""How many of one step are named; more are counted."""
ITEMS = 12
"""How much is named in one list; the rest is counted."""


def show_parting(console: Console, parting: Parting) -> None:
    """The list by phase, what was made last first, and the summary."""
    for phase, actions in reversed(by_phase(parting.actions).items()):
        say(console, f"[bold]{phase}[/]  [dim]{len(actions)} to delete[/]")
        for action in actions:
            identifier = escape(brief(action.live.id)) if action.live else ""
            say(console, f"{MARKS['delete']} {escape(action.address)}  [dim]{identifier}[/]", 2, hang=4)
    console.print()
    show_summary(console, parting)


def show_summary(console: Console, parting: Parting) -> None:
    """How many, what is lost, what stays, how long it takes and which cost ends. It fits where the list has scrolled away."""
    number = counted(len(parting.actions), "resource")
    say(console, f"[bold]{number} of {escape(parting.env.name)} will be destroyed.[/]")
    if parting.lost:
        lost = escape(", ".join(_some(_gathered(parting.lost, parting.unsaved))))
        say(console, f"[red]Lost for good, with what they hold:[/] {lost}.", hang=6)
    for line in _stays(parting):
        say(console, f"[bold]Stays:[/] {escape(line)}.", hang=6)
    for sentence, addresses in parting.may_stay.items():
        some = escape(", ".join(_some(_gathered(addresses))))
        say(console, f"[bold]May stay:[/] {some}: {escape(sentence)}.", hang=6)
    for line in expected(parting.forecast):
        say(console, line, hang=6)
    for line in _ends(parting):
        say(console, line, hang=6)


def _gathered(addresses: Iterable[str], words: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Each address, with what is to be said of it, or of a step with many how many of it."""
    steps: dict[str, list[str]] = {}
    for address in addresses:
        steps.setdefault("/".join(address.split("/")[:2]), []).append(address)
    for step, some in steps.items():
        if len(some) > EACH:
            yield f"all {len(some)} of {step}"
        else:
            yield from (f"{one} ({words[one]})" if one in words else one for one in some)


def _some(items: Iterable[str], most: int = ITEMS) -> list[str]:
    listed = list(items)
    return listed if len(listed) <= most else [*listed[:most], f"and {len(listed) - most} more"]


def _stays(parting: Parting) -> Iterator[str]:
    for sentence, addresses in parting.remains.items():
        yield f"{', '.join(_some(_gathered(addresses)))}: {sentence}"
    if parting.shared:
        yield _roles(parting.shared)
    if parting.foreign:
        yield f"nothing says that reptiops made it: {', '.join(_some(parting.foreign, EACH))}"


def _ends(parting: Parting) -> Iterator[str]:
    """The bill, as it is now: what is parked or has no images costs less than what is configured."""
    amount, without = max(0.0, -parting.cost.typical), parting.cost.before.unpriced
    lacking = f", without {escape(', '.join(_some(without, EACH)))}: no price known" if without else ""
    yield f"[bold]Cost:[/] about ${amount:,.0f} a month at typical traffic ends{lacking}."


def show_undoing(console: Console, undoing: Undoing) -> None:
    """The list by phase, what was made last first; then how much it is, what data it is about, and what stays."""
    listed = (("delete", undoing.removed), ("update", undoing.set_back), ("create", undoing.anew))
    phases: dict[str, list[str]] = {phase: [] for phase in reversed(PHASES)}
    for verb, addresses in listed:
        for address in reversed(addresses):
            phases.setdefault(address.split("/")[0], []).append(f"{MARKS[verb]} {escape(address)}")
    for phase, lines in phases.items():
        if lines:
            say(console, f"[bold]{phase}[/]  [dim]{len(lines)} to undo[/]")
        for line in lines:
            say(console, line, 2, hang=4)
    console.print()
    runs = ", ".join(f"{operation} {run}" for run, operation in undoing.runs.items())
    say(console, f"[bold]Did not end:[/] {runs}.", hang=6)
    words = ("removed", "set back", "made anew")
    totals = ", ".join(f"{len(some)} {word}" for word, (_, some) in zip(words, listed, strict=True) if some)
    say(console, f"[bold]Undoing:[/] {totals or 'nothing to change'}.", hang=6)
    if undoing.may_hold:
        some = escape(", ".join(_some(_gathered(undoing.may_hold))))
        say(console, f"[red]May hold data (what has been filled or long in use by now stays):[/] {some}.", hang=6)
    if undoing.held:
        some = escape(", ".join(_some(_gathered(undoing.held))))
        say(console, f"[red]Was deleted, and what it held does not come back:[/] {some}.", hang=6)
    if undoing.stays:
        say(console, f"[bold]Stays:[/] {_roles(undoing.stays)}.", hang=6)


def _roles(roles: Sequence[str]) -> str:
    return f"{counted(len(roles), 'service-linked role')}, shared with the account"
