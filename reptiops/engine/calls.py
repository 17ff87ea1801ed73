"""One write to AWS, done safely: begin in the journal, the call, a look before any repetition, done in the journal.

A create is never repeated blindly: whatever went wrong, AWS is asked first whether the thing exists by now.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import tenacity

from reptiops.aws import Aws, code, lost, message, request_id
from reptiops.engine.agreed import Agreed
from reptiops.engine.blind import patient
from reptiops.engine.canonical import Plain, in_full, plain
from reptiops.engine.clock import Clock, Monotonic
from reptiops.engine.deleting import Deleting
from reptiops.engine.diff import carry, diff, retagged
from reptiops.engine.eta import WORTH, Countdown, Timings
from reptiops.engine.events import Event, Sink
from reptiops.engine.making import LOOKS, Making
from reptiops.engine.passing import CallFailed, GivenUp, passes
from reptiops.engine.resource import ADDRESS_TAG, Identity, Kept, Live, Made, NotYet, Resource
from reptiops.engine.scope import Scope
from reptiops.engine.state import Entry, Journal, State, now
from reptiops.engine.updating import Doing


@dataclass
class Work:
    """What the writes of one run share."""

    aws: Aws
    scope: Scope
    state: State
    journal: Journal
    tell: Sink
    stop: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)
    asked: dict[str, list[str]] = field(default_factory=dict)
    """Address → the requests by which its deletion was asked for; recorded once it has gone."""
    accepted: dict[str, float] = field(default_factory=dict)
    """Address → the moment of the clock when AWS had accepted its deletion."""
    generation: Iterator[int] = field(default_factory=lambda: itertools.count(time.time_ns()))
    """Goes into idempotency tokens: AWS remembers some for ever, so a thing that is made anew needs another one, be it
    in the same run (a rollback brings back what a replacement removed)."""

    timings: Timings = field(default_factory=Timings)
    """What this environment has seen of how long things take; what this run sees is added."""
    expect: Callable[[Countdown], None] = lambda _: None
    """Told what is going to happen, and once more when a rollback begins."""
    clock: Clock = field(default_factory=Monotonic)
    began: float = field(default_factory=time.monotonic)
    """The moment of the clock from which on a read counts as this run's."""
    parallel: int = 16
    """AWS calls in flight at once."""
    looks: tuple[float, ...] = LOOKS
    agreed: Agreed | None = None
    """What of a difference may be written, where that is not all of it."""
    timeout: Callable[[str], float | None] = lambda _: None
    """The playbook's limit for an address in seconds, where it has one."""

    def __post_init__(self) -> None:
        self.aws.stop = self.stop

    def limit(self, address: str, kind: type[Resource]) -> float:
        """Seconds after which waiting for an address is given up."""
        return self.timeout(address) or kind.limit

    def identity(self, address: str) -> Identity:
        """What a create of this address carries."""
        return Identity(address, {**self.scope.names.tags, ADDRESS_TAG: address}, next(self.generation))

    # -- create --

    def create(
        self, address: str, want: Resource, needs: tuple[str, ...], replaced: Live[Any] | None = None
    ) -> tuple[str, Made | None]:
        """Make it, or adopt what an attempt whose answer was lost has made; then only a look tells more than the id.

        `replaced`: the one of the same address beside which it is made.
        """
        anew: dict[str, Plain] = {}

        def restoring(settings: Mapping[str, Plain] | None) -> None:
            if settings is None:
                anew["anew"] = True
            else:
                self.journal.write("restores", address=address, settings=settings)

        carries = replace(self.identity(address), restoring=restoring)
        found = patient(self, lambda: want.standing(self.scope)) if replaced is None else None
        if found is not None:
            self.take(address, found, needs)
            return found.id, Made(found.id, found.out)
        again = partial(self.journal.write, "again", address=address, verb="create")
        making = Making(
            address, want, carries, self.aws, self.scope, self.stop, self.clock, self.looks, again, replaced
        )
        beside = replaced.id if replaced else ""
        entry = self._journalled(
            address,
            want,
            "create",
            None,
            needs,
            making.attempt,
            doubt=lambda: making.doubtful,
            told=anew,
            beside=beside,
        )
        return entry.id, making.made

    # -- update, delete --

    def update(
        self, address: str, want: Resource, live: Live[Any], needs: tuple[str, ...], declared: Resource | None = None
    ) -> Entry:
        """Set what differs; fields that somebody else owns keep their live value. One that another address had gets the
        tag of this one first.

        `declared` is what is recorded as applied: what the configuration gives away for a time is drift again when
        that time is over.
        """
        target = carry(want, live.has)
        identity, renamed = self.identity(address), bool(retagged(address, live))
        changed = frozenset(c.field for c in diff(want, live.has))
        same = replace(live, identity=identity)
        doing = Doing(want, same, target, changed, self.scope, self.stop, self.clock, self.looks)

        def attempt() -> str:
            if doing.doubtful:
                doing.again()
            was = doing.doubtful
            if renamed:
                type(target).tag(self.aws, doing.live, identity)
            if not doing.changed and (renamed or was):
                return doing.live.id
            written = self.aws.carried_out()
            try:
                return doing.target.update(self.aws, doing.live, doing.changed) or live.id
            except Exception as error:  # of several calls some may have been made: not one of them is made twice
                doing.doubtful = was or lost(error) or self.aws.carried_out() > written
                # AWS may have by now what its reads did not show: "there already" or "not there" then is as wanted.
                if was and not passes(type(target), error) and doing.shown():
                    return doing.live.id
                raise

        applied, unlike = self._applied(address, target, live, declared)
        wrote = plain({f: getattr(target, f) for f in changed})  # a rollback sets these back, and no other's
        more = {"wrote": wrote, "renews": type(target).renewed}
        entry = self._journalled(
            address, target, "update", live, needs, attempt, applied=applied, unlike=unlike, **more
        )
        if renamed and live.address in self.state.entries:
            self.gone(live.address)
        return entry

    def _applied(
        self, address: str, target: Resource, live: Live[Any], declared: Resource | None
    ) -> tuple[Resource | Plain, bool]:
        """What an update is recorded as, and whether that is not what is made by it.

        Of what is never changed, only made anew, the record is what was made: it may be read in place of AWS. Where
        somebody's changes are left on purpose, what was applied before stays in it, for they are drift as before.
        """
        renewed, known = type(target).renewed, self.state.entries.get(address)
        if declared is not None and self.agreed and known and not (renewed and address not in self.agreed.partly):
            return self.agreed.applied(address, known.applied, in_full(target)), renewed
        return target if declared is None or renewed else carry(declared, live.has), False

    def withdraw(self, address: str, kind: type[Resource], before: str) -> None:
        """Take back what updates have put in the place of the id `before`; an attempt after a lost answer looks anew."""

        def attempt() -> None:
            self.scope.forget(kind)
            kind.withdraw(self.aws, self.scope, before)

        self._retried(kind, address, "restore", self.clock.now())(attempt)
        self.scope.forget(kind)

    def delete(self, address: str, instance: Resource, live: Live[Any]) -> None:
        """Ask AWS to remove it; what is already gone is success. Whether it has gone is for the next look to tell.

        What AWS refuses for long is said with what holds it.
        """
        deleting = Deleting(instance, live, self.aws, self.clock, self.clock.now())
        self._journalled(address, instance, "delete", live, (), deleting.attempt, gone=False)

    def _begin_all(self, some: Sequence[tuple[str, Live[Any]]]) -> None:
        for address, live in some:
            known = self.state.entries.get(address)
            self.journal.write(
                "begin",
                address=address,
                verb="delete",
                kind=live.has.kind(),
                id=live.id,
                pre=in_full(live.has),
                target=None,
                was=known.document if known else None,
            )

    def delete_all(self, some: Sequence[tuple[str, Live[Any]]]) -> None:
        """Ask AWS to remove several of one kind by one call. Raises CallFailed, and then none of them counts as removed."""
        kind, addresses = type(some[0][1].has), [address for address, _ in some]
        self._begin_all(some)
        lives, requests = [live for _, live in some], self.aws.note_requests()
        try:
            self._retried(kind, addresses[0], "delete", self.clock.now())(kind.delete_all, self.aws, lives)
        except Exception as error:
            for address in addresses:
                self.journal.write(
                    "failed", address=address, verb="delete", code=code(error), request=request_id(error)
                )
            raise CallFailed(f"{addresses[0]} and others", "delete", kind.kind(), error) from error
        finally:
            self.scope.forget(kind)
        for address in addresses:
            self.asked[address], self.accepted[address] = list(requests), self.clock.now()

    def gone(self, address: str) -> None:
        """Record that AWS no longer shows it, and how long that took it where it is worth telling."""
        requests, now = self.asked.pop(address, []), self.clock.now()
        waits = now - self.accepted.pop(address, now)
        more = {"waits": round(waits, 3)} if waits >= WORTH else {}
        self.journal.write("done", address=address, verb="delete", entry=None, requests=requests, **more)
        with self.guard:
            self.state.entries.pop(address, None)

    def retire(self, address: str, instance: Resource, live: Live[Any]) -> None:
        """The first half of a slow deletion."""

        def attempt() -> str:
            try:
                instance.retire(self.aws, live)
            except Exception as error:
                if code(error) not in instance.absent:
                    raise
            return live.id

        self._journalled(address, instance, "retire", live, (), attempt, gone=False)
        self.journal.write("retired", address=address, verb="retire", requests=self.asked.get(address, []))

    def adopt(self, address: str, live: Live[Any], needs: tuple[str, ...]) -> None:
        """Record what is already as wanted and is not in the state (which was lost, or a crash came before the record)."""
        known = self.state.entries.get(address)
        if known is not None and known.id == live.id:
            return
        entry = Entry(address, live.has.kind(), live.id, in_full(live.has), needs)
        self._record(address, "record", entry)

    def take(self, address: str, live: Live[Any], needs: tuple[str, ...]) -> Entry:
        """Take over what exists: our tags on it, nothing else of it changed, and a record of it as it is."""
        kind, identity = type(live.has), self.identity(address)

        def attempt() -> str:
            kind.tag(self.aws, live, identity)
            return live.id

        return self._journalled(address, live.has, "adopt", live, needs, attempt, wrote={})

    def recorded_as(self, address: str, entry: Entry | None) -> None:
        """Put back what the state said of an address before a change that was set back: drift is drift again."""
        if entry is None:
            return
        self._record(address, "restore", entry)

    def accept(self, address: str, live: Live[Any]) -> None:
        """Record what is live as what was applied: a person has said that it is right."""
        before = self.state.entries[address]
        entry = Entry(address, live.has.kind(), live.id, in_full(live.has), before.needs, before.created)
        self._record(address, "accept", entry)

    def _record(self, address: str, verb: str, entry: Entry, **more: Any) -> None:
        self.journal.write("done", address=address, verb=verb, entry=entry.document, **more)
        with self.guard:
            self.state.entries[address] = entry

    # -- the journal around it, and the retry --

    def _journalled(
        self,
        address: str,
        target: Resource,
        verb: str,
        live: Live[Any] | None,
        needs: tuple[str, ...],
        attempt: Callable[[], str],
        gone: bool = True,
        applied: Resource | Plain = None,
        unlike: bool = False,
        doubt: Callable[[], bool] = lambda: False,
        told: Mapping[str, Plain] = {},
        **more: Plain,
    ) -> Entry:
        kind = type(target)
        started = self.clock.now()
        pre, wanted = live and in_full(live.has), in_full(target) if live is None else None
        known = self.state.entries.get(address) or (self.state.entries.get(live.address or "") if live else None)
        was = known.document if known else None
        if verb in ("create", "update") and kind.displaces is not Resource.displaces:
            for other in target.displaces(patient(self, lambda: self.scope.since(kind, self.began)).values()):
                self._displaced(kind, other)
        names: dict[str, Plain] = {"id": None, **more}
        if live:
            names |= {"id": live.id, "arn": live.out.get("arn", ""), "tagged": live.address}
        if live and live.status.phase == "failed":  # pending is a change that happened to be running
            names["unready"] = live.status.word
        self.journal.write(
            "begin", address=address, verb=verb, kind=kind.kind(), pre=pre, target=wanted, was=was, **names
        )
        requests = self.aws.note_requests()
        try:
            identifier = self._retried(kind, address, verb, started)(attempt)
        except Kept as kept:
            self.journal.write("kept", address=address, verb=verb, why=str(kept))
            raise
        except Exception as error:
            interrupted = self.stop.is_set() and passes(kind, error)
            failed = CallFailed(address, verb, kind.kind(), error, interrupted)
            why = {"code": code(error), "request": request_id(error), "why": message(error), "requests": requests}
            doubtful = verb == "create" and (lost(error) or doubt())
            try:
                self.journal.write("failed", address=address, verb=verb, doubtful=doubtful, **why)
            except Exception as broken:  # such as a state kept in S3 under the same dead credentials
                failed.add_note(f"and the journal could not be written: {broken}")
            raise failed from error
        finally:
            self.scope.forget(kind)
        before = self.state.entries.get(address)
        since = "" if verb == "adopt" else now()  # what was there before us has no beginning that is known
        if before is not None and before.id == identifier and verb != "create":
            since = before.created
        entry = Entry(address, kind.kind(), identifier, in_full(applied or target), needs, since, unlike)
        if gone:
            seconds = round(self.clock.now() - started, 3)
            self._record(address, verb, entry, seconds=seconds, requests=requests, **told)
        else:
            self.asked[address], self.accepted[address] = [*self.asked.get(address, ()), *requests], self.clock.now()
        return entry

    def _displaced(self, kind: type[Resource], other: Live[Any]) -> None:
        """Write down how a neighbour was that has to make room: it comes back with a rollback."""
        recorded = (a for a, e in self.state.entries.items() if e.kind == kind.kind() and e.id == other.id)
        address = other.address or next(recorded, other.id)
        known = self.state.entries.get(address)
        was = known.document if known else None
        self.journal.write(
            "displaced", address=address, verb="update", kind=kind.kind(), id=other.id, pre=in_full(other.has), was=was
        )

    def _retried(self, kind: type[Resource], address: str, verb: str, started: float) -> tenacity.Retrying:
        last: list[BaseException] = []

        def tell(retry: tenacity.RetryCallState) -> None:
            error = retry.outcome.exception() if retry.outcome else None
            last[:] = [error] if error else []
            reason = str(error) if isinstance(error, NotYet) else f"{code(error)}: {message(error)}" if error else ""
            self.tell(Event("retry", address, verb, reason, self.clock.now() - started))

        def sleep(seconds: float) -> None:
            self.clock.sleep(seconds, self.stop)
            if self.stop.is_set() and last:  # who interrupts a run wants no further attempt
                raise last[0]

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: passes(kind, error)),
            wait=tenacity.wait_exponential_jitter(multiplier=0.3, max=10, jitter=0.3),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(self.limit(address, kind)),
                tenacity.stop_when_event_set(self.stop),
                GivenUp(kind),
            ),
            sleep=sleep,
            before_sleep=tell,
            reraise=True,
        )
