"""Durations in words, and lines that do not break inside one."""

from __future__ import annotations

import re

_WORDS = re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h)(?: \d+ (?:s|min))?\b")


def duration(seconds: float) -> str:
    """`4.2 s`, `45 s`, `3 min 10 s`, `1 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def unbroken(text: str, glue: str) -> str:
    """The text with `glue`, at which no line is broken, for the spaces inside its durations. It is as long as before."""
    return _WORDS.sub(lambda found: found[0].replace(" ", glue), text)
