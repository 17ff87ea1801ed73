"""What an environment costs in a month: its resources × a price list. Pure; nothing here calls AWS or knows a kind.

    estimate = monthly({address: resource, ...}, load_prices(), traffic_of("prod"))
    estimate.total.typical

Every kind says what it is billed for (`Resource.billable`); a line is one such item of one resource. What does not
depend on traffic is the floor; the rest is a band of low, typical and high.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from reptiops.engine.diff import carry
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Resource
from reptiops.engine.usage import Around, Use, ids_of
from reptiops.pricing import Band, Load, PriceFileError, Prices, load_loads

Level = Literal["low", "typical", "high"]


@dataclass(frozen=True)
class Money:
    """US dollars a month at low, typical and high traffic."""

    low: float = 0.0
    typical: float = 0.0
    high: float = 0.0

    def __add__(self, other: Money) -> Money:
        return Money(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def at(self, level: Level) -> float:
        """The amount at one level of traffic."""
        amount: float = getattr(self, level)
        return amount


@dataclass(frozen=True)
class Line:
    """One billed item of one resource. `fixed`: it does not depend on traffic."""

    address: str
    price: str
    component: str
    unit: str
    unit_price: float
    quantity: Band
    money: Money
    fixed: bool
    confidence: str


@dataclass(frozen=True)
class Component:
    """A row of the estimate: everything that is billed under one name."""

    name: str
    fixed: float
    traffic: Money
    confidence: str
    """The least certain of its prices."""

    @property
    def total(self) -> Money:
        """Fixed and traffic together."""
        return Money(self.fixed, self.fixed, self.fixed) + self.traffic


@dataclass(frozen=True)
class Estimate:
    """What some resources cost in a month."""

    lines: tuple[Line, ...]
    unpriced: tuple[str, ...] = ()
    """What no price is known for, `address: item`; the totals lack it."""

    @property
    def fixed(self) -> float:
        """The floor: what is billed without any traffic."""
        return sum(line.money.low for line in self.lines if line.fixed)

    @property
    def total(self) -> Money:
        """Floor and traffic together."""
        return sum((line.money for line in self.lines), Money())

    @property
    def components(self) -> tuple[Component, ...]:
        """By the name under which it is billed, in the order of the price list."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            found[line.component].append(line)
        return tuple(
            Component(
                name,
                sum(line.money.low for line in lines if line.fixed),
                sum((line.money for line in lines if not line.fixed), Money()),
                max(line.confidence for line in lines),
            )
            for name, lines in found.items()
        )

    def by_address(self, *, fixed: bool = False) -> dict[str, Money]:
        """What each resource costs; with `fixed` only what does not depend on traffic."""
        found: dict[str, Money] = defaultdict(Money)
        for line in self.lines:
            if line.fixed or not fixed:
                found[line.address] += line.money
        return dict(found)


@dataclass(frozen=True)
class Traffic:
    """What an environment carries: the loads of a file for one environment, some of them set by hand."""

    environment: str
    loads: Mapping[str, Load]
    own: Mapping[str, Band] = field(default_factory=dict)

    def scaled_out(self) -> Traffic:
        """The same with every service at its most tasks."""
        return replace(self, own={**self.own, "scale_out": (1.0, 1.0, 1.0)})

    def quantities(self, users: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], Band]:
        """(load, address) → its part of that load. Those without one of their own share evenly."""
        found: dict[tuple[str, str], Band] = {}
        for name, addresses in users.items():
            load = self.loads.get(name)
            band = self.own.get(name) or (load.band(self.environment) if load else (0.0, 0.0, 0.0))
            special = {a: by[self.environment] for a, by in (load.at if load else {}).items() if self.environment in by}
            rest = [a for a in dict.fromkeys(addresses) if a not in special]
            parts = 1 if load and load.each else len(rest)
            found |= {(name, a): (band[0] / parts, band[1] / parts, band[2] / parts) for a in rest}
            found |= {(name, a): special[a] for a in addresses if a in special}
        return found


def traffic_of(environment: str, own: Mapping[str, Band] | None = None) -> Traffic:
    """What an environment of this name is taken to carry, with some loads set by the configuration."""
    loads, own = load_loads(), own or {}
    wrong = sorted(own.keys() - loads.keys())
    if wrong:
        raise PriceFileError(f"cost.traffic: no load called {', '.join(wrong)}; there are {', '.join(loads)}")
    return Traffic(environment, loads, own)


