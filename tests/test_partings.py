"""What a person reads before a teardown: what goes, and right above the question what is lost, what stays, time and cost."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from reptiops import app
from reptiops.app.overview import timeline
from reptiops.cli import cli
from reptiops.engine.action import Action
from reptiops.engine.eta import Countdown
from reptiops.engine.resource import Status
from reptiops.report.partings import show_parting, show_summary
from reptiops.steps import documented
from reptiops.testing import mocked_aws, provision
from tests.skipping import Skipping
from tests.small import small_config

SECRET = "database/database_secret (at once, without recovery window)"
ASKED = "Type dev to destroy it"


@pytest.fixture(scope="module", params=["dev", "prod"])
def parting(request: pytest.FixtureRequest) -> app.Parting:
    asked: list[app.Parting] = []
    with mocked_aws() as session, tempfile.TemporaryDirectory() as there:
        provision(session, Path(there), request.param)
        with pytest.raises(app.Declined):
            app.teardown(
                request.param,
                session=session,
                state_dir=Path(there),
                allow_protected=True,
                approve=lambda one: bool(asked.append(one)),
            )
    return asked[0]


def _summary(parting: app.Parting) -> list[str]:
    console = Console(width=80, force_terminal=True, color_system=None, emoji=False)
    with console.capture() as shown:
        show_summary(console, parting)
    return [line.rstrip() for line in shown.get().splitlines()]


def test_what_is_lost_and_what_stays_fits_above_the_question(parting: app.Parting) -> None:
    lines = _summary(parting)
    assert len(lines) <= 17, "of 24"
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert lines[0] == f"{len(parting.actions)} resources of {parting.env.name} will be destroyed."
    lost, _, stays = text.partition("Stays:")
    for address in ("database/redis", "storage/bucket/assets", "storage/bucket/uploads", "storage/logs_bucket"):
        assert address in lost
    assert "all 10 of compute/log_group" in lost
    assert "all 10 of compute/repository" in lost
    prod = parting.env.name == "prod"
    assert f"{4 + prod} service-linked roles" in stays
    for address in ("database/database", "database/database_secret"):
        assert (f"{address} (" not in lost) == prod
        assert (address in stays) == prod
    assert (
        "database/database (no final snapshot), database/database_secret (at once, without recovery" in lost
    ) != prod
    assert ("a final snapshot reptidex-prod-final-… stays and is billed, its automated backups go" in stays) == prod
    assert ("can be restored for 7 days" in stays) == prod
    assert "May stay: security/validation_record/reptidex.com: if another certificate of the account needs it." in text
    assert "alarm" not in text, "what holds nothing is in the list only"


def test_what_somebody_else_deletes_already_counts_as_lost(parting: app.Parting) -> None:
    """Whether it leaves a snapshot is not ours to say any more."""

    def going(action: Action) -> Action:
        live = action.live
        assert live is not None
        return replace(action, live=replace(live, status=Status("going", "deleting")))

    actions = tuple(going(a) if a.address == "database/database" else a for a in parting.actions)
    assert "database/database" in replace(parting, actions=actions).lost
    assert parting.env.name == "dev" or "database/database" not in parting.lost


def test_time_is_what_the_countdown_begins_with_and_cost_what_is_billed_now(parting: app.Parting) -> None:
    seconds = Countdown(documented(), parting.actions).remaining(0.0)
    assert parting.forecast.seconds == seconds > 300
    time, cost = _summary(parting)[-2:]
    assert time.startswith("Time: about ")
    assert parting.cost.after.total.typical == 0
    assert parting.cost.typical < -100
    assert cost.startswith(f"Cost: about ${-parting.cost.typical:,.0f} a month at typical traffic ends")


def test_the_list_is_by_phase_last_first_and_a_line_a_resource(parting: app.Parting) -> None:
    console = Console(width=200, color_system=None, emoji=False)
    with console.capture() as shown:
        show_parting(console, parting)
    lines = shown.get().splitlines()
    heads = [line.split()[0] for line in lines if line[:1] not in ("", " ") and line.endswith("to delete")]
    assert heads == ["monitoring", "storage", "compute", "database", "security", "network"]
    for action in parting.actions:
        assert sum(line.split()[:2] == ["-", action.address] for line in lines) == 1
    assert lines[-1].startswith("Cost: ")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    config = small_config(tmp_path / "config", ("final_snapshot: false", "final_snapshot: true"))
    with mocked_aws() as session:
        monkeypatch.setattr(boto3, "Session", lambda *_, **__: session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "config_dir": config}
        app.provision("dev", only=("database/database_secret", "storage/logs_bucket", "network/vpc"), **where)

        def say(*words: str, typed: str = "") -> Result:
            given = ("--config-dir", str(config), "--state-dir", str(tmp_path / "state"))
            return CliRunner().invoke(cli, ["teardown", "dev", *given, *words], input=typed)

        yield say


def test_the_question_comes_last_says_what_to_type_and_only_that_counts(told: Any) -> None:
    for typed in ("yes\n", "prod\n"):
        wrong = told(typed=typed)
        assert isinstance(wrong.exception, app.Declined)
        assert str(wrong.exception) == f'"{typed.strip()}" is not "dev". Nothing was changed.'
    done = told("--json", typed="dev\n")
    assert done.exit_code == 0
    assert set(json.loads(done.stdout)["removed"]) == {
        "database/database_secret",
        "storage/logs_bucket",
        "network/vpc",
    }, "what is for a person goes where the list goes"
    lines = [line for line in done.stderr.splitlines() if line]
    at = next(number for number, line in enumerate(lines) if line.startswith(ASKED))
    assert lines[at - 1].startswith("Cost: about $")
    assert lines[at - 2].startswith("Time: about ")
    assert any(
        line == f"Lost for good, with what they hold: {SECRET}, storage/logs_bucket." for line in lines[at - 6 : at]
    )


def test_unasked_it_tells_the_same_without_the_question(told: Any) -> None:
    done = told("--yes")
    assert done.exit_code == 0
    assert ASKED not in done.output
    assert "3 resources of dev will be destroyed." in done.output
    assert f"Lost for good, with what they hold: {SECRET}, storage/logs_bucket." in done.output


def test_what_only_has_our_name_is_told_to_stay(told: Any, tmp_path: Path) -> None:
    boto3.Session().client("sns").create_topic(Name="reptidex-dev-alarms")
    shown = told(typed="no\n")
    assert "Stays: " in shown.output
    assert "nothing says that reptiops made it: monitoring/alarm_topic" in shown.output


def test_what_costs_nothing_ends_no_bill(parting: app.Parting) -> None:
    free = replace(parting.cost, before=parting.cost.after)
    assert _summary(replace(parting, cost=free))[-1] == "Cost: about $0 a month at typical traffic ends."


def test_a_teardown_writes_down_how_long_aws_took_to_remove_what_takes_it_long(tmp_path: Path) -> None:
    """AWS shows a gateway for a while after it has said that it deletes it; the clock skips what nobody waits for here."""
    shown: dict[str, Any] = {}
    looks = Counter[str]()

    def lingers(parsed: Any, **_: Any) -> None:
        there = {one["NatGatewayId"]: one for one in parsed["NatGateways"] if one["State"] == "available"}
        shown.update(there)
        for missing in shown.keys() - there.keys():
            looks[missing] += 1
            if looks[missing] <= 12:
                parsed["NatGateways"].append({**shown[missing], "State": "deleting"})

    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path, "clock": Skipping()}
        app.provision("prod", phases=("network",), **where)
        session.events.register("after-call.ec2.DescribeNatGateways", lingers)
        app.teardown("prod", allow_protected=True, **where)
        site = app.open_site(app.Settings("prod", **where))
        records = list(site.records.records(site.records.runs()[-1]))
    waits = {r["address"]: r["waits"] for r in records if r["event"] == "done" and "waits" in r}
    assert len(looks) == len(shown) > 0
    assert waits.keys() == {leg.address for leg in timeline(records, site.graph) if leg.waits}
    assert {address.rsplit("/", 1)[0] for address in waits} == {"network/nat_gateway"}
    assert min(waits.values()) >= 5
