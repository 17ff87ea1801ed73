"""What nobody declares any more and must not go yet: something that goes too, and was not selected, still uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.canonical import plain
from reptiops.engine.graph import Graph
from reptiops.engine.ids import names
from reptiops.engine.resource import COSMETIC, Live


def told(graph: Graph, going: Iterable[Action], staying: Iterable[Action]) -> Iterator[Action]:
    """The deletions, each with what stays for now and uses it."""
    left = list(staying)
    for one in going:
        users = (a.address for a in left if _ordered(graph, one, a) and _uses(one, a))
        yield dataclasses.replace(one, used_by=tuple(sorted(users)))


def _ordered(graph: Graph, one: Action, other: Action) -> bool:
    """Whether the other one's step says that it has to go first: many things may be called alike."""
    needed, user = graph.step_of(one.address), graph.step_of(other.address)
    return needed is not None and user is not None and needed.name in user.needs and needed.name not in user.outlives


def _uses(one: Action, other: Action) -> bool:
    """Whether the other one names it, as AWS has it, in a field that AWS or what runs there looks at."""
    if one.live is None or other.live is None:
        return False
    has: Any = other.live.has
    looked_at = [f.name for f in dataclasses.fields(has) if f.name not in COSMETIC | other.kind.loose]
    called = _called(one.live)
    return any(names(plain(getattr(has, name)), called) for name in looked_at)


def _called(live: Live[Any]) -> tuple[str, ...]:
    """All that others may call it: its id, its ARN and its name."""
    return (*live.names, getattr(live.has, "name", None) or "")
