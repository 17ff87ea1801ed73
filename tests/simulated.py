"""An AWS in which only time passes: the real steps and the real engine over it, hours in a moment.

Everything takes as long as docs/timings.md says, or a multiple of that. What is simulated are the answers; order,
waiting, polling and the number of calls in flight are the engine's own.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reptiops.app.runs import Stop
from reptiops.config import Environment, load_environment
from reptiops.engine.action import Action
from reptiops.engine.apply import Apply
from reptiops.engine.calls import Work
from reptiops.engine.eta import CALL, Timings, forecast, removal
from reptiops.engine.events import silent
from reptiops.engine.forecast import Forecast
from reptiops.engine.plan import Matcher, Plan, wanted_actions
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Change, Doing, Live, Made, Resource, Status
from reptiops.engine.state import Belongs, State
from reptiops.facts import Facts
from reptiops.limits import Limits, aside
from reptiops.steps import documented

T = TypeVar("T")
TOLD_AT_ONCE = ("elbv2.LoadBalancer", "cloudfront.Distribution", "ecs.Service")
"""Kinds whose create tells what others need of them long before they are ready."""
SERVICES = {"elasticloadbalancing": "elbv2"}
"""IAM's names of services where botocore has others."""
READS = ("Describe", "Get", "List", "Lookup", "Simulate", "View", "Head")
AGAIN = 1.0
"""Seconds after which a call that came too fast is made again."""
RECORDS_AFTER = 5.0
"""Seconds after which ACM names its validation records."""


class Clock:
    """Time passes only when everybody who runs is asleep."""

    def __init__(self) -> None:
        self._now = 0.0
        self._turn = threading.Condition()
        self._sleepers: dict[threading.Event, float] = {}

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """A worker sleeps until the others are asleep too and its time has come; the coordinator lets time pass."""
        if threading.current_thread() is threading.main_thread():
            self._now += seconds
            return
        woken = threading.Event()
        with self._turn:
            self._sleepers[woken] = self._now + seconds
            self._turn.notify()
        woken.wait()

    def take(self, done: queue.SimpleQueue[T], timeout: float | None, running: Callable[[], int]) -> list[T]:
        """Wait for workers that run; let time pass when all sleep."""
        deadline = float("inf") if timeout is None else self._now + timeout
        while True:
            found: list[T] = []
            while not done.empty():
                found.append(done.get_nowait())
            if found:
                return found
            with self._turn:
                if len(self._sleepers) < running():
                    self._turn.wait(0.0005)
                    continue
                self._now = max(self._now, min(deadline, *self._sleepers.values()))
                for sleeper in [s for s, wakes in self._sleepers.items() if wakes <= self._now]:
                    del self._sleepers[sleeper]
                    sleeper.set()
            if self._now >= deadline:
                return []


class Hours(Stop):
    """A wish to stop that may be waited for through hours in a moment; something may happen when somebody begins to."""

    def __init__(self, happens: Callable[[], None] = lambda: None):
        super().__init__()
        self._now, self._happens = 0.0, happens

    def now(self) -> float:
        """Seconds that were waited."""
        return self._now

    def wait(self, timeout: float | None = None) -> bool:
        """Time passes at once."""
        self._happens()
        if not self.is_set():
            self._now += timeout or 0.0
        return self.is_set()


class Outputs(Mapping[str, str]):
    """Whatever is asked for."""

    def __init__(self, address: str):
        self._address = address

    def __getitem__(self, name: str) -> str:
        return f"{name} of {self._address}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass
class Thing:
    """Something that AWS has: when it was asked for, when it is ready, when it will be gone."""

    live: Live[Any]
    made: float
    ready: float
    retired: float | None = None
    gone: float = float("inf")


class Account:
    """What there is, at any time; stands in for `Aws` and `Scope`."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.things: dict[type[Resource], dict[str, Thing]] = {}
        self.looks: Counter[str] = Counter()
        self.looked: dict[type[Resource], list[float]] = {}
        """When each kind was looked at."""

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Nothing is counted by purpose here."""
        yield

    def forget(self, kind: type[Resource]) -> None:
        """Nothing is remembered."""

    def live(self, kind: type[Resource]) -> list[Live[Any]]:
        """What there is now."""
        return list(self.since(kind, self.clock.now()).values())

    def since(self, kind: type[Resource], moment: float) -> dict[str, Live[Any]]:
        """What there is now, by id."""
        self.looks[kind.kind()] += 1
        now = self.clock.now()
        self.looked.setdefault(kind, []).append(now)
        return {key: _as_of(one, now) for key, one in list(self.things.get(kind, {}).items()) if one.gone > now}


def _as_of(one: Thing, now: float) -> Live[Any]:
    address, name = one.live.address or "", type(one.live.has).kind()
    told = now >= one.ready or name in TOLD_AT_ONCE or (name == "acm.Certificate" and now >= one.made + RECORDS_AFTER)
    status = Status() if now >= one.ready else Status("pending", "creating", partial=True)
    return Live(one.live.id, one.live.has, address, status, Outputs(address) if told else {})


class NoJournal:
    """Nothing is written."""

    def write(self, event: str, **record: Any) -> None:
        """Not even this."""


