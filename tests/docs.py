"""Runs the command blocks of README and docs/ in a sandbox, page by page, as a reader would type them.

    python -m tests.docs [page …]

A block is fenced as `console`; README's Python is run too. Lines that begin with `$ ` are commands, typed in a shell that keeps its variables; a
here-document goes on to its end. `# exits N` behind a command says that it ends so. Other lines are what it prints, as
parts that must appear in this order; `…` stands for anything. A page begins in a directory with `config/`, `playbooks/`,
the Makefile and `.venv`, with a profile `reptidex-dev`, and with an endpoint that stands for the real AWS. Targets of
make are looked up and not made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SOMEWHERE = (
    "AWS_ENDPOINT_URL=$(reptiops sandbox status --json | "
    "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"endpoint\"])')"
)
"""An endpoint that stands for the real AWS."""
LIMIT = 300
"""Seconds that one command may take."""


@dataclass
class Command:
    """One typed command: its text, the exit code it is said to have, and what it is said to print."""

    page: str
    line: int
    text: str
    exits: int = 0
    prints: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The command without the comment behind it."""
        return re.sub(r"\s+# .*$", "", self.text, flags=re.M) if "\n" not in self.text else self.text


def pages() -> list[Path]:
    """README and everything in docs/ that has a block."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if "```console" in page.read_text()]


def commands(page: Path) -> list[Command]:
    """Every command of a page, in order."""
    text = page.read_text()
    found: list[Command] = []
    for block in re.finditer(r"^```(console|python)\n(.*?)^```", text, re.M | re.S):
        first = text[: block.start(2)].count("\n") + 1
        if block[1] == "console":
            found += _block(page.name, block[2].splitlines(), first)
        elif page.name == "README.md":  # those of other pages are parts, and their own tests run them
            found.append(Command(page.name, first, f"{SOMEWHERE} python3 - <<'END'\n{block[2]}END"))
    return found


def _block(page: str, lines: list[str], first: int) -> Iterator[Command]:
    current: Command | None = None
    end = ""
    for number, line in enumerate(lines, first):
        if end and current is not None:
            current.text += f"\n{line}"
            end = "" if line == end else end
        elif line.startswith("$ "):
            if current is not None:
                yield current
            said = re.search(r"# .*\bexits (\d+)", line)
            current = Command(page, number, line[2:], int(said[1]) if said else 0)
            here = re.search(r"<<'(\w+)'", line)
            end = here[1] if here else ""
        elif current is not None and line.strip():
            current.prints.append(line.strip())
    if current is not None:
        yield current


class Reader:
    """Somebody who types: a directory, a shell's variables, and a sandbox of their own."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(directory / "home"),
            "LANG": "C.UTF-8",
            "REPTIOPS_SANDBOX_DIR": str(directory / "sandbox"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "COLUMNS": "120",
        }
        for name in ("config", "playbooks"):
            shutil.copytree(ROOT / name, directory / name)
        for name in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, directory)
        (directory / ".venv").symlink_to(BIN.parent)
        (directory / "home" / ".aws").mkdir(parents=True)
        keys = "aws_access_key_id = x\naws_secret_access_key = x\nregion = us-east-1\n"
        (directory / "home" / ".aws" / "config").write_text(f"[default]\n{keys}[profile reptidex-dev]\n{keys}")
        self._variables = directory / "variables.sh"
        self._variables.write_text("")

    def somewhere(self) -> None:
        """Let commands without --sandbox find an AWS: that of the sandbox."""
        self.type("reptiops sandbox start")
        self._variables.write_text(f"export {SOMEWHERE}\n")

    def type(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run one command in a shell that knows what earlier ones have exported."""
        script = f". {self._variables}\n{text}\ncode=$?\nexport -p > {self._variables}\nexit $code\n"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.environment,
            input=self._answers(text),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    @staticmethod
    def _answers(text: str) -> str:
        """What a person types when asked: a teardown wants the environment's name, `init` gets its defaults."""
        torn = re.search(r"reptiops teardown (\S+)", text)
        if torn:
            return f"{torn[1]}\n"
        return "\n" * 12 if "reptiops init" in text else "y\n" * 40


def check(command: Command, reader: Reader) -> str:
    """What is wrong with a command; empty if nothing is."""
    words = command.words
    if words.startswith("make "):
        words = words.replace("make ", "make --dry-run --quiet ", 1)
    try:
        done = reader.type(words)
    except subprocess.TimeoutExpired:
        return f"not done after {LIMIT} s"
    out = done.stdout + done.stderr
    if done.returncode != command.exits:
        return f"exits {done.returncode}, not {command.exits}:\n{out[-1500:]}"
    at = 0
    for line in command.prints:
        pattern = r".*?".join(re.escape(part.strip()) for part in line.split("…"))
        found = re.compile(pattern, re.S).search(out, at)
        if found is None:
            return f"does not print {line!r}, but:\n{out[-1500:]}"
        at = found.end()
    return ""


def check_page(page: Path) -> list[str]:
    """Everything that is wrong with a page, in a world of its own."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="reptiops-docs-") as directory:
        reader = Reader(Path(directory))
        try:
            reader.somewhere()
            for command in commands(page):
                why = check(command, reader)
                print(f"{'✗' if why else '✓'} {command.page}:{command.line} {command.text.splitlines()[0]}", flush=True)
                wrong += [f"{command.page}:{command.line}: {command.text.splitlines()[0]}\n  {why}"] if why else []
        finally:
            reader.type("unset AWS_ENDPOINT_URL; reptiops sandbox stop")
    return wrong


def main(names: list[str]) -> int:
    """Check the named pages, or all."""
    chosen = [page for page in pages() if not names or page.name in names]
    wrong = [problem for page in chosen for problem in check_page(page)]
    print("\n".join(["", *wrong]) if wrong else f"\n{len(chosen)} pages, every command as it says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
