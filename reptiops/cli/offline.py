"""`validate`, `graph` and `version`: they need no AWS."""

from __future__ import annotations

from pathlib import Path

import click

from reptiops.cli.lines import fit, tell
from reptiops.cli.options import CONFIG_DIR, page, printable, show_json
from reptiops.errors import ConfigurationError


@click.command()
@click.argument("env")
@CONFIG_DIR
@click.option("--debug", is_flag=True, hidden=True)
@printable
def validate(env: str, config_dir: Path | None, as_json: bool) -> None:
    """Check the configuration of ENV without any AWS call."""
    from reptiops.config import environment_file
    from reptiops.loading import load_environment

    try:
        load_environment(env, config_dir)
    except ConfigurationError as error:
        if not as_json:
            raise
        show_json({"environment": env, "mistakes": [vars(one) for one in error.mistakes]})
        raise SystemExit(error.exit_code) from error
    if as_json:
        show_json({"environment": env, "mistakes": []})
    else:
        tell(f"{environment_file(env, config_dir)}: no mistakes")


@click.command()
@click.argument("env", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "dot"]),
    default="text",
    show_default=True,
    help="Text, or a diagram to paste.",
)
@CONFIG_DIR
@click.option("--debug", is_flag=True, hidden=True)
def graph(env: str | None, form: str, config_dir: Path | None, debug: bool) -> None:
    """Show the steps and what each of them needs.

    With ENV, only those that make something there. Calls no AWS.
    """
    from reptiops import app
    from reptiops.report import graphs

    steps, counts = app.steps_of(env, config_dir)
    text = graphs.draw(steps, form, counts)
    page(fit(text) if form == "text" else text)


@click.command()
@click.option("--debug", is_flag=True, hidden=True)
def version(debug: bool) -> None:
    """Show the version."""
    import platform

    from reptiops import __version__

    click.echo(f"reptiops {__version__} (Python {platform.python_version()})")
