"""Making chosen AWS calls fail, by botocore's own events: the code under test is the real one."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from reptiops.aws import is_read

Point = tuple[str, int]
"""An operation and which of its calls, counted from 1: `("ec2:CreateSubnet", 3)`; `(ANY, 3)` is the third write of all."""
ANY = "any"


class Killed(BaseException):
    """Ends a run where it stands, as SIGKILL would: no rollback, no last words in the journal."""


class Faults:
    """Counts the writes of a session's clients; at `point`, once, the call is denied or the run is killed.

    `how`: "deny"; "kill before" the call; "kill after" it took effect.
    """

    def __init__(self, session: Any, point: Point | None = None, how: str = "deny"):
        self.point, self.how, self.fired = point, how, False
        self.writes: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._after: set[int] = set()
        session._session.register("before-call", self._before)
        session._session.register("after-call", self._killed_after)

    def _before(self, model: Any, **_: Any) -> None:
        operation = f"{model.service_model.service_name}:{model.name}"
        if is_read(xform_name(model.name)):
            return
        with self._guard:
            self.writes[operation] += 1
            reached = ((operation, self.writes[operation]), (ANY, self.writes.total()))
            hit = not self.fired and self.point in reached
            self.fired = self.fired or hit
        if hit and self.how == "kill before":
            raise Killed(operation)
        if hit and self.how == "kill after":
            self._after.add(threading.get_ident())
        elif hit:
            denied = {"Code": "AccessDenied", "Message": f"injected: {operation} is not allowed"}
            answer: Any = {"Error": denied, "ResponseMetadata": {"RequestId": "injected", "HTTPStatusCode": 403}}
            raise ClientError(answer, model.name)

    def _killed_after(self, model: Any, **_: Any) -> None:
        if threading.get_ident() in self._after:
            self._after.clear()
            raise Killed(model.name)

    def points(self) -> list[Point]:
        """Every write seen so far, as points."""
        return [(name, n) for name in sorted(self.writes) for n in range(1, self.writes[name] + 1)]
