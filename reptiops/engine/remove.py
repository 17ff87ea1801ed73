"""Removing in reverse order, concurrently: what needs a thing goes before it, and slow deletions begin first.

The same walk serves teardown, the removal of what is no longer declared, and the rollback of creates.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any

from reptiops.aws import code, message
from reptiops.engine.apply import ApplyError
from reptiops.engine.blind import AGAIN, Blind, Waiting, patient
from reptiops.engine.calls import Work
from reptiops.engine.crew import Crew, Looks, interval
from reptiops.engine.eta import LATE
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph
from reptiops.engine.passing import CallFailed
from reptiops.engine.plan import look
from reptiops.engine.recheck import Moved, Unlisted
from reptiops.engine.resource import Kept, Live, Resource
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.limits import NotSent

LAGS = (0.5, 1.5, 4.0, 9.0)
"""Seconds before each further look at lists that lag behind what was written (aws-facts 1.4)."""


@dataclass
class Doomed:
    """One resource that has to go. `instance` carries the tool's own settings (final snapshot, recovery window)."""

    address: str
    instance: Resource
    live: Live[Any]
    step: str
    started: float = 0.0
    decided: float = 0.0
    """When its step's turn came: what is read later is fresh enough to decide by."""
    told: str = ""
    """What it was last said to wait for."""
    judged: bool = False
    """Whether it was looked at before the first half of its deletion: from then on it changes by our own doing."""
    moved: Exception | None = None
    """What that look has raised."""

    @property
    def kind(self) -> type[Resource]:
        """The kind of what has to go."""
        return type(self.instance)


