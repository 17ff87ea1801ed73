"""Teardown: everything of the environment, and another look at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from reptiops.app.costs import cost_of_plan
from reptiops.app.failure import shared_of
from reptiops.app.recovery import await_lists, in_doubt, look_for_doubtful
from reptiops.app.runs import Stop, announce, interrupted, writing
from reptiops.app.site import Declined, Refused, Settings, Site, open_site
from reptiops.config import Environment
from reptiops.cost import Difference
from reptiops.engine.action import Action
from reptiops.engine.apply import ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.eta import Countdown
from reptiops.engine.events import Sink
from reptiops.engine.forecast import Forecast
from reptiops.engine.graph import PHASES, Graph
from reptiops.engine.plan import EVERYTHING, Matcher, Plan, Selection, look, undeclared, walk
from reptiops.engine.recover import Unfinished
from reptiops.engine.remove import Doomed, Remove, blockers, look_after
from reptiops.engine.resource import Resource
from reptiops.engine.scope import Scope
from reptiops.playbook import Playbook, load_playbook


@dataclass(frozen=True)
class Parting:
    """What a teardown is about to do, for whoever has to approve it."""

    env: Environment
    actions: tuple[Action, ...]
    forecast: Forecast
    cost: Difference
    """What it does to the monthly bill, as things are now."""
    shared: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    """Both as in `Teardown`."""

    @property
    def lost(self) -> tuple[str, ...]:
        """Addresses of what holds data of which nothing is left; last what is of use without them, such as a log group."""
        gone = [a for a in self.actions if a.kind.holds_data and not (_remains(a) and _here(a))]
        rank = {phase: index for index, phase in enumerate(PHASES)}
        gone.sort(key=lambda a: (a.kind.good_empty, rank.get(a.phase, -1), a.address))
        return tuple(a.address for a in gone)

    @property
    def unsaved(self) -> Mapping[str, str]:
        """Address of what is lost and could have been kept with other settings → what there is not of it."""
        return {a.address: a.kind.unsaved for a in self.actions if a.kind.unsaved and _here(a) and not _remains(a)}

    @property
    def remains(self) -> Mapping[str, tuple[str, ...]]:
        """What deletions leave behind on purpose, in a sentence → of which addresses."""
        found: dict[str, tuple[str, ...]] = {}
        for a in self.actions:
            traces = a.want.traces(a.live) if a.want and a.live else ""
            for sentence in filter(None, (_remains(a), traces)):
                found[sentence] = (*found.get(sentence, ()), a.address)
        return found

    @property
    def may_stay(self) -> Mapping[str, tuple[str, ...]]:
        """When a deletion may leave it after all, for somebody else needs it, in a sentence → which addresses."""
        found: dict[str, tuple[str, ...]] = {}
        for a in self.actions:
            if a.kind.needed_elsewhere:
                found[a.kind.needed_elsewhere] = (*found.get(a.kind.needed_elsewhere, ()), a.address)
        return found


def _here(action: Action) -> bool:
    """Whether its deletion is still to come, and is ours."""
    return action.live is not None and action.live.status.phase != "going"


def _remains(action: Action) -> str:
    return action.want.leaves(action.live) if action.want and action.live else ""


@dataclass(frozen=True)
class Teardown:
    """What a teardown will remove, or has removed, and what is left."""

    doomed: tuple[Action, ...]
    seconds: float = 0.0
    calls: int = 0
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """What stays on purpose: final snapshots, secrets that can still be brought back, what somebody else needs."""
    shared: tuple[str, ...] = ()
    """Names of the service-linked roles that stay, for the account shares them: no environment removes one."""
    foreign: tuple[str, ...] = ()
    """What has a name of ours and nothing says that we made it: it stays, whoever it belongs to."""


def teardown(
    environment: str,
    *,
    approve: Callable[[Parting], bool] = lambda _: True,
    allow_protected: bool = False,
    stop: Stop | None = None,
    playbook: str = "teardown",
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> Teardown:
    """Remove everything of the environment, and look again. Raises ApplyError listing what would not go."""
    started = time.monotonic()
    options = Settings(environment, **settings)
    site = open_site(options, leaving=True)
    if site.env.protected and not allow_protected:
        raise Refused(f"{site.env.name} is protected. If it really shall go, add --allow-protected.")
    book = load_playbook(playbook, options.playbook_dir)
    scope, doubt, everything = _found(site, options.tell)
    actions, doomed = _chosen(site, book, everything.actions, everything.doomed)
    foreign = tuple(one for one in everything.foreign if _phase(site.graph, one.split()[0]) in book.phases)
    if not doomed:
        _settle(site, book, scope, options.tell, stop, doubt)
        return Teardown((), time.monotonic() - started, sum(site.aws.calls.values()), foreign=foreign)
    if not approve(_parting(site, book, scope, everything, foreign)):
        raise Declined()
    with writing(site, "teardown", options.tell, scope, stop, book, _part(site, book)) as work:
        started = time.monotonic()  # the run's time, as `history` has it: from the lock to the last look
        expect(Countdown(site.graph, actions, work.timings))
        removal = Remove(site.graph, doomed, work, book.strict_phases)
        _removed(removal, work, f"Run `{book.command(environment)}` again for the rest.")
        fresh = scope.again()
        look_after(work, fresh, site.graph.kinds(), removal.assumed)
        _returned(site, book, work, fresh, removal)
        left = _left(site, book, work, fresh, removal)
        took = time.monotonic() - started
    names = tuple(f"{a.address} {a.live.id if a.live else ''}" for a in left)
    announce(site, book, f"torn down: {len(doomed)} resources removed, {len(left)} left", options.tell)
    calls, kept = sum(site.aws.calls.values()), tuple(sorted(removal.kept))
    return Teardown(actions, took, calls, names, kept, _shared(site, book, fresh), foreign)


def _found(site: Site, tell: Sink) -> tuple[Scope, Unfinished, Everything]:
    """What there is, and what runs before have left in doubt; where AWS's lists may lack some of that, they get their time."""
    scope = site.scope()
    scope.leaving = True
    doubt = look_for_doubtful(site, scope, tell)
    look(scope, site.graph.kinds())
    everything = _all_of_it(site, scope)
    unlisted = doubt.created.keys() - {a.address for a in everything.actions} - {*shared_of(site, doubt)}
    if unlisted and await_lists(site, doubt, tell):
        scope = scope.again()
        look(scope, site.graph.kinds())
        everything = _all_of_it(site, scope)
    return scope, doubt, everything