def monthly(
    resources: Mapping[str, Resource], prices: Prices, traffic: Traffic, ids: Mapping[str, str] | None = None
) -> Estimate:
    """The estimate of these resources by address. `ids` says which address an id stands for, where ids are known."""
    around = Around(resources, ids)
    uses = [(address, use) for address, one in resources.items() for use in one.billable(around) if use.quantity]
    users: dict[str, list[str]] = defaultdict(list)
    for address, use in uses:
        if use.by:
            users[use.by].append(address)
    loads = traffic.quantities(users)
    lines = [_line(address, use, prices, loads) for address, use in uses if use.price in prices.prices]
    missing = [f"{address}: {use.price}" for address, use in uses if use.price not in prices.prices]
    missing += [f"{address}: {type(one).kind()} says nothing" for address, one in resources.items() if not one.priced()]
    order = {one.component: index for index, one in reversed(list(enumerate(prices.prices.values())))}
    lines.sort(key=lambda line: order[line.component])
    return Estimate(tuple(_less_free(lines, prices) if prices.free_tier else lines), tuple(missing))


def _line(address: str, use: Use, prices: Prices, loads: Mapping[tuple[str, str], Band]) -> Line:
    price = prices.prices[use.price]
    low, typical, high = loads[use.by, address] if use.by else (1.0, 1.0, 1.0)
    quantity = (use.quantity * low, use.quantity * typical, use.quantity * high)
    money = Money(*(amount * price.price for amount in quantity))
    return Line(
        address,
        use.price,
        price.component,
        price.unit,
        price.price,
        quantity,
        money,
        not use.by,
        price.confidence,
    )


def _less_free(lines: Iterable[Line], prices: Prices) -> list[Line]:
    """What AWS gives away is taken off the sum of all lines with that price, in proportion."""
    listed, sums = list(lines), Counter[tuple[str, int]]()
    for line in listed:
        for level, quantity in enumerate(line.quantity):
            sums[line.price, level] += quantity  # type: ignore[assignment]
    found = []
    for line in listed:
        free = prices.prices[line.price].free
        kept = [max(0.0, sums[line.price, i] - free) / (sums[line.price, i] or 1) for i in range(3)]
        low, typical, high = (line.money.at(name) * kept[i] for i, name in enumerate(_LEVELS))
        found.append(replace(line, money=Money(low, typical, high)) if free else line)
    return found


_LEVELS: tuple[Level, Level, Level] = ("low", "typical", "high")


# --- what a plan changes ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What a plan changes in the monthly bill. Without images services run no task, and cost what they then cost."""

    by_address: Mapping[str, float]
    """What does not depend on traffic, by address; only where it changes."""
    before: Estimate
    after: Estimate

    @property
    def fixed(self) -> float:
        """The change of the floor, in dollars a month."""
        return self.after.fixed - self.before.fixed

    @property
    def typical(self) -> float:
        """The change at typical traffic."""
        return self.after.total.typical - self.before.total.typical


def difference(plan: Plan, prices: Prices, traffic: Traffic) -> Difference:
    """What the actions of a plan do to the monthly bill."""
    live = {a.address: a.live for a in plan.actions if a.live is not None}
    ids = ids_of(live)
    has = {address: one.has for address, one in live.items()}
    left = {a.address: has[a.address] for a in plan.actions if a.verb == "none" and a.address in has}
    will = left | {
        a.address: _settled(a.want, has.get(a.address), a.verb)
        for a in plan.actions
        if a.verb not in ("delete", "none") and a.want is not None
    }
    before, after = monthly(has, prices, traffic, ids), monthly(will, prices, traffic, ids)
    old, new = before.by_address(fixed=True), after.by_address(fixed=True)
    changed = {a: new.get(a, Money()).low - old.get(a, Money()).low for a in {*old, *new}}
    return Difference({a: amount for a, amount in sorted(changed.items()) if abs(amount) >= 0.005}, before, after)


def _settled(want: Resource, has: Any, verb: str) -> Resource:
    """What is wanted, with the live value where nobody cares (a count that autoscaling sets), and of an update what stays
    as it is: storage that AWS grew never shrinks.
    """
    if has is None:
        return want
    want = carry(want, has) if verb == "update" else want
    kept = {f.name: getattr(has, f.name) for f in fields(want) if getattr(want, f.name) is None}
    return replace(want, **kept)
