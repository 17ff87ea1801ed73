"""What a thing has in AWS beyond the settings of its kind, where one call writes all of it and drops what is not sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def beyond(shown: Mapping[str, Any], sent: Mapping[str, Any], members: Collection[str]) -> dict[str, Any]:
    """Those of some members that AWS shows otherwise than we would send them. Times are as AWS takes them, as text."""
    found = {name: _plainly(shown[name]) for name in sorted(members) if shown.get(name)}
    return {name: value for name, value in found.items() if value != _plainly(sent.get(name))}


def _plainly(value: Any) -> Any:
    """As JSON has it, without what is empty or off: AWS shows such members where nothing was sent."""
    if isinstance(value, Mapping):
        found = {name: _plainly(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one not in (None, False, "", [], {})}
    if isinstance(value, list | tuple):
        return [_plainly(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
