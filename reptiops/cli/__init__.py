"""The command line. It parses, asks, prints and exits; what it does is in `reptiops.app`.

Nothing heavy is imported here: `reptiops --help` has to answer at once.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from reptiops.cli.lines import tell
from reptiops.errors import ConfigurationError, ReptiopsError
from reptiops.redact import redacted

COMMANDS = {
    "init": "reptiops.cli.setup",
    "provision": "reptiops.cli.change",
    "teardown": "reptiops.cli.change",
    "rollback": "reptiops.cli.change",
    "plan": "reptiops.cli.read",
    "status": "reptiops.cli.read",
    "history": "reptiops.cli.read",
    "explain": "reptiops.cli.read",
    "outputs": "reptiops.cli.read",
    "drift": "reptiops.cli.keep",
    "reconcile": "reptiops.cli.keep",
    "accept": "reptiops.cli.keep",
    "adopt": "reptiops.cli.adopt",
    "schedule": "reptiops.cli.schedule",
    "state": "reptiops.cli.state",
    "unlock": "reptiops.cli.state",
    "run": "reptiops.cli.playbooks",
    "playbook": "reptiops.cli.playbooks",
    "cost": "reptiops.cli.cost",
    "report": "reptiops.cli.report",
    "export": "reptiops.cli.export",
    "validate": "reptiops.cli.offline",
    "graph": "reptiops.cli.offline",
    "preflight": "reptiops.cli.rights",
    "policy": "reptiops.cli.rights",
    "version": "reptiops.cli.offline",
    "sandbox": "reptiops.cli.sandbox",
    "schema": "reptiops.cli.setup",
    "completion": "reptiops.cli.completion",
    "doctor": "reptiops.cli.setup",
}


SECTIONS = {
    "Make and remove": ("init", "plan", "provision", "teardown", "rollback"),
    "Look": ("status", "outputs", "history", "drift", "cost", "report", "explain", "graph"),
    "Keep": ("reconcile", "accept", "adopt", "run", "playbook", "schedule"),
    "State": ("state", "unlock"),
    "Before and beside": ("validate", "preflight", "policy", "export", "schema", "sandbox", "completion", "doctor", "version"),
}  # fmt: skip


class Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a person meets them."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what a person is about to do; what has no section yet stands at the end.

        None of them is imported for it: what they say of themselves is read from their files.
        """
        placed = {name for names in SECTIONS.values() for name in names}
        rest = tuple(name for name in COMMANDS if name not in placed)
        for title, names in {**SECTIONS, "More": rest}.items():
            rows = [(name, said(name, formatter.width - 18)) for name in names if name in COMMANDS]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; with the name of the one that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"there is no command {args[0]!r}{f'; did you mean {close[0]}?' if close else ''}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        module = __import__(COMMANDS[name], fromlist=[name])
        command: click.Command = getattr(module, name)
        _finished(command, name)
        return command


def said(name: str, limit: int) -> str:
    """The first sentence of a command's docstring."""
    file = Path(__file__).parent / f"{COMMANDS[name].rsplit('.', 1)[-1]}.py"
    found = re.search(rf'^def {name}\(.*?^    """(.*?)"""', file.read_text(), flags=re.S | re.M)
    return click.Command(name, help=found[1]).get_short_help_str(limit) if found else ""


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from reptiops import __version__

        click.echo(f"reptiops, version {__version__}")
        ctx.exit()


def _finished(command: click.Command, path: str) -> None:
    """Give a command, and the commands inside it, its examples, its completion and its place in what it prints."""
    from reptiops.cli.completion import completing
    from reptiops.cli.examples import epilog
    from reptiops.cli.options import placed

    command.epilog = epilog(path)
    completing(command)
    placed(command)
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        _finished(inner, f"{path} {name}")


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli() -> None:
    """Make the ReptiDex environment on AWS exist, and keep it so."""


def main() -> None:
    """The entry point: every error a person can meet is a sentence and an exit code, a traceback only with --debug."""
    _lean()
    if "_REPTIOPS_COMPLETE" in os.environ:  # a shell asks, and nobody else needs this
        from reptiops.cli.completion import register

        register()
    try:
        code: Any = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("\nNothing was changed.", err=True)  # ^C and ^D end no line
        code = 130
    except click.ClickException as error:
        _mistyped(error)
        code = 2
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = 130
    except Exception as error:
        _trace()
        tell(redacted(_explained(error)), err=True)
        code = error.exit_code if isinstance(error, ReptiopsError) else 1
    gc.freeze()  # nothing is looked through once more on the way out
    sys.exit(code if isinstance(code, int) else 0)


def _mistyped(error: click.ClickException) -> None:
    """What is wrong with the command line: in one sentence, with the line to type for help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    tell(f"error: {error.format_message()}", err=True)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        tell(f"  see {error.ctx.command_path} --help", err=True)


class _NoPlugins(ModuleType):
    """Stands where pydantic looks for its plugins; anything else that it may want of it is the real one's."""

    @staticmethod
    def get_plugins() -> tuple[object, ...]:
        """None."""
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(__import__(self.__name__, fromlist=[name]), name)


def _lean() -> None:
    """This process is ours, and short: the garbage of a start is hardly any, and most objects live until the end.

    To look for plugins pydantic would load what reads the installed packages, and read them all; none has a say in what a
    setting means.
    """
    gc.set_threshold(50_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.modules.setdefault("pydantic.plugin._loader", _NoPlugins("pydantic.plugin._loader"))


def _trace() -> None:
    """With --debug the traceback, without the secrets that AWS's own words may repeat."""
    if "--debug" in sys.argv:
        import traceback

        click.echo(redacted(traceback.format_exc()), err=True)


def _explained(error: Exception) -> str:
    """What went wrong and what to do. A mistake in a file says that itself, and needs nothing heavy to be imported."""
    if isinstance(error, ConfigurationError):
        return "\n".join(f"error: {mistake}" for mistake in error.mistakes)
    from reptiops.report.failures import explain
    from reptiops.report.hints import ENVIRONMENT

    return explain(error, ENVIRONMENT.get())
