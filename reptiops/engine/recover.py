"""Undoing runs that did not end (killed, or kept after a failure), from their journals, by another process.

A journal says before each write what it is about to do and how the thing was before. That is enough: what was created
is found by address tag, recorded id or natural key and removed; what was updated is set back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reptiops.engine.apply import ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.codec import restore
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph
from reptiops.engine.plan import look
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Live, Plain, Resource, diff
from reptiops.engine.rollback import Undone
from reptiops.engine.state import Entry, Records

WRITING = frozenset({"provision", "reconcile"})
"""Operations that can be undone; a teardown cannot."""


@dataclass
class Unfinished:
    """What runs without an end have done: by address, in the order in which it was begun."""

    runs: list[str] = field(default_factory=list)
    created: dict[str, tuple[str, Plain]] = field(default_factory=dict)
    """Address → kind and what was wanted."""
    updated: dict[str, tuple[str, Plain]] = field(default_factory=dict)
    """Address → kind and how it was before the first of the updates."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """Address → what the state said of it before."""
    deleted: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to undo."""
        return not (self.created or self.updated or self.deleted)


def unfinished(kept: Records) -> Unfinished:
    """Everything done since the last run that ended or was undone."""
    found = Unfinished()
    for run in reversed(kept.runs()):
        records = list(kept.records(run))
        if any(r["event"] in ("end", "undone") for r in records):
            break
        found.runs.insert(0, run)
    for run in found.runs:
        for record in kept.records(run):
            _take(found, record)
    return found


def _take(found: Unfinished, record: Mapping[str, Any]) -> None:
    if record["event"] != "begin":
        return
    address, kind, verb = record["address"], record["kind"], record["verb"]
    if verb == "create":
        found.created.setdefault(address, (kind, record.get("target")))
    elif verb == "update" and address not in found.created:
        found.updated.setdefault(address, (kind, record["pre"]))
        was = record.get("was")
        if was and address not in found.entries:
            found.entries[address] = Entry(**{**was, "needs": tuple(was["needs"])})
    elif verb == "delete" and address not in found.created:
        found.deleted.append(address)


def undo(graph: Graph, work: Work, what: Unfinished) -> Undone:
    """Set back and remove, then look whether it worked. What a run deleted cannot be brought back, and is said."""
    kinds = {kind.kind(): kind for kind in graph.kinds()}
    errors = [f"{address} was deleted by that run and cannot be brought back" for address in what.deleted]
    look(work.scope, graph.kinds())
    for address, (name, pre) in reversed(what.updated.items()):
        wrong = list(_set_back(work, address, kinds.get(name), pre))
        if not wrong:
            work.recorded_as(address, what.entries.get(address))
        errors += wrong
    work.scope = work.scope.again()
    look(work.scope, graph.kinds())
    doomed = list(_doomed(graph, work, what, kinds))
    try:
        Remove(graph, doomed, work).run()
    except ApplyError as error:
        errors += [str(e) for e in error.errors]
    work.scope = work.scope.again()
    look(work.scope, graph.kinds())
    left = [f"{d.address} {d.live.id}" for d in _doomed(graph, work, what, kinds)]
    return Undone(tuple(sorted(left)), (), tuple(errors))


def _find(work: Work, address: str, kind: type[Resource], key: str | None) -> Live[Any] | None:
    entry = work.state.entries.get(address)
    for one in work.scope.live(kind):
        recorded = entry is not None and one.id == entry.id
        same = key is not None and one.has.key() == key and (not kind.taggable or kind.within)
        if one.address == address or recorded or same:
            return one
    return None


def _set_back(work: Work, address: str, kind: type[Resource] | None, pre: Plain) -> Iterable[str]:
    if kind is None or pre is None:
        return [f"{address}: nothing is recorded of how it was"]
    before = restore(kind, pre)
    current = _find(work, address, kind, before.key())
    if current is None:
        return [f"{address} has gone and cannot be set back"]
    if diff(before, current.has):
        entry = work.state.entries.get(address)
        try:
            work.update(address, before, current, entry.needs if entry else ())
        except Exception as error:
            return [str(error)]
        work.tell(Event("done", address, "restore", current.id))
    return []


def _doomed(graph: Graph, work: Work, what: Unfinished, kinds: Mapping[str, type[Resource]]) -> Iterable[Doomed]:
    for address, (name, target) in what.created.items():
        kind, step = kinds.get(name), graph.step_of(address)
        if kind is None or step is None or kind.existing:
            continue
        want = restore(kind, target) if target is not None else None
        live = _find(work, address, kind, want.key() if want else None)
        if live is not None:
            yield Doomed(address, live.has.unused(), live, step.path)