@dataclass
class SimulatedWork(Work):
    """The writes of a run, answered by the account."""

    account: Account = field(default_factory=lambda: Account(Clock()))
    factor: float = 1.0
    limits: Limits = field(default_factory=Limits)
    """How fast AWS may be asked: a write waits for its turn, as the gate in front of a real call does."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often AWS says of an operation that it came too fast; it is tried again after a second."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.limits = Limits(now=self.clock.now)

    def _turn(self, kind: type[Resource], purpose: str) -> None:
        writes = {action for right in kind.rights if right.purpose == purpose for action in right.actions}
        for action in sorted(writes):
            service, _, operation = action.partition(":")
            if operation.startswith(READS) or "Tag" in operation:
                continue
            self._call(SERVICES.get(service, service), operation)
            while self._refuses(action):
                self.limits.throttled(SERVICES.get(service, service), operation, False)
                self.clock.sleep(AGAIN, self.stop)
                self._call(SERVICES.get(service, service), operation)

    def _call(self, service: str, operation: str) -> None:
        turn = self.limits.turn(service, operation, False)
        with aside():
            while seconds := self.limits.left(turn):
                self.clock.sleep(seconds, self.stop)

    def _refuses(self, action: str) -> bool:
        with self.guard:
            self.refused[action] -= 1
            return self.refused[action] >= 0

    def create(
        self, address: str, want: Resource, needs: tuple[str, ...], replaced: Live[Any] | None = None
    ) -> tuple[str, Made | None]:
        """A call; what takes longer is ready later."""
        self._turn(type(want), "create")
        begun, takes = self.clock.now(), want.takes() * self.factor
        self.clock.sleep(min(CALL, takes), self.stop)
        one = Thing(Live(address, want, address), begun, max(begun + takes, self.clock.now()))
        self.account.things.setdefault(type(want), {})[address] = one
        seen = _as_of(one, self.clock.now())
        return address, Made(address, seen.out, seen.status)

    def retire(self, address: str, instance: Resource, live: Live[Any]) -> None:
        """The first half of a deletion."""
        self.account.things[type(instance)][live.id].retired = self.clock.now()

    def delete(self, address: str, instance: Resource, live: Live[Any]) -> None:
        """A call; what takes longer is gone later, counted from its first half if it had one."""
        self._turn(type(instance), "delete")
        one, takes = self.account.things[type(instance)][live.id], instance.takes("delete") * self.factor
        begun = self.clock.now() if one.retired is None else one.retired
        self.clock.sleep(min(CALL, takes), self.stop)
        one.gone = max(begun + takes, self.clock.now())

    def delete_all(self, some: Any) -> None:
        """One call for all."""
        self._turn(type(some[0][1].has), "delete")
        for _, live in some:
            self.account.things[type(live.has)][live.id].gone = self.clock.now() + CALL
        self.clock.sleep(CALL, self.stop)

    def gone(self, address: str) -> None:
        """Nothing is recorded."""

    def adopt(self, address: str, live: Live[Any], needs: tuple[str, ...]) -> None:
        """Nothing is recorded."""


class Ideal(Timings):
    """Everything takes exactly so long."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def expected(self, want: Resource, verb: Doing, changes: Collection[Change] = ()) -> float:
        """As long as it takes."""
        return want.takes(verb, changes) * self.factor


@dataclass
class Simulation:
    """An environment that is made and removed in simulated time; `factor`: AWS is so much slower than expected."""

    name: str
    factor: float = 1.0
    config_dir: Path | None = None

    def __post_init__(self) -> None:
        self.env: Environment = load_environment(self.name, self.config_dir)
        images = frozenset(s.name for s in self.env.services)
        self.given = {"env": self.env, "facts": Facts("1", self.env.region, zone_id="Z1", images=images)}
        self.graph = documented()
        self.plan = Plan(wanted_actions(self.graph, self.given))
        self.clock = Clock()
        self.account = Account(self.clock)
        state = State(Belongs(self.name, "1", self.env.region, "simulated"))
        self.work = SimulatedWork(
            self.account,  # type: ignore[arg-type]
            self.account,  # type: ignore[arg-type]
            state,
            NoJournal(),  # type: ignore[arg-type]
            silent,
            clock=self.clock,
            account=self.account,
            factor=self.factor,
        )

    def provision(self) -> tuple[float, Forecast]:
        """Seconds that a first provision took, and the critical path of AWS's own times."""
        matcher = Matcher(self.account, self.graph.kinds(), self.work.state)  # type: ignore[arg-type]
        self.account.looks.clear()
        Apply(self.graph, self.given, self.plan, matcher, self.work).run()
        return self.clock.now(), forecast(self.plan, self.graph, Ideal(self.factor))

    def teardown(self) -> tuple[float, Forecast]:
        """Seconds that the teardown took, and the critical path of AWS's own times."""
        began = self.clock.now()
        self.account.looks.clear()
        lives = [one for kind in self.account.things for one in self.account.live(kind)]
        doomed = [Doomed(o.id, o.has, o, self.graph.step_of(o.id).path) for o in lives]  # type: ignore[union-attr]
        actions = [Action(o.id, "delete", type(o.has), o.has, o) for o in lives]
        Remove(self.graph, [d for d in doomed if not d.kind.existing], self.work).run()
        return self.clock.now() - began, removal(self.graph, actions, Ideal(self.factor))
