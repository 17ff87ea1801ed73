"""docs/reference.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from reptiops.cli.reference import commands, reference
from tests.test_conventions import ALL


def test_the_reference_is_what_the_code_says() -> None:
    assert Path("docs/reference.md").read_text() == reference(), "run `make reference`"


def test_it_knows_everything() -> None:
    text = reference()
    assert {path for path, _ in commands()} == set(ALL)
    for path in ALL:
        assert f"### {path}\n" in text
    for key in ("network.zones.NAME.public", "compute.services.NAME.hosts", "repair.risks", "on_failure", "overrides"):
        assert f"`{key}`" in text
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in text
