"""`python -m tests.aws_notes` makes docs/aws-notes.md from docs/aws-notes.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

DOCS = Path(__file__).parent.parent / "docs"
HEAD = """# How AWS behaves, and where reptiops settles it

Made from `aws-notes.yaml` by `python -m tests.aws_notes`; a test holds that every place and test named here exists. What
AWS does here is from its documentation, its models and public reports, not from a run on an account. The strict sandbox
enforces the rules by name: `reptiops sandbox rules` lists them all with the number of their line here.
"""


@dataclass(frozen=True)
class Line:
    """What AWS does, of one fact or some: where it is settled, which test shows it."""

    number: str
    """Of the section."""
    facts: tuple[int, ...]
    """Which of the section's."""
    what: str
    where: str
    test: str


@dataclass(frozen=True)
class Section:
    """A subject, how many facts of it are known, and a line for each."""

    number: str
    name: str
    facts: int
    lines: tuple[Line, ...]


def _numbers(text: str) -> tuple[int, ...]:
    """`1-3, 5` as numbers."""
    ends = [part.strip().partition("-") for part in text.split(",")]
    return tuple(n for first, _, last in ends for n in range(int(first), int(last or first) + 1))


def sections() -> list[Section]:
    """All of the source in order."""
    found = []
    for title, of in yaml.safe_load((DOCS / "aws-notes.yaml").read_text()).items():
        number, _, name = title.partition(" ")
        lines = tuple(Line(number, _numbers(which), *rest) for which, *rest in of["rows"])
        found.append(Section(number, name, of["facts"], lines))
    return found


def lines() -> list[Line]:
    """All rows in order."""
    return [line for section in sections() for line in section.lines]


def page() -> str:
    """The table of each section."""
    text = [HEAD]
    for one in sections():
        head = "| fact | what AWS does | where it is settled | test |\n|---|---|---|---|\n"
        text.append(f"\n## {one.number} {one.name}\n\n{head}")
        for line in one.lines:
            which = ", ".join(f"{one.number}.{n}" for n in line.facts)
            shown = f"`{line.test}`" if line.test else ""
            text.append(f"| {which} | {line.what} | {line.where} | {shown} |\n")
    return "".join(text)


if __name__ == "__main__":
    (DOCS / "aws-notes.md").write_text(page())