def _removed(removal: Remove, work: Work, again: str) -> None:
    """Carry it out. Raises Interrupted with how to go on where somebody stopped it, whatever else failed."""
    try:
        removal.run()
    except ApplyError:
        interrupted(work, again)
        raise
    interrupted(work, again)


def _left(site: Site, book: Playbook, work: Work, fresh: Scope, removal: Remove) -> list[Action]:
    """What is still there though it should not; the state forgets what is gone."""
    still = [
        a for a in _all_of_it(site, fresh, removal.assumed).actions if _phase(site.graph, a.address) in book.phases
    ]
    left = [a for a in still if not any(one.startswith(f"{a.address} (") for one in removal.kept)]
    known = {a.address for a in left} | removal.unasked
    for address in list(site.state.entries):
        if address not in known and _phase(site.graph, address) in book.phases:
            work.gone(address)
    return left


def _settle(site: Site, book: Playbook, scope: Scope, tell: Sink, stop: Stop | None, doubt: Unfinished) -> None:
    """Write down that nothing is there of what runs before have left in doubt: a teardown that ends says so."""
    part = _part(site, book)
    if any(part.covers(address) for address in (*doubt.created, *doubt.updated, *doubt.deleted)):
        with writing(site, "teardown", tell, scope, stop, book, part) as work:
            for address in list(site.state.entries):
                if _phase(site.graph, address) in book.phases:
                    work.gone(address)


def _parting(site: Site, book: Playbook, scope: Scope, everything: Everything, foreign: tuple[str, ...]) -> Parting:
    """Reckoned from what has been looked at; what lies outside of the playbook's phases stays, and is billed on."""
    inside = [_phase(site.graph, a.address) in book.phases for a in everything.actions]
    actions = tuple(a for a, goes in zip(everything.actions, inside, strict=True) if goes)
    after = (a if goes else replace(a, verb="none") for a, goes in zip(everything.actions, inside, strict=True))
    expected = Countdown(site.graph, actions, site.timings()).forecast(0.0)
    cost = cost_of_plan(site.env, Plan(tuple(after)))
    return Parting(site.env, actions, expected, cost, _shared(site, book, scope), foreign)


def _shared(site: Site, book: Playbook, scope: Scope) -> tuple[str, ...]:
    """What the playbook's phases have used and the account keeps."""
    kinds = {kind for s in site.graph.order if _phase(site.graph, s.path) in book.phases for kind in s.kinds}
    return tuple(sorted(one.id for kind in kinds if kind.existing for one in scope.live(kind)))


