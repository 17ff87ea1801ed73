"""A run takes hardly longer than AWS itself: simulated time over the real steps and the real engine."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.generate import write
from reptiops.engine.crew import Looks, interval
from reptiops.engine.eta import CALL, FIRST_LATE, LATE
from reptiops.engine.events import Event
from reptiops.engine.resource import Doing
from reptiops.resources.ecs_services import Service
from tests.simulated import Clock, Simulation

FIRST = 1.5
"""Seconds after its beginning within which a thing is looked at first."""


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_run_is_within_a_tenth_of_the_critical_path(environment: str, factor: float) -> None:
    simulation = Simulation(environment, factor)
    for took, ideal in (simulation.provision(), simulation.teardown()):
        assert took <= 1.1 * ideal.seconds + 5, [f"{leg.ends:.0f} {leg.address}" for leg in ideal.path]
        assert took >= ideal.seconds - 10  # or the forecast promises too little


def test_one_poll_serves_all_of_a_kind_and_the_looks_fit_what_they_wait_for() -> None:
    simulation = Simulation("dev")
    simulation.provision()
    looks = simulation.account.looks
    expected = {name: kind.typical for kind in simulation.graph.kinds() if (name := kind.kind()) in looks}
    for name, count in looks.items():
        assert count <= 60, f"{name} was looked at {count} times in {expected[name]} s"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_kind_is_looked_at_once_an_interval_unless_something_new_of_it_has_begun(environment: str) -> None:
    simulation = Simulation(environment)
    simulation.provision()
    looks = 0
    for kind, times in simulation.account.looked.items():
        things = simulation.account.things.get(kind, {}).values()
        for before, after in pairwise(times):
            pending = [one for one in things if one.made + CALL < before < one.ready]
            # Its own first look comes by its own beginning, which may lie a moment before a look at the others.
            if not pending or any(before - FIRST <= one.made + CALL <= after for one in things):
                continue
            looks += 1
            ages = {(max(0.0, before - one.made - late), one.ready - one.made) for one in pending for late in (0, CALL)}
            assert after - before >= min(interval(*age) for age in ages) - 0.001, (kind.kind(), before, after)
    assert looks > 100


def test_nothing_but_its_consumers_waits_for_the_database() -> None:
    simulation = Simulation("prod")
    simulation.provision()
    ready = {one.live.id: one.ready for some in simulation.account.things.values() for one in some.values()}
    assert ready["database/database"] > 800
    for address in ("compute/load_balancer", "storage/distribution", "compute/https_listener", "monitoring/dashboard"):
        assert ready[address] < 450, address


def test_a_kind_that_waits_for_its_rate_holds_up_no_other(tmp_path: Path) -> None:
    """A hundred services: hundreds of alarms at three a second, a hundred revisions at one."""
    simulation = Simulation("dev", config_dir=write(tmp_path, 100))
    simulation.provision()
    ready = {one.live.id: one.ready for some in simulation.account.things.values() for one in some.values()}
    # Groups, subnets and rules come before. The two calls of a load balancer share their rate, three a second, with those
    # of a hundred target groups, which take over a minute: each waits behind one of every thread of theirs, no more.
    balancer = 170 + 2 * simulation.work.parallel / 3
    for address, seconds in {
        "database/redis": 450,
        "database/database": 250,
        "compute/load_balancer": balancer,
    }.items():
        assert ready[address] < seconds + 30, address


@pytest.mark.parametrize(("operation", "seconds"), [("logs:CreateLogGroup", 10), ("ecs:RegisterTaskDefinition", 30)])
def test_a_burst_of_throttled_calls_costs_a_run_seconds(operation: str, seconds: float) -> None:
    undisturbed, disturbed = Simulation("prod"), Simulation("prod")
    disturbed.work.refused[operation] = 6
    took = disturbed.provision()[0]
    assert disturbed.work.refused[operation] < 0
    assert took <= undisturbed.provision()[0] + seconds


def test_what_only_waits_for_a_thread_has_not_started_and_is_not_late(tmp_path: Path) -> None:
    """A hundred services: one revision a second, and the last ones are not late for that."""
    simulation, told = Simulation("dev", config_dir=write(tmp_path, 100)), list[Event]()
    simulation.work.tell = told.append
    for act in (simulation.provision, simulation.teardown):
        told.clear()
        act()
        most, flying = 0, Counter[str]()
        for event in told:
            kind = event.address.rpartition("/")[0]
            if kind == "compute/task_definition" and event.word in ("start", "done"):
                flying[kind] += 1 if event.word == "start" else -1
                most = max(most, flying[kind])
        assert 0 < most <= 3 * simulation.work.parallel, act


def test_looks_that_show_much_are_further_apart_so_that_a_large_run_does_not_look_all_the_time() -> None:
    clock = Clock()
    looks = Looks(clock)
    for shown, rest in ((10, 0.05), (1000, 5.0)):
        looks.want(Service, clock.now())
        clock.sleep(looks.timeout() or 0.0, threading.Event())
        assert looks.begin() == [Service]
        looks.end(Service, shown)
        looks.want(Service, clock.now())
        assert looks.timeout() == pytest.approx(rest)
        assert not looks.begin()


def test_intervals_are_short_around_the_expected_time_and_never_a_twentieth_of_it() -> None:
    for expected in (30.0, 105.0, 170.0, 450.0, 800.0):
        waited, looks = 0.0, 0
        while waited < 1.25 * expected:
            step = interval(waited, expected)
            assert step <= max(1.0, expected / 20)
            waited, looks = waited + step, looks + 1
        assert looks <= 150
        assert interval(expected, expected) <= max(1.0, expected / 50)
        assert interval(10 * expected, expected) <= 30


def test_what_takes_longer_than_nine_of_ten_is_told_with_when_it_did() -> None:
    simulation, told = Simulation("dev", factor=1.6), list[Event]()
    simulation.work.tell = told.append
    for act in (simulation.provision, simulation.teardown):
        told.clear()
        act()
        late = {event.address: event.seconds for event in told if event.word == "wait" and LATE in event.text}
        wants = {action.address: action.want for action in simulation.plan.changes if action.address in late}
        verb: Doing = "create" if act == simulation.provision else "delete"
        assert "database/redis" in late, act
        for address, want in wants.items():
            assert want is not None
            assert late[address] > max(FIRST_LATE, want.late(verb))
