"""Time as a run sees it. Handed to the engine, so that a test can let hours pass in a moment."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from reptiops.limits import aside

T = TypeVar("T")


class Clock(Protocol):
    """What the engine asks of time, in seconds."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Let time pass, or less if `stop` is set meanwhile; others may have the seat of a call in the meantime."""

    def take(self, done: queue.SimpleQueue[T], timeout: float | None, running: Callable[[], int]) -> list[T]:
        """What has come into a queue that so many threads feed: at least one thing, unless the timeout is first."""


class Monotonic:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Sleep, or wake when the run is stopped."""
        with aside():
            stop.wait(seconds)

    def take(self, done: queue.SimpleQueue[T], timeout: float | None, running: Callable[[], int]) -> list[T]:
        """Wait for the first, then take whatever else is there."""
        found: list[T] = []
        with contextlib.suppress(queue.Empty):
            found.append(done.get(timeout=timeout))
            while True:
                found.append(done.get_nowait())
        return found
