"""A resource or a value as JSON: the canonical form, by which wanted, live and recorded ones are compared, and the kept
form, which a rollback writes back: it leaves nothing out that only the comparison leaves out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def plain(value: Any) -> Plain:
    """The canonical JSON form of a resource or value: sets sorted, dataclasses as mappings, secrets left out."""
    return _form(value, "to_plain")


def in_full(value: Any) -> Plain:
    """As `plain`, but what compares by meaning is kept as it is written, such as a policy: `to_kept`, where it has that."""
    return _form(value, "to_kept")


def _form(value: Any, how: str) -> Plain:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "to_plain"):
        result: Plain = getattr(value, how, value.to_plain)()
        return result
    if dataclasses.is_dataclass(value):
        return {
            f.name: _form(getattr(value, f.name), how)
            for f in dataclasses.fields(value)
            if not f.metadata.get("secret") and not f.metadata.get("local")
        }
    if isinstance(value, Mapping):
        return {str(k): _form(v, how) for k, v in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, frozenset | set):
        return sorted((_form(v, how) for v in value), key=repr)
    if isinstance(value, list | tuple):
        return [_form(v, how) for v in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")
