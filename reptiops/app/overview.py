"""Everything about an environment in one look: resources with their state, drift, plan, bill, the last run, all runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from reptiops.app.costs import Cost, cost, cost_of_plan
from reptiops.app.diagnosis import Down, services_down
from reptiops.app.history import Run, runs_of, without_ways
from reptiops.app.recovery import at_work, in_doubt
from reptiops.app.site import Settings, open_site
from reptiops.app.upkeep import drift_site
from reptiops.cost import Difference, Money
from reptiops.engine.action import Action
from reptiops.engine.canonical import plain
from reptiops.engine.drift import Drift, Finding
from reptiops.engine.graph import Graph
from reptiops.engine.lock import Lease
from reptiops.engine.plan import Matcher, Plan, make
from reptiops.engine.recover import Unfinished
from reptiops.engine.references import references
from reptiops.engine.resource import Drawn, Resource
from reptiops.loading import configured

State = Literal["ok", "busy", "pending", "absent", "drift", "extra", "alarm", "missing", "failed"]
"""From good to bad: as it should be, AWS is at it, the configuration wants something else or no longer wants it, not made yet, not as it was
applied, nobody declared it, an alarm rings, gone, broken.
"""
STATES: tuple[State, ...] = ("ok", "busy", "pending", "absent", "drift", "extra", "alarm", "missing", "failed")


@dataclass(frozen=True)
class Shown:
    """One resource as a person looks at it. `names` are the addresses of the resources that it names."""

    address: str
    kind: str
    state: State
    id: str = ""
    word: str = ""
    """AWS's own word for its status, and the reason where it gives one."""
    drawn: Drawn = ""
    names: frozenset[str] = frozenset()
    created: datetime | None = None
    cost: float = 0.0
    """Dollars a month that do not depend on traffic."""

    @property
    def phase(self) -> str:
        """The phase that its address begins with."""
        return self.address.split("/", 1)[0]


@dataclass(frozen=True)
class Leg:
    """One change of a run, in seconds from the run's beginning; `critical`: it was on the critical path.

    `waits`: so many of them, the last ones, went by after AWS had answered and until it was ready.
    """

    address: str
    verb: str
    starts: float
    ends: float
    failed: bool = False
    critical: bool = False
    waits: float = 0.0


@dataclass(frozen=True)
class Overview:
    """What the report shows."""

    environment: str
    account: str
    region: str
    at: datetime
    resources: tuple[Shown, ...]
    plan: Plan
    drift: Drift
    cost: Cost
    difference: Difference
    runs: tuple[Run, ...] = ()
    timeline: tuple[Leg, ...] = ()
    """The last run that changed something."""
    last: Run | None = None
    down: tuple[Down, ...] = ()
    """Services that did not come up in that run."""
    at_work: Lease | None = None
    """Who is changing it just now."""
    doubt: Unfinished = field(default_factory=Unfinished)
    """What runs that did not end have begun."""


def overview(environment: str, **settings: Any) -> Overview:
    """Look at everything once. Reads only."""
    options = Settings(environment, **settings)
    site = open_site(options)
    scope = site.scope()
    made = make(site.graph, site.given, scope, site.state)
    found = drift_site(site, Matcher(scope, site.graph.kinds(), site.state))
    bill = cost(environment, config_dir=options.config_dir)
    runs = runs_of(site)
    last = next((run for run in runs if run.changes or run.failures), None)
    records = list(site.records.records(last.id)) if last else []
    last = last and replace(last, why=without_ways(last.why, environment))
    return Overview(
        environment=environment,
        account=site.names.account,
        region=site.names.region,
        at=datetime.now(UTC),
        resources=shown(made, found, configured(site.env), bill.estimate.by_address(fixed=True)),
        plan=made,
        drift=found,
        cost=bill,
        difference=cost_of_plan(site.env, made),
        runs=runs,
        timeline=timeline(records, site.graph),
        last=last,
        down=services_down(records),
        at_work=at_work(site),
        doubt=in_doubt(site),
    )


def shown(made: Plan, found: Drift, wanted: Mapping[str, Resource], bills: Mapping[str, Money]) -> tuple[Shown, ...]:
    """Every declared resource and every extra, with its state. `wanted` are the declared ones with ids unknown."""
    by_address: dict[str, list[Finding]] = {}
    for finding in found.findings:
        by_address.setdefault(finding.address, []).append(finding)
    named = references(wanted)
    rows = _watched([_shown(a, by_address.get(a.address, []), named, bills) for a in made.actions], wanted)
    extras = [f for f in found.findings if f.what == "extra"]
    rows += [Shown(f"{f.address}", f.kind, "extra", f.id, "nobody declared this") for f in extras]
    return tuple(rows)


