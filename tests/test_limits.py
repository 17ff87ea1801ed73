"""Token buckets: bursts go at once, the rest at AWS's rate, and a throttled service slows down by itself."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from reptiops import limits
from reptiops.aws import Aws
from reptiops.limits import LIMITS, Bucket, Limits, Seats, aside
from reptiops.testing import mocked_aws


@given(st.floats(1, 50), st.floats(0.1, 20), st.integers(1, 200))
def test_no_more_calls_than_the_bucket_allows(burst: float, rate: float, calls: int) -> None:
    bucket, now, sent = Bucket(burst, rate), 100.0, []
    for _ in range(calls):
        sent.append(now + bucket.take(now))
    for number, at in enumerate(sent, 1):
        assert number <= burst + 1 + (at - now) * rate + 1e-6
    assert sent[-1] - now <= max(0.0, (calls - burst) / rate) + 1e-6


def test_the_tight_ones_are_spaced_and_the_others_are_not_held_up() -> None:
    some = Limits()
    waits = [some.wait("ec2", "CreateVpcEndpoint", False, 100.0) for _ in range(6)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[5] == pytest.approx(2 / 0.3)
    assert some.wait("ec2", "CreateSubnet", False, 100.0) == 0
    assert max(some.wait("elbv2", "DescribeTags", True, 100.0) for _ in range(50)) == pytest.approx(1.0)


def test_throttling_slows_that_service_and_it_recovers() -> None:
    some = Limits()
    some.throttled("route53", "ListResourceRecordSets", True)
    assert some.wait("route53", "ListResourceRecordSets", True, 100.0) > 0.3
    assert some.wait("rds", "DescribeDBInstances", True, 100.0) == 0
    bucket = Bucket(*LIMITS["route53"])
    for _ in range(10):
        bucket.throttled()
    for second in range(100, 200):
        bucket.take(float(second))
    assert bucket.slowed == 1


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
