"""An estimate as plain data and as a table for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from reptiops.app import Cost
from reptiops.app.costs import SAVINGS
from reptiops.cost import Component, Estimate, Money
from reptiops.report.plans import say, show_notes

SCHEMA = 1
NAME = 23
"""Columns of a component's name and its mark."""
GUIDE = "The guide is ReptiDex's AWS infrastructure setup."
CLOSE = 0.05
"""A figure within this share of the guide's needs no reason."""


def _money(amount: Money) -> dict[str, float]:
    return {"low": round(amount.low, 2), "typical": round(amount.typical, 2), "high": round(amount.high, 2)}


def estimate(found: Estimate) -> dict[str, Any]:
    """An estimate: totals, components, and a line for each billed item of each resource."""
    return {
        "fixed": round(found.fixed, 2),
        "total": _money(found.total),
        "components": [
            {"component": c.name, "fixed": round(c.fixed, 2), "total": _money(c.total), "confidence": c.confidence}
            for c in found.components
        ],
        "lines": [
            {
                "address": line.address,
                "price": line.price,
                "unit": line.unit,
                "unit_price": line.unit_price,
                "quantity": [round(q, 4) for q in line.quantity],
                "fixed": line.fixed,
                "monthly": _money(line.money),
                "confidence": line.confidence,
            }
            for line in found.lines
        ],
        "unpriced": list(found.unpriced),
    }


