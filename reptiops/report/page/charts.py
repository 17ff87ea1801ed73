"""Bars and timelines. Each is a table with a drawing in one column, so that it can be read as well as seen."""

from __future__ import annotations

from collections.abc import Iterable

from reptiops.app import Cost, Run
from reptiops.app.overview import Leg
from reptiops.cost import Component
from reptiops.report.page.markup import Markup, element, joined
from reptiops.report.page.picture import anchor
from reptiops.report.runs import WORDS as CHANGED
from reptiops.report.runs import ended

FOLD = 100
"""So many rows of a table are seen at once."""
AT_FIRST = 300
"""So many rows of the longest table are seen at once; `page.js` has the same number."""
SHOWN = 40
"""So many changes of a run are drawn; of more the critical path and the longest."""


def money(amount: float) -> str:
    """`$1,234`, with cents below ten."""
    return f"${amount:,.2f}" if abs(amount) < 10 else f"${amount:,.0f}"


def table(caption: str, heads: Iterable[str], rows: Iterable[Markup], class_: str) -> Markup:
    """A table with a caption for screen readers."""
    head = element("tr", *(element("th", h, scope="col") if h else element("td", "") for h in heads))
    listed = list(rows)
    bodies = [element("tbody", *listed[:AT_FIRST])]
    if listed[AT_FIRST:]:  # what a browser with a script need not lay out before the script has looked
        bodies.append(element("tbody", *listed[AT_FIRST:], class_="rest"))
    hidden = element("caption", caption, class_="unseen")
    return element("div", element("table", hidden, element("thead", head), *bodies, class_=class_), class_="scroll")


def folded(caption: str, heads: tuple[str, ...], rows: list[Markup], class_: str) -> Markup:
    """A table of which the first rows are seen, and the others when they are asked for."""
    rest = rows[FOLD:]
    if not rest:
        return table(caption, heads, rows, class_)
    more = element("summary", f"{len(rest)} more")
    return joined(
        table(caption, heads, rows[:FOLD], class_),
        element("details", more, table(f"{caption}, continued", heads, rest, class_)),
    )


def cost_bars(done: Cost) -> Markup:
    """A bar a component: the floor, traffic up to typical, a whisker to high, and the guide's figure as a tick."""
    guide = done.guide.monthly.get(done.env.name, {})
    components = sorted(done.estimate.components, key=lambda c: -c.total.typical)
    widest = max([c.total.high for c in components] + list(guide.values()) + [1.0])
    rows = [_component(c, guide.get(c.name), widest) for c in components]
    total = done.estimate.total
    said = done.guide.totals.get(done.env.name)
    rows.append(
        element(
            "tr",
            element("th", "Total", scope="row"),
            element(
                "td", f"{money(done.estimate.fixed)} without any traffic, {money(total.low)} to {money(total.high)}"
            ),
            element("td", money(total.typical), class_="number"),
            element("td", money(said) if said else "–", class_="number"),
            class_="total",
        )
    )
    heads = ("Component", "A month", "Typical", "Guide")
    return table(f"Monthly cost of {done.env.name} by component", heads, rows, "bars cost")


def _component(c: Component, said: float | None, widest: float) -> Markup:
    def part(amount: float) -> str:
        return f"{100 * amount / widest:.2f}%"

    drawn = [
        element("rect", x="0", y=4, width=part(c.fixed), height=12, class_="fixed"),
        element("rect", x=part(c.fixed), y=4, width=part(c.traffic.typical), height=12, class_="traffic"),
        element("line", x1=part(c.total.low), x2=part(c.total.high), y1=10, y2=10, class_="whisker"),
        element("line", x1=part(c.total.high), x2=part(c.total.high), y1=6, y2=14, class_="whisker"),
    ]
    if said is not None:
        drawn.append(element("line", x1=part(said), x2=part(said), y1=1, y2=19, class_="guide"))
    unsure = element("abbr", " ?", title="some of its prices are not confirmed") if c.confidence == "C" else None
    svg = element("svg", *drawn, width="100%", height=20, aria_hidden="true")
    return element(
        "tr",
        element("th", c.name, unsure, scope="row"),
        element("td", svg, class_="drawing"),
        element("td", money(c.total.typical), class_="number"),
        element("td", money(said) if said is not None else "–", class_="number"),
    )


