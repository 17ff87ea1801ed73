"""Forecasts: the critical path over AWS's own times, what is left of a run, and what is late."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reptiops.config import load_environment
from reptiops.engine.action import Action
from reptiops.engine.eta import KEPT, Countdown, Reversal, Timings, forecast, removal, reversal
from reptiops.engine.events import Event
from reptiops.engine.forecast import Forecast
from reptiops.engine.plan import Plan, wanted_actions
from reptiops.facts import Facts
from reptiops.resources import ec2_gateways, elasticache, rds
from reptiops.steps import documented

TABLE = Path(__file__).parents[1] / "docs" / "timings.md"


def first_run(name: str) -> Plan:
    env = load_environment(name)
    facts = Facts("123456789012", env.region, zone_id="Z1", images=frozenset(s.name for s in env.services))
    return Plan(wanted_actions(documented(), {"env": env, "facts": facts}))


@pytest.fixture(scope="module")
def dev() -> Plan:
    return first_run("dev")


def all_of(plan: Plan) -> list[Action]:
    return [dataclasses.replace(a, verb="delete") for a in plan.actions]


def told(one: Forecast) -> list[str]:
    return [leg.address.rsplit("/", 1)[0] if leg.address.count("/") > 1 else leg.address for leg in one.path]


def test_the_long_pole_of_dev_is_redis_and_services_wait_for_it(dev: Plan) -> None:
    one = forecast(dev, documented())
    assert one.pole is not None
    assert one.pole.address == "database/redis"
    assert told(one)[-2:] == ["compute/task_definition", "compute/service"]
    assert one.seconds == pytest.approx(450 + 150, abs=20)


def test_a_standby_makes_the_database_the_long_pole_of_prod() -> None:
    one = forecast(first_run("prod"), documented())
    assert one.pole is not None
    assert (one.pole.address, one.pole.seconds) == ("database/database", 800)


def test_a_replacement_begins_when_all_that_does_not_need_it_is_done(dev: Plan) -> None:
    actions = [
        dataclasses.replace(a, verb="replace") if a.address.startswith("compute/log_group/") else a for a in dev.actions
    ]
    legs = forecast(Plan(tuple(actions)), documented()).legs
    begins = {leg.starts for address, leg in legs.items() if address.startswith("compute/log_group/")}
    assert min(begins) >= legs["database/redis"].ends
    assert min(leg.starts for a, leg in legs.items() if a.startswith("compute/service/")) > max(begins)


def test_a_path_is_a_chain_in_time(dev: Plan) -> None:
    for one in (forecast(dev, documented()), removal(documented(), all_of(dev))):
        for before, after in zip(one.path, one.path[1:], strict=False):
            assert after.after == before.address
            assert before.starts <= after.starts <= after.ends
        assert one.path[0].after is None
        assert one.path[-1].ends == one.seconds == max(leg.ends for leg in one.legs.values())


def test_a_teardown_disables_the_distribution_first_and_waits_for_nothing_longer(dev: Plan) -> None:
    one = removal(documented(), all_of(dev))
    assert one.legs["storage/distribution"].starts == 0
    assert [leg.address for leg in one.path] == ["storage/distribution", "security/certificate"]
    assert one.legs["network/vpc"].ends < one.seconds == pytest.approx(430, abs=10)


def test_a_teardown_lets_the_cache_go_at_once_and_the_database_after_its_last_writer(dev: Plan) -> None:
    legs = removal(documented(), all_of(dev)).legs
    drained = max(leg.ends for address, leg in legs.items() if address.startswith("compute/service/"))
    assert legs["database/redis"].starts < drained <= legs["database/database"].starts


def only(plan: Plan, verb: str, *addresses: str) -> tuple[Action, ...]:
    found = {a.address: a for a in plan.actions}
    return tuple(dataclasses.replace(found[address], verb=verb) for address in addresses)  # type: ignore[arg-type]


def test_a_rollback_sets_back_in_turn_then_removes_at_once_then_makes_anew_in_turn(dev: Plan) -> None:
    one = reversal(
        documented(),
        Reversal(
            only(dev, "update", "storage/distribution", "compute/load_balancer"),
            only(dev, "delete", "database/redis", "database/database", "network/vpc"),
            only(dev, "create", "network/nat_gateway/us-east-1a", "compute/service/repti-core"),
        ),
    )
    assert told(one) == [
        "storage/distribution", "compute/load_balancer", "database/redis", "network/vpc", "network/nat_gateway", "compute/service",
    ]  # fmt: skip
    assert one.seconds == pytest.approx(180 + 2 + 400 + 2 + 105 + 150, abs=5)
    assert one.legs["database/database"].starts == one.legs["database/redis"].starts == pytest.approx(182)
    for before, after in zip(one.path, one.path[1:], strict=False):
        assert after.after == before.address
        assert before.ends == after.starts


def test_a_distribution_is_disabled_first_in_a_rollback_too(dev: Plan) -> None:
    doing = Reversal(
        only(dev, "update", "compute/load_balancer"),
        only(dev, "delete", "storage/distribution", "security/certificate"),
    )
    one = reversal(documented(), doing)
    assert one.legs["storage/distribution"].starts == one.legs["compute/load_balancer"].ends
    assert [leg.address for leg in one.path] == [
        "compute/load_balancer",
        "storage/distribution",
        "security/certificate",
    ]


def test_what_is_removed_and_made_anew_is_done_when_it_is_there_again(dev: Plan) -> None:
    run = Countdown(documented(), Reversal((), (), only(dev, "replace", "network/nat_gateway/us-east-1a")))
    whole = run.remaining(0)
    assert whole == pytest.approx(60 + 105)
    nat = "network/nat_gateway/us-east-1a"
    run.note(Event("start", nat, "delete"), 0)
    run.note(Event("done", nat, "delete"), 60)
    assert run.remaining(60) == pytest.approx(105)
    run.note(Event("start", nat, "create"), 61)
    assert run.remaining(100) == pytest.approx(65)
    run.note(Event("done", nat, "create"), 150)
    assert run.remaining(150) == 0


def test_what_has_failed_is_waited_for_no_longer(dev: Plan) -> None:
    run = Countdown(documented(), Reversal(removed=only(dev, "delete", "database/redis", "network/vpc")))
    run.note(Event("start", "database/redis", "delete"), 0)
    run.note(Event("failed", "database/redis", "delete", "it is used"), 10)
    assert run.remaining(10) == pytest.approx(2)
    assert run.late(5000) == []


@given(st.lists(st.floats(0.2, 5), min_size=1, max_size=30))
def test_what_was_seen_moves_the_expectation_towards_it(ratios: list[float]) -> None:
    want = elasticache.ReplicationGroup("x")
    times = Timings()
    for ratio in ratios:
        times.add(want, "create", 450 * ratio)
    low, high = min([*ratios[-KEPT:], 1]) * 450 - 1, max([*ratios[-KEPT:], 1]) * 450 + 1
    assert low <= times.expected(want, "create") <= high
    again = Timings.of(times.document())
    assert again.expected(want, "create") == times.expected(want, "create")
    assert Timings.of(b"no JSON").seen == {}


def test_late_means_later_than_nine_of_ten_of_its_kind_here() -> None:
    nat = ec2_gateways.NatGateway("subnet", "address")
    times = Timings()
    assert times.late(nat, "create") == 126
    for _ in range(KEPT):
        times.add(nat, "create", 200)
    assert times.late(nat, "create") == pytest.approx(200)
    assert times.expected(nat, "create") > 180


def test_enough_observations_say_by_themselves_what_is_late_here() -> None:
    nat, times = ec2_gateways.NatGateway("subnet", "address"), Timings()
    for seconds in (50, 52, 54, 56, 58, 60, 62, 64, 66):
        times.add(nat, "create", seconds)
    assert times.late(nat, "create") == 126  # nine say too little
    times.add(nat, "create", 900)
    assert times.late(nat, "create") == pytest.approx(66)  # the ninth of ten, not the slowest


def test_a_run_counts_down_and_says_what_is_late(dev: Plan) -> None:
    run = Countdown(documented(), dev)
    whole = run.remaining(0)
    run.note(Event("start", "network/vpc", "create"), 0)
    run.note(Event("done", "network/vpc", "create"), 2)
    assert run.remaining(2) == pytest.approx(whole - 2, abs=1)
    for address, leg in run.forecast(2).legs.items():
        if leg.ends < 450:  # all that does not wait for Redis
            run.note(Event("start", address, "create"), 3)
            run.note(Event("done", address, "create"), 4)
    run.note(Event("start", "database/redis", "create"), 5)
    assert run.late(400) == []
    assert run.remaining(400) == pytest.approx(55 + 160, abs=15)
    assert run.late(700) == ["database/redis"]  # nine of ten take less than 555
    assert run.remaining(700) == pytest.approx(155, abs=10)  # it may be there any moment, and then the services
    run.note(Event("done", "database/redis", "create"), 710)
    assert run.late(711) == []


def test_nothing_to_do_takes_no_time() -> None:
    assert forecast(Plan(()), documented()) == Forecast()


def test_the_table_says_what_the_kinds_say() -> None:
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in TABLE.read_text().splitlines()]
    said = {
        (r[1].strip("`"), int(r[2])): (int(r[3]), int(re.match(r"\d+", r[4])[0]))
        for r in rows
        if len(r) == 6 and "." in r[1]
    }  # type: ignore[index]
    kinds = {kind.kind(): kind for kind in documented().kinds()}
    slow = {name for name, kind in kinds.items() if max(kind.typical, kind.typical_delete) > 20}
    assert slow == {name for name, _ in said}
    for (name, typical), (late, delete) in said.items():
        if (name, typical) == ("rds.Instance", 800):
            two = dataclasses.replace(rds.Instance("x", "postgres", "16.1"), multi_az=True)
            assert (two.takes(), round(two.late())) == (typical, late)
            continue
        kind = kinds[name]
        assert (kind.typical, kind.nine_in_ten or 1.5 * typical, kind.typical_delete) == (typical, late, delete), name
