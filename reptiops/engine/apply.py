"""Making the plan true: steps start in the documented order as soon as what they need is there, and nothing waits
for a resource that nobody needs. Waiting is looking again, one look per kind for all that is pending.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from reptiops.aws import code, message
from reptiops.engine.blind import AGAIN, Blind, patient
from reptiops.engine.calls import Work
from reptiops.engine.canonical import plain
from reptiops.engine.crew import Crew, Looks, interval
from reptiops.engine.diff import diff, retagged
from reptiops.engine.eta import LATE, WORTH
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph, Step, results
from reptiops.engine.last import Last
from reptiops.engine.plan import EVERYTHING, Matcher, Plan, Selection, decide, nobody
from reptiops.engine.recheck import Filled, Moved, recheck, still
from reptiops.engine.resource import Live, Resource
from reptiops.engine.task import Progress, Task
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ReptiopsError
from reptiops.limits import NotSent

UNSEEN = 90.0
"""Seconds that a created resource may stay out of AWS's lists (eventual consistency, aws-facts 1.4)."""

GOING = "until the one before is gone, which AWS is deleting"
"""What a create waits for."""

CONVERGED = 60.0
"""Seconds that AWS may need until a read shows what was written, at least (aws-facts 1.4)."""


class ApplyError(ReptiopsError):
    """An apply that stopped: the first thing that went wrong, and everything else that did."""

    def __init__(self, errors: list[BaseException]):
        self.errors = list({str(e): e for e in reversed(errors)}.values())[::-1]  # a full disk is one cause
        super().__init__("\n".join(map(str, self.errors)))


