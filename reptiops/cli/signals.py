"""Ctrl-C and SIGTERM while a run writes, and the question that follows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.markup import escape

from reptiops.app import Choose, Stop
from reptiops.cli.values import agreed
from reptiops.engine.recover import Unfinished
from reptiops.report import plans
from reptiops.report.hints import ENVIRONMENT, completed

if TYPE_CHECKING:
    from rich.console import Console

    from reptiops.report.progress import Progress

INTERRUPTED = 130


@contextmanager
def stoppable(progress: Progress | None = None) -> Iterator[Stop]:
    """Once Ctrl-C or SIGTERM: start nothing new. Twice: stop at once, recoverable as after a crash.

    Before anything is written the first one ends the command. The handler writes past the console: it may come while
    that is in the middle of a line. A drawing says it itself, and is not disturbed.
    """
    stop = Stop()

    def handle(number: int, _: Any) -> None:
        if not stop.armed:
            raise KeyboardInterrupt
        if stop.is_set():
            _say(
                completed(
                    f"stopped at once: `reptiops status {ENVIRONMENT.get()}` says what is in doubt\nand the two ways out"
                )
            )
            os._exit(INTERRUPTED)
        if progress is None or not progress.stopping():
            _say("stopping: nothing new is started, what is in flight may end;\nagain to stop at once")
        stop.set()

    with _handled(handle):
        yield stop


@contextmanager
def _answering() -> Iterator[None]:
    """While a question is open nothing is in flight: a signal is the answer that all stays as it is, told in order."""

    def handle(number: int, _: Any) -> None:
        raise KeyboardInterrupt

    with _handled(handle):
        yield


@contextmanager
def _handled(handle: Callable[[int, Any], None]) -> Iterator[None]:
    """Both signals go there."""
    previous = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    shown = "\x1b[?25h" if os.isatty(2) else ""  # a drawing hides the cursor
    os.write(2, f"{shown}\n{text}\n".encode())


def choosing(console: Console, given: dict[str, Any], pause: Callable[[], None]) -> Choose | None:
    """Ask whether to keep or to roll back, where somebody is there to answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or given["as_json"] or given.get("quiet"):
        return None

    def choose(text: str, what: Unfinished) -> Literal["rollback", "keep"]:
        pause()
        for line in text.splitlines():
            plans.say(console, escape(line), hang=2)
        console.print(
            f"So far: {len(what.created)} created, {len(what.updated)} updated, {len(what.deleted)} deleted.",
            highlight=False,
        )
        try:
            with _answering():
                return "rollback" if agreed("Roll back (no: keep it as it is)?", default=True) else "keep"
        except click.Abort:
            click.echo()  # a signal ends no line
            return "keep"

    return choose
