"""A YAML source → a frozen model, or every mistake in it: those of single settings and those between settings.

Checks between settings run even when single settings are wrong: these are taken out first, and a check that looked at
one of them is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reptiops.errors import ConfigurationError, Mistake
from reptiops.settings.base import Settings
from reptiops.settings.findings import Finding
from reptiops.yamlsource import SettingPath, YamlSource

DEFERRED = "checks between settings are run by the caller"

Model = TypeVar("Model", bound=Settings)

SHORT = 3
"""Letters up to which a word of a key says little of it."""
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping of settings",
    "model_attributes_type": "a mapping of settings",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "tuple_type": "a list",
    "datetime_type": "a date",
    "date_type": "a date",
    "date_from_datetime_parsing": "a date",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
    "string_too_short": ("min_length", "at least this many characters:"),
    "string_too_long": ("max_length", "at most this many characters:"),
    "string_pattern_mismatch": ("pattern", "text that matches"),
}


def load_model(
    model: type[Model],
    source: YamlSource,
    given: Mapping[str, str],
    stand_in: Mapping[SettingPath, Any],
    check: Callable[[Model], Iterable[Finding]],
) -> Model:
    """The model that `source` describes. `given` is what the file's name says and the file may only repeat;
    `stand_in` are values for required settings that are missing or wrong, so that all else can still be checked.

    Raises ConfigurationError with all mistakes, in the order of the file.
    """
    data, mistakes = {**given, **source.data}, []
    for key, value in given.items():
        if data[key] != value:
            mistakes.append(source.mistake((key,), f"{data[key]!r} contradicts the file's name", value))
            data[key] = value
    checked, wrong, refused = _validate(model, source, data, stand_in)
    mistakes += refused
    if checked is not None:
        mistakes += [
            source.mistake(finding.path, finding.message, finding.valid)
            for finding in check(checked)
            if not any(_touches(path, bad) for path in finding.paths for bad in wrong)
        ]
    if mistakes or checked is None:
        raise ConfigurationError(mistakes)
    return checked


def _touches(path: SettingPath, bad: SettingPath) -> bool:
    shared = min(len(path), len(bad))
    return path[:shared] == bad[:shared]


def _validate(
    model: type[Model], source: YamlSource, data: dict[str, Any], stand_in: Mapping[SettingPath, Any]
) -> tuple[Model | None, list[SettingPath], list[Mistake]]:
    """The model without the settings that are wrong (None if it cannot do without), where they are, and why."""
    wrong: list[SettingPath] = []
    mistakes: list[Mistake] = []
    while True:
        try:
            return model.model_validate(data, context=DEFERRED), wrong, mistakes
        except ValidationError as error:
            details = _heads(error.errors(include_url=False))
        paths = [_path(detail) for detail in details]
        mistakes += [mistake(model, source, detail) for detail in details if not _repeated(_path(detail), wrong)]
        wrong += paths
        pruned = _without(data, [path for path in paths if path not in stand_in])
        for path in paths:
            if path in stand_in:
                pruned = _with(pruned, path, stand_in[path])
        if pruned == data:
            return None, wrong, mistakes
        data = pruned


def _heads(details: list[ErrorDetails]) -> list[ErrorDetails]:
    # A list whose only entry is wrong is "too short" as well: the entry is what a person has to mend.
    paths = [_path(detail) for detail in details]
    return [
        detail
        for detail, path in zip(details, paths, strict=True)
        if detail["type"] != "too_short" or not any(len(other) > len(path) and _touches(other, path) for other in paths)
    ]


def _with(data: dict[str, Any], path: SettingPath, value: Any) -> dict[str, Any]:
    """The same data with `value` at `path`, where all that encloses it is there."""
    key, deeper = str(path[0]), path[1:]
    if not deeper:
        return {**data, key: value}
    inner = data.get(key)
    return {**data, key: _with(inner, deeper, value)} if isinstance(inner, dict) else data


def _repeated(path: SettingPath, wrong: list[SettingPath]) -> bool:
    # A setting that was taken out for being wrong may leave "missing" behind: said already.
    return any(_touches(path, bad) for bad in wrong)


def _path(detail: ErrorDetails) -> SettingPath:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _without(data: Any, paths: Iterable[SettingPath]) -> Any:
    """The same data without the settings at `paths`; of a list, the whole list goes, so that positions stay true."""
    gone = [path for path in paths if path]
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        deeper = [path[1:] for path in gone if path[0] == key]
        if not deeper:
            kept[key] = value
        elif isinstance(value, dict) and all(path and path[0] in value for path in deeper):
            kept[key] = _without(value, deeper)
    return kept


def mistake(model: type[BaseModel], source: YamlSource, detail: ErrorDetails) -> Mistake:
    """One of pydantic's errors as a mistake in the file."""
    path, kind = _path(detail), detail["type"]
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        close = _close(str(path[-1]), known)
        hint = f"; did you mean {close[0]}?" if close else ""
        return source.mistake(path, f"unknown key{hint}", ", ".join(known))
    return source.mistake(path, *said(detail))


def said(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value, in a sentence, and what would be valid."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "missing":
        return "missing", "this setting is required"
    if kind == "setting":
        return context["what"], context["valid"]
    if kind == "literal_error":
        return f"{_shown(value)} is not a choice", context["expected"].replace(" or ", ", ")
    if kind in _KINDS:
        quote = "; put it in quotes" if kind == "string_type" and _scalar(value) else ""
        return f"{_shown(value)} is not {_KINDS[kind]}{quote}", ""
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        valid = f"at least {context['min_length']}" if few else f"at most {context['max_length']}"
        return f"too {'few' if few else 'many'} entries", valid
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"{_shown(value)} is out of range", f"{words} {context[key]}"
    return f"{_shown(value)}: {detail['msg']}", ""


def _close(name: str, known: list[str]) -> list[str]:
    """The key that was probably meant, be it by one of its words: `classs` is `instance_class`."""
    import difflib

    words = {word: key for key in known for word in key.split("_") if len(word) > SHORT}
    return difflib.get_close_matches(name, known, n=1) or [
        words[word] for word in difflib.get_close_matches(name, words, n=1, cutoff=0.8)
    ]


def _scalar(value: object) -> bool:
    return value is not None and not isinstance(value, (dict, tuple))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)[:60]


def _known_keys(model: type[BaseModel], path: SettingPath) -> list[str]:
    """The keys that are known at `path`, found by following the annotations of the models."""
    here: Any = model
    for part in path:
        owner = _model_in(here)
        # A part that is no field of a model is the key of a mapping or the place in a list: stay with the annotation.
        if owner is not None and isinstance(part, str) and part in owner.model_fields:
            here = owner.model_fields[part].annotation
    found = _model_in(here)
    return list(found.model_fields) if found is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = _model_in(part)
        if found is not None:
            return found
    return None
