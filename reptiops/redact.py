"""Values that must not be shown: whoever sends one to AWS names it here, and every text that goes out is looked through.

AWS and botocore repeat parameters in their error messages; a password can be among them.
"""

from __future__ import annotations

HIDDEN = "(hidden)"
SHORTEST = 8
"""Shorter values are no secrets of ours and would blank out ordinary words."""
_known: set[str] = set()


def hide(value: str) -> None:
    """From now on this value is shown nowhere."""
    if len(value) >= SHORTEST:
        _known.add(value)


def redacted(text: str) -> str:
    """A text without what must not be shown."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text
