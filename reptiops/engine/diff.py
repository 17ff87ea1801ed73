"""The one diff, and what it leaves alone: which fields differ, and which keep their live value.

Only the markers of the fields count; nothing here knows a kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from reptiops.engine.canonical import plain
from reptiops.engine.resource import ADDRESS_TAG, Change, Live, Resource

R = TypeVar("R", bound=Resource)


def diff(want: Resource, has: Resource) -> tuple[Change, ...]:
    """What would have to change to make `has` into `want`; a wanted None means that nobody cares."""
    return tuple(_diff_dataclass(want, has, "", False))


def _diff_dataclass(want: Any, has: Any, prefix: str, inherited: bool) -> Iterator[Change]:
    for f in dataclasses.fields(want):
        meta = f.metadata
        if meta.get("secret") or meta.get("local") or meta.get("owner"):
            continue
        a, b = getattr(want, f.name), getattr(has, f.name)
        if a is None or ("satisfied" in meta and meta["satisfied"](a, b)):
            continue
        yield from _diff_value(a, b, f"{prefix}{f.name}", inherited or bool(meta.get("fixed")))


def _diff_value(want: Any, has: Any, path: str, is_fixed: bool) -> Iterator[Change]:
    if dataclasses.is_dataclass(want) and type(want) is type(has) and not hasattr(want, "to_plain"):
        yield from _diff_dataclass(want, has, f"{path}.", is_fixed)
    elif isinstance(want, Mapping) and isinstance(has, Mapping):
        for k in sorted({*want, *has}, key=str):
            if k not in has or k not in want:
                yield Change(f"{path}.{k}", plain(has.get(k)), plain(want.get(k)), is_fixed)
            else:
                yield from _diff_value(want[k], has[k], f"{path}.{k}", is_fixed)
    elif plain(want) != plain(has):
        yield Change(path, plain(has), plain(want), is_fixed)


def retagged(address: str, live: Live[Any]) -> tuple[Change, ...]:
    """The change of the address tag of one that was found by its name and carries another address of ours."""
    kind = type(live.has)
    if live.address in (None, address) or kind.existing or not kind.taggable:
        return ()
    return (Change(ADDRESS_TAG, live.address, address),)


def carry(want: R, has: R) -> R:
    """`want` with the live value of every field that somebody else owns or that AWS moved on by itself."""
    return _carry(want, has)  # type: ignore[no-any-return]


def _carry(want: Any, has: Any) -> Any:
    if dataclasses.is_dataclass(want) and type(want) is type(has) and not hasattr(want, "to_plain"):
        moved = {}
        for f in dataclasses.fields(want):
            a, b = getattr(want, f.name), getattr(has, f.name)
            owned = f.metadata.get("owner") and b is not None
            if owned or ("satisfied" in f.metadata and b is not None and f.metadata["satisfied"](a, b)):
                moved[f.name] = b
            elif not f.metadata.get("secret") and not f.metadata.get("local"):
                moved[f.name] = _carry(a, b)
        return dataclasses.replace(want, **moved)  # type: ignore[type-var]
    if isinstance(want, Mapping) and isinstance(has, Mapping):
        return {k: _carry(v, has[k]) if k in has else v for k, v in want.items()}
    return want


def yielded(want: R, has: R, owned: Callable[[str], bool]) -> R:
    """`want` with the live value at every path that `owned` says is somebody else's by configuration, added keys too."""
    return _yielded(want, has, "", owned)  # type: ignore[no-any-return]


def _yielded(want: Any, has: Any, path: str, owned: Callable[[str], bool]) -> Any:
    if path and owned(path):
        return has
    start = f"{path}." if path else ""
    if dataclasses.is_dataclass(want) and isinstance(has, type(want)) and not hasattr(want, "to_plain"):
        moved = {
            f.name: _yielded(getattr(want, f.name), getattr(has, f.name), f"{start}{f.name}", owned)
            for f in dataclasses.fields(want)
            if not f.metadata.get("secret") and not f.metadata.get("local")
        }
        return dataclasses.replace(want, **moved)  # type: ignore[type-var]
    if isinstance(want, Mapping) and isinstance(has, Mapping):
        mine = {k: v for k, v in want.items() if k in has or not owned(f"{start}{k}")}
        theirs = {k: v for k, v in has.items() if k not in want and owned(f"{start}{k}")}
        return {k: _yielded(v, has[k], f"{start}{k}", owned) if k in has else v for k, v in mine.items()} | theirs
    return want


def as_far_as_it_goes(before: Resource, has: Resource) -> tuple[Resource, list[str]]:
    """How far it can be set back: AWS takes some changes never back, and then says so at best."""
    stuck: list[str] = []
    stays: dict[str, Any] = {}
    for change in (*diff(before, has), *_passed(before, has)):
        forward = type(before).undoing(Change(change.path, change.want, change.has, change.fixed))
        if forward.undo == "one-way":
            stuck.append(f"{change.path} stays {change.has!r}, it was {change.want!r}: {forward.why}")
            stays[change.field] = getattr(has, change.field)
    reached = dataclasses.replace(before, **stays)
    refused = reached.not_again(has)
    for change in diff(reached, has):
        if change.field in refused:
            stuck.append(f"{change.path} stays {change.has!r}, it was {change.want!r}: {refused[change.field]}")
    return dataclasses.replace(reached, **{name: getattr(has, name) for name in refused}), stuck


def _passed(before: Resource, has: Resource) -> Iterator[Change]:
    """What is more than it was and would do for a plan, such as storage that grew: it is not as it was all the same."""
    for f in dataclasses.fields(before):
        a, b = getattr(before, f.name), getattr(has, f.name)
        if a is not None and a != b and "satisfied" in f.metadata and f.metadata["satisfied"](a, b):
            yield Change(f.name, plain(b), plain(a), bool(f.metadata.get("fixed")))
