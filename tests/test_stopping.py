"""Ctrl-C and SIGTERM while commands other than a provision write: real processes get them at a write of theirs.

The state is in S3, so that there is a write also where nothing in AWS is changed.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reptiops.sandbox.server import seed as zone
from tests.processes import Site, warm
from tests.small import SERVICES, small_config

BUCKETS = {"assets": "storage/bucket/assets", "logs": "storage/logs_bucket", "uploads": "storage/bucket/uploads"}
MEDIA = (
    ("    uploads:\n", "    media:\n      name: reptidex-dev-uploads\n"),
    ("[uploads]", "[media]"),
)
REMOTE = ("backend: local ", "backend: s3://reptidex-states/tool ")
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools/reptiops:1"
GROUPS = tuple(f"compute/log_group/{name}" for name in SERVICES)
FIRST = 3
"""The first write after the lock and the beginning of the journal: the first of what a run is for."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    warm()
    directory = tmp_path / "site"
    small_config(directory / "config", REMOTE)
    site = Site(directory)
    site.server.forget()
    zone()
    _run(site, "state", "init", "dev")
    yield site
    site.close()


def _here(site: Site, config: str = "config") -> tuple[str, str]:
    return "--config-dir", str(site.directory / config)


def _run(site: Site, *args: str) -> str:
    return site.run(*args, *_here(site)).stdout


def _tags(site: Site, name: str) -> dict[str, str]:
    s3 = site.server.session().client("s3")
    try:
        return {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=f"reptidex-dev-{name}")["TagSet"]}
    except s3.exceptions.ClientError:
        return {}


def _adopted(site: Site) -> list[str]:
    return [name for name in BUCKETS if "reptiops:address" in _tags(site, name)]


def _twice(number: int) -> dict[tuple[int, str], signal.Signals]:
    """One of each: two of the same kind are one to a process that was not awake in between."""
    return {(number, "before"): signal.SIGINT, (number, "after"): signal.SIGTERM}


def _buckets(site: Site) -> None:
    """Made by hand, each as one could be wanted."""
    for name in BUCKETS:
        site.server.session().client("s3").create_bucket(Bucket=f"reptidex-dev-{name}")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_adoption_ends_between_two_things_and_goes_on(site: Site, kind: signal.Signals) -> None:
    _buckets(site)
    code, text = site.signalled({(FIRST + 1, "before"): kind}, "adopt", "dev", "--all", "--yes", *_here(site))
    assert code == 130, text
    assert "interrupted: nothing new was started, and AWS has answered what was asked." in text
    (first,) = _adopted(site)
    assert f"Adopted: {BUCKETS[first]}." in text
    for name in set(BUCKETS) - {first}:
        assert BUCKETS[name] in text.split("Not adopted: ")[1].splitlines()[0]
    assert "`reptiops adopt dev --config-dir" in text.replace("\n", " ")
    assert "Traceback" not in text
    assert _run(site, "state", "list", "dev").split()[0] == BUCKETS[first]
    assert "Did not end" not in _run(site, "status", "dev"), "each thing is done or not begun"
    assert "interrupted" in _run(site, "history", "dev")
    _run(site, "adopt", "dev", "--all", "--yes")
    assert _adopted(site) == list(BUCKETS)
    assert len(_run(site, "state", "list", "dev").splitlines()) == len(BUCKETS)


def test_an_adoption_that_is_stopped_at_once_goes_on(site: Site) -> None:
    _buckets(site)
    code, text = site.signalled(_twice(FIRST + 1), "adopt", "dev", "--all", "--yes", *_here(site))
    assert (code, len(_adopted(site))) == (130, 1)
    assert "stopped at once: `reptiops status dev" in text
    assert "Did not end: adopt" in _run(site, "status", "dev")
    (first,) = _adopted(site)
    _run(site, "adopt", "dev", "--all", "--yes")
    _run(site, "provision", "dev", "--yes", "--only", BUCKETS[first])
    assert _adopted(site) == list(BUCKETS)
    assert len(_run(site, "state", "list", "dev").splitlines()) == len(BUCKETS)
    assert "Did not end" not in _run(site, "status", "dev")


