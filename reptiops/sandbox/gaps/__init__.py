"""What moto lacks, filled at run time in this one place, so that resources use the same boto3 calls as on AWS."""

from __future__ import annotations

import os

from reptiops.errors import ReptiopsError

MOTO = "5.2.5"
"""The one version whose insides the additions fit."""


class GapError(ReptiopsError):
    """An addition does not fit the installed moto."""


def apply() -> None:
    """Fill all gaps, once per process; works for `mock_aws` in a test and for the server."""
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")
    import moto

    if moto.__version__ != MOTO:
        raise GapError(f"the sandbox needs moto {MOTO}, but {moto.__version__} is installed")
