"""The writing half of a reconcile: what quickly takes a risk away goes first, in a run of its own.

A port that somebody opened must not stay open while a database changes its class; and a slow repair that fails, and is
undone, must not open it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from reptiops.app.diagnosis import ask_why
from reptiops.app.failure import Choose, OnFailure, handle_failure
from reptiops.app.mending import Mending
from reptiops.app.recovery import Looking
from reptiops.app.runs import Interrupted, Stop, interrupted, writing
from reptiops.app.site import Site, owner_of
from reptiops.engine.action import Action
from reptiops.engine.apply import Apply
from reptiops.engine.blind import patient
from reptiops.engine.calls import Work
from reptiops.engine.drift import Drift, Finding, find
from reptiops.engine.eta import Countdown
from reptiops.engine.events import Sink
from reptiops.engine.plan import Matcher, Plan
from reptiops.engine.proof import inventory, named
from reptiops.engine.recheck import Filled, holding
from reptiops.engine.remove import Doomed, Remove, look_after
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.playbook import Playbook

DIFFERS = "still differs"
Leaving = Iterable[tuple[Finding, str]]
"""What a reconcile leaves, each with the reason."""
STOPPED = "interrupted: nothing new was started, and AWS has answered what was asked."


def urgent(one: Finding, found: Drift) -> bool:
    """Whether it is a risk that goes at once: what lets something in, and nothing that is mended can need."""
    known = found.extras.get((one.kind, one.id))  # not of what only carries our tags
    return one.what == "extra" and one.risk == "security" and known is not None and known[0].removable


@dataclass
class Repairs:
    """The repairs of one reconcile. `before` is the drift that they mend, `seconds` what they took, from the lock on."""

    site: Site
    scope: Scope
    matcher: Matcher
    before: Drift
    book: Playbook
    tell: Sink
    expect: Callable[[Countdown], None]
    stop: Stop | None = None
    on_failure: OnFailure | None = None
    choose: Choose | None = None
    seconds: float = 0.0
    left: dict[tuple[str, str], str] = field(default_factory=dict)
    """(kind, id) of what was to be removed and stays → why: it is no longer what somebody agreed to lose."""
    _held: Mapping[str, str] | None = None
    """What those hold that hold data, as it was before anybody was asked."""
    _gone: list[Doomed] = field(default_factory=list)
    """What an earlier run of these repairs has removed."""
    _closed: list[Doomed] = field(default_factory=list)
    """Of that, what was a risk and went first."""
    _assumed: set[tuple[str, str]] = field(default_factory=set)
    """(kind, id) of what AWS says is gone, and its lists may still show."""

    def close(self, risks: Iterable[Finding], left: Leaving = ()) -> None:
        """Remove what lets something in, in a run of its own, which writes down what is left by then."""
        listed = list(risks)
        if not listed:
            return
        self._run(listed, Mending(), left, last=False)
        self._closed = list(self._gone)
        if self.stop is not None:
            self.stop.armed = False  # at a question Ctrl-C ends the command
            if self.stop.is_set():
                raise Interrupted(STOPPED, unchanged=True)

    def weigh(self, findings: Iterable[Finding]) -> None:
        """Look at what those hold that are to be removed: who agrees to that agrees to lose this, and no more."""
        listed = _with(Plan(()), self._extras(findings))
        waiting = Looking(self.site.clock, self.tell)
        self._held = patient(waiting, lambda: holding(self.site.aws, listed))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What fails or is stopped after something was closed says that this is gone all the same."""
        try:
            yield
        except KeyboardInterrupt as error:
            if not self._closed:
                raise
            stopped = Interrupted(STOPPED, unchanged=True)
            stopped.earlier = self._removed_before()
            raise stopped from error
        except ReptiopsError as error:
            error.earlier = self._removed_before()
            raise
        except Exception as error:
            if self._closed:
                error.add_note(self._removed_before())
            raise

    def _removed_before(self) -> str:
        """Empty where that is nothing."""
        removed = ", ".join(d.address for d in self._closed)
        return removed and f"Removed before that as a risk, and not brought back: {removed}"

    def run(self, mend: Iterable[Finding], what: Mending, left: Leaving) -> Scope:
        """Carry out the plan and remove the extras among the findings; answers what AWS shows then."""
        return self._run(list(mend), what, left)

    def looked(self) -> Scope:
        """What AWS shows after all that was done."""
        started, again = time.monotonic(), self.scope.again()
        waiting = Looking(self.site.clock, self.tell, self.stop or Stop())
        look_after(waiting, again, self.site.graph.kinds(), self._assumed)
        self.seconds += time.monotonic() - started
        return again

    def _run(self, mend: list[Finding], what: Mending, left: Leaving, last: bool = True) -> Scope:
        site, graph, made = self.site, self.site.graph, what.plan
        with writing(site, "reconcile", self.tell, self.scope, self.stop, self.book) as work:
            started = time.monotonic()  # the run's time, as `history` has it: from the lock to the last look
            for finding in mend:
                work.journal.write("repair", address=finding.address, key=finding.key)
            _write_left(work, left)
            there = inventory(self.scope, graph.kinds()) - {named(d.live) for d in self._gone}
            work.journal.write("before", inventory=sorted(there))
            gone = self._extras(mend)
            work.expect = self.expect
            self.expect(Countdown(graph, _with(made, gone), work.timings))
            work.agreed, given = what.agreed, what.given(site)
            run = Apply(graph, given, made, self.matcher, work, self.book.strict_phases, what.selection)
            try:
                if made.changes:
                    run.run()
                    interrupted(work)
                if gone:
                    self._remove(gone, work)
                    interrupted(work)
            except Exception as error:
                ask_why(site, run, error, work.journal)
                if all(urgent(one, self.before) for one in mend):  # what is closed stays closed, whatever else fails
                    handle_failure(site, work, error, "keep", None)
                handle_failure(site, work, error, self.on_failure or self.book.on_failure, self.choose)
            again = work.scope.again()
            if last:
                look_after(work, again, graph.kinds(), self._assumed)
            _write_left(work, self._stays(mend, again if last else None))
            self.seconds += time.monotonic() - started
        return again

    def _stays(self, mend: list[Finding], again: Scope | None) -> Iterator[tuple[Finding, str]]:
        """What of it was left alone, and where AWS was looked at again, what still differs there."""
        keys: set[str] = set()
        if again is not None:
            site, matcher = self.site, Matcher(again, self.site.graph.kinds(), self.site.state)
            found = find(site.graph, site.given, matcher, site.state, owner_of(site.env))
            keys = {f.key for f in found.findings}
        for finding in mend:
            why = self.left.get((finding.kind, finding.id), DIFFERS if finding.key in keys else "")
            if why:
                yield finding, why

    def _extras(self, findings: Iterable[Finding]) -> list[Doomed]:
        """The extras among them, as they were found."""
        parting = self.site.given["parting"]
        return [_doomed(*self.before.extra(f), parting) for f in findings if f.what == "extra"]

    def _remove(self, gone: list[Doomed], work: Work) -> None:
        """Each is looked at once more in its turn: what changed or filled since it was agreed to stays."""
        filled = Filled(work, Plan(()), self.site.given["owned"], self._held)

        def look(d: Doomed) -> None:
            d.live = filled.parting(d.address, d.live, d.decided)

        removal = Remove(self.site.graph, gone, work, look=look)
        removal.run()
        self._assumed |= removal.assumed
        self._gone += [d for d in gone if d.address not in removal.left]
        self.left |= {
            (d.kind.kind(), d.live.id): f"{removal.left[d.address]}: it was left alone"
            for d in gone
            if d.address in removal.left
        }


def _write_left(work: Work, left: Leaving) -> None:
    """For `explain`. The values stay out: one may be a secret."""
    for f, why in left:
        more = {"id": f.id, "field": f.field, "what": f.what, "risk": f.risk, "kind": f.kind}
        work.journal.write("left", address=f.address, why=why, **more)


def _doomed(has: Resource, one: Live[Any], path: str, parting: Mapping[type[Resource], Mapping[str, Any]]) -> Doomed:
    """What nobody declares, under an address of its own; deleted by the environment's own settings."""
    return Doomed(f"{path}/{one.id}", replace(has, **parting.get(type(has), {})), one, path)


def _with(made: Plan, gone: Iterable[Doomed]) -> Plan:
    """A plan and what is removed after it."""
    return replace(
        made, actions=(*made.actions, *(Action(d.address, "delete", d.kind, d.instance, d.live) for d in gone))
    )
