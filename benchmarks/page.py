"""The measurements as a page with a figure."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import OPERATIONS, Run, Size
from benchmarks.profile import Profile
from benchmarks.size import Step

TERRAFORM = {"provision": (844, 148), "plan": (451, 16), "teardown": (819, 110)}
"""Calls, and seconds with 80 ms a call: Terraform 1.11, AWS provider 5.100, dev, moto server on the same machine."""
BEGIN, END = "<!-- measured -->", "<!-- end -->"
COLOURS = ("#0b6e4f", "#c84630", "#2e5eaa", "#8a5a83", "#b8860b", "#555555")


@dataclass
class Measured:
    """All of it."""

    environments: Mapping[str, Mapping[str, Run]]
    slow: Mapping[str, Run]
    paths: Mapping[str, Mapping[str, tuple[float, float]]]
    sizes: Sequence[Size]
    sandbox: Mapping[int, Sequence[Step]]
    profiles: Mapping[str, Profile]


def write(docs: Path, found: Measured) -> None:
    """Replace the measured part of docs/performance.md, and the figure."""
    page = docs / "performance.md"
    text = page.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n{_tables(found)}\n{END}{tail}")
    (docs / "scaling.svg").write_text(figure(found.sizes))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _tables(found: Measured) -> str:
    dev = found.environments["dev"]
    services = sorted({s for runs in found.environments.values() for run in runs.values() for s in run.calls})
    against = []
    for name, (calls, seconds) in TERRAFORM.items():
        run, ours = dev[name], found.slow[name]
        faster = f"{seconds / ours.wall:.1f} times"
        against.append([name, str(run.calls.total()), str(calls), f"{ours.wall:.1f}", str(seconds), faster])
    by_service = [
        [service, *(str(runs[o].calls[service]) for runs in found.environments.values() for o in OPERATIONS)]
        for service in services
    ]
    totals = ["**all**", *(str(runs[o].calls.total()) for runs in found.environments.values() for o in OPERATIONS)]
    columns = [f"{name} {o}" for name in found.environments for o in OPERATIONS]
    clock = [[o, f"{dev[o].wall:.1f}", f"{dev[o].cpu:.1f}", f"{found.slow[o].wall:.1f}"] for o in OPERATIONS]
    ratio = [
        [name, what, f"{took:.0f}", f"{least:.0f}", f"{took / least:.3f}"]
        for name, both in found.paths.items()
        for what, (took, least) in both.items()
    ]
    work = list(found.sizes[0].cpu)
    scaling = [
        [str(s.services), str(s.resources), *(f"{1000 * s.cpu[w] / s.resources:.2f}" for w in work), f"{s.memory:.0f}",
         f"{s.record:.0f}", f"{s.snapshot / 1024:.0f}"]
        for s in found.sizes
    ]  # fmt: skip
    machine = (
        f"Measured with Python {platform.python_version()} on {platform.machine()}, 2 cores shared with other work."
    )
    return "\n\n".join(
        [
            machine,
            "### Beside Terraform, 80 ms added to each call",
            _table(["dev", "calls", "Terraform's", "seconds", "Terraform's", "faster"], against),
            "### Seconds of dev",
            _table(["operation", "wall clock", "CPU, moto included", "wall clock with 80 ms a call"], clock),
            "### Calls by service, waiting included",
            _table(["service", *columns], [*by_service, totals]),
            "### Simulated seconds beside AWS's own critical path",
            _table(["environment", "operation", "took", "critical path", "ratio"], ratio),
            "### The tool's own CPU at size: milliseconds a resource; memory is the peak in MB",
            "A change writes one record, whatever the size of the environment; the snapshot is written once a run.",
            _table(["services", "resources", *work, "memory", "bytes a change", "snapshot, kB"], scaling),
            "![CPU a resource over the number of services](scaling.svg)",
            "### A whole life in the sandbox, by the number of services",
            _table(
                ["services", "operation", "resources", "calls", "tool's CPU, s", "ms a resource", "emulator's CPU, s"],
                [_life(services, step) for services, steps in found.sandbox.items() for step in steps],
            ),
            "### Whose CPU it is: seconds of dev under the profiler, without start-up",
            _shares(found.profiles),
            *(part for name, one in found.profiles.items() for part in _functions(name, one)),
        ]
    )


def _life(services: int, step: Step) -> list[str]:
    each = f"{1000 * step.tool / step.resources:.1f}"
    cpu = f"{step.tool:.1f}", each, f"{step.emulator:.1f}"
    return [str(services), step.operation, str(step.resources), str(step.calls), *cpu]


def _shares(profiles: Mapping[str, Profile]) -> str:
    parts = list(dict.fromkeys(part for one in profiles.values() for part, _ in one.shares.most_common()))
    return _table(
        ["operation", *parts], [[name, *(f"{one.shares[p]:.2f}" for p in parts)] for name, one in profiles.items()]
    )


def _functions(name: str, one: Profile) -> list[str]:
    rows = [[f"`{f.name}`", f"{1000 * f.own:.0f}", f"{1000 * f.whole:.0f}", str(f.calls)] for f in one.functions]
    return [f"### The tool's most expensive functions: {name}, ms", _table(["function", "own", "whole", "calls"], rows)]


def figure(sizes: Sequence[Size]) -> str:
    """Milliseconds a resource over services, a line for each thing that the tool does; the x axis is logarithmic."""
    wide, high, left, top = 640, 320, 60, 20
    most = max(1000 * cpu / s.resources for s in sizes for cpu in s.cpu.values()) * 1.1
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
    for index, s in enumerate(sizes):
        middle = left + index * step
        parts.append(f'<text x="{middle:.0f}" y="{high - 20}" text-anchor="middle">{s.services} services</text>')
    for number, work in enumerate(sizes[0].cpu):
        colour = COLOURS[number % len(COLOURS)]
        heights = [high - 40 - (high - 60) * (1000 * s.cpu[work] / s.resources) / most for s in sizes]
        points = " ".join(f"{left + i * step:.0f},{y:.0f}" for i, y in enumerate(heights))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{wide - 170}" y="{top + 16 * number + 20}" fill="{colour}">{work}</text>')
    return "\n".join([*parts, "</svg>", ""])
