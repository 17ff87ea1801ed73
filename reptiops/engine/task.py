"""What an apply keeps of each wanted resource and each step while they are on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.graph import Step
from reptiops.engine.resource import Doing, Live, Resource


@dataclass
class Task:
    """One wanted resource on its way: made, then seen, then ready."""

    address: str
    want: Resource
    declared: Resource
    """What the step wants, before fields that the configuration gives away took their live value."""
    step: Step
    action: Action
    started: float = 0.0
    """When its turn came; until then it is not waited for."""
    decided: float = 0.0
    """When its step began, or it came after all else: what is read later is fresh enough to decide by."""
    live: Live[Any] | None = None
    before: Live[Any] | None = None
    """What was live when its update was sent."""
    replaced: Live[Any] | None = None
    """The one beside which it is made."""
    answer: Live[Any] | None = None
    """What the answer to its create told, if that was all there is to know."""
    seen: bool = False
    ready: bool = False
    held: bool = False
    """What cannot be undone and waits until everything else is done. Who needs an updated resource takes it as it is;
    who needs a replaced one waits too.
    """
    next_look: float = 0.0
    told: str = ""
    answered: float = 0.0
    """When AWS had taken the change: from then on it is to be seen."""

    @property
    def doing(self) -> Doing:
        """What is waited for."""
        return "update" if self.action.verb == "update" else "create"


@dataclass
class Progress:
    """A step whose resources are under way, with how many are not seen and not ready."""

    step: Step
    wanted: Mapping[str, Resource]
    tasks: list[Task] = field(default_factory=list)
    unseen: int = 0
    unready: int = 0
    held: int = 0
    """How many of those that are not ready are replacements that have not begun."""
    version: int = 0
    """Grows with whatever becomes known."""

    def settled(self, early: bool) -> bool:
        """Whether those who need this step may start."""
        return not (self.unseen if early else self.unready)

    def count(self, number: int) -> None:
        """So many more that have to be seen and ready."""
        self.unseen += number
        self.unready += number
        self.version += 1
