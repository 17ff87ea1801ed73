"""Drift and reconcile as plain data and as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape

from reptiops.app.deciding import BY_RULE, UNANSWERED, Braking, Decided
from reptiops.app.upkeep import Drifted, Reconciled
from reptiops.engine.drift import Finding
from reptiops.engine.plan import Plan
from reptiops.operations.who import Deed
from reptiops.plandocument import AtWork, Unended
from reptiops.report.durations import duration
from reptiops.report.fields import Difference, differences, is_long, words
from reptiops.report.plans import brief, inside, say

SCHEMA = 1
SHOWN = 3
"""How many differences of one field a line tells."""
LONG = 400
"""Characters of a value that a line shows."""
WORLD = ("0.0.0.0/0", "::/0")
DATA_PORTS = {5432: "the database's port (PostgreSQL)", 3306: "the database's port (MySQL)", 6379: "the port of Redis"}
SIGNS = {"added": "+", "removed": "-"}
TONES = {"added": "green", "removed": "red"}
COLOURS = {"security": "red", "data": "red", "availability": "yellow", "cost": "cyan", "cosmetic": "dim"}
RANK = {risk: rank for rank, risk in enumerate(COLOURS)}


def finding(one: Finding, deed: Deed | str | None = None) -> dict[str, Any]:
    """One finding, as documented in docs/drift.md."""
    known = {} if deed is None else {"who": deed if isinstance(deed, str) else asdict(deed)}
    return {
        **known,
        "address": one.address,
        "id": one.id,
        "field": one.field,
        "what": one.what,
        "applied": one.applied,
        "live": one.live,
        "risk": one.risk,
        "owner": one.owner,
        "kind": one.kind,
    }


def drift(
    found: Drifted,
    deeds: Mapping[str, Deed | str] | None = None,
    working: AtWork | None = None,
    unended: Unended | None = None,
) -> dict[str, Any]:
    """Everything a drift run found, and whether other runs are at work or did not end."""
    return {
        "schema": SCHEMA,
        "drift": [finding(one, (deeds or {}).get(one.key)) for one in found.findings],
        "pending": [finding(one) for one in found.pending],
        "busy": list(found.busy),
        "braked": found.braking.why,
        "at_work": working and working.model_dump(mode="json"),
        "unfinished": unended and unended.model_dump(mode="json"),
    }


def reconciled(done: Reconciled) -> dict[str, Any]:
    """What a reconcile did."""
    return {
        "schema": SCHEMA,
        "mended": [finding(one) for one in done.mended],
        "left": [{**finding(one), "why": why} for one, why in done.left],
        "followed": list(done.followed),
        "braked": done.braked,
        "seconds": round(done.seconds, 1),
    }


def line(one: Finding) -> str:
    """One finding for a person."""
    risk = f"[{COLOURS[one.risk]}]{one.risk}[/]"
    where = f"{escape(one.address)} [dim]{escape(one.id)}[/]"
    return f"{risk}  {where}  {_what(one)}"


def _what(one: Finding) -> str:
    if one.what == "missing":
        return "is missing"
    if one.what == "extra":
        return f"nobody declared this {escape(in_words(one))}"
    return escape(_changed(one))


def _changed(one: Finding) -> str:
    """What was applied and what is there now, by meaning; a third difference and more are counted."""
    found = differences(one.field, one.applied, one.live)
    told = []
    for path, alike in groupby(found[:SHOWN], lambda d: d.path):
        some = list(alike)
        listed = len(some) > 1 or "[" in path or (path == one.field and isinstance(one.live, list))
        told.append(f"{path}: {', '.join(_sides(each, listed) for each in some)}")
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join([*told, *more])


def _sides(each: Difference, listed: bool) -> str:
    """`a → b`; of an item of a list `+ b` or `- a`."""
    if is_long(each):
        return each.what
    if (listed or each.nameless) and each.what in SIGNS:
        return f"{SIGNS[each.what]} {_cut(words(each.want or each.has))}"
    return f"{_cut(words(each.has))} → {_cut(words(each.want))}"


def _cut(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"


def in_words(one: Finding) -> str:
    """An extra as a person would name it: `security group rule: direction inbound, from port 22, …`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", one.kind.rsplit(".", 1)[-1]).lower()
    fields = one.live if isinstance(one.live, dict) else {}
    told = [
        f"{key.replace('_', ' ')} {_short(value)}{f' ({one.names[value]})' if isinstance(value, str) and value in one.names else ''}"
        for key, value in fields.items()
        if value not in (None, "", [], {})
    ]
    return f"{name}: {', '.join(told)}{_exposed(fields)}" if told else name