class Apply:
    """One apply of a plan. What it has done is in the journal, from which a rollback undoes it."""

    def __init__(
        self,
        graph: Graph,
        given: Mapping[str, Any],
        plan: Plan,
        matcher: Matcher,
        work: Work,
        strict: bool = False,
        selection: Selection = EVERYTHING,
        held: Mapping[str, str] | None = None,
    ):
        """`held`: what held data when somebody agreed to the plan; None: as it is when the run begins."""
        self._graph, self._given, self._work, self._strict = graph, given, work, strict
        self._selection, self._owned = selection, given.get("owned", nobody)
        self._matcher, self._last = matcher, Last(graph, plan, strict)
        self._planned = {a.address: a for a in plan.actions}
        self.filled = Filled(work, plan, self._owned, held)
        self._progress: dict[str, Progress] = {}
        self._waiting = {s.name: s for s in graph.order}
        self._tried: dict[str, int] = {}
        self._pending: dict[type[Resource], dict[str, Task]] = {}
        self._looks = Looks(work.clock)
        self._moved = True
        self._errors: list[BaseException] = []
        self.created: dict[str, Live[Any] | None] = {}
        self.entries = dict(work.state.entries)
        """What the state said before this run."""
        self.live: dict[str, Live[Any]] = {}
        self._built_on: set[str] = set()
        self._blind = Blind(work.clock)
        self.superseded: list[tuple[str, Live[Any]]] = []
        """Address and what it was before: replaced by one that was made beside it, and still there."""

    def run(self) -> None:
        """Do it all. Raises ApplyError after everything in flight has settled."""
        work = self._work
        self.filled.look()
        with Crew(work.clock, work.parallel, "apply", work.stop) as crew:
            while True:
                going = not self._errors and not work.stop.is_set()
                if going:
                    self._start(crew)
                    self._release(crew)
                    for kind in self._looks.begin():
                        if self._pending.get(kind):
                            crew.look(kind, self._observe)
                        else:
                            self._looks.end(kind, 0)
                if not crew.busy and (self._errors or work.stop.is_set() or self._finished()):
                    break
                self._settle(crew.take(self._looks.timeout() if going else None))
        if self._errors:
            raise ApplyError(self._errors)

    def _finished(self) -> bool:
        return not self._last.held and not self._waiting and not any(p.unready for p in self._progress.values())

    def _release(self, crew: Crew) -> None:
        if self._errors:
            return
        for task in self._last.release(self._progress, self._waiting, self._work.clock.now()):
            self._submit(crew, task)

    def _submit(self, crew: Crew, task: Task) -> None:
        needs = tuple(self._graph.steps[n].path for n in task.step.needs)
        crew.submit(task, type(task.want), self._do, task, needs)

    def wanted(self, address: str) -> Resource | None:
        """What this run wanted at an address, ids filled in."""
        for progress in self._progress.values():
            if address in progress.wanted:
                return progress.wanted[address]
        return None

    # -- steps --

    def _start(self, crew: Crew) -> None:
        while self._moved:
            self._moved = False
            for s in list(self._waiting.values()):
                if not self._may_start(s):
                    continue
                version = sum(self._progress[n].version for n in s.needs)
                if self._tried.get(s.name) == version:
                    continue  # nothing has become known since
                self._tried[s.name] = version
                wanted = s.wanted(self._values(s))
                if not self._known(s, wanted):
                    continue
                del self._waiting[s.name]
                progress = self._progress[s.name] = Progress(s, wanted)
                self._moved, started = True, self._work.clock.now()
                for address, want in wanted.items():
                    self._begin(crew, progress, address, want, started)

    def _may_start(self, s: Step) -> bool:
        for need in s.needs:
            progress = self._progress.get(need)
            if progress is None or not progress.settled(need in s.early):
                return False
        if self._strict:
            phase = self._graph.phase_index(s)
            earlier = [o for o in self._graph.order if self._graph.phase_index(o) < phase]
            return all(o.name in self._progress and self._progress[o.name].settled(False) for o in earlier)
        return True

    def _known(self, s: Step, wanted: Mapping[str, Resource]) -> bool:
        """Whether AWS has given all values by now: some come only while a resource is already seen (ACM's records)."""
        selected = {address: want for address, want in wanted.items() if self._selection.covers(address)}
        missing = [address for address, want in selected.items() if is_unknown(plain(want))]
        if missing and all(self._progress[n].settled(False) for n in s.needs):
            self._errors.append(
                ReptiopsError(f"{missing[0]} needs a value that AWS does not give: {plain(wanted[missing[0]])}")
            )
        return not missing

    def _values(self, s: Step) -> dict[str, Any]:
        values = dict(self._given)
        for need in s.needs:
            progress = self._progress[need]
            values[need] = results(progress.step, progress.wanted, self.live)
        return values

    def _begin(self, crew: Crew, progress: Progress, address: str, want: Resource, started: float) -> None:
        found, foreign = self._matcher.find(address, want)
        going = self._matcher.going(address, want) if found is None else None
        action = decide(address, want, found, foreign, progress.step, self._owned, going)
        declared, want = want, action.want or want
        if not self._selection.covers(address):
            if found is not None:
                self.live[address] = found
            return
        task = Task(address, want, declared, progress.step, action, started, started, found)
        progress.tasks.append(task)
        progress.count(1)
        planned = self._planned.get(address)
        if action.verb != "none" and (planned is None or planned.verb != action.verb):
            was = planned.verb if planned else "nothing"
            self._errors.append(Moved(f"{address}: the plan said {was}, now it would be {action.verb}. Plan again."))
            return
        needs = tuple(self._graph.steps[n].path for n in progress.step.needs)
        if action.verb == "none" and found is not None:
            self._work.adopt(address, found, needs)
            self._await(task)
            self._seen(task, found)
            return
        if found is not None and self._last.holds(action, progress.step):
            self._last.hold(task, progress)
            if not action.in_place:
                self.live[address] = found
            return
        self._submit(crew, task)

    def _do(self, task: Task, needs: tuple[str, ...]) -> None:
        work, live = self._work, task.live
        task.started = work.clock.now()
        work.tell(Event("start", task.address, task.action.verb))  # not before it has a thread and a seat
        if task.action.verb == "replace" and live is not None and not task.action.in_place:
            task.want, task.replaced = task.want.succeeding(live), live
            self.superseded.append((task.address, live))
        elif task.action.in_place and live is not None:
            self._make_room(task, live)
        elif task.action.going is not None:
            self._until_gone(task, task.action.going, "is being deleted, and still not gone")
            task.started = work.clock.now()
        if task.action.verb == "update" and live is not None:
            current, action = patient(work, lambda: recheck(work.scope, task, live, self._owned, self._built_on))
            self._built_on.add(current.id)
            task.live, task.want = current, action.want or task.want
            if action.verb == "update":
                task.before = current
                work.update(task.address, task.want, current, needs, task.declared)
        else:
            self.created[task.address] = None
            identifier, made = work.create(task.address, task.want, needs, task.replaced)
            task.live = Live(identifier, task.want, task.address)
            if made is not None:
                task.answer = Live(identifier, task.want, task.address, made.status, made.out)

    def _make_room(self, task: Task, live: Live[Any]) -> None:
        """Delete what is made anew, unless somebody changed or filled it since the plan."""
        work = self._work
        current, action = patient(work, lambda: still(work.scope, task, live, self._owned, self._built_on))
        self.filled.check(task.address, current)
        task.want = action.want or task.want
        work.delete(task.address, task.want, current)
        self._until_gone(task, current, "was to be replaced, but is still not gone")

    def _until_gone(self, task: Task, live: Live[Any], otherwise: str) -> None:
        work, kind, clock = self._work, type(task.want), self._work.clock
        began = known = clock.now()
        while (waited := clock.now() - began) < work.limit(task.address, kind) and not work.stop.is_set():
            # Whoever of the kind is the first to look looks for all: any look serves that is newer than the last one.
            present = patient(work, partial(self._since, kind, known))
            known = clock.now()
            if live.id not in present:
                work.gone(task.address)
                return
            if task.action.going is not None and not task.told:
                task.told = f"{GOING}: {live.id} ({live.status.word})"
                work.tell(Event("wait", task.address, task.action.verb, task.told, waited))
            clock.sleep(interval(waited, task.want.takes("delete")), work.stop)
        if work.stop.is_set():
            raise NotSent(f"{task.address} was not made: the run was stopped before {live.id} was gone")
        raise ReptiopsError(f"{task.address} ({live.id}) {otherwise}")

    # -- waiting is looking again --

    def _await(self, task: Task) -> None:
        """It is made, and seen again whenever its kind is looked at."""
        self._pending.setdefault(type(task.want), {})[task.address] = task

    def _look_at(self, task: Task, at: float) -> None:
        task.next_look = at
        self._looks.want(type(task.want), at)

    def _since(self, kind: type[Resource], moment: float) -> Mapping[str, Live[Any]]:
        with self._work.aws.polling():
            return self._work.scope.since(kind, moment)

    def _observe(self, kind: type[Resource]) -> Mapping[str, Live[Any]]:
        return self._since(kind, self._work.clock.now())

    def _settle(self, ended: list[tuple[Any, Future[Any]]]) -> None:
        for subject, future in ended:
            error = future.exception()
            if not isinstance(subject, Task):
                self._looks.end(subject, 0 if error else len(future.result()))
            # What was not sent is no failure: the run was stopped, and nobody waits for a look any more.
            if isinstance(error, NotSent) or (error and not isinstance(subject, Task) and self._passes(subject, error)):
                continue
            if error is not None:
                self._fail(subject, error)
            elif not isinstance(subject, Task):
                self._blind.seen(subject)
                self._update(subject, future.result())
            else:
                subject.answered = self._work.clock.now()
                self._await(subject)
                if subject.answer is not None:
                    self._seen(subject, subject.answer)
                if not subject.ready:
                    self._look_at(subject, self._work.clock.now())  # an emulator is ready at once

    def _passes(self, kind: type[Resource], error: BaseException) -> bool:
        """Whether a look that failed is tried again: what was made goes on without us, and the network may come back."""
        unanswered = self._blind.lasts(kind, error)
        if unanswered is None or self._work.stop.is_set():
            return False
        for task in self._pending.get(kind, {}).values():
            self._work.tell(
                Event("retry", task.address, task.action.verb, f"{code(error)}: {message(error)}", unanswered)
            )
            self._look_at(task, self._work.clock.now() + AGAIN)
        return True

    def _fail(self, subject: Any, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        self._errors.append(error)
        address = subject.address if isinstance(subject, Task) else subject.kind()
        self._work.tell(Event("failed", address, text=str(error)))

    def _update(self, kind: type[Resource], by_id: Mapping[str, Live[Any]]) -> None:
        old = {one.id for _, one in self.superseded}
        by_address = {
            one.address: one
            for one in by_id.values()
            if one.address and one.id not in old and one.status.phase != "going"
        }
        for task in list(self._pending.get(kind, {}).values()):
            one = by_id.get(task.live.id if task.live else "") or by_address.get(task.address)
            if one is None:
                self._not_seen(task)
            else:
                self._seen(task, one)

    def _not_seen(self, task: Task) -> None:
        now = self._work.clock.now()
        unseen = now - max(task.started, task.answered)
        if unseen > UNSEEN:
            self._errors.append(
                ReptiopsError(f"{task.address} was created, but AWS does not list it after {unseen:.0f} s")
            )
        self._look_at(task, now + interval(unseen, task.want.takes()))

    def _given_up(self, task: Task, live: Live[Any]) -> str:
        """Whether it need not be waited for any longer: why AWS will never make it what was asked for."""
        if task.before is None or not diff(task.want, live.has):
            return ""
        return task.want.given_up(task.before, live)

    def _as_wanted(self, task: Task, live: Live[Any], waited: float) -> bool:
        """AWS says ready, yet is it what was asked for? A circuit breaker's rollback is "stable" on the old revision."""
        changes = (*diff(task.want, live.has), *retagged(task.address, live)) if task.action.verb != "none" else ()
        differing = ", ".join(c.path for c in changes)
        if not differing:
            return True
        settling = self._work.clock.now() - max(task.started, task.answered)
        if settling > max(CONVERGED, 2 * type(task.want).typical):
            self._errors.append(ReptiopsError(f"{task.address} ({live.id}) is ready, but not as wanted: {differing}"))
            self._work.tell(Event("failed", task.address, text=f"not as wanted: {differing}"))
        elif task.told != (word := f"{live.status.word}, but not yet as wanted: {differing}"):
            task.told = word
            self._work.tell(Event("wait", task.address, task.action.verb, word, waited))
        self._look_at(task, self._work.clock.now() + interval(waited, task.want.takes("update", task.action.changes)))
        return False

    def _seen(self, task: Task, live: Live[Any]) -> None:
        task.live = self.live[task.address] = live
        progress = self._progress[task.step.name]
        progress.version += 1
        progress.unseen -= not task.seen
        task.seen = self._moved = True
        if task.address in self.created:
            self.created[task.address] = live
        kind, waited = type(task.want), self._work.clock.now() - task.started
        ready = live.status.phase == "ready" and not (
            live.status.unapplied and task.action.verb in ("create", "update")
        )
        if why := self._given_up(task, live):
            self._errors.append(ReptiopsError(f"{task.address} ({live.id}) is not as wanted: {why}"))
            self._work.tell(Event("failed", task.address, text=why))
            return
        if ready and not self._as_wanted(task, live, waited):
            return
        if ready:
            task.ready = True
            progress.unready -= 1
            del self._pending[kind][task.address]
            if task.action.verb != "none":
                if task.action.verb == task.doing:
                    self._work.timings.add(task.want, task.doing, waited, task.action.changes)
                if waited >= WORTH:
                    self._work.journal.write("ready", address=task.address, verb=task.action.verb)
                self._work.tell(Event("done", task.address, task.action.verb, live.id, waited))
            return
        if live.status.phase == "failed" or waited > self._work.limit(task.address, kind):
            why = f"{live.status.word} {live.status.reason}".strip()
            late = "" if live.status.phase == "failed" else f" after {waited:.0f} s"
            self._errors.append(ReptiopsError(f"{task.address} ({live.id}) is not ready{late}: {why}"))
            self._work.tell(Event("failed", task.address, text=why))
            return
        overdue = waited > self._work.timings.late(task.want, task.doing, task.action.changes)
        word = f"{live.status.word}, {LATE}: {live.status.reason}" if overdue else live.status.word
        if word != task.told:
            task.told = word
            self._work.tell(Event("wait", task.address, task.action.verb, word.removesuffix(": "), waited))
        expected = self._work.timings.expected(task.want, task.doing, task.action.changes)
        self._look_at(task, self._work.clock.now() + interval(waited, expected))
