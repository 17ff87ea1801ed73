"""The canonical form: a resource or a value as JSON, by which wanted, live and recorded ones are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def plain(value: Any) -> Plain:
    """The canonical JSON form of a resource or value: sets sorted, dataclasses as mappings, secrets left out."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "to_plain"):
        result: Plain = value.to_plain()
        return result
    if dataclasses.is_dataclass(value):
        return {
            f.name: plain(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if not f.metadata.get("secret") and not f.metadata.get("local")
        }
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, frozenset | set):
        return sorted((plain(v) for v in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")
