"""`plan`, `status` and `outputs`: they read, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from reptiops import app, plandocument
from reptiops.cli.lines import tell
from reptiops.cli.options import paged, selectable, shared, show_json, site_settings
from reptiops.cli.values import Output
from reptiops.loading import load_environment
from reptiops.report import describe, findings, plans, runs, terminal
from reptiops.report.hints import ENVIRONMENT


@click.command()
@click.argument("env")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 3 when there are changes.")
@click.option("--out", type=Output(), help="Keep the plan, for provision --plan.")
@selectable
@shared
def plan(
    env: str, detailed_exitcode: bool, out: Path | None, phases: tuple[str, ...], only: tuple[str, ...], **given: Any
) -> None:
    """Show what provision would do to ENV."""
    made, document = app.documented_plan(env, phases=phases, only=only, **site_settings(given))
    if given["as_json"]:
        show_json(document.model_dump(mode="json", by_alias=True))
    elif given["quiet"]:
        for change in document.changes:
            click.echo(f"{change.action} {change.address}")
    else:
        configuration = load_environment(env, given["config_dir"])
        with paged() as console:
            cost = app.cost_of_plan(configuration, made)
            plans.show_plan(console, made, given["verbose"], cost, document.needs_allow_replace)
            if document.braked:
                plans.say(console, f"[red]refused:[/] {escape(document.braked)}", hang=6)
            findings.show_beside(console, made, more=not (phases or only))
            if other := runs.unsettled(*app.current(env, **site_settings(given)), env):
                plans.say(console, f"[yellow]{escape(other)}[/]", hang=4)
    if out is not None:
        _keep(out, plandocument.text(document))
        if not given["as_json"] and not given["quiet"]:
            allow = " --allow-replace" if document.needs_allow_replace else ""
            promise = f"`reptiops provision {env} --plan {out}{allow}` does exactly this, or nothing."
            tell(f"{out}: kept, to be read: it is refused." if made.stuck else f"{out}: kept. {promise}")
    if made.stuck:
        raise SystemExit(4)
    if detailed_exitcode and made.changes:
        raise SystemExit(3)


def _keep(file: Path, text: str) -> None:
    """Write a file that only its owner can read: a plan tells a lot about an account."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    file.chmod(0o600)


@click.command()
@click.argument("env")
@shared
def status(env: str, **given: Any) -> None:
    """Show each resource of ENV: address, id, live status, age.

    The age is AWS's, or where AWS tells none that of the record in the state; adopted ones may have neither.
    """
    site = app.open_site(app.Settings(env, **site_settings(given)))
    since = {one.address: one.created for one in site.state.entries.values()}
    seen = app.plan_site(site)
    rows = describe.status(seen, time.time(), since)
    if given["as_json"]:
        show_json(rows)
        return
    lease, doubt = app.at_work(site), app.in_doubt(site)
    shared = {kind.kind() for kind in site.graph.kinds() if kind.existing}  # the account's: recorded, and never removed
    made = any(one.live is not None and not one.kind.existing for one in seen.actions)
    recorded = any(one.kind not in shared for one in site.state.entries.values())
    if lease is None and doubt.empty and not (made or recorded):
        tell(f"Nothing of {env} is there; `reptiops plan {env}` shows what would be made.")
        return
    with paged() as console:
        terminal.show_status(console, rows)
        if lease is not None:
            console.print()
            plans.say(console, f"[cyan]{escape(runs.running(lease))}[/]", hang=4)
        elif not doubt.empty:
            console.print()
            for number, line in enumerate(app.doubt_text(doubt, env)):
                plans.say(console, escape(line) if number else f"[yellow]{escape(line)}[/]", hang=4)


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
        if not found:
            tell(f"Nothing of {env} is there; `reptiops provision {env}` makes it.", err=True)
        with paged() as console:
            terminal.show_outputs(console, found)


@click.command()
@click.argument("env")
@shared
def history(env: str, **given: Any) -> None:
    """Show the runs of ENV, newest first, and how each ended."""
    found = app.history(env, **site_settings(given))
    if given["as_json"]:
        show_json([runs.run(one) for one in found])
        return
    if not found:
        tell(f"{env} has no run yet that wrote anything.", err=True)
    with paged() as console:
        runs.show_history(console, found)


@click.command()
@click.argument("env", metavar="ENV")
@click.argument("run", default="last")
@shared
def explain(env: str, run: str, **given: Any) -> None:
    """Show one run of ENV in full: what it did, what failed, why.

    RUN is an id from `history`, or how it begins; without one it is the last. A RUN alone finds its environment.
    """
    if env[:1].isdigit():  # runs are named by their time, and no environment's name begins with a digit
        if run != "last":
            raise click.UsageError(f"{env} is a run: give one, or an environment and one of its runs")
        run, env = env, app.environment_of(env, **site_settings(given))
        ENVIRONMENT.set(env)
    found = app.explain(env, run, **site_settings(given))
    if given["as_json"]:
        show_json(runs.explained(found))
        return
    with paged() as console:
        runs.show_explained(console, found)
