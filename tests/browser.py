"""A page as a parser finds it, and in headless Chromium: what a script finds out there, and every error on the way."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import zlib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
WATCH = """<script>
window.__errors = [];
addEventListener("error", (e) => __errors.push(String(e.message)));
addEventListener("unhandledrejection", (e) => __errors.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => __errors.push(e.violatedDirective + " " + e.blockedURI));
for (const name of ["error", "warn"]) console[name] = (...said) => __errors.push(said.join(" "));
</script>"""


VOID = {"meta", "link", "input", "br", "wbr"}


class Page(HTMLParser):
    """What a browser would find: tags, ids, links, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def binary() -> str | None:
    """The Chromium of this machine, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _command(chromium: str, folder: Path, *more: str) -> list[str]:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [chromium, *root, "--headless", "--disable-gpu", f"--user-data-dir={folder / 'user'}", *more]


def printed(page: str, folder: Path) -> int:
    """How many pages of paper a page takes; skips where there is no Chromium."""
    chromium = binary()
    if chromium is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    file, paper = folder / "page.html", folder / "page.pdf"
    file.write_text(page)
    command = _command(chromium, folder, f"--print-to-pdf={paper}", file.as_uri())
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    return sum(len(re.findall(rb"/Type\s*/Page\b(?!s)", part)) for part in _inflated(paper.read_bytes()))


def _inflated(pdf: bytes) -> Iterator[bytes]:
    """The objects of a PDF: as they stand, and inside its compressed streams."""
    yield pdf
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue  # a picture or a font in a form of its own


def run(page: str, probe: str, folder: Path, *, width: int = 1280) -> dict[str, Any]:
    """Open a page, run the body of an async function in it, answer what it returns; skips where there is no Chromium."""
    chromium = binary()
    if chromium is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    asked = f"""<script>addEventListener("load", async () => {{
      const told = await (async () => {{ {probe} }})().catch((e) => ({{failed: String(e)}}));
      const out = document.createElement("pre"); out.id = "probe";
      out.textContent = JSON.stringify({{...told, errors: __errors}}); document.body.append(out);
    }});</script></body>"""
    file = folder / "page.html"
    file.write_text(page.replace("<head>", f"<head>{WATCH}", 1).replace("</body>", asked, 1))
    offline = ("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000")
    command = _command(chromium, folder, f"--window-size={width},900", *offline, "--dump-dom", file.as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer
