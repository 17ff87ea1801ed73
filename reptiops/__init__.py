"""reptiops makes the ReptiDex environment on AWS exist, and keeps it so.

`reptiops.plan`, `reptiops.provision` and `reptiops.teardown` are the operations for use from Python; they are loaded
when first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "plan", "provision", "teardown"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("reptiops")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in ("plan", "provision", "teardown"):
        from reptiops import app

        return getattr(app, name)
    raise AttributeError(f"module 'reptiops' has no attribute {name!r}")
