"""`run PLAYBOOK`: what its refusals name can be typed with it, and what it suggests leads to the same playbook again."""

from __future__ import annotations

import contextvars
from pathlib import Path

import pytest
from click.testing import CliRunner

from reptiops.cli import cli
from reptiops.playbook import parse_playbook
from reptiops.testing import mocked_aws, provision
from tests.small import small_config

FIRST = ("    assets: {versioning: false}\n", "    assets: {versioning: false}\n    extra: {versioning: false}\n")
BOOKS = {
    "whole": "operation: provision\n",
    "watch": "operation: drift\n",
    "careful": "operation: reconcile\nrepair: {default: ask}\n",
    "away": "operation: teardown\n",
}


@pytest.fixture
def books(tmp_path: Path) -> Path:
    directory = tmp_path / "playbooks"
    directory.mkdir()
    for name, text in BOOKS.items():
        (directory / f"{name}.yaml").write_text(text)
    return directory


def _typed(books: Path, *words: str, **place: Path) -> tuple[int, str]:
    """Exit code, and all that a person reads."""
    options = [
        word
        for name, value in {"playbook_dir": books, **place}.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    done = contextvars.copy_context().run(CliRunner().invoke, cli, [*words, *options])
    error = done.exception if not isinstance(done.exception, SystemExit) else None
    return getattr(error, "exit_code", done.exit_code), f"{done.output}{error or ''}"


def test_what_would_be_lost_is_allowed_with_the_option_that_the_refusal_names(books: Path, tmp_path: Path) -> None:
    with mocked_aws() as session:
        provision(session, tmp_path / "state", "dev", config_dir=small_config(tmp_path / "first", FIRST))
        place = {"state_dir": tmp_path / "state", "config_dir": small_config(tmp_path / "config")}
        code, said = _typed(books, "run", "whole", "dev", "--yes", **place)
        assert (code, "Allow it with --allow-replace." in said) == (4, True), said
        code, said = _typed(books, "run", "whole", "dev", "--yes", "--allow-replace", **place)
        names = [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]
    assert (code, "reptidex-dev-extra" in names) == (0, False), said


def test_what_is_protected_is_removed_with_the_option_that_the_refusal_names(books: Path, tmp_path: Path) -> None:
    with mocked_aws():
        place = {"state_dir": tmp_path / "state"}
        code, said = _typed(books, "run", "away", "prod", "--yes", **place)
        assert (code, "add --allow-protected" in said) == (4, True), said
        code, said = _typed(books, "run", "away", "prod", "--yes", "--allow-protected", **place)
    assert (code, "Nothing of prod is there." in said) == (0, True), said


@pytest.mark.parametrize(
    ("book", "option", "takes"),
    [
        ("watch", ("--allow-replace",), "provision"),
        ("careful", ("--allow-protected",), "teardown"),
        ("away", ("--max-changes", "3"), "reconcile"),
        ("whole", ("--max-changes", "3"), "reconcile"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(
    books: Path, book: str, option: tuple[str, ...], takes: str
) -> None:
    code, said = _typed(books, "run", book, "dev", *option)
    assert code == 2
    operation = parse_playbook(BOOKS[book], book).operation
    assert f"{option[0]} has no effect on {operation}: it is for a playbook of {takes}" in " ".join(said.split())


def test_the_command_of_a_playbook_is_short_where_there_is_a_short_one() -> None:
    for name, operation, command in (
        ("provision", "provision", "reptiops provision dev"),
        ("careful", "reconcile", "reptiops run careful dev"),
        ("stop", "stop", "reptiops run stop dev"),
    ):
        assert parse_playbook(f"operation: {operation}\n", name).command("dev") == command
