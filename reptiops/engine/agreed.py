"""What a run may write where not all of a difference is to be mended: some fields of some resources, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.engine.canonical import Plain
from reptiops.engine.plan import Owned

UNASKED = "whoever changed it"
"""Who owns what nobody agreed to write."""


@dataclass(frozen=True)
class Agreed:
    """The dotted paths that may be written, by address. All else of these resources keeps its live value, and what the
    state records of it; addresses that are not named are not held back, as what is missing, which is made whole.
    """

    paths: Mapping[str, frozenset[str]]
    partly: frozenset[str] = frozenset()
    """Addresses where something that differs stays."""

    def owned(self, otherwise: Owned) -> Owned:
        """Who owns a field, when what nobody agreed to write is somebody else's."""

        def owner(address: str, path: str) -> str | None:
            paths = self.paths.get(address)
            if paths is None or _covers(paths, path) or _leads(paths, path):
                return otherwise(address, path)
            return UNASKED

        return owner

    def applied(self, address: str, before: Plain, written: Plain) -> Plain:
        """What is recorded as applied once that was written: of what was left, what was applied before."""
        paths = self.paths.get(address)
        return written if paths is None else _overlaid(paths, before, written, "")


def _covers(paths: Collection[str], path: str) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in paths)


def _leads(paths: Collection[str], path: str) -> bool:
    return any(one.startswith(f"{path}.") for one in paths)


def _overlaid(paths: Collection[str], before: Plain, written: Plain, start: str) -> Plain:
    if not isinstance(before, dict) or not isinstance(written, dict):
        return written
    kept: dict[str, Any] = {}
    for key in dict.fromkeys((*before, *written)):
        path = f"{start}{key}"
        if key in before and key in written and _leads(paths, path):
            kept[key] = _overlaid(paths, before[key], written[key], f"{path}.")
            continue
        source = written if _covers(paths, path) or _leads(paths, path) else before
        if key in source:
            kept[key] = source[key]
    return kept
