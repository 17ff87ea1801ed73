"""How long a run is expected to take, as it is told: `engine.eta` reckons it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Leg:
    """One resource's part in a forecast, in seconds from the beginning of the run."""

    address: str
    verb: str
    starts: float
    ends: float
    after: str | None = None
    """The address that it waits for last; None for one that starts at once."""

    @property
    def seconds(self) -> float:
        """How long it takes by itself."""
        return self.ends - self.starts


@dataclass(frozen=True)
class Forecast:
    """How long a run is expected to take, and what holds it up: the critical path, first to last."""

    seconds: float = 0.0
    path: tuple[Leg, ...] = ()
    legs: Mapping[str, Leg] = field(default_factory=dict)

    @property
    def pole(self) -> Leg | None:
        """The long pole: what takes longest of the critical path."""
        return max(self.path, key=lambda leg: leg.seconds, default=None)
