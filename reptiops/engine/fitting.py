"""What a person writes of a resource by the names of its fields: whether there are such fields, and whether values fit.

The codec makes a resource of such values and stops at the first that does not fit; this tells all of them.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from reptiops.engine.codec import CodecError, hints_of, value_of
from reptiops.engine.resource import Resource

Path = tuple[str, ...]
Judge = Callable[[type, str, Any], tuple[str, str] | None]
"""What else is wrong with a value of the right type: of a field of a class; a sentence, and what would be valid."""


@dataclasses.dataclass(frozen=True)
class Misfit:
    """A value that no resource can have there, or a field that there is not."""

    path: Path
    message: str
    valid: str = ""


def misfits(want: Resource, fields: Mapping[str, Any], judge: Judge = lambda *_: None) -> Iterator[Misfit]:
    """Everything for which `fields` could not be laid over `want`, as `codec.override` does it."""
    return _inside(type(want), want, fields, (), judge)


def _inside(cls: Any, current: Any, values: Mapping[str, Any], path: Path, judge: Judge) -> Iterator[Misfit]:
    """The fields of a dataclass; `current` is None for one that is to be made."""
    hints = {f.name: hints_of(cls)[f.name] for f in dataclasses.fields(cls)}
    for name, value in values.items():
        here = (*path, name)
        if name not in hints:
            yield Misfit(here, f"unknown field{meant(name, hints)}", ", ".join(sorted(hints)))
            continue
        found = list(_laid(hints[name], getattr(current, name, None), value, here, judge))
        yield from found
        wrong = None if found or value is None else judge(cls, name, value)
        if wrong:
            yield Misfit(here, *wrong)


def _laid(hint: Any, current: Any, value: Any, path: Path, judge: Judge) -> Iterator[Misfit]:
    within = _class(hint) if current is None else type(current)
    if not isinstance(value, Mapping) or hasattr(within, "to_plain"):
        yield from _made(hint, value, path)
    elif isinstance(current, Mapping) or typing.get_origin(hint) is Mapping:
        element = typing.get_args(hint)[1]
        for key, one in value.items():
            has = (current or {}).get(key)
            if one is not None:  # which takes it away
                yield from _laid(element, has, one, (*path, key), judge)
    elif dataclasses.is_dataclass(within):
        found = list(_inside(within, current, value, path, judge))
        yield from found
        if current is None and not found:
            yield from _made(hint, value, path)
    else:
        yield from _made(hint, value, path)


def _made(hint: Any, value: Any, path: Path) -> Iterator[Misfit]:
    try:
        value_of(hint, value)
    except CodecError as error:
        yield Misfit(path, str(error))


def _class(hint: Any) -> Any:
    """The one dataclass that a type may be, or nothing."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    classes = [one for one in options if isinstance(one, type) and dataclasses.is_dataclass(one)]
    return classes[0] if len(classes) == 1 else None


def nameless(want: Resource, name: str) -> tuple[str, str] | None:
    """Why a dotted name, be it only the end of a path, is no field of a resource; a sentence, and what is one. Of a mapping
    any key is.
    """
    paths, open_ = _paths(type(want), want)
    ends = {end for path in paths for end in _ends(path)}
    begins = {end for path in open_ for end in _ends(path)}
    if name in ends or any(name.startswith(f"{start}.") for start in begins):
        return None
    close = _close(name, ends, begins)
    return f"unknown field{close and f'; did you mean {close}?'}", ", ".join(sorted({path[0] for path in paths}))


def _close(name: str, ends: set[str], begins: set[str]) -> str:
    first, _, rest = name.partition(".")
    found = [f"{start}/{rest}" for start in get_close_matches(first, begins, n=1)] if rest else []
    found = found or get_close_matches(name, ends, n=1)
    return found[0].replace(".", "/") if found else ""


def _ends(path: Path) -> Iterator[str]:
    for index in range(len(path)):
        yield ".".join(path[index:])


def _paths(hint: Any, value: Any, path: Path = ()) -> tuple[list[Path], list[Path]]:
    """All paths to fields that a resource has, and those of them below which any key may stand."""
    paths, open_ = [path] if path else [], list[Path]()
    inner: list[tuple[Any, Any, Path]] = []
    cls = _class(hint) if value is None else type(value)
    if dataclasses.is_dataclass(cls) and not hasattr(cls, "to_plain"):
        hints = hints_of(cls)
        inner = [(hints[f.name], getattr(value, f.name, None), (*path, f.name)) for f in dataclasses.fields(cls)]
    elif isinstance(value, Mapping) or typing.get_origin(hint) is Mapping or hasattr(cls, "to_plain"):
        open_ = [*open_, path]
        element = typing.get_args(hint)[1] if typing.get_origin(hint) is Mapping else Any
        inner = [
            (element, one, (*path, str(key))) for key, one in (value.items() if isinstance(value, Mapping) else ())
        ]
    for one in inner:
        more = _paths(*one)
        paths, open_ = paths + more[0], open_ + more[1]
    return paths, open_


def meant(name: str, known: typing.Iterable[str]) -> str:
    """`; did you mean …?` with what is probably meant, or nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
