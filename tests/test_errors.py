"""What every error of reptiops says by itself: that nothing was changed, and what had been before."""

from __future__ import annotations

from pathlib import Path

import pytest

import reptiops
from reptiops import app
from reptiops.errors import ReptiopsError


@pytest.mark.parametrize(
    ("error", "alone", "after"),
    [
        (ReptiopsError("It broke."), "It broke.", "It broke.\nClosed: a port"),
        (
            app.Refused("No.", unchanged=True),
            "No. Nothing was changed.",
            "No. Nothing else was changed.\nClosed: a port",
        ),
        (
            app.Refused("No:\n  a", unchanged=True, then="Try."),
            "No:\n  a\nNothing was changed. Try.",
            "No:\n  a\nNothing else was changed. Try.\nClosed: a port",
        ),
        (app.Declined(), "Nothing was changed.", "Nothing else was changed.\nClosed: a port"),
    ],
)
def test_an_error_says_what_was_changed(error: ReptiopsError, alone: str, after: str) -> None:
    assert str(error) == alone
    error.earlier = "Closed: a port"
    assert str(error) == after


def test_nobody_else_says_that_nothing_was_changed() -> None:
    """A sentence of its own in a text could not be told otherwise where something had been changed before."""
    places = Path(reptiops.__file__).parent.rglob("*.py")
    saying = {p.name for p in places if "nothing was changed" in p.read_text().lower()}
    assert saying <= {"__init__.py"}, "but for Ctrl-C at a question of a command that has not begun"
