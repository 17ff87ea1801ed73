"""The options that commands share, and what they become."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = [
    click.option(
        "--config-dir", type=click.Path(path_type=Path), envvar="REPTIOPS_CONFIG_DIR", help="Where <env>.yaml is."
    ),
    click.option(
        "--playbook-dir",
        type=click.Path(path_type=Path),
        envvar="REPTIOPS_PLAYBOOK_DIR",
        help="Where <playbook>.yaml is.",
    ),
    click.option(
        "--state-dir", type=click.Path(path_type=Path), envvar="REPTIOPS_STATE_DIR", help="Where states are kept."
    ),
    click.option("--profile", help="AWS profile."),
    click.option("--region", help="AWS region, instead of the configuration's."),
    click.option("--sandbox", is_flag=True, help="Use the embedded AWS; it is started when needed."),
    click.option("--json", "as_json", is_flag=True, help="For machines: JSON on standard output."),
    click.option("--verbose", "-v", is_flag=True, help="Show more."),
    click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong."),
]


def shared(command: F) -> F:
    """Add the options every command that speaks to AWS has."""

    @functools.wraps(command)
    def without_debug(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("debug", None)  # read from the command line by `main`
        return command(*args, **kwargs)

    decorated: Any = without_debug
    for option in reversed(_SHARED):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def selectable(command: F) -> F:
    """Add `--phase` and `--only`: touch a part of the environment."""
    phase = click.option("--phase", "phases", multiple=True, metavar="PHASE", help="Only this phase; may be repeated.")
    only = click.option("--only", multiple=True, metavar="ADDRESS", help="Only this address or what begins with it.")
    return phase(only(command))


def site_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The part of a command's options that says where the environment is."""
    return {k: given[k] for k in ("config_dir", "playbook_dir", "state_dir", "profile", "region", "sandbox")}


def show_json(value: Any) -> None:
    """JSON on standard output, stable order."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))
