"""A walk through every command in a real terminal, to be looked at.

    python -m tests.walk [--size 80x24] [--only WORD] [--out DIR]

tmux is the terminal, a sandbox of its own the AWS. Each scene types what a person types and keeps the screen with its
colours: `.walk/SIZE/NN-name.ansi`, and in `.walk/SIZE/*.html` the scenes on a dark and on a light background (pictures
beside them where there is a Chromium). What can be judged without eyes is judged: a traceback, an exit code that the
scene does not expect, a line that the terminal had to break because it is wider than the screen.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.browser import binary
from tests.docs import ROOT, Reader
from tests.walk_scenes import SCENES, Scene

SIZES = ("80x24", "160x45")
LIMIT = 420.0
"""Seconds that one command may take."""
PROMPT = re.compile(r"^\[(\d+)\] %$")
PAGER = re.compile(r"^(:|\(END\)|lines \d+.*)$")
COMMAND = re.compile(r"^\s*`?reptiops ")
"""A next step, which is left whole for whoever copies it."""
A_SHEET = 6
"""Scenes on one picture."""
HISTORY = 20000


@dataclass
class Seen:
    """What a scene left on the screen: with colours, at its end or on the way, and what is wrong with it."""

    name: str
    screens: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Terminal:
    """One tmux window of a size, with a shell in a reader's directory."""

    def __init__(self, size: str, reader: Reader):
        self.width, self.height = (int(part) for part in size.split("x"))
        self._socket = f"reptiops-walk-{size}"
        environment = {k: v for k, v in reader.environment.items() if k != "COLUMNS"}
        environment |= {"PS1": "[$?] % ", "TERM": "screen-256color", "LESS": "FRX"}
        given = [f"{key}={value}" for key, value in environment.items()]
        shell = ["env", "-i", *given, "bash", "--noprofile", "--norc"]
        settings = reader.directory / "tmux.conf"
        settings.write_text(f"set -g history-limit {HISTORY}\nset -g status off\n")
        self._tmux("-f", str(settings), "new-session", "-d", "-x", str(self.width), "-y", str(self.height), *shell,
                   cwd=reader.directory)  # fmt: skip
        self._tmux("resize-window", "-x", str(self.width), "-y", str(self.height))
        self.settle(1)

    def _tmux(self, *words: str, cwd: Path | None = None) -> str:
        command = ["tmux", "-u", "-L", self._socket, *words]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout

    def close(self) -> None:
        """End this tmux, and the shell in it."""
        self._tmux("kill-server")

    def clear(self) -> None:
        """An empty screen with nothing above it."""
        self._tmux("send-keys", "C-l")
        time.sleep(0.2)
        self._tmux("clear-history")

    def keys(self, text: str) -> None:
        """Type a text and Enter."""
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def key(self, name: str) -> None:
        """Press one key by tmux's name: `C-c`, `q`, `Tab`."""
        self._tmux("send-keys", name)

    def screen(self, *, colours: bool = True, whole: bool = True, joined: bool = False) -> str:
        """What is seen, or with `whole` also what has gone out at the top; `joined` undoes the terminal's own breaks."""
        options = [*(["-e"] if colours else []), *(["-S", "-"] if whole else []), *(["-J"] if joined else [])]
        return self._tmux("capture-pane", "-p", *options).rstrip("\n")

    def settle(self, prompts: int, until: str = "") -> str:
        """Wait until the shell asks again (as often as said), a pager waits, or a pattern is seen; say which."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            lines = [line.rstrip() for line in self.screen(colours=False).splitlines()]
            while lines and not lines[-1]:
                lines.pop()
            if until and re.search(until, "\n".join(lines)):
                return "seen"
            if (
                lines
                and PROMPT.match(lines[-1])
                and sum(line.startswith("[") and "] %" in line for line in lines) >= prompts
            ):
                return "prompt"
            if lines and not until and PAGER.match(lines[-1]):
                return "pager"
            time.sleep(0.15)
        return "late"

    def exit_code(self) -> int:
        """What the last command ended with."""
        found = PROMPT.match(self.screen(colours=False, whole=False).splitlines()[-1].rstrip())
        return int(found[1]) if found else -1


def play(scene: Scene, terminal: Terminal) -> Seen:
    """Type a scene, and keep what is seen."""
    seen = Seen(scene.name)
    terminal.clear()
    terminal.keys(scene.types)
    for until, answer in scene.dialogue:
        if terminal.settle(2, until) != "seen":
            seen.wrong.append(f"never shows {until!r}")
            break
        if scene.on_the_way:
            seen.screens.append((f"until {until}", terminal.screen(whole=False)))
        if answer.startswith("key:"):
            terminal.key(answer.removeprefix("key:"))
        elif answer:
            terminal.keys("" if answer == "enter" else answer)
    how = terminal.settle(2)
    if how == "pager":
        seen.screens.append(("pager", terminal.screen(whole=False)))
        terminal.key("G")
        time.sleep(0.5)
        terminal.key("q")
        how = terminal.settle(2, r"\n\[\d+\] %$")
    if how == "late":
        seen.wrong.append(f"not done after {LIMIT:.0f} s")
        terminal.key("C-c")
        terminal.settle(2)
    seen.screens.append(("end", terminal.screen()))
    seen.wrong += judge(scene, terminal)
    return seen


def judge(scene: Scene, terminal: Terminal) -> list[str]:
    """What is wrong with what is on the screen, as far as a program can tell."""
    plain = terminal.screen(colours=False, joined=True)
    wrong = ["a traceback"] if "Traceback (most" in plain else []
    code = terminal.exit_code()
    if code not in scene.exits:
        wrong.append(f"exits {code}, not {' or '.join(map(str, scene.exits))}")
    broken = [line.rstrip() for line in plain.splitlines()[1:] if len(line.rstrip()) > terminal.width]
    told = [line for line in broken if scene.types not in line and not COMMAND.match(line)]
    if told and not scene.wide:
        wrong.append(f"{len(told)} lines wider than the screen, the first: {told[0][:200]}")
    return wrong


def lines_html(ansi: str, dark: bool, width: int) -> str:
    """A screen as HTML, with the palette of a usual dark or light terminal."""
    import io

    from rich.console import Console
    from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI
    from rich.text import Text

    console = Console(record=True, width=max(width, 20), file=io.StringIO(), force_terminal=True, color_system="256")
    console.print(Text.from_ansi(ansi), soft_wrap=True)
    theme = MONOKAI if dark else DEFAULT_TERMINAL_THEME
    return console.export_html(theme=theme, inline_styles=True, code_format="<pre>{code}</pre>")


def sheet(seen: Iterable[Seen], dark: bool, width: int, height: int) -> str:
    """Several scenes as one page, each cut at what two screens hold."""
    back, fore = ("#0c0c0c", "#d9d9d9") if dark else ("#ffffff", "#000000")
    parts = []
    for one in seen:
        for when, screen in one.screens:
            shown = "\n".join(screen.splitlines()[: 2 * height + 10])
            parts.append(f"<h3>{one.name} · {when}</h3>{lines_html(shown, dark, width)}")
    style = (
        f"body{{background:{back};color:{fore};margin:8px}} h3{{font:bold 12px sans-serif;margin:8px 0 2px;color:#888}}"
        f"pre{{font:12px/1.2 'DejaVu Sans Mono',monospace;margin:0;border:1px solid #888;width:{width}ch;overflow:hidden}}"
    )
    return f"<!doctype html><meta charset=utf-8><style>{style}</style>{''.join(parts)}"


def picture(page: Path, lines: int, width: int) -> None:
    """A picture of a page beside it; nothing where there is no Chromium."""
    chromium = binary()
    if chromium is None:
        return
    with tempfile.TemporaryDirectory() as user:
        command = [chromium, "--no-sandbox", "--headless", "--disable-gpu", f"--user-data-dir={user}", "--hide-scrollbars",
                   f"--window-size={int(width * 7.3) + 30},{lines * 15 + 60}", f"--screenshot={page.with_suffix('.png')}",
                   page.as_uri()]  # fmt: skip
        subprocess.run(command, capture_output=True, timeout=120, check=True)


def keep(folder: Path, number: int, seen: Seen) -> None:
    """The screens of a scene as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, (_, screen) in enumerate(seen.screens):
        (folder / f"{number:03}-{seen.name}{f'-{at}' if at else ''}.ansi").write_text(screen + "\n")


