"""`policy` and `preflight`: what reptiops itself may do, and what would stop it, before anybody finds out by refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.markup import escape

from reptiops import app
from reptiops.cli.lines import tell
from reptiops.cli.options import CONFIG_DIR, page, printable, selectable, shared, show_json, site_settings
from reptiops.cli.values import Output, Region
from reptiops.report.findings import counted
from reptiops.report.plans import say


@click.command()
@click.argument("env")
@click.option(
    "--for",
    "task",
    type=click.Choice(get_args(app.Task)),
    default="provision",
    show_default=True,
    help="For what; `init` is the making of the state bucket.",
)
@click.option("--account", help="The account's 12 digits, where the configuration names none.")
@click.option("--region", type=Region(), help="AWS region, instead of the configuration's.")
@click.option(
    "--hand-made", is_flag=True, help="Also delete what people made inside it, which carries no tags of ours."
)
@click.option(
    "-o",
    "--to",
    "folder",
    type=Output(folder=True),
    help="Write one file per policy there, ready for IAM.",
)
@CONFIG_DIR
@printable
def policy(env: str, task: app.Task, folder: Path | None, as_json: bool, **given: Any) -> None:
    """Print the IAM policies that reptiops needs for ENV.

    They hold the least that does. Calls no AWS.

    A list, because one managed policy takes 6,144 characters: attach all of them to one role.
    """
    made = app.policies(env, task, **given)
    documents = [json.loads(one.json()) for one in made]
    if folder is None:
        show_json(documents) if as_json else page(json.dumps(documents, indent=2))
        return
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"reptiops-{env}-{task}-{number}.json" for number in range(1, len(documents) + 1)]
    for file, document in zip(files, documents, strict=True):
        file.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    show_json({"files": [str(file) for file in files]}) if as_json else click.echo("\n".join(map(str, files)))


@click.command()
@click.argument("env")
@click.option("--simulate", is_flag=True, help="Ask IAM whether these credentials may do all of it.")
@selectable
@shared
def preflight(env: str, simulate: bool, phases: tuple[str, ...], only: tuple[str, ...], **given: Any) -> None:
    """Show what would stop a provision of ENV.

    Quotas, versions, names, rights. Reads only; exits 4 on an error.
    """
    made, notes = app.preflight(env, phases=phases, only=only, rights=simulate, **site_settings(given))
    if given["as_json"]:
        show_json([vars(note) for note in notes])
    else:
        console = Console(emoji=False, highlight=False)
        for note in notes:
            colour = {"error": "red", "warning": "yellow"}.get(note.level, "dim")
            do = f" ({note.do})" if note.do else ""
            say(console, f"[{colour}]{note.level}:[/] {escape(f'{note.about}: {note.text}{do}')}", hang=2)
        errors = sum(note.level == "error" for note in notes)
        if not given["quiet"]:
            planned = f"{counted(len(made.changes), 'change')} planned"
            warned = counted(len(notes) - errors, "warning")
            tell(f"{planned}; {counted(errors, 'error')}, {warned}.")
    if any(note.level == "error" for note in notes):
        raise SystemExit(4)
