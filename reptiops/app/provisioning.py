"""Making the environment exist: plan, refusal, apply, and what happens on failure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from reptiops.app.diagnosis import ask_why
from reptiops.app.failure import Choose, OnFailure, handle_failure
from reptiops.app.planned import hold_to, of_here
from reptiops.app.preflight import found as in_the_way
from reptiops.app.recovery import Looking, look_for_doubtful
from reptiops.app.refusing import allowing, refuse
from reptiops.app.replaced import remove_replaced
from reptiops.app.runs import Stop, announce, interrupted, writing
from reptiops.app.selection import select
from reptiops.app.site import Declined, Refused, Settings, Site, foretold, open_site, plan_site
from reptiops.app.undeclared import remove_undeclared
from reptiops.engine.action import Action
from reptiops.engine.apply import Apply
from reptiops.engine.blind import patient
from reptiops.engine.calls import Work
from reptiops.engine.eta import Countdown
from reptiops.engine.events import Event, Sink
from reptiops.engine.graph import PHASES, Graph
from reptiops.engine.plan import EVERYTHING, Matcher, Plan, Selection, make
from reptiops.engine.proof import inventory
from reptiops.engine.recheck import holding
from reptiops.engine.recover import Unfinished
from reptiops.engine.remove import LAGS, patience
from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.engine.unplannable import PlanError
from reptiops.facts import Facts
from reptiops.loading import configured, load_environment
from reptiops.plandocument import PlanDocument
from reptiops.playbook import Playbook, load_playbook
from reptiops.steps import documented

STALE = 30.0
"""Seconds after which a plan that was shown is made again before it is carried out."""


@dataclass(frozen=True)
class Outcome:
    """What a run did: actions by address, and everything live afterwards."""

    plan: Plan
    live: Mapping[str, Live[Any]]
    seconds: float
    calls: int
    facts: Facts
    left: tuple[str, ...] = ()
    """What is not as wanted, in words."""
    left_alone: tuple[str, ...] = ()
    """Addresses of that which are not deleted: they are not what somebody agreed to lose any more, or what is not may
    need them.
    """
    elsewhere: Mapping[str, int] | None = field(default_factory=dict)
    """Changes that wait outside of what was selected, by phase; None where that cannot be told."""


def steps_of(environment: str | None, config_dir: Path | None = None) -> tuple[Graph, dict[str, int] | None]:
    """All steps, and for an environment how many resources each makes there. Calls no AWS."""
    graph = documented()
    if environment is None:
        return graph, None
    return graph, dict(Counter("/".join(address.split("/")[:2]) for address in declared(environment, config_dir)))


def declared(environment: str, config_dir: Path | None = None) -> tuple[str, ...]:
    """Every address that the configuration declares, in the documented order. Calls no AWS."""
    env = load_environment(environment, config_dir)
    return tuple(configured(env))


def plan(environment: str, *, phases: Iterable[str] = (), only: Iterable[str] = (), **settings: Any) -> Plan:
    """What provision would do. Reads only: a write is refused by the gate on every client."""
    return plan_site(open_site(Settings(environment, **settings)), select(phases, only))


def provision(
    environment: str,
    *,
    approve: Callable[[Plan], bool] = lambda _: True,
    on_failure: OnFailure | None = None,
    phases: Iterable[str] = (),
    only: Iterable[str] = (),
    strict_phases: bool = False,
    allow_replace: bool = False,
    choose: Choose | None = None,
    stop: Stop | None = None,
    playbook: str = "provision",
    kept: PlanDocument | None = None,
    show: Callable[[Plan, tuple[str, ...]], None] = lambda *_: None,
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> Outcome:
    """Make the environment exist, as the playbook says where nothing is given here.

    `choose` answers "rollback" or "keep" after a failure where `on_failure` is "ask", and after an interruption.
    With `kept`, a plan that was kept before, it does what that says, or raises PlanMoved. `show` gets the plan with the
    addresses that `allow_replace` would have to allow, before anything refuses it; `expect` is told what is going to
    happen. Raises Refused before any write, ProvisionFailed after a failure was handled.
    """
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    chosen = kept.selection if kept else None
    selection = select(chosen.phases, chosen.addresses) if chosen else _selected(book, phases, only)
    site = open_site(options)
    if kept is not None:
        of_here(kept, site)
    _refuse_missing(site)
    scope = site.scope()
    doubt = look_for_doubtful(site, scope, options.tell)
    made = foretold(site, scope, make(site.graph, site.given, scope, site.state, selection), selection)
    held = patient(Looking(site.clock, options.tell), lambda: holding(site.aws, made))
    if kept is not None:
        hold_to(kept, site, made, selection, held)
    if made.changes:
        show(made, () if allow_replace else allowing(made, book).addresses)
    refuse(site.env.name, made, book, allow_replace, selection)
    if not made.changes:
        _record(site, made, options.tell, scope, selection, doubt)
        took, waiting = time.monotonic() - started, _elsewhere(site, scope, selection)
        return Outcome(made, made.live, took, sum(site.aws.calls.values()), site.facts, elsewhere=waiting)
    _ready(site, made, options.tell)
    scope, made = _approved(approve, site, scope, made, selection)
    with writing(site, "provision", options.tell, scope, stop, book, selection) as work:
        started = time.monotonic()  # the run's time, as `history` has it: from the lock to the last look
        work.expect = expect
        expect(Countdown(site.graph, made, work.timings))
        work.journal.write("before", inventory=sorted(inventory(scope, site.graph.kinds())))
        matcher = Matcher(scope, site.graph.kinds(), site.state)
        run = Apply(site.graph, site.given, made, matcher, work, strict_phases or book.strict_phases, selection, held)
        alone = _carried_out(site, made, run, work, book, on_failure or book.on_failure, choose)
        live, left, waiting = _verify(site, work, selection, run.created, alone)
        took = time.monotonic() - started
    alone = {address: why for address, why in alone.items() if address in left}
    changed = f"{len(made.changes) - len(alone)} changes" + (f", {len(alone)} left alone" if alone else "")
    announce(site, book, f"provisioned, {changed}", options.tell)
    calls = sum(site.aws.calls.values())
    return Outcome(made, live, took, calls, site.facts, tuple(left.values()), tuple(alone), waiting)


def _carried_out(
    site: Site, made: Plan, run: Apply, work: Work, book: Playbook, on_failure: OnFailure, choose: Choose | None
) -> Mapping[str, str]:
    """Address of what was left alone → why. Raises ProvisionFailed after a failure was handled."""
    try:
        run.run()
        alone = remove_undeclared(site.graph, made, run, work)
        interrupted(work)
    except Exception as error:
        ask_why(site, run, error, work.journal)
        announce(site, book, f"provision failed: {error}", work.tell)
        handle_failure(site, work, error, on_failure, choose)
    remove_replaced(site.graph, made, run, work)
    return alone


def _elsewhere(site: Site, scope: Scope, selection: Selection) -> Mapping[str, int] | None:
    """From the last look, so that it costs no call."""
    if selection == EVERYTHING:
        return {}
    try:
        whole = make(site.graph, site.given, scope, site.state, again=True)
    except PlanError:
        return None
    return Counter(a.phase for a in whole.changes if not selection.covers(a.address))


def _ready(site: Site, made: Plan, tell: Sink) -> None:
    """The preflight: warnings are told, errors refuse the run, all of them at once."""
    notes = in_the_way(site, made)
    for note in notes:
        if note.level == "warning" and note.about not in ("images", *made.staying):  # those the plan shows
            tell(Event("note", text=f"preflight: {note.about}: {note.text}"))
    errors = [f"  {n.about}: {n.text}" + (f": {n.do}" if n.do else "") for n in notes if n.level == "error"]
    if errors:
        raise Refused("\n".join(("AWS would refuse this before it is done:", *errors)), unchanged=True)


def _refuse_missing(site: Site) -> None:
    if site.facts.missing:
        raise Refused("\n".join(("The environment cannot be made yet:", *(f"  {one}" for one in site.facts.missing))))


def _approved(
    approve: Callable[[Plan], bool], site: Site, scope: Scope, made: Plan, selection: Selection
) -> tuple[Scope, Plan]:
    """Ask; what took long to answer is looked at again. Raises Declined, or Refused where AWS has moved."""
    asked = time.monotonic()
    if not approve(made):
        raise Declined()
    return _still(site, made, selection) if time.monotonic() - asked > STALE else (scope, made)


def _still(site: Site, shown: Plan, selection: Selection) -> tuple[Scope, Plan]:
    """Look again after somebody took their time to answer. Raises Refused where the plan is no longer the one shown."""
    scope = site.scope()
    made = make(site.graph, site.given, scope, site.state, selection)
    if [_as_shown(a) for a in made.changes] != [_as_shown(a) for a in shown.changes]:
        raise Refused("AWS has moved since this plan was shown.", unchanged=True, then="Run the same command again.")
    return scope, replace(shown, actions=made.actions, live=made.live)


def _as_shown(a: Action) -> tuple[Any, ...]:
    """What somebody has agreed to; of what holds data and goes for good also which one it is, how it is and its content."""
    goes = a.live if a.verb in ("delete", "replace") and a.kind.holds_data else None
    return a.address, a.verb, a.changes, goes and (goes.id, goes.has, goes.out.get(a.kind.content))


def _record(site: Site, made: Plan, tell: Sink, scope: Scope, selection: Selection, doubt: Unfinished) -> None:
    """Write down what is as wanted and in no state, after a state was lost, and forget what nobody wants and nobody
    has any more. Nothing in AWS changes. What runs before have left in doubt and this one covers is as wanted: a run that
    ends says so.
    """
    entries = site.state.entries
    found = [
        (a.address, a.live)
        for a in made.actions
        if a.live is not None
        and selection.covers(a.address)  # what it leaves out is taken as it is, be it ours or not
        and not (a.address in entries and entries[a.address].id == a.live.id)
    ]
    stale = _stale(site, made, selection)
    settles = any(selection.covers(address) for address in (*doubt.created, *doubt.updated, *doubt.deleted))
    if found or stale or settles:
        with writing(site, "provision" if settles else "record", tell, scope, selection=selection) as work:
            for address, live in found:
                s = site.graph.step_of(address)
                work.adopt(address, live, tuple(site.graph.steps[n].path for n in s.needs) if s else ())
            for address in stale:
                work.gone(address)


def _stale(site: Site, made: Plan, selection: Selection) -> list[str]:
    """What the state records, the configuration no longer declares and AWS no longer has."""
    known = {a.address for a in made.actions}
    return [address for address in site.state.entries if address not in known and selection.covers(address)]


def _selected(playbook: Playbook, phases: Iterable[str], only: Iterable[str]) -> Selection:
    """What the command says, else the playbook's phases."""
    selection = select(phases, only)
    if selection == EVERYTHING and set(playbook.phases) != set(PHASES):
        return select(playbook.phases)
    return selection


