"""A create on its way, and what is looked for before it is repeated: an attempt whose answer was lost may have made it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import UNSENT, Aws, code, lost
from reptiops.engine.clock import Clock
from reptiops.engine.diff import carry, diff
from reptiops.engine.passing import passes
from reptiops.engine.resource import Identity, Live, Made, NotYet, Resource
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.limits import NotSent

LOOKS = (0.0, 0.5, 1.5, 3.0)
"""Seconds before each look for a thing whose creation is in doubt: tag filters lag behind creates (aws-facts 1.3).

What has no natural key could become two, so it is looked for four times as long.
"""

UNSEEN_LOOKS = (*LOOKS, 5.0, 10.0, 20.0, 20.0)
"""The same for a thing of which AWS has answered that it made it, and then that it does not know it: a minute."""


@dataclass
class Making:
    """A create: of what, under which address; doubtful after an attempt that may have made it."""

    address: str
    want: Resource
    identity: Identity
    aws: Aws
    scope: Scope
    stop: threading.Event
    clock: Clock
    looks: tuple[float, ...]
    """Seconds before each look: lists lag behind writes."""
    again: Callable[[], None] = lambda: None
    """Told before each attempt but the first: a later run has to know when something was last asked for."""
    replaced: Live[Any] | None = None
    """The one of the same address beside which it is made."""
    made: Made | None = None
    """What AWS's answer told, where that is all there is to know."""
    doubtful: bool = False
    asked: bool = False
    """Whether an attempt was made."""
    pauses: tuple[float, ...] = ()
    """The same as `looks`, where the last error asks for others."""

    def attempt(self) -> str:
        """Make it, unless an attempt before has; answers the id."""
        if self.doubtful:
            found = self._look(self.pauses)
            if found is not None:
                self._complete(found)
                return found.id
        if self.asked:
            self.again()
        self.asked = True
        before, self.doubtful = self.doubtful, True
        written = self.aws.carried_out()
        try:
            answer = self.want.create(self.aws, self.identity)
            self.made = answer if isinstance(answer, Made) else None
            return self.made.id if self.made else str(answer)
        except (
            *UNSENT,
            NotYet,
            ReptiopsError,
        ):  # that call was not made; of a create of several calls one before it may have been
            self.doubtful = before or self.aws.carried_out() > written
            raise
        except ClientError as error:
            kind = type(self.want)
            self.doubtful = before or lost(error) or self.aws.carried_out() > written
            self.pauses = UNSEEN_LOOKS if code(error) in kind.unseen else ()
            if passes(kind, error):
                raise
            # AWS may know by now what its lists did not show: "already exists" then is ours.
            exists = UNSEEN_LOOKS if "Exist" in code(error) else ()
            found = self._look(exists) if before else None
            if found is None and exists and self._going():
                self.doubtful = before
                raise NotYet("the one of that name is still being deleted") from error
            if found is None:
                raise
            self._complete(found)
            return found.id

    def _look(self, pauses: tuple[float, ...]) -> Live[Any] | None:
        kind, key = type(self.want), self.want.key()
        usual = self.looks if key is not None else (*self.looks, *(3 * one for one in self.looks))
        for pause in pauses or usual:
            self.clock.sleep(pause, self.stop)
            self.scope.forget(kind)
            try:
                with self.scope.doubting(kind):
                    there = self.scope.live(kind)
            except NotSent:  # the run was stopped before it could look
                break
            for one in there:
                if one.status.phase == "going" or (self.replaced is not None and one.id == self.replaced.id):
                    continue
                untagged = not kind.taggable or ((kind.within or kind.untold) and one.address is None)
                if one.address == self.address or (key is not None and one.has.key() == key and untagged):
                    return one
        if self.stop.is_set():
            raise NotYet("an answer was lost, and whether it was made is to be seen")
        return None

    def _going(self) -> bool:
        """Whether AWS is deleting the one that has the name."""
        self.scope.forget(type(self.want))
        lives = self.scope.live(type(self.want))
        return any(one.status.phase == "going" and one.has.key() == self.want.key() for one in lives)

    def _complete(self, live: Live[Any]) -> None:
        changes = diff(self.want, live.has)
        if changes and not live.status.partial:
            carry(self.want, live.has).update(self.aws, live, frozenset(c.field for c in changes))
