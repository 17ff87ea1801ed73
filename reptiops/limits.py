"""How fast AWS may be asked: token buckets by service and operation, and slower where AWS says that it was too fast.

The figures are AWS's published ones where there are any, else what is known to be safe. They hold for a whole account
and region; others use them too, so a throttling answer halves a service's rate for a while. Only that service waits:
a call that waits for its turn gives its seat, one of so many calls in flight, to another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

LIMITS: Mapping[str, tuple[float, float]] = {
    "elbv2": (40, 10),
    "elbv2:write": (20, 3),
    "elbv2:CreateLoadBalancer": (10, 0.2),
    "ec2:read": (100, 20),
    "ec2:write": (50, 5),
    "ec2:CreateVpcEndpoint": (4, 0.3),
    "ecs:RegisterTaskDefinition": (20, 1),
    "ecs:DeregisterTaskDefinition": (20, 1),
    "ecs:DescribeTaskDefinition": (50, 20),
    "ecs:write": (50, 5),
    "route53": (5, 5),
    "iam:write": (20, 2),
    "rds:write": (20, 2),
    "elasticache:write": (20, 2),
    "cloudfront:write": (10, 2),
    "cloudwatch:PutMetricAlarm": (10, 3),
    "budgets": (5, 1),
    "cloudtrail:LookupEvents": (1, 2),
    "resourcegroupstaggingapi": (15, 15),
}
"""What → (calls at once, calls a second after that): a service, its reads or writes, or one operation."""
SLOWEST = 1 / 16
"""The least part of its rate that a throttled bucket falls to."""
RECOVERS = 1.05
"""By so much a slowed bucket gets faster with each call."""


@dataclass
class Bucket:
    """Tokens that refill: a call takes one, and is told how long to wait for it."""

    burst: float
    rate: float
    tokens: float = -1.0
    at: float | None = None
    slowed: float = 1.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> float:
        """Seconds until the call may go."""
        rate = self.rate * self.slowed
        if self.at is not None:
            self.tokens = min(self.burst, self.tokens + (now - self.at) * rate)
        self.at = now
        self.tokens -= 1
        self.slowed = min(1.0, self.slowed * RECOVERS)
        return max(0.0, -self.tokens / rate)

    def throttled(self) -> None:
        """AWS found it too fast."""
        self.tokens = min(self.tokens, 0.0)
        self.slowed = max(SLOWEST, self.slowed / 2)


@dataclass
class Limits:
    """All buckets of one account and region."""

    limits: Mapping[str, tuple[float, float]] = field(default_factory=lambda: LIMITS)

    def __post_init__(self) -> None:
        self._buckets = {name: Bucket(*limit) for name, limit in self.limits.items()}
        self._guard = threading.Lock()

    def wait(self, service: str, operation: str, reads: bool, now: float) -> float:
        """Seconds that a call has to wait, in all buckets that it takes from."""
        with self._guard:
            return max((bucket.take(now) for bucket in self._of(service, operation, reads)), default=0.0)

    def throttled(self, service: str, operation: str, reads: bool) -> None:
        """AWS answered that a call came too fast: its service is slowed, others are not."""
        with self._guard:
            found = list(self._of(service, operation, reads))
            if not found:
                self._buckets[service] = Bucket(1, 2)
            for bucket in found:
                bucket.throttled()

    def _of(self, service: str, operation: str, reads: bool) -> Iterator[Bucket]:
        for name in (service, f"{service}:{'read' if reads else 'write'}", f"{service}:{operation}"):
            if name in self._buckets:
                yield self._buckets[name]


class Seats:
    """How many calls may be in flight at once. Who comes first is seated first."""

    def __init__(self, number: int):
        self._free = number
        self._queue: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many threads wait for a seat."""
        return len(self._queue)

    def take(self) -> None:
        """Wait for a free seat."""
        with self._guard:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._queue.append(turn)
        turn.wait()

    def give(self) -> None:
        """Leave the seat to whoever waits longest."""
        with self._guard:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Sit while something is done; `aside` finds the seat."""
        self.take()
        _seated.on = self
        try:
            yield
        finally:
            _seated.on = None
            self.give()


_seated = threading.local()


@contextmanager
def aside() -> Iterator[None]:
    """Wait for something without the seat, where this thread has one; come back when there is one again."""
    seats: Seats | None = getattr(_seated, "on", None)
    if seats is None:
        yield
        return
    seats.give()
    try:
        yield
    finally:
        seats.take()


class Switch:
    """Whether anything is limited: an AWS inside this process, or on this machine, is not."""

    on = True


def pause(limits: Limits, service: str, operation: str, reads: bool) -> None:
    """Wait until a call may go."""
    if Switch.on:
        seconds = limits.wait(service, operation, reads, time.monotonic())
        if seconds:
            with aside():
                time.sleep(seconds)
