"""A small environment for tests that go through many runs: every phase and nearly every kind, but two services only."""

from __future__ import annotations

import re
from pathlib import Path

from reptiops.config import environment_file

SERVICES = ("web-public", "repti-core")


def small_config(directory: Path, *edits: tuple[str, str]) -> Path:
    """Write `dev.yaml` with two services into a directory; `edits` are replacements in its text that must fit."""
    text = environment_file("dev").read_text()
    text = re.sub(r"(?m)^    (web|repti)-[a-z]+: \{kind: .*\n", _kept, text)
    for old, new in edits:
        if old not in text:
            raise ValueError(f"{old!r} is not in the configuration")
        text = text.replace(old, new)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "dev.yaml").write_text(text)
    return directory


def _kept(line: re.Match[str]) -> str:
    return line[0] if line[0].split(":")[0].strip() in SERVICES else ""