def cost(done: Cost, actual: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything that `reptiops cost --json` prints."""
    name = done.env.name
    return {
        "schema": SCHEMA,
        "environment": name,
        "currency": "USD",
        "prices": {"region": done.prices.region, "compiled": done.prices.compiled.isoformat()},
        "estimate": estimate(done.estimate),
        "scaled_out": {k: v for k, v in estimate(done.scaled_out).items() if k in ("fixed", "total", "components")},
        "guide": {"components": dict(done.guide.monthly.get(name, {})), "total": done.guide.totals.get(name)},
        "reasons": dict(reasons(done)),
        "what_if": [
            {
                "question": v.question,
                "fixed": round(v.estimate.fixed, 2),
                "total": _money(v.estimate.total),
                "overruled": list(v.overruled),
            }
            for v in done.variants
        ],
        "year": [
            {"months": m.period.months, "said": m.period.said, "guide": m.period.amount, "estimate": round(m.ours, 2)}
            for m in done.year
        ],
        "year_total": {
            "guide": done.guide.year.total,
            "estimate": round(sum(m.ours for m in done.year), 2),
            "reason": year_reason(done),
        }
        if done.year
        else None,
        "actual": actual,
        "warnings": list(done.warnings),
    }


def reasons(done: Cost) -> list[tuple[str, str]]:
    """Why a component differs from the guide's figure, where it does."""
    guide, found = done.guide.monthly.get(done.env.name, {}), []
    ours = {c.name: c for c in done.estimate.components}
    for name in dict.fromkeys([*ours, *guide]):
        said, typical = guide.get(name, 0.0), ours[name].total.typical if name in ours else 0.0
        if guide and abs(typical - said) > CLOSE * max(said, 1.0):
            found.append((name, _reason(name, said, ours.get(name), done)))
    return found


def year_reason(done: Cost) -> str:
    """Why the guide's year is another one."""
    names = done.guide.year.environments
    month = sum(done.guide.totals[name] for name in names)
    return (
        f"{done.guide.year.reason}: ${month:,.0f} a month for {' and '.join(names)} make ${12 * month:,.0f}, "
        "and its months differ from list prices component by component."
    )


def _reason(name: str, said: float, ours: Component | None, done: Cost) -> str:
    text = done.guide.reasons.get(name, "")
    if said and ours is not None and ours.fixed > said:
        text += f": ${said:,.0f} buys {said / ours.fixed:.0%} of what is billed without any traffic"
    if said and ours is None:
        text += ": nothing of it is configured"
    return text


def show_cost(
    console: Console,
    done: Cost,
    actual: Mapping[str, Any] | None = None,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """The estimate by component with the guide's figure beside it, then what else is worth knowing; with `verbose` also
    each billed item of each resource, `quiet` without notes.
    """
    guide = done.guide.monthly.get(done.env.name, {})
    console.print(f"[bold]{done.env.name}[/], US dollars a month\n", highlight=False)
    console.print(f"{'':{NAME}}{'fixed':>9}{'low':>10}{'typical':>10}{'high':>10}{'guide':>9}", highlight=False)
    ours = done.estimate.components
    for c in ours:
        _row(console, c.name, c.fixed, c.total, guide.get(c.name), c.confidence)
    for name in guide.keys() - {c.name for c in ours}:
        _row(console, name, 0.0, Money(), guide[name], "")
    _row(console, "total", done.estimate.fixed, done.estimate.total, done.guide.totals.get(done.env.name), "", "bold")
    if done.scaled_out.total != done.estimate.total:
        _row(console, "at most tasks", None, done.scaled_out.total, None, "")
    console.print()
    for name, reason in reasons(done):
        say(console, f"[bold]{name}[/]: {escape(reason)}", 2, hang=2)
    if verbose:
        _show_lines(console, done.estimate)
    _show_variants(console, done)
    _show_year(console, done)
    if actual is not None:
        _show_actual(console, actual)
    uncertain = [c.name for c in ours if c.confidence == "C"]
    if done.year or any(SAVINGS in v.question for v in done.variants):
        uncertain.append("the rate of a Savings Plan")
    console.print()
    say(
        console,
        f"List prices of {done.prices.region}, compiled {done.prices.compiled}, on demand and without tax. "
        f"low, typical and high are assumptions about traffic.{' ' + GUIDE if guide or done.year else ''}",
    )
    if uncertain:
        console.print(f"? not confirmed in {', '.join(uncertain)}", highlight=False)
    for one in done.estimate.unpriced:
        console.print(f"[yellow]no price:[/] {escape(one)} is not in the totals", highlight=False)
    if not quiet:
        show_notes(console, done.warnings)


def _row(
    console: Console,
    name: str,
    fixed: float | None,
    total: Money,
    guide: float | None,
    confidence: str,
    style: str = "",
) -> None:
    said = f"{guide:,.0f}" if guide is not None else "–"
    floor = f"{fixed:,.2f}" if fixed is not None else "–"
    mark = " ?" if confidence == "C" else ""
    line = f"{name + mark:{NAME}}{floor:>9}{total.low:>10,.2f}{total.typical:>10,.2f}{total.high:>10,.2f}{said:>9}"
    console.print(line, highlight=False, style=style or None)


def _show_lines(console: Console, found: Estimate) -> None:
    """What each resource is billed for at typical traffic, under the component that it belongs to."""
    component = ""
    for line in found.lines:
        if line.component != component:
            component = line.component
            console.print(f"\n[bold]{component}[/], at typical traffic", highlight=False)
        mark = " ?" if line.confidence == "C" else ""
        how = f"{line.quantity[1]:,.4g} {line.unit} × {line.unit_price:g}{mark}"
        say(console, f"{line.money.typical:>9,.2f}  {escape(line.address)}  [dim]{escape(how)}[/]", 2, hang=11)


def _show_variants(console: Console, done: Cost) -> None:
    if done.variants:
        console.print("\n[bold]What if[/]", highlight=False)
    base = done.estimate
    for v in done.variants:
        fixed, typical = v.estimate.fixed - base.fixed, v.estimate.total.typical - base.total.typical
        text = f"{_signed(fixed)} fixed, {_signed(typical)} typical → {v.estimate.total.typical:,.2f}"
        say(console, f"{escape(v.question)}: {text}", 2, hang=2)
        for one in v.overruled:
            say(console, f"[yellow]{escape(one)}[/]", 4, hang=2)


def _signed(amount: float) -> str:
    amount = round(amount, 2)  # what rounds to nothing has no sign
    return f"{'+' if amount >= 0 else '−'}{abs(amount):,.2f}"


def _show_year(console: Console, done: Cost) -> None:
    if done.year_lacks:
        console.print(f"\nNo first year: {', '.join(done.year_lacks)} is not configured.", highlight=False)
        return
    names = " and ".join(done.guide.year.environments)
    console.print(f"\n[bold]{f'The first year of {names}':49}[/]{'estimate':>12}{'guide':>9}", highlight=False)
    for m in done.year:
        how = f"{m.period.traffic} traffic{', Savings Plan' if m.period.savings_plan else ''}"
        how += " ?" if m.period.savings_plan else ""
        text = f"{m.period.months} months  {m.period.said}"
        console.print(f"  {text:47}{m.ours:>12,.0f}{m.period.amount:>9,.0f}", highlight=False)
        console.print(f"            [dim]{how}[/]", highlight=False)
    total = sum(m.ours for m in done.year)
    console.print(f"  {'12 months':47}{total:>12,.0f}{done.guide.year.total:>9,.0f}", highlight=False, style="bold")
    say(console, f"[dim]{escape(year_reason(done))}[/]", 2)


def _show_actual(console: Console, actual: Mapping[str, Any]) -> None:
    console.print("\n[bold]Actual spend[/], from Cost Explorer", highlight=False)
    if actual.get("unavailable"):
        console.print(f"  not available: {escape(str(actual['unavailable']))}", highlight=False)
        return
    for month in actual["months"]:
        console.print(f"  {month['from']} to {month['to']}: {month['amount']:,.2f}", highlight=False)
        services: Iterable[tuple[str, float]] = sorted(month["services"].items(), key=lambda pair: -pair[1])
        for name, amount in services:
            console.print(f"    {name:50}{amount:>10,.2f}", highlight=False)
