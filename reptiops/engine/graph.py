"""Steps: what should exist, in order. A step's parameters name the steps whose results it uses, so the dependency
graph is in the signatures and nobody keeps a second list.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType, ModuleType
from typing import Any

from reptiops.engine.codec import override
from reptiops.engine.resource import Live, Resource
from reptiops.engine.unknown import unknown
from reptiops.errors import ReptiopsError

PHASES = ("network", "security", "database", "compute", "storage", "monitoring")
GIVEN = ("env", "facts")
"""Parameters that are no steps: the configuration, and what was read of the world beforehand.

`overrides` is given beside them (address → field → value): hand-made changes that were accepted, applied to what a
step wants.
"""


class GraphError(ReptiopsError):
    """Steps that name a step which does not exist, or each other in a circle."""


@dataclass(frozen=True)
class Result:
    """What a later step may know of an earlier step's resource: its id and what AWS made up for it (ARN, endpoint)."""

    address: str
    live: Live[Any] | None = None
    foreseen: Mapping[str, str] = field(default_factory=dict)
    """What is sure to be known of it as soon as it is made."""

    @property
    def id(self) -> str:
        """AWS's id, or a marker while it is not known."""
        return self.live.id if self.live and self.live.id else self._ahead("id")

    def out(self, name: str) -> str:
        """A value that AWS gives, e.g. `arn` or `dns_name`, or a marker while it is not known."""
        value = self.live.out.get(name) if self.live else None
        return value if value else self._ahead(name)

    def _ahead(self, name: str) -> str:
        return self.foreseen.get(name) or unknown(self.address, name)


@dataclass(frozen=True)
class Step:
    """A step function with what its decorator and its signature say."""

    name: str
    phase: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    after: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    outlives: tuple[str, ...] = ()
    brought_forward_to: str | None = None
    kinds: tuple[type[Resource], ...] = field(default=())

    @property
    def path(self) -> str:
        """`phase/step`, the address without the key."""
        return f"{self.phase}/{self.name}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of the steps that have to be settled first."""
        return tuple(dict.fromkeys([p for p in self.parameters if p not in GIVEN] + list(self.after)))

    def wanted(self, values: Mapping[str, Any]) -> dict[str, Resource]:
        """What should exist now, by address. A step answers a resource, a mapping of them, or None."""
        answer = self.function(**{name: values[name] for name in self.parameters})
        if answer is None:
            return {}
        found = (
            {f"{self.path}/{key}": resource for key, resource in answer.items()} if self.many else {self.path: answer}
        )
        accepted = values.get("overrides") or {}
        return {a: override(want, accepted[a]) if a in accepted else want for a, want in found.items()}

    @property
    def many(self) -> bool:
        """Whether the step answers a mapping of resources."""
        returned = _hints(self.function).get("return")
        return any(typing.get_origin(t) is dict for t in _alternatives(returned))


