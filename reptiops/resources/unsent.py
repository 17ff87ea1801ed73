"""What somebody set by hand of which reptiops knows only that it is there: sending a thing whole would take it away."""

from __future__ import annotations

from collections.abc import Collection


def unsent(lost: Collection[str] | bool) -> str:
    """Why a change has to wait that would be sent without this, and the way out; empty where there is nothing of it."""
    named = ", ".join(filter(None, lost if isinstance(lost, Collection) else ()))
    return (
        named
        and f"it would be sent without what reptiops never sets, which is to stay ({named}): mend that too, or first"
    )
