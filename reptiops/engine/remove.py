"""Removing in reverse order, concurrently: what needs a thing goes before it, and slow deletions begin first.

The same walk serves teardown, the removal of what is no longer declared, and the rollback of creates.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from reptiops.engine.apply import ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph
from reptiops.engine.resource import Kept, Live, Resource
from reptiops.errors import ReptiopsError


@dataclass
class Doomed:
    """One resource that has to go. `instance` carries the tool's own settings (final snapshot, recovery window)."""

    address: str
    instance: Resource
    live: Live[Any]
    step: str
    started: float = 0.0
    asked: bool = False
    gone: bool = False
    next_look: float = 0.0


class Remove:
    """One removal. Independent branches go on when one fails, so that as little as possible is left."""

    def __init__(self, graph: Graph, doomed: Iterable[Doomed], work: Work, strict: bool = False):
        self._work = work
        self._doomed = list(doomed)
        self._blockers = blockers(graph, {d.step for d in self._doomed})
        if strict:
            self._blockers = _with_later_phases(graph, self._blockers, {d.step for d in self._doomed})
        self._running: dict[Future[Any], Any] = {}
        self._polls: set[type[Resource]] = set()
        self._stuck: set[str] = set()
        self.errors: list[BaseException] = []
        self.kept: list[str] = []
        """What stays on purpose, and why."""

    def run(self) -> None:
        """Remove all of it. Raises ApplyError with everything that would not go."""
        with ThreadPoolExecutor(self._work.parallel, thread_name_prefix="remove") as pool:
            retiring = [
                pool.submit(self._work.retire, d.address, d.instance, d.live)
                for d in self._doomed
                if d.instance.retires()
            ]
            for future in retiring:
                error = future.exception()
                if error is not None:
                    self.errors.append(error)
            while True:
                if not self._work.stop.is_set():
                    self._start(pool)
                    self._poll(pool)
                if not self._running and (self._work.stop.is_set() or not self._waiting()):
                    break
                self._settle()
        if self.errors:
            raise ApplyError(self.errors)

    def _left(self) -> set[str]:
        return {d.step for d in self._doomed if not d.gone}

    def _waiting(self) -> bool:
        return any(d.asked and not d.gone and d.address not in self._stuck for d in self._doomed)

    def _start(self, pool: ThreadPoolExecutor) -> None:
        left = self._left()
        for d in self._doomed:
            if not d.asked and not (self._blockers.get(d.step, set()) & left):
                d.asked, d.started = True, time.monotonic()
                self._work.tell(Event("start", d.address, "delete"))
                self._running[pool.submit(self._work.delete, d.address, d.instance, d.live)] = d

    def _pending(self) -> list[Doomed]:
        busy = {id(d) for d in self._running.values()}
        return [
            d for d in self._doomed if d.asked and not d.gone and id(d) not in busy and d.address not in self._stuck
        ]

    def _poll(self, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        for kind in {type(d.instance) for d in self._pending() if d.next_look <= now} - self._polls:
            self._polls.add(kind)
            self._running[pool.submit(self._observe, kind)] = kind

    def _observe(self, kind: type[Resource]) -> tuple[float, list[Live[Any]]]:
        started = time.monotonic()
        self._work.scope.forget(kind)
        return started, list(self._work.scope.live(kind))

    def _settle(self) -> None:
        timers = [d.next_look for d in self._pending() if type(d.instance) not in self._polls]
        timeout = max(0.0, min(timers) - time.monotonic()) if timers else None
        if not self._running:
            self._work.stop.wait(timeout if timeout is not None else 0.05)
            return
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in done:
            subject = self._running.pop(future)
            error = future.exception()
            if not isinstance(subject, Doomed):
                self._polls.discard(subject)
            if isinstance(subject, Doomed) and isinstance(error, Kept):
                self._keep(subject, str(error))
            elif error is not None:
                self._fail(subject, error)
            elif not isinstance(subject, Doomed):
                self._seen(subject, *future.result())

    def _keep(self, doomed: Doomed, why: str) -> None:
        doomed.gone = True
        self.kept.append(f"{doomed.address} ({doomed.live.id}): {why}")
        self._work.gone(doomed.address)
        self._work.tell(Event("kept", doomed.address, "delete", why))

    def _fail(self, subject: Any, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        self.errors.append(error)
        if isinstance(subject, Doomed):
            self._stuck.add(subject.address)
        else:
            self._stuck |= {d.address for d in self._pending() if type(d.instance) is subject}
        self._work.tell(Event("failed", getattr(subject, "address", ""), "delete", str(error)))

    def _seen(self, kind: type[Resource], looked: float, lives: list[Live[Any]]) -> None:
        present = {one.id: one for one in lives}
        for d in self._pending():
            if type(d.instance) is not kind or looked < d.started:
                continue
            waited = time.monotonic() - d.started
            one = present.get(d.live.id)
            if one is None or kind.existing:
                d.gone = True
                remains = d.instance.leaves(d.live)
                if remains:
                    self.kept.append(f"{d.address} ({d.live.id}): {remains}")
                self._work.gone(d.address)
                self._work.timings.add(d.instance, "delete", waited)
                self._work.tell(Event("done", d.address, "delete", d.live.id, waited))
            elif waited > self._work.limit(d.address, kind):
                self._stuck.add(d.address)
                self.errors.append(
                    ReptiopsError(f"{d.address} ({d.live.id}) is still there after {waited:.0f} s: {one.status.word}")
                )
            else:
                d.next_look = time.monotonic() + min(10.0, max(0.2, kind.typical_delete / 12))
                self._work.tell(Event("wait", d.address, "delete", one.status.word, waited))


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
