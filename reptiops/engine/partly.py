"""How a value goes back of which others have set parts since: only those parts that were written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from reptiops.engine.canonical import plain

ABSENT = object()
"""Of a mapping: it has no such key."""


def taken_back(before: Any, wrote: Sequence[Any], now: Any) -> Any:
    """`now` with what one after the other of `wrote` had made of `before` taken back, and all else as it is now.

    Mappings and dataclasses key by key, sets member by member, everything else as a whole. With nothing known of what
    was written it is as before.
    """
    if not wrote:
        return before
    if all(_same(one, before) for one in wrote):
        return now
    all_of = (before, *wrote, now)
    if all(isinstance(one, Mapping) for one in all_of):
        return _mapping(before, wrote, now)
    if all(isinstance(one, frozenset) for one in all_of):
        added = frozenset[Any]().union(*wrote) - before
        return (now - added) | (before - frozenset.intersection(*wrote))
    if dataclasses.is_dataclass(now) and all(type(one) is type(now) and not hasattr(one, "to_plain") for one in all_of):
        parts = [f.name for f in dataclasses.fields(now) if not (f.metadata.get("secret") or f.metadata.get("local"))]
        return dataclasses.replace(  # type: ignore[type-var]
            now, **{p: taken_back(getattr(before, p), [getattr(w, p) for w in wrote], getattr(now, p)) for p in parts}
        )
    return before


def _mapping(before: Mapping[Any, Any], wrote: Sequence[Mapping[Any, Any]], now: Mapping[Any, Any]) -> dict[Any, Any]:
    parts = {
        key: _part(before.get(key, ABSENT), [one.get(key, ABSENT) for one in wrote], now.get(key, ABSENT))
        for key in dict.fromkeys([*now, *before])
    }
    return {key: value for key, value in parts.items() if value is not ABSENT}


def _part(before: Any, wrote: Sequence[Any], now: Any) -> Any:
    if all(_same(one, before) for one in wrote):
        return now
    return before if ABSENT in (before, now) or ABSENT in wrote else taken_back(before, wrote, now)


def _same(a: Any, b: Any) -> bool:
    return a is b or (a is not ABSENT and b is not ABSENT and plain(a) == plain(b))
