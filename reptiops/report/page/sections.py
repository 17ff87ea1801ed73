"""The parts of the report that are words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from reptiops.app.diagnosis import Down
from reptiops.app.overview import STATES, Overview, Shown
from reptiops.config import Budget
from reptiops.engine.action import Action
from reptiops.engine.canonical import Plain
from reptiops.engine.drift import Finding
from reptiops.engine.graph import PHASES
from reptiops.engine.resource import Change
from reptiops.report import fields
from reptiops.report.costs import reasons as cost_reasons
from reptiops.report.durations import unbroken
from reptiops.report.failures import remedy, symptom_lines
from reptiops.report.findings import counted, in_words
from reptiops.report.hints import completed
from reptiops.report.page.charts import folded, money, seconds, table
from reptiops.report.page.markup import Child, Markup, element, joined, shortened
from reptiops.report.page.picture import MARKS, WORDS, anchor
from reptiops.report.plans import inside, outlook, sides
from reptiops.report.runs import ended, unsettled

NAVIGATION = (
    ("architecture", "Architecture"),
    ("differences", "Drift and plan"),
    ("run", "Last run"),
    ("cost", "Cost"),
    ("resources", "Resources"),
    ("history", "Runs"),
)
BAD = ("drift", "extra", "alarm", "missing", "failed")


def section(name: str, title: str, *children: Child) -> Markup:
    """A section with its heading."""
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, *children, id=name, aria_labelledby=f"{name}-title", tabindex=-1)


def nothing(text: str) -> Markup:
    """A sentence where there is nothing to show."""
    return element("p", text, class_="nothing")


def mark(state: str) -> Markup:
    """The sign of a state, with its word."""
    sign = element("span", MARKS[state], class_=f"mark {state}", aria_hidden="true")
    return joined(sign, f" {WORDS[state]}")


def header(found: Overview) -> Markup:
    """Name, the one sentence that matters, the way to the sections, and five figures."""
    links = [element("a", title, href=f"#{name}") for name, title in NAVIGATION]
    theme = element("button", "Light or dark", type="button", id="theme", hidden=True)
    place = f"account {found.account} · {found.region} · looked at {found.at:%Y-%m-%d %H:%M} UTC"
    state = _headline(found)
    return element(
        "header",
        element(
            "div",
            element("p", "reptiops", class_="brand"),
            element("h1", found.environment),
            element("p", place, class_="hint"),
            element("p", mark_only(state[0]), f" {state[1]}", class_=f"headline {state[0]}"),
            class_="title",
        ),
        element("div", *_tiles(found), class_="tiles"),
        element("nav", *links, theme, aria_label="Sections"),
    )


def mark_only(state: str) -> Markup:
    """The sign of a state."""
    return element("span", MARKS[state], class_=f"mark {state}", aria_hidden="true")


def _headline(found: Overview) -> tuple[str, str]:
    counts = Counter(s.state for s in found.resources)
    bad = [s for s in reversed(STATES) if s in BAD and counts[s]]
    if bad:
        return bad[0], "; ".join(f"{counts[s]} {WORDS[s]}" for s in bad)
    if all(s.state == "absent" for s in found.resources if s.drawn):
        return "absent", "Nothing of it has been made yet."
    if counts["pending"] or counts["absent"]:
        waiting = counts["pending"] + counts["absent"]
        return "pending", f"Nothing has drifted. {waiting} changes of the configuration wait for a provision."
    busy = f" AWS is still at {counts['busy']} of them." if counts["busy"] else ""
    return "ok", f"All {len(found.resources)} resources are as they should be.{busy}"


def _tiles(found: Overview) -> list[Markup]:
    gone = {a.address for a in found.plan.actions if a.verb == "delete"}
    declared = [s for s in found.resources if s.state != "extra" and s.address not in gone]
    live = sum(bool(s.id) for s in declared)
    total = found.cost.estimate.total
    ran = f"{found.last.operation}, {ended(found.last)}" if found.last else "none yet"
    took = seconds(found.last.seconds) if found.last else "–"
    drifted, pending = len(found.drift.findings), len(found.plan.changes)
    figures = [
        (str(live), f"of {len(declared)} resources are there", "resources", ""),
        (str(drifted), f"{_only(drifted, 'finding')} of drift", "differences", "warn" if drifted else ""),
        (str(pending), f"{_only(pending, 'change')} in the plan", "differences", ""),
        (
            money(total.typical),
            f"a month, typically{_budget(found.cost.env.monitoring.budget)}",
            "cost",
            "warn" if found.cost.warnings else "",
        ),
        (took, f"last run: {ran}", "run", ""),
    ]
    return [
        element("a", element("strong", figure), element("span", text), href=f"#{where}", class_=f"tile {how}".strip())
        for figure, text, where, how in figures
    ]


def _only(number: int, noun: str) -> str:
    """The noun as the number asks for it."""
    return counted(number, noun).split(" ", 1)[1]


def _budget(budget: Budget) -> str:
    if not budget.enabled:
        return "; no budget"
    return "; budget as estimated" if isinstance(budget.amount, str) else f"; budget {money(budget.amount)}"


def phases(found: Overview) -> Markup:
    """A strip per phase: how many resources are in which state, also of those that the picture does not show."""
    strips = []
    for phase in PHASES:
        mine = [s for s in found.resources if s.phase == phase]
        if not mine:
            continue
        counts = Counter(s.state for s in mine)
        bars = [
            element("span", "", class_=f"part {s}", style=f"flex-grow:{counts[s]}", title=f"{counts[s]} {WORDS[s]}")
            for s in STATES
            if counts[s]
        ]
        told = (
            ", ".join(f"{counts[s]} {WORDS[s]}" for s in STATES if counts[s] and s != "ok") or "all as they should be"
        )
        strips.append(
            element(
                "li",
                element("strong", phase),
                element("span", *bars, class_="strip", aria_hidden="true"),
                element("span", f"{len(mine)} resources, {told}", class_="hint"),
            )
        )
    return element("ul", *strips, class_="phases")


def differences(found: Overview) -> Markup:
    """What drifted, and what provision would do."""
    parts: list[Child] = [element("h3", "Drift: what differs from what was last applied")]
    if found.drift.findings:
        rows = [_finding(one) for one in found.drift.findings]
        parts.append(folded("Findings of drift", ("Risk", "Address", "What", "Applied", "Live"), rows, "list found"))
    else:
        parts.append(nothing("No drift."))
    parts.append(element("h3", "Plan: what provision would do"))
    if found.plan.changes:
        rows = [_action(one, found.difference.by_address.get(one.address)) for one in found.plan.changes]
        parts.append(folded("Planned changes", ("Action", "Address", "Fields", "A month"), rows, "list planned"))
        told = [unbroken(Text.from_markup(line).plain, "\u00a0") for line in outlook(found.plan, found.difference)]
        parts.append(element("ul", *(element("li", line) for line in told), class_="notes outlook"))
    else:
        parts.append(nothing("Nothing to do."))
    notes = [element("li", *_coded(note)) for note in found.plan.notes]
    parts.append(element("ul", *notes, class_="notes") if notes else None)
    return joined(*parts)


def _coded(text: str) -> list[Child]:
    """A sentence with its `commands` set as such, completed as a terminal has them."""
    return [element("code", part) if at % 2 else part for at, part in enumerate(completed(text).split("`"))]


def _finding(one: Finding) -> Markup:
    return element(
        "tr",
        element("td", one.risk, class_=f"risk {one.risk}"),
        element("th", _to(one.address), scope="row"),
        element("td", one.what if one.what != "changed" else one.field),
        element("td", element("code", _side(one.applied, one.what))),
        element(
            "td", shortened(in_words(one), 300) if one.what == "extra" else element("code", _side(one.live, one.what))
        ),
    )


def _side(value: Plain, what: str) -> str:
    return _value(value) if what == "changed" or value is not None else "–"


def _action(one: Action, delta: float | None) -> Markup:
    told = one.changes if one.verb in ("update", "replace", "foreign") else ()
    changes = [line for change in told for line in _changes(change)]
    return element(
        "tr",
        element("td", one.verb, class_=f"verb {one.verb}"),
        element("th", _to(one.address), scope="row"),
        element("td", element("ul", *changes) if changes else ""),
        element("td", _signed(delta) if delta is not None else "", class_="number"),
    )


def _changes(change: Change) -> list[Markup]:
    """A line for each smallest difference, by meaning."""
    return [
        element("li", f"{d.path}: ", element("code", shortened(has, 240)), " → ", element("code", shortened(want, 240)))
        for d in fields.differences(change.path, change.has, change.want)
        for has, want in [sides(d)]
    ]


def _value(value: Plain) -> str:
    return shortened(fields.words(value), 240)


def _signed(amount: float) -> str:
    return f"{'+' if amount >= 0 else '−'}{money(abs(amount))}"


def _to(address: str) -> Markup:
    return element("a", address, href=f"#{anchor(address)}")


def unfinished(found: Overview) -> Markup | None:
    """That a run is at work, or one did not end; with the ways out where it is dead."""
    text = unsettled(found.at_work, found.doubt, found.environment)
    return element("p", *_coded(text), class_="hint warn") if text else None


def stopped(found: Overview) -> Markup | None:
    """Why the last run stopped, and what AWS said of services that did not come up in it."""
    why = found.last.why if found.last else ""
    if not why:
        return None
    lines = [element("p", *_coded(line)) for line in why.splitlines()]
    return joined(
        element("h3", "Why it stopped"), *lines, *(_service_down(one, found.environment) for one in found.down)
    )


def _service_down(one: Down, environment: str) -> Markup:
    """A service's last words, a list for each kind of them."""
    told: dict[str, list[str]] = {}
    for head, line in symptom_lines(one.symptoms):
        told.setdefault(head or next(reversed(told)), []).append(line)
    parts = [
        joined(element("dt", head), element("dd", element("ul", *(element("li", element("code", s)) for s in lines))))
        for head, lines in told.items()
    ]
    do = joined(element("dt", "do"), element("dd", *_coded(remedy(one.symptoms, environment))))
    heading = element("h4", "What AWS said of ", _to(one.address))
    return joined(heading, element("dl", *parts, do, class_="words"))


