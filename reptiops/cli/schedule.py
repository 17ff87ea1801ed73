"""`schedule`: jobs to copy, and the job inside the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reptiops.cli.options import console_of, shared, site_settings

FORMS = ("cron", "systemd", "github", "eventbridge")


@click.group()
def schedule() -> None:
    """Scheduled drift jobs."""


@schedule.command()
@click.argument("env")
@click.option("--form", type=click.Choice(FORMS), help="Only this one.")
@click.option("--every", help="Such as 15m; default: as the configuration says.")
@click.option(
    "--config-dir", type=click.Path(path_type=Path), envvar="REPTIOPS_CONFIG_DIR", help="Where <env>.yaml is."
)
@click.option("--debug", is_flag=True, hidden=True)
def show(env: str, form: str | None, every: str | None, config_dir: Path | None, debug: bool) -> None:
    """Print ready-to-use definitions of a scheduled job for ENV."""
    from reptiops.config import duration_seconds, load_environment
    from reptiops.report import schedules

    if every is not None:
        try:
            duration_seconds(every)
        except ValueError:
            raise click.UsageError(f"--every {every}: a whole number with s, m, h or d, such as 15m") from None
    loaded = load_environment(env, config_dir)
    click.echo("\n\n".join(schedules.schedule(loaded, one, every) for one in ([form] if form else FORMS)))


@schedule.command()
@click.argument("env")
@click.option("--every", help="Such as 15m; default: as the configuration says.")
@click.option("--image", help="The tool's image (see Dockerfile); default: as the configuration says.")
@shared
def install(env: str, every: str | None, image: str | None, **given: Any) -> None:
    """Switch ENV's `schedule` section on, and make the job: EventBridge Scheduler starts a Fargate task."""
    _switch(env, "installed", {"every": every, "image": image}, given)


@schedule.command()
@click.argument("env")
@shared
def uninstall(env: str, **given: Any) -> None:
    """Switch ENV's `schedule` section off, and remove the job."""
    _switch(env, "removed", {}, given)


def _switch(env: str, word: str, values: dict[str, str | None], given: dict[str, Any]) -> None:
    from reptiops.app import jobs
    from reptiops.report import terminal

    act = jobs.install if word == "installed" else jobs.uninstall
    with terminal.Progress(console_of(given), given["verbose"]) as progress:
        file, outcome = act(env, **values, tell=progress, expect=progress.expect, **site_settings(given))
    click.echo(f"{env}: the job is {word} ({len(outcome.plan.changes)} changes). Commit {file}.")