def _exposed(fields: Mapping[str, Any]) -> str:
    """What a rule for everybody means, in words."""
    if fields.get("direction") != "inbound" or fields.get("peer") not in WORLD:
        return ""
    low, high = int(fields.get("from_port") or 0), int(fields.get("to_port") or 0)
    every = fields.get("protocol") == "-1"
    behind = [what for port, what in DATA_PORTS.items() if every or low <= port <= high]
    return f": {' and '.join(behind) or 'it'} {'are' if len(behind) > 1 else 'is'} open to the whole internet"


def _short(value: Any) -> str:
    text = inside(words(value))
    return text if len(text) <= 100 else f"{text[:97]}…"


def show_drift(
    console: Console, found: Drifted, deeds: Mapping[str, Deed | str] | None = None, env: str = "ENV"
) -> None:
    """The findings, the worst first, what is pending, what is in the middle of a change. In a log a line each; on a
    terminal what was found at an address stands under it.
    """
    before = ""
    for one in by_risk(found.findings):
        if not console.is_terminal:
            say(console, line(one))
        else:
            if before != (head := f"[bold]{escape(one.address)}[/]  [dim]{escape(brief(one.id))}[/]"):
                say(console, head)
            before = head
            _show_what(console, one)
        deed = (deeds or {}).get(one.key)
        if deed is not None:
            say(console, f"[dim]{escape(_told(deed))}[/]", 4)
    _counted(console, found.findings)
    if found.findings:
        say(
            console,
            f"[dim]`reptiops reconcile {env}` puts back what its playbook repairs; {_keeping(found.findings, env)}[/]",
            hang=2,
        )
    if found.braking.why:
        _show_braking(console, found.braking, env)
    if found.pending:
        absent = sum(one.what == "missing" for one in found.pending)
        numbers = ((absent, "resource"), (len(found.pending) - absent, "field"))
        parts = " and ".join(counted(number, noun) for number, noun in numbers if number)
        say(console, f"[dim]pending, not drift: {parts} of the configuration that nobody has provisioned yet[/]")
    for busy in found.busy:
        say(console, f"[yellow]in the middle of a change:[/] {escape(busy)}")


def _show_braking(console: Console, found: Braking, env: str) -> None:
    """That a reconcile would go no further, and how it does."""
    first = "closes what is open and " if found.closes else ""
    more = f"; `reptiops reconcile {env} --max-changes {found.needs}` goes on" if found.needs else ""
    text = f"`reptiops reconcile {env}` {first}stops at its brake: {found.why}{more}"
    say(console, f"[yellow]{escape(text)}[/]", hang=2)
    _show_risky(console, found.stays)


def _show_risky(console: Console, stays: Iterable[Finding]) -> None:
    """What a brake leaves although it is a matter of security: nobody may take it for closed."""
    names = [f"{one.address} {one.field or one.what}" for one in sorted(stays) if one.risk == "security"]
    if names:
        verb = "stays" if len(names) == 1 else "stay"
        say(console, f"[red]{counted(len(names), 'security finding')} {verb}:[/] {escape(', '.join(names))}", hang=4)


def show_beside(console: Console, plan: Plan, more: bool = False) -> None:
    """What a plan has seen that nobody declared; `more`: also where other such things are looked for."""
    for one in plan.beside:
        say(console, f"[yellow]undeclared:[/] {escape(one.address)}: {escape(in_words(one))}", hang=6)
    if plan.beside:
        what = "that" if len(plan.beside) == 1 else "these"
        say(
            console,
            f"[dim]A provision leaves {what}: `reptiops drift ENV` looks for more, `reptiops reconcile ENV` removes what its "
            "playbook allows.[/]",
            hang=2,
        )
    elif more and plan.live:
        say(console, "[dim]`reptiops drift ENV` also looks for what nobody declared and only carries its tags.[/]")


def _keeping(found: Iterable[Finding], env: str) -> str:
    """How to keep it: only a changed value can be accepted."""
    changed = sorted({escape(f.address) for f in found if f.what == "changed"})
    if not changed:
        return "what shall stay belongs in the configuration"
    address = changed[0] if len(changed) == 1 else "ADDRESS"
    return f"`reptiops accept {env} {address}` keeps what was changed"


def _show_what(console: Console, one: Finding) -> None:
    """What was found, under its address: a line, or one for each of several differences of a field."""
    risk = f"[{COLOURS[one.risk]}]{one.risk}[/]"
    found = differences(one.field, one.applied, one.live) if one.what not in ("missing", "extra") else ()
    if len(found) < 2:
        say(console, f"{risk}  {_what(one)}", 2, hang=4)
        return
    say(console, f"{risk}  {escape(one.field)}", 2)
    for path, alike in groupby(found, lambda d: d.path):
        if path != one.field:
            say(console, escape(path.removeprefix(one.field).lstrip(". ")), 6, hang=2)
        for each in alike:
            sign = f"[{TONES[each.what]}]{SIGNS[each.what]}[/] " if each.what in SIGNS else ""
            say(
                console,
                sign + escape(_sides(each, listed=True).removeprefix(f"{SIGNS.get(each.what, '')} ")),
                8,
                hang=2,
            )


