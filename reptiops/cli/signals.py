"""Ctrl-C and SIGTERM while a run writes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console


@contextmanager
def stoppable(console: Console) -> Iterator[threading.Event]:
    """Once Ctrl-C or SIGTERM: start nothing new. Twice: stop at once."""
    stop = threading.Event()

    def handle(number: int, _: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        console.print("stopping: what is in flight may end; again to stop at once")
        stop.set()

    previous = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
