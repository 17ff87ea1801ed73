"""The steps as text, Mermaid or DOT."""

from __future__ import annotations

from reptiops.engine.graph import Graph


def draw(graph: Graph, form: str) -> str:
    """All steps in the documented order, with what each needs."""
    if form == "mermaid":
        lines = [f"  {need} --> {s.name}" for s in graph.order for need in s.needs]
        return "\n".join(["flowchart LR", *lines])
    if form == "dot":
        lines = [f'  "{need}" -> "{s.name}";' for s in graph.order for need in s.needs]
        return "\n".join(["digraph reptiops {", "  rankdir=LR;", *lines, "}"])
    lines, phase = [], ""
    for s in graph.order:
        if s.phase != phase:
            phase = s.phase
            lines.append(phase)
        needs = f"  ← {', '.join(s.needs)}" if s.needs else ""
        lines.append(f"  {s.name}{needs}")
    return "\n".join(lines)
