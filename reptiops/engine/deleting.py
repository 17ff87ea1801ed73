"""A delete on its way: while AWS refuses it, asking again is waiting, and what holds the thing is found out for a person."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message, operation
from reptiops.engine.clock import Clock
from reptiops.engine.passing import passes
from reptiops.engine.resource import Live, Resource

HELD = 20.0
"""Seconds of refused deletion after which a person is told what holds the thing."""
FRESH = 60.0
"""Seconds for which what holds it is believed: it takes minutes to go, and several reads to find out."""


@dataclass
class Deleting:
    """A delete: of what, and what has been learned of what holds it."""

    instance: Resource
    live: Live[Any]
    aws: Aws
    clock: Clock
    began: float
    refused: int = 0
    _by: str = ""
    _read: float | None = None

    def attempt(self) -> str:
        """Ask AWS to remove it; what is already gone is success. After a refusal it counts as waiting."""
        with self.aws.polling() if self.refused else nullcontext():
            try:
                self.instance.delete(self.aws, self.live)
            except Exception as error:
                if code(error) not in self.instance.absent:
                    self.refused += 1
                    explained = self._explained(error)
                    if explained is not error:
                        raise explained from error
                    raise
        return self.live.id

    def _explained(self, error: Exception) -> Exception:
        """The same error with what holds the resource in its words, where that can be found out."""
        final = not passes(type(self.instance), error)
        if not final and self.clock.now() - self.began <= HELD:
            return error
        by = self._holder(final) if isinstance(error, ClientError) else ""
        return _with(error, by) if by else error

    def _holder(self, final: bool) -> str:
        now = self.clock.now()
        if final or self._read is None or now - self._read > FRESH:
            self._read = now
            try:
                self._by = self.instance.blockers(self.aws, self.live)
            except Exception as unread:
                self._by = f"what holds it cannot be read: {code(unread)}"
        return self._by


def _with(error: Exception, words: str) -> Exception:
    answer: dict[str, Any] = getattr(error, "response", {})
    said = {**answer, "Error": {**answer.get("Error", {}), "Message": f"{message(error)} {words}"}}
    known: Exception = ClientError(said, operation(error))
    return known
