"""What exists already and could be taken over: found by natural key, or by what a kind says tells one from another.

What hangs on another thing is found only once that one counts as ours, so the search goes round until nothing new comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.canonical import in_full
from reptiops.engine.diff import diff
from reptiops.engine.graph import Graph
from reptiops.engine.plan import Matcher, look, walk
from reptiops.engine.resource import Change, Live, Resource
from reptiops.engine.scope import Scope
from reptiops.engine.state import Entry, State
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ReptiopsError


class NotAdoptable(ReptiopsError):
    """An address or an id that cannot be adopted, and why."""

    exit_code = 4


@dataclass(frozen=True)
class Candidate:
    """Something live that could become an address, and what the next provision would then change."""

    address: str
    live: Live[Any]
    want: Resource
    needs: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs from the configuration. Nothing of it is changed by adopting."""
        return () if self.live.status.partial else diff(self.want, self.live.has)


@dataclass(frozen=True)
class Search:
    """What was found: one thing for an address, several that it could be, or nothing."""

    candidates: tuple[Candidate, ...]
    doubtful: Mapping[str, tuple[str, ...]]
    """Address → ids, where more than one thing could be it."""
    missing: tuple[str, ...]


def search(graph: Graph, given: Mapping[str, Any], scope: Scope, state: State) -> Search:
    """For every address that is declared and not ours yet: what it could be."""
    found: dict[str, Candidate] = {}
    while True:
        seen = scope.claiming({(type(c.live.has), c.live.id): a for a, c in found.items()})
        look(seen, graph.kinds())
        matcher = Matcher(seen, graph.kinds(), _as_if(state, found.values()))
        new, doubtful, missing = _round(graph, given, seen, matcher, state, found)
        if not new:
            now = {
                a.address: a.want for _, actions in walk(graph, given, matcher) for a in actions if a.want is not None
            }
            known = tuple(replace(c, want=now[address]) for address, c in found.items())  # with ids that came later
            return Search(known, doubtful, missing)
        found |= new


def _as_if(state: State, taken: Iterable[Candidate]) -> State:
    entries = {c.address: Entry(c.address, c.live.has.kind(), c.live.id, in_full(c.live.has)) for c in taken}
    return replace(state, entries={**state.entries, **entries})


def _round(
    graph: Graph,
    given: Mapping[str, Any],
    scope: Scope,
    matcher: Matcher,
    state: State,
    found: Mapping[str, Candidate],
) -> tuple[dict[str, Candidate], dict[str, tuple[str, ...]], tuple[str, ...]]:
    new: dict[str, Candidate] = {}
    doubtful: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    strangers: dict[type[Resource], list[Live[Any]]] = {}
    for s, actions in walk(graph, given, matcher):
        for a in actions:
            if a.want is None or a.kind.existing or a.address in found or _ours(a, state):
                continue
            if a.live is not None:
                some = [a.live]
            else:
                some = _alike(a, _free(a.kind, scope, matcher, strangers), found.values())
            if len(some) == 1:
                needs = tuple(graph.steps[n].path for n in s.needs)
                new[a.address] = Candidate(a.address, some[0], a.want, needs)
            elif some:
                doubtful[a.address] = tuple(sorted(one.id for one in some))
            else:
                missing.append(a.address)
    return new, doubtful, tuple(missing)


def _ours(a: Action, state: State) -> bool:
    entry = state.entries.get(a.address)
    recorded = entry is not None and a.live is not None and entry.id == a.live.id
    return a.live is not None and (recorded or a.live.address is not None)


def _free(
    kind: type[Resource], scope: Scope, matcher: Matcher, known: dict[type[Resource], list[Live[Any]]]
) -> list[Live[Any]]:
    """Everything of a kind that carries no address of ours."""
    if kind not in known:
        lives = {one.id: one for one in (*kind.strangers(scope.aws, scope), *matcher.all[kind])}
        known[kind] = [one for one in lives.values() if one.address is None and one.status.phase != "going"]
    return known[kind]


def _alike(a: Action, free: Iterable[Live[Any]], taken: Iterable[Candidate]) -> list[Live[Any]]:
    """What an address could be; of several, those that also bear its name."""
    want = a.want
    used = {(type(c.live.has), c.live.id) for c in taken}
    alike = [one for one in free if want is not None and want.resembles(one.has) and (a.kind, one.id) not in used]
    name = getattr(want, "name", "")
    named = [one for one in alike if name and not is_unknown(name) and getattr(one.has, "name", "") == name]
    return named if len(named) == 1 else alike


def choose(
    graph: Graph, given: Mapping[str, Any], scope: Scope, state: State, address: str, identifier: str
) -> Candidate:
    """One thing by its id, whether it resembles the address or not. Raises NotAdoptable where that cannot be."""
    look(scope, graph.kinds())
    matcher = Matcher(scope, graph.kinds(), state)
    declared: list[str] = []
    for s, actions in walk(graph, given, matcher):
        for a in actions:
            declared.append(a.address)
            if a.address == address and a.want is not None:
                needs = tuple(graph.steps[n].path for n in s.needs)
                return Candidate(address, _by_id(a, scope, matcher, state, identifier), a.want, needs)
    hint = "".join(f" Did you mean {one}?" for one in get_close_matches(address, declared, n=1))
    raise NotAdoptable(
        f"{address} is not declared: `reptiops status ENV` lists the addresses of the configuration.{hint}"
    )


def _by_id(a: Action, scope: Scope, matcher: Matcher, state: State, identifier: str) -> Live[Any]:
    if a.kind.existing:
        raise NotAdoptable(f"{a.address} is shared with the account: it is found and never made ours.")
    if a.live is not None and _ours(a, state):
        raise NotAdoptable(f"{a.address} is there already: {a.live.id}.")
    lives = {one.id: one for one in (*a.kind.strangers(scope.aws, scope), *matcher.all[a.kind])}
    for one in lives.values():
        if identifier in (one.id, one.has.key(), one.out.get("arn")):
            if one.address is not None:
                raise NotAdoptable(f"{identifier} is {one.address} already.")
            return one
    raise NotAdoptable(
        f"No {a.kind.kind()} {identifier} was found that could be {a.address}. What has a name must have the one that "
        "the configuration says, and what hangs on another thing is found once that one is adopted."
    )
