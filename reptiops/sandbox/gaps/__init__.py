"""What moto lacks, filled at run time in this one place, so that resources use the same boto3 calls as on AWS.

One module per service, each with a function `fill()`; `core` and `speed` are about moto itself. An addition says whether
it adds an operation or stands in for one that moto has; if the installed moto does not fit, the sandbox refuses to start
instead of behaving half right. Nothing here refuses a call but for want of what it names: what AWS refuses beyond that is
a rule with a name in `reptiops.sandbox.rules`.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from reptiops.errors import ReptiopsError
from reptiops.limits import Switch

MOTO = "5.2.5"
"""The one version whose insides the additions fit."""
F = TypeVar("F", bound=Callable[..., Any])
_guard = threading.Lock()
_filled: list[str] = []


class GapError(ReptiopsError):
    """An addition does not fit the installed moto."""


def add(owner: type, name: str) -> Callable[[F], F]:
    """Give a moto class a method that it lacks. Raises GapError if it has one by now."""

    def decorate(function: F) -> F:
        if hasattr(owner, name):
            raise GapError(f"moto has {owner.__name__}.{name} by now: the sandbox's own addition must go")
        setattr(owner, name, function)
        return function

    return decorate


def replace(owner: type, name: str) -> Callable[[F], F]:
    """Put a function in the place of a moto method; it gets the original as its first argument.

    Raises GapError if moto has no such method.
    """

    def decorate(function: F) -> F:
        original = getattr(owner, name, None)
        if original is None:
            raise GapError(f"moto has no {owner.__name__}.{name}: the sandbox's addition does not fit it")

        @wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return function(original, self, *args, **kwargs)

        setattr(owner, name, method)
        return function

    return decorate


def apply() -> tuple[str, ...]:
    """Fill all gaps, once per process, and answer their services; works for `mock_aws` in a test and for the server."""
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")
    Switch.on = False  # an AWS inside this process takes as many calls as it gets
    import moto

    if moto.__version__ != MOTO:
        raise GapError(f"the sandbox needs moto {MOTO}, but {moto.__version__} is installed")
    with _guard:
        for info in pkgutil.iter_modules(__path__):
            if info.name not in _filled:
                importlib.import_module(f"{__name__}.{info.name}").fill()
                _filled.append(info.name)
        return tuple(_filled)
