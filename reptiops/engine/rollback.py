"""Undoing a failed apply: updates set back to the values read just before, creates removed, then the world compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph
from reptiops.engine.plan import look
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Live, Resource, diff
from reptiops.engine.scope import Scope

Inventory = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Undone:
    """What a rollback achieved: the differences that are left (empty: the world is as before) and what went wrong."""

    left: tuple[str, ...]
    missing: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the world is verified to be as before."""
        return not (self.left or self.missing or self.errors)


def inventory(scope: Scope, kinds: Iterable[type[Resource]]) -> Inventory:
    """Everything live as (kind, id)."""
    return frozenset((kind.kind(), one.id) for kind in kinds if not kind.existing for one in scope.live(kind))


def rollback(graph: Graph, apply: Apply, work: Work, before: Inventory) -> Undone:
    """Undo what this apply did, then verify against the inventory taken before it."""
    errors: list[str] = []
    for address, live, want in reversed(apply.updated):
        error = _restore(work, address, live, want)
        if not error:
            work.recorded_as(address, apply.entries.get(address))
        if error:
            errors.append(error)
    kinds = graph.kinds()
    work.scope = work.scope.again()
    look(work.scope, kinds)
    doomed = [d for address, known in apply.created.items() if (d := _created(graph, work, apply, address, known))]
    try:
        Remove(graph, doomed, work).run()
    except ApplyError as error:
        errors += [str(e) for e in error.errors]
    work.scope = work.scope.again()
    look(work.scope, kinds)
    after = inventory(work.scope, kinds)
    return Undone(
        tuple(sorted(f"{kind} {name}" for kind, name in after - before)),
        tuple(sorted(f"{kind} {name}" for kind, name in before - after)),
        tuple(errors),
    )


def _restore(work: Work, address: str, before: Live[Any], want: Resource) -> str:
    work.scope.forget(type(want))
    lives, key = work.scope.live(type(want)), before.has.key()
    current = next((o for o in lives if o.id == before.id), None)
    if current is None and type(want).renewed:
        current = next((o for o in lives if o.has.key() == key), None)
    if current is None:
        return f"{address} ({before.id}) has gone and cannot be set back"
    if not diff(before.has, current.has):
        return ""
    entry = work.state.entries.get(address)
    try:
        work.update(address, before.has, current, entry.needs if entry else ())
    except Exception as error:
        return str(error)
    work.tell(Event("done", address, "restore", current.id))
    return ""


def _created(graph: Graph, work: Work, apply: Apply, address: str, known: Live[Any] | None) -> Doomed | None:
    """The live resource of a create of this run, also of one whose answer never came."""
    step = graph.step_of(address)
    if step is None:
        return None
    progress = apply.wanted(address)
    if progress is None or type(progress).existing:
        return None
    key = progress.key()
    for one in work.scope.live(type(progress)):
        same_key = key is not None and one.has.key() == key and not type(progress).taggable
        if one.address == address or (known is not None and one.id == known.id) or same_key:
            return Doomed(address, progress.unused(), one, step.path)
    return None
