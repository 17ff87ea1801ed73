"""Which errors pass by themselves, for how long they are waited out, and what is said of those that do not."""

from __future__ import annotations

import tenacity

from reptiops.aws import DENIED, EXPIRED, THROTTLED, code, lost, message, operation, request_id, unsent
from reptiops.engine.lock import LeaseLost
from reptiops.engine.resource import NotYet, Resource
from reptiops.errors import ReptiopsError

LOST_FOR = 120.0
"""Seconds for which lost answers, a network that is away and AWS's internal errors are ridden out."""
BLIND = 600.0
"""Seconds without a single answer to a look after which a run stops waiting for what it has made."""
PROPAGATION = 300.0
"""Seconds that roles and policies may take to spread (aws-facts 3: about two minutes, log bucket policies five)."""


class CallFailed(ReptiopsError):
    """A write that AWS refused for good, that did not succeed within its limit, or that was `interrupted` before."""

    def __init__(self, address: str, verb: str, kind: str, error: BaseException, interrupted: bool = False):
        self.address, self.verb, self.kind, self.code = address, verb, kind, code(error)
        reference = f" (request {request_id(error)})" if request_id(error) else ""
        called = f" {operation(error)}" if operation(error) else ""
        ended = "was interrupted while it waited for this to pass" if interrupted else "failed"
        super().__init__(f"{verb} of {address} ({kind}) {ended}:{called} {self.code}: {message(error)}{reference}")
        self.denied = self.code in DENIED


class GivenUp(tenacity.stop.stop_base):
    """Stops what will not pass any more: AWS's own failures after minutes, and what a propagation would explain.

    Each is counted from the first of an unbroken series: before it something else may have been waited for, for long.
    """

    def __init__(self, kind: type[Resource]):
        self._kind = kind
        self._since: dict[str, float] = {}

    def __call__(self, retry: tenacity.RetryCallState) -> bool:
        """Asked after each attempt."""
        error = retry.outcome.exception() if retry.outcome else None
        if error is None:
            return False
        seconds = retry.seconds_since_start or 0
        unanswered = self._lasted("unanswered", lost(error) or unsent(error), seconds)
        spreading = any(code(error) == c and part in message(error) for c, part in self._kind.propagating)
        return unanswered > LOST_FOR or self._lasted("spreading", spreading, seconds) > PROPAGATION

    def _lasted(self, series: str, goes_on: bool, seconds: float) -> float:
        if not goes_on:
            self._since.pop(series, None)
            return 0.0
        return seconds - self._since.setdefault(series, seconds)


def passes(kind: type[Resource], error: BaseException) -> bool:
    """Whether an error passes by itself: throttling, a lost answer, no network, or what the kind says AWS has to sort out."""
    if isinstance(error, NotYet) or lost(error) or unsent(error):
        return True
    name = code(error)
    if name in THROTTLED or name in kind.not_yet:
        return True
    return any(name == c and part in message(error) for c, part in kind.propagating)


def hopeless(error: BaseException) -> str:
    """Why nothing more can be written after an error, be it to undo; empty where it can."""
    chain = [error, *getattr(error, "errors", ())]
    for one in chain:  # it grows: a refused write may have failed at the lock, and that at the credentials
        if one.__cause__ is not None and one.__cause__ not in chain:
            chain.append(one.__cause__)
    if any(code(one) in EXPIRED for one in chain):
        return "the credentials are no longer valid"
    if any(isinstance(one, LeaseLost) for one in chain):
        return "another run may hold the environment by now"
    return ""
