"""Text for a person on a terminal that may be narrow: long lines go on under their own beginning.

In a pipe, a file or a CI log every line stays one line, so that it can be searched.
"""

from __future__ import annotations

import sys

import click

from reptiops.report.folding import folded
from reptiops.report.hints import completed

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
    """The same lines, none wider than `width` columns unless one word or one command is; nothing is cut."""
    return "\n".join(part for line in text.splitlines() for part in _fitted(line, width, hang))


def _fitted(line: str, width: int, hang: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip())
    return [" " * part.column + line[part.start : part.end] for part in folded(line, width, 0, indent + hang)]
