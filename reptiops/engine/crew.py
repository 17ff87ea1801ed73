"""Calls in flight: handed to threads, taken back one after the other as they end.

Each kind has threads of its own, so one whose calls have to wait (for AWS's rate, for a neighbour) holds up no other; how
many calls are in flight at once is bounded by seats, which who waits gives away. Taking one back costs the same however many are in flight, and so does finding out which kind is to be looked at next.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from reptiops.engine.clock import Clock
from reptiops.engine.resource import Resource
from reptiops.limits import Seats

LOOKERS = 4
"""Looks at once; they do not queue behind calls, or what is ready would not be noticed while much is being made."""
IDLE = 0.05
"""Seconds to wait where nothing is in flight and nothing is due."""
EACH = 0.005
"""Seconds between two looks at a kind for each one that a look shows: one that shows a thousand takes a hundred calls."""


class Crew:
    """Threads; what each submitted call was about comes back with its outcome."""

    def __init__(self, clock: Clock, workers: int, name: str, stop: threading.Event):
        self._clock, self._stop, self._workers, self._name = clock, stop, workers, name
        self._seats = Seats(workers)
        self._pools: dict[type[Resource], ThreadPoolExecutor] = {}
        self._flying: Counter[type[Resource]] = Counter()
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix=f"{name}-look")
        self._looking = 0
        self._done: queue.SimpleQueue[tuple[Any, type[Resource] | None, Future[Any]]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (*self._pools.values(), self._lookers):
            pool.shutdown()

    @property
    def busy(self) -> bool:
        """Whether anything is in flight."""
        return bool(self._looking or self._flying.total())

    def submit(self, subject: Any, kind: type[Resource], function: Callable[..., Any], *arguments: Any) -> None:
        """Have it done by the next free thread of the kind, as soon as there is a seat."""
        self._flying[kind] += 1
        if kind not in self._pools:
            self._pools[kind] = ThreadPoolExecutor(self._workers, thread_name_prefix=self._name)
        future = self._pools[kind].submit(self._seated, function, *arguments)
        future.add_done_callback(lambda future: self._done.put((subject, kind, future)))

    def _seated(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self._seats.taken():
            return function(*arguments)

    def look(self, kind: type[Resource], function: Callable[..., Any]) -> None:
        """Look at a kind at once, however many calls wait for a free thread."""
        self._looking += 1
        self._lookers.submit(function, kind).add_done_callback(lambda future: self._done.put((kind, None, future)))

    def _working(self) -> int:
        """How many threads do something or sleep, and do not wait for a seat."""
        calling = sum(min(number, self._workers) for number in self._flying.values())
        return min(self._looking, LOOKERS) + calling - self._seats.waiting

    def take(self, timeout: float | None) -> list[tuple[Any, Future[Any]]]:
        """What has ended; waits for something to end, no longer than the timeout."""
        if not self.busy:
            self._clock.sleep(IDLE if timeout is None else timeout, self._stop)
            return []
        ended = self._clock.take(self._done, timeout, self._working)
        for _, kind, _ in ended:
            if kind is None:
                self._looking -= 1
            else:
                self._flying[kind] -= 1
        return [(subject, future) for subject, _, future in ended]


class Looks:
    """When which kind is looked at: one look serves everything of a kind, and no two of a kind are in flight."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._due: dict[type[Resource], float] = {}
        self._rests: dict[type[Resource], float] = {}
        self._flying: set[type[Resource]] = set()

    def want(self, kind: type[Resource], at: float) -> None:
        """Something of the kind wants to be looked at then."""
        self._due[kind] = min(at, self._due.get(kind, at))

    def begin(self) -> list[type[Resource]]:
        """The kinds that are due now; they count as being looked at until `end`."""
        now = self._clock.now()
        due = [kind for kind in self._due if kind not in self._flying and self._at(kind) <= now]
        for kind in due:
            del self._due[kind]
            self._flying.add(kind)
        return due

    def end(self, kind: type[Resource], shown: int) -> None:
        """The look at a kind has ended; it showed so many."""
        self._flying.discard(kind)
        self._rests[kind] = self._clock.now() + EACH * shown

    def timeout(self) -> float | None:
        """Seconds until the next kind is due; None where none is."""
        times = [self._at(kind) for kind in self._due if kind not in self._flying]
        return max(0.0, min(times) - self._clock.now()) if times else None

    def _at(self, kind: type[Resource]) -> float:
        return max(self._due[kind], self._rests.get(kind, 0.0))


def interval(waited: float, expected: float) -> float:
    """Seconds until the next look at something that has been waited for, given how long it is expected to take.

    At first often, for some things are there at once; then seldom, closely around the expected time, and ever more
    seldom once it is late. What it costs to notice late stays under a twentieth of the expected time.
    """
    if waited < 2.0:
        return 0.5
    if waited < 0.8 * expected:
        return min(10.0, max(1.0, expected / 20))
    if waited < 1.25 * expected:
        return min(5.0, max(1.0, expected / 50))
    return min(30.0, max(2.0, waited / 20))
