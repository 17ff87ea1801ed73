"""From the canonical form back to the dataclass: what a journal or an override says, as a resource again."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from reptiops.engine.canonical import Plain
from reptiops.engine.resource import Resource
from reptiops.errors import ReptiopsError

R = TypeVar("R", bound=Resource)


class CodecError(ReptiopsError):
    """A value that does not fit the field it is meant for."""


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def restore(cls: type[R], value: Plain) -> R:
    """A resource from its canonical form; fields that the form leaves out (secrets, the tool's own) get defaults."""
    return typing.cast("R", _dataclass(cls, value))


def field_of(cls: type[Resource], name: str, value: Plain) -> Any:
    """The value of one field from its canonical form."""
    return _value(_hints(typing.cast("Any", cls))[name], value)


def override(want: R, fields: Mapping[str, Any]) -> R:
    """`want` with some fields set from plain values; inside a mapping only the keys given, null takes one away.

    Raises CodecError where one does not fit.
    """
    known = {f.name for f in dataclasses.fields(want)}
    unknown = sorted(fields.keys() - known)
    if unknown:
        raise CodecError(f"{type(want).kind()} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return typing.cast("R", _overlaid(type(want), want, fields))


def _overlaid(hint: Any, current: Any, value: Any) -> Any:
    """`current` with what `value` says; what both know as a mapping is gone into, all else is replaced."""
    if not isinstance(value, Mapping):
        return _value(hint, value)
    if dataclasses.is_dataclass(current) and not hasattr(current, "to_plain"):
        hints = _hints(typing.cast("Any", type(current)))
        set_ = {k: _overlaid(hints[k], getattr(current, k), v) for k, v in value.items() if k in hints}
        if set_.keys() != value.keys():
            raise CodecError(f"{type(current).__name__} has no {', '.join(sorted(value.keys() - set_.keys()))}")
        return dataclasses.replace(current, **set_)  # type: ignore[type-var]
    if isinstance(current, Mapping):
        element = typing.get_args(hint)[1]
        kept = {k: v for k, v in current.items() if value.get(k, v) is not None}
        return kept | {
            k: _overlaid(element, current[k], v) if k in current else _value(element, v)
            for k, v in value.items()
            if v is not None
        }
    return _value(hint, value)


def _dataclass(cls: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise CodecError(f"{cls.__name__} cannot be made of {value!r}")
    hints = _hints(cls)
    names = {f.name for f in dataclasses.fields(cls)}
    return cls(**{name: _value(hints[name], value[name]) for name in names if name in value})


def _value(hint: Any, value: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union(args, value)
    if origin is typing.Literal:
        return _checked(value in args, hint, value)
    if hasattr(hint, "from_plain"):
        return hint.from_plain(value)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value)
    if origin is frozenset:
        return frozenset(_value(args[0], one) for one in value)
    if origin is tuple:
        kinds = [args[0]] * len(value) if len(args) == 2 and args[1] is Ellipsis else args
        return tuple(_value(kind, one) for kind, one in zip(kinds, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: _value(args[1], one) for key, one in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _checked(
        hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))), hint, value
    )


def _union(options: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in options:
        return None
    for option in options:
        try:
            fits = option is not type(None) and _fits(option, value)
            if fits:
                return _value(option, value)
        except (CodecError, TypeError):
            continue
    raise CodecError(f"{value!r} fits none of {', '.join(str(o) for o in options)}")


def _fits(option: Any, value: Any) -> bool:
    if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
        return set(value) <= {f.name for f in dataclasses.fields(option)}
    return True


def _checked(good: bool, hint: Any, value: Any) -> Any:
    if not good:
        raise CodecError(f"{value!r} is not {getattr(hint, '__name__', hint)}")
    return value
