"""Days after which AWS deletes what is older."""

from __future__ import annotations

from reptiops.engine.canonical import Plain


def sooner(was: Plain, now: Plain) -> bool:
    """Whether AWS deletes earlier than before; 0 or nothing: never."""
    before, after = (one if isinstance(one, int) else 0 for one in (was, now))
    return bool(after) and (not before or after < before)
