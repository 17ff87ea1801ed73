"""Where configuration and playbooks are looked for: one's own directory first, the files shipped with the tool last."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Literal

from reptiops.errors import ConfigurationError, Mistake

Shelf = Literal["config", "playbooks", "prices"]

CONFIG_VARIABLE = "REPTIOPS_CONFIG_DIR"
PLAYBOOK_VARIABLE = "REPTIOPS_PLAYBOOK_DIR"

_VARIABLES: dict[Shelf, str] = {
    "config": CONFIG_VARIABLE,
    "playbooks": PLAYBOOK_VARIABLE,
    "prices": "REPTIOPS_PRICES_DIR",
}
TEXTS: dict[Shelf, str] = {"config": "REPTIOPS_CONFIG_YAML", "playbooks": "REPTIOPS_PLAYBOOK_YAML"}
"""Variables that hold a file's text, with its `name`: what a job carries that runs where there are no files."""
_WORDS: dict[Shelf, str] = {"config": "environment", "playbooks": "playbook", "prices": "price"}


def shipped_dir(shelf: Shelf) -> Path:
    """The directory of files that come with the tool: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_shipped" / shelf
    return installed if installed.is_dir() else package.parent / shelf


def is_shipped(file: Path) -> bool:
    """Whether `file` lies inside an installed package: such a file is never written."""
    return (Path(__file__).resolve().parent / "_shipped") in file.resolve().parents


def directories(shelf: Shelf, explicit: Path | str | None) -> tuple[Path, ...]:
    """The directories that are searched, the first that has a file winning.

    A directory that was asked for, by argument or by variable, is the only one for configurations; of playbooks a team
    copies the one that it changes, and the others stay those that come with the tool.
    """
    asked_for = _asked_for(shelf, explicit)
    if asked_for is None:
        return Path(shelf), shipped_dir(shelf)
    return (asked_for,) if shelf == "config" else (asked_for, shipped_dir(shelf))


def _asked_for(shelf: Shelf, explicit: Path | str | None) -> Path | None:
    given = explicit or os.environ.get(_VARIABLES[shelf])
    text = os.environ.get(TEXTS.get(shelf, ""))
    if not given and text:
        return _unpacked(text)
    return Path(given) if given else None


@functools.cache
def _unpacked(text: str) -> Path:
    """A text that came in a variable, as a file in a directory of its own, readable by its owner only."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="reptiops-"))
    name = re.search(r"^name: ([a-z][a-z0-9-]*)$", text, re.MULTILINE)
    if name is None:
        raise ConfigurationError([Mistake(f"${' or $'.join(TEXTS.values())}", 0, "name", "the text has no `name:`")])
    (folder / f"{name[1]}.yaml").write_text(text)
    return folder


def known_names(shelf: Shelf, explicit: Path | str | None, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """The names of all files on the shelf, sorted."""
    found = {file.stem for folder in directories(shelf, explicit) for file in folder.glob("*.yaml") if file.is_file()}
    return tuple(sorted(name for name in found if pattern.fullmatch(name)))


def find_file(shelf: Shelf, name: str, explicit: Path | str | None, pattern: re.Pattern[str]) -> Path:
    """The file called `name` on the shelf. Raises ConfigurationError with the known names.

    Names follow `pattern`, which has no dot and no slash: no name leads out of the directories.
    """
    folders, asked_for = directories(shelf, explicit), _asked_for(shelf, explicit)
    if asked_for is not None and not asked_for.is_dir():
        what = f"this directory of {_WORDS[shelf]} files does not exist"
        raise ConfigurationError([Mistake(str(asked_for), 0, "", what)])
    if pattern.fullmatch(name):
        for folder in folders:
            if (folder / f"{name}.yaml").is_file():
                return folder / f"{name}.yaml"
    can_be = pattern.fullmatch(name) is not None
    raise ConfigurationError([_unknown(shelf, name, folders, known_names(shelf, explicit, pattern), can_be)])


def _unknown(shelf: Shelf, name: str, folders: tuple[Path, ...], known: tuple[str, ...], can_be: bool) -> Mistake:
    """`can_be`: whether it is a name at all; only of one that is `init` writes a file."""
    import difflib

    said = name if can_be else Path(name).stem.lower()
    close = [said] if said in known else difflib.get_close_matches(said, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    rule = "" if can_be else "; names are lower-case letters, digits and hyphens"
    made = f"; `reptiops init {name}` writes it" if shelf == "config" and can_be and not close else ""
    message = f"there is no {_WORDS[shelf]} called {name!r}{rule}{hint or made}"
    return Mistake(str(folders[0]), 0, "", message, ", ".join(known) or f"none here, add <name>.yaml to {folders[0]}")
