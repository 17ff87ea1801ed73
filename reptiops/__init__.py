"""reptiops makes the ReptiDex environment on AWS exist, and keeps it so.

`reptiops.plan`, `reptiops.provision` and `reptiops.teardown` are the operations for use from Python; they are loaded
when first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from typing import Any

try:
    __version__ = _version("reptiops")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "plan", "provision", "teardown"]


def __getattr__(name: str) -> Any:
    if name in ("plan", "provision", "teardown"):
        from reptiops import app

        return getattr(app, name)
    raise AttributeError(f"module 'reptiops' has no attribute {name!r}")