class Remove:
    """One removal. Independent branches go on when one fails, so that as little as possible is left."""

    def __init__(
        self,
        graph: Graph,
        doomed: Iterable[Doomed],
        work: Work,
        strict: bool = False,
        look: Callable[[Doomed], None] = lambda _: None,
    ):
        """`look`: at each right before its deletion; where it raises Moved, that one stays, and what it may need."""
        self._work, self._look = work, look
        self._asleep: dict[str, list[Doomed]] = {}
        for d in doomed:
            self._asleep.setdefault(d.step, []).append(d)
        self._left = Counter({step: len(some) for step, some in self._asleep.items()})
        self._blockers = blockers(graph, set(self._left))
        if strict:
            self._blockers = _with_later_phases(graph, self._blockers, set(self._left))
        self._pending: dict[type[Resource], dict[str, Doomed]] = {}
        self._looks = Looks(work.clock)
        self._blind = Blind(work.clock)
        self._moved = True
        self.errors: list[BaseException] = []
        self.kept: list[str] = []
        """What stays on purpose, and why."""
        self.stays: list[tuple[Doomed, str]] = []
        """Of that, what is whole as it was, for its deletion would harm somebody else or nobody can end it."""
        self.left: dict[str, str] = {}
        """Address → why it stays: it is not what somebody agreed to lose, or what is not may need it."""
        self.unasked: set[str] = set()
        """Addresses of what stays because nobody could tell whether somebody needs it."""
        self.assumed: set[tuple[str, str]] = set()
        """(kind, id) of what counts as gone because AWS said yes; its lists may show it for some seconds more."""

    def run(self) -> None:
        """Remove all of it. Raises ApplyError with everything that would not go."""
        work = self._work
        with Crew(work.clock, work.parallel, "remove", work.stop) as crew:
            self._retire(crew)
            while True:
                if not work.stop.is_set():
                    self._start(crew)
                    for kind in self._looks.begin():
                        if self._pending.get(kind):
                            crew.look(kind, self._observe)
                        else:
                            self._looks.end(kind, 0)
                if not crew.busy and (work.stop.is_set() or not any(self._pending.values())):
                    break
                self._settle(crew, crew.take(self._looks.timeout()))
        if self.errors:
            raise ApplyError(self.errors)
        if self.left and not work.stop.is_set():
            self._leave_needed()

    def _leave_needed(self) -> None:
        """What never had its turn, as something stays that may need it."""
        first = next(iter(self.left))
        for d in [d for some in self._asleep.values() for d in some]:
            self.left[d.address] = why = f"{first} stays, which may need it"
            self._work.tell(Event("kept", d.address, "delete", why))

    def _retire(self, crew: Crew) -> None:
        """The first half of slow deletions, before anything else."""
        for d in [d for some in self._asleep.values() for d in some if d.instance.retires()]:
            d.decided = self._work.clock.now()
            crew.submit(d, d.kind, self._retire_one, d)
        while crew.busy:
            self.errors += [e for _, future in crew.take(None) if (e := future.exception()) is not None]

    def _retire_one(self, d: Doomed) -> None:
        d.moved, d.judged = self._looked(d), True
        if d.moved is None:
            self._work.retire(d.address, d.instance, d.live)

    def _start(self, crew: Crew) -> None:
        if not self._moved:
            return
        self._moved, now = False, self._work.clock.now()
        for step in [s for s in self._asleep if not any(self._left[b] for b in self._blockers.get(s, ()))]:
            for some in _batches(self._asleep.pop(step)):
                for d in some:
                    d.decided = now
                crew.submit(some, some[0].kind, self._delete, some)

    def _delete(self, some: Sequence[Doomed]) -> list[Exception | None]:
        """What came of each. One call for all, or if that fails a call for each."""
        for d in some:
            d.started = self._work.clock.now()
            self._work.tell(Event("start", d.address, "delete"))  # not before it has a thread and a seat
        wrong = [self._looked(d) for d in some]
        going = [d for d, found in zip(some, wrong, strict=True) if found is None]
        if len(going) > 1:
            with contextlib.suppress(CallFailed):
                self._work.delete_all([(d.address, d.live) for d in going])
                for d in going:
                    self._work.gone(d.address)
                return wrong
        return [found or self._delete_one(d) for d, found in zip(some, wrong, strict=True)]

    def _looked(self, d: Doomed) -> Exception | None:
        if d.judged:
            return d.moved
        try:
            self._look(d)
        except Exception as error:
            return error
        return None

    def _delete_one(self, d: Doomed) -> Exception | None:
        try:
            self._work.delete(d.address, d.instance, d.live)
        except Exception as error:
            return error
        if not d.kind.lingers():
            self._work.gone(d.address)
        return None

    def _observe(self, kind: type[Resource]) -> tuple[float, Mapping[str, Live[Any]]]:
        began = self._work.clock.now()
        with self._work.aws.polling():
            return began, self._work.scope.since(kind, began)

    def _settle(self, crew: Crew, ended: list[tuple[Any, Future[Any]]]) -> None:
        for subject, future in ended:
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            if isinstance(subject, type):
                self._looks.end(subject, 0 if error else len(future.result()[1]))
                if isinstance(error, NotSent):  # a look that nobody waits for any more
                    continue
                if error is None:
                    self._blind.seen(subject)
                    self._seen(subject, *future.result())
                elif not self._passes(subject, error):
                    self.errors.append(error)
                    self._pending.pop(subject, None)
                    self._work.tell(Event("failed", "", "delete", str(error)))
            else:
                for d, wrong in zip(subject, future.result(), strict=True):
                    self._asked(d, wrong)

    def _passes(self, kind: type[Resource], error: BaseException) -> bool:
        """Whether a look that failed is tried again: what is going goes on without us, and the network may come back."""
        unanswered = self._blind.lasts(kind, error)
        if unanswered is None or self._work.stop.is_set():
            return False
        for d in self._pending.get(kind, {}).values():
            self._work.tell(Event("retry", d.address, "delete", f"{code(error)}: {message(error)}", unanswered))
        self._looks.want(kind, self._work.clock.now() + AGAIN)
        return True

    def _asked(self, d: Doomed, wrong: Exception | None) -> None:
        if isinstance(wrong, Kept):
            self.kept.append(f"{d.address} ({d.live.id}): {wrong}")
            if wrong.unasked:
                self.unasked.add(d.address)
            else:
                self.stays.append((d, str(wrong)))
                self._work.gone(d.address)
            self._work.tell(Event("kept", d.address, "delete", str(wrong)))
            self._count(d)
        elif isinstance(wrong, Moved):
            self.left[d.address] = wrong.why
            self._work.tell(Event("kept", d.address, "delete", wrong.why))
            if isinstance(wrong, Unlisted):  # nothing of ours waits for it
                self._count(d)
        elif wrong is not None:
            self.errors.append(wrong)
            self._work.tell(Event("failed", d.address, "delete", str(wrong)))
        elif d.kind.lingers() and not d.kind.existing:
            self._pending.setdefault(d.kind, {})[d.live.id] = d
            self._looks.want(d.kind, self._work.clock.now())
        else:
            if not d.kind.existing:
                self.assumed.add((d.kind.kind(), d.live.id))
            self._gone(d)

    def _count(self, d: Doomed) -> None:
        self._left[d.step] -= 1
        self._moved = True

    def _gone(self, d: Doomed) -> None:
        waited = self._work.clock.now() - d.started
        remains = (d.instance.leaves(d.live), d.instance.traces(d.live))
        self.kept += [f"{d.address} ({d.live.id}): {one}" for one in remains if one]
        self._work.timings.add(d.instance, "delete", waited)
        self._work.tell(Event("done", d.address, "delete", d.live.id, waited))
        self._count(d)

    def _seen(self, kind: type[Resource], looked: float, present: Mapping[str, Live[Any]]) -> None:
        now = self._work.clock.now()
        for d in list(self._pending.get(kind, {}).values()):
            waited, one = now - d.started, present.get(d.live.id)
            if one is None and looked >= d.started:
                del self._pending[kind][d.live.id]
                self._work.gone(d.address)
                self._gone(d)
            elif one is not None and waited > self._work.limit(d.address, kind):
                del self._pending[kind][d.live.id]
                still = f"{d.address} ({d.live.id}) is still there after {waited:.0f} s: {one.status.word}"
                self.errors.append(ReptiopsError(still))
            else:
                self._looks.want(kind, now + interval(waited, self._work.timings.expected(d.instance, "delete")))
                word = one.status.word if one else "no longer listed"
                if waited > self._work.timings.late(d.instance, "delete"):
                    word = f"{word}, {LATE}"
                if word != d.told:
                    d.told = word
                    self._work.tell(Event("wait", d.address, "delete", word, waited))


