"""What was measured, kept beside the code so that the parts can be measured one by one, each at its own time."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results.json"


def load() -> dict[str, dict[str, Any]]:
    """The newest of each part, with when and how it was measured."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def keep(part: str, found: Any) -> None:
    """Put a part in the place of the one measured before."""
    measured = {
        "found": found,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
    }
    FILE.write_text(json.dumps({**load(), part: measured}, indent=1, sort_keys=True, default=vars) + "\n")


def _commit() -> str:
    """What was measured: the commit, and whether the code differs from it."""

    def git(*arguments: str) -> str:
        answer = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=FILE.parents[1], check=False)
        return answer.stdout.strip()

    changed = git("status", "--porcelain", "--", "reptiops", "config", "tests/simulated.py", "benchmarks/*.py")
    return f"{git('rev-parse', '--short', 'HEAD') or 'unknown'}{' and changes' if changed else ''}"
