"""The report: one HTML file that needs no server and no network. `page(app.overview("dev"))`."""

from __future__ import annotations

from pathlib import Path

from reptiops.app import Overview
from reptiops.report.costs import year_reason
from reptiops.report.page import charts, sections
from reptiops.report.page.markup import Markup, element
from reptiops.report.page.picture import legend, picture
from reptiops.report.runs import ended

HERE = Path(__file__).parent
ALLOWED = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What a browser lets the file do: nothing that is not in it."""


def page(found: Overview) -> str:
    """The whole file. Style and script are part of it; everything from AWS is escaped text."""
    style = Markup((HERE / "page.css").read_text())
    script = Markup((HERE / "page.js").read_text())
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=ALLOWED),
        element("link", rel="icon", href="data:,"),
        element("title", f"{found.environment} · reptiops"),
        element("style", style),
        element("script", Markup("document.documentElement.className = 'loading'")),
    )  # fmt: skip
    body = element(
        "body",
        element("a", "Skip to the resources", href="#resources", class_="skip"),
        sections.header(found),
        element("main", *_sections(found)),
        sections.footer(found),
        element("script", script),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(found: Overview) -> list[Markup]:
    last = found.last
    ran = f"{last.operation} of {last.at[:16].replace('T', ' ')} UTC: {ended(last)}" if last else ""
    return [
        sections.section(
            "architecture",
            "Architecture",
            element("div", picture(found), class_="scroll canvas"),
            legend(),
            sections.phases(found),
        ),
        sections.section("differences", "Drift and plan", sections.differences(found)),
        sections.section(
            "run",
            "Last run",
            sections.unfinished(found),
            element("p", ran, class_="hint"),
            charts.timeline(found.timeline) if found.timeline else sections.nothing("No run has changed anything yet."),
            _key(
                ("critical", "on the critical path"),
                ("plain", "beside it"),
                ("failed", "failed"),
                ("wait", "AWS has answered, and is not ready yet"),
            ),
            sections.stopped(found),
        ),
        sections.section(
            "cost",
            "Cost",
            sections.cost_notes(found),
            charts.cost_bars(found.cost),
            _key(
                ("fixed", "without any traffic"),
                ("traffic", "typical traffic"),
                ("whisker", "low to high"),
                ("guide", "the guide"),
            ),
            charts.year(found.cost) if found.cost.year else None,
            _key(("fixed", "the estimate"), ("said", "the guide")) if found.cost.year else None,
            element("p", year_reason(found.cost), class_="hint") if found.cost.year else None,
            sections.reasons(found),
        ),
        sections.section("resources", "Resources", sections.resources(found)),
        sections.section(
            "history",
            "Runs",
            charts.history(found.runs) if found.runs else sections.nothing("No run has been recorded."),
        ),
    ]


def _key(*items: tuple[str, str]) -> Markup:
    shown = [
        element("li", element("span", "", class_=f"swatch {name}", aria_hidden="true"), f" {text}")
        for name, text in items
    ]
    return element("ul", *shown, class_="legend")


__all__ = ["page"]
