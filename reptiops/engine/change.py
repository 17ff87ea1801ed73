"""A differing field, how far its change can be undone, and what AWS does for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reptiops.engine.canonical import Plain

Undo = Literal["reversible", "reversible with data loss", "one-way"]
UNDO: tuple[Undo, ...] = ("reversible", "reversible with data loss", "one-way")
"""From the best to the worst."""


@dataclass(frozen=True)
class Undoing:
    """How far a change can be undone, and why not wholly. `waits`: it can come after everything else of a run."""

    undo: Undo = "reversible"
    why: str = ""
    waits: bool = True


REVERSIBLE = Undoing()


@dataclass(frozen=True)
class Effect:
    """What AWS does for a change in place: seconds until it is ready again, and what is not as usual until then."""

    seconds: float = 2.0
    meanwhile: str = ""


@dataclass(frozen=True)
class Change:
    """One differing field: a dotted path, what AWS has and what is wanted, both canonical."""

    path: str
    has: Plain
    want: Plain
    fixed: bool = False

    @property
    def field(self) -> str:
        """The top-level field."""
        return self.path.split(".", 1)[0]
