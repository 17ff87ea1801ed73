"""An update on its way, and what is looked for before it is repeated: the answer to an attempt may have been lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reptiops.engine.clock import Clock
from reptiops.engine.diff import carry, diff
from reptiops.engine.resource import Live, NotYet, Resource
from reptiops.engine.scope import Scope


@dataclass
class Doing:
    """An update: of what, to what, which fields are left to do; doubtful after an answer was lost."""

    want: Resource
    live: Live[Any]
    target: Resource
    changed: frozenset[str]
    scope: Scope
    stop: threading.Event
    clock: Clock
    looks: Sequence[float]
    """Seconds before each look: lists lag behind writes."""
    doubtful: bool = False

    def again(self) -> None:
        """What is there now, and what of the change is left to do."""
        kind = type(self.want)
        if kind.renewed:
            self._newer()
            return
        self.scope.forget(kind)
        found = next((one for one in self.scope.live(kind) if one.id == self.live.id), None)
        if found is not None:
            self.live = replace(found, identity=self.live.identity)
            self.target = carry(self.want, found.has)
            self.changed = frozenset(c.field for c in diff(self.want, found.has))

    def _newer(self) -> None:
        """Of what a change makes anew: whether the new one is there, for another one would be its twin."""
        kind = type(self.want)
        for pause in self.looks:
            self.clock.sleep(pause, self.stop)
            self.scope.forget(kind)
            for one in self.scope.live(kind):
                new = one.id != self.live.id and one.has.key() == self.want.key() and one.address is not None
                if new and not diff(self.target, one.has):
                    self.live, self.changed = replace(one, identity=self.live.identity), frozenset()
                    return
        if self.stop.is_set():
            raise NotYet("an answer was lost, and whether it was made anew is to be seen")

    def shown(self) -> bool:
        """Whether AWS shows, if not at once, that nothing of the change is left to do."""
        for pause in self.looks:
            self.clock.sleep(pause, self.stop)
            self.again()
            if not self.changed:
                return True
        return False