def _verify(
    site: Site, work: Work, selection: Selection, created: Collection[str], alone: Mapping[str, str]
) -> tuple[Mapping[str, Live[Any]], Mapping[str, str], Mapping[str, int] | None]:
    """Look again: the plan must be empty now. What is not is told by address, never hidden; `alone`: what was left on
    purpose, and why. Lists may lag behind for some seconds.
    """
    scope = work.scope.again()
    again = make(site.graph, site.given, scope, site.state, selection, again=True)
    waited = 0.0
    for pause in chain(LAGS, repeat(LAGS[-1])):
        unlisted = {
            a.kind
            for a in again.changes
            if (a.verb == "create" and a.address in created)
            or (a.verb == "delete" and a.kind.listed_late and a.address not in alone)
        }
        if waited >= patience(unlisted) or work.stop.is_set():
            break
        work.clock.sleep(pause, work.stop)
        waited += pause
        for kind in unlisted:
            scope.forget(kind)
        again = make(site.graph, site.given, scope, site.state, selection, again=True)
    for address in _stale(site, again, selection):
        work.gone(address)
    left = {a.address: f"{a.address}: {_not_done(a, alone.get(a.address, ''))}" for a in again.changes}
    return again.live, left, _elsewhere(site, scope, selection)


def _not_done(a: Action, why: str) -> str:
    return f"{why}: it was left alone" if why else f"{a.verb} {', '.join(c.path for c in a.changes)}".rstrip()
