"""What office hours did is in the journal: history counts it, explain tells each call, and nothing of it can be undone by mistake."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from reptiops import app
from reptiops.app.site import Settings, open_site
from reptiops.report import runs
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults, Killed
from tests.small import small_config

BOTH = ("compute/service/web-public", "compute/service/repti-core")


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    scaled = "repti-core: {kind: backend, scaling: {min: 1, max: 4, cpu: 65, memory: 65}, "
    with mocked_aws() as session:
        config = small_config(tmp_path_factory.mktemp("config"), ("repti-core: {kind: backend, ", scaled))
        state = tmp_path_factory.mktemp("state")
        provision(session, state, "dev", config_dir=config, images=("repti-core", "web-public"))
        yield {"session": session, "state_dir": state, "config_dir": config}


def _shown(found: app.Explained) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    runs.show_explained(console, found)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_stop_and_a_start_are_told_with_their_requests(where: dict[str, Any]) -> None:
    app.stop("dev", **where)
    stopped = app.history("dev", **where)[0]
    assert (stopped.operation, stopped.ending, stopped.changes["stop"]) == ("stop", "ended", 2)
    found = app.explain("dev", **where)
    assert tuple(d.address for d in found.done if d.verb == "stop") == BOTH
    assert {d.address: d.fields for d in found.done if d.verb == "update"} == {
        "compute/cluster": ("tags",),
        "monitoring/alarm": ("actions_enabled",),
        "compute/scalable_target/repti-core": ("minimum", "schedule"),
    }
    assert all(d.requests and d.result == "done" for d in found.done)
    assert "UpdateService" in _shown(found)
    assert runs.explained(found)["done"][-1]["verb"] == "stop"
    app.start("dev", **where)
    run = next(r for r in app.history("dev", **where) if r.operation == "start")
    found = app.explain("dev", run.id, **where)
    assert [(d.address, d.verb) for d in found.done] == [
        ("compute/scalable_target/repti-core", "start"),
        ("monitoring/alarm", "update"),
        ("compute/cluster", "update"),
    ]
    assert not app.plan("dev", **where).changes


def test_a_stop_that_is_refused_says_what(where: dict[str, Any]) -> None:
    Faults(where["session"], ("ecs:UpdateService", 2))
    with pytest.raises(Exception, match="AccessDenied"):
        app.stop("dev", **where)
    found = app.explain("dev", **where)
    assert [d.address for d in found.done if d.verb == "stop"] == [BOTH[0]]
    [failed] = found.failed
    assert (failed.address, failed.verb, failed.why[:12]) == (BOTH[1], "stop", "AccessDenied")
    assert found.doubtful == ()
    app.start("dev", **where)


def test_a_stop_that_was_killed_is_in_doubt_and_no_rollback_takes_it_for_its_own(where: dict[str, Any]) -> None:
    Faults(where["session"], ("ecs:UpdateService", 1), "kill before")
    with pytest.raises(Killed):
        app.stop("dev", **where)
    found = app.explain("dev", **where)
    assert [(d.address, d.verb) for d in found.doubtful] == [(BOTH[0], "stop")]
    assert open_site(Settings("dev", **where)).unfinished().empty
    with pytest.raises(app.Refused):
        app.roll_back("dev", **where)
    app.stop("dev", **where)
    assert app.drift("dev", **where).findings == ()
    app.start("dev", **where)
    assert not app.plan("dev", **where).changes
