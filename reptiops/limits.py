"""How fast AWS may be asked: token buckets by service and operation, and slower where AWS says that it was too fast.

The figures are AWS's published ones where there are any, else what is known to be safe. They hold for a whole account
and region; others use them too, so a throttling answer halves a service's rate for some seconds. Only that service
waits: a call that waits for its turn gives its seat, one of so many calls in flight, to another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, log, log2

from reptiops.errors import ReptiopsError

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
    # "CloudWatch Logs quotas" of its user guide
    "logs:CreateLogGroup": (10, 10),
    "logs:DeleteLogGroup": (10, 10),
    "logs:DescribeLogGroups": (10, 10),
    "logs:PutRetentionPolicy": (5, 5),
    "logs:TagResource": (5, 5),
    "logs:ListTagsForResource": (5, 5),
    # "AWS Systems Manager endpoints and quotas": the default throughput of Parameter Store
    "ssm:PutParameter": (3, 3),
    # "API rate quotas" of ACM's user guide
    "acm:RequestCertificate": (5, 5),
    "acm:AddTagsToCertificate": (5, 5),
    "acm:DescribeCertificate": (10, 10),
    "acm:DeleteCertificate": (10, 10),
    # "AWS Secrets Manager quotas": its writes, class by class
    "secretsmanager:write": (50, 50),
    # "Amazon Simple Notification Service endpoints and quotas"
    "sns:Subscribe": (100, 100),
    "sns:Unsubscribe": (100, 100),
    # Not published: known to take a few a second. For ECR nothing is known; it is slowed where it says so.
    "application-autoscaling:write": (10, 5),
}
"""What → (calls at once, calls a second after that): a service, its reads or writes, or one operation."""
SLOWEST = 1 / 4
"""The least part of its rate that a throttled bucket falls to, and"""
LEAST = 0.5
"""the calls a second below which throttling slows none: a run goes on, and AWS refuses what it does not want."""
DOUBLES = 10.0
"""Seconds in which a slowed bucket gets twice as fast again."""
HALVED = 1.0
"""Seconds in which all throttling answers are one event: the calls that got them were in flight together."""
GROWS = 1000.0
"""So many times its first rate a service of which no limit is known may get: as good as none."""
SLICE = 1.0
"""Seconds after which who waits looks whether the rate is another by now."""
NEGLIGIBLE = 1e-6
"""The part of a token that rounding may leave."""


class NotSent(ReptiopsError):
    """A run was interrupted while a call waited for its turn: the call was not made."""

    exit_code = 130


@dataclass
class Bucket:
    """Tokens that come by time. A call takes the next one, numbered, and goes when so many have come."""

    burst: float
    rate: float
    most: float = 1.0
    """The greatest part of its rate: more than 1 where AWS's limit is not known."""
    taken: float = 0.0
    come: float = field(init=False)
    at: float | None = None
    slowed: float = 1.0
    halved: float = -inf
    """When AWS last found it too fast."""

    def __post_init__(self) -> None:
        self.come = self.burst

    def take(self, now: float) -> float:
        """The number of the token that the call has to wait for."""
        self._fill(now)
        self.taken += 1
        return self.taken

    def left(self, number: float, now: float) -> float:
        """Seconds until that token comes, at the rate that holds now."""
        self._fill(now)
        missing = number - self.come
        if missing <= NEGLIGIBLE:
            return 0.0
        recovering = (self.most - self.slowed) * self.rate * DOUBLES / log(2)
        if missing <= recovering:
            return DOUBLES * log2(1 + missing * log(2) / (self.rate * self.slowed * DOUBLES))
        return self._recovery + (missing - recovering) / (self.rate * self.most)

    def give_back(self) -> None:
        """A call that took a token is not made: whoever waits goes earlier."""
        self.come += 1

    def throttled(self, now: float, seen: float = inf) -> None:
        """AWS found it too fast; `seen`: calls in the last second."""
        self._fill(now)
        if now - self.halved < HALVED:
            return
        self.halved = now
        self.come = min(self.come, self.taken)
        if self.most > 1:  # what it had grown to means nothing if so much was not asked for
            self.rate, self.slowed = max(LEAST, min(self.rate * self.slowed, seen)), 1.0
        self.slowed = max(SLOWEST, min(1.0, LEAST / self.rate), self.slowed / 2)

    @property
    def _recovery(self) -> float:
        """Seconds until it is as fast as it gets."""
        return DOUBLES * log2(self.most / self.slowed)

    def _fill(self, now: float) -> None:
        seconds = 0.0 if self.at is None else max(0.0, now - self.at)
        self.at = now if self.at is None else max(self.at, now)
        slowly = min(seconds, self._recovery)
        grown = self.slowed * 2 ** (slowly / DOUBLES)
        came = (grown - self.slowed) * self.rate * DOUBLES / log(2) + (seconds - slowly) * self.rate * self.most
        self.come = min(self.taken + self.burst, self.come + came)
        self.slowed = min(self.most, grown)


