"""A plan for a person: by phase in the documented order, a line a resource, what differs inside it by meaning.

Colours are the terminal's own sixteen, so that they can be read on light and on dark; every mark is told by its sign
as well, so that nothing is lost without colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from reptiops.cost import Difference
from reptiops.engine.action import Action, Verb
from reptiops.engine.canonical import plain
from reptiops.engine.forecast import Forecast
from reptiops.engine.graph import PHASES
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Change
from reptiops.report import fields
from reptiops.report.durations import duration
from reptiops.report.fields import differences, known, short, words
from reptiops.report.folding import folded
from reptiops.report.hints import completed

MARKS = {
    "create": "[green]+[/]",
    "update": "[yellow]~[/]",
    "replace": "[magenta]±[/]",
    "delete": "[red]-[/]",
    "foreign": "[red]![/]",
    "restore": "[yellow]~[/]",
}
VERBS: tuple[Verb, ...] = ("create", "update", "replace", "delete", "foreign")
SLOW = 20.0
"""Seconds from which the expected time of one resource is worth a word."""
ALLOWED = 12
"""So many addresses that need --allow-replace are named; each has its sign above."""
_SIGNS = {"added": "[green]+[/]", "removed": "[red]-[/]"}


def say(console: Console, markup: str, indent: int = 0, hang: int = 0) -> None:
    """One line. On a terminal it is folded under its own beginning, `hang` columns further in; in a log it stays one
    line, to be searched.
    """
    text = Text.from_markup(completed(markup, escape), emoji=False)  # `:secret:` is part of an ARN
    if not console.is_terminal:
        console.print(Text(" " * indent).append(text), highlight=False, soft_wrap=True)
        return
    text.expand_tabs(8)
    for number, line in enumerate(text.split(allow_blank=True)):
        for part in folded(line.plain, console.width, indent + hang * bool(number), indent + hang, cell_len):
            shown = Text(" " * part.column).append_text(line[part.start : part.end])
            console.print(shown, highlight=False, soft_wrap=True)  # such as an ARN that no line can hold stays whole


def show_plan(
    console: Console,
    plan: Plan,
    verbose: bool = False,
    cost: Difference | None = None,
    allow: Collection[str] = (),
) -> None:
    """All of it; with `cost`, what it does to the monthly bill. `allow`: addresses for which it needs --allow-replace. A
    quiet console shows nothing.
    """
    for phase, actions in by_phase(plan.changes).items():
        counts = Counter(a.verb for a in actions)
        told = ", ".join(f"{counts[v]} {_to(v)}" for v in VERBS if counts[v])
        say(console, f"[bold]{phase}[/]  [dim]{told}[/]")
        for action in actions:
            _show_action(console, action, [*_remarks(action, plan.forecast, cost)], verbose)
    if plan.changes:
        console.print()
    show_notes(console, plan.notes)
    say(console, summary(plan))
    for line in outlook(plan, cost):
        say(console, line, hang=6)
    if allow:
        more = [f"and {len(allow) - ALLOWED} more"] if len(allow) > ALLOWED else []
        say(console, f"[yellow]needs --allow-replace:[/] {escape(', '.join([*list(allow)[:ALLOWED], *more]))}", hang=6)
    show_refusals(console, plan)


def show_refusals(console: Console, plan: Plan) -> None:
    """Why a plan cannot be carried out: last, where it is read. What is refused for one reason is named together."""
    reasons: dict[str, list[str]] = {}
    for address, why in plan.stuck.items():
        reasons.setdefault(why, []).append(address)
    for why, addresses in reasons.items():
        say(console, f"[red]refused:[/] {escape(', '.join(addresses))}: {escape(why)}", hang=6)
    if reasons:
        say(console, "[red]This plan cannot be carried out as things are.[/]")


def _to(verb: str) -> str:
    return "in the way" if verb == "foreign" else f"to {verb}"


def by_phase(changes: Iterable[Action]) -> dict[str, list[Action]]:
    """In the documented order; a phase that has no changes is left out."""
    found: dict[str, list[Action]] = {phase: [] for phase in PHASES}
    for action in changes:
        found.setdefault(action.phase, []).append(action)
    return {phase: actions for phase, actions in found.items() if actions}


def _show_action(console: Console, action: Action, remarks: list[str], verbose: bool) -> None:
    head = f"  {MARKS[action.verb]} {escape(action.address)}"
    line = "  ".join([head, *remarks])
    if not console.is_terminal or Text.from_markup(line, emoji=False).cell_len <= console.width:
        say(console, line)
    else:
        say(console, head)
        say(console, "  ".join(remarks), 6)
    if action.verb in ("update", "replace", "foreign"):
        for change in action.changes:
            show_change(console, change)
    elif verbose and action.verb == "create" and action.want is not None:
        for path, value in _settings(action):
            say(console, f"{escape(path)}: {escape(value)}", 6)


def _remarks(action: Action, forecast: Forecast | None, cost: Difference | None) -> Iterator[str]:
    """The id, and what is worth a word: how long, how much, how far it can be undone."""
    if action.live is not None:
        yield f"[dim]{escape(brief(action.live.id))}[/]"
    if action.going is not None:
        yield f"[yellow]when {escape(brief(action.going.id))} is gone, which AWS is deleting[/]"
    leg = forecast.legs.get(action.address) if forecast else None
    if leg is not None and leg.seconds >= SLOW:
        yield f"[dim]~{duration(leg.seconds)}[/]"
    amount = cost.by_address.get(action.address, 0.0) if cost else 0.0
    if abs(amount) >= 0.5:
        yield f"[dim]{_dollars(amount)} a month[/]"
    if action.brought_forward:
        yield "[dim](brought forward)[/]"
    if action.meanwhile:
        yield f"[yellow]{escape(action.meanwhile)}[/]"
    undo = _undo(action)
    if undo:
        yield undo


def brief(identifier: str) -> str:
    """The part of an id by which a person knows the thing; of an ARN that is what follows its kind."""
    return identifier.rsplit("/" if "/" in identifier else ":", 1)[-1] if identifier.startswith("arn:") else identifier


def _dollars(amount: float) -> str:
    """`+$32.85`, `-$12.41`: a change, so always with its sign; what rounds to nothing is no loss."""
    amount = round(amount, 2)
    return f"{'+' if amount >= 0 else '-'}${abs(amount):,.2f}"


def _undo(action: Action) -> str:
    """How far it can be undone. That a created thing can be removed again goes without saying."""
    how = action.undoing
    if action.verb in ("create", "foreign") and how.undo == "reversible":
        return ""
    colour = {"reversible": "dim", "reversible with data loss": "yellow", "one-way": "red"}[how.undo]
    return f"[{colour}]{how.undo}{f': {escape(how.why)}' if how.why else ''}[/]"


def _settings(action: Action) -> Iterator[tuple[str, str]]:
    """What will be set on a new resource, a line a field; what is empty or not set goes without saying."""
    whole = plain(action.want)
    if isinstance(whole, dict):
        for name, value in whole.items():
            if value not in (None, "", [], {}):
                yield name, short(words(value))


def show_change(console: Console, change: Change) -> None:
    """A differing field: what AWS has → what is wanted, or what comes and goes."""
    forced = "  [magenta](forces a replacement)[/]" if change.fixed else ""
    found = differences(change.path, change.has, change.want)
    for path, alike in groupby(found, lambda d: d.path):
        some = list(alike)
        listed = len(some) > 1 or (path == change.path and isinstance(change.want, list))
        if listed and all(one.what != "changed" for one in some):
            say(console, f"{escape(path)}{forced}", 6)
            for one in some:
                value = one.want if one.what == "added" else one.has
                say(console, f"{_SIGNS[one.what]} {escape(short(words(value)))}", 8)
        else:
            for one in some:
                say(console, f"{_difference(one)}{forced}", 6)


def _difference(one: fields.Difference) -> str:
    if one.what in _SIGNS and (one.nameless or one.path.find("[") >= 0):
        value = one.want if one.what == "added" else one.has
        return f"{escape(one.path)}: {_SIGNS[one.what]} {escape(short(words(value)))}"
    if fields.is_long(one):
        return f"{escape(one.path)}: {one.what}"
    has, want = sides(one)
    return f"{escape(one.path)}: {escape(short(has))} → {escape(short(want))}"


def sides(one: fields.Difference) -> tuple[str, str]:
    """What is there and what will be, in words. Of ARNs that is the part that tells them apart."""
    want = "(known after apply)" if isinstance(one.want, str) and known(one.want) != one.want else words(one.want)
    has = words(one.has)
    if has.startswith("arn:") and want.startswith(("arn:", "(")) and inside(has) != inside(want):
        return inside(has), inside(want)
    return has, want


def inside(arn: str) -> str:
    """What an ARN says behind region and account."""
    return arn.split(":", 5)[-1] if arn.startswith("arn:") else arn


def summary(plan: Plan) -> str:
    """`Plan: 12 to create, …` or that nothing needs doing."""
    same = plan.count("none")
    if not plan.changes and plan.partial:
        return f"[green]Nothing to do:[/] what was selected, {same} resource{'s' * (same != 1)}, is as it should be."
    if not plan.changes:
        return f"[green]Nothing to do:[/] {same} resources are as they should be."
    parts = [f"{plan.count(v)} {_to(v)}" for v in VERBS if plan.count(v)]
    rest = f"{same} unchanged"
    if plan.partial:
        rest = f"{rest} of what was selected" if same else "nothing else was selected"
    return f"[bold]Plan:[/] {', '.join(parts)}; {rest}."


def outlook(plan: Plan, cost: Difference | None = None) -> Iterator[str]:
    """How long it is expected to take and what holds it up, what it costs, and what cannot be undone."""
    if plan.forecast is not None:
        yield from expected(plan.forecast)
    if cost is not None and (round(cost.typical, 2) or round(cost.fixed, 2)):
        before, after = cost.before.total.typical, cost.after.total.typical
        until = " until the services have images" if any(n.startswith("no image yet") for n in plan.notes) else ""
        yield (
            f"[bold]Cost:[/] {_dollars(cost.typical)} a month at typical traffic{until} (${before:,.2f} → ${after:,.2f}), "
            f"{_dollars(cost.fixed)} of it fixed."
        )
    if cost is not None and plan.changes and cost.after.unpriced:
        yield f"[bold]Cost:[/] without {escape(', '.join(cost.after.unpriced))}, no price known."
    ways = Counter(a.undoing.undo for a in plan.changes)
    hard = [f"{ways[w]} {w}" for w in ("one-way", "reversible with data loss") if ways[w]]
    if hard:
        yield f"[bold]Undo:[/] {', '.join(hard)}; the rest can be undone."


def expected(forecast: Forecast) -> Iterator[str]:
    """How long it is expected to take, and what holds it up."""
    if forecast.pole is not None:
        pole = forecast.pole
        alone = f"; the long pole is {escape(pole.address)} ({duration(pole.seconds)})" if pole.seconds >= SLOW else ""
        yield f"[bold]Time:[/] about {duration(forecast.seconds)}{alone}."


def show_notes(console: Console, notes: Iterable[str]) -> None:
    """What a person should know, one line each."""
    for note in notes:
        say(console, f"[yellow]note:[/] {escape(note)}", hang=6)
