"""Making the plan true: steps start in the documented order as soon as what they need is there, and nothing waits
for a resource that nobody needs. Waiting is looking again, one look per kind for all that is pending.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from reptiops.engine.calls import Work
from reptiops.engine.eta import WORTH
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph, Step, results
from reptiops.engine.plan import EVERYTHING, Action, Matcher, Plan, Selection, decide, nobody
from reptiops.engine.resource import Live, Resource, diff, is_unknown, plain
from reptiops.errors import ReptiopsError

UNSEEN = 90.0
"""Seconds that a created resource may stay out of AWS's lists (eventual consistency, aws-facts 1.4)."""

CONVERGED = 60.0
"""Seconds that AWS may need until a read shows what was written, at least (aws-facts 1.4)."""


class ApplyError(ReptiopsError):
    """An apply that stopped: the first thing that went wrong, and everything else that did."""

    def __init__(self, errors: list[BaseException]):
        self.errors = errors
        super().__init__("\n".join(str(e) for e in errors))


class Moved(ReptiopsError):
    """AWS is no longer as it was when the plan was made."""

    exit_code = 4


@dataclass
class Task:
    """One wanted resource on its way: made, then seen, then ready."""

    address: str
    want: Resource
    step: Step
    action: Action
    started: float = 0.0
    live: Live[Any] | None = None
    made: bool = False
    seen: bool = False
    ready: bool = False
    held: bool = False
    """A one-way update that waits until everything else is done; who needs the resource takes it as it is."""
    next_look: float = 0.0
    told: str = ""


@dataclass
class Progress:
    """A step whose resources are under way."""

    step: Step
    wanted: Mapping[str, Resource]
    tasks: list[Task] = field(default_factory=list)

    def settled(self, early: bool) -> bool:
        """Whether those who need this step may start."""
        return all(t.held or (t.seen if early else t.ready) for t in self.tasks)


