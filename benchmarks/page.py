"""The measurements as a page with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import OPERATIONS

TERRAFORM = {"provision": (844, 148), "plan": (451, 16), "teardown": (819, 110)}
"""Calls, and seconds with 80 ms a call: Terraform 1.11, AWS provider 5.100, dev, moto server on the same machine."""
BEGIN, END = "<!-- measured -->", "<!-- end -->"
COLOURS = ("#0b6e4f", "#c84630", "#2e5eaa", "#8a5a83", "#b8860b", "#555555")
Results = Mapping[str, Mapping[str, Any]]
Series = Mapping[str, Sequence[tuple[int, float]]]
"""What is done → (services, milliseconds a resource)."""


def write(docs: Path, found: Results) -> None:
    """Replace the measured part of docs/performance.md, and the figures, by the parts that there are."""
    page = docs / "performance.md"
    text = page.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    sections = [section for build in SECTIONS for section in build(found)]
    page.write_text(f"{head}{BEGIN}\n" + "\n\n".join(sections) + f"\n{END}{tail}")
    if "size" in found:
        (docs / "scaling.svg").write_text(figure(_by_work(found["size"]["found"])))
    if "sandbox" in found:
        (docs / "scaling-sandbox.svg").write_text(figure(_by_operation(found["sandbox"]["found"])))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _when(part: Mapping[str, Any], what: str = "") -> str:
    return f"Measured {part['date']} at {part['commit']} ({part['machine']}, load {part['load']}).{what}"


def _terraform(found: Results) -> list[str]:
    if not {"calls", "wall"} <= found.keys():
        return []
    calls, wall = found["calls"]["found"]["dev"], found["wall"]["found"]["operations"]["0.08"]
    rows = []
    for name, (theirs, seconds) in TERRAFORM.items():
        ours = wall[name]["wall"]
        faster = f"{seconds / ours:.1f} times"
        rows.append([name, str(_total(calls[name])), str(theirs), f"{ours:.1f}", str(seconds), faster])
    return [
        "### Beside Terraform, 80 ms added to each call",
        _table(["dev", "calls", "Terraform's", "seconds", "Terraform's", "faster"], rows),
    ]


def _seconds(found: Results) -> list[str]:
    if "wall" not in found:
        return []
    part = found["wall"]
    fast, slow = part["found"]["operations"]["0"], part["found"]["operations"]["0.08"]
    rows = [[o, f"{fast[o]['wall']:.1f}", f"{fast[o]['cpu']:.1f}", f"{slow[o]['wall']:.1f}"] for o in OPERATIONS]
    starts = [
        [f"`reptiops {name}`", f"{one['wall']:.2f}", f"{one['cpu']:.2f}"]
        for name, one in part["found"]["starts"].items()
    ]
    return [
        "### Seconds of dev",
        _when(part),
        _table(["operation", "wall clock", "CPU, moto included", "wall clock with 80 ms a call"], rows),
        "### Seconds of a start",
        _table(["command", "wall clock", "CPU"], starts),
    ]


def _calls(found: Results) -> list[str]:
    if "calls" not in found:
        return []
    environments = found["calls"]["found"]
    runs = [environments[name][o] for name in environments for o in OPERATIONS]
    services = sorted({service for run in runs for service in run["calls"]})
    rows = [[service, *(str(run["calls"].get(service, 0)) for run in runs)] for service in services]
    totals = ["**all**", *(str(_total(run)) for run in runs)]
    polls = ["polls", *(str(sum(run["polls"].values())) for run in runs)]
    columns = [f"{name} {o}" for name in environments for o in OPERATIONS]
    return [
        "### Calls by service",
        "Exact, but for one read of a provision that one thread may save another. Polls, looks at what AWS is still making or removing, come on top: how many depends on when a thread gets "
        "its turn.",
        _table(["service", *columns], [*rows, totals, polls]),
    ]


def _total(run: Mapping[str, Any]) -> int:
    return sum(run["calls"].values())


def _waiting(found: Results) -> list[str]:
    if "waiting" not in found:
        return []
    rows = [
        [name, what, f"{took:.0f}", f"{least:.0f}", f"{took / least:.3f}"]
        for name, both in found["waiting"]["found"].items()
        for what, (took, least) in both.items()
    ]
    return [
        "### Simulated seconds beside AWS's own critical path",
        "Calls wait for AWS's rates here, too.",
        _table(["environment", "operation", "took", "critical path", "ratio"], rows),
    ]


def _size(found: Results) -> list[str]:
    if "size" not in found:
        return []
    sizes = found["size"]["found"]
    work = list(sizes[0]["cpu"])
    rows = []
    for s in sizes:
        each = (f"{1000 * s['cpu'][w] / s['resources']:.2f}" for w in work)
        bytes_ = f"{s['record']:.0f}", f"{s['snapshot'] / 1024:.0f}"
        rows.append([str(s["services"]), str(s["resources"]), *each, f"{s['memory']:.0f}", *bytes_])
    return [
        "### The tool's own CPU at size: milliseconds a resource; memory is the peak in MB",
        _when(found["size"], " A change writes one record, whatever the size of the environment; the snapshot is written "
        "once a run."),
        _table(["services", "resources", *work, "memory", "bytes a change", "snapshot, kB"], rows),
        "![CPU a resource over the number of services](scaling.svg)",
    ]  # fmt: skip


def _sandbox(found: Results) -> list[str]:
    if "sandbox" not in found:
        return []
    head = [
        "services", "operation", "resources", "calls", "tool's CPU, s", "ms a resource", "tool's memory, MB",
        "emulator's CPU, s",
    ]  # fmt: skip
    rows = []
    for services, steps in found["sandbox"]["found"].items():
        for step in steps:
            cpu = f"{step['tool']:.1f}", f"{_each(step):.1f}"
            counts = str(step["resources"]), str(step["calls"])
            rows.append(
                [services, step["operation"], *counts, *cpu, f"{step['memory']:.0f}", f"{step['emulator']:.1f}"]
            )
    return [
        "### A whole life in the sandbox, by the number of services",
        _when(found["sandbox"], " The tool's CPU includes botocore's, and at each start a second for its clients."),
        _table(head, rows),
        "![CPU a resource in the sandbox over the number of services](scaling-sandbox.svg)",
    ]


def _each(step: Mapping[str, Any]) -> float:
    return float(1000 * step["tool"] / step["resources"])


def _profile(found: Results) -> list[str]:
    if "profile" not in found:
        return []
    profiles = found["profile"]["found"]
    parts = list(dict.fromkeys(part for one in profiles.values() for part in sorted(one["shares"])))
    shares = [[name, *(f"{one['shares'].get(p, 0):.2f}" for p in parts)] for name, one in profiles.items()]
    text = [
        "### Whose CPU it is: seconds of dev under the profiler, without start-up",
        _when(found["profile"]),
        _table(["operation", *parts], shares),
    ]
    for name, one in profiles.items():
        rows = [
            [f"`{f['name']}`", f"{1000 * f['own']:.0f}", f"{1000 * f['whole']:.0f}", str(f["calls"])]
            for f in one["functions"]
        ]
        text += [
            f"### The tool's most expensive functions: {name}, ms",
            _table(["function", "own", "whole", "calls"], rows),
        ]
    return text


SECTIONS = (_terraform, _seconds, _calls, _waiting, _size, _sandbox, _profile)


def _by_work(sizes: Sequence[Mapping[str, Any]]) -> Series:
    return {work: [(s["services"], 1000 * s["cpu"][work] / s["resources"]) for s in sizes] for work in sizes[0]["cpu"]}


def _by_operation(lives: Mapping[str, Sequence[Mapping[str, Any]]]) -> Series:
    found: dict[str, list[tuple[int, float]]] = {}
    for services, steps in lives.items():
        for step in steps:
            found.setdefault(step["operation"], []).append((int(services), _each(step)))
    return found


def figure(series: Series) -> str:
    """Milliseconds a resource over services, a line for each thing that the tool does; the x axis is logarithmic."""
    wide, high, left, top = 640, 320, 60, 20
    sizes = [services for services, _ in next(iter(series.values()))]
    most = max(value for points in series.values() for _, value in points) * 1.1
    step = (wide - left - 180) / max(1, len(sizes) - 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
        f'<text x="{left}" y="14">ms CPU a resource</text>',
    ]
    for tick in range(5):
        value, y = most * tick / 4, high - 40 - (high - 60) * tick / 4
        parts.append(f'<path d="M{left} {y:.0f}H{wide - 180}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{value:.1f}</text>')
    for index, services in enumerate(sizes):
        middle = left + index * step
        parts.append(f'<text x="{middle:.0f}" y="{high - 20}" text-anchor="middle">{services} services</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        heights = [high - 40 - (high - 60) * value / most for _, value in points]
        line = " ".join(f"{left + i * step:.0f},{y:.0f}" for i, y in enumerate(heights))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{wide - 170}" y="{top + 16 * number + 20}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])