def _returned(site: Site, book: Playbook, work: Work, fresh: Scope, removal: Remove) -> None:
    """Remove what AWS's services have made once more since it was deleted. What comes later still, the next teardown finds."""
    found = _all_of_it(site, fresh, removal.assumed)
    back = [
        d
        for d in _chosen(site, book, found.actions, found.doomed)[1]
        if d.kind.returns and (d.kind.kind(), d.live.id) in removal.assumed
    ]
    if back:
        again = Remove(site.graph, back, work)
        again.run()
        kinds = {d.kind for d in back}
        for kind in kinds:
            fresh.forget(kind)
        look_after(work, fresh, kinds, again.assumed, again=True)


def _chosen(
    site: Site, book: Playbook, actions: tuple[Action, ...], doomed: list[Doomed]
) -> tuple[tuple[Action, ...], list[Doomed]]:
    """What lies in the playbook's phases. Raises Refused where something outside of them needs it."""
    inside = [d for d in doomed if _phase(site.graph, d.address) in book.phases]
    outside = {d.step for d in doomed} - {d.step for d in inside}
    first = blockers(site.graph, {d.step for d in doomed})
    needing = sorted({step for d in inside for step in first.get(d.step, set()) & outside})
    if needing:
        raise Refused(
            f"The playbook {book.name} removes {', '.join(book.phases)} only, but these need something of it:\n"
            + "\n".join(f"  {step}" for step in needing)
            + "\nAdd their phases to the playbook."
        )
    return tuple(a for a in actions if _phase(site.graph, a.address) in book.phases), inside


def _part(site: Site, book: Playbook) -> Selection:
    """What the playbook's phases hold, by address: one that is brought forward goes with another phase than it names.

    What the state or an unfinished run knows of a step that there is no more goes with the phase that it names.
    """
    if set(book.phases) == set(PHASES):
        return EVERYTHING
    doubt = in_doubt(site)
    known = {*site.state.entries, *doubt.created, *doubt.updated, *doubt.deleted}
    older = sorted(address for address in known if site.graph.step_of(address) is None)
    inside = (*(s.path for s in site.graph.order), *older)
    return Selection(addresses=tuple(one for one in inside if _phase(site.graph, one) in book.phases))


def _phase(graph: Graph, address: str) -> str:
    """The phase in which an address is made and removed; one that is brought forward goes with that phase."""
    s = graph.step_of(address)
    return PHASES[graph.phase_index(s)] if s else address.split("/")[0]


@dataclass(frozen=True)
class Everything:
    """What is ours of a look, as actions and as what has to go; and what only has a name of ours, by address and id."""

    actions: tuple[Action, ...]
    doomed: list[Doomed]
    foreign: tuple[str, ...]


def _all_of_it(site: Site, scope: Scope, assumed: Set[tuple[str, str]] = frozenset()) -> Everything:
    """Everything live that is ours: declared, recorded, tagged, or hanging on something of ours. `assumed`: (kind, id) of
    what has just been removed as ours, and may have been made once more.
    """
    matcher = Matcher(scope, site.graph.kinds(), site.state)
    instances: dict[tuple[type[Resource], str], tuple[str, Resource, str]] = {}
    foreign: dict[tuple[type[Resource], str], str] = {}
    for s, actions in walk(site.graph, site.given, matcher):
        for a in actions:
            if a.live is None or a.want is None:
                continue
            if a.verb == "foreign" and (a.kind.kind(), a.live.id) not in assumed:
                foreign[a.kind, a.live.id] = f"{a.address} {a.live.id}"
            else:
                instances[a.kind, a.live.id] = (a.address, a.want, s.path)
    parting = site.given["parting"]
    ours = {(a.kind, a.live.id): a.address for a in undeclared(site.graph, matcher, site.state, parting) if a.live}
    steps = {kind: s.path for s in site.graph.order for kind in s.kinds}
    actions_out, doomed = [], []
    for kind, lives in matcher.all.items():
        for one in lives:
            if kind.existing:
                continue
            known = instances.get((kind, one.id))
            address = known[0] if known else ours.get((kind, one.id))
            if address is None and ((kind, one.id) in foreign or (kind.taggable and not kind.within)):
                continue
            foreign.pop((kind, one.id), None)
            address = address or f"{steps[kind]}/{one.id}"
            instance = known[1] if known else replace(one.has, **parting.get(kind, {}))
            doomed.append(
                Doomed(address, instance, one, known[2] if known else _path(address, steps[kind], site.graph))
            )
            actions_out.append(Action(address, "delete", kind, instance, one, phase=address.split("/")[0]))
    rank = {s.path: index for index, s in enumerate(site.graph.order)}
    actions_out.sort(key=lambda a: (-rank.get("/".join(a.address.split("/")[:2]), -1), a.address))
    return Everything(tuple(actions_out), doomed, tuple(sorted(foreign.values())))


def _path(address: str, fallback: str, graph: Graph) -> str:
    s = graph.step_of(address)
    return s.path if s else fallback
