"""`sandbox start|stop|status|reset`: the embedded AWS."""

from __future__ import annotations

from typing import Any

import click

from reptiops.cli.options import printable, show_json
from reptiops.sandbox import control


@click.group()
@click.option("--debug", is_flag=True, hidden=True)
def sandbox(debug: bool) -> None:
    """An AWS for people without an account: an emulator on this machine. Nothing in it is real."""


def _show(status: Any, as_json: bool) -> None:
    if as_json:
        show_json(status.as_json())
    elif status.running:
        click.echo(
            f"sandbox running at {status.endpoint} (process {status.pid}, account {status.account}; not real AWS)"
        )
    else:
        click.echo("sandbox not running; `reptiops sandbox start` starts one")


@sandbox.command()
@printable
def start(as_json: bool) -> None:
    """Start it, or say that it runs already."""
    _show(control.start(control.default_directory()), as_json)


@sandbox.command()
@printable
def stop(as_json: bool) -> None:
    """Stop it. Its world goes with it."""
    _show(control.stop(control.default_directory()), as_json)


@sandbox.command()
@printable
def status(as_json: bool) -> None:
    """Say whether it runs, and where."""
    _show(control.status(control.default_directory()), as_json)


@sandbox.command()
@printable
def reset(as_json: bool) -> None:
    """Stop it and start an empty one."""
    _show(control.reset(control.default_directory()), as_json)
