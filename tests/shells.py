"""Real shells on a terminal of their own, for what happens when somebody presses TAB."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

LIMIT = 120.0
"""Seconds after which a shell has not answered."""
SET_UP = {
    "bash": "set -o emacs; bind 'set enable-bracketed-paste off'; source {script}\n",
    "zsh": "unsetopt prompt_cr prompt_sp; bindkey -e; autoload -U compinit; compinit -u -D; source {script}\n",
    "fish": "source {script}\n",
}
START = {"bash": ("--norc", "--noprofile", "-i"), "zsh": ("-f", "-i"), "fish": ("--no-config", "-i")}
BEGINNING = "\x01"
"""Ctrl-A."""
ESCAPES = re.compile(
    r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78]|\][^\x07\x1b]*(\x07|\x1b\\))|[\x00-\x08\x0e-\x1f\r]"
)


class Shell:
    """One interactive shell, with the tool on its path and its completion loaded."""

    def __init__(self, name: str, directory: Path, script: Path, variables: Mapping[str, str], set_up: str = ""):
        self._seen = ""
        home = directory / f"home-{name}"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "TERM": "xterm",
            "COLUMNS": "200",
            "LINES": "50",
            "PS1": "$ ",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.environ.get(
                "PYTHONPATH", ""
            ),  # the tool that is tested, not another one that is installed
            **variables,
        }
        command = shutil.which(name) or name
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.execve(command, (name, *START[name]), environment)
        self.type((set_up or SET_UP[name]).format(script=script))
        self.answer("echo rea''dy", "ready")

    def type(self, text: str) -> None:
        """As if pressed."""
        os.write(self._terminal, text.encode())

    def answer(self, line: str, sign: str) -> str:
        """Type a line, with Enter, and wait until a pattern stands in what the shell shows after it."""
        self.type(f"{line}\n")
        return self.shows(sign)

    def shows(self, sign: str) -> str:
        """Wait for a pattern; answers what was shown up to and with it."""
        deadline = time.monotonic() + LIMIT
        while (found := re.search(sign, self._seen)) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
                raise AssertionError(f"no {sign!r} within {LIMIT:.0f} s in {self._seen!r}")
            self._seen = ESCAPES.sub("", self._seen + os.read(self._terminal, 65536).decode(errors="replace"))
        shown, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return shown

    def completed(self, line: str) -> list[str]:
        """The words of a line after TAB: it is told by the shell itself, which prints them in place of running them."""
        self.type(f"{line}\t")
        shown = self.answer(f"{BEGINNING}printf '<%s>' EN''D ", r"<END>.*?<reptiops>(<[^<>\n]*>)*")
        return re.findall(r"<([^<>]*)>", shown[shown.rindex("<END>") :])[1:]

    def close(self) -> None:
        """End it."""
        os.close(self._terminal)
        os.kill(self._pid, signal.SIGHUP)
        os.waitpid(self._pid, 0)
