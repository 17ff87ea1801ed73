"""Where a line goes on that is too long for a terminal. Nothing is cut, and no command or id is broken: it is copied.

Of a command or a word that is wider than the terminal the terminal makes several rows, and copies it as one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reptiops.report.durations import unbroken
from reptiops.report.hints import EVERY, SOME

GLUE = "\ue000"
"""Stands for a space at which no line is broken, while lines are made."""
NARROWEST = 20
"""Columns below which nothing is folded to fit."""
_NAMES = "|".join(sorted({*EVERY, *(name.split()[0] for name in SOME)}))
_COMMAND = re.compile(rf"`reptiops [^`]+`|^reptiops (?:{_NAMES})\b.*?(?=\s{{3}}|\s*$)")
"""In backticks, or at the beginning of a line, where it ends with the line or before a gap."""


@dataclass(frozen=True)
class Part:
    """One line of what was one: which characters, and the column at which they stand."""

    start: int
    end: int
    column: int


def folded(line: str, width: int, first: int = 0, rest: int = 0, measure: Callable[[str], int] = len) -> Iterator[Part]:
    """The parts of a line, which begins at the column `first` and goes on at `rest`; spaces at the ends fall out.

    A command that does not fit where it stands begins a line, and has it to itself where it takes more than half of it.
    """
    room = max(width, NARROWEST)
    lead = len(line) - len(line.lstrip())
    solid = line[:lead] + _solid(line[lead:])
    words = [found.span() for found in re.finditer(r"\S+", solid)]
    if not words:
        yield Part(0, 0, 0)
        return
    start, end = words[0]
    column = _left(first + start, measure(line[start:end]), room)
    alone = False
    for begins, ends in words[1:]:
        if not alone and column + measure(line[start:ends]) <= room:
            end = ends
            continue
        yield Part(start, end, column)
        start, end = begins, ends
        size = measure(line[start:end])
        alone = _is_command(solid[start:end]) and size > (room - rest) / 2
        column = _left(rest + 2 * alone, size, room)
    yield Part(start, end, column)


def _solid(text: str) -> str:
    """The text, as long as it is, with glue inside what is not broken: commands and durations."""
    return unbroken(_COMMAND.sub(lambda found: re.sub(r"\s", GLUE, found[0]), text), GLUE)


def _is_command(word: str) -> bool:
    return f"reptiops{GLUE}" in word


def _left(column: int, size: int, room: int) -> int:
    """Further to the left where a word fits only there."""
    return min(column, room - size) if size <= room else column
