"""`schedule`: jobs to copy, and the job inside the environment."""

from __future__ import annotations

import getpass
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reptiops.cli.lines import tell
from reptiops.cli.options import CONFIG_DIR, PLAYBOOK_DIR, STATE_DIR, console_of, shared, show_json, site_settings
from reptiops.cli.signals import choosing, stoppable
from reptiops.cli.values import Interval

if TYPE_CHECKING:
    from reptiops.config import Environment
    from reptiops.report.schedules import Place

FORMS = ("cron", "systemd", "github", "eventbridge")


@click.group()
def schedule() -> None:
    """Scheduled drift jobs."""


@schedule.command()
@click.argument("env")
@click.option("--form", type=click.Choice(FORMS), help="Only this one; default: every one that can run this job.")
@click.option("--every", type=Interval(), help="Such as 15m; default: as the configuration says.")
@CONFIG_DIR
@PLAYBOOK_DIR
@STATE_DIR
@click.option("--profile", envvar="AWS_PROFILE", help="The AWS profile of the job; default: <project>-<env>.")
@click.option("--debug", is_flag=True, hidden=True)
def show(env: str, form: str | None, every: str | None, debug: bool, **where: Any) -> None:
    """Print a scheduled job for ENV, to be used as it is.

    A job has neither your shell nor your directory: what it needs of them is in the definition.
    """
    from reptiops.loading import load_environment
    from reptiops.report import schedules

    loaded = load_environment(env, where["config_dir"])
    place = _place(loaded, **where)
    if form is not None:
        click.echo(schedules.schedule(loaded, form, place, every))
        return
    for one in FORMS:
        try:
            click.echo(schedules.schedule(loaded, one, place, every) + "\n")
        except schedules.NoSchedule as refused:
            tell(f"# no {one}: {refused}\n", err=True)


def _place(
    env: Environment, config_dir: Path | None, playbook_dir: Path | None, state_dir: Path | None, profile: str | None
) -> Place:
    """This machine, its user and this directory: where the job would run."""
    from reptiops.app.site import default_state_dir
    from reptiops.config import environment_file
    from reptiops.playbook import load_playbook, playbook_file
    from reptiops.report.schedules import Place
    from reptiops.shipped import shipped_dir

    called = Path(sys.argv[0])
    executable = called if called.name == "reptiops" and called.is_file() else shutil.which("reptiops")
    book_file = playbook_file(env.schedule.playbook, playbook_dir)
    book = load_playbook(env.schedule.playbook, playbook_dir)
    own = book_file.resolve().parent != shipped_dir("playbooks").resolve()
    state = None if env.state.remote else (state_dir or default_state_dir()).resolve()
    return Place(
        user=getpass.getuser(),
        executable=Path(executable or "/usr/local/bin/reptiops").absolute(),
        profile=profile or env.prefix,
        working=Path.cwd(),
        config_dir=environment_file(env.name, config_dir).resolve().parent,
        playbook_dir=book_file.resolve().parent if own else None,
        state_dir=state,
        operation=book.operation,
        webhook_variable=book.notifications.webhook_variable,
    )


@schedule.command()
@click.argument("env")
@click.option("--every", help="Such as 15m; default: as the configuration says.")
@click.option("--image", help="The tool's image (see Dockerfile); default: as the configuration says.")
@shared
def install(env: str, every: str | None, image: str | None, **given: Any) -> None:
    """Switch ENV's `schedule` section on, and make the job.

    EventBridge Scheduler starts a Fargate task.
    """
    _switch(env, "installed", {"every": every, "image": image}, given)


@schedule.command()
@click.argument("env")
@shared
def uninstall(env: str, **given: Any) -> None:
    """Switch ENV's `schedule` section off, remove the job."""
    _switch(env, "removed", {}, given)


def _switch(env: str, word: str, values: dict[str, str | None], given: dict[str, Any]) -> None:
    from reptiops.app import jobs
    from reptiops.report import terminal

    act = jobs.install if word == "installed" else jobs.uninstall
    console = console_of(given)
    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])
    with stoppable(progress) as stop, progress:
        file, outcome = act(
            env,
            **values,
            stop=stop,
            choose=choosing(console, given, progress.pause),
            tell=progress,
            expect=progress.expect,
            **site_settings(given),
        )
    if given["as_json"]:
        addresses = [action.address for action in outcome.plan.changes]
        show_json({"environment": env, "job": word, "changed": addresses, "file": str(file)})
        return
    if word == "removed" and not outcome.plan.changes:
        tell(f"{env} has no scheduled job inside it; nothing was removed.")
        return
    tell(f"{env}: the job is {word} ({len(outcome.plan.changes)} changes). Commit {file}.")
