"""What is read of an environment that exists: what its plans cost, its import blocks, and the report, which is one
well-formed file that says what is so, escapes what AWS says, and calls nobody.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from click.testing import CliRunner

from reptiops import app
from reptiops.app.costs import configured
from reptiops.app.leaving import ABSENT
from reptiops.app.overview import Leg, Overview, Shown, timeline
from reptiops.aws import Aws
from reptiops.cli import cli
from reptiops.config import load_environment
from reptiops.engine.plan import Plan
from reptiops.engine.references import Reference, parts, references
from reptiops.export.terraform import Imports
from reptiops.operations.spend import spend
from reptiops.report.page import charts, page
from reptiops.steps import documented
from reptiops.testing import mocked_aws
from tests import browser
from tests.browser import Page
from tests.test_export import blocks_of

TODAY = date(2026, 11, 24)


class Looked(NamedTuple):
    empty: Overview
    """prod before anything has been made."""
    first: Plan
    """The plan of the first provision of half of dev."""
    again: Plan
    """The plan after it."""
    otherwise: Plan
    """The plan if dev had one NAT gateway, a larger database and a budget as estimated."""
    imports: Imports
    ids: Mapping[str, str]
    dev: Overview
    """That half after one thing was changed, one added and one taken away by hand."""
    fewer: Overview
    """The same if dev had one NAT gateway."""
    secret: str


SELECTED: dict[str, Any] = {
    "phases": ("network", "security", "database"),
    "only": ("storage/logs_bucket", "monitoring/alarm_topic", "monitoring/budget"),
}
OTHERWISE = (
    ("nat_gateways: per_az", "nat_gateways: 1"),
    ("db.t4g.micro", "db.t4g.small"),
    ("amount: 150", "amount: estimate"),
)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    state, config = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("config")
    text = Path("config/dev.yaml").read_text()
    for before, after in OTHERWISE:
        text = text.replace(before, after)
    (config / "dev.yaml").write_text(text)
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": state}
        empty = app.overview("prod", **where)
        done = app.provision("dev", **SELECTED, **where)
        again = app.plan("dev", **SELECTED, **where)
        otherwise = app.plan("dev", **SELECTED, **where, config_dir=config)
        imports = app.export_terraform("dev", **where)
        secret = _deeds(session)
        dev = app.overview("dev", **where)
        fewer = app.overview("dev", **where, config_dir=config)
        ids = {a: o.id for a, o in done.live.items()}
        yield Looked(empty, done.plan, again, otherwise, imports, ids, dev, fewer, secret)


def _deeds(session: Any) -> str:
    """What a person does by hand; answers the database password."""
    ec2 = session.client("ec2")
    named = [{"Name": "group-name", "Values": ["reptidex-dev-rds-sg"]}]
    group = ec2.describe_security_groups(Filters=named)["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    session.client("rds").modify_db_instance(DBInstanceIdentifier="reptidex-dev", BackupRetentionPeriod=1)
    session.client("ssm").delete_parameter(Name="/reptidex/dev/redis/port")
    answer = session.client("secretsmanager").get_secret_value(SecretId="reptidex/dev/database")
    return str(json.loads(answer["SecretString"])["password"])


# --- what plans cost ----------------------------------------------------------------------------------------------------


def test_a_plan_says_what_it_costs(looked: Looked) -> None:
    found = app.cost_of_plan(load_environment("dev"), looked.otherwise)
    assert {address: round(amount, 2) for address, amount in found.by_address.items()} == {
        "network/nat_gateway/us-east-1b": -32.85,
        "network/elastic_ip/us-east-1b": -3.65,
        "database/database": 11.68,
    }
    assert found.fixed == pytest.approx(-32.85 - 3.65 + 11.68)


def test_a_plan_without_changes_costs_nothing_more(looked: Looked) -> None:
    found = app.cost_of_plan(load_environment("dev"), looked.again)
    assert dict(found.by_address) == {}
    assert found.before.fixed == found.after.fixed > 90


def test_a_first_plan_costs_what_it_makes(looked: Looked) -> None:
    found = app.cost_of_plan(load_environment("dev"), looked.first)
    assert found.before.fixed == 0
    assert found.by_address["network/nat_gateway/us-east-1a"] == pytest.approx(32.85)
    assert sum(found.by_address.values()) == pytest.approx(found.fixed)


def test_a_service_without_an_image_costs_nothing_yet(looked: Looked) -> None:
    services = [a for a in looked.dev.plan.actions if a.address.startswith("compute/service/")]
    assert services
    assert not {a.address for a in services} & looked.dev.difference.by_address.keys()


def test_the_budget_takes_the_estimate_and_a_plan_warns_beyond_the_guides(looked: Looked) -> None:
    assert any("exceeds the budget of $150" in note for note in looked.again.notes)
    assert not any("exceeds" in note for note in looked.otherwise.notes)
    budget = next(a for a in looked.otherwise.actions if a.address == "monitoring/budget")
    wanted: Any = budget.want
    assert budget.verb == "update"
    assert 200 < wanted.amount < 400


def test_an_emulator_knows_no_spend_and_says_so(looked: Looked) -> None:
    aws = Aws(boto3.Session("x", "x", region_name="us-east-1"), "us-east-1", read_only=True)
    found = spend(aws, {"Project": "reptidex", "Environment": "dev"}, TODAY)
    assert found["unavailable"]
    assert found["months"] == []


# --- import blocks ------------------------------------------------------------------------------------------------------


def test_import_blocks_have_the_live_ids(looked: Looked) -> None:
    blocks, ids = blocks_of(looked.imports.text), looked.ids
    assert looked.imports.count == len(blocks)
    assert blocks["aws_vpc.vpc"] == ids["network/vpc"]
    private = ids["network/private_route_table/us-east-1a"]
    assert blocks["aws_route_table_association.private_route_table_us_east_1a_1"] == (
        f"{ids['network/private_subnet/us-east-1a']}/{private}"
    )
    assert blocks["aws_s3_bucket_policy.logs_bucket"] == "reptidex-dev-logs"
    assert blocks["aws_iam_role_policy.execution_role_start_tasks"] == "reptidex-dev-execution:start-tasks"
    assert blocks["aws_budgets_budget.budget"] == "123456789012:reptidex-dev-monthly"
    named = {block.split(".")[1] for block in blocks}
    assert "database" in named
    assert looked.imports.missing.keys() == {a.address for a in looked.dev.plan.actions if a.live is None} - {
        "database/parameter/redis/port"  # was there when the blocks were written
    }
    assert set(looked.imports.missing.values()) == {ABSENT}


# --- the report ---------------------------------------------------------------------------------------------------------


def test_what_nobody_declared_is_not_counted_as_there(looked: Looked) -> None:
    assert any(one.state == "extra" and one.id for one in looked.dev.resources)
    there = sum(bool(one.live) for one in looked.dev.plan.actions)
    assert f"<strong>{there}</strong><span>of {len(looked.dev.plan.actions)} resources are there" in page(looked.dev)


def test_what_the_configuration_no_longer_has_is_no_drift_but_waits_to_go(looked: Looked) -> None:
    one = next(s for s in looked.fewer.resources if s.address == "network/nat_gateway/us-east-1b")
    assert (one.state, one.word) == ("pending", "available; no longer in the configuration")
    assert not [s for s in looked.fewer.resources if s.state == "extra" and s.address.startswith("network/")]
    assert "no longer in the configuration" in page(looked.fewer)


def test_it_is_well_formed_and_needs_nothing_else(looked: Looked) -> None:
    text = page(looked.dev)
    found = Page(text)
    assert found.open == []
    assert [one for one, count in Counter(found.ids).items() if count > 1] == []
    inner = {link[1:] for link in found.links if link.startswith("#")}
    assert inner <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == {"data:,"}
    assert found.sources == []
    assert "http://" not in text
    assert "https://" not in text


def test_it_holds_no_secret(looked: Looked) -> None:
    assert looked.secret not in page(looked.dev)
    assert looked.secret not in looked.imports.text


def test_it_says_what_is_so(looked: Looked) -> None:
    states = {s.address: s.state for s in looked.dev.resources if s.state not in ("ok", "absent")}
    assert states == {
        "database/database": "drift",
        "database/parameter/redis/port": "missing",
        "security/security_group/rds": "extra",
    }
    text = page(looked.dev)
    assert "1 missing; 1 undeclared; 1 drifted" in text
    assert "backup_days" in text


def test_every_drawn_resource_is_in_the_picture(looked: Looked) -> None:
    text = page(looked.dev)
    drawn = [s.address for s in looked.dev.resources if s.drawn not in ("", "network", "subnet")]
    assert len(drawn) == 2 + 1 + 1 + 10 + 2 + 3  # gates, edge, entry, services, data, stores
    assert {a for a in drawn if f'data-address="{a}"' not in text} == set()


def test_what_aws_says_cannot_become_a_tag(looked: Looked) -> None:
    evil = "<script>alert(1)</script>"
    bad = Shown("network/vpc", "ec2.Vpc", "failed", evil, evil, "network")
    text = page(dataclasses.replace(looked.dev, resources=(bad, *looked.dev.resources[1:])))
    assert evil not in text
    assert Page(text).tags["script"] == 2, "its own"


def test_before_anything_is_made_there_is_a_report_too(looked: Looked) -> None:
    text = page(looked.empty)
    assert "Nothing of it has been made yet." in text
    assert "No run has changed anything yet." in text
    assert Page(text).open == []


def test_references_are_read_from_what_resources_name() -> None:
    wanted = configured(load_environment("dev"))
    named = references(wanted)
    assert named["network/nat_gateway/us-east-1a"] == {
        "network/public_subnet/us-east-1a",
        "network/elastic_ip/us-east-1a",
    }
    rule = "security/security_group_rule/alb/inbound/tcp-80-0.0.0.0_0"
    assert parts(f"x⟦{rule}.record.name⟧y", {rule}) == ["x", Reference(rule, "record.name"), "y"]


def _record(event: str, address: str, second: int, verb: str = "create") -> dict[str, Any]:
    return {"event": event, "address": address, "verb": verb, "at": f"2026-01-01T00:00:{second:02}.000+00:00"}


def test_the_critical_path_goes_back_over_what_was_needed() -> None:
    records = [
        {"event": "run", "at": "2026-01-01T00:00:00.000+00:00"},
        _record("begin", "network/vpc", 0),
        _record("done", "network/vpc", 1),
        _record("begin", "network/internet_gateway", 1),
        _record("done", "network/internet_gateway", 9),
        _record("begin", "network/public_subnet/us-east-1a", 1),
        _record("done", "network/public_subnet/us-east-1a", 2),
        _record("begin", "network/public_route_table", 9),
        _record("done", "network/public_route_table", 10),
        _record("ready", "network/public_route_table", 30),
        _record("begin", "network/elastic_ip/us-east-1a", 3),
        _record("failed", "network/elastic_ip/us-east-1a", 4),
    ]
    legs = {leg.address: leg for leg in timeline(records, documented())}
    critical = {a for a, leg in legs.items() if leg.critical}
    assert critical == {"network/vpc", "network/internet_gateway", "network/public_route_table"}
    assert legs["network/public_route_table"] == Leg(
        "network/public_route_table", "create", 9, 30, False, True, waits=20
    )
    assert legs["network/elastic_ip/us-east-1a"].failed


def test_what_is_waited_for_is_a_part_of_the_bar() -> None:
    records = [
        {"event": "run", "at": "2026-01-01T00:00:00.000+00:00"},
        _record("begin", "database/database", 0, "update"),
        _record("done", "database/database", 2, "update"),
        _record("begin", "compute/service/repti-core", 2, "update"),
        _record("done", "compute/service/repti-core", 3, "update"),
        _record("ready", "database/database", 10, "update"),
        {k: v for k, v in _record("symptoms", "compute/service/repti-core", 43).items() if k != "verb"},
        _record("begin", "database/redis", 50, "delete"),
        {**_record("done", "database/redis", 59, "delete"), "waits": 7.5},
    ]
    database, service, redis = timeline(records, documented())
    assert (redis.verb, redis.ends, redis.waits, redis.failed) == ("delete", 59, 7.5, False)
    assert (database.verb, database.ends, database.waits, database.failed) == ("update", 10, 8, False)
    assert (service.verb, service.ends, service.waits, service.failed) == ("update", 43, 40, True)
    drawn = str(charts.timeline((database, service)))
    assert "update database/database, from 0.0 s to 10 s, 8.0 s of it waiting for AWS" in drawn
    assert 'style="width:80.00%"' in drawn
    assert "wait" not in str(charts.timeline([dataclasses.replace(database, waits=0.0)]))


@pytest.mark.usefixtures("looked")
def test_a_run_writes_down_when_aws_said_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reptiops.engine.apply.WORTH", 0.0)  # moto is never slow
    session = boto3.Session("x", "x", region_name="us-east-1")
    where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
    app.provision("prod", only=("network/vpc",), **where)
    site = app.open_site(app.Settings("prod", **where))
    (run,) = site.records.runs()
    records = list(site.records.records(run))
    times = {r["event"]: r["at"] for r in records if r.get("address") == "network/vpc"}
    assert times["begin"] <= times["done"] <= times["ready"]
    (leg,) = timeline(records, site.graph)
    assert leg.critical
    assert leg.ends >= leg.starts


@pytest.mark.usefixtures("looked")
def test_the_command_writes_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    file = tmp_path / "dev.html"
    done = CliRunner().invoke(cli, ["report", "dev", "-o", str(file), "--state-dir", str(tmp_path / "state")])
    assert done.exit_code == 0, done.output
    assert Page(file.read_text()).open == []
    assert file.stat().st_mode & 0o777 == 0o600


# --- in a browser: make report-check ----------------------------------------------------------------------------------

PROBE = """
const q = (s) => [...document.querySelectorAll(s)], by = (id) => document.getElementById(id);
const visible = () => q(".resources tbody tr").filter((r) => !r.hidden).length;
const set = (id, value) => { by(id).value = value; by(id).dispatchEvent(new Event("input", {bubbles: true})); };
const out = {};
out.requests = performance.getEntriesByType("resource").length;
out.rows = q(".resources tbody tr").length;
out.shown = visible();
let before = performance.now();
set("search", "nat_gateway us-east-1a"); out.found = visible();
out.milliseconds = performance.now() - before;
set("search", ""); by("more").click(); out.more = visible();
set("search", ""); set("phase", "network"); out.network = visible();
set("phase", ""); set("state", q("#state option")[1].value); out.state = visible();
set("state", "");
const drawn = (s) => q(s).filter((e) => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; }).length;
out.things = drawn(".picture .thing"); out.bars = drawn(".cost rect"); out.gantt = drawn(".gantt .bar");
out.year = drawn(".year rect"); out.runs = drawn(".history svg");
out.overflow = document.documentElement.scrollWidth - innerWidth;
const wide = q(".scroll").filter((e) => e.scrollWidth > e.clientWidth + 1);
out.wide = wide.filter((e) => e.querySelector("table")).length;
out.reached = wide.every((e) => e.tabIndex === 0 && e.getAttribute("aria-label") && getComputedStyle(e, "::before").content.includes("sideways"));
location.hash = q(".picture .thing")[0].getAttribute("href");
await new Promise((done) => setTimeout(done, 200));
out.focused = document.activeElement.id === location.hash.slice(1);
by("theme").click(); out.theme = document.documentElement.dataset.theme;
out.unnamed = q("a, button, input, select").filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || q(`label[for=${e.id}]`).length)).length;
return out;
"""


def _large(found: Overview, services: int) -> Overview:
    """The same environment with so many services."""
    mine = [s for s in found.resources if s.address.endswith("/web-public")]
    more = [
        dataclasses.replace(one, address=f"{one.address.removesuffix('web-public')}service-{number:04}")
        for number in range(services)
        for one in mine
    ]
    legs = tuple(Leg(one.address, "create", i / 10, i / 10 + 5) for i, one in enumerate(more))
    return dataclasses.replace(found, resources=(*found.resources, *more), timeline=legs)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 420])
def test_in_a_browser(looked: Looked, tmp_path: Path, width: int) -> None:
    seen = browser.run(page(looked.dev), PROBE, tmp_path, width=width)
    assert seen["errors"] == []
    assert seen["requests"] == 0
    assert seen["shown"] == seen["rows"] == len(looked.dev.resources)
    assert seen["found"] == 1
    assert seen["network"] == sum(s.phase == "network" for s in looked.dev.resources)
    assert 0 < seen["state"] < seen["rows"]
    assert seen["things"] == sum(s.drawn not in ("", "network", "subnet") for s in looked.dev.resources)
    assert min(seen["bars"], seen["gantt"], seen["year"], seen["runs"]) > 0
    assert seen["overflow"] <= 0
    assert (seen["wide"], seen["reached"]) == (0, True), "no table scrolls sideways, and what does says so"
    assert seen["focused"]
    assert seen["unnamed"] == 0
    assert seen["theme"] in ("light", "dark")


@pytest.mark.browser
def test_in_a_browser_with_a_thousand_services(looked: Looked, tmp_path: Path) -> None:
    found = _large(looked.dev, 1000)
    seen = browser.run(page(found), PROBE, tmp_path)
    assert seen["errors"] == []
    assert seen["rows"] == len(found.resources) > 5000
    assert seen["shown"] == 300
    assert seen["more"] == 1300
    assert seen["things"] > 1000
    assert seen["found"] == 1
    assert seen["focused"]
    print(f"{seen['rows']} rows, a search in {seen['milliseconds']:.0f} ms")


@pytest.mark.browser
def test_it_prints_on_few_pages(looked: Looked, tmp_path: Path) -> None:
    assert 10 <= browser.printed(page(looked.dev), tmp_path) <= 30


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_accessibility_checker_finds_nothing(looked: Looked, tmp_path: Path, theme: str) -> None:
    """axe-core, from npm: REPTIOPS_AXE says where its axe.min.js is."""
    place = os.environ.get("REPTIOPS_AXE")
    if not place:
        pytest.skip(
            "no axe-core: npm install axe-core; REPTIOPS_AXE=node_modules/axe-core/axe.min.js make report-check"
        )
    checker = Path(place).read_text().replace("</script", "<\\/script")
    whole = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", page(looked.dev))
    probe = f"""document.documentElement.dataset.theme = "{theme}";
      const found = await axe.run(document, {{resultTypes: ["violations"]}});
      return {{checked: found.passes.length, wrong: found.violations.map((v) => v.id + ": " + v.nodes[0].html)}};"""
    seen = browser.run(whole.replace("</body>", f"<script>{checker}</script></body>", 1), probe, tmp_path)
    assert seen["checked"] > 20
    assert seen["wrong"] == []