@dataclass(frozen=True)
class Turn:
    """What a call waits for: a token of each bucket that it takes from."""

    tokens: tuple[tuple[Bucket, float], ...]


class Limits:
    """All buckets of one account and region."""

    def __init__(
        self, limits: Mapping[str, tuple[float, float]] = LIMITS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._buckets = {name: Bucket(*limit) for name, limit in limits.items()}
        self._asked: dict[str, deque[float]] = {}
        """When the last calls of each service were to go, reads and writes apart."""
        self._now = now
        self._guard = threading.Lock()

    def turn(self, service: str, operation: str, reads: bool) -> Turn:
        """The next turn of such a call."""
        with self._guard:
            now = self._now()
            self._asked.setdefault(_side(service, reads), deque(maxlen=1000)).append(now)
            return Turn(tuple((bucket, bucket.take(now)) for bucket in self._of(service, operation, reads)))

    def left(self, turn: Turn) -> float:
        """Seconds until it has come, as it looks now: throttling makes it later, recovery earlier."""
        with self._guard:
            now = self._now()
            return max((bucket.left(number, now) for bucket, number in turn.tokens), default=0.0)

    def give_back(self, turn: Turn) -> None:
        """It is not needed any more."""
        with self._guard:
            for bucket, _ in turn.tokens:
                bucket.give_back()

    def throttled(self, service: str, operation: str, reads: bool) -> None:
        """AWS answered that a call came too fast: its service is slowed, others are not.

        One of which no limit is known begins at half of what it was just asked for, and gets ever faster from there.
        """
        with self._guard:
            now, side = self._now(), _side(service, reads)
            seen = float(max(1, sum(now - at <= 1.0 for at in self._asked.get(side, ()))))
            if not any(self._of(service, operation, reads)):
                self._buckets[side] = Bucket(seen, seen, GROWS)
            for bucket in self._of(service, operation, reads):
                bucket.throttled(now, seen)

    def _of(self, service: str, operation: str, reads: bool) -> Iterator[Bucket]:
        for name in (service, _side(service, reads), f"{service}:{operation}"):
            if name in self._buckets:
                yield self._buckets[name]


def _side(service: str, reads: bool) -> str:
    return f"{service}:{'read' if reads else 'write'}"


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


def pause(limits: Limits, service: str, operation: str, reads: bool, stop: threading.Event) -> None:
    """Wait until a call may go. Raises NotSent where the run is stopped meanwhile.

    Who only reads after the stop looks what the run has left, and waits on.
    """
    if not Switch.on:
        return
    turn = limits.turn(service, operation, reads)
    if not limits.left(turn):
        return
    woken = threading.Event() if reads and stop.is_set() else stop
    with aside():
        while seconds := limits.left(turn):
            if woken.wait(min(seconds, SLICE)):
                limits.give_back(turn)
                raise NotSent(f"{service}:{operation} was not sent: the run was stopped while it waited for its turn")
