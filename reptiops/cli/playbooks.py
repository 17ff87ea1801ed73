"""`playbook list|show|check|schema` and `run`: how an operation goes, as files that a team can copy and edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from reptiops.cli.options import PLAYBOOK_DIR, page, printable, shared, show_json

DIRECTORY = PLAYBOOK_DIR
TAKES = {"allow_replace": "provision", "allow_protected": "teardown", "max_changes": "reconcile"}
"""An option of `run` → the operation whose command has it too."""
DEBUG = click.option("--debug", is_flag=True, hidden=True)


@click.group()
def playbook() -> None:
    """List, show and check playbooks; their JSON Schema."""


@playbook.command("list")
@DIRECTORY
@printable
@DEBUG
def listed(playbook_dir: Path | None, as_json: bool) -> None:
    """All playbooks, with what they are for."""
    from reptiops.playbook import load_playbook, playbooks

    found = {name: load_playbook(name, playbook_dir) for name in playbooks(playbook_dir)}
    if as_json:
        show_json([{"name": n, "operation": b.operation, "description": b.description} for n, b in found.items()])
        return
    for name, book in found.items():
        click.echo(f"{name:20} {book.description}")


@playbook.command()
@click.argument("name", metavar="PLAYBOOK")
@DIRECTORY
@DEBUG
def show(name: str, playbook_dir: Path | None, debug: bool) -> None:
    """The file of PLAYBOOK."""
    from reptiops.playbook import playbook_file

    page(playbook_file(name, playbook_dir).read_text().rstrip("\n"))


@playbook.command()
@click.argument("name", metavar="PLAYBOOK")
@DIRECTORY
@DEBUG
def check(name: str, playbook_dir: Path | None, debug: bool) -> None:
    """Check PLAYBOOK: all mistakes at once, with file and line."""
    from reptiops.playbook import load_playbook, playbook_file

    load_playbook(name, playbook_dir)
    click.echo(f"{playbook_file(name, playbook_dir)}: no mistakes")


@playbook.command()
@DEBUG
def schema(debug: bool) -> None:
    """The JSON Schema of a playbook file."""
    from reptiops.playbook import playbook_schema

    show_json(playbook_schema())


@click.command()
@click.argument("name", metavar="PLAYBOOK")
@click.argument("env")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to what would be asked.")
@click.option("--allow-replace", is_flag=True, help="As of `provision`, for a playbook of that operation.")
@click.option("--allow-protected", is_flag=True, help="As of `teardown`, for a playbook of that operation.")
@click.option("--max-changes", type=click.IntRange(min=0), help="As of `reconcile`, for a playbook of that operation.")
@shared
def run(
    name: str,
    env: str,
    yes: bool,
    allow_replace: bool,
    allow_protected: bool,
    max_changes: int | None,
    playbook_dir: Path | None,
    **given: Any,
) -> None:
    """Run PLAYBOOK on ENV.

    `provision`, `drift` and the others are short for this.
    """
    from reptiops.cli import change, keep
    from reptiops.playbook import load_playbook

    ctx = click.get_current_context()
    operation = load_playbook(name, playbook_dir).operation
    own = {"allow_replace": allow_replace, "allow_protected": allow_protected, "max_changes": max_changes}
    _refuse_idle(operation, own)
    whole = {**given, "playbook_dir": playbook_dir, "debug": False}
    if operation == "provision":
        ctx.invoke(change.provision, env=env, yes=yes, allow_replace=allow_replace, playbook=name, **whole)
    elif operation == "teardown":
        ctx.invoke(change.teardown, env=env, yes=yes, allow_protected=allow_protected, playbook=name, **whole)
    elif operation == "drift":
        ctx.invoke(keep.drift, env=env, playbook=name, **whole)
    elif operation == "reconcile":
        ctx.invoke(keep.reconcile, env=env, yes=yes, max_changes=max_changes, playbook=name, **whole)
    else:
        keep.office_hours(operation, env, name, whole)


def _refuse_idle(operation: str, given: Mapping[str, bool | int | None]) -> None:
    """Refuse an option that the playbook's operation does not know: it would seem to have been heard."""
    for name, takes in TAKES.items():
        idle = given[name] not in (None, False) and operation != takes
        if idle:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} has no effect on {operation}: it is for a playbook of {takes}")
