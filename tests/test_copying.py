"""A command that is printed as the next step can be copied: it is never broken by a line end of ours."""

from __future__ import annotations

import ast
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from reptiops.app import Refused
from reptiops.cli.lines import fitted
from reptiops.report.failures import explain
from reptiops.report.hints import ENVIRONMENT, GIVEN
from reptiops.report.plans import say
from tests.small import small_config

WORDS = st.sampled_from(["the", "ways", "out:", "12 min 30 s", "a", "security/certificate", "後で", "(see", "it)."])
OPTIONS = st.sampled_from(["--sandbox", "--state-dir", "/home/somebody/of/long/name/states", "'a b'", "--only x"])
COMMANDS = st.builds(
    lambda name, options, after: f"`reptiops {' '.join([name, 'dev', *options])}`{after}",
    st.sampled_from(["plan", "reconcile", "provision", "accept"]),
    st.lists(OPTIONS, max_size=6),
    st.sampled_from(["", ",", ".", "; then"]),
)
SENTENCES = st.lists(st.one_of(WORDS, COMMANDS), min_size=1, max_size=12).map(" ".join)
LONG = "`reptiops reconcile dev --sandbox --state-dir /home/somebody/reptidex/states`"


def said(text: str, width: int, indent: int = 0, hang: int = 0, terminal: bool = True) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, emoji=False)
    say(console, f"[dim]{escape(text)}[/]", indent, hang)
    return out.getvalue().splitlines()


def squeezed(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@given(SENTENCES, st.integers(20, 120), st.integers(0, 6), st.integers(0, 4))
@example(f"see {LONG} and {LONG}.", 80, 0, 0)
def test_no_command_is_broken_at_any_width_and_nothing_is_lost(text: str, width: int, indent: int, hang: int) -> None:
    for measure, lines in (
        (cell_len, said(text, width, indent, hang)),
        (len, fitted(" " * indent + text, width, hang).splitlines()),
    ):
        assert squeezed(lines) == squeezed([text])
        for command in re.findall(r"`reptiops [^`]*`", text):
            assert any(command in line for line in lines), (command, lines)
        for line in lines:
            assert measure(line) <= width or " " not in re.sub(r"`[^`]*`|12 min 30 s", "", line.strip()), (
                "only what cannot be parted is wider"
            )


def test_a_long_command_stands_by_itself_and_a_short_one_as_a_word_would() -> None:
    text = f"What changed since is told by {LONG}, which puts it back; and `reptiops plan dev` shows it before that."
    wanted = [
        "What changed since is told by",
        f"  {LONG},",
        "which puts it back; and `reptiops plan dev` shows it before that.",
    ]
    assert said(text, 80) == wanted
    hung = [wanted[0], f"  {LONG},", f"    {wanted[2]}"]
    assert said(text, 80, hang=4) == fitted(text, 80, 4).splitlines() == hung, "to the left where it fits only there"
    short = f"{'x' * 70} `reptiops plan dev` shows it."
    assert said(short, 80, 2) == [f"  {'x' * 70}", "  `reptiops plan dev` shows it."]


def test_a_command_wider_than_the_terminal_is_broken_by_the_terminal_alone() -> None:
    text = f"Look: {LONG} puts it back"
    assert said(text, 50, 2) == ["  Look:", f"    {LONG}", "  puts it back"]
    assert fitted(text, 50).splitlines() == ["Look:", f"    {LONG}", "  puts it back"]


def test_an_id_wider_than_the_terminal_is_broken_by_the_terminal_alone() -> None:
    arn = f"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/{'x' * 60}"
    assert said(f"- {arn} (deleted)", 80, 2, 2) == ["  -", f"    {arn}", "    (deleted)"]


@pytest.mark.parametrize("width", range(20, 100))
def test_a_command_on_a_line_of_its_own_stays_there(width: int) -> None:
    command = LONG.strip("`")
    assert [line.strip() for line in said(command, width, 2, 4)] == [command]
    assert [line.strip() for line in fitted(f"  {command}", width).splitlines()] == [command]
    assert squeezed(said(f"{command}   goes on to what it says", width, 2, 4)[:1]).startswith(command)


def test_in_a_log_it_stays_in_its_sentence() -> None:
    text = f"see {LONG} and {LONG}, to be found"
    assert said(text, 80, terminal=False) == [text]


def test_lines_of_a_failure_keep_commands_whole() -> None:
    given = GIVEN.set({"--config-dir": "/home/somebody/reptidex/conf", "--state-dir": "/home/somebody/states"})
    name = ENVIRONMENT.set("dev")
    try:
        lines = explain(PermissionError(13, "Permission denied", "/home/somebody/states/dev.json"), "dev").splitlines()
    finally:
        GIVEN.reset(given)
        ENVIRONMENT.reset(name)
    whole = "`reptiops status dev --config-dir /home/somebody/reptidex/conf --state-dir /home/somebody/states`"
    assert whole in [line.strip() for line in lines]
    for width in (60, 80, 200):
        assert whole in [line.strip() for line in fitted("\n".join(lines), width).splitlines()]
    assert "mend it;" in "\n".join(explain(Refused("a\nb"), "dev").splitlines() + lines)


def seen(directory: Path, *words: str, columns: int = 80) -> list[str]:
    """The lines of a command on a terminal that is so wide, without colours."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [str(Path(sys.executable).parent / "reptiops"), *words]
    variables = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    variables |= {"TERM": "xterm", "NO_COLOR": "1", "REPTIOPS_PAGER": ""}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory, env=variables) as running:
        os.close(theirs)
        parts = []
        while True:
            try:
                parts.append(os.read(mine, 65536))
            except OSError:  # the other side is closed
                break
            if not parts[-1]:
                break
        running.wait()
    os.close(mine)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(parts).decode()).replace("\r", "").splitlines()


def test_at_80_columns_an_error_names_a_command_that_can_be_copied(tmp_path: Path) -> None:
    (tmp_path / "my" / "conf").mkdir(parents=True)
    lines = seen(tmp_path, "explain", "20260101-1", "--state-dir", "where/the/states/are", "--config-dir", "my/conf")
    assert "    `reptiops history ENV --config-dir my/conf --state-dir where/the/states/are`" in lines, lines


def test_at_80_columns_what_schedule_shows_can_be_copied(tmp_path: Path) -> None:
    name = "/".join(["configurations"] * 4)
    small_config(tmp_path / name)
    lines = seen(tmp_path, "schedule", "show", "dev", "--config-dir", name)
    assert f"`reptiops state init dev --config-dir {name}`," in [line.strip() for line in lines], lines


def test_what_names_a_command_is_printed_by_what_keeps_it_whole() -> None:
    """`console.print` and `click.echo` break it, or are not asked to fit it."""
    loose = [
        f"{file}:{node.lineno}"
        for file in Path("reptiops").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("print", "echo")
        and re.search(r"reptiops [a-z]", "".join(ast.unparse(argument) for argument in node.args))
    ]
    assert loose == []
