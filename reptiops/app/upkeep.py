"""Drift and reconcile: what differs from what was last applied, and making it so again within what a playbook allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reptiops.app.deciding import UNANSWERED, Braking, Decided, beyond, brake, decide, foretold
from reptiops.app.failure import Choose, OnFailure
from reptiops.app.mending import Mending, mending
from reptiops.app.repairing import DIFFERS, Repairs, urgent
from reptiops.app.runs import Stop, run_id
from reptiops.app.site import Refused, Settings, Site, open_site, owner_of
from reptiops.engine import lock as locks
from reptiops.engine.drift import Drift, Finding, find
from reptiops.engine.eta import Countdown
from reptiops.engine.plan import Matcher, look
from reptiops.engine.resource import ADDRESS_TAG, Resource
from reptiops.engine.scope import Scope
from reptiops.errors import ConfigurationError
from reptiops.operations.strays import Known, strays
from reptiops.operations.who import Deed, Sought, changed
from reptiops.playbook import load_playbook


class Busy(Refused):
    """Another run is changing the environment: what is seen meanwhile is half of its work, and no drift."""


@contextmanager
def undisturbed(site: Site, beside: Callable[[str], None] | None = None) -> Iterator[None]:
    """A look that no other run comes into: nobody holds the lock, and the state is still the one that was loaded.

    Raises Busy otherwise, or tells `beside` of the other run. It takes no lock itself: who only looks must never hold up
    who writes.
    """
    runs = site.records.runs()
    told = _other_run(site, runs)
    if told and beside is None:
        raise _busy(site, told)
    yield
    told = told or _other_run(site, runs)
    if told and beside is None:
        raise _busy(site, told)
    if told and beside is not None:
        beside(f"Another run on {site.env.name} {told}. What is found may be its doing: look again afterwards.")


def _other_run(site: Site, runs: list[str]) -> str:
    """What another run is doing, or has done since the state was loaded; empty where none has."""
    lease = locks.holder(site.records.backend)
    if lease is not None:
        return f"is at work: {lease.operation} by {lease.who} on {lease.host} (process {lease.pid}) since {lease.since}"
    if site.records.mark() != site.mark:
        return "has ended meanwhile"
    return "has begun" if site.records.runs() != runs else ""


def _busy(site: Site, what: str) -> Busy:
    return Busy(
        f"Another run on {site.env.name} {what}. Nothing was compared, and nothing told: look again afterwards."
    )


def observed(site: Site, workers: int = 12) -> tuple[Scope, Matcher]:
    """A fresh look at everything, matched to what the state knows. Raises Refused for a state that is not this world's."""
    scope = site.scope()
    look(scope, site.graph.kinds(), workers)
    matcher = Matcher(scope, site.graph.kinds(), site.state)
    _not_lost(site, matcher)
    return scope, matcher


def _not_lost(site: Site, matcher: Matcher) -> None:
    """An empty state of an environment that is there would make a comparison with nothing, and "no drift" a lie."""
    ours = sorted(one.address for lives in matcher.all.values() for one in lives if one.address is not None)
    if ours and not site.state.entries:
        raise Refused(
            f"The state in {site.records.backend.where} is empty, but {len(ours)} resources in AWS carry the tags of "
            f"{site.env.name} ({', '.join(ours[:3])}, …): there is nothing to compare them with. Is that the right place "
            "(--config-dir with `state.backend`, --state-dir)? If the state was lost, `reptiops state rebuild "
            f"{site.env.name}` makes it anew.",
            unchanged=True,
        )


@dataclass(frozen=True)
class Drifted(Drift):
    """A drift, and where a reconcile by the playbook of that name would stop."""

    braking: Braking


def drift(
    environment: str, *, playbook: str = "drift", beside: Callable[[str], None] | None = None, **settings: Any
) -> Drifted:
    """What differs from what was last applied, in the playbook's phases. Reads only. Raises Busy while another run writes,
    or looks all the same and tells `beside` so.
    """
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    with undisturbed(site, beside):
        found = drift_site(site, observed(site, book.max_parallel)[1])

    def inside(address: str) -> bool:
        return address.split("/")[0] in book.phases

    return Drifted(
        tuple(f for f in found.findings if inside(f.address)),
        tuple(f for f in found.pending if inside(f.address)),
        tuple(line for line in found.busy if inside(line)),
        found.extras,
        _braking(found, site, options),
    )