def _made(site: Site) -> list[str]:
    """Three buckets of ours: how the state lists them."""
    _run(site, "provision", "dev", "--yes", "--only", "storage/bucket", "--only", "storage/logs_bucket")
    return _run(site, "state", "list", "dev").splitlines()


def test_an_address_moves_whole(site: Site) -> None:
    _made(site)
    small_config(site.directory / "renamed", REMOTE, *MEDIA)
    move = ("state", "move", "dev", "storage/bucket/uploads", "storage/bucket/media", *_here(site, "renamed"))
    code, text = site.signalled({(FIRST + 1, "before"): signal.SIGTERM}, *move)
    assert code == 130, text
    assert "Moved: storage/bucket/uploads.\nThat is all of it: nothing is left to do." in text
    assert _tags(site, "uploads")["reptiops:address"] == "storage/bucket/media"
    listed = site.run("state", "list", "dev", *_here(site, "renamed")).stdout
    assert ("storage/bucket/media" in listed, "storage/bucket/uploads" in listed) == (True, False)


def test_a_move_that_is_stopped_at_once_is_done_again(site: Site) -> None:
    """Also between its two records, when it is at both addresses."""
    _made(site)
    small_config(site.directory / "renamed", REMOTE, *MEDIA)
    move = ("state", "move", "dev", "storage/bucket/uploads", "storage/bucket/media", *_here(site, "renamed"))
    for number in (FIRST + 1, FIRST + 2):
        code, _ = site.signalled(_twice(number), *move)
        assert code == 130
    both = site.run("state", "list", "dev", *_here(site, "renamed")).stdout
    assert ("storage/bucket/media" in both, "storage/bucket/uploads" in both) == (True, True)
    site.run(*move)
    listed = site.run("state", "list", "dev", *_here(site, "renamed")).stdout
    assert ("storage/bucket/media" in listed, "storage/bucket/uploads" in listed) == (True, False)


def test_a_rebuild_keeps_what_it_has_not_come_to(site: Site) -> None:
    before = _made(site)
    code, text = site.signalled({(FIRST, "before"): signal.SIGINT}, "state", "rebuild", "dev", *_here(site))
    assert code == 130, text
    assert "Recorded: storage/" in text
    assert len(text.split("Not recorded: ")[1].splitlines()[0].split()) == 2
    assert "`reptiops state rebuild dev" in text
    assert _run(site, "state", "list", "dev").splitlines() == before
    _run(site, "state", "rebuild", "dev")
    assert _run(site, "state", "list", "dev").splitlines() == before


def test_forgetting_ends_in_order(site: Site) -> None:
    before = _made(site)
    forget = ("state", "forget", "dev", "storage/bucket/assets", *_here(site))
    code, text = site.signalled({(1, "before"): signal.SIGINT}, *forget)
    assert (code, "Nothing was changed." in text) == (130, True), "while it only takes the lock"
    assert _run(site, "state", "list", "dev").splitlines() == before
    code, text = site.signalled({(FIRST, "before"): signal.SIGTERM}, *forget)
    assert code == 130, text
    assert "Forgotten: storage/bucket/assets.\nThat is all of it" in text
    assert "storage/bucket/assets" not in _run(site, "state", "list", "dev")
    assert _tags(site, "assets")["reptiops:address"] == "storage/bucket/assets"


def _kept_days(site: Site) -> list[int]:
    logs = site.server.session().client("logs")
    return [g.get("retentionInDays", 0) for g in logs.describe_log_groups(logGroupNamePrefix="/ecs/dev/")["logGroups"]]


