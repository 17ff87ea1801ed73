"""Ids that AWS has not given yet: markers that survive formatting into longer strings and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MARKER = re.compile(r"⟦([^⟧]*)⟧")
"""A marker, with what it stands for: `address.name`."""


def unknown(address: str, name: str) -> str:
    """A marker for a value that AWS has not given yet; it survives formatting into longer strings and JSON."""
    return f"⟦{address}.{name}⟧"


def unknown_addresses(value: Any) -> set[str]:
    """The addresses whose values AWS has not given yet, anywhere inside a text."""
    return {found.rsplit(".", 1)[0] for found in MARKER.findall(str(value))}


def is_unknown(value: Any) -> bool:
    """Whether a value, or anything inside it, is not known yet."""
    if isinstance(value, str):
        return MARKER.search(value) is not None
    if isinstance(value, Mapping):
        return any(is_unknown(v) or is_unknown(k) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return any(is_unknown(v) for v in value)
    return False