def step(
    *,
    after: Iterable[str] = (),
    early: Iterable[str] = (),
    outlives: Iterable[str] = (),
    brought_forward_to: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function of a phase module as a step.

    `after`: further steps that must be settled first although their results are not used. `early`: of the needed
    steps those that need only be created, not ready. `outlives`: of the needed steps those that may be deleted
    before this one. `brought_forward_to`: the phase in which the step runs although its address says another.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__step__ = {  # type: ignore[attr-defined]
            "after": tuple(after),
            "early": tuple(early),
            "outlives": tuple(outlives),
            "brought_forward_to": brought_forward_to,
        }
        return function

    return mark


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    args = typing.get_args(hint)
    return args if args and typing.get_origin(hint) is not dict else (hint,)


def _kinds(function: Callable[..., Any]) -> tuple[type[Resource], ...]:
    found: list[type[Resource]] = []
    for hint in _alternatives(_hints(function).get("return")):
        inner = typing.get_args(hint)[1] if typing.get_origin(hint) is dict else hint
        found += [t for t in _alternatives(inner) if isinstance(t, type) and issubclass(t, Resource)]
    return tuple(found)


class Graph:
    """All steps in the documented order."""

    def __init__(self, steps: Iterable[Step]):
        self.steps = {s.name: s for s in steps}
        for s in self.steps.values():
            for need in s.needs:
                if need not in self.steps:
                    raise GraphError(f"step {s.path} names {need}, which is no step")
        try:
            order = list(TopologicalSorter({s.name: s.needs for s in self.steps.values()}).static_order())
        except CycleError as error:
            raise GraphError(f"steps need each other in a circle: {' → '.join(error.args[1])}") from error
        position = {name: index for index, name in enumerate(self.steps)}
        self.order: tuple[Step, ...] = self._documented(order, position)
        self.by_path = {s.path: s for s in self.order}

    def _documented(self, topological: list[str], position: dict[str, int]) -> tuple[Step, ...]:
        """A topological order that keeps as close to the phase files as the needs allow."""
        done: list[Step] = []
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name in seen:
                return
            seen.add(name)
            for need in sorted(self.steps[name].needs, key=position.__getitem__):
                visit(need)
            done.append(self.steps[name])

        for name in sorted(topological, key=lambda n: (self.phase_index(self.steps[n]), position[n])):
            visit(name)
        return tuple(done)

    @staticmethod
    def phase_index(s: Step) -> int:
        """The phase in which a step runs, as a number."""
        return PHASES.index(s.brought_forward_to or s.phase)

    def dependants(self, name: str) -> frozenset[str]:
        """The names of all steps that need a step, directly or through others."""
        found: set[str] = set()
        for s in self.order:
            if any(need == name or need in found for need in s.needs):
                found.add(s.name)
        return frozenset(found)

    def needed(self, name: str) -> frozenset[str]:
        """The names of all steps that a step needs, directly or through others."""
        found: set[str] = set()
        for s in reversed(self.order):
            if s.name == name or s.name in found:
                found.update(s.needs)
        return frozenset(found)

    def kinds(self) -> tuple[type[Resource], ...]:
        """Every kind that some configuration could make."""
        return tuple(dict.fromkeys(kind for s in self.order for kind in s.kinds))

    def step_of(self, address: str) -> Step | None:
        """The step that an address belongs to, or None for one that no longer exists."""
        return self.by_path.get("/".join(address.split("/")[:2]))

    def walk(
        self, given: Mapping[str, Any], live: Mapping[str, Live[Any]]
    ) -> Iterator[tuple[Step, dict[str, Resource]]]:
        """What every step wants, in order, given what is live by address."""
        values: dict[str, Any] = dict(given)
        for s in self.order:
            wanted = s.wanted(values)
            values[s.name] = results(s, wanted, live)
            yield s, wanted


def results(
    s: Step,
    wanted: Mapping[str, Resource],
    live: Mapping[str, Live[Any]],
    foreseen: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Any:
    """A step's results as later steps get them: one `Result`, a mapping of them by key, or None."""
    found = {address: Result(address, live.get(address), foreseen.get(address, {})) for address in wanted}
    if s.many:
        return {address[len(s.path) + 1 :]: one for address, one in found.items()}
    return found.get(s.path)


def collect(modules: Iterable[ModuleType]) -> Graph:
    """The steps of the phase modules, in the order in which they are written."""
    steps = []
    for module in modules:
        phase = module.__name__.rsplit(".", 1)[-1]
        marked = [f for f in vars(module).values() if inspect.isfunction(f) and hasattr(f, "__step__")]
        for function in sorted(
            (f for f in marked if f.__module__ == module.__name__), key=lambda f: f.__code__.co_firstlineno
        ):
            steps.append(
                Step(
                    name=function.__name__,
                    phase=phase,
                    function=function,
                    parameters=tuple(inspect.signature(function).parameters),
                    kinds=_kinds(function),
                    **function.__step__,
                )
            )
    return Graph(steps)
