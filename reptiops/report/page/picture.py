"""The architecture as a picture, laid out from what resources name: nothing in here knows a kind of resource.

A kind says where it belongs (`Resource.drawn`); a thing that names one subnet stands in it, one that names several spans
the row of these. Paths between drawn things go through everything that is not drawn (listeners, groups, parameters).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import unescape

from reptiops.app.overview import STATES, Overview, Shown
from reptiops.report.page.markup import Markup, element, joined, shortened

WIDTH, SIDE, GAP = 1180.0, 250.0, 16.0
BANDS = ("entry", "service", "data")
"""What spans a row, from top to bottom."""
FEW, SOME = 18, 150
"""Up to so many things of a band are boxes, small boxes; more are dots."""
MARKS = {
    "ok": "●", "busy": "◐", "pending": "◇", "absent": "○", "drift": "▲", "extra": "✚", "alarm": "◆", "missing": "✖",
    "failed": "✖",
}  # fmt: skip
WORDS = {
    "ok": "as it should be",
    "busy": "AWS is at it",
    "pending": "to be changed",
    "absent": "not made yet",
    "drift": "drifted",
    "extra": "undeclared",
    "alarm": "in alarm",
    "missing": "missing",
    "failed": "failed",
}


@dataclass
class _Row:
    """One row of subnets, and what stands in it."""

    name: str
    subnets: list[Shown] = field(default_factory=list)
    inside: dict[str, list[Shown]] = field(default_factory=dict)
    """Subnet → what stands in that one alone."""
    bands: dict[str, list[Shown]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        return self.x + self.w / 2


def picture(found: Overview) -> Markup:
    """The whole picture as one SVG element, with a title and a description for those who cannot see it."""
    drawn = {s.address: s for s in found.resources if s.drawn}
    rows, beside = _places(found.resources, drawn)
    stores = [s for s in beside if s.drawn in ("store", "data")]
    edges = [s for s in beside if s.drawn == "edge"]
    left = WIDTH - (SIDE + GAP if stores else 0)
    y = 74.0
    fronts = _boxes(edges, _Box(0, y, left, 0), 240)
    y += 88 if edges else 0
    layers, bottom = _network(rows, _Box(0, y, left, 0))
    if stores:
        bottom = max(bottom, y + 54 + 66.0 * len(stores))
    name = next((s for s in drawn.values() if s.drawn == "network"), None)
    parts = [_frame(_Box(0, y, left, bottom - y), name), *layers.grounds]
    parts += [_arrow(left / 2, 40, box.middle, box.y) for _, box in fronts]
    origins = [_Box(box.x, box.y + box.h, box.w, 0) for _, box in fronts] or [_Box(left / 2, 40, 0, 0)]
    parts += [_arrow(origin.middle, origin.y, box.middle, box.y) for box in layers.entry for origin in origins]
    parts += [
        *layers.arrows,
        _pill(left / 2, 8, "Internet"),
        *(_thing(one, box) for one, box in fronts),
        *layers.things,
    ]
    if stores:
        parts += _beside(stores, _Box(left + GAP, y, SIDE - 2, bottom - y))
    described = f"{len(drawn)} of {len(found.resources)} resources, by zone and subnet; the same is in the table below."
    return element(
        "svg",
        element("title", f"Architecture of {found.environment}"),
        element("desc", described),
        *parts,
        viewBox=f"0 0 {WIDTH:.0f} {bottom + 8:.0f}",
        role="group",
        class_="picture",
        aria_label=f"Architecture of {found.environment}",
    )


# --- who stands where -----------------------------------------------------------------------------------------------


def _places(resources: Iterable[Shown], drawn: Mapping[str, Shown]) -> tuple[list[_Row], list[Shown]]:
    named = {s.address: s.names for s in resources}
    rows: dict[str, _Row] = {}
    for one in drawn.values():
        if one.drawn == "subnet":
            row = rows.setdefault(_step(one.address), _Row(_step(one.address).replace("_", " ")))
            row.subnets.append(one)
    beside = []
    for one in drawn.values():
        if one.drawn in ("network", "subnet"):
            continue
        near = _subnets(one, named, drawn)
        row_of = rows.get(_step(near[0])) if near else None
        if row_of is None:
            beside.append(one)
        elif len(near) == 1:
            row_of.inside.setdefault(near[0], []).append(one)
        else:
            row_of.bands.setdefault(one.drawn, []).append(one)
    return list(rows.values()), beside


def _subnets(one: Shown, named: Mapping[str, frozenset[str]], drawn: Mapping[str, Shown]) -> list[str]:
    """The subnets that a thing names, itself or through what is not drawn: the nearest ones."""
    seen, layer = {one.address}, set(one.names)
    while layer:
        found = sorted(a for a in layer if a in drawn and drawn[a].drawn == "subnet")
        if found:
            return found
        seen |= layer
        layer = {b for a in layer if a not in drawn for b in named.get(a, ())} - seen
    return []


def _step(address: str) -> str:
    return address.split("/")[1]


def _key(address: str) -> str:
    return address.split("/", 2)[-1].rsplit("/", 1)[-1]


# --- drawing --------------------------------------------------------------------------------------------------------


@dataclass
class _Layers:
    """What is drawn below and what above: grounds, then arrows, then things."""

    grounds: list[Markup] = field(default_factory=list)
    arrows: list[Markup] = field(default_factory=list)
    things: list[Markup] = field(default_factory=list)
    entry: list[_Box] = field(default_factory=list)
    """The boxes through which traffic comes in."""
    before: _Box | None = None
    """What the next band is reached from."""


def _network(rows: list[_Row], frame: _Box) -> tuple[_Layers, float]:
    """The rows inside the frame, and where it ends."""
    layers, y = _Layers(), frame.y + 44
    for row in rows:
        y = _row(row, frame, y, layers) + GAP
    return layers, y


def _row(row: _Row, frame: _Box, top: float, layers: _Layers) -> float:
    columns = max(1, len(row.subnets))
    width = (frame.w - 2 * GAP - GAP * (columns - 1)) / columns
    y = top + 34
    bands: list[Markup] = []
    for band in sorted(row.bands, key=lambda b: BANDS.index(b) if b in BANDS else len(BANDS)):
        ground, things, boxes, bottom = _band(row.bands[band], frame, y)
        bands += ground
        layers.things += things
        if layers.before is not None:
            layers.arrows.append(_arrow(layers.before.middle, layers.before.y, frame.x + frame.w / 2, y + 4))
        layers.entry += boxes if band == "entry" else []
        layers.before = _Box(frame.x + frame.w / 2, boxes[-1].y + boxes[-1].h, 0, 0)
        y = bottom
    for index, subnet in enumerate(row.subnets):
        x = frame.x + GAP + index * (width + GAP)
        inside = row.inside.get(subnet.address, [])
        for place, one in enumerate(inside):
            # With an odd number of zones what goes down the middle has to get past it.
            room = width / 2 - 18 if columns % 2 and columns > 1 else width - 20
            box = _Box(x + 10, y + 4 + 56.0 * place, min(230.0, room), 46)
            layers.things.append(_thing(one, box, _step(one.address)))
    y += 8 + 56.0 * max([len(some) for some in row.inside.values()] or [0])
    for index, subnet in enumerate(row.subnets):
        x = frame.x + GAP + index * (width + GAP)
        cell, label = _cell(_Box(x, top, width, y - top), subnet, row.name)
        layers.grounds.append(cell)
        layers.things.append(label)
    layers.grounds += bands
    return y


def _band(things: list[Shown], frame: _Box, y: float) -> tuple[list[Markup], list[Markup], list[_Box], float]:
    """Things side by side across all zones: boxes, small boxes, or dots where there are hundreds."""
    area = _Box(frame.x + 2 * GAP, y + 12, frame.w - 4 * GAP, 0)
    label = f"{len(things)} {things[0].address.split('/')[1].replace('_', ' ')}s" if len(things) > FEW else ""
    if len(things) <= FEW:
        boxes = _boxes(things, area, 172)
        drawn = [_thing(one, box) for one, box in boxes]
    elif len(things) <= SOME:
        boxes = _boxes(things, _Box(area.x, area.y + 18, area.w, 0), 104, 24)
        drawn = [_small(one, box) for one, box in boxes]
    else:
        boxes = _boxes(things, _Box(area.x, area.y + 18, area.w, 0), 14, 14, gap=4)
        drawn = [_dot(one, box) for one, box in boxes]
    bottom = max(box.y + box.h for _, box in boxes)
    ground = _Box(frame.x + 1.4 * GAP, y + 4, frame.w - 2.8 * GAP, bottom - y + 4)
    parts = [element("rect", x=ground.x, y=ground.y, width=ground.w, height=ground.h, rx=10, class_="band")]
    if label:
        parts.append(element("text", label, x=area.x, y=area.y + 9, class_="small"))
    return parts, drawn, [box for _, box in boxes], bottom + 12


def _boxes(
    things: list[Shown], area: _Box, width: float, height: float = 52, gap: float = 10
) -> list[tuple[Shown, _Box]]:
    """Places for things, as many in a line as fit, each line centred."""
    if not things:
        return []
    columns = max(1, min(len(things), int((area.w + gap) // (width + gap))))
    placed = []
    for index, one in enumerate(things):
        line, column = divmod(index, columns)
        here = min(columns, len(things) - line * columns) if len(things) <= FEW else columns
        start = area.x + (area.w - here * (width + gap) + gap) / 2
        placed.append((one, _Box(start + column * (width + gap), area.y + line * (height + gap), width, height)))
    return placed


def _thing(one: Shown, box: _Box, name: str = "") -> Markup:
    room = int(box.w / 7.6)
    title = (name or _key(one.address)).replace("_", " ")
    lower = -3 if 8.8 * len(title) + 34 < box.w else 13  # beside the name, or below where that leaves no place
    word = one.word if one.state in ("ok", "alarm") and one.word else WORDS[one.state]
    return _link(
        one,
        element("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=9),
        element("text", shortened(title, room - 3), x=box.x + 12, y=box.y + box.h / 2 - 4, class_="name"),
        element("text", shortened(word, room), x=box.x + 12, y=box.y + box.h / 2 + 13, class_="small"),
        element("text", MARKS[one.state], x=box.x + box.w - 18, y=box.y + box.h / 2 + lower, class_="mark"),
    )


def _small(one: Shown, box: _Box) -> Markup:
    return _link(
        one,
        element("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=5),
        element("text", shortened(_key(one.address), 14), x=box.x + 6, y=box.y + 16, class_="small"),
    )


def _dot(one: Shown, box: _Box) -> Markup:
    # Hundreds of stops on the way with the tab key help nobody: the table has them all.
    return _link(one, element("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=3, class_="dot"), stop=False)


def _link(one: Shown, *parts: Markup, stop: bool = True) -> Markup:
    said = f"{one.address}: {WORDS[one.state]}{f' ({one.word})' if one.word else ''}"
    return element(
        "a",
        element("title", said),
        *(joined(Markup(" "), part) for part in parts),  # the space keeps words apart for who reads them aloud
        href=f"#{anchor(one.address)}",
        class_=f"thing {one.state}",
        data_address=one.address,
        aria_label=f"{_seen(parts)}; {said}" if _seen(parts) else said,
        tabindex=None if stop else -1,
    )


def _seen(parts: Iterable[Markup]) -> str:
    """The words on a thing: what is said of it begins with them, so that who speaks what he sees is understood."""
    texts = (unescape(text) for part in parts for text in re.findall(r"<text[^>]*>([^<]*)</text>", str(part)))
    return " ".join(text for text in texts if text and text not in MARKS.values())


def anchor(address: str) -> str:
    """The id of an address's row in the table."""
    return "r-" + "".join(c if c.isalnum() else "-" for c in address)