def _braking(found: Drift, site: Site, options: Settings) -> Braking:
    """A playbook that cannot be read is its own run's matter."""
    try:
        return foretold(found, site, load_playbook("reconcile", options.playbook_dir))
    except ConfigurationError:
        return Braking()


def drift_site(site: Site, matcher: Matcher | None = None) -> Drift:
    """The drift of an opened site, with what carries its tags and is of no kind that the tool makes."""
    seen = matcher or observed(site)[1]
    found = find(site.graph, site.given, seen, site.state, owner_of(site.env))
    read = [(kind.kind(), one.names) for kind, lives in seen.all.items() for one in lives]
    known = Known.of([*read, *_removed(site)])
    more = [
        Finding(one.address or "network/vpc", one.arn, "", "extra", "security", natural=one.arn)
        for one in strays(site.aws, site.names.tags, ADDRESS_TAG, known)
    ]
    return replace(found, findings=tuple(sorted((*found.findings, *more))))


def _removed(site: Site) -> list[tuple[str, tuple[str, str]]]:
    """What runs of the last day removed, by kind, id and ARN: the tagging API goes on showing it for a while."""
    since = run_id(datetime.now(UTC) - timedelta(days=1))
    return [
        (record["kind"], (record.get("id") or "", record.get("arn") or ""))
        for run in site.records.runs()
        if run >= since
        for record in site.records.records(run)
        if record.get("verb") == "delete" and record["event"] == "begin"
    ]


@dataclass(frozen=True)
class Reconciled:
    """What a reconcile did: mended, left (with the reason), and what still differs."""

    mended: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    braked: str = ""
    seconds: float = 0.0
    followed: tuple[str, ...] = ()
    """Addresses that had to follow what was mended: a service is deployed when its task definition is."""

    @property
    def exit_code(self) -> int:
        """3 when anything was reported, asked and unanswered, or braked; 0 otherwise."""
        return 3 if self.left or self.braked else 0


