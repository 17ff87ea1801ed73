"""`export`: the environment for other tools, so that leaving is possible."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from reptiops import app
from reptiops.cli.lines import tell
from reptiops.cli.options import CONFIG_DIR, console_of, printable, shared, show_json, site_settings
from reptiops.cli.values import Output

LISTED = 20
"""So many addresses are listed for one reason."""


@click.group()
def export() -> None:
    """Write ENV for other tools: CloudFormation, Terraform."""


@export.command("cloudformation")
@click.argument("env")
@click.option("-o", "--to", "folder", type=Output(folder=True), help="The folder; default: cloudformation.")
@CONFIG_DIR
@click.option("--zone", metavar="ID", help="The id of the hosted zone, for the parameters.")
@click.option("--debug", is_flag=True, hidden=True)
@printable
def cloudformation(env: str, folder: Path | None, config_dir: Path | None, zone: str | None, as_json: bool) -> None:
    """Write ENV as CloudFormation templates.

    With their parameters and a script that deploys them. Calls no AWS.
    """
    done = app.write_templates(env, folder or Path("cloudformation"), config_dir, zone or "")
    if as_json:
        named = [str(file) for file in done.files]
        show_json({"files": named, "missing": dict(done.made.missing), "todo": list(done.todo)})
        return
    for file in done.files:
        click.echo(str(file))
    _missing(done.made.missing)
    for one in done.todo:
        tell(f"left for you: {one}", err=True)


@export.command("terraform-import")
@click.argument("env")
@click.option("-o", "--to", "file", type=Output(), help="The file; default: standard output.")
@shared
def terraform_import(env: str, file: Path | None, **given: Any) -> None:
    """Write Terraform import blocks with the live ids of ENV. Reads only."""
    made = app.export_terraform(env, **site_settings(given))
    if given["as_json"]:
        show_json({"text": made.text, "blocks": made.count, "missing": dict(made.missing)})
        return
    if file is None:
        click.echo(made.text)
    else:
        file.write_text(made.text)
        console_of(given).print(f"{file}: {made.count} import blocks", markup=False)
    _missing(made.missing)


def _missing(missing: Mapping[str, str]) -> None:
    """What is not in it, and why; on standard error, for standard output may be a file."""
    for why in dict.fromkeys(missing.values()):
        addresses = [address for address, reason in missing.items() if reason == why]
        tell(f"not in it: {why}", err=True)
        more = [f"  and {len(addresses) - LISTED} more"] if len(addresses) > LISTED else []
        tell("\n".join([*(f"  {address}" for address in addresses[:LISTED]), *more]), err=True)