def _watched(rows: list[Shown], wanted: Mapping[str, Resource]) -> list[Shown]:
    """The rows, those of the picture marked that an alarm which rings is about: it names them, by id or by name."""
    about: dict[str, str] = {}
    for one in rows:
        if one.state == "alarm" and one.address in wanted:
            said = json.dumps(plain(wanted[one.address]))
            about |= {
                other.address: one.address
                for other in rows
                if other.drawn and (other.address in one.names or f'"{_key(other.address)}"' in said)
            }
    return [
        replace(one, state="alarm", word=f"alarm: {_key(about[one.address])}")
        if one.address in about and STATES.index(one.state) < STATES.index("alarm")
        else one
        for one in rows
    ]


def _key(address: str) -> str:
    return address.rsplit("/", 1)[-1]


def _shown(
    action: Action, findings: Iterable[Finding], named: Mapping[str, frozenset[str]], bills: Mapping[str, Money]
) -> Shown:
    live, what = action.live, {f.what for f in findings}
    status = live.status if live else None
    if status is not None and status.phase == "failed":
        state: State = "failed"
    elif "missing" in what:
        state = "missing"
    elif status is not None and status.alert:
        state = "alarm"
    elif "changed" in what:
        state = "drift"
    elif live is None:
        state = "absent"
    elif status is not None and status.phase == "pending":
        state = "busy"
    else:
        state = "pending" if action.verb != "none" else "ok"
    word = f"{status.word} {status.reason}".strip() if status else "being deleted" if action.going else ""
    if live is not None and action.verb == "delete":
        word = f"{word}; no longer in the configuration".removeprefix("; ")
    return Shown(
        action.address,
        action.kind.kind(),
        state,
        live.id if live else "",
        word,
        action.kind.drawn,
        named.get(action.address, frozenset()),
        live.created if live else None,
        bills[action.address].low if action.address in bills else 0.0,
    )


# --- the timeline of a run ----------------------------------------------------------------------------------------


def timeline(records: Iterable[Mapping[str, Any]], graph: Graph) -> tuple[Leg, ...]:
    """The changes of one run from its journal, by their beginning. A change ends when AWS said that it was ready, or when
    it was asked why it was not.
    """
    began: dict[str, float] = {}
    answered: dict[str, float] = {}
    spans: dict[str, Leg] = {}
    start: datetime | None = None
    for record in records:
        at = datetime.fromisoformat(record["at"])
        start = start or at
        seconds, address = (at - start).total_seconds(), record.get("address", "")
        if record["event"] == "begin":
            began.setdefault(address, seconds)
        elif record["event"] in ("done", "failed") and address in began:
            answered[address], waits = seconds, record.get("waits", 0.0)
            spans[address] = Leg(
                address, record["verb"], began[address], seconds, record["event"] == "failed", waits=waits
            )
        elif record["event"] in ("ready", "symptoms") and address in spans:
            failed, waits = record["event"] == "symptoms", seconds - answered[address]
            spans[address] = replace(spans[address], ends=seconds, failed=failed, waits=waits)
    critical = _critical(spans, graph)
    legs = [replace(one, critical=one.address in critical) for one in spans.values()]
    return tuple(sorted(legs, key=lambda leg: (leg.starts, leg.ends)))


def _critical(spans: Mapping[str, Leg], graph: Graph) -> set[str]:
    """Back from what ended last: of what it needed (or, when removed, of what needed it), what ended last before it."""
    leg = max(spans.values(), key=lambda one: one.ends, default=None)
    path: set[str] = set()
    while leg is not None and leg.address not in path:
        path.add(leg.address)
        near = _neighbours(leg, graph)
        begun = leg.starts
        before = [s for s in spans.values() if _step(s.address) in near and s.ends <= begun + 1.0]
        leg = max(before, key=lambda one: one.ends, default=None)
    return path


def _step(address: str) -> str:
    return "/".join(address.split("/")[:2])


def _neighbours(leg: Leg, graph: Graph) -> set[str]:
    own = graph.step_of(leg.address)
    if own is None:
        return set()
    if leg.verb in ("delete", "retire"):
        return {s.path for s in graph.order if own.name in s.needs}
    return {graph.steps[name].path for name in own.needs}
