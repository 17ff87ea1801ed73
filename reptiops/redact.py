"""Values that must not be shown: whoever sends one to AWS names it here, and every text that goes out is looked through.

AWS and botocore repeat parameters in their error messages; a password can be among them. What a container logs may hold
one that nobody here knows: there, what looks like one is hidden too.
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
SHORTEST = 8
"""Shorter values are no secrets of ours and would blank out ordinary words."""
_known: set[str] = set()
SHAPES = (
    (re.compile(r"://([^\s:/@]*):\S+@"), rf"://\1:{HIDDEN}@"),
    (
        re.compile(
            r"""(?i)((?:passw(?:or)?d|pwd|secret|token|api[_-]?key|authorization|credentials?)\w*["']?\s*[=:]\s*["']?)"""
            r"""(?!arn:)(?:(?:bearer|basic)\s+)?[^\s"',;&]{4,}"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
)
"""A password in an address, a value under a telling name, an access key → what is shown."""


def hide(value: str) -> None:
    """From now on this value is shown nowhere."""
    if len(value) >= SHORTEST:
        _known.add(value)


def redacted(text: str) -> str:
    """A text without what must not be shown."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def guessed(text: str) -> str:
    """A text of somebody else's program without what must not be shown, nor what looks as if it must not."""
    for shape, shown in SHAPES:
        text = shape.sub(shown, text)
    return redacted(text)
