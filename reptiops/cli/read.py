"""`plan`, `status` and `outputs`: they read, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.console import Console

from reptiops import app
from reptiops.cli.options import selectable, shared, show_json, site_settings
from reptiops.report import describe, terminal


@click.command()
@click.argument("env")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 3 when there are changes.")
@selectable
@shared
def plan(env: str, detailed_exitcode: bool, phases: tuple[str, ...], only: tuple[str, ...], **given: Any) -> None:
    """Show what provision would do to ENV."""
    made = app.plan(env, phases=phases, only=only, **site_settings(given))
    if given["as_json"]:
        show_json(describe.plan(made))
    else:
        terminal.show_plan(Console(emoji=False), made, given["verbose"])
    if detailed_exitcode and made.changes:
        raise SystemExit(3)


@click.command()
@click.argument("env")
@shared
def status(env: str, **given: Any) -> None:
    """Show each resource of ENV: address, id, live status, age."""
    made = app.plan(env, **site_settings(given))
    rows = describe.status(made, time.time())
    if given["as_json"]:
        show_json(rows)
    else:
        terminal.show_status(Console(emoji=False), rows)


@click.command()
@click.argument("env")
@shared
def outputs(env: str, **given: Any) -> None:
    """Show the endpoints and ARNs of ENV."""
    site = app.open_site(app.Settings(env, **site_settings(given)))
    found = describe.outputs(site.env, app.plan_site(site).live)
    if given["as_json"]:
        show_json(found)
    else:
        terminal.show_outputs(Console(emoji=False), found)
