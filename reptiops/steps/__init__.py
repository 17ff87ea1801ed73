"""What should exist: one file per phase, read from top to bottom in the documented order."""

from __future__ import annotations

from functools import cache

from reptiops.engine.graph import Graph, collect


@cache
def documented() -> Graph:
    """All steps of the ReptiDex environment."""
    from reptiops.steps import compute, database, monitoring, network, security, storage

    return collect((network, security, database, compute, storage, monitoring))
