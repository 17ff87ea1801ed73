"""moto, faster: what it works out anew at each call is worked out once. The answers are the same, byte for byte.

A world of an environment is some nine hundred calls, and a test suite is hundreds of worlds: half of their CPU went here.
"""

from __future__ import annotations

import inspect
import os
from functools import lru_cache
from typing import Any

from reptiops.sandbox.gaps import GapError, replace


def fill() -> None:
    """Look up instead of listing, and remember instead of asking again."""
    # The images of instances that EC2 starts with: 1,300 a world, and here nothing runs on instances. A test of code
    # that does says MOTO_EC2_LOAD_DEFAULT_AMIS=true.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    _methods()
    _attributes()
    _ids()
    _event_names()


class _Methods:
    """The methods of a class, for `in` alone: one is looked up, where moto lists and sorts them all at each call."""

    def __init__(self, owner: type):
        self._owner = owner

    def __contains__(self, name: str) -> bool:
        return inspect.isfunction(getattr(self._owner, name, None))


def _methods() -> None:
    from moto.core import responses

    _in_place_of(responses, "method_names_from_class", _Methods)
    _in_place_of(responses, "camelcase_to_underscores", lru_cache(responses.camelcase_to_underscores))


def _attributes() -> None:
    """Under which names a member of an answer may stand in moto's objects depends on their class alone."""
    from moto.core.serialize import AttributePicker
    from moto.core.utils import MISSING, get_value

    def found(obj: Any, names: tuple[str, ...]) -> Any:
        if type(obj) is dict:  # most are: a look is cheaper than an exception
            return next((obj[name] for name in names if name in obj), None)
        return next((value for name in names if (value := get_value(obj, name, MISSING)) is not MISSING), None)

    @replace(AttributePicker, "__call__")
    def pick(original: Any, self: Any, context: Any) -> Any:
        if context.shape is None:
            return original(self, context)
        # The shape keeps the names, for it lives as long as they are right.
        known: dict[Any, tuple[str, ...]] = context.shape.__dict__.setdefault("_reptiops_names", {})
        which = (type(self), tuple(self.alias_providers), type(context.obj), context.key)
        names = known.get(which)
        if names is None:
            names = known[which] = tuple(dict.fromkeys(self.get_possible_keys(context)))
        value = found(context.obj, names)
        for path, transform in self.response_transformers.items():
            if f"{context.key_path}.{context.key}".endswith(path):
                return transform(value)
        return value


def _ids() -> None:
    """One draw for an id in place of one for each of its letters."""
    from moto.ec2 import utils

    def identifier(size: int = 8) -> str:
        return f"{utils.random.getrandbits(4 * size):0{size}x}"

    _in_place_of(utils, "random_resource_id", identifier)


def _event_names() -> None:
    """The names of botocore's events: the table of their aliases is one, and each client goes through it anew."""
    from botocore.hooks import EVENT_ALIASES, EventAliaser

    known: dict[str, str] = {}

    @replace(EventAliaser, "_alias_event_name")
    def alias(original: Any, self: Any, name: str) -> str:
        if name not in known:
            if self._event_aliases != EVENT_ALIASES:
                return str(original(self, name))
            known[name] = original(self, name)
        return known[name]


def _in_place_of(module: Any, name: str, function: Any) -> None:
    if not hasattr(module, name):
        raise GapError(f"moto has no {module.__name__}.{name}: the sandbox's own does not fit it")
    setattr(module, name, function)
