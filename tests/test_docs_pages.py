"""Every command block of README and docs/, run page by page in a sandbox: `make docs-check`, and part of `make proof`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import docs


@pytest.mark.proof
@pytest.mark.parametrize("page", docs.pages(), ids=lambda p: p.name)
def test_every_command_block_does_what_is_said(page: Path) -> None:
    assert docs.check_page(page) == []
