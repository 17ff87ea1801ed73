"""A page in headless Chromium: what a script finds out there, and every error on the way."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
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


def binary() -> str | None:
    """The Chromium of this machine, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


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
    command = [
        chromium,
        "--headless",
        "--disable-gpu",
        f"--window-size={width},900",
        f"--user-data-dir={folder / 'user'}",
    ]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--dump-dom", file.as_uri()]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer
