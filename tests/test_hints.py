"""A command that is printed as the next step acts on the environment of the command in hand."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from reptiops import app
from reptiops.cli import cli
from reptiops.cli.lines import tell
from reptiops.cli.options import PLACE, console_of, placed, shared
from reptiops.report.hints import ENVIRONMENT, EVERY, GIVEN, SOME, completed
from reptiops.report.plans import say
from reptiops.testing import mocked_aws, provision
from tests.small import small_config


@click.command()
@click.argument("env")
@shared
def saying(env: str, **given: object) -> None:
    tell(f"reptiops outputs {env}\n  reptiops provision {env}    goes on\nreptiops 1.2 is here, reptiops says {env}")
    console = console_of(dict(given))
    say(console, f"[dim]`reptiops rollback {env}` undoes, reptiops accept {env} ADDRESS keeps[/]")
    console.print(f"`reptiops run nightly {env}`, `reptiops plan {env} --sandbox`, `reptiops validate {env}`")


placed(saying)


def _said(*words: str, **env: str) -> str:
    return CliRunner().invoke(saying, words, env=env, catch_exceptions=False).output


def test_hints_carry_the_options_that_were_given(tmp_path: Path) -> None:
    state = tmp_path / "a [b] c"
    out = _said("dev", "--sandbox", "--state-dir", str(state), "--config-dir", "config")
    places = f"--config-dir config --state-dir {shlex.quote(str(state))} --sandbox"
    assert out.splitlines() == [
        f"reptiops outputs dev {places}",
        f"  reptiops provision dev {places}    goes on",
        "reptiops 1.2 is here, reptiops says dev",
        f"`reptiops rollback dev {places}` undoes, reptiops accept dev {places} ADDRESS keeps",
        f"`reptiops run nightly dev {places}`, `reptiops plan dev --config-dir config --state-dir "
        f"{shlex.quote(str(state))} --sandbox`, `reptiops validate dev --config-dir config`",
    ]


def test_hints_stay_as_they_are_where_nothing_was_given() -> None:
    assert "reptiops outputs dev\n" in _said("dev", REPTIOPS_STATE_DIR="/elsewhere")


@click.command()
@click.argument("env")
@shared
def running(env: str, **given: object) -> None:
    click.get_current_context().invoke(saying, env=env, debug=False, **given)


placed(running)


def test_a_command_that_another_one_calls_says_what_was_typed() -> None:
    assert "reptiops outputs dev\n" in _said("dev")
    done = CliRunner().invoke(running, ["dev", "--sandbox", "--config-dir", "config"], catch_exceptions=False)
    assert "reptiops outputs dev --config-dir config --sandbox\n" in done.output


def test_a_hint_that_knew_no_environment_is_told_the_one_in_hand() -> None:
    @click.command()
    @click.argument("env")
    @shared
    def refusing(env: str, **given: object) -> None:
        tell("see `reptiops unlock ENV`, or `reptiops graph ENV`; --like ENV is something else")

    placed(refusing)
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
    leaves = {" ".join(words): command for words, command in _leaves(cli)}
    assert {name.split()[0] for name in leaves} >= EVERY
    assert SOME.keys() <= leaves.keys()
    for name, command in leaves.items():
        takes = {f"--{option.name.replace('_', '-')}" for option in command.params if option.name}
        if name in SOME:
            assert takes >= SOME[name], name
        elif name.split()[0] in EVERY:
            assert takes >= {f"--{option.replace('_', '-')}" for option in PLACE}, name


@pytest.mark.parametrize(
    ("hint", "whole"),
    [
        ("reptiops schedule show ENV", "reptiops schedule show dev --config-dir c --state-dir s"),
        ("reptiops schedule install dev", "reptiops schedule install dev --config-dir c --state-dir s --sandbox"),
        ("reptiops export cloudformation dev", "reptiops export cloudformation dev --config-dir c"),
        (
            "reptiops export terraform-import ENV",
            "reptiops export terraform-import dev --config-dir c --state-dir s --sandbox",
        ),
        ("reptiops policy ENV --for plan", "reptiops policy dev --config-dir c --for plan"),
        ("reptiops sandbox start", "reptiops sandbox start"),
    ],
)
def test_a_command_inside_another_carries_what_it_takes(hint: str, whole: str) -> None:
    given, name = GIVEN.set({"--config-dir": "c", "--state-dir": "s", "--sandbox": ""}), ENVIRONMENT.set("dev")
    try:
        assert completed(f"do it by `{hint}`, ENV") == f"do it by `{whole}`, ENV"
    finally:
        GIVEN.reset(given)
        ENVIRONMENT.reset(name)


def _texts(source: str) -> Iterator[str]:
    """Every text in the source of a module but what documents it; what is put into one is an X."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def test_every_command_that_is_suggested_exists_with_its_options_and_all_that_it_has_to_be_told() -> None:
    """Of the commands in back quotes: those are what people copy."""
    leaves = dict(_leaves(cli))
    seen = set()
    for file in sorted(Path(app.__file__).parents[1].rglob("*.py")):
        for text in _texts(file.read_text()):
            for hint in re.findall(r"`reptiops ([a-z][^`]*)`", text):
                name, told, _ = _parsed(hint, leaves)
                lacks = [one.name for one in leaves[name].params if isinstance(one, click.Argument) and one.required]
                assert set(lacks) <= told, f"{file}: {hint}"
                seen.add(" ".join(name))
    assert seen >= {"run", "provision", "adopt", "state rebuild", "reconcile", "teardown"}


def _parsed(
    hint: str, leaves: Mapping[tuple[str, ...], click.Command]
) -> tuple[tuple[str, ...], set[str | None], list[str]]:
    """The command of a hint, which arguments and options it gives, and words for which it has no place."""
    words = shlex.split(hint)
    [name] = [name for name in leaves if tuple(words[: len(name)]) == name] or [None]
    assert name is not None, hint
    with click.Context(leaves[name]) as context:
        given, extra, order = leaves[name].make_parser(context).parse_args(words[len(name) :])
    return name, {one.name for one in order if isinstance(given[one.name or ""], str)}, extra


def test_every_command_inside_a_sentence_of_the_docs_can_be_typed() -> None:
    """Blocks are executed by `make docs-check`; these stand between words, with placeholders, and may lack arguments."""
    leaves = dict(_leaves(cli))
    groups = {name[:length] for name in leaves for length in range(1, len(name))}
    seen = 0
    root = Path(__file__).parents[1]
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for hint in re.findall(r"`reptiops\s+([a-z][^`]*)`", prose):
            words = hint.replace("[", "").replace("]", "").replace("…", "").split()
            if tuple(words) in groups or "|" in hint:
                continue
            *_, extra = _parsed(" ".join(words), leaves)
            assert not extra, f"{page.name}: {hint}"
            seen += 1
    assert seen > 50, seen


def _typed(directory: Path, *words: str) -> str:
    """What a person sees who types it there."""
    command = [str(Path(sys.executable).parent / "reptiops"), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, check=False)
    return done.stdout + done.stderr


def test_commands_without_aws_print_whole_next_steps_too(tmp_path: Path) -> None:
    small_config(tmp_path / "conf")
    said = _typed(tmp_path, "schedule", "show", "dev", "--config-dir", "conf")
    assert "# no github: GitHub Actions cannot read" in said
    assert "`reptiops state init dev --config-dir conf`" in said
    wrong = tmp_path / "wrong"
    small_config(wrong, ("schedule:", "schedule:\n  playbook: reconcile\n  enabled: true\n  image: x\nnothing:"))
    said = _typed(tmp_path, "validate", "dev", "--config-dir", "wrong")
    assert "`reptiops schedule show dev --config-dir wrong`" in said
    said = _typed(tmp_path, "explain", "2026", "--state-dir", "states", "--config-dir", "conf")
    assert "`reptiops history ENV --config-dir conf --state-dir states` lists those of one" in said


def test_what_exists_already_is_told_shortly_where_it_is_much(tmp_path: Path) -> None:
    with mocked_aws() as session:
        s3 = session.client("s3")
        s3.create_bucket(Bucket="reptidex-dev-uploads")
        with pytest.raises(app.Refused) as one:
            provision(session, tmp_path, "dev", only=("storage/bucket",))
        for name in ("media", "assets", "backups", "exports", "logs", "static"):
            s3.create_bucket(Bucket=f"reptidex-dev-{name}")
        logs = session.client("logs")
        for service in ("repti-core", "repti-ops", "repti-media", "web-public", "web-admin"):
            logs.create_log_group(logGroupName=f"/ecs/dev/{service}")
        with pytest.raises(app.Refused) as many:
            provision(session, tmp_path, "dev", only=("storage/bucket", "compute/log_group"))
    assert str(one.value).splitlines()[:3] == [
        "storage/bucket/uploads (reptidex-dev-uploads) exists already, and nothing says that reptiops made it.",
        "To take over:",
        "  reptiops adopt dev storage/bucket/uploads reptidex-dev-uploads",
    ]
    lines = str(many.value).splitlines()
    assert (len(lines), lines[-1]) == (4, "Nothing was changed.")
    assert re.match(r"\d+ of the resources to be made exist already", lines[0])
    assert "`reptiops adopt dev --all` takes over all that it finds." in lines[1]