def _frame(box: _Box, network: Shown | None) -> Markup:
    name = network.kind.rsplit(".", 1)[-1].upper() if network else "Network"
    state = network.state if network else "ok"
    return element(
        "g",
        element("rect", x=box.x + 1, y=box.y, width=box.w - 2, height=box.h, rx=14, class_=f"frame {state}"),
        element("text", f"{name} {network.id if network else ''}", x=box.x + 18, y=box.y + 27, class_="label"),
        element("text", MARKS[state], x=box.x + box.w - 30, y=box.y + 27, class_=f"mark {state}"),
    )


def _cell(box: _Box, subnet: Shown, row: str) -> tuple[Markup, Markup]:
    """The ground of a subnet, and what is written on it, above the arrows."""
    kind = row.split()[0]
    label = element("text", f"{row} · {_key(subnet.address)}", x=box.x + 12, y=box.y + 22, class_=f"small on {kind}")
    mark = element("text", MARKS[subnet.state], x=box.x + box.w - 20, y=box.y + 22, class_=f"mark {subnet.state}")
    ground = element("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=10, class_=f"cell {kind}")
    return ground, joined(label, mark)


def _beside(stores: list[Shown], box: _Box) -> list[Markup]:
    """What lies outside the network, in a column."""
    parts = [
        element("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=14, class_="frame quiet"),
        element("text", "Beside the network", x=box.x + 18, y=box.y + 27, class_="label"),
    ]
    parts += [_thing(one, _Box(box.x + 14, box.y + 46 + 66.0 * i, box.w - 28, 52)) for i, one in enumerate(stores)]
    return parts


def _pill(x: float, y: float, text: str) -> Markup:
    return element(
        "g",
        element("rect", x=x - 60, y=y, width=120, height=32, rx=16, class_="pill"),
        element("text", text, x=x, y=y + 21, class_="name centred"),
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> Markup:
    half = (y1 + y2) / 2
    path = f"M{x1:.1f} {y1:.1f} C{x1:.1f} {half:.1f} {x2:.1f} {half:.1f} {x2:.1f} {y2 - 5:.1f}"
    head = f"M{x2 - 4:.1f} {y2 - 8:.1f} L{x2:.1f} {y2 - 1:.1f} L{x2 + 4:.1f} {y2 - 8:.1f}"
    return joined(element("path", d=path, class_="flow"), element("path", d=head, class_="flow"))


def legend() -> Markup:
    """What the marks mean."""
    items = [
        element("li", element("span", MARKS[s], class_=f"mark {s}", aria_hidden="true"), f" {WORDS[s]}") for s in STATES
    ]
    return element("ul", *items, class_="legend")
