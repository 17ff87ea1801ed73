"""Making chosen AWS calls fail, by botocore's own events: the code under test is the real one."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from reptiops.aws import is_read

Point = tuple[str, int]
"""An operation and which of its calls, counted from 1: `("ec2:CreateSubnet", 3)`."""


class Faults:
    """Counts the writes of a session's clients; the one at `point` is denied, once."""

    def __init__(self, session: Any, point: Point | None = None):
        self.point, self.fired = point, False
        self.writes: Counter[str] = Counter()
        self._guard = threading.Lock()
        session._session.register("before-call", self._before)

    def _before(self, model: Any, **_: Any) -> None:
        operation = f"{model.service_model.service_name}:{model.name}"
        if is_read(xform_name(model.name)):
            return
        with self._guard:
            self.writes[operation] += 1
            hit = not self.fired and self.point == (operation, self.writes[operation])
            self.fired = self.fired or hit
        if hit:
            denied = {"Code": "AccessDenied", "Message": f"injected: {operation} is not allowed"}
            answer: Any = {"Error": denied, "ResponseMetadata": {"RequestId": "injected", "HTTPStatusCode": 403}}
            raise ClientError(answer, model.name)

    def points(self) -> list[Point]:
        """Every write seen so far, as points."""
        return [(name, n) for name in sorted(self.writes) for n in range(1, self.writes[name] + 1)]
