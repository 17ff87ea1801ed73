"""Text for a person on a terminal that may be narrow: long lines go on under their own beginning.

In a pipe, a file or a CI log every line stays one line, so that it can be searched.
"""

from __future__ import annotations

import sys

import click

from reptiops.report.durations import unbroken
from reptiops.report.hints import completed

NO_BREAK = "\u00a0"
HANG = 2
"""Columns by which what does not fit is indented further than its beginning."""


def tell(text: str, *, err: bool = False, hang: int = HANG) -> None:
    """Print lines of text as they fit. `hang`: where their continuation begins, counted from their own indent."""
    click.echo(fit(text, err=err, hang=hang), err=err)


def fit(text: str, *, err: bool = False, hang: int = HANG) -> str:
    """The text as `tell` prints it."""
    text = completed(text)
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return text
    import shutil

    return fitted(text, shutil.get_terminal_size().columns, hang)


def fitted(text: str, width: int, hang: int = HANG) -> str:
    """The same lines, none wider than `width` columns unless one word is; nothing is cut."""
    return "\n".join(part for line in text.splitlines() for part in _folded(line, width, hang))


def _folded(line: str, width: int, hang: int) -> list[str]:
    if len(line) <= width:
        return [line]
    import textwrap

    indent = line[: len(line) - len(line.lstrip())]
    parts = textwrap.wrap(
        unbroken(line.lstrip(), NO_BREAK),
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    parts = [part.replace(NO_BREAK, " ") for part in parts]
    # A word that is too long for its place, such as an ARN, stays whole and moves to the left.
    return [part if len(part) <= width else part.strip().rjust(width) for part in parts]