def _lengthened(site: Site) -> None:
    """Log groups of ours that somebody has made keep for a year."""
    _run(site, "provision", "dev", "--yes", *(word for one in GROUPS for word in ("--only", one)))
    logs = site.server.session().client("logs")
    for name in SERVICES:
        logs.put_retention_policy(logGroupName=f"/ecs/dev/{name}", retentionInDays=365)


def test_accepting_ends_in_order(site: Site) -> None:
    _lengthened(site)
    accept = ("accept", "dev", GROUPS[0], *_here(site))
    file = site.directory / "config" / "dev.yaml"
    text = file.read_text()
    code, said = site.signalled({(1, "before"): signal.SIGTERM}, *accept)
    assert (code, "Nothing was changed." in said, file.read_text()) == (130, True, text)
    code, said = site.signalled({(FIRST, "before"): signal.SIGTERM}, *accept)
    assert code == 130, said
    assert f"Accepted: {GROUPS[0]}.\nThat is all of it: nothing is left to do." in said
    assert f"{GROUPS[0]}:" in file.read_text()
    drift = site.run("drift", "dev", *_here(site), check=False)
    assert (drift.returncode, GROUPS[0] in drift.stdout, GROUPS[1] in drift.stdout) == (3, False, True)
    assert _kept_days(site) == [365, 365]


def test_a_reconcile_is_kept_or_rolled_back_as_it_is_told(site: Site) -> None:
    _lengthened(site)
    signalled = {(FIRST + 4, "before"): signal.SIGINT}
    code, text = site.signalled(signalled, "reconcile", "dev", "--yes", *_here(site))
    assert (code, "Rolled back: AWS was read again" in text) == (130, True), text
    assert _kept_days(site) == [365, 365]
    code, text = site.signalled(signalled, "reconcile", "dev", "--yes", "--on-failure", "keep", *_here(site))
    assert (code, "Everything done so far was kept" in text) == (130, True), text
    assert _kept_days(site) != [365, 365]
    assert "Did not end: reconcile" in _run(site, "status", "dev")
    _run(site, "rollback", "dev", "--yes")
    assert _kept_days(site) == [365, 365]


def _jobs(site: Site) -> int:
    return len(site.server.session().client("scheduler").list_schedules()["Schedules"])


def test_a_scheduled_job_is_made_and_removed_in_order(site: Site) -> None:
    needed = ("network", "security", "compute/insights_log_group", "compute/cluster", "monitoring/alarm_topic")
    _run(site, "provision", "dev", "--yes", *(word for one in needed for word in ("--only", one)))
    file = site.directory / "config" / "dev.yaml"
    text, before = file.read_text(), site.world()
    install = ("schedule", "install", "dev", "--image", IMAGE, *_here(site))
    code, said = site.signalled({(FIRST + 5, "before"): signal.SIGTERM}, *install)
    assert (code, "Rolled back: AWS was read again" in said) == (130, True), said
    assert f"{file} is as it was before." in said
    assert (file.read_text(), site.world()) == (text, before)
    (site.directory / "provision.yaml").write_text("operation: provision\non_failure: keep\n")
    keeping = ("--playbook-dir", str(site.directory))
    code, said = site.signalled({(FIRST + 5, "before"): signal.SIGTERM}, *install, *keeping)
    assert (code, "Everything done so far was kept" in said) == (130, True), said
    assert f"{file} keeps the new `schedule` section." in said
    assert (file.read_text() != text, site.world() != before, _jobs(site)) == (True, True, 0)
    site.run(*install)
    assert _jobs(site) == 1
    installed, there = file.read_text(), site.world()
    code, said = site.signalled({(FIRST + 3, "before"): signal.SIGINT}, "schedule", "uninstall", "dev", *_here(site))
    assert (code, "Traceback" in said, file.read_text() == installed) == (130, False, True), said
    assert site.world() == there
    _run(site, "schedule", "uninstall", "dev")
    assert _jobs(site) == 0
