"""Every call of a session's clients, with who made it: the kind and what it was doing, or the operation's module.

Whose call it is stands on the stack: nothing in the code under test knows that it is watched.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from reptiops.engine.resource import Resource

PURPOSES = {
    "observe": "read",
    "strangers": "read",
    "tag": "adopt",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "delete_all": "delete",
    "retire": "delete",
    "in_service": "undo",
    "withdraw": "delete",
    "blockers": "delete",
    "standing": "read",
}


@dataclass(frozen=True)
class Call:
    """One call: the API's service and operation, its parameters, who made it and for what."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    by: str
    """A kind, e.g. `ec2.Vpc`; or a module, e.g. `operations.facts`."""
    purpose: str
    """`read`, `adopt`, `create`, `update`, `delete`, `undo`; of a module: the outermost of its functions on the stack."""


class Recorder:
    """Remembers every call that a session's clients make from now on; clients made earlier are not seen."""

    def __init__(self, session: Any):
        self.calls: list[Call] = []
        self._guard = threading.Lock()
        ThreadPoolExecutor.submit = _submitted  # type: ignore[method-assign]
        session._session.register("provide-client-params", self._seen)

    def _seen(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        by, purpose = _author(sys._getframe(1))
        if by:
            call = Call(model.service_model.service_name, model.name, dict(params), by, purpose)
            with self._guard:
                self.calls.append(call)


_handed_on = threading.local()
"""Who has handed a thread what it runs: several reads at once (`Aws.each`) are made for whoever asked for them."""
_submit = ThreadPoolExecutor.submit


def _submitted(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    author = _author(sys._getframe(1))

    def run(*args: Any, **kwargs: Any) -> Any:
        _handed_on.author = author
        return function(*args, **kwargs)

    return _submit(self, run, *args, **kwargs)


def _author(frame: FrameType | None) -> tuple[str, str]:
    """The innermost method of a kind, or the outermost function of the module of operations that is nearest; in a thread
    that runs neither, who handed it its work; ("", "") for a test's own call.
    """
    module, outermost = "", ""
    while frame is not None:
        package, *place = frame.f_globals.get("__name__", "").split(".")
        if package == "reptiops" and place and place[0] not in ("testing", "sandbox"):
            name = frame.f_code.co_name
            if place[0] == "resources" and name in PURPOSES:
                me = frame.f_locals.get("self") or frame.f_locals.get("cls")
                kind = me if isinstance(me, type) else type(me)
                if issubclass(kind, Resource):
                    return kind.kind(), PURPOSES[name]
            dotted = ".".join(place)
            if not module and place[0] != "resources" and dotted != "aws":
                module = dotted
            if dotted == module:
                outermost = name
        frame = frame.f_back
    return (module, outermost) if module else getattr(_handed_on, "author", ("", ""))