def cost_notes(found: Overview) -> Markup:
    """What one has to know of the figures."""
    prices = found.cost.prices
    text = (
        f"List prices of {prices.region}, compiled {prices.compiled}, on demand and without tax. Low, typical and high are "
        "assumptions about traffic. The environment is priced as it is configured, every service running."
    )
    warnings = [element("p", f"▲ {one}", class_="warn") for one in found.cost.warnings]
    missing = [element("p", f"No price: {one}", class_="warn") for one in found.cost.estimate.unpriced]
    return joined(*warnings, *missing, element("p", text, class_="hint"))


def reasons(found: Overview) -> Markup | None:
    """Why the estimate differs from the guide."""
    listed = cost_reasons(found.cost)
    if not listed:
        return None
    items = [joined(element("dt", name), element("dd", text)) for name, text in listed]
    return element("details", element("summary", "Why it differs from the guide"), element("dl", *items), class_="why")


def resources(found: Overview) -> Markup:
    """Every resource, with a search field and filters. Without a script the whole list is there."""
    states = [s for s in STATES if any(one.state == s for one in found.resources)]
    chosen = [p for p in PHASES if any(one.phase == p for one in found.resources)]
    search = element(
        "div",
        element("label", "Search", for_="search"),
        element("input", id="search", type="search", autocomplete="off", placeholder="address, id, kind or status"),
        _select("phase", "Phase", [("", "all phases"), *((p, p) for p in chosen)]),
        _select("state", "State", [("", "all states"), *((s, WORDS[s]) for s in states)]),
        element("output", "", id="count", for_="search phase state", aria_live="polite"),
        class_="search",
        hidden=True,
        role="search",
    )
    seen: set[str] = set()
    rows = [_resource(one, seen) for one in found.resources]
    heads = ("State", "Address", "Kind", "Status in AWS", "Id", "A month")
    more = element("button", "Show more", type="button", id="more", hidden=True)
    return joined(search, table("All resources", heads, rows, "list resources"), more)


def _select(name: str, title: str, options: Iterable[tuple[str, str]]) -> Markup:
    listed = [element("option", text, value=value) for value, text in options]
    return joined(element("label", title, for_=name), element("select", *listed, id=name))


def _resource(one: Shown, seen: set[str]) -> Markup:
    name = anchor(one.address)
    first = name not in seen
    seen.add(name)
    return element(
        "tr",
        element("td", mark(one.state), class_="state"),
        element("th", one.address, scope="row"),
        element("td", *_breaking(one.kind)),
        element("td", shortened(one.word, 120)),
        element("td", element("code", inside(one.id), title=one.id if inside(one.id) != one.id else None)),
        element("td", money(one.cost) if one.cost else "", class_="number"),
        id=name if first else None,
        data_phase=one.phase,
        data_state=one.state,
    )


def _breaking(kind: str) -> list[Child]:
    """The name of a kind, which goes on in a new line behind its service rather than anywhere."""
    service, dot, name = kind.partition(".")
    return [service + dot, element("wbr"), name]


def footer(found: Overview) -> Markup:
    """Where it came from."""
    text = f"Written by reptiops at {found.at:%Y-%m-%d %H:%M:%S} UTC. It is a picture of that moment and calls nobody."
    return element("footer", element("p", text))
