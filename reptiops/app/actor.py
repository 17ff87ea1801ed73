"""Who starts a run, from where and with what: recorded with each run."""

from __future__ import annotations

import os
import socket
import subprocess
from getpass import getuser

from reptiops import __version__
from reptiops.app.site import Site


def actor(site: Site) -> dict[str, str | int]:
    """The AWS identity, the person and the machine, the version of the tool, and the commit of the directory, if any."""
    return {
        "account": site.names.account,
        "who": site.aws.caller(),
        "user": getuser(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": __version__,
        "git": _commit(),
    }


def _commit() -> str:
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