def reconcile(
    environment: str,
    *,
    yes: bool = False,
    max_changes: int | None = None,
    phases: Iterable[str] = (),
    show: Callable[[Decided], None] = lambda _: None,
    ask: Callable[[Finding], bool] = lambda _: False,
    stop: Stop | None = None,
    playbook: str = "reconcile",
    on_failure: OnFailure | None = None,
    choose: Choose | None = None,
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> Reconciled:
    """Make live what was applied, within what the playbook allows. What is open to strangers is closed first, before
    anything is asked. While something is in the middle of a change nothing else is done, or Refused raised where there is
    nothing to close.

    `show` is told what was found and what will become of it, before the first change; `expect` what is going to happen.
    """
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    scope, matcher = observed(site, book.max_parallel)
    before = drift_site(site, matcher)
    chosen = frozenset(phases) or frozenset(book.phases)
    found = decide([f for f in before.findings if f.address.split("/")[0] in chosen], before, site, book, yes)
    braked = brake((*found.first, *found.mend), before, book, max_changes)
    if braked and (not found.first or brake(found.first, before, book, max_changes)):
        left = ((f, "braked") for f in (*found.first, *found.mend, *(f for f, _ in found.ask)))
        return Reconciled((), (*found.left, *left), braked, time.monotonic() - started)
    if braked:  # what is open is closed all the same; of the rest nothing is done, and nothing asked
        found = replace(found, ask=(), left=(*found.left, *((f, "braked") for f, _ in found.ask)))
    else:
        show(found)
    repairs = Repairs(
        site, scope, matcher, before, book, options.tell, expect, stop, on_failure or book.on_failure, choose
    )
    with repairs.telling():
        repairs.close(found.first, _by_then(found, braked))
        repairs.weigh([*found.mend, *(f for f, _ in found.ask)])
        answers = {f: ask(f) for f, _ in found.ask}
        agreed = [f for f, _ in found.ask if answers[f]]
        unanswered = [(f, f"{why}, {UNANSWERED}") for f, why in found.ask if not answers[f]]
        done = _mended(repairs, found.first, [*found.mend, *agreed], [*found.left, *unanswered], max_changes)
    return done if repairs.seconds else replace(done, seconds=time.monotonic() - started)


def _by_then(found: Decided, braked: str) -> list[tuple[Finding, str]]:
    """What is left when what is open has been closed, and nothing else has been begun or answered."""
    asked = [(f, f"{why}, and nobody had answered yet") for f, why in found.ask]
    if not braked:
        return [*found.left, *asked]
    held = f"braked: {braked}"
    return [*((f, held if why == "braked" else why) for f, why in found.left), *((f, held) for f in found.mend)]


def _mended(
    repairs: Repairs,
    closed: tuple[Finding, ...],
    mend: list[Finding],
    left: list[tuple[Finding, str]],
    max_changes: int | None,
) -> Reconciled:
    """Carry out what may be, and look at what has become of it and of what was closed before. Risks among it go first."""
    site, before, book = repairs.site, repairs.before, repairs.book
    braked = brake((*closed, *mend), before, book, max_changes)
    if not braked and (risks := tuple(f for f in mend if urgent(f, before))):
        repairs.close(risks, left)
        closed, mend = (*closed, *risks), [f for f in mend if f not in risks]
    what = Mending()
    if not braked:
        what = mending(site, repairs.scope, mend, before)
        left += [(f, what.held[f.address]) for f in mend if f.address in what.held and f.what != "extra"]
        mend = [f for f in mend if f.address not in what.held or f.what == "extra"]
        braked = beyond(what.plan, book) if mend else ""
    if braked:
        left += [(f, "braked") for f in mend]
    if braked or not mend:
        what, mend = Mending(), []
    if not mend and not closed:
        return Reconciled((), tuple(left), braked)
    again = repairs.run(mend, what, left) if mend else repairs.looked()
    after = drift_site(site, Matcher(again, site.graph.kinds(), site.state))
    keys = {f.key for f in after.findings}
    stays = {f: repairs.left[f.kind, f.id] for f in (*closed, *mend) if (f.kind, f.id) in repairs.left}
    left += [*stays.items(), *((f, DIFFERS) for f in (*closed, *mend) if f.key in keys and f not in stays)]
    done = tuple(f for f in (*closed, *mend) if f.key not in keys and f not in stays)
    mended = {f.address for f in mend if f.what != "extra"}
    followed = tuple(a.address for a in what.plan.changes if a.address not in mended)
    return Reconciled(done, tuple(left), braked, repairs.seconds, followed)


def who(environment: str, findings: Iterable[Finding], **settings: Any) -> dict[str, Deed | str]:
    """By finding: who did it, or why that cannot be told."""
    site = open_site(Settings(environment, **settings))
    kinds = {kind.kind(): kind for kind in site.graph.kinds()}
    return {f.key: changed(site.aws, _sought(f, site, kinds.get(f.kind))) for f in findings}


def _sought(finding: Finding, site: Site, kind: type[Resource] | None) -> Sought:
    """What CloudTrail is asked. The services are those whose actions the kind calls to make, change or remove one."""
    if kind is None:  # a stray: all that is known is its ARN
        return Sought(finding.id, (), frozenset({finding.id.split(":")[2]}), finding.what)
    entry = site.state.entries.get(finding.address)
    fields = finding.live if finding.what == "extra" else entry.applied if entry else None
    values = [v for v in fields.values() if isinstance(v, str)] if isinstance(fields, dict) else []
    ids = {e.id for e in site.state.entries.values()} - {finding.id}
    parents = [v for v in values if v in ids] if kind.within or not kind.taggable else []
    if finding.what == "extra" and entry is not None and entry.id != finding.id:
        parents.append(entry.id)
    services = {action.split(":")[0] for r in kind.rights if r.purpose != "read" for action in r.actions}
    own = services - {"iam"} or services  # others hand a role on
    return Sought(finding.id, tuple(dict.fromkeys(parents)), frozenset(own), finding.what)