class Apply:
    """One apply of a plan. `created` and `updated` tell the rollback what this run has done."""

    def __init__(
        self,
        graph: Graph,
        given: Mapping[str, Any],
        plan: Plan,
        matcher: Matcher,
        work: Work,
        strict: bool = False,
        selection: Selection = EVERYTHING,
    ):
        self._graph, self._given, self._work, self._strict = graph, given, work, strict
        self._selection = selection
        self._matcher = matcher
        self._planned = {a.address: a for a in plan.actions}
        changing = [graph.step_of(a.address) for a in plan.changes if a.verb != "delete"]
        self._changing = {s.name for s in changing if s is not None}
        self._progress: dict[str, Progress] = {}
        self._running: dict[Future[Any], Any] = {}
        self._polls: set[type[Resource]] = set()
        self._errors: list[BaseException] = []
        self.created: dict[str, Live[Any] | None] = {}
        self.updated: list[tuple[str, Live[Any], Resource]] = []
        self.entries = dict(work.state.entries)
        """What the state said before this run."""
        self.live: dict[str, Live[Any]] = {}

    def run(self) -> None:
        """Do it all. Raises ApplyError after everything in flight has settled."""
        with ThreadPoolExecutor(self._work.parallel, thread_name_prefix="apply") as pool:
            while True:
                if not self._errors and not self._work.stop.is_set():
                    self._start(pool)
                    self._release(pool)
                    self._poll(pool)
                if not self._running and (self._errors or self._work.stop.is_set() or self._finished()):
                    break
                self._settle()
        if self._errors:
            raise ApplyError(self._errors)

    def _finished(self) -> bool:
        return len(self._progress) == len(self._graph.order) and all(
            p.settled(False) and not any(t.held for t in p.tasks) for p in self._progress.values()
        )

    def _release(self, pool: ThreadPoolExecutor) -> None:
        """Begin the one-way updates once everything else is done: a failure before them leaves nothing that cannot be undone."""
        whole = len(self._progress) == len(self._graph.order) and all(p.settled(False) for p in self._progress.values())
        for task in [t for p in self._progress.values() for t in p.tasks if t.held] if whole else []:
            task.held, task.started = False, time.monotonic()
            self._submit(pool, task)

    def _submit(self, pool: ThreadPoolExecutor, task: Task) -> None:
        self._work.tell(Event("start", task.address, task.action.verb))
        needs = tuple(self._graph.steps[n].path for n in task.step.needs)
        self._running[pool.submit(self._do, task, needs)] = task

    def _holds(self, action: Action, s: Step) -> bool:
        """Whether an update is one-way and can come last: nobody who changes in this run needs the rest of it."""
        return action.waits and not (action.mixed and any(n in self._changing for n in self._graph.dependants(s.name)))

    def wanted(self, address: str) -> Resource | None:
        """What this run wanted at an address, ids filled in."""
        for progress in self._progress.values():
            if address in progress.wanted:
                return progress.wanted[address]
        return None

    # -- steps --

    def _start(self, pool: ThreadPoolExecutor) -> None:
        for s in self._graph.order:
            if s.name not in self._progress and self._may_start(s):
                wanted = s.wanted(self._values(s))
                if not self._known(s, wanted):
                    continue
                progress = self._progress[s.name] = Progress(s, wanted)
                for address, want in wanted.items():
                    self._begin(pool, progress, address, want)

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

    def _begin(self, pool: ThreadPoolExecutor, progress: Progress, address: str, want: Resource) -> None:
        found, foreign = self._matcher.find(address, want)
        action = decide(address, want, found, foreign, progress.step, self._given.get("owned", nobody))
        want = action.want or want
        if not self._selection.covers(address):
            if found is not None:
                self.live[address] = found
            return
        task = Task(address, want, progress.step, action, time.monotonic(), found)
        progress.tasks.append(task)
        planned = self._planned.get(address)
        if action.verb != "none" and (planned is None or planned.verb != action.verb):
            was = planned.verb if planned else "nothing"
            self._errors.append(Moved(f"{address}: the plan said {was}, now it would be {action.verb}. Plan again."))
            return
        needs = tuple(self._graph.steps[n].path for n in progress.step.needs)
        if action.verb == "none" and found is not None:
            self._work.adopt(address, found, needs)
            task.made = True
            self._seen(task, found)
            return
        if found is not None and self._holds(action, progress.step):
            task.held = True
            self.live[address] = found
            return
        self._submit(pool, task)

    def _do(self, task: Task, needs: tuple[str, ...]) -> None:
        work, live = self._work, task.live
        if task.action.verb == "replace" and live is not None:
            work.delete(task.address, task.want, live)
            self._until_gone(task, live)
        if task.action.verb == "update" and live is not None:
            work.scope.forget(type(task.want))
            current = next((o for o in work.scope.live(type(task.want)) if o.id == live.id), live)
            self.updated.append((task.address, current, task.want))
            work.update(task.address, task.want, current, needs)
        else:
            self.created[task.address] = None
            entry = work.create(task.address, task.want, needs)
            task.live = Live(entry.id, task.want, task.address)

    def _until_gone(self, task: Task, live: Live[Any]) -> None:
        deadline = time.monotonic() + self._work.limit(task.address, type(task.want))
        while time.monotonic() < deadline and not self._work.stop.is_set():
            self._work.scope.forget(type(task.want))
            if all(o.id != live.id for o in self._work.scope.live(type(task.want))):
                self._work.gone(task.address)
                return
            self._work.stop.wait(min(5.0, max(0.3, type(task.want).typical_delete / 10)))
        raise ReptiopsError(f"{task.address} ({live.id}) was to be replaced, but is still not gone")

    # -- waiting is looking again --

    def _pending(self) -> list[Task]:
        return [t for p in self._progress.values() for t in p.tasks if t.made and not t.ready]

    def _poll(self, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        due = {type(t.want) for t in self._pending() if t.next_look <= now}
        for kind in due - self._polls:
            self._polls.add(kind)
            self._running[pool.submit(self._observe, kind)] = kind

    def _observe(self, kind: type[Resource]) -> list[Live[Any]]:
        self._work.scope.forget(kind)
        return list(self._work.scope.live(kind))

    def _settle(self) -> None:
        timers = [t.next_look for t in self._pending() if type(t.want) not in self._polls]
        timeout = max(0.0, min(timers) - time.monotonic()) if timers and not self._errors else None
        if not self._running:
            self._work.stop.wait(timeout if timeout is not None else 0.05)
            return
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in done:
            subject = self._running.pop(future)
            if not isinstance(subject, Task):
                self._polls.discard(subject)
            error = future.exception()
            if error is not None:
                self._fail(subject, error)
            elif isinstance(subject, Task):
                subject.made = True
            else:
                self._update(subject, future.result())

    def _fail(self, subject: Any, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        self._errors.append(error)
        address = subject.address if isinstance(subject, Task) else subject.kind()
        self._work.tell(Event("failed", address, text=str(error)))

    def _update(self, kind: type[Resource], lives: list[Live[Any]]) -> None:
        by_id = {one.id: one for one in lives}
        by_address = {one.address: one for one in lives if one.address}
        for task in self._pending():
            if type(task.want) is kind:
                identifier = task.live.id if task.live else ""
                one = by_id.get(identifier) or by_address.get(task.address)
                if one is None:
                    self._not_seen(task)
                else:
                    self._seen(task, one)

    def _not_seen(self, task: Task) -> None:
        waited = time.monotonic() - task.started
        if waited > UNSEEN:
            self._errors.append(
                ReptiopsError(f"{task.address} was created, but AWS does not list it after {waited:.0f} s")
            )
        task.next_look = time.monotonic() + 0.5

    def _as_wanted(self, task: Task, live: Live[Any], waited: float) -> bool:
        """AWS says ready, yet is it what was asked for? A circuit breaker's rollback is "stable" on the old revision."""
        differing = ", ".join(c.path for c in diff(task.want, live.has)) if task.action.verb != "none" else ""
        if not differing:
            return True
        if waited > max(CONVERGED, 2 * type(task.want).typical):
            self._errors.append(ReptiopsError(f"{task.address} ({live.id}) is ready, but not as wanted: {differing}"))
            self._work.tell(Event("failed", task.address, text=f"not as wanted: {differing}"))
        task.next_look = time.monotonic() + 1.0
        return False

    def _seen(self, task: Task, live: Live[Any]) -> None:
        task.live = self.live[task.address] = live
        task.seen = True
        if task.address in self.created:
            self.created[task.address] = live
        kind, waited = type(task.want), time.monotonic() - task.started
        if live.status.phase == "ready" and not self._as_wanted(task, live, waited):
            return
        if live.status.phase == "ready":
            task.ready = True
            if task.action.verb != "none":
                if task.action.verb in ("create", "update"):
                    self._work.timings.add(task.want, task.action.verb, waited)
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
        overdue = waited > self._work.timings.late(task.want, "update" if task.action.verb == "update" else "create")
        word = f"{live.status.word}, later than nine of ten: {live.status.reason}" if overdue else live.status.word
        if word != task.told:
            task.told = word
            self._work.tell(Event("wait", task.address, task.action.verb, word.removesuffix(": "), waited))
        task.next_look = time.monotonic() + min(15.0, max(0.3, kind.typical / 12))
