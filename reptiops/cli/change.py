"""`provision` and `teardown`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from reptiops import app
from reptiops.app import states
from reptiops.cli.options import console_of, refuse_to_ask, selectable, shared, show_json, site_settings
from reptiops.cli.signals import choosing, stoppable
from reptiops.cli.values import agreed
from reptiops.engine.plan import Plan
from reptiops.loading import load_environment
from reptiops.plandocument import read_plan
from reptiops.report import describe, findings, partings, plans, summary, terminal
from reptiops.report.durations import duration
from reptiops.report.hints import ENVIRONMENT


@click.command()
@click.argument("env")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--on-failure", type=click.Choice(["rollback", "keep", "ask"]), help="Default: as the playbook says.")
@click.option("--strict-phases", is_flag=True, help="Finish each phase before the next starts.")
@click.option(
    "--allow-replace",
    is_flag=True,
    help="Allow deleting and making anew what cannot change in place, and deleting what holds data.",
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Do exactly what `plan --out` kept, unasked; refuse when AWS or the configuration has moved.",
)
@selectable
@shared
def provision(
    env: str,
    yes: bool,
    on_failure: Any,
    strict_phases: bool,
    allow_replace: bool,
    plan_file: Path | None,
    phases: tuple[str, ...],
    only: tuple[str, ...],
    playbook: str = "provision",
    **given: Any,
) -> None:
    """Make ENV exist, or bring it back to its configuration."""
    refuse_to_ask(given, yes or plan_file is not None)
    if plan_file is not None and (phases or only):
        raise click.UsageError("--plan says itself what it touches: leave out --phase and --only")
    kept = read_plan(plan_file) if plan_file else None
    console = console_of(given)
    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])
    configuration = load_environment(env, given["config_dir"])

    def show(plan: Plan, allow: tuple[str, ...]) -> None:
        plans.show_plan(console, plan, given["verbose"], app.cost_of_plan(configuration, plan), allow)
        findings.show_beside(console, plan)

    def approve(_: Plan) -> bool:
        return kept is not None or yes or agreed("Do it?", default=False, err=given["as_json"])

    with stoppable(progress) as stop, progress:
        outcome = app.provision(
            env,
            expect=progress.expect,
            show=show,
            approve=approve,
            on_failure=on_failure,
            phases=phases,
            only=only,
            strict_phases=strict_phases,
            allow_replace=allow_replace,
            choose=choosing(console, given, progress.pause),
            stop=stop,
            tell=progress,
            playbook=playbook,
            kept=kept,
            **site_settings(given),
        )
    todos = describe.by_hand(configuration, outcome)
    if given["as_json"]:
        show_json(describe.outcome(outcome, todos))
    else:
        summary.show_outcome(console, configuration, outcome, progress.counts, todos, given["sandbox"])
    if outcome.left:
        raise SystemExit(1)


@click.command()
@click.argument("env", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask (dev only; what is protected needs --allow-protected too).")
@click.option("--allow-protected", is_flag=True, help="Allow the teardown of a protected environment.")
@shared
def teardown(env: str | None, yes: bool, allow_protected: bool, playbook: str = "teardown", **given: Any) -> None:
    """Remove everything of ENV.

    Without ENV: of the only environment of which something is there.
    """
    refuse_to_ask(given, yes)
    env = env or _only(given)
    ENVIRONMENT.set(env)
    console = console_of(given)
    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])

    def approve(what: app.Parting) -> bool:
        partings.show_parting(console, what)
        name = what.env.name
        typed = name if yes else click.prompt(f"Type {name} to destroy it", err=given["as_json"])
        if typed != name:
            raise app.Declined(f'"{typed}" is not "{name}".')
        return True

    with stoppable(progress) as stop, progress:
        done = app.teardown(
            env,
            expect=progress.expect,
            approve=approve,
            allow_protected=allow_protected,
            stop=stop,
            tell=progress,
            playbook=playbook,
            **site_settings(given),
        )
    if given["as_json"]:
        show_json(
            {
                "environment": env,
                "removed": [a.address for a in done.doomed],
                "left": list(done.left),
                "kept": list(done.kept),
                "shared": list(done.shared),
                "foreign": list(done.foreign),
            }
        )
    elif not done.doomed:
        console.print(f"Nothing of {env} is there.")
        summary.show_foreign(console, done)
    else:
        console.print(
            f"\n[bold]{env}[/]: {findings.counted(len(done.doomed), 'resource')} removed in {duration(done.seconds)}, {done.calls} calls",
            highlight=False,
        )
        summary.show_left(console, done)
    if done.left:
        raise SystemExit(1)


@click.command()
@click.argument("env")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@shared
def rollback(env: str, yes: bool, **given: Any) -> None:
    """Undo runs of ENV that were killed, or failed and were kept.

    No teardown can be undone: it goes on, or a provision makes what has gone anew.
    """
    refuse_to_ask(given, yes)
    console = console_of(given)

    asked: list[app.Undoing] = []

    def approve(what: app.Undoing) -> bool:
        asked.append(what)
        partings.show_undoing(console, what)
        return yes or agreed("Do it?", default=False, err=given["as_json"])

    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])
    with stoppable(progress) as stop, progress:
        what, undone = app.roll_back(
            env, approve=approve, stop=stop, expect=progress.expect, tell=progress, **site_settings(given)
        )
    if given["as_json"]:
        show_json(
            {
                "environment": env,
                "runs": what.runs,
                "removed": [address for address in what.created if address not in undone.shared],
                "restored": list(what.updated),
                "anew": list(undone.anew),
                "kept": list(undone.kept),
                "shared": list(undone.shared),
                "lost": list(undone.lost),
                "failing": list(undone.failing),
            }
        )
    else:
        plans.say(console, f"[bold]{env}[/]: {escape(app.undone_text(undone, env))}", hang=2)


def _only(given: dict[str, Any]) -> str:
    """The only environment of which something is there, or a list to choose from."""
    names = states.with_something(given["state_dir"] or app.state_root(given["sandbox"]))
    if len(names) == 1:
        return names[0]
    there = f"Something is there of: {', '.join(names)}" if names else "Nothing is there of any"
    raise click.UsageError(f"which environment? {there}")
