"""The estimate: the floor against figures worked out by hand, traffic, what-if, the plan's change, and no kind forgotten."""

from __future__ import annotations

import datetime
import importlib
import io
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.validate import ParamValidator
from click.testing import CliRunner
from rich.console import Console

import reptiops.resources
from reptiops import app
from reptiops.app import costs
from reptiops.aws import Aws
from reptiops.cli import cli
from reptiops.config import load_environment, parse_environment
from reptiops.cost import Estimate, monthly, traffic_of
from reptiops.engine.usage import Around
from reptiops.operations.spend import spend
from reptiops.pricing import PriceFileError, load_guide, load_loads, load_prices
from reptiops.report.costs import show_cost
from reptiops.resources.s3 import Bucket, LifecycleRule
from reptiops.steps import documented

NO_ALARMS = ("alarm.metric", "insights.enabled")


def _estimate(name: str) -> Estimate:
    return costs.estimate(load_environment(name))


def _fixed(estimate: Estimate, *, leaving: tuple[str, ...] = ()) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in estimate.lines:
        if line.fixed and line.price not in leaving:
            found[line.component] = found.get(line.component, 0.0) + line.money.low
    return {name: round(amount, 2) for name, amount in found.items()}


# Worked out by hand from the price list, 730 hours, no traffic, nothing free:
# dev 4 vCPU and 8 GB, two zones; prod 16 vCPU and 32 GB at its least scale, three zones.
FLOOR = {
    "dev": {
        "ECS Fargate": 115.34, "NAT": 65.70, "Public IPv4": 7.30 + 7.30, "ALB": 16.43, "RDS": 11.68 + 2.30,
        "Redis": 11.68, "Secrets": 0.40, "CloudWatch and logs": 3.00,
    },
    "prod": {
        "ECS Fargate": 461.36, "NAT": 98.55, "Public IPv4": 10.95 + 10.95, "ALB": 16.43, "RDS": 47.45 + 23.00,
        "Redis": 46.72, "Secrets": 0.80, "CloudWatch and logs": 3.00,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_floor_is_what_one_works_out_by_hand(name: str) -> None:
    assert _fixed(_estimate(name), leaving=NO_ALARMS) == pytest.approx(FLOOR[name], abs=0.011)


def test_each_metric_of_an_alarm_counts() -> None:
    # Two rates of three metrics, 1 answer time, 10 unhealthy, 20 CPU and memory, 10 pairs of task counts, 5 of the
    # database, 5 of the one Redis node, 3 of the tool's own runs.
    alarms = sum(line.quantity[0] for line in _estimate("dev").lines if line.price == "alarm.metric")
    assert alarms == 2 * 3 + 1 + 10 + 20 + 10 * 2 + 5 + 5 + 3


def test_every_service_of_prod_scaled_out() -> None:
    env = load_environment("prod")
    out = monthly(costs.configured(env), load_prices(), traffic_of("prod").scaled_out())
    fargate = next(c for c in out.components if c.name == "ECS Fargate")
    assert fargate.total.low == pytest.approx(1268.74, abs=0.01)  # 44 vCPU, 88 GB


def test_every_kind_says_what_it_costs() -> None:
    for info in pkgutil.iter_modules(reptiops.resources.__path__):
        importlib.import_module(f"reptiops.resources.{info.name}")
    assert [kind.kind() for kind in documented().kinds() if not kind.priced()] == []
    assert _estimate("dev").unpriced == _estimate("prod").unpriced == ()


def test_what_has_no_price_is_told_and_not_counted_as_nothing(tmp_path: Path) -> None:
    text = Path("prices/us-east-1.yaml").read_text().replace("  nat.hour:", "  nat.other:")
    (tmp_path / "prices.yaml").write_text(text)
    found = costs.estimate(load_environment("dev"), load_prices(tmp_path / "prices.yaml"))
    assert found.unpriced == ("network/nat_gateway/us-east-1a: nat.hour", "network/nat_gateway/us-east-1b: nat.hour")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices: [", r"prices.yaml:2: not valid YAML"),
        ("region: x\ncurrency: EUR", r"prices.yaml:2: currency: 'EUR' is not a choice \(valid: 'USD'\)"),
        ("region: x", r"prices.yaml:1: prices: missing"),
        ("a: 1", r"prices.yaml:1: a: unknown key \(valid: currency, region, compiled, prices, free_tier\)"),
        ("compiled: soon\nprices:\n  x: {price: cheap, unt: a}", "compiled: 'soon' is not a date"),
        (
            "compiled: soon\nprices:\n  x: {price: cheap, unt: a}",
            "prices.yaml:3: prices.x.price: 'cheap' is not a number",
        ),
        (
            "compiled: soon\nprices:\n  x: {price: cheap, unt: a}",
            "prices.yaml:3: prices.x.unt: unknown key; did you mean unit?",
        ),
        (
            "compiled: soon\nprices:\n  x: {price: -1}",
            "prices.yaml:3: prices.x.price: -1 is out of range .valid: at least 0",
        ),
    ],
)
def test_a_wrong_price_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(PriceFileError, match=said):
        load_prices(tmp_path / "prices.yaml")
    with pytest.raises(PriceFileError, match="cannot read"):
        load_prices(tmp_path / "absent.yaml")


def test_a_load_is_shared_and_an_address_may_have_its_own() -> None:
    estimate = _estimate("prod")
    logs = {line.address: line.quantity[1] for line in estimate.lines if line.price == "logs.ingest"}
    own = logs.pop("network/flow_log_group")
    monitored = logs.pop("database/database")
    assert (own, monitored) == (20, 3)
    assert len(logs) == 10
    assert sum(logs.values()) == pytest.approx(40)


def test_every_load_of_the_file_moves_something_and_every_use_has_its_load() -> None:
    env = load_environment("prod")
    declared = costs.configured(env)
    uses = [use for one in declared.values() for use in one.billable(Around(declared))]
    assert {use.by for use in uses if use.by} == set(load_loads())
    assert {price.component for price in load_prices().prices.values()} <= set(load_guide().reasons)


def test_the_configuration_may_say_what_is_carried_and_at_which_prices(tmp_path: Path) -> None:
    (section,) = re.findall(r"```yaml\n(cost:.*?)```", Path("docs/cost.md").read_text(), re.DOTALL)
    own = tmp_path / "my-prices.yaml"
    own.write_text(
        Path("prices/us-east-1.yaml").read_text().replace("price: 0.045, unit: GB,", "price: 1.0, unit: GB,")
    )
    text = Path("config/dev.yaml").read_text() + section.replace("my-prices.yaml", str(own))
    env = parse_environment(text, "dev")
    found = costs.estimate(env)
    nat = next(c for c in found.components if c.name == "NAT")
    assert (nat.traffic.low, nat.traffic.typical, nat.traffic.high) == (10, 50, 100)
    free = {line.price for line in found.lines if line.money.high == 0 and line.quantity[2] > 0}
    assert free == {"dashboard.month", "cdn.gb", "cdn.requests", "transfer.out"}


def test_a_load_that_nobody_knows_is_refused() -> None:
    text = Path("config/dev.yaml").read_text() + "cost:\n  traffic:\n    nta_gb: [1, 2, 3]\n"
    with pytest.raises(PriceFileError, match="nta_gb"):
        costs.estimate(parse_environment(text, "dev"))


def test_storage_classes_follow_the_lifecycle() -> None:
    bucket = Bucket("b", lifecycle={"objects": LifecycleRule(transitions=((73, "GLACIER"),))})
    found = monthly({"storage/bucket/b": bucket}, load_prices(), traffic_of("dev", {"stored_gb": (0, 100, 100)}))
    stored = {line.price: line.quantity[1] for line in found.lines if line.unit == "GB-month"}
    assert stored == {"s3.standard": pytest.approx(20), "s3.glacier": pytest.approx(80)}


def _what_if(name: str, *questions: str) -> Any:
    return app.cost(name, what_if=questions)


def _saved(done: Any, index: int = 0) -> float:
    return round(float(done.variants[index].estimate.fixed - done.estimate.fixed), 2)


def test_what_if_the_network_were_otherwise() -> None:
    done = _what_if("dev", "single-nat", "no-nat")
    assert _saved(done, 0) == pytest.approx(-32.85 - 3.65, abs=0.01)
    # Seven interface endpoints in two zones instead of two gateways and their addresses.
    assert _saved(done, 1) == pytest.approx(7 * 2 * 7.30 - 65.70 - 7.30, abs=0.01)


def test_what_if_office_hours_and_together_with_a_savings_plan() -> None:
    done = _what_if("dev", "office-hours", "savings-plan=50")
    fargate = [next(c.fixed for c in v.estimate.components if c.name == "ECS Fargate") for v in done.variants]
    assert fargate[0] == pytest.approx(115.34 * 60 / 168, abs=0.01)  # 12 hours on 5 days
    assert fargate[1] == pytest.approx(115.34 / 2, abs=0.01)
    assert fargate[2] == pytest.approx(115.34 * 60 / 168 / 2, abs=0.01)
    assert [v.question for v in done.variants][2] == "office-hours + savings-plan=50"


def test_what_if_sizes_were_others() -> None:
    done = _what_if("dev", "service.memory=2048", "repti-core.cpu=256", "database.instance_class=db.t4g.small")
    vcpu, gb = 23.6374, 2.5988
    assert _saved(done, 0) == pytest.approx((4 * 1.5 + 6 * 1) * gb, abs=0.01)
    assert _saved(done, 1) == pytest.approx(-vcpu / 4, abs=0.01)
    assert _saved(done, 2) == pytest.approx(11.68, abs=0.01)
    with pytest.raises(
        app.ConfigurationError, match=r"^--what-if frontend.cpu=512: compute.*512 CPU units with 512 MiB"
    ):
        _what_if("dev", "frontend.cpu=512")


def test_what_must_change_together_is_one_question() -> None:
    done = _what_if("dev", "backend.cpu=1024,backend.memory=2048", "single-nat,office-hours")
    assert _saved(done, 0) == pytest.approx(6 * (0.5 * 23.6374 + 1 * 2.5988), abs=0.01)
    assert _saved(done, 1) == pytest.approx(-36.50 - 115.34 * 108 / 168, abs=0.01)
    assert done.variants[2].question == "backend.cpu=1024,backend.memory=2048 + single-nat,office-hours"


def test_every_billed_item_is_shown_on_request() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        show_cost(console, app.cost("dev"), verbose=True)
    shown = captured.get()
    assert "7.30  compute/load_balancer  1,460 address-hour × 0.005" in shown
    items = re.findall(r"^ +([\d,.]+)  \S+/\S+  [\d,.e+]+ .* × [\d.]+", shown, re.M)
    assert sum(float(one.replace(",", "")) for one in items) == pytest.approx(_estimate("dev").total.typical, abs=0.5)
    assert "not confirmed in CloudWatch and logs, the rate of a Savings Plan" in shown
    assert "$534 a month for dev and prod make $6,408" in shown


def test_a_question_that_makes_no_sense_is_refused() -> None:
    for question in ("nonsense", "savings-plan=lots"):
        with pytest.raises(costs.WhatIfError):
            _what_if("dev", question)
    with pytest.raises(app.ConfigurationError):
        _what_if("dev", "database.storage_gb=none")


def _typed(*words: str) -> tuple[str, str]:
    done = CliRunner().invoke(cli, ["cost", "dev", *words])
    return done.output, str(done.exception or "")


def test_quiet_is_without_notes(tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text()
    (tmp_path / "dev.yaml").write_text(re.sub(r"(?m)^(  budget:.*\n(?:    .*\n)*?    amount: )\S+", r"\g<1>5", text))
    assert "exceeds the budget" in _typed("--config-dir", str(tmp_path))[0]
    quiet, told = _typed("-q", "--config-dir", str(tmp_path))
    assert ("budget" in quiet, "total" in quiet, told) == (False, True, "")


def test_the_first_year_beside_the_guides() -> None:
    done = app.cost("dev")
    assert sum(m.period.amount for m in done.year) == done.guide.year.total == 7800
    assert sum(m.period.months for m in done.year) == 12
    both = [costs.estimate(load_environment(n)).total for n in ("dev", "prod")]
    assert done.year[0].ours == pytest.approx(3 * sum(one.low for one in both))
    assert done.year[1].ours == pytest.approx(6 * sum(one.typical for one in both))
    assert done.year[2].ours < 3 * sum(one.typical for one in both)


def test_the_guides_figures_add_up_to_its_totals() -> None:
    guide = load_guide()
    assert {name: sum(part.values()) for name, part in guide.monthly.items()} == guide.totals


def _session(operation: str, answer: Any) -> Any:
    """A session whose wire answers one operation; everything above the wire is botocore's and ours."""
    session = boto3.Session("testing", "testing", region_name="us-east-1")

    def answered(request: Any, **_: Any) -> AWSResponse:
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        text = json.dumps(answer(json.loads(body))).encode()
        return AWSResponse(request.url, 200, {}, BytesIO(text))

    session.events.register(f"before-send.{operation}", answered)
    return session


class BytesIO(io.BytesIO):
    """What botocore reads an answer's body from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def test_prices_are_read_from_the_price_list_where_there_is_exactly_one(tmp_path: Path) -> None:
    def listed(request: Any) -> Any:
        fields = {one["Field"]: one["Value"] for one in request["Filters"]}
        assert fields["regionCode"] == "us-east-1"
        usage = fields["usagetype"]
        prices = {
            "NatGateway-Hours": [0.05],
            "DataProcessing-Bytes": [0.6],
            "LoadBalancerUsage": [0.02, 0.03],
            "LCUUsage": [0.0],
        }.get(usage, [])
        dimension = [{"beginRange": "0", "pricePerUnit": {"USD": str(price)}} for price in prices]
        products = [{"terms": {"OnDemand": {"x": {"priceDimensions": {"y": one}}}}} for one in dimension]
        return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in products]}

    file = tmp_path / "fresh.yaml"
    done = app.refresh_prices("dev", file, session=_session("pricing.GetProducts", listed))
    assert done.read == ("nat.hour", "logs.ingest"), "a usage type is looked for with its region and without"
    assert done.kept["alb.hour"] == "2 prices for LoadBalancerUsage"
    assert done.kept["alb.lcu"] == "no price for LCUUsage"
    fresh = load_prices(file)
    assert fresh.prices["nat.hour"].price == 0.05
    assert fresh.prices["alb.hour"] == load_prices().prices["alb.hour"]
    assert app.cost("dev", prices=file).estimate.fixed == pytest.approx(_estimate("dev").fixed + 2 * 730 * 0.005)


def test_every_request_to_the_price_list_has_the_form_that_aws_documents(tmp_path: Path) -> None:
    """botocore checks types and what is required; what it does not check, the values of an enumeration, is checked here."""
    asked: list[Mapping[str, Any]] = []
    session = _session("pricing.GetProducts", lambda _: {"FormatVersion": "aws_v1", "PriceList": []})
    session.events.register("provide-client-params.pricing.GetProducts", lambda params, **_: asked.append(dict(params)))
    app.refresh_prices("dev", tmp_path / "fresh.yaml", session=session)
    _check("pricing", "GetProducts", asked)
    named = {key: one.list for key, one in load_prices().prices.items() if one.list}
    filters = [{one["Field"]: one["Value"] for one in request["Filters"]} for request in asked]
    assert len(filters) == 2 * len(named), "each in both spellings"
    assert {f for one in filters for f in one} == {
        "regionCode",
        "usagetype",
        "operation",
        "databaseEngine",
        "cacheEngine",
    }
    assert {one["databaseEngine"] for one in filters if "databaseEngine" in one} == {"PostgreSQL"}
    assert {one["cacheEngine"] for one in filters if "cacheEngine" in one} == {"Redis", "Valkey"}
    shared = [key for key, one in named.items() if one[1].startswith(("InstanceUsage", "Multi-AZUsage", "NodeUsage"))]
    assert all(len(named[key]) == 3 for key in shared), "engines share these usage types"


def _check(service: str, operation: str, requests: Iterable[Mapping[str, Any]]) -> None:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    for request in requests:
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        assert not list(_strange(request, shape)), request


def _strange(value: Any, shape: Any) -> Iterator[str]:
    """Words that are in no enumeration of the model, or do not have its form."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _strange(inner, shape.members[name])
    elif shape.type_name == "list":
        for inner in value:
            yield from _strange(inner, shape.member)
    elif shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield value
        if "pattern" in shape.metadata and not re.fullmatch(shape.metadata["pattern"], value):
            yield value


def test_what_a_model_does_not_know_is_noticed() -> None:
    wrong = {"ServiceCode": "AmazonRDS", "Filters": [{"Type": "TERM", "Field": "usagetype", "Value": "x"}]}
    with pytest.raises(AssertionError):
        _check("pricing", "GetProducts", [wrong])
    with pytest.raises(AssertionError):
        _check("pricing", "GetProducts", [{"Filters": []}])


TAGS = {"Project": "reptidex", "Environment": "dev", "ManagedBy": "reptiops"}


def test_spend_is_summed_by_month_over_all_pages(tmp_path: Path) -> None:
    asked: list[Mapping[str, Any]] = []

    def spent(request: Any) -> Any:
        asked.append(request)
        name = "Amazon RDS" if "NextPageToken" in request else "Amazon ECS"
        metric = {"Metrics": {"UnblendedCost": {"Amount": "12.345", "Unit": "USD"}}}
        month = {"TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"}, "Groups": [{"Keys": [name], **metric}]}
        return {"ResultsByTime": [month], **({} if "NextPageToken" in request else {"NextPageToken": "more"})}

    aws = Aws(_session("ce.GetCostAndUsage", spent), "us-east-1", read_only=True)
    found = spend(aws, TAGS, datetime.date(2026, 11, 30))
    assert [(m["from"], m["amount"], len(m["services"])) for m in found["months"]] == [("2026-10-01", 24.7, 2)]
    assert [request.get("NextPageToken") for request in asked] == [None, "more"]
    assert asked[0]["TimePeriod"] == {"Start": "2026-10-01", "End": "2026-12-01"}, "the end is not in it"
    assert asked[0]["Filter"]["And"] == [
        {"Tags": {"Key": "Project", "Values": ["reptidex"]}},
        {"Tags": {"Key": "Environment", "Values": ["dev"]}},
    ]
    _check("ce", "GetCostAndUsage", asked)
