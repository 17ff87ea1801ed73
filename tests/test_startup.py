"""Nothing is loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from reptiops.cli import COMMANDS, cli, said

HEAVY = ("boto3", "botocore", "moto", "rich", "jinja2", "cryptography", "concurrent.futures.thread", "asyncio")
LOADED = """
import contextlib, io, json, sys
sys.argv = ["reptiops", *sys.argv[1:]]
from reptiops.cli import main
with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
    main()
print(json.dumps([said.getvalue(), sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (["--help"], ("pydantic", "yaml", "reptiops.config", "reptiops.app", "reptiops.cli.change")),
        (["--version"], ("pydantic", "yaml", "reptiops.config", "reptiops.app")),
        (["version"], ("pydantic", "yaml", "reptiops.config", "reptiops.app")),
        (
            ["validate", "dev"],
            ("reptiops.app", "reptiops.aws", "reptiops.resources", "reptiops.steps", "importlib.metadata", "traceback"),
        ),
    ],
)
def test_what_is_not_needed_is_not_imported(command: list[str], more: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *command], capture_output=True, text=True, check=True)
    text, modules = json.loads(done.stdout)
    assert text
    assert not {name for name in (*HEAVY, *more) if name in modules}


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert said(name, 70) == command.get_short_help_str(70) != "", name


def test_a_run_loads_no_more_than_runs_need() -> None:
    unneeded = {
        "asyncio",
        "pygments",
        "attr",
        "moto",
        "jinja2",
        "cryptography",
        "reptiops.export",
        "reptiops.report.page",
    }
    asked = "import reptiops.cli.read, reptiops.app, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert not unneeded & set(json.loads(done.stdout))
