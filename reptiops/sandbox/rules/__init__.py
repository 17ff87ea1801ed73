"""What AWS enforces and moto does not: the strict sandbox.

One module per service, each with a function `rules()` that declares them. A rule is a small function that is told of a
call before moto answers it: it refuses with AWS's own code and words, or, written as a generator, changes after its
`yield` what moto has done (a new database is `creating` for a while). Each cites the line of `docs/aws-notes.md` that it
enforces. Rules work in process (`reptiops.testing.mocked_aws`) and in the sandbox's server alike.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reptiops.errors import ReptiopsError
from reptiops.sandbox.rules.clock import Clock

ANY = "*"
QUOTAS: Mapping[str, int] = {
    "vpcs": 5,
    "internet-gateways": 5,
    "elastic-ips": 5,
    "nat-gateways-per-zone": 5,
    "fargate-vcpus": 6,
    "rules-per-load-balancer": 100,
    "target-groups-per-load-balancer": 100,
    "trails": 5,
    "security-group-rules": 60,
}
"""What a new account may have, by name. A real account asks for more; so does a test, or `sandbox start --quota`."""

Function = Callable[["Call"], Any]


@dataclass(frozen=True)
class Rule:
    """One thing that AWS enforces: for which operations, and the line that it is known from."""

    name: str
    service: str
    operations: tuple[str, ...]
    fact: str
    about: str
    function: Function

    def as_json(self) -> dict[str, Any]:
        """For `reptiops sandbox rules --json`."""
        return {
            "name": self.name,
            "service": self.service,
            "operations": list(self.operations),
            "fact": self.fact,
            "about": self.about,
        }


class Refused(ReptiopsError):
    """AWS's answer to a call that breaks a rule: its error code and its words."""

    def __init__(self, code: str, message: str):
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


@dataclass
class Call:
    """One call on its way to moto: parameters named as in botocore's model."""

    service: str
    operation: str
    params: Mapping[str, Any]
    account: str
    region: str
    world: World

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter; one that was not sent is the default."""
        return self.params.get(name, default)

    def backend(self, service: str = "") -> Any:
        """moto's state of a service, of this call's account and region."""
        from moto.backends import get_backend

        regions = get_backend(service or self.service)[self.account]
        return regions["aws"] if "aws" in regions and self.region not in regions else regions[self.region]

    def quota(self, name: str, used: int, code: str, message: str) -> None:
        """Refuse if so many of a thing are not allowed."""
        if used > self.world.quotas[name]:
            raise Refused(code, message)


@dataclass
class World:
    """How strict the emulator is at the moment."""

    enforced: bool = False
    clock: Clock = field(default_factory=Clock)
    quotas: dict[str, int] = field(default_factory=lambda: dict(QUOTAS))
    off: frozenset[str] = frozenset()
    """Names of rules that are not enforced."""


WORLD = World()
_declared: list[Rule] = []
_by_operation: dict[tuple[str, str], tuple[Rule, ...]] = {}
_guard = threading.Lock()


def rule(fact: str, service: str, *operations: str) -> Callable[[Function], Function]:
    """Declare a rule for some operations of a service; `*` stands for all. The docstring says what is enforced."""

    def decorate(function: Function) -> Function:
        name = f"{service}-{function.__name__.replace('_', '-')}".removeprefix("*-")
        about = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
        _declared.append(Rule(name, service, operations or (ANY,), fact, about, function))
        return function

    return decorate


def declared() -> tuple[Rule, ...]:
    """All rules there are. Loading them loads moto's backends of their services."""
    with _guard:
        if not _declared:
            for info in pkgutil.iter_modules(__path__):
                module = importlib.import_module(f"{__name__}.{info.name}")
                if hasattr(module, "rules"):
                    module.rules()
        return tuple(_declared)


def _of(service: str, operation: str) -> tuple[Rule, ...]:
    key = (service, operation)
    if key not in _by_operation:
        _by_operation[key] = tuple(
            r for r in declared() if r.service in (ANY, service) and (operation in r.operations or ANY in r.operations)
        )
    return _by_operation[key]


def begin(call: Call) -> list[Iterator[Any]]:
    """Tell every rule of a call; raises Refused. Answers what has to go on once moto has done it."""
    after: list[Iterator[Any]] = []
    for one in _of(call.service, call.operation):
        if one.name in call.world.off:
            continue
        going = one.function(call)
        if inspect.isgenerator(going):
            next(going)
            after.append(going)
    return after


def end(after: Iterable[Iterator[Any]]) -> None:
    """Let the rules see what moto did. Raises Refused where only the outcome shows what AWS would have refused."""
    for going in after:
        next(going, None)


@contextmanager
def enforced(factor: float = 0.0, quotas: Mapping[str, int] | None = None, off: Iterable[str] = ()) -> Iterator[World]:
    """Enforce the rules in this process. `factor` scales AWS's typical durations; 0: everything is there at once.

    `quotas`: those that differ from a new account's. `off`: names of rules to leave out. Raises ReptiopsError for a
    name that there is no rule or quota of.
    """
    unknown = sorted({*(quotas or {})} - QUOTAS.keys()) + sorted({*off} - {one.name for one in declared()})
    if unknown:
        raise ReptiopsError(f"no such rule or quota: {', '.join(unknown)}")
    before = (WORLD.enforced, WORLD.clock, WORLD.quotas, WORLD.off)
    WORLD.enforced, WORLD.clock = True, Clock(factor)
    WORLD.quotas, WORLD.off = {**QUOTAS, **(quotas or {})}, frozenset(off)
    try:
        yield WORLD
    finally:
        WORLD.enforced, WORLD.clock, WORLD.quotas, WORLD.off = before