def _batches(some: Iterable[Doomed]) -> Iterator[tuple[Doomed, ...]]:
    """What one call removes: of most kinds one."""
    by_kind: dict[type[Resource], list[Doomed]] = {}
    for d in some:
        by_kind.setdefault(d.kind, []).append(d)
    for kind, listed in by_kind.items():
        for start in range(0, len(listed), kind.together):
            yield tuple(listed[start : start + kind.together])


def patience(kinds: Iterable[type[Resource]]) -> float:
    """Seconds for which lists of these kinds are read again before they are believed; 0 for none."""
    return max((max(sum(LAGS), kind.listed_late) for kind in kinds), default=0.0)


def look_after(
    work: Waiting, scope: Scope, kinds: Iterable[type[Resource]], assumed: Set[tuple[str, str]], again: bool = False
) -> None:
    """Look at everything after a removal, and for some seconds again at lists that still show what AWS said has gone.

    Of what AWS may have made once more only after it was removed `again`: before, it makes no difference whether it is
    there or only listed.
    """
    listed = list(kinds)
    patient(work, lambda: look(scope, listed))
    waited = 0.0
    for pause in chain(LAGS, repeat(LAGS[-1])):
        lagging = [
            k
            for k in listed
            if (again or not k.returns) and any((k.kind(), one.id) in assumed for one in scope.live(k))
        ]
        if waited >= patience(lagging) or work.stop.is_set():
            return
        work.clock.sleep(pause, work.stop)
        waited += pause
        for kind in lagging:
            scope.forget(kind)
        patient(work, partial(look, scope, lagging))


def _with_later_phases(graph: Graph, known: Mapping[str, set[str]], steps: set[str]) -> dict[str, set[str]]:
    """The blockers, and every step of a later phase: a phase goes when all after it have gone."""
    rank = {path: graph.phase_index(s) for path, s in graph.by_path.items()}
    later = {path: {other for other in steps if rank[other] > rank[path]} for path in steps}
    return {path: known.get(path, set()) | later[path] for path in steps}


def blockers(graph: Graph, steps: set[str]) -> dict[str, set[str]]:
    """By step path: the steps whose resources must be gone before."""
    found: dict[str, set[str]] = {}
    for s in graph.order:
        if s.path in steps:
            for need in s.needs:
                if need not in s.outlives:
                    found.setdefault(graph.steps[need].path, set()).add(s.path)
    # What stands between two doomed steps need not be doomed itself: follow the needs through it.
    for s in reversed(graph.order):
        for need in s.needs:
            if need not in s.outlives:
                found.setdefault(graph.steps[need].path, set()).update(found.get(s.path, set()))
    return found
