"""The steps as text, Mermaid or DOT."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.engine.graph import Graph


def draw(graph: Graph, form: str, counts: Mapping[str, int] | None = None) -> str:
    """The steps in the documented order, with what each needs; with `counts` only those that make something."""
    steps = [s for s in graph.order if counts is None or counts.get(s.path)]
    shown = {s.name for s in steps}
    labels = {s.name: f"{s.name} ×{counts[s.path]}" if counts and counts[s.path] > 1 else s.name for s in steps}
    pairs = [(need, s.name) for s in steps for need in s.needs if need in shown]
    if form == "mermaid":
        return "\n".join(["flowchart LR", *(f'  {a}["{labels[a]}"] --> {b}["{labels[b]}"]' for a, b in pairs)])
    if form == "dot":
        nodes = [f'  "{name}" [label="{label}"];' for name, label in labels.items()]
        return "\n".join(
            ["digraph reptiops {", "  rankdir=LR;", *nodes, *(f'  "{a}" -> "{b}";' for a, b in pairs), "}"]
        )
    lines, phase = [], ""
    for s in steps:
        where = s.brought_forward_to or s.phase
        if where != phase:
            phase = where
            lines.append(phase)
        own = f" ({s.phase}, brought forward)" if s.brought_forward_to else ""
        needs = [need for need in s.needs if need in shown]
        lines.append(f"  {labels[s.name]}{own}" + (f"  ← {', '.join(needs)}" if needs else ""))
    return "\n".join(lines)
