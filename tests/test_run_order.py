"""Runs come one after another, whatever the clocks of the machines say that begin them, and what a dying one writes late counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reptiops import app
from reptiops.app import states
from reptiops.app.runs import next_id, run_id, writing
from reptiops.engine.state import Journal
from reptiops.testing import mocked_aws

VPC, GATEWAY = ("network/vpc",), ("network/vpc", "network/internet_gateway")
TIMES = st.datetimes(timezones=st.just(UTC))


@given(clocks=st.lists(TIMES, min_size=2, max_size=20))
def test_runs_sort_in_the_order_in_which_they_began(clocks: list[datetime]) -> None:
    ids: list[str] = []
    for clock in clocks:
        ids.append(next_id(clock, ids[-1] if ids else ""))
    assert ids == sorted(set(ids))


@given(clock=TIMES, before=st.text("0123456789.TZabc-", max_size=30))
def test_a_run_comes_after_whatever_is_there(clock: datetime, before: str) -> None:
    assert next_id(clock, before) > before


def _ahead(directory: Path) -> str:
    """The newest run of dev began on a machine whose clock is three minutes ahead."""
    (journal,) = (directory / "dev" / "journal").iterdir()
    later = run_id(datetime.now(UTC) + timedelta(minutes=3))
    state = directory / "dev" / "state.json"
    state.write_text(state.read_text().replace(journal.name.removesuffix(".jsonl"), later))
    journal.rename(journal.with_name(f"{later}.jsonl"))
    return later


def test_a_run_of_a_machine_that_is_behind_is_not_forgotten(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", only=VPC, **where)
        earlier = _ahead(tmp_path)
        state = tmp_path / "dev" / "state.json"
        before = state.read_bytes()
        app.provision("dev", only=GATEWAY, **where)
        assert states.show("dev", **where).through > earlier
        state.write_bytes(before)  # as if the second one had been killed before it compacted the state
        assert "network/internet_gateway" in {entry.address for entry in states.entries("dev", **where)}


def test_an_entry_that_was_removed_does_not_come_back(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", only=VPC, **where)
        _ahead(tmp_path)
        states.forget("dev", "network/vpc", **where)
        assert states.entries("dev", **where) == ()


def test_what_a_dying_run_wrote_since_the_state_was_read_refuses_the_next(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", only=VPC, **where)
        dying = Journal(app.open_site(app.Settings("dev", **where)).records, run_id(datetime.now(UTC)))
        dying.write("run", operation="provision")
        site = app.open_site(app.Settings("dev", **where))
        entry = vars(site.state.entries["network/vpc"])
        dying.write("done", address="network/late", verb="create", entry={**entry, "address": "network/late"})
        with (
            pytest.raises(app.Refused, match="Another run has changed"),
            writing(site, "forget", lambda _: None, site.scope()),
        ):
            raise AssertionError("it began")
        assert "network/late" in {one.address for one in states.entries("dev", **where)}
