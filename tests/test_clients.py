"""Clients are made one at a time: a boto3 session is not safe to make two at once."""

from __future__ import annotations

from typing import Any

from reptiops.aws import Aws
from reptiops.testing import mocked_aws


def test_the_clients_of_another_region_are_made_under_the_same_guard() -> None:
    with mocked_aws() as session:
        aws, held = Aws(session, "us-east-1"), dict[str, bool]()
        make = session.client

        def client(name: str, **given: Any) -> Any:
            held[given["region_name"]] = aws._guard.locked()
            return make(name, **given)

        session.client = client
        assert aws.ec2.describe_vpcs()["Vpcs"]
        assert aws.elsewhere("eu-west-1").ec2.describe_vpcs()["Vpcs"]
    assert held == {"us-east-1": True, "eu-west-1": True}
