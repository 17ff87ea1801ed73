"""What the journals tell afterwards: who, when, what was done, what failed and why, what was undone."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reptiops import __version__, app
from reptiops.app.failure import ways_of
from reptiops.config import environment_file
from reptiops.report import runs
from tests.faults import Faults, Killed

ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway")


@pytest.fixture
def where(session: Any, tmp_path: Path) -> Iterator[dict[str, Any]]:
    given = {"session": session, "state_dir": tmp_path}
    yield given
    app.teardown("dev", **given)


def _shown(found: app.Explained) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        runs.show_explained(console, found)
    return captured.get()


def test_a_run_tells_who_and_what(where: dict[str, Any]) -> None:
    app.provision("dev", **where, only=ONLY)
    (run,) = app.history("dev", **where)
    assert run.who.startswith("arn:aws:sts::123456789012:")
    assert (run.user, run.version) == (f"{getuser()} on {socket.gethostname()}", __version__)
    assert (run.operation, run.ending, run.why) == ("provision", "ended", "")
    found = app.explain("dev", **where)
    vpc = next(d for d in found.done if d.address == "network/vpc")
    assert (vpc.verb, vpc.kind, vpc.result) == ("create", "ec2.Vpc", "done")
    assert vpc.id.startswith("vpc-")
    assert [r.split()[0] for r in vpc.requests] == ["CreateVpc", "ModifyVpcAttribute", "ModifyVpcAttribute"]
    assert all(len(r.split()[1]) > 8 for r in vpc.requests), "each with AWS's own id"
    assert (found.failed, found.doubtful, found.undone, found.ways_out) == ((), (), (), ())
    app.teardown("dev", **where)
    gone = next(d for d in app.explain("dev", **where).done if d.address == "network/vpc")
    assert [gone.verb, *(r.split()[0] for r in gone.requests)] == ["delete", "DeleteVpc"]
    assert app.explain("dev", run.id[:20], **where).run.id == run.id
    assert app.environment_of(run.id[:20], **where) == "dev"
    shutil.copytree(where["state_dir"] / "dev", where["state_dir"] / "prod")
    with pytest.raises(app.Refused, match=r"dev, prod have runs that begin so.*reptiops history ENV"):
        app.environment_of(run.id, **where)
    with pytest.raises(app.Refused, match="no environment has a run"):
        app.environment_of("1999", **where)


def test_a_failed_run_tells_why_and_what_was_undone(where: dict[str, Any]) -> None:
    faults = Faults(where["session"], ("ec2:AttachInternetGateway", 1))
    with pytest.raises(app.ProvisionFailed):
        app.provision("dev", **where, only=ONLY)
    assert faults.fired
    found = app.explain("dev", **where)
    assert found.run.ending == "undone"
    (failed,) = found.failed
    assert failed.address == "network/internet_gateway"
    assert failed.why == "AccessDenied: injected: ec2:AttachInternetGateway is not allowed"
    assert "AccessDenied" in found.run.why
    assert not found.run.interrupted
    created = {d.address for d in found.done}
    assert created
    assert created <= {d.address for d in found.undone if d.verb == "delete"}
    text = _shown(found)
    for part in ("Undone", "Why it stopped", "AccessDenied", "network/internet_gateway", found.run.who):
        assert part in text
    assert runs.explained(found)["failed"][0]["why"] == failed.why


def test_a_kept_run_and_who_undid_it(where: dict[str, Any]) -> None:
    Faults(where["session"], ("ec2:AttachInternetGateway", 1))
    with pytest.raises(app.ProvisionFailed):
        app.provision("dev", **where, only=ONLY, on_failure="keep")
    kept = app.explain("dev", **where)
    assert (kept.run.ending, kept.undone) == ("failed", ())
    assert [command.split()[1] for command, _ in kept.ways_out] == ["provision", "rollback"]
    app.roll_back("dev", **where)
    again = app.explain("dev", kept.run.id, **where)
    assert again.run.undone_by == app.history("dev", **where)[0].id
    assert again.ways_out == ()
    assert f"by the run {again.run.undone_by}" in _shown(again)


def test_a_teardown_that_did_not_end_is_gone_on_with_or_made_anew(where: dict[str, Any]) -> None:
    app.provision("dev", **where, only=ONLY)
    Faults(where["session"], ("ec2:DeleteSubnet", 1), "kill before")
    with pytest.raises(Killed):
        app.teardown("dev", **where)
    found = app.explain("dev", **where)
    assert [command for command, _ in found.ways_out] == ["reptiops teardown dev", "reptiops provision dev"]
    assert "  reptiops teardown dev\n      removes the rest\n" in _shown(found)


def test_a_teardown_by_another_playbook_is_gone_on_with_by_that_one(where: dict[str, Any], tmp_path: Path) -> None:
    """`teardown` would remove all of the environment, where that playbook removes a part."""
    app.provision("dev", **where, only=ONLY)
    books = tmp_path / "books"
    books.mkdir()
    (books / "leave.yaml").write_text("operation: teardown\nphases: [network]\n")
    Faults(where["session"], ("ec2:DeleteSubnet", 1), "kill before")
    with pytest.raises(Killed):
        app.teardown("dev", playbook="leave", playbook_dir=books, **where)
    found = app.explain("dev", **where)
    assert found.run.playbook == "leave"
    assert "by the playbook leave" in _shown(found)
    ways = [command for command, _ in found.ways_out]
    assert ways == ["reptiops run leave dev", "reptiops provision dev"]
    assert [one for one, _ in ways_of(app.current("dev", **where)[1], "dev")] == ways
    with pytest.raises(app.Refused, match="`reptiops run leave dev` removes the rest"):
        app.roll_back("dev", **where)
    app.teardown("dev", playbook="leave", playbook_dir=books, **where)
    assert app.current("dev", **where)[1].empty


def test_what_was_set_back_counts_once(where: dict[str, Any], tmp_path: Path) -> None:
    only = ("compute/log_group/web-public", "compute/log_group/web-admin")
    app.provision("dev", **where, only=only)
    text = environment_file("dev").read_text()
    (tmp_path / "dev.yaml").write_text(text.replace("log_retention_days: 30", "log_retention_days: 7"))
    assert "log_retention_days: 7" in (tmp_path / "dev.yaml").read_text()
    changed = {**where, "only": only, "config_dir": tmp_path}
    Faults(where["session"], ("logs:PutRetentionPolicy", 2))
    with pytest.raises(app.ProvisionFailed):
        app.provision("dev", **changed)
    found = app.explain("dev", **where)
    assert (found.run.ending, dict(found.run.changes)) == ("undone", {"update": 1})
    assert {d.verb for d in found.undone} == {"restore"}
    assert len(found.undone) == len({d.address for d in found.undone})
    (back,) = (d for d in found.undone if d.requests)
    assert back.fields == ("retention_days",)
    assert [one.split()[0] for one in back.requests] == ["PutRetentionPolicy"]
    Faults(where["session"], ("logs:PutRetentionPolicy", 2))
    with pytest.raises(app.ProvisionFailed):
        app.provision("dev", **changed, on_failure="keep")
    app.roll_back("dev", **where)
    rolled, kept, *_ = app.history("dev", **where)
    assert (rolled.operation, set(rolled.changes), dict(kept.changes)) == ("rollback", {"restore"}, {"update": 1})


def test_at_80_columns_a_row_breaks_between_its_parts() -> None:
    run = app.Run(
        "20261130T151724.123456", "provision", "", "4cbf0661a2b3", "ended", {"create": 95, "delete": 12, "update": 3},
        user="root on vm", seconds=24.0,
    )  # fmt: skip
    torn = replace(run, operation="teardown", changes={"delete": 95}, finished_by="20261130T161724.123456")
    for width, wanted in (
        (
            80,
            [
                "20261130T151724.123456  provision  ended                               24 s",
                "    95 created, 12 deleted, 3 updated  root on vm 4cbf0661a2b3",
                "20261130T151724.123456  teardown   finished by 20261130T161724.123456  24 s",
                "    95 deleted  root on vm 4cbf0661a2b3",
            ],
        ),
        (
            40,
            ["    95 created, 12 deleted, 3 updated", "    root on vm 4cbf0661a2b3"],
        ),
    ):
        console = Console(width=width, force_terminal=True, color_system=None)
        with console.capture() as captured:
            runs.show_history(console, [run, torn])
        lines = captured.get().splitlines()
        assert [line for line in lines if line in wanted] == wanted, lines
    console = Console(width=80)
    with console.capture() as captured:
        runs.show_history(console, [run])
    (line,) = captured.get().splitlines()
    assert line.endswith("  24 s  95 created, 12 deleted, 3 updated  root on vm 4cbf0661a2b3"), (
        "in a log it is one line"
    )


def test_a_killed_run_is_in_doubt(where: dict[str, Any]) -> None:
    Faults(where["session"], ("ec2:CreateVpc", 1), "kill after")
    with pytest.raises(Killed):
        app.provision("dev", **where, only=ONLY)
    found = app.explain("dev", **where)
    assert found.run.ending == "did not end"
    assert [d.address for d in found.doubtful] == ["network/vpc"]
    assert "In doubt" in _shown(found)
    with pytest.raises(app.Refused, match="has no run "):
        app.explain("dev", "1999", **where)
