"""Completion in the shell: environments, playbooks, phases and addresses, on whatever command takes them.

An argument is completed by its name, so that a new command completes without a word about it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from reptiops.errors import ReptiopsError

VARIABLE = "_REPTIOPS_COMPLETE"
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/reptiops",
    "zsh": "~/.zfunc/_reptiops (with `fpath+=~/.zfunc` before compinit in ~/.zshrc)",
    "fish": "~/.config/fish/completions/reptiops.fish",
}


class Names(click.types.StringParamType):
    """Text that the shell completes from a list made when it is asked for."""

    def __init__(self, name: str, known: Callable[[click.Context], Iterable[str]]):
        self.name, self._known = name, known

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known names that begin so; none where a file that is needed for it cannot be read."""
        try:
            return [CompletionItem(name) for name in self._known(ctx) if name.startswith(incomplete)]
        except ReptiopsError:
            return []


def _environments(ctx: click.Context) -> Iterable[str]:
    from reptiops.config import environments

    return environments(ctx.params.get("config_dir"))


def _playbooks(ctx: click.Context) -> Iterable[str]:
    from reptiops.playbook import playbooks

    return playbooks(ctx.params.get("playbook_dir"))


def _phases(ctx: click.Context) -> Iterable[str]:
    from reptiops.settings.base import PHASES

    return PHASES


def _addresses(ctx: click.Context) -> Iterable[str]:
    """What the state records, read without any call; what the configuration declares where there is no state."""
    name = ctx.params.get("env") or next(iter(ctx.args), None)  # before an option without its value: still in args
    if not name:
        return ()
    recorded = _recorded(ctx.params, str(name))
    if recorded:
        return recorded
    from reptiops import app

    return app.declared(str(name), ctx.params.get("config_dir"))


def _recorded(params: Mapping[str, Any], name: str) -> list[str]:
    import json

    from reptiops import app

    root: Path = params.get("state_dir") or app.state_root(bool(params.get("sandbox")))
    try:
        return sorted(json.loads((root / name / "state.json").read_text())["entries"])
    except (OSError, ValueError, KeyError):
        return []


def _runs(ctx: click.Context) -> Iterable[str]:
    """The runs of an environment whose state is a directory, newest first; of all of them before one is named."""
    from reptiops import app

    root: Path = ctx.params.get("state_dir") or app.state_root(bool(ctx.params.get("sandbox")))
    name = ctx.params.get("env") or next(iter(ctx.args), None) or "*"
    return sorted({path.stem for path in root.glob(f"{name}/journal/*.jsonl")}, reverse=True)


def _environments_or_runs(ctx: click.Context) -> Iterable[str]:
    return (*_environments(ctx), *_runs(ctx))


_TYPES: Mapping[str, Names] = {
    "env": Names("env", _environments),
    "playbook": Names("playbook", _playbooks),
    "phases": Names("phase", _phases),
    "address": Names("address", _addresses),
    "only": Names("address", _addresses),
    "run": Names("run", _runs),
    "env or run": Names("env", _environments_or_runs),
}


def completing(command: click.Command) -> None:
    """Give a command's arguments and options their completion, by their names."""
    for parameter in command.params:
        shown = {"PLAYBOOK": "playbook", "[ENV]": "env or run"}
        label = shown.get(parameter.metavar or "", str(parameter.name))
        if parameter.type is click.STRING and label in _TYPES:
            parameter.type = _TYPES[label]


@click.command()
@click.argument("shell", type=click.Choice(list(PLACES)))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    It completes commands, options, environments, playbooks and addresses.
    """
    from reptiops.cli import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(f"# Save as {PLACES[shell]}")
    script = found(cli, {}, "reptiops", VARIABLE)
    click.echo(script.source_template % script.source_vars())
