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
    """One thing that AWS does: its number, where it is settled, which test shows it."""

    section: str
    number: str
    what: str
    where: str
    test: str


def lines() -> list[Line]:
    """All rows in order."""
    sections = yaml.safe_load((DOCS / "aws-notes.yaml").read_text())
    return [Line(section, *row) for section, rows in sections.items() for row in rows]


def page() -> str:
    """The table of each section."""
    text, section = [HEAD], ""
    for one in lines():
        if one.section != section:
            section = one.section
            text.append(f"\n## {section}\n\n| line | what AWS does | where it is settled | test |\n|---|---|---|---|\n")
        shown = f"`{one.test}`" if one.test else ""
        text.append(f"| {one.number} | {one.what} | {one.where} | {shown} |\n")
    return "".join(text)


if __name__ == "__main__":
    (DOCS / "aws-notes.md").write_text(page())
