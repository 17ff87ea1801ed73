"""Token buckets: bursts go at once, the rest at AWS's rate, and a throttled service slows down by itself."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from reptiops import limits
from reptiops.aws import Aws
from reptiops.limits import LIMITS, Bucket, Limits
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


def test_a_throttling_answer_of_aws_reaches_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    with mocked_aws() as session:

        def refuse(**_: Any) -> tuple[Any, dict[str, Any]]:
            answer = type("Answer", (), {"status_code": 400, "headers": {}, "content": b""})()
            return answer, {"Error": {"Code": "Throttling", "Message": "Rate exceeded"}, "ResponseMetadata": {}}

        aws = Aws(session, "us-east-1")
        monkeypatch.setattr(limits.Switch, "on", False)
        aws.service("route53")
        session._session.register("before-call.route53.ChangeResourceRecordSets", refuse)
        aws = Aws(session, "us-east-1")
        with pytest.raises(ClientError):
            aws.route53.change_resource_record_sets(
                HostedZoneId="Z1",
                ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "a", "Type": "A"}}]},
            )
        assert aws._limits._buckets["route53"].slowed == 0.5
