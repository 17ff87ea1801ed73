"""Where CPU goes in a run: shares of the tool, of botocore and of the emulated AWS, and the tool's most expensive functions."""

from __future__ import annotations

import cProfile
import pstats
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber

TOOL = str(Path(__file__).parents[1] / "reptiops")
BOTO = ("/botocore/", "/boto3/", "/urllib3/", "/dateutil/", "/jmespath/", "/s3transfer/")
LISTED = 15


@dataclass(frozen=True)
class Cost:
    """A function of the tool: CPU seconds of its own and with all that it calls, and how often it was called."""

    name: str
    own: float
    whole: float
    calls: int


@dataclass
class Profile:
    """CPU seconds by whose they are, and the tool's functions by their own."""

    shares: Counter[str] = field(default_factory=Counter)
    functions: list[Cost] = field(default_factory=list)


class Emulator:
    """CPU seconds of the emulated AWS inside this process, by thread time around its one entrance."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self._guard = threading.Lock()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count from here on. Profiles of the calling threads do not see what happens inside."""
        original = BotocoreStubber.process_request

        def process(stubber: Any, request: Any) -> Any:
            profile: cProfile.Profile | None = getattr(_own, "profile", None)
            if profile is not None:
                profile.disable()
            begun = time.thread_time()
            try:
                return original(stubber, request)
            finally:
                with self._guard:
                    self.cpu += time.thread_time() - begun
                if profile is not None:
                    profile.enable()

        BotocoreStubber.process_request = process  # type: ignore[method-assign]
        try:
            yield
        finally:
            BotocoreStubber.process_request = original  # type: ignore[method-assign]


_own = threading.local()


def profiled(act: Callable[[], Any]) -> Profile:
    """The profile of an operation over all threads that it starts, without the emulator's work."""
    profiles: list[cProfile.Profile] = []
    run = threading.Thread.run

    def watched(work: Callable[[], Any]) -> None:
        _own.profile = cProfile.Profile(time.thread_time)
        profiles.append(_own.profile)
        _own.profile.enable()
        try:
            work()
        finally:
            _own.profile.disable()
            _own.profile = None

    emulator = Emulator()
    threading.Thread.run = lambda thread: watched(lambda: run(thread))  # type: ignore[method-assign]
    try:
        with emulator.measured():
            watched(act)
    finally:
        threading.Thread.run = run  # type: ignore[method-assign]
    found = Profile()
    stats = pstats.Stats(*profiles)
    for (file, line, name), (_, calls, own, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        ours = file.startswith(TOOL)
        found.shares["the tool" if ours else "botocore" if any(p in file for p in BOTO) else "Python's library"] += own
        if ours:
            found.functions.append(Cost(f"{file[len(TOOL) + 1 :]}:{line} {name}", own, whole, calls))
    found.shares["the emulated AWS"] = emulator.cpu
    found.functions = sorted(found.functions, key=lambda one: -one.own)[:LISTED]
    return found
