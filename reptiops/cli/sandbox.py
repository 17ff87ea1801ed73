"""`sandbox start|stop|status|reset|rules`: the embedded AWS."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reptiops.cli.lines import tell
from reptiops.cli.options import paged, printable, show_json
from reptiops.cli.values import agreed
from reptiops.sandbox import control
from reptiops.sandbox import rules as enforcement
from reptiops.sandbox.rules import QUOTAS
from reptiops.sandbox.server import CLOCK

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
@click.option("--debug", is_flag=True, hidden=True)
def sandbox(debug: bool) -> None:
    """An AWS for people without an account.

    An emulator on this machine. Nothing in it is real.
    """


def _show(status: Any, as_json: bool) -> None:
    if as_json:
        show_json(status.as_json())
    elif status.running:
        tell(f"sandbox running at {status.endpoint} (process {status.pid}; no real AWS{_settings(status)})")
    else:
        tell("sandbox not running; `reptiops sandbox start` starts one")


def _settings(status: control.Status) -> str:
    """How it is other than usual, in words."""
    quotas = [f"{name}={number}" for name, number in status.quotas.items() if number != QUOTAS.get(name)]
    found = (
        "lenient" if status.lenient else "",
        f"clock {status.clock:g}" if status.clock not in (None, CLOCK) else "",
        f"quotas {', '.join(quotas)}" if quotas else "",
    )
    return "".join(f", {one}" if n else f"; {one}" for n, one in enumerate(filter(None, found)))


class Quota(click.ParamType):  # type: ignore[type-arg]
    """`name=number`."""

    name = "NAME=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The name, if there is such a quota, and the number."""
        name, _, number = str(value).partition("=")
        if name not in QUOTAS or not number.isdigit():
            self.fail(f"{value!r}: NAME=NUMBER, where NAME is one of {', '.join(QUOTAS)}", param, ctx)
        return name, int(number)


def strictness(function: F) -> F:
    """The options that say how like AWS a new sandbox is."""
    for option in (
        click.option(
            "--quota", "quotas", type=Quota(), multiple=True, help="What the account may have, e.g. elastic-ips=10."
        ),
        click.option("--clock", type=click.FloatRange(0, 1), help="Part of AWS's durations that things take (0.01)."),
        click.option("--lenient", is_flag=True, help="Take what moto takes; enforce none of AWS's rules."),
    ):
        function = option(function)
    return function


@sandbox.command()
@printable
@strictness
def start(as_json: bool, lenient: bool, clock: float | None, quotas: tuple[tuple[str, int], ...]) -> None:
    """Start it, or say that it runs already.

    One that runs with other settings than those given is refused.
    """
    _show(control.start(control.default_directory(), control.Strictness(lenient, clock, quotas)), as_json)


@sandbox.command()
@printable
def stop(as_json: bool) -> None:
    """Stop it. Its world goes with it."""
    directory = control.default_directory()
    ran = control.status(directory).running
    stopped = control.stop(directory)
    if as_json:
        show_json(stopped.as_json())
    else:
        tell("sandbox stopped" if ran else "sandbox not running")


@sandbox.command()
@printable
def status(as_json: bool) -> None:
    """Say whether it runs, where, and how strict it is."""
    _show(control.status(control.default_directory()), as_json)


@sandbox.command()
@printable
@strictness
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def reset(as_json: bool, lenient: bool, clock: float | None, quotas: tuple[tuple[str, int], ...], yes: bool) -> None:
    """Stop it and start an empty one, at the same address.

    Asks on a terminal whether all that is in it may go.
    """
    before = control.status(control.default_directory())
    if before.running and not yes and sys.stdin.isatty():
        agreed(f"Throw away all that is in the sandbox at {before.endpoint}?", abort=True, err=as_json)
    now = control.reset(control.default_directory(), control.Strictness(lenient, clock, quotas))
    _show(now, as_json)
    if before.running and before.endpoint != now.endpoint:
        tell(f"It was at {before.endpoint}: an AWS_ENDPOINT_URL that names that leads nowhere now.", err=as_json)


@sandbox.command()
@printable
def rules(as_json: bool) -> None:
    """What the sandbox enforces as AWS does.

    Each with the line of docs/aws-notes.md that says so.
    """
    declared = enforcement.declared()
    if as_json:
        show_json({"rules": [one.as_json() for one in declared], "quotas": dict(QUOTAS)})
        return
    from reptiops.report.plans import say

    with paged() as console:
        for one in declared:
            say(console, f"[bold]{one.name}[/]  [dim]{one.fact}[/]")
            say(console, one.about, 4)
        say(
            console,
            f"{len(declared)} rules; quotas: {', '.join(f'{name}={number}' for name, number in QUOTAS.items())}",
        )
