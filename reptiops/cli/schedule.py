"""`schedule show`: scheduled jobs to copy."""

from __future__ import annotations

from pathlib import Path

import click

FORMS = ("cron", "systemd", "github", "eventbridge")


@click.group()
def schedule() -> None:
    """Scheduled drift jobs."""


@schedule.command()
@click.argument("env")
@click.option("--form", type=click.Choice(FORMS), help="Only this one.")
@click.option("--every", help="Such as 15m; default: as the configuration says.")
@click.option("--config-dir", type=click.Path(path_type=Path), envvar="REPTIOPS_CONFIG_DIR")
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
