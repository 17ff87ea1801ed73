"""What a run tells while it goes on. Who shows it, and how, is not the engine's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Word = Literal["phase", "start", "wait", "retry", "done", "kept", "same", "failed", "note"]


@dataclass(frozen=True)
class Event:
    """One thing that happened: `verb` is create, update, replace, delete or read; `seconds` how long it took so far.

    `same`: an address that was started turned out to be as it should be.
    """

    word: Word
    address: str = ""
    verb: str = ""
    text: str = ""
    seconds: float = 0.0


Sink = Callable[[Event], None]


def silent(event: Event) -> None:
    """The sink of somebody who does not listen."""