def write(folder: Path, seen: list[Seen], size: str, pictures: bool) -> None:
    """Sheets of screens as pages and pictures."""
    width, height = (int(part) for part in size.split("x"))
    for first in range(0, len(seen), A_SHEET):
        some = seen[first : first + A_SHEET]
        lines = sum(min(s.count("\n") + 1, 2 * height + 10) + 2 for one in some for _, s in one.screens)
        for dark in (True, False):
            page = folder / f"sheet-{first // A_SHEET + 1:02}-{'dark' if dark else 'light'}.html"
            page.write_text(sheet(some, dark, width, height))
            if pictures:
                picture(page, lines, width)


def walk(size: str, only: str, folder: Path) -> list[Seen]:
    """All scenes in one terminal and one world; each screen is kept at once."""
    seen = []
    with tempfile.TemporaryDirectory(prefix="reptiops-walk-") as directory:
        reader = Reader(Path(directory))
        shutil.copy(ROOT / "tests" / "walk_deeds.py", Path(directory) / "deed.py")
        terminal = Terminal(size, reader)
        try:
            for number, scene in enumerate(SCENES, 1):
                if only and not re.search(only, scene.name) and not scene.ground:
                    continue
                one = play(scene, terminal)
                seen.append(one)
                keep(folder, number, one)
                print(f"{'✗' if one.wrong else '✓'} {size} {scene.name}: {'; '.join(one.wrong)}", flush=True)
        finally:
            reader.type("reptiops sandbox stop")
            terminal.close()
    return seen


def main() -> int:
    """Walk, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="append", choices=SIZES, help="default: both")
    parser.add_argument("--only", default="", help="scenes whose name has this pattern, and those they stand on")
    parser.add_argument("--out", type=Path, default=ROOT / ".walk")
    parser.add_argument("--no-pictures", action="store_true")
    given = parser.parse_args()
    wrong = 0
    for size in given.size or SIZES:
        seen = walk(size, given.only, given.out / size)
        write(given.out / size, seen, size, not given.no_pictures)
        wrong += sum(bool(one.wrong) for one in seen)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
