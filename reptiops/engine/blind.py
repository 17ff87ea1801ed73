"""Looks that AWS does not answer: looked again, for what was asked for goes on without us and the network comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from reptiops.aws import code, message
from reptiops.engine.clock import Clock
from reptiops.engine.events import Event, Sink
from reptiops.engine.passing import BLIND, passes
from reptiops.engine.resource import Resource

T = TypeVar("T")
AGAIN = 5.0
"""Seconds until the next look after one that AWS did not answer."""
TOLD = 60.0
"""Seconds between two times that it is said."""


class Blind:
    """Kinds that AWS gives no answer about, and since when."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._since: dict[type[Resource], float] = {}

    def seen(self, kind: type[Resource]) -> None:
        """A look at it was answered."""
        self._since.pop(kind, None)

    def lasts(self, kind: type[Resource], error: BaseException) -> float | None:
        """Seconds for which looks at it have failed, where one more is to be tried; else None."""
        now = self._clock.now()
        unanswered = now - self._since.setdefault(kind, now)
        return unanswered if passes(kind, error) and unanswered <= BLIND else None


class Waiting(Protocol):
    """What a run waits by."""

    @property
    def clock(self) -> Clock:
        """What it sleeps by."""

    @property
    def stop(self) -> threading.Event:
        """Set where it shall wait no longer."""

    @property
    def tell(self) -> Sink:
        """Who is told."""


def patient(work: Waiting, look: Callable[[], T]) -> T:
    """What a look shows; looks again while AWS gives no answer, for minutes, and tells so once a minute. What was read
    before is not read again.
    """
    blind, told = Blind(work.clock), -TOLD
    while True:
        try:
            return look()
        except Exception as error:
            lasted = blind.lasts(Resource, error)
            if lasted is None or work.stop.is_set():
                raise
            if lasted >= told + TOLD:
                told, since = lasted, f" for {lasted:.0f} s" if lasted else ""
                said = f"AWS gave no answer{since} to a look, which is repeated for up to {BLIND:.0f} s"
                work.tell(Event("note", text=f"{said}: {code(error)}: {message(error)}"))
            work.clock.sleep(AGAIN, work.stop)
