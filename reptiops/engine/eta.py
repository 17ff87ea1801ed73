"""How long a run takes: the critical path over what AWS typically needs, and what is left of it while it goes on.

Pure: no clock, no AWS. What is expected comes from the kinds (`Resource.takes`) and from what this environment has
seen before (`Timings`). A plan's forecast is a lower bound made of AWS's own waiting; calls cost little beside it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.events import Event
from reptiops.engine.forecast import Forecast, Leg
from reptiops.engine.graph import Graph
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Change, Doing, Resource

CALL = 1.0
"""Seconds until a created resource is seen, where others need no more than that it exists."""
TIMINGS = "timings.json"
"""The document beside the state that holds `Timings`."""
KEPT = 20
"""How many durations of each kind are remembered."""
ENOUGH = 10
"""So many observations say by themselves what is late here, whatever is generally known."""
WORTH = 5.0
"""Seconds below which a duration says nothing about AWS."""
WEIGHT = 3
"""So many observations count as much as what is generally known of a kind."""
START: tuple[float, str | None] = (0.0, None)
"""The beginning of a run: the moment, and nothing that is waited for."""
ENDS = frozenset({"done", "kept", "same", "failed"})
"""Words of events after which an address is not waited for any more."""
FIRST_LATE = 20.0
"""Seconds before which nothing is called late."""
LATE = "later than nine of ten"
"""How that is said."""


@dataclass
class Timings:
    """What this environment has seen: by kind and verb, how long things took against what was generally expected."""

    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """`rds.Instance create` → (seconds, expected seconds), the newest last."""

    @classmethod
    def of(cls, data: bytes | None) -> Timings:
        """From the document that is kept beside the state; anything unreadable counts as nothing seen."""
        try:
            raw = json.loads(data) if data else {}
            return cls({str(k): [(float(a), float(b)) for a, b in v] for k, v in raw.items()})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def document(self) -> bytes:
        """What `of` reads."""
        return json.dumps(self.seen, sort_keys=True).encode()

    def add(self, want: Resource, verb: Doing, seconds: float, changes: Collection[Change] = ()) -> None:
        """Remember one duration, where AWS is waited for at all."""
        takes = want.takes(verb, changes)
        if takes < WORTH:
            return
        listed = self.seen.setdefault(f"{want.kind()} {verb}", [])
        listed.append((round(seconds, 1), takes))
        del listed[:-KEPT]

    def expected(self, want: Resource, verb: Doing, changes: Collection[Change] = ()) -> float:
        """Seconds that this is expected to take: what is generally known, moved towards what was seen here."""
        ratios = self._ratios(want, verb)
        known = want.takes(verb, changes)
        return known * (WEIGHT + len(ratios) * median(ratios)) / (WEIGHT + len(ratios)) if ratios else known

    def late(self, want: Resource, verb: Doing, changes: Collection[Change] = ()) -> float:
        """Seconds in which nine of ten are done."""
        ratios = sorted(self._ratios(want, verb))
        if len(ratios) < ENOUGH:
            return max(FIRST_LATE, want.late(verb, changes))
        nine_of_ten = ratios[ceil(0.9 * len(ratios)) - 1]
        return max(FIRST_LATE, want.takes(verb, changes) * nine_of_ten)

    def _ratios(self, want: Resource, verb: Doing) -> list[float]:
        return [took / known for took, known in self.seen.get(f"{want.kind()} {verb}", []) if known > 0]


@dataclass(frozen=True)
class Reversal:
    """A rollback: what is set back or made anew one after the other, before and after what is removed concurrently."""

    before: tuple[Action, ...] = ()
    removed: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        """All of it, in its order."""
        return (*self.before, *self.removed, *self.after)


@dataclass(frozen=True)
class Known:
    """What is known of a resource in a run that goes on: when it began, and when it was done."""

    began: float
    ended: float | None = None


def forecast(
    plan: Plan, graph: Graph, timings: Timings | None = None, known: Mapping[str, Known] | None = None, now: float = 0.0
) -> Forecast:
    """The forecast of a plan: steps start when what they need is there, what is removed or one-way comes last, a
    replacement that deletes the old one when only what needs the new one is left.

    With `known` and `now` it is that of the rest of a run that is under way.
    """
    times, facts = timings or Timings(), known or {}
    by_step: dict[str, list[Action]] = {}
    last: list[Action] = []
    for action in plan.changes:
        s = graph.step_of(action.address)
        if s is None or action.verb == "delete" or action.waits:
            last.append(action)
        else:
            by_step.setdefault(s.name, []).append(action)
    replacing = {name for name, some in by_step.items() if any(a.in_place for a in some)}
    behind = replacing.union(*(graph.dependants(name) for name in replacing))
    legs: dict[str, Leg] = {}
    ready: dict[str, tuple[float, str | None]] = {}
    seen: dict[str, tuple[float, str | None]] = {}
    rest = START
    """When all that has nothing to do with replacements is done."""
    for s in sorted(graph.order, key=lambda s: s.name in behind):
        begins = max((seen[n] if n in s.early else ready[n] for n in s.needs), key=lambda e: e[0], default=START)
        ready[s.name] = seen[s.name] = begins
        for action in by_step.get(s.name, []):
            start = max(begins, rest, key=lambda e: e[0]) if action.in_place else begins
            leg = legs[action.address] = _leg(action, start, times, facts.get(action.address), now)
            ready[s.name] = max(ready[s.name], (leg.ends, leg.address), key=lambda e: e[0])
            made = (min(leg.ends, leg.starts + CALL), leg.address)
            seen[s.name] = max(seen[s.name], made, key=lambda e: e[0])
        rest = rest if s.name in behind else max(rest, ready[s.name], key=lambda e: e[0])
    begins = max(ready.values(), key=lambda e: e[0], default=START)
    for action in last:
        legs[action.address] = _leg(action, begins, times, facts.get(action.address), now)
    return _forecast(legs)


def removal(
    graph: Graph,
    doomed: Iterable[Action],
    timings: Timings | None = None,
    known: Mapping[str, Known] | None = None,
    now: float = 0.0,
) -> Forecast:
    """The forecast of a teardown: what needs a thing goes before it; what has a first half of deletion begins at once."""
    return _forecast(_removed(graph, doomed, timings or Timings(), known or {}, now, START))


def reversal(
    graph: Graph,
    doing: Reversal,
    timings: Timings | None = None,
    known: Mapping[str, Known] | None = None,
    now: float = 0.0,
) -> Forecast:
    """The forecast of a rollback. What cannot go before something else is there again is counted with the rest that goes."""
    times, facts = timings or Timings(), known or {}
    legs = _in_turn(doing.before, START, times, facts, now)
    legs |= _removed(graph, doing.removed, times, facts, now, _end(legs))
    legs |= _in_turn(doing.after, _end(legs), times, facts, now)
    return _forecast(legs)


def _in_turn(
    actions: Iterable[Action], begins: tuple[float, str | None], times: Timings, facts: Mapping[str, Known], now: float
) -> dict[str, Leg]:
    legs: dict[str, Leg] = {}
    for action in actions:
        leg = legs[action.address] = _leg(action, begins, times, facts.get(action.address), now)
        begins = (leg.ends, leg.address)
    return legs


def _end(legs: Mapping[str, Leg]) -> tuple[float, str | None]:
    return max(((leg.ends, leg.address) for leg in legs.values()), key=lambda e: e[0], default=START)


def _removed(
    graph: Graph,
    doomed: Iterable[Action],
    times: Timings,
    facts: Mapping[str, Known],
    now: float,
    after: tuple[float, str | None],
) -> dict[str, Leg]:
    """By address, what is removed `after` something else."""
    by_step: dict[str, list[Action]] = {}
    for action in doomed:
        s = graph.step_of(action.address)
        by_step.setdefault(s.name if s else "", []).append(action)
    gone: dict[str, tuple[float, str | None]] = {}
    legs: dict[str, Leg] = {}
    for s in reversed(graph.order):
        users = (o for o in graph.order if s.name in o.needs and s.name not in o.outlives)
        begins = max((gone[o.name] for o in users), key=lambda e: e[0], default=after)
        gone[s.name] = begins
        for action in by_step.get(s.name, []):
            early = after if action.want is not None and action.want.retires() else None
            leg = legs[action.address] = _leg(action, begins, times, facts.get(action.address), now, early)
            gone[s.name] = max(gone[s.name], (leg.ends, leg.address), key=lambda e: e[0])
    return legs


def _leg(
    action: Action,
    begins: tuple[float, str | None],
    times: Timings,
    known: Known | None,
    now: float,
    early: tuple[float, str | None] | None = None,
) -> Leg:
    """With `early` its first half begins then, and the second when what needs it has gone."""
    starts, after = begins
    seconds = _seconds(action, times)
    if known is not None:
        starts = known.began
        ends = known.ended if known.ended is not None else max(now, starts + seconds)
    elif early is not None:
        ends, starts = max(now, starts + CALL, early[0] + seconds), early[0]
        after = after if ends > early[0] + seconds else early[1]
    else:
        starts = max(starts, now)
        ends = starts + seconds
    return Leg(action.address, action.verb, starts, ends, after)


def _seconds(action: Action, times: Timings) -> float:
    want = action.want or (action.live.has if action.live is not None else None)
    if want is None:
        return 0.0
    if action.verb == "replace" and not action.kind.made_beside:
        return times.expected(want, "delete") + times.expected(want, "create")
    if action.going is not None:  # how long AWS has been deleting it, it does not tell
        return times.expected(want, "delete") + times.expected(want, "create")
    verb = "create" if action.verb == "replace" else action.verb
    return times.expected(want, verb, action.changes) if verb in ("create", "update", "delete") else 0.0


def _forecast(legs: Mapping[str, Leg]) -> Forecast:
    leg = max(legs.values(), key=lambda one: one.ends, default=None)
    if leg is None:
        return Forecast()
    path = [leg]
    while path[-1].after is not None:
        path.append(legs[path[-1].after])
    return Forecast(leg.ends, tuple(reversed(path)), legs)


class Countdown:
    """What is left of a run, from its events. It is a sink; `remaining` and `late` may be asked at any time.

    `doing`: a plan, a rollback, or what is removed.
    """

    def __init__(self, graph: Graph, doing: Plan | Reversal | Iterable[Action], timings: Timings | None = None):
        self._graph, self._timings = graph, timings or Timings()
        self._doing = doing if isinstance(doing, Plan | Reversal) else tuple(doing)
        self._wants = {a.address: a for a in _actions(self._doing)}
        self._known: dict[str, Known] = {}

    @property
    def back(self) -> bool:
        """Whether it is a rollback that is counted."""
        return isinstance(self._doing, Reversal)

    def note(self, event: Event, now: float) -> None:
        """Take in one event; `now` is seconds since the run began."""
        action = self._wants.get(event.address)
        if action is None:
            return
        if event.word == "start":
            self._known.setdefault(event.address, Known(now))
        elif event.word in ENDS and not (action.verb == "replace" and event.verb == "delete"):  # half of it
            began = self._known.get(event.address, Known(now)).began
            self._known[event.address] = Known(began, now)

    def forecast(self, now: float) -> Forecast:
        """The whole run's forecast, as it looks now."""
        doing, graph, timings, known = self._doing, self._graph, self._timings, self._known
        if isinstance(doing, Plan):
            return forecast(doing, graph, timings, known, now)
        if isinstance(doing, Reversal):
            return reversal(graph, doing, timings, known, now)
        return removal(graph, doing, timings, known, now)

    def remaining(self, now: float) -> float:
        """Seconds that are left."""
        return max(0.0, self.forecast(now).seconds - now)

    def late(self, now: float) -> list[str]:
        """Addresses that take longer than nine of ten of their kind."""
        found = []
        for address, known in self._known.items():
            action = self._wants[address]
            want: Any = action.want or (action.live.has if action.live is not None else None)
            verb = action.verb if action.verb in ("create", "update", "delete") else "create"
            if (
                known.ended is None
                and want is not None
                and now - known.began > self._timings.late(want, verb, action.changes)
            ):
                found.append(address)
        return found


def _actions(doing: Plan | Reversal | tuple[Action, ...]) -> tuple[Action, ...]:
    if isinstance(doing, Plan):
        return doing.changes
    return doing.actions if isinstance(doing, Reversal) else doing
