"""A disk that is full while a run goes on: what is said, once each, and what is left behind by attempts that cannot write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.backend import StateError
from reptiops.report.failures import explain
from reptiops.testing import mocked_aws
from tests.inventory import inventory
from tests.skipping import Skipping

ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway", "network/private_subnet")


@contextmanager
def _room(size: int) -> Iterator[None]:
    """So many bytes go into journals until the disk is full."""
    left, real = [size], os.write

    def write(handle: int, data: bytes) -> int:
        taken = data[: left[0]]
        left[0] -= len(taken)
        return real(handle, taken) if taken else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reptiops.engine.backend.os.write", write)
        yield


@pytest.mark.parametrize("policy", ["rollback", "keep"])
def test_a_run_whose_journal_cannot_be_written_says_what_was_not_done(policy: Any, tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        with _room(2500), pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", only=ONLY, on_failure=policy, **where)
        text = explain(failed.value, "dev")
        assert failed.value.undone is None
        assert text.count(".jsonl cannot be written") == 1, text
        assert text.count("No space left") == 1, text
        assert "Rolled back" not in text
        assert "NOT rolled back: the journal cannot be written" in text
        assert text.count("reptiops rollback dev") == text.count("reptiops provision dev") == 1
        left = inventory(session)
        assert left > before
        runs = len(app.history("dev", **where))
        for size in (0, 50):
            with _room(size), pytest.raises(StateError) as refused:
                app.roll_back("dev", **where)
            told = explain(refused.value, "dev")
            assert told.count("cannot be written") == 1, told
            assert "Nothing was changed. Once it can be written again, run the same command again." in " ".join(
                told.split()
            )
        assert len(app.history("dev", **where)) == runs, "an attempt that could not write is no run"
        assert inventory(session) == left
        with _room(1500), pytest.raises(app.RollbackIncomplete) as half:
            app.roll_back("dev", **where)
        told = str(half.value)
        assert told.startswith("NOT rolled back to its end: the journal "), told
        assert told.count("cannot be written") == 1, told
        assert told.endswith("Once it can be written again, `reptiops rollback dev` goes on.")
        app.roll_back("dev", **where)
        assert inventory(session) == before
