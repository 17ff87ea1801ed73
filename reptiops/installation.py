"""Is this installation of the tool sound? Python, packages, files, places to write, credentials, terminal.

Nothing here calls AWS; whether an account is ready is `preflight`'s question.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from botocore.exceptions import BotoCoreError

from reptiops.app import Settings, session_of, state_root
from reptiops.config import environments
from reptiops.errors import ConfigurationError, ReptiopsError
from reptiops.loading import load_environment
from reptiops.playbook import load_playbook, playbooks

Verdict = Literal["good", "note", "bad"]
PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(?:(>=|==)\s*([0-9.]+))?(?:;.*)?")


@dataclass(frozen=True)
class Check:
    """One thing looked at: `what` was found, and `mend` says what to do about it unless it is good."""

    name: str
    verdict: Verdict
    what: str
    mend: str = ""


def examine(config_dir: Path | None = None, playbook_dir: Path | None = None) -> tuple[Check, ...]:
    """Everything, in the order in which a person would mend it."""
    return (
        _python(),
        *_packages(),
        _command(),
        *_files(config_dir, playbook_dir),
        _state(),
        _credentials(),
        _terminal(),
        _pager(),
    )


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        return Check("python", "good", found)
    return Check("python", "bad", found, "install Python 3.11 or newer and install reptiops with it")


def _packages() -> Iterator[Check]:
    """The packages that the distribution asks for; only what is wrong is listed one by one."""
    wrong, total = [], 0
    for line in metadata.requires("reptiops") or []:
        parts = _REQUIREMENT.fullmatch(line.strip())
        if parts is None or "extra ==" in line:
            continue
        total += 1
        name, sign, wanted = parts.groups()
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        good = sign is None or (have == wanted if sign == "==" else _numbers(have) >= _numbers(wanted))
        if not good:
            wrong.append(f"{name} is {have}, {sign}{wanted} is needed")
    if not wrong:
        yield Check("packages", "good", f"{total} as required")
    for what in wrong:
        yield Check("packages", "bad", what, "pip install --upgrade reptiops, in an environment of its own")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def _command() -> Check:
    found = shutil.which("reptiops")
    here = Path(sys.executable).parent / "reptiops"
    if found is None:
        return Check("command", "note", "reptiops is not on the PATH", f"add {here.parent} to the PATH")
    if here.exists() and Path(found).resolve() != here.resolve():
        return Check("command", "note", f"{found} is another installation than this one ({here})", "remove one of them")
    return Check("command", "good", found)


def _files(config_dir: Path | None, playbook_dir: Path | None) -> Iterator[Check]:
    found = environments(config_dir)
    yield from _loaded("configuration", found, lambda name: load_environment(name, config_dir), "reptiops init ENV")
    found = playbooks(playbook_dir)
    yield from _loaded(
        "playbooks", found, lambda name: load_playbook(name, playbook_dir), "reptiops playbook show PLAYBOOK"
    )


def _loaded(what: str, names: tuple[str, ...], load: Callable[[str], object], good_one: str) -> Iterator[Check]:
    """A line for each mistake, and how to mend them under the last."""
    if not names:
        yield Check(what, "note", "none is there", f"`{good_one}` gives one")
        return
    mistakes: list[str] = []
    for name in names:
        try:
            load(name)
        except ConfigurationError as error:
            mistakes += [str(mistake) for mistake in error.mistakes]
    mend = f"mend {'this' if len(mistakes) == 1 else 'these'}; `{good_one}` gives a good one"
    for number, mistake in enumerate(mistakes, 1):
        yield Check(what, "bad", mistake, mend if number == len(mistakes) else "")
    if not mistakes:
        yield Check(what, "good", f"{', '.join(names)}: no mistakes")


def _state() -> Check:
    root = state_root(sandbox=False)
    place = next(p for p in (root, *root.parents) if p.exists())
    try:  # what the rights say does not count everywhere, as in /proc
        tempfile.TemporaryDirectory(prefix=".reptiops-", dir=place).cleanup()
    except OSError as error:
        mend = "set REPTIOPS_STATE_DIR to a directory of your own"
        return Check("state", "bad", f"{place} cannot be written: {error.strerror}", mend)
    open_ones = [p for p in root.glob("*/state.json") if stat.S_IMODE(p.stat().st_mode) & 0o077]
    if open_ones:
        names = ", ".join(str(p) for p in open_ones)
        return Check("state", "bad", f"{names} can be read by others", f"chmod 600 {names}")
    return Check("state", "good", f"{root}, {len(list(root.glob('*/state.json')))} environments")


def _credentials() -> Check:
    try:
        found = session_of(Settings("dev"))[0].get_credentials()
    except (BotoCoreError, ReptiopsError, ValueError, KeyError) as error:
        return Check("credentials", "bad", str(error), "look at AWS_PROFILE and ~/.aws; --sandbox needs none")
    if found is None:
        mend = "sign in, or set AWS_PROFILE; --sandbox needs none"
        return Check("credentials", "note", "no AWS credentials are set up", mend)
    return Check("credentials", "good", f"found ({found.method})")


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        return Check("terminal", "note", f"writes {sys.stdout.encoding}, not UTF-8", "set PYTHONUTF8=1 or LANG=C.UTF-8")
    size = shutil.get_terminal_size()
    colours = "no colour (NO_COLOR)" if "NO_COLOR" in os.environ else "colour where the terminal has it"
    return Check("terminal", "good", f"UTF-8, {size.columns} columns, {colours}")


def _pager() -> Check:
    command = os.environ.get("REPTIOPS_PAGER", os.environ.get("PAGER", "less"))
    if command and shutil.which(command.split()[0]) is None:
        return Check("pager", "note", f"{command} is not there: long output is not paged", "install less, or set PAGER")
    return Check("pager", "good", command or "none (REPTIOPS_PAGER is empty)")
