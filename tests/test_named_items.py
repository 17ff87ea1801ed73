"""What differs in a list of mappings is told by what names each of them, such as a widget's title."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console

from reptiops.engine.finding import Finding
from reptiops.engine.resource import Change
from reptiops.report.fields import differences
from reptiops.report.findings import show_found
from reptiops.report.plans import show_change


def widget(title: str, place: int) -> dict[str, Any]:
    metrics = [["AWS/ECS", "CPUUtilization", "ServiceName", f"{title}-{n}" * 8] for n in range(6)]
    return {"type": "metric", "x": place, "properties": {"title": title, "metrics": metrics}}


def test_the_widgets_of_a_dashboard_are_told_by_their_titles() -> None:
    has = json.dumps({"widgets": [widget("repti-ops CPU", 0), widget("web CPU", 8)]})
    want = json.dumps({"widgets": [widget("web CPU", 0), widget("core CPU", 8)]})
    out = io.StringIO()
    show_change(Console(file=out, width=80), Change("body", has, want))
    assert [line.strip() for line in out.getvalue().splitlines()] == [
        "body.widgets.core CPU: added",
        "body.widgets.repti-ops CPU: removed",
        "body.widgets.web CPU.x: 8 → 0",
    ]


def test_other_items_of_a_list_are_told_by_what_names_them() -> None:
    has = [{"sid": "a", "x": 1}, {"sid": "c", "x": 1}]
    found = differences("f", has, [{"sid": "b", "x": 1}, {"sid": "c", "x": 2}])
    assert [(one.what, one.path) for one in found] == [("removed", "f.a"), ("added", "f.b"), ("changed", "f.c.x")]
    twice = [{"title": "a", "x": 1}, {"title": "a", "x": 2}]
    assert [one.path for one in differences("f", twice, twice[:1])] == ["f"], "a name that two have is none"


def test_another_order_is_told_beside_what_else_changed() -> None:
    """The first path that fits counts at CloudFront: whoever approves the value must see the order too."""
    has: list[Any] = [{"path": "/a/*", "v": 1}, {"path": "/a/b", "v": 1}]
    want: list[Any] = [{"path": "/a/b", "v": 1}, {"path": "/a/*", "v": 2}]
    told = [(one.path, one.has, one.want) for one in differences("f", want, has)]
    assert ("f", ["/a/*", "/a/b"], ["/a/b", "/a/*"]) in told or ("f", ["/a/b", "/a/*"], ["/a/*", "/a/b"]) in told
    assert len(told) == 2


def test_a_long_item_without_a_name_is_told_by_its_beginning() -> None:
    """Two of one title: neither can be called by it."""
    body = [json.dumps({"widgets": [widget("web CPU", n) for n in range(number)]}) for number in (3, 2)]
    out = io.StringIO()
    console = Console(file=out, width=300)
    show_change(console, Change("body", *body))
    gone = Finding("monitoring/dashboard", "d", "body", "changed", "cosmetic", *body)
    show_found(console, "left", [(gone, "")])
    planned, found = (" ".join(line.split()) for line in out.getvalue().splitlines())
    assert planned.startswith(
        "body.widgets: - type=metric, x=2, properties=title=web CPU, metrics=AWS/ECS, CPUUtilization"
    )
    assert planned.endswith("characters more)")
    assert "body.widgets: - type=metric, x=2, properties=title=web CPU" in found
    assert found.endswith("…")
