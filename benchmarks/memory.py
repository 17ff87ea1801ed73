"""The peak of a process's memory."""

from __future__ import annotations

import re
from pathlib import Path


def peak() -> float:
    """Of this process in MB, since it began to run its program; Linux only.

    `ru_maxrss` begins with what the process had that started it.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise SystemExit("/proc/self/status tells no VmHWM")
    return int(found[1]) / 1024
