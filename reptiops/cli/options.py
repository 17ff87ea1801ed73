"""The options that commands share, what they become, and the ways out: a console, a pager, data for machines."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reptiops.cli.values import Region, Shelf, States
from reptiops.report.hints import ENVIRONMENT, GIVEN, completed, place

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])
FORMS = ("table", "json", "yaml")
_FORM = "reptiops.form"
_PAGER = "REPTIOPS_PAGER"

EXIT_CODES = {
    0: "done, and nothing is left to do",
    1: "failed; it is said what was rolled back or kept",
    2: "a command line, configuration or playbook that is refused, before any call",
    3: "something differs and was left: `drift` with findings, `reconcile` with anything left, `plan --detailed-exitcode`",
    4: "refused before any write: lock, protection, account, something foreign in the way, a kept plan that no longer holds",
    130: "interrupted",
}
VARIABLES = {
    "REPTIOPS_CONFIG_DIR": "where `<env>.yaml` is, as `--config-dir`",
    "REPTIOPS_PLAYBOOK_DIR": "where `<playbook>.yaml` is, as `--playbook-dir`",
    "REPTIOPS_STATE_DIR": "where states are kept, as `--state-dir`",
    "REPTIOPS_SANDBOX_DIR": "where the sandbox keeps its files",
    "REPTIOPS_PAGER": "the pager for long output on a terminal, instead of `PAGER`; empty: none",
    "AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …": "as in every boto3 program",
    "NO_COLOR": "no colour",
    "CI": "no drawing in place: a log, also where colour is forced",
}

PLACE = ("config_dir", "playbook_dir", "state_dir", "profile", "region", "sandbox")
"""The options that say where an environment is."""

_OUTPUT = [
    click.option("--output", "form", type=click.Choice(FORMS), help="How the result is printed; default: table."),
    click.option("--json", "as_json", is_flag=True, help="Short for --output json."),
]
CONFIG_DIR = click.option("--config-dir", type=Shelf(), envvar="REPTIOPS_CONFIG_DIR", help="Where <env>.yaml is.")
PLAYBOOK_DIR = click.option(
    "--playbook-dir", type=Shelf(), envvar="REPTIOPS_PLAYBOOK_DIR", help="Where <playbook>.yaml is."
)
STATE_DIR = click.option("--state-dir", type=States(), envvar="REPTIOPS_STATE_DIR", help="Where states are kept.")
_SHARED = [
    CONFIG_DIR,
    PLAYBOOK_DIR,
    STATE_DIR,
    click.option("--profile", help="AWS profile."),
    click.option("--region", type=Region(), help="AWS region, instead of the configuration's."),
    click.option("--sandbox", is_flag=True, help="Use the embedded AWS; it is started when needed."),
    *_OUTPUT,
    click.option("--quiet", "-q", is_flag=True, help="Only results and errors: no progress, notes or hints."),
    click.option("--verbose", "-v", is_flag=True, help="Show more."),
    click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong."),
]


def shared(command: F) -> F:
    """Add the options every command that speaks to AWS has."""
    return _with(_SHARED, command)


def printable(command: F) -> F:
    """Add `--output` and `--json` to a command that calls no AWS but has a result that machines read."""
    return _with(_OUTPUT, command)


def _with(options: list[Any], command: F) -> F:
    @functools.wraps(command)
    def settled(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("debug", None)  # read from the command line by `main`
        meta = click.get_current_context().meta
        form = kwargs.pop("form", None)
        if form is not None or kwargs.get("as_json"):
            meta.setdefault(_FORM, form or "json")
        kwargs["as_json"] = meta.get(_FORM, "table") != "table"
        return command(*args, **kwargs)

    decorated: Any = settled
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def placed(command: click.Command) -> None:
    """Let what a command prints as the next step name its environment and carry its options; see `report.hints`."""
    callback = command.callback
    if callback is None or isinstance(command, click.Group) or getattr(callback, "placed", False):
        return

    @functools.wraps(callback)
    def settled(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        if not _invoked(context):
            named = str(context.params.get("env") or "ENV")
            ENVIRONMENT.set("ENV" if named[:1].isdigit() else named)  # `explain` takes a run's id in its place
            GIVEN.set(place((name, context.params.get(name)) for name in PLACE if _typed(context, name)))
        return callback(*args, **kwargs)

    settled.placed = True  # type: ignore[attr-defined]
    command.callback = settled


def _typed(context: click.Context, name: str) -> bool:
    """Whether an option stands on the command line; what a variable gives, the next command is given too."""
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _invoked(context: click.Context) -> bool:
    """Whether another command has called this one, as `run` does: it is the other whose words were typed."""
    return context.parent is not None and any(one.name in PLACE for one in context.parent.command.params)


def selectable(command: F) -> F:
    """Add `--phase` and `--only`: touch a part of the environment."""
    phase = click.option("--phase", "phases", multiple=True, metavar="PHASE", help="Only this phase; may be repeated.")
    only = click.option("--only", multiple=True, metavar="ADDRESS", help="Only this address or what begins with it.")
    return phase(only(command))


def site_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The part of a command's options that says where the environment is."""
    return {k: given[k] for k in PLACE}


def show_json(value: Any) -> None:
    """A result for machines on standard output, stable order: JSON, or YAML where `--output yaml` was given."""
    text = json.dumps(value, indent=2, sort_keys=True, default=str)
    if click.get_current_context().meta.get(_FORM) == "yaml":
        import yaml

        text = yaml.safe_dump(json.loads(text), sort_keys=True, allow_unicode=True, width=1000).rstrip("\n")
    click.echo(text)


def console_of(given: dict[str, Any]) -> Console:
    """Where a run speaks to a person: standard output, or standard error while a machine reads the former."""
    return _console(stderr=given["as_json"], quiet=bool(given.get("quiet")))


def _console(**settings: Any) -> Console:
    """A console on which the commands that are printed as next steps are complete."""
    from rich.console import Console
    from rich.markup import escape

    class Completing(Console):
        def print(self, *objects: Any, **kwargs: Any) -> None:
            made_fit = str if kwargs.get("markup") is False else escape
            whole = tuple(completed(o, made_fit) if isinstance(o, str) else o for o in objects)
            if whole != objects:
                kwargs.setdefault("soft_wrap", not self.is_terminal)
            super().print(*whole, **kwargs)

    return Completing(emoji=False, highlight=False, **settings)


@contextmanager
def paged() -> Iterator[Console]:
    """A console whose output goes through a pager where it is longer than the terminal is high.

    The pager is REPTIOPS_PAGER or PAGER, else less; an empty REPTIOPS_PAGER means none.
    """
    console = _console()
    if not console.is_terminal or not sys.stdin.isatty() or os.environ.get(_PAGER) == "":
        yield console
        return
    with console.capture() as captured:
        yield console
    _page(captured.get(), console.width, console.height)


def page(text: str) -> None:
    """Text without colours: through the same pager on a terminal that is too low for it, as it is everywhere else."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get(_PAGER) == "":
        click.echo(text)
        return
    size = shutil.get_terminal_size()
    _page(text + "\n", size.columns, size.lines)


def _page(text: str, width: int, height: int) -> None:
    if _height(text, width) < height:
        click.echo(text, nl=False, color=True)
        return
    if os.environ.get(_PAGER):
        os.environ["PAGER"] = os.environ[_PAGER]
    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager(text, color=True)


def _height(text: str, width: int) -> int:
    """How many lines of a terminal a text takes; one that is too wide takes several."""
    return sum(max(1, -(-len(click.unstyle(line)) // max(1, width))) for line in text.splitlines())


def refuse_to_ask(given: dict[str, Any], yes: bool) -> None:
    """A quiet run shows no plan, so nobody could answer."""
    if given.get("quiet") and not yes:
        raise click.UsageError("--quiet shows no plan to answer to: add --yes")
