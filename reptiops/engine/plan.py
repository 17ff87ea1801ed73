"""What has to be done: every wanted resource matched to a live one and compared. Reads only; calls nothing itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from reptiops.engine.action import Action, Verb
from reptiops.engine.ahead import Ahead
from reptiops.engine.canonical import plain
from reptiops.engine.codec import restore
from reptiops.engine.diff import diff, retagged, yielded
from reptiops.engine.finding import Finding
from reptiops.engine.forecast import Forecast
from reptiops.engine.graph import PHASES, Graph, Step, results
from reptiops.engine.needed import told
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope
from reptiops.engine.state import State
from reptiops.engine.unknown import unknown_addresses
from reptiops.engine.unplannable import NeedsForeign, NeedsMissing, PlanError, UnknownAddress


@dataclass(frozen=True)
class Plan:
    """All actions in the documented order, deletions last; and what a person should know."""

    actions: tuple[Action, ...]
    notes: tuple[str, ...] = ()
    live: Mapping[str, Live[Any]] = field(default_factory=dict)
    forecast: Forecast | None = None
    """How long it is expected to take, where somebody has asked."""
    partial: bool = False
    """Whether it is about what was selected only."""
    staying: Mapping[str, str] = field(default_factory=dict)
    """By address: what stays otherwise than wanted, as AWS never takes it back. The notes tell it."""
    beside: tuple[Finding, ...] = ()
    """What nobody declared and it leaves as it is, where somebody has asked."""

    @property
    def changes(self) -> tuple[Action, ...]:
        """The actions that would change something."""
        return tuple(a for a in self.actions if a.verb != "none")

    @property
    def stuck(self) -> Mapping[str, str]:
        """By address: what cannot be done as things are, why, and what to do instead. Such a plan is not carried out."""
        return {a.address: why for a in self.actions if (why := a.hindrance)}

    def count(self, verb: Verb) -> int:
        """How many actions of what was selected have this verb."""
        return sum(a.verb == verb and a.selected for a in self.actions)


def look(scope: Scope, kinds: Iterable[type[Resource]], workers: int = 12) -> None:
    """Observe all kinds at once; afterwards `scope.live` answers from memory."""
    with ThreadPoolExecutor(workers, thread_name_prefix="observe") as pool:
        for future in [pool.submit(scope.live, kind) for kind in kinds]:
            future.result()


class Matcher:
    """Which live resource is which address: by recorded id, by address tag, by natural key, in that order."""

    def __init__(self, scope: Scope, kinds: Iterable[type[Resource]], state: State):
        self._scope, self._state = scope, state
        self.all: dict[type[Resource], list[Live[Any]]] = {kind: scope.live(kind) for kind in kinds}
        self._tagged: dict[tuple[type[Resource], str], list[Live[Any]]] = defaultdict(list)
        self._ids: dict[tuple[type[Resource], str], Live[Any]] = {}
        self._keys: dict[tuple[type[Resource], str], Live[Any]] = {}
        for kind, lives in self.all.items():
            for one in lives:
                if one.status.phase == "going":
                    continue
                self._ids[kind, one.id] = one
                if one.address:
                    self._tagged[kind, one.address].append(one)
                key = one.has.key()
                if key is not None:
                    self._keys[kind, key] = one

    def find(self, address: str, want: Resource) -> tuple[Live[Any] | None, bool]:
        """The live resource of a wanted one, and whether it is foreign (ours by name, but nothing says we made it)."""
        kind = type(want)
        entry = self._state.entries.get(address)
        recorded = self._ids.get((kind, entry.id)) if entry else None
        tagged = self._tagged.get((kind, address), [])
        if kind.made_beside and len(tagged) > 1:
            return min(tagged, key=lambda one: (_outdated(want, one), one is not recorded)), False
        if recorded and recorded.address in (address, None):
            return recorded, False
        if len(tagged) > 1:
            ids = ", ".join(sorted(one.id for one in tagged))
            raise PlanError(f"{address}: two resources carry this address ({ids}). Remove the tag from the wrong one.")
        if tagged:
            return tagged[0], False
        key = want.key()
        found = self._keys.get((kind, key)) if key is not None else None
        if found is None:
            return None, False
        return found, found.address is None and self._is_foreign(address, want, found)

    def going(self, address: str, want: Resource) -> Live[Any] | None:
        """The one of this address or natural key that AWS is still deleting."""
        kind, key = type(want), want.key()
        entry = self._state.entries.get(address)
        for one in self.all.get(kind, ()):
            recorded = entry is not None and entry.id == one.id
            named = one.address == address or (key is not None and one.has.key() == key)
            if one.status.phase == "going" and (recorded or named):
                return one
        return None

    def others(self, found: Live[Any]) -> list[Live[Any]]:
        """Those beside a found one that carry its address: it has replaced them."""
        tagged = self._tagged.get((type(found.has), found.address or ""), [])
        return [one for one in tagged if one.id != found.id] if type(found.has).made_beside else []

    def _is_foreign(self, address: str, want: Resource, found: Live[Any]) -> bool:
        kind = type(want)
        renewed = kind.renewed and address in self._state.entries  # by somebody else, who gave it another id
        if kind.existing or renewed or not want.foreign(found):
            return False
        return not (kind.untold and found.status.phase in ("pending", "failed") and address in self._scope.begun())


def _outdated(want: Resource, one: Live[Any]) -> bool:
    """Whether it would have to be replaced."""
    return one.status.phase == "failed" or any(c.fixed for c in diff(want, one.has))


def leftover(address: str, number: int = 0) -> str:
    """The address by which one is removed that another one of its address has replaced."""
    return f"{address}/replaced" + (f"-{number + 1}" if number else "")


Owned = Callable[[str, str], str | None]
"""Address and field → who owns it, where the configuration says so."""


def nobody(address: str, path: str) -> str | None:
    """No owners by configuration."""
    return None


def decide(
    address: str,
    want: Resource,
    live: Live[Any] | None,
    foreign: bool,
    s: Step,
    owned: Owned = nobody,
    going: Live[Any] | None = None,
) -> Action:
    """What one wanted resource needs, given what is live. Fields that the configuration gives away stay as they are."""
    if live is not None:
        want = yielded(want, live.has, lambda path: owned(address, path) not in (None, "reptiops"))
    forward = s.brought_forward_to is not None
    base = {
        "address": address,
        "kind": type(want),
        "want": want,
        "live": live,
        "phase": s.phase,
        "brought_forward": forward,
    }
    if live is None:
        return Action(verb="create", going=going, **base)  # type: ignore[arg-type]
    changes = () if live.status.partial else (*diff(want, live.has), *retagged(address, live))
    if foreign:
        return Action(verb="foreign", changes=changes, **base)  # type: ignore[arg-type]
    if live.status.phase == "failed" and not live.out.get("repairable"):
        return Action(verb="replace", changes=changes, **base)  # type: ignore[arg-type]
    if not changes:
        return Action(verb="none", **base)  # type: ignore[arg-type]
    verb: Verb = "replace" if any(c.fixed for c in changes) else "update"
    return Action(verb=verb, changes=changes, **base)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Selection:
    """What a run may touch: everything, or some phases, or some addresses (or beginnings of addresses)."""

    phases: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()

    def covers(self, address: str) -> bool:
        """Whether an address may be touched."""
        if not self.phases and not self.addresses:
            return True
        inside = any(address == a or address.startswith(f"{a}/") for a in self.addresses)
        return inside or address.split("/")[0] in self.phases


EVERYTHING = Selection()


def walk(
    graph: Graph, given: Mapping[str, Any], matcher: Matcher | None, selection: Selection = EVERYTHING
) -> Iterator[tuple[Step, list[Action]]]:
    """Every step's actions in order. Without a matcher nothing is live: what a first run would make.

    What the selection leaves out is taken as it is; raises PlanError where it is needed and not there.
    """
    values: dict[str, Any] = dict(given)
    ahead = Ahead(given)
    absent: set[str] = set()
    strange: dict[str, Action] = {}
    hidden: dict[str, Any] = {}
    for s in graph.order:
        wanted = s.wanted(values)
        sure = ahead.wanted(s, values) if matcher else wanted
        actions, live = [], {}
        for address, want in wanted.items():
            found, foreign = matcher.find(address, want) if matcher else (None, False)
            going = matcher.going(address, want) if matcher and found is None else None
            compared = want if found is None else sure.get(address, want)
            action = decide(address, compared, found, foreign, s, given.get("owned", nobody), going)
            if not selection.covers(address):
                if found is None:
                    absent.add(s.name)
                    continue
                if action.verb == "foreign":
                    strange[address] = action
                action = replace(action, verb="none", changes=(), selected=False)
            renewed = action.verb == "replace" or (action.verb == "update" and action.kind.renewed)
            if found is not None and not renewed:
                live[address] = found
            if action.verb != "none" and absent.intersection(s.needs):
                missing = graph.steps[next(iter(absent.intersection(s.needs)))].path
                raise NeedsMissing(address, missing)
            actions.append(action)
        _refuse_strangers(s, actions, {**values, **hidden}, strange)
        values[s.name] = results(s, wanted, live)
        ahead.note(s, wanted, sure, live, actions)
        if strange.keys() & live:
            hidden[s.name] = results(s, wanted, {a: one for a, one in live.items() if a not in strange})
        yield s, actions


def _refuse_strangers(
    s: Step, actions: Iterable[Action], hidden: Mapping[str, Any], strange: Mapping[str, Action]
) -> None:
    """Raise NeedsForeign where something would be made or changed with an id of what is not ours; `hidden`: the values
    without those ids.
    """
    changing = [a.address for a in actions if a.verb not in ("none", "foreign")] if strange else []
    wanted = s.wanted(hidden) if changing else {}
    for address in changing:
        for other in sorted(unknown_addresses(plain(wanted.get(address))) & strange.keys()):
            raise NeedsForeign(address, strange[other])


def wanted_actions(graph: Graph, given: Mapping[str, Any]) -> tuple[Action, ...]:
    """What a first run would do: every declared address."""
    return tuple(a for _, actions in walk(graph, given, None) for a in actions)


def wanted(graph: Graph, given: Mapping[str, Any], state: State) -> tuple[Resource, ...]:
    """What observations look for: everything the configuration wants, ids unknown, and what it wanted before.

    A dashboard that nobody wants any more is found by the name that the state knows, or never.
    """
    now = wanted_actions(graph, given)
    declared, kinds = {a.address for a in now}, {kind.kind(): kind for kind in graph.kinds()}
    before = [
        restore(kinds[entry.kind], entry.applied)
        for address, entry in state.entries.items()
        if address not in declared and entry.kind in kinds
    ]
    return (*before, *(a.want for a in now if a.want is not None))


def make(
    graph: Graph,
    given: Mapping[str, Any],
    scope: Scope,
    state: State,
    selection: Selection = EVERYTHING,
    *,
    again: bool = False,
) -> Plan:
    """The plan for the whole environment: creations and changes in order, then the removal of what nobody declares.

    `again`: after a run of that selection, which may have removed what it names.
    """
    kinds = graph.kinds()
    look(scope, kinds)
    matcher = Matcher(scope, kinds, state)
    actions: list[Action] = []
    for _, some in walk(graph, given, matcher, selection):
        actions += some
    _refuse_twice(actions)
    declared = {a.address for a in wanted_actions(graph, given)} | {a.address for a in actions}
    extra = undeclared(graph, matcher, state, given.get("parting", {}))
    if not again:
        _refuse_unknown(
            selection, {*declared, *state.entries, *(r.address for r in extra), *(s.path for s in graph.order)}
        )
    # One that another address takes over by its natural key is no longer the old address's to delete.
    taken = {(a.kind, a.live.id) for a in actions if a.live is not None and a.verb != "foreign"}
    gone = [
        r
        for r in extra
        if r.address not in declared and r.live and (r.kind, r.live.id) not in taken and r.live.status.phase != "going"
    ]
    staying = [r for r in gone if not selection.covers(r.address)]
    removed = list(told(graph, (r for r in gone if selection.covers(r.address)), staying))
    if selection == EVERYTHING:  # else what still uses the old one may not be touched
        removed += superseded(matcher, actions)
    live = {a.address: a.live for a in actions if a.live is not None}
    stays = {a.address: why for a in actions if selection.covers(a.address) and (why := a.staying)}
    notes = (*getattr(given.get("facts"), "notes", ()), *(f"{address}: {why}" for address, why in stays.items()))
    return Plan(tuple(actions + removed), notes, live, partial=selection != EVERYTHING, staying=stays)


def _refuse_unknown(selection: Selection, known: set[str]) -> None:
    """Raise UnknownAddress where a selected address covers nothing that could be: it would end as "nothing to do"."""
    begun = {"/".join(parts[:n]) for parts in (a.split("/") for a in known) for n in range(1, len(parts) + 1)}
    for address in selection.addresses:
        if address not in begun and address not in PHASES:
            raise UnknownAddress(address, get_close_matches(address, sorted(begun), n=1))


def _refuse_twice(actions: Iterable[Action]) -> None:
    """Raise PlanError where two addresses are one thing: each run would give it to the other one."""
    owners: dict[tuple[type[Resource], str], str] = {}
    for a in actions:
        if a.live is None or a.kind.existing or a.kind.key is Resource.key:
            continue
        other = owners.setdefault((a.kind, a.live.id), a.address)
        if other != a.address:
            raise PlanError(f"{other} and {a.address} have one name and are both {a.live.id}: give one another name.")


def superseded(matcher: Matcher, actions: Iterable[Action]) -> list[Action]:
    """Deletions of what has been replaced and is still there: the run that replaced it ended too early."""
    return [
        Action(leftover(a.address, n), "delete", a.kind, one.has, one, phase=a.phase, superseded=True)
        for a in actions
        if a.live is not None
        for n, one in enumerate(matcher.others(a.live))
    ]


def undeclared(
    graph: Graph, matcher: Matcher, state: State, parting: Mapping[type[Resource], Mapping[str, Any]]
) -> list[Action]:
    """Deletions of everything live that we made: by its address tag, or because the state records it. What the account
    shares stays.

    `parting`: the tool's own settings by which a kind is deleted, as AWS keeps none of them.
    """
    recorded = {(e.kind, e.id): a for a, e in state.entries.items()}
    found: dict[str, Action] = {}
    for kind, lives in matcher.all.items():
        for one in lives:
            address = one.address or recorded.get((kind.kind(), one.id))
            if address is not None and not kind.existing:
                while address in found:  # replaced, and both are still there
                    address = leftover(address)
                want = replace(one.has, **parting.get(kind, {}))
                found[address] = Action(address, "delete", kind, want, one, phase=address.split("/")[0])
    rank = {s.path: index for index, s in enumerate(graph.order)}
    return sorted(found.values(), key=lambda a: -rank.get("/".join(a.address.split("/")[:2]), -1))