def _told(deed: Deed | str) -> str:
    return deed if isinstance(deed, str) else f"by {deed.who}: {deed.event} at {deed.at[:19]} UTC from {deed.source}"


def by_risk(found: Iterable[Finding]) -> list[Finding]:
    """The worst first; what was found at one address stays together, with the worst of it."""
    listed = list(found)
    worst: dict[str, int] = {}
    for one in listed:
        worst[one.address] = min(RANK[one.risk], worst.get(one.address, len(RANK)))
    return sorted(listed, key=lambda one: (worst[one.address], one.address, RANK[one.risk], one))


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _counted(console: Console, findings: Iterable[Finding]) -> None:
    listed = list(findings)
    if not listed:
        console.print("[green]No drift.[/]")
        return
    console.print(_risks(listed))


def _risks(listed: list[Finding]) -> str:
    """`3 findings: 1 security, 2 cost`."""
    risks = [f"{sum(f.risk == risk for f in listed)} {risk}" for risk in COLOURS if any(f.risk == risk for f in listed)]
    return f"{counted(len(listed), 'finding')}: {', '.join(risks)}"


def show_found(console: Console, word: str, found: Iterable[tuple[Finding, str]]) -> None:
    """Findings behind a word such as `left`, each with the reason if there is one. In a log a line each; on a terminal
    what was found at an address stands under it.
    """
    before = ""
    for one, why in found:
        reason = f"  ({escape(why)})" if why else ""
        if not console.is_terminal:
            say(console, f"{word}  {line(one)}{reason}")
            continue
        head = f"{word}  [bold]{escape(one.address)}[/]  [dim]{escape(brief(one.id))}[/]{reason}"
        if before != head:
            say(console, head, hang=4)
        before = head
        _show_what(console, one)


class Questions:
    """What a reconcile asks a person, behind all that it found: nobody says yes to one thing without the others."""

    def __init__(self, console: Console, env: str):
        self._console, self._env, self._asked, self._all = console, env, 0, 0

    def announce(self, found: Decided) -> None:
        """All findings with what becomes of each; nothing where there is no question."""
        self._all = len(found.ask)
        if not found.ask:
            return
        left = dict(found.left)
        why = {**left, **{f: reason for f, reason in found.ask if reason != BY_RULE}}
        groups = (
            ("[red]at once[/]", found.first),
            ("[green]mend[/]", found.mend),
            ("[yellow]ask[/]", tuple(f for f, _ in found.ask)),
            ("[dim]leave[/]", tuple(left)),
        )
        for word, some in groups:
            show_found(self._console, word, [(one, why.get(one, "")) for one in by_risk(some)])
        every = [one for _, some in groups for one in some]
        say(self._console, f"[bold]{escape(self._env)}[/]: {_risks(every)}", hang=2)
        numbers = [
            (len(found.first), "to close at once"),
            (len(found.mend), "to mend after the questions"),
            (len(found.ask), "to ask about"),
            (len(left), "to leave"),
        ]
        say(self._console, ", ".join(f"{number} {what}" for number, what in numbers if number), hang=2)

    def show(self, one: Finding) -> None:
        """The finding that the next question is about."""
        self._asked += 1
        self._console.print(f"\nQuestion {self._asked} of {self._all}", highlight=False)
        show_found(self._console, "[yellow]found[/]", [(one, "")])


def _back(one: Finding) -> Finding:
    """What was mended, the way it went: from what was found to what was applied."""
    return replace(one, applied=one.live, live=one.applied) if one.what == "changed" else one


def show_reconciled(
    console: Console, done: Reconciled, env: str = "ENV", again: str = "reptiops reconcile ENV"
) -> None:
    """What was mended, what was left and why, the worst first, and how that is mended all the same: by `again`."""
    show_found(console, "[green]mended[/]", [(_back(one), "") for one in by_risk(done.mended)])
    for address in done.followed:
        say(console, f"[green]followed[/]  {escape(address)}", hang=4)
    reasons = dict(done.left)
    show_found(console, "[yellow]left[/]", [(one, reasons[one]) for one in by_risk(reasons)])
    if done.braked:
        say(
            console,
            f"[red]braked:[/] {escape(done.braked)}: nothing {'else ' if done.mended else ''}was changed",
            hang=4,
        )
        _show_risky(console, reasons)
        moved = f"`{again} --max-changes NUMBER` and the playbook's `brake` move the brake"
        say(console, f"[dim]`reptiops drift {env}` shows them; {moved}[/]", 4, hang=4)
    console.print(f"{len(done.mended)} mended, {len(done.left)} left in {duration(done.seconds)}")
    if any(why.endswith(UNANSWERED) for _, why in done.left):
        say(
            console,
            f"[dim]`{again}` asks at a terminal, `{again} --yes` mends it unasked; "
            f"`reptiops drift {env} --who` says who did it[/]",
            hang=2,
        )
