"""Completion in the shell: environments, playbooks, phases, addresses, runs, on whatever command takes them.

An argument is completed by its name, so that a new command completes without a word about it here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from reptiops.errors import ReptiopsError

VARIABLE = "_REPTIOPS_COMPLETE"
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/reptiops",
    "zsh": "~/.zfunc/_reptiops (with `fpath+=~/.zfunc` before compinit in ~/.zshrc)",
    "fish": "~/.config/fish/completions/reptiops.fish",
}


BASH = """\
# Save as {place}
%(complete_func)s() {{
    local IFS=$'\\n' line
    for line in $(env COMP_WORDS="${{COMP_LINE:0:COMP_POINT}}" COMP_CWORD="$2" \\
            %(complete_var)s=bash_complete "$1"); do
        case $line in
            plain,*=|plain,*.) compopt -o nospace; COMPREPLY+=("${{line#plain,}}") ;;
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${{line#plain,}}") ;;
        esac
    done
}}
complete -o nosort -F %(complete_func)s %(prog_name)s
""".format(place=PLACES["bash"])
"""click's own takes the words as bash parts them, which is at `=`, `@` and `:` too."""


class Whole(ShellComplete):
    """What stands behind `--option=` is completed as one word with it, for that is what the shell puts in its place."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """click parts the two and completes the value alone."""
        found = super().get_completions(args, incomplete)
        option, parted, _ = incomplete.partition("=")
        for item in found if parted and option.startswith("--") else ():
            item.value = f"{option}={item.value}"
        return found


class Bash(Whole, BashComplete):
    """The words are parted here, as the shell will part them when it runs the line; bash gets what it has still to add."""

    source_template = BASH

    def source(self) -> str:
        """The script, whatever bash is installed where it is made."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        """Every word before the one at the cursor, and that one."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        at = "" if not line or line[-1].isspace() else words.pop()
        return words[1:], at

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Without what bash leaves as it is: of `--phase=network` it puts in only what follows the `=`."""
        done = self.get_completion_args()[1].removesuffix(os.environ["COMP_CWORD"])
        return f"{item.type},{item.value.removeprefix(done)}"


OPEN = """[[ "$key" == *[=.] ]] && compadd -U -S '' -V unsorted -- "$key" && continue"""
"""Behind what is not whole yet zsh puts no space; bash and fish do so where they are told, and by themselves."""


class Zsh(Whole, ZshComplete):
    """zsh finds a function in its path only by the first line of its file, and runs the whole file at each TAB."""

    source_template = (
        ZshComplete.source_template.replace("\n", f"\n# Save as {PLACES['zsh']}\n", 1)
        .replace('completions+=("$key")\n', f'{OPEN}\n                    completions+=("$key")\n')
        .replace("_path_files", "compset -P 1 '--*='; _path_files")
        .replace("$zsh_eval_context[-1] == loadautofunc", "$funcstack[1] == _%(prog_name)s")  # true the first time only
    )


FISH = """\
for path in (__fish_complete_{} $value);
                echo "$option$path";
            end"""


class Fish(Whole, FishComplete):
    """As click has it; fish looks for files by what stands behind `--option=` only if it is told so."""

    source_template = (
        f"# Save as {PLACES['fish']}\n{FishComplete.source_template}".replace(
            'set -l metadata (string split "," $completion);',
            'set -l metadata (string split -m 1 "," $completion);\n'
            "        set -l option (string match -r -- '^--[^=]*=' $metadata[2]);\n"
            "        set -l value (string replace -r -- '^--[^=]*=' '' $metadata[2]);",
        )
        .replace("__fish_complete_directories $metadata[2]", FISH.format("directories"))
        .replace("__fish_complete_path $metadata[2]", FISH.format("path"))
    )


def register() -> None:
    """Put these in the place of click's."""
    for one in (Bash, Zsh, Fish):
        add_completion_class(one)


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


class Questions(Names):
    """Names of which a comma puts several into one value: the last of them is completed, a setting as far as its next dot,
    and behind `=` its value.
    """

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Those before the comma stay, and are not offered again."""
        before, comma, last = incomplete.rpartition(",")
        path, parted, value = last.partition("=")
        if parted:
            from reptiops.app import supposing

            found = [f"{path}={one}" for one in supposing.values(path) if one.startswith(value)]
        else:
            found = [_as_far(one.value, len(last)) for one in super().shell_complete(ctx, param, last)]
        given = before.split(",")
        return [CompletionItem(f"{before}{comma}{one}") for one in dict.fromkeys(found) if one not in given]


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


def _as_far(name: str, typed: int) -> str:
    """As much of a setting's path as goes to its next dot: there are hundreds."""
    dot = name.find(".", typed)
    return name if dot < 0 else name[: dot + 1]


def _questions(ctx: click.Context) -> Iterable[str]:
    """Those with a name, and each setting of the environment."""
    from reptiops.app.costs import NAMED, SAVINGS
    from reptiops.app.supposing import settings

    name = ctx.params.get("env") or next(iter(ctx.args), None)
    known = settings(str(name), ctx.params.get("config_dir")) if name else ()
    return (*NAMED, SAVINGS, *(f"{path}=" for path in known))


_TYPES: Mapping[str, Names] = {
    "env": Names("env", _environments),
    "playbook": Names("playbook", _playbooks),
    "phases": Names("phase", _phases),
    "address": Names("address", _addresses),
    "only": Names("address", _addresses),
    "run": Names("run", _runs),
    "what_if": Questions("question", _questions),
    "env or run": Names("env", _environments_or_runs),
}


def completing(command: click.Command) -> None:
    """Give a command's arguments and options their completion, by their names."""
    for parameter in command.params:
        shown = {"PLAYBOOK": "playbook", "ENV": "env or run"}
        label = shown.get(parameter.metavar or "", str(parameter.name))
        if parameter.type is click.STRING and label in _TYPES:
            parameter.type = _TYPES[label]


@click.command()
@click.argument("shell", type=click.Choice(list(PLACES)))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    It completes commands, options, environments, playbooks, phases, addresses, runs and questions of `cost --what-if`.
    """
    from reptiops.cli import cli

    register()
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "reptiops", VARIABLE).source())
