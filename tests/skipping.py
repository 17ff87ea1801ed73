"""A run's time where nobody waits."""

from __future__ import annotations

import threading

from reptiops.engine.clock import Monotonic


class Skipping(Monotonic):
    """The machine's clock, ahead by what has been slept: a sleep lets its seconds pass at once."""

    def __init__(self) -> None:
        self._ahead, self._guard = 0.0, threading.Lock()

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        return super().now() + self._ahead

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Over at once, unless the run is stopped: then no time passes."""
        with self._guard:
            self._ahead += 0.0 if stop.is_set() else seconds
