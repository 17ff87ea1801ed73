"""Token buckets: bursts go at once, the rest at AWS's rate, and a throttled service slows down by itself."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from reptiops import app, limits
from reptiops.aws import Aws, lost, unsent
from reptiops.engine.events import Event
from reptiops.engine.passing import passes
from reptiops.limits import GROWS, LIMITS, Bucket, Limits, NotSent, Seats, aside
from reptiops.resources.sns import Topic
from reptiops.testing import mocked_aws
from tests.samples import World
from tests.simulated import Hours
from tests.strict import work_on
from tests.test_engine import ENV, Run, aws, live_notes

__all__ = ["aws"]


@given(st.floats(1, 50), st.floats(0.1, 20), st.integers(1, 200))
def test_no_more_calls_than_the_bucket_allows(burst: float, rate: float, calls: int) -> None:
    bucket, now, sent = Bucket(burst, rate), 100.0, []
    for _ in range(calls):
        sent.append(now + bucket.left(bucket.take(now), now))
    for number, at in enumerate(sent, 1):
        assert number <= burst + 1 + (at - now) * rate + 1e-6
    assert sent[-1] - now <= max(0.0, (calls - burst) / rate) + 1e-6


@given(
    st.floats(0.2, 20),
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=30),
    st.integers(1, 100),
    st.sampled_from([1.0, GROWS]),
)
def test_who_is_told_how_long_to_wait_goes_then(
    rate: float, before: list[tuple[float, bool]], calls: int, most: float
) -> None:
    bucket, now = Bucket(5, rate, most), 100.0
    for seconds, throttled in before:
        now += seconds
        bucket.take(now)
        if throttled:
            bucket.throttled(now, 10.0)
    last = [bucket.take(now) for _ in range(calls)][-1]
    wait = bucket.left(last, now)
    if wait > 0.01:
        assert 0 < bucket.left(last, now + 0.9 * wait) < wait
    assert bucket.left(last, now + wait) <= 1e-3


class Account:
    """An account that is asked at moments that a test chooses."""

    def __init__(self) -> None:
        self.at = 100.0
        self.limits = Limits(now=lambda: self.at)

    def waits(self, service: str, operation: str, reads: bool = False) -> float:
        """Seconds that the next such call waits."""
        return self.limits.left(self.limits.turn(service, operation, reads))


def test_the_tight_ones_are_spaced_and_the_others_are_not_held_up() -> None:
    some = Account()
    waits = [some.waits("ec2", "CreateVpcEndpoint") for _ in range(6)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[5] == pytest.approx(2 / 0.3)
    assert some.waits("ec2", "CreateSubnet") == 0
    assert max(some.waits("elbv2", "DescribeTags", True) for _ in range(50)) == pytest.approx(1.0)


def test_throttling_slows_that_service_and_time_alone_makes_it_fast_again() -> None:
    some = Account()
    some.limits.throttled("route53", "ListResourceRecordSets", True)
    assert 0.3 < some.waits("route53", "ListResourceRecordSets", True) < 0.5
    assert some.waits("rds", "DescribeDBInstances", True) == 0
    some.at += 20
    assert max(some.waits("route53", "ListResourceRecordSets", True) for _ in range(10)) == pytest.approx(1.0)


def test_many_calls_in_flight_that_came_too_fast_are_one_event() -> None:
    some = Account()
    for _ in range(10):
        some.waits("rds", "CreateDBInstance")
    for _ in range(10):
        some.limits.throttled("rds", "CreateDBInstance", False)
    assert [some.waits("rds", "CreateDBInstance") for _ in range(4)][-1] < 4.0  # at 1/s, not at 1/8


def test_a_throttled_bucket_never_gets_so_slow_that_a_run_stands_still() -> None:
    for name, (burst, rate) in LIMITS.items():
        bucket = Bucket(burst, rate)
        for second in range(600):
            bucket.throttled(float(second))
        assert bucket.left(bucket.take(599.0), 599.0) <= max(2.0, 1 / rate) + 1e-6, name


def test_who_waits_learns_that_it_goes_later_and_earlier() -> None:
    some = Account()
    turn = [some.limits.turn("rds", "CreateDBInstance", False) for _ in range(40)][-1]
    assert some.limits.left(turn) == pytest.approx(10)
    some.limits.throttled("rds", "CreateDBInstance", False)
    later = some.limits.left(turn)
    assert 12 < later < 14
    other = some.limits.turn("rds", "CreateDBInstance", False)
    some.limits.give_back(other)
    some.at += later
    assert some.limits.left(turn) == 0


def test_a_service_of_which_nothing_is_known_begins_near_what_was_asked_and_gets_ever_faster() -> None:
    some = Account()
    for _ in range(30):
        assert some.waits("scheduler", "CreateSchedule") == 0
    for _ in range(30):
        some.limits.throttled("scheduler", "CreateSchedule", False)
    assert [some.waits("scheduler", "CreateSchedule") for _ in range(15)][-1] == pytest.approx(1.0, abs=0.1)
    assert some.waits("scheduler", "ListSchedules", True) == 0
    some.at += 60
    assert [some.waits("scheduler", "CreateSchedule") for _ in range(600)][-1] < 1.0
    some.at += 86_400.0
    some.limits.throttled("scheduler", "CreateSchedule", False)  # what it has grown to was not asked for
    assert some.waits("scheduler", "CreateSchedule") > 0.5


def test_a_run_that_is_stopped_sends_no_call_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.Switch, "on", True)
    with mocked_aws() as session:
        monkeypatch.setattr(limits.Switch, "on", True)
        aws = Aws(session, "us-east-1")
        stop = Hours(lambda: stop.set())
        aws.stop, aws._limits = stop, Limits({"sns:write": (1, 0.001), "sns:read": (1, 0.001)}, stop.now)
        aws.sns.create_topic(Name="one")
        with pytest.raises(NotSent) as told:
            aws.sns.create_topic(Name="two")
        assert unsent(told.value)
        assert not lost(told.value)
        assert passes(Topic, told.value)
        assert aws.calls == {"sns:CreateTopic": 1}
        assert [t["TopicArn"].rpartition(":")[2] for t in session.client("sns").list_topics()["Topics"]] == ["one"]
        assert stop.now() == 0


def test_an_interrupted_wait_ends_in_order_and_what_was_made_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wished: list[str] = []

    def wish() -> None:
        if not wished:
            wished.append("stop")
            stop.set()

    stop = Hours(wish)
    with mocked_aws() as session:
        monkeypatch.setattr(limits.Switch, "on", True)
        monkeypatch.setattr("reptiops.aws.Limits", partial(Limits, {"ec2:CreateSubnet": (1, 0.001)}, stop.now))
        monkeypatch.setattr(Aws, "_emulated", lambda aws: False)
        with pytest.raises(app.ProvisionFailed) as told:
            app.provision("dev", session=session, state_dir=tmp_path, phases=("network",), stop=stop)
        assert told.value.exit_code == 130
        assert wished
        assert "Rolled back: AWS was read again and is as it was before." in str(told.value)
        assert [v["IsDefault"] for v in session.client("ec2").describe_vpcs()["Vpcs"]] == [True]
        assert stop.now() < 60, "the wait for a subnet's turn takes a quarter of an hour"


@pytest.mark.parametrize("command", ["provision", "teardown"])
def test_a_last_look_that_waits_ends_with_the_stop_as_an_interruption(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    """The first look takes all that may be asked at once, the one at the end has to wait."""
    stop = Hours(lambda: stop.set())
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        if command == "teardown":
            app.provision("dev", only=("network/vpc",), **where)
        monkeypatch.setattr(limits.Switch, "on", True)
        monkeypatch.setattr("reptiops.aws.Limits", partial(Limits, {"cloudtrail:DescribeTrails": (1, 0.001)}, stop.now))
        monkeypatch.setattr(Aws, "_emulated", lambda aws: False)
        run: Any = app.teardown if command == "teardown" else partial(app.provision, only=("network/vpc",))
        with pytest.raises(app.Interrupted) as told:
            run("dev", stop=stop, **where)
        assert told.value.exit_code == 130
        assert "reptiops status dev" in str(told.value)
        assert app.history("dev", **where)[0].interrupted


def test_what_waits_to_be_read_once_more_when_a_run_is_stopped_has_not_failed(aws: Aws, tmp_path: Path) -> None:
    """Right before an update: nothing was asked of AWS yet."""
    Run(aws, tmp_path, ENV).apply.run()
    run = Run(aws, tmp_path, {**ENV, "first": "2"})
    told: list[Event] = []
    stop = Hours(lambda: stop.set())
    run.work.tell = told.append
    run.work.stop = aws.stop = stop
    limits.Switch.on, aws._limits = True, Limits({"ssm:GetParametersByPath": (0, 0.001)}, stop.now)
    run.apply.run()
    assert stop.is_set()
    assert [e.word for e in told if e.word == "failed"] == []
    assert live_notes()["/notes/first"] == "1"


def test_the_stop_of_a_run_is_the_one_that_its_calls_wait_on(world: World) -> None:
    work = work_on(world, Topic("alarms"))
    assert world.aws.stop is work.stop
    assert world.aws.elsewhere("eu-west-1").stop is work.stop


def test_who_waits_for_its_turn_gives_its_seat_to_another() -> None:
    seats, inside, done = Seats(1), threading.Event(), threading.Event()

    def waits() -> None:
        with seats.taken(), aside():
            inside.set()
            assert done.wait(10)

    def acts() -> None:
        with seats.taken():
            done.set()

    first = threading.Thread(target=waits)
    first.start()
    assert inside.wait(10)
    second = threading.Thread(target=acts)
    second.start()
    for one in (first, second):
        one.join(10)
        assert not one.is_alive()
    assert seats.waiting == 0


def test_no_more_are_seated_than_there_are_seats() -> None:
    seats, seated, most, guard = Seats(3), [0], [0], threading.Lock()

    def act() -> None:
        for _ in range(20):
            with seats.taken():
                with guard:
                    seated[0] += 1
                    most[0] = max(most[0], seated[0])
                with guard:
                    seated[0] -= 1

    threads = [threading.Thread(target=act) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert 1 <= most[0] <= 3


@pytest.mark.parametrize("operation", ["ListHostedZones", "ChangeResourceRecordSets"])
def test_a_throttling_answer_of_aws_reaches_the_bucket_also_where_botocore_asks_again(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    throttled: list[str] = []

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if throttled:
            return None
        throttled.append(operation)
        body = b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
        return AWSResponse(request.url, 400, {}, _Body(body))

    monkeypatch.setattr(limits.Switch, "on", False)
    with mocked_aws() as session:
        session._session.get_component("event_emitter").register_first(f"before-send.route-53.{operation}", refuse)
        aws = Aws(session, "us-east-1")
        if operation == "ListHostedZones":
            assert aws.route53.list_hosted_zones()["HostedZones"]
        else:
            record = {"Name": "a.reptidex.com", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "10.0.0.1"}]}
            with pytest.raises(ClientError, match="Rate exceeded"):
                aws.route53.change_resource_record_sets(
                    HostedZoneId="Z1", ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
                )
    assert throttled
    assert aws._limits._buckets["route53"].slowed == 0.5
    assert aws._limits._buckets["rds:write"].slowed == 1


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it at once."""
        yield self.read()
