"""From the canonical form back to the dataclass: what a journal or an override says, as a resource again."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from reptiops.engine.canonical import Plain, plain
from reptiops.engine.resource import Resource
from reptiops.errors import ReptiopsError

R = TypeVar("R", bound=Resource)


class CodecError(ReptiopsError):
    """A value that does not fit the field it is meant for."""


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """The type of each field of a dataclass."""
    return typing.get_type_hints(cls)


def restore(cls: type[R], value: Plain) -> R:
    """A resource from its canonical form; fields that the form leaves out (secrets, the tool's own) get defaults."""
    return typing.cast("R", _dataclass(cls, value))


def canonical(cls: type[Resource], value: Plain) -> Plain:
    """What was written down of a resource, in full or not, in the form that compares; what does not fit stays as it is."""
    return typing.cast("Plain", _canonical(cls, value))


def _canonical(hint: Any, value: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        some = [one for one in args if one is not type(None)]
        return _canonical(some[0], value) if len(some) == 1 and value is not None else value
    if hasattr(hint, "from_plain"):
        return plain(hint.from_plain(value))
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        hints = hints_of(typing.cast("Any", hint))
        return {name: _canonical(hints[name], one) if name in hints else one for name, one in value.items()}
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {name: _canonical(args[1], one) for name, one in value.items()}
    if origin in (frozenset, tuple) and isinstance(value, list) and args[1:] in ((), (Ellipsis,)):
        return [_canonical(args[0], one) for one in value]
    return value


def field_of(cls: type[Resource], name: str, value: Plain) -> Any:
    """The value of one field from its canonical form."""
    return value_of(hints_of(typing.cast("Any", cls))[name], value)


def override(want: R, fields: Mapping[str, Any]) -> R:
    """`want` with some fields set from plain values; inside a mapping only the keys given, null takes one away. What is lent
    to somebody else for now stays so.

    Raises CodecError where one does not fit.
    """
    known = {f.name for f in dataclasses.fields(want)}
    unknown = sorted(fields.keys() - known)
    if unknown:
        raise CodecError(f"{type(want).kind()} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    lent = {f.name for f in dataclasses.fields(want) if f.metadata.get("lent") and getattr(want, f.name) is None}
    return typing.cast("R", _overlaid(type(want), want, {k: v for k, v in fields.items() if k not in lent}))


def _overlaid(hint: Any, current: Any, value: Any) -> Any:
    """`current` with what `value` says; what both know as a mapping is gone into, all else is replaced."""
    if not isinstance(value, Mapping):
        return value_of(hint, value)
    if dataclasses.is_dataclass(current) and not hasattr(current, "to_plain"):
        hints = hints_of(typing.cast("Any", type(current)))
        set_ = {k: _overlaid(hints[k], getattr(current, k), v) for k, v in value.items() if k in hints}
        if set_.keys() != value.keys():
            raise CodecError(f"{type(current).__name__} has no {', '.join(sorted(value.keys() - set_.keys()))}")
        return dataclasses.replace(current, **set_)  # type: ignore[type-var]
    if isinstance(current, Mapping):
        element = typing.get_args(hint)[1]
        kept = {k: v for k, v in current.items() if value.get(k, v) is not None}
        return kept | {
            k: _overlaid(element, current[k], v) if k in current else value_of(element, v)
            for k, v in value.items()
            if v is not None
        }
    return value_of(hint, value)


def _dataclass(cls: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise CodecError(f"{_shown(value)} is not a mapping of settings")
    hints = hints_of(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    nothing = dataclasses.MISSING
    missing = [n for n, f in fields.items() if n not in value and f.default is nothing and f.default_factory is nothing]
    if missing:
        raise CodecError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return cls(**{name: value_of(hints[name], value[name]) for name in fields if name in value})


def _document(hint: Any, value: Any) -> Any:
    """What has a form of its own. That it can be read back shows that the value has that form."""
    try:
        found = hint.from_plain(_lists(value))
        found.to_plain()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CodecError(f"{_shown(value)} is not a {hint.__name__.lower()}") from error
    return found


def _lists(value: Any) -> Any:
    """The same with lists for tuples, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, (list, tuple)) else value


def _listed(hint: Any, value: Any) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise CodecError(f"{_shown(value)} is not a list")
    args = typing.get_args(hint)
    if typing.get_origin(hint) is frozenset:
        return frozenset(value_of(args[0], one) for one in value)
    kinds = [args[0]] * len(value) if len(args) == 2 and args[1] is Ellipsis else args
    if len(kinds) != len(value):
        raise CodecError(f"{_shown(value)} has not {len(kinds)} entries")
    return tuple(value_of(kind, one) for kind, one in zip(kinds, value, strict=True))


def value_of(hint: Any, value: Any) -> Any:
    """A value of a type from its canonical form. Raises CodecError, in words that a person understands."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union(args, value)
    if origin is typing.Literal:
        return _checked(value in args, hint, value)
    if hasattr(hint, "from_plain"):
        return _document(hint, value)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value)
    if origin in (frozenset, tuple):
        return _listed(hint, value)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise CodecError(f"{_shown(value)} is not a mapping")
        return {key: value_of(args[1], one) for key, one in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _checked(
        hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))), hint, value
    )


def _union(options: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in options:
        return None
    refused: list[CodecError] = []
    for option in options:
        try:
            fits = option is not type(None) and _fits(option, value)
            if fits:
                return value_of(option, value)
        except CodecError as error:
            refused.append(error)
        except TypeError:
            continue
    if len(refused) == 1:
        raise refused[0]
    raise CodecError(f"{_shown(value)} fits none of {', '.join(_word(o) for o in options)}")


def _fits(option: Any, value: Any) -> bool:
    if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
        return set(value) <= {f.name for f in dataclasses.fields(option)}
    return True


def _checked(good: bool, hint: Any, value: Any) -> Any:
    if not good:
        quotes = "; put it in quotes" if hint is str and isinstance(value, (int, float)) else ""
        raise CodecError(f"{_shown(value)} is not {_word(hint)}{quotes}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "nothing"}


def _word(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    return _WORDS.get(hint) or str(getattr(hint, "__name__", hint))


def _shown(value: Any) -> str:
    """As a file has it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else repr(value)[:60]
