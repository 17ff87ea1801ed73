"""Drift: what AWS has against what we last applied. Pending (configuration against applied) is told apart.

Closed world: what nobody declared inside what we own is drift too. Fields that somebody else owns are none, nor is
what AWS moved on by itself.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.canonical import Plain, plain
from reptiops.engine.codec import canonical
from reptiops.engine.diff import diff
from reptiops.engine.finding import Finding as Finding
from reptiops.engine.graph import Graph, Step
from reptiops.engine.plan import Matcher, Owned, Plan, walk
from reptiops.engine.resource import Change, Live, Resource, Risk
from reptiops.engine.state import State
from reptiops.engine.unknown import is_unknown


@dataclass(frozen=True)
class Drift:
    """All findings, what is pending, and what is in the middle of a change."""

    findings: tuple[Finding, ...]
    pending: tuple[Finding, ...]
    busy: tuple[str, ...]
    extras: Mapping[tuple[str, str], tuple[Resource, Live[Any], str]]
    """Kind and id of an extra → an instance, the live one, and the step it is removed with."""

    def extra(self, finding: Finding) -> tuple[Resource, Live[Any], str]:
        """What the finding of an extra is about."""
        return self.extras[finding.kind, finding.id]


def applied_changes(applied: Plain, has: Resource, pending: bool = False) -> Iterator[Change]:
    """Where the live resource differs from the canonical form of what was applied; an applied null means: not ours.

    With `pending`, `has` is the wanted resource instead.
    """
    if isinstance(applied, dict):
        yield from _fields(typing.cast("dict[str, Plain]", canonical(type(has), applied)), has, "", pending)


def _fields(applied: Mapping[str, Plain], has: Any, prefix: str, pending: bool) -> Iterator[Change]:
    for f in dataclasses.fields(has):
        meta = f.metadata
        if f.name not in applied or any(meta.get(marker) for marker in ("secret", "local", "owner")):
            continue
        was, now = applied[f.name], getattr(has, f.name)
        if meta.get("follows") and meta["follows"](was, now):
            continue
        good = meta.get("satisfied")
        if was is None or (good and (good(now, was) if pending else good(was, now))):
            continue
        yield from _value(was, now, f"{prefix}{f.name}", pending)


def _value(was: Plain, now: Any, path: str, pending: bool) -> Iterator[Change]:
    if isinstance(was, dict) and dataclasses.is_dataclass(now) and not hasattr(now, "to_plain"):
        yield from _fields(was, now, f"{path}.", pending)
    elif isinstance(was, dict) and isinstance(now, Mapping):
        for key in sorted({*was, *now}):
            if key not in was or key not in now:
                yield Change(f"{path}.{key}", plain(now.get(key)), was.get(key))
            else:
                yield from _value(was[key], now[key], f"{path}.{key}", pending)
    elif was != plain(now):
        yield Change(path, plain(now), was)


def find(graph: Graph, given: Mapping[str, Any], matcher: Matcher, state: State, owner: Owned) -> Drift:
    """Compare everything. What no state records was adopted as it is: it can only be pending."""
    found: list[Finding] = []
    pending: list[Finding] = []
    busy: list[str] = []
    known: dict[str, Action] = {}
    for _, actions in walk(graph, given, matcher):
        for a in actions:
            known[a.address] = a
            if a.going is not None:
                busy.append(f"{a.address}: being deleted ({a.going.status.word})")
            if a.live is not None and a.live.status.phase == "pending" and a.live.status.changing:
                busy.append(f"{a.address}: {a.live.status.word}")
            found += _of(a, state, owner)
            pending += _pending(a, state, owner)
    extras = dict(_extras(graph, matcher, state, known))
    for one in extras.values():
        extra = _extra(one, known)
        if owner(extra.address, "extra") in (None, "reptiops"):
            found.append(extra)
    return Drift(tuple(sorted(found)), tuple(sorted(pending)), tuple(busy), extras)


def beside(graph: Graph, matcher: Matcher, state: State, owner: Owned, made: Plan) -> tuple[Finding, ...]:
    """What nobody declared inside what we own and a plan leaves as it is. It costs no call: the plan has seen it."""
    known = {a.address: a for a in made.actions}
    found = (_extra(one, known) for one in dict(_extras(graph, matcher, state, known)).values())
    return tuple(sorted(one for one in found if owner(one.address, "extra") in (None, "reptiops")))


def _of(a: Action, state: State, owner: Owned) -> Iterator[Finding]:
    entry = state.entries.get(a.address)
    if entry is None or a.kind.existing:
        return
    if a.live is None:
        if owner(a.address, "missing") not in (None, "reptiops"):
            return
        # What is of use empty is made anew without a question: nothing is lost by that which was not lost before.
        risk: Risk = "data" if a.kind.holds_data and not a.kind.good_empty else a.kind.without or a.kind.risk
        yield Finding(a.address, entry.id, "", "missing", risk, kind=a.kind.kind())
        return
    changes = () if a.live.status.partial else applied_changes(entry.applied, a.live.has)
    for change in changes:
        if a.want is not None and getattr(a.want, change.field) is None:
            continue  # somebody else sets it for now: a schedule, autoscaling, a parked service
        whose = owner(a.address, change.path)
        if whose in (None, "reptiops"):
            yield Finding(
                a.address,
                a.live.id,
                change.path,
                "changed",
                a.kind.at_stake(change),
                change.want,
                change.has,
                kind=a.kind.kind(),
            )


def _pending(a: Action, state: State, owner: Owned) -> Iterator[Finding]:
    """What the configuration wants and nobody has applied yet."""
    entry = state.entries.get(a.address)
    if a.verb == "create" and entry is None and not a.kind.existing:
        yield Finding(a.address, "", "", "missing", a.kind.without or a.kind.risk, kind=a.kind.kind())
    if a.want is None or a.live is None or a.kind.existing or a.live.status.partial:
        return
    changes = applied_changes(entry.applied, a.want, pending=True) if entry else diff(a.want, a.live.has)
    for change in changes:
        wanted = change.has if entry else change.want
        if wanted is not None and not is_unknown(wanted) and owner(a.address, change.path) in (None, "reptiops"):
            was = change.want if entry else change.has
            risk = a.kind.at_stake(Change(change.path, wanted, was))
            yield Finding(a.address, a.live.id, change.path, "changed", risk, was, wanted, kind=a.kind.kind())


def _extras(
    graph: Graph, matcher: Matcher, state: State, known: Mapping[str, Action]
) -> Iterator[tuple[tuple[str, str], tuple[Resource, Live[Any], str]]]:
    ours = {(a.kind, a.live.id) for a in known.values() if a.live is not None}
    recorded = {(e.kind, e.id) for e in state.entries.values()}
    steps: dict[type[Resource], Step] = {kind: s for s in graph.order for kind in s.kinds}
    for kind, lives in matcher.all.items():
        for one in lives:
            inside = kind.within or not kind.taggable
            mine = (one.address is not None or inside) and one.status.phase != "going"
            if kind.existing or (kind, one.id) in ours or (kind.kind(), one.id) in recorded or not mine:
                continue
            yield (kind.kind(), one.id), (one.has, one, steps[kind].path)


def _extra(extra: tuple[Resource, Live[Any], str], known: Mapping[str, Action]) -> Finding:
    has, one, path = extra
    return Finding(
        one.address or _hangs_on(has, known) or path,
        one.id,
        "",
        "extra",
        type(has).risk,
        None,
        plain(has),
        kind=type(has).kind(),
        natural=has.key() or "",
        names=_names(has, known),
    )


def _names(has: Resource, known: Mapping[str, Action]) -> dict[str, str]:
    """The names of our resources whose ids are in the fields of another one."""
    named = ((value, getattr(a.live.has, "name", "")) for value, a in _held(has, known) if a.live is not None)
    return {value: name for value, name in named if name}


def _hangs_on(has: Resource, known: Mapping[str, Action]) -> str | None:
    """The address of the resource whose id is in one of its fields: the group of a rule, the VPC of a subnet."""
    return next((a.address for _, a in _held(has, known)), None)


def _held(has: Resource, known: Mapping[str, Action]) -> Iterator[tuple[str, Action]]:
    """The ids in the fields of a resource, each with what has it. Its own name is none, and one that several have says
    nothing: a database, a cache and a dashboard may be called alike.
    """
    ids: dict[str, list[Action]] = {}
    for a in known.values():
        if a.live is not None:
            ids.setdefault(a.live.id, []).append(a)
    for f in dataclasses.fields(has):
        value = getattr(has, f.name)
        if f.name != "name" and isinstance(value, str) and len(some := ids.get(value, [])) == 1:
            yield value, some[0]
