"""The lease outlives a connection that is stuck, and is looked at after a call has waited for its turn."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import boto3
import pytest

from reptiops import limits
from reptiops.aws import Aws
from reptiops.engine.lock import BEATS, LEASE
from reptiops.operations.s3_backend import s3_backend
from reptiops.testing import mocked_aws
from tests.simulated import Hours

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "one"\r\nConnection: close\r\n\r\n{}'


@pytest.fixture
def stuck() -> Iterator[str]:
    """An endpoint whose first connection is accepted and never answered; the ones after it are."""
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        kept.append(server.accept()[0])
        answered, _ = server.accept()
        with answered:
            answered.recv(65536)
            answered.sendall(ANSWER)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.close()
    for one in kept:
        one.close()


def test_a_connection_that_is_stuck_is_given_up_and_another_one_taken(
    stuck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stuck)
    aws = Aws(boto3.Session("testing", "testing", region_name="us-east-1"), "us-east-1")
    began = time.monotonic()
    stored = s3_backend(aws, "reptidex-states", "", "dev").read("lock.json")
    assert stored is not None
    assert stored.data == b"{}"
    assert time.monotonic() - began < LEASE - LEASE / BEATS, "the lease would have been over"


def test_a_heartbeat_that_fails_is_over_before_the_lease() -> None:
    with mocked_aws() as session:
        config = Aws(session, "us-east-1").ungated("s3").meta.config
    attempts = config.retries["total_max_attempts"]
    waits = sum(2**n for n in range(attempts - 1))
    for timeout in (config.connect_timeout, config.read_timeout):
        assert LEASE / BEATS + attempts * timeout + waits < LEASE - LEASE / BEATS / 10, "no time for another try"


def test_the_lock_is_looked_at_after_the_wait_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    with mocked_aws() as session:
        aws, stop = Aws(session, "us-east-1"), Hours(lambda: happened.append("waited"))
        monkeypatch.setattr(limits.Switch, "on", True)
        aws.stop, aws._limits = stop, limits.Limits({"sns:write": (1, 1)}, stop.now)
        aws.before_write = lambda: happened.append("looked")
        aws.sns.create_topic(Name="one")
        aws.sns.create_topic(Name="two")
    assert happened == ["looked", "waited", "looked"]
