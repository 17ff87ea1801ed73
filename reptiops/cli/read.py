"""`plan`, `status` and `outputs`: they read, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import click

from reptiops import app
from reptiops.cli.options import paged, selectable, shared, show_json, site_settings
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
        with paged() as console:
            terminal.show_plan(console, made, given["verbose"])
    if detailed_exitcode and made.changes:
        raise SystemExit(3)


@click.command()
@click.argument("env")
@shared
def status(env: str, **given: Any) -> None:
    """Show each resource of ENV: address, id, live status, age."""
    site = app.open_site(app.Settings(env, **site_settings(given)))
    rows = describe.status(app.plan_site(site), time.time())
    if given["as_json"]:
        show_json(rows)
        return
    doubt = app.in_doubt(site)
    with paged() as console:
        terminal.show_status(console, rows)
        if not doubt.empty:
            begun = len(doubt.created) + len(doubt.updated) + len(doubt.deleted)
            text = f"{len(doubt.runs)} runs did not end; {begun} changes were begun. Two ways out:"
            console.print(f"[yellow]{text}[/]\n  reptiops provision {env}    goes on to what the configuration says")
            console.print(f"  reptiops rollback {env}     goes back to how it was before")


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
        with paged() as console:
            terminal.show_outputs(console, found)


@click.command()
@click.argument("env")
@shared
def history(env: str, **given: Any) -> None:
    """Show the runs of ENV, newest first: what each did, and whether it ended."""
    runs = app.history(env, **site_settings(given))
    if given["as_json"]:
        show_json([{**vars(run), "changes": dict(run.changes)} for run in runs])
        return
    with paged() as console:
        for run in runs:
            changes = ", ".join(f"{n} {verb}" for verb, n in sorted(run.changes.items())) or "no change"
            commit = f" {run.git}" if run.git else ""
            console.print(
                f"{run.at[:19]}  {run.operation:10} {run.ending:12} {changes}{commit}", highlight=False, soft_wrap=True
            )
            for failure in run.failures:
                console.print(f"    [red]failed[/] {failure}", highlight=False, soft_wrap=True)
