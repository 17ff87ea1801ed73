"""docs/aws-notes.md: made from its source, and every place, rule and test that it names exists."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

from reptiops.sandbox import rules
from tests.aws_notes import DOCS, Section, lines, page, sections


def test_the_page_is_made_from_its_source() -> None:
    assert (DOCS / "aws-notes.md").read_text() == page(), "run python -m tests.aws_notes"


@pytest.mark.parametrize("section", sections(), ids=lambda one: one.number)
def test_each_fact_of_a_section_has_one_line(section: Section) -> None:
    """In code, by a rule of the sandbox, or not applicable with the reason: none is passed over."""
    told = sorted(number for line in section.lines for number in line.facts)
    assert told == list(range(1, section.facts + 1))


def test_every_rule_settles_something() -> None:
    """A rule that no line names is one that nobody would look for."""
    named = {place.removeprefix("rule ") for one in lines() for place in one.where.split(", ")}
    assert {one.name for one in rules.declared()} - named == set()


def test_every_place_and_rule_exists() -> None:
    names = {one.name for one in rules.declared()}
    for one in lines():
        if one.where.startswith("not applicable: "):
            assert len(one.where) > 30, f"{one.number}: say why"
            continue
        for place in one.where.split(", "):
            if place.startswith("rule "):
                assert place.removeprefix("rule ") in names, f"{one.number}: {place}"
                continue
            module, _, name = place.partition(":")
            found = importlib.import_module(f"reptiops.{module}")
            if name != "*":
                assert reduce(getattr, name.split("."), found) is not None, f"{one.number}: {place}"


def test_every_test_exists() -> None:
    for one in lines():
        if one.test:
            file, _, name = one.test.partition("::")
            assert re.search(rf"^def {name}\b", (Path(__file__).parent / file).read_text(), re.M), one.test
        else:
            assert one.where.startswith("not applicable: "), f"{one.number}: no test"


def test_every_rule_cites_a_line_that_is_there() -> None:
    numbers = {one.number for one in lines()} | {f"{one.number}.{n}" for one in lines() for n in one.facts}
    for rule in rules.declared():
        for fact in rule.fact.split(", "):
            cited = fact.split()[0]
            assert cited in numbers or any(n.startswith(f"{cited}.") for n in numbers), f"{rule.name}: {fact}"