def year(done: Cost) -> Markup:
    """The first year: the guide's plan and ours, period by period."""
    widest = max([m.ours for m in done.year] + [m.period.amount for m in done.year] + [1.0])
    rows = []
    for m in done.year:
        how = f"{m.period.traffic} traffic{', Savings Plan (rate not confirmed)' if m.period.savings_plan else ''}"
        svg = element(
            "svg",
            element("rect", x="0", y=2, width=f"{100 * m.ours / widest:.2f}%", height=9, class_="fixed"),
            element("rect", x="0", y=13, width=f"{100 * m.period.amount / widest:.2f}%", height=5, class_="said"),
            width="100%", height=20, aria_hidden="true",
        )  # fmt: skip
        rows.append(
            element(
                "tr",
                element("th", f"{m.period.months} months: {m.period.said}", element("small", how), scope="row"),
                element("td", svg, class_="drawing"),
                element("td", money(m.ours), class_="number"),
                element("td", money(m.period.amount), class_="number"),
            )
        )
    total = element(
        "tr",
        element("th", "12 months", scope="row"),
        element("td", ""),
        element("td", money(sum(m.ours for m in done.year)), class_="number"),
        element("td", money(done.guide.year.total), class_="number"),
        class_="total",
    )
    names = " and ".join(done.guide.year.environments)
    return table(f"First year of {names}", ("Months", "", "Estimate", "Guide"), [*rows, total], "bars year")


def timeline(legs: Iterable[Leg]) -> Markup:
    """The changes of a run as bars over time, the critical path in the strong colour."""
    listed = list(legs)
    end = max([leg.ends for leg in listed] or [1.0]) or 1.0
    keep = sorted(listed, key=lambda leg: (not leg.critical, not leg.failed, leg.starts - leg.ends))[:SHOWN]
    shown = sorted(keep, key=lambda leg: (leg.starts, leg.ends))
    rows = [_leg(leg, end) for leg in shown]
    left = len(listed) - len(shown)
    note = element("p", f"and {left} shorter changes", class_="hint") if left else None
    ticks = [element("span", seconds(end * i / 4), style=f"left:{25 * i}%") for i in range(5)]
    axis = element("tr", element("td", ""), element("td", element("div", *ticks, class_="axis")), element("td", ""))
    chart = table("Changes of the last run over time", ("Address", "When", "Took"), [axis, *rows], "bars gantt")
    return joined(chart, note)


def _leg(leg: Leg, end: float) -> Markup:
    left, width = 100 * leg.starts / end, max(0.4, 100 * (leg.ends - leg.starts) / end)
    state = "failed" if leg.failed else "critical" if leg.critical else "plain"
    said = f"{leg.verb} {leg.address}, from {seconds(leg.starts)} to {seconds(leg.ends)}"
    waits = 100 * leg.waits / ((leg.ends - leg.starts) or 1.0)
    said += f", {seconds(leg.waits)} of it waiting for AWS" if leg.waits else ""
    said += ", on the critical path" if leg.critical else ""
    wait = element("div", class_="wait", style=f"width:{waits:.2f}%") if leg.waits else None
    bar = element(
        "div", wait, class_=f"bar {state}", style=f"left:{min(left, 99.6):.2f}%;width:{width:.2f}%", title=said
    )
    return element(
        "tr",
        element("th", element("a", leg.address, title=leg.address, href=f"#{anchor(leg.address)}"), scope="row"),
        element("td", element("div", bar, class_="track"), element("span", said, class_="unseen"), class_="drawing"),
        element("td", seconds(leg.ends - leg.starts), class_="number"),
    )


def seconds(amount: float) -> str:
    """`0.4 s`, `12 s`, `9 min 10 s`."""
    if amount < 10:
        return f"{amount:.1f} s"
    return f"{amount:.0f} s" if amount < 60 else f"{int(amount // 60)} min {int(amount % 60)} s"


def history(runs: Iterable[Run]) -> Markup:
    """All runs: when, what, how it ended, and how much changed."""
    listed = list(runs)
    most = max([sum(run.changes.values()) for run in listed] or [1]) or 1
    rows = []
    for run in listed:
        x, drawn = 0.0, []
        for verb, count in sorted(run.changes.items()):
            width = 100 * count / most
            drawn.append(element("rect", x=f"{x:.2f}%", y=5, width=f"{width:.2f}%", height=10, class_=f"verb {verb}"))
            x += width
        said = ", ".join(f"{n} {CHANGED.get(verb, verb)}" for verb, n in sorted(run.changes.items())) or "no change"
        svg = element("svg", *drawn, width="100%", height=20, aria_hidden="true")
        failures = [element("small", failure, class_="failed") for failure in run.failures]
        rows.append(
            element(
                "tr",
                element("th", run.at[:19].replace("T", " "), scope="row"),
                element("td", run.operation),
                element("td", ended(run), *failures, class_="" if run.ending == "ended" else "warn"),
                element("td", svg, class_="drawing"),
                element("td", said),
                element("td", seconds(run.seconds), class_="number"),
                element("td", run.user),
                element("td", run.git),
            )
        )
    heads = ("Began (UTC)", "Run", "How it ended", "", "Changes", "Took", "By", "Commit")
    return folded("All runs that wrote something, newest first", heads, rows, "bars history")
