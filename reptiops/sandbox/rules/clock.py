"""The emulator's clock: what takes AWS minutes takes a scaled part of them here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any


@dataclass
class Clock:
    """Changes that come due, and things that are too young to be seen or used. All durations are AWS's, in seconds."""

    factor: float = 0.0
    now: Callable[[], float] = time.monotonic
    _due: list[tuple[float, Callable[[], Any]]] = field(default_factory=list)
    _born: dict[str, float] = field(default_factory=dict)

    def later(self, seconds: float, act: Callable[..., Any], *args: Any) -> None:
        """Do something when AWS would have done it; at the first call after that."""
        self._due.append((self.now() + seconds * self.factor, partial(act, *args)))

    def tick(self) -> None:
        """Do what has come due. Called before each call is answered."""
        if self._due:
            now = self.now()
            due = [act for at, act in self._due if at <= now]
            self._due = [(at, act) for at, act in self._due if at > now]
            for act in due:
                act()

    def note(self, name: str) -> None:
        """Something was made or changed just now."""
        self._born[name] = self.now()

    def younger(self, name: str, seconds: float) -> bool:
        """Whether something was noted less than so many of AWS's seconds ago."""
        born = self._born.get(name)
        return born is not None and self.now() - born < seconds * self.factor


def becomes(one: Any, name: str, before: str, after: str) -> None:
    """One of moto's objects goes from one state to the next, unless it has left the first by now."""
    if getattr(one, name) == before:
        setattr(one, name, after)
