"""A command that is printed as the next step acts on the environment of the command in hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from reptiops.cli import cli
from reptiops.cli.lines import tell
from reptiops.cli.options import PLACE, console_of, shared
from reptiops.report.hints import EVERY, OFFLINE
from reptiops.report.plans import say


@click.command()
@click.argument("env")
@shared
def saying(env: str, **given: object) -> None:
    tell(f"reptiops outputs {env}\n  reptiops provision {env}    goes on\nreptiops 1.2 is here, reptiops says {env}")
    console = console_of(dict(given))
    say(console, f"[dim]`reptiops rollback {env}` undoes, reptiops accept {env} ADDRESS keeps[/]")
    console.print(f"`reptiops run nightly {env}`, `reptiops plan {env} --sandbox`, `reptiops validate {env}`")


def _said(*words: str, **env: str) -> str:
    return CliRunner().invoke(saying, words, env=env, catch_exceptions=False).output


def test_hints_carry_the_options_that_were_given(tmp_path: Path) -> None:
    state = tmp_path / "a [b] c"
    out = _said("dev", "--sandbox", "--state-dir", str(state), "--config-dir", "conf")
    places = f"--config-dir conf --state-dir {shlex.quote(str(state))} --sandbox"
    assert out.splitlines() == [
        f"reptiops outputs dev {places}",
        f"  reptiops provision dev {places}    goes on",
        "reptiops 1.2 is here, reptiops says dev",
        f"`reptiops rollback dev {places}` undoes, reptiops accept dev {places} ADDRESS keeps",
        f"`reptiops run nightly dev {places}`, `reptiops plan dev --config-dir conf --state-dir "
        f"{shlex.quote(str(state))} --sandbox`, `reptiops validate dev --config-dir conf`",
    ]


def test_hints_stay_as_they_are_where_nothing_was_given() -> None:
    assert "reptiops outputs dev\n" in _said("dev", REPTIOPS_STATE_DIR="/elsewhere")


@click.command()
@click.argument("env")
@shared
def running(env: str, **given: object) -> None:
    click.get_current_context().invoke(saying, env=env, debug=False, **given)


def test_a_command_that_another_one_calls_says_what_was_typed() -> None:
    assert "reptiops outputs dev\n" in _said("dev")
    done = CliRunner().invoke(running, ["dev", "--sandbox", "--config-dir", "own"], catch_exceptions=False)
    assert "reptiops outputs dev --config-dir own --sandbox\n" in done.output


def test_a_hint_that_knew_no_environment_is_told_the_one_in_hand() -> None:
    @click.command()
    @click.argument("env")
    @shared
    def refusing(env: str, **given: object) -> None:
        tell("see `reptiops unlock ENV`, or `reptiops graph ENV`; --like ENV is something else")

    told = CliRunner().invoke(refusing, ["dev", "--sandbox"], catch_exceptions=False).output
    assert told == "see `reptiops unlock dev --sandbox`, or `reptiops graph dev`; --like ENV is something else\n"
    told = CliRunner().invoke(refusing, ["20261130T"], catch_exceptions=False).output
    assert "`reptiops unlock ENV`" in told, "a run's id is no environment"


def _leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    for name in command.list_commands(click.Context(command)):
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        yield from _leaves(inner, (*words, name))


def test_a_hint_names_no_option_that_its_command_does_not_take() -> None:
    leaves = list(_leaves(cli))
    assert {words[0] for words, _ in leaves} >= EVERY | OFFLINE
    for words, command in leaves:
        takes = {option.name for option in command.params}
        if words[0] in EVERY:
            assert takes >= set(PLACE), words
        elif words[0] in OFFLINE:
            assert "config_dir" in takes, words
