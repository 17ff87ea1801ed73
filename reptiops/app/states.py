"""What can be done with a state itself: its bucket made, shown, made anew from AWS, corrected; and the lock."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reptiops.app.runs import Interrupted, Stop, one_by_one, writing
from reptiops.app.site import Refused, Settings, Site, open_site, plan_site, records_of, session_of
from reptiops.aws import Aws
from reptiops.engine import lock as locks
from reptiops.engine.action import Action
from reptiops.engine.backend import LocalBackend, StateError
from reptiops.engine.calls import Work
from reptiops.engine.lock import Lease
from reptiops.engine.plan import look
from reptiops.engine.recover import unfinished
from reptiops.engine.resource import Live
from reptiops.engine.state import STATE, Entry, Records
from reptiops.loading import load_environment
from reptiops.operations.s3_backend import folder_of
from reptiops.operations.state_bucket import make_bucket


def with_something(root: Path) -> tuple[str, ...]:
    """The environments with a state in this directory of which something is there, or a run has left something open."""
    return tuple(
        sorted(file.parent.name for file in root.glob(f"*/{STATE}") if _holds(Records(LocalBackend(file.parent))))
    )


def _holds(records: Records) -> bool:
    try:
        stored = records.backend.read(STATE)
        open_ = unfinished(records)
        return bool(stored and json.loads(stored.data)["entries"]) or bool(
            open_.created or open_.updated or open_.deleted
        )
    except (StateError, ValueError, KeyError, TypeError):
        return True  # whoever opens it is told what is wrong with it


@dataclass(frozen=True)
class Shown:
    """A state in short, with the lock if somebody holds it."""

    where: str
    lineage: str
    serial: int
    through: str
    resources: int
    versions: tuple[str, ...]
    lease: Lease | None
    last: str
    """The last run that has a journal: one that was killed is not part of the state's file yet."""
    held: bool
    """Whether the one that holds the lock is still at work, as far as can be known from here."""


def init(environment: str, **settings: Any) -> tuple[str, tuple[str, ...]]:
    """Make the place that the configuration names. Answers it, and what was done."""
    options = Settings(environment, **settings)
    env = load_environment(environment, options.config_dir)
    if env.state.bucket is None:
        site = open_site(options)
        site.records.backend.prepare()
        return site.records.backend.where, ("a local directory, readable by its owner only",)
    session, _, _ = session_of(options)
    aws = Aws(session, options.region or env.region)
    account = aws.account()
    if env.account and env.account != account and not options.sandbox:
        raise Refused(f"{env.name} belongs to account {env.account}, but these credentials are of account {account}.")
    folder = folder_of(env.state.prefix, env.name)
    return env.state.backend, make_bucket(aws, env.state.bucket, folder)


def show(environment: str, **settings: Any) -> Shown:
    """Where it is, how many resources it records, who holds the lock."""
    site = open_site(Settings(environment, **settings))
    state, backend = site.state, site.records.backend
    versions = tuple(backend.names("versions"))
    return Shown(
        backend.where,
        state.lineage,
        state.serial,
        state.through,
        len(state.entries),
        versions,
        locks.read(backend),
        max([state.through, *site.records.runs()[-1:]]),
        locks.holder(backend) is not None,
    )


def entries(environment: str, **settings: Any) -> tuple[Entry, ...]:
    """Everything that is recorded, by address."""
    site = open_site(Settings(environment, **settings))
    return tuple(entry for _, entry in sorted(site.state.entries.items()))


def rebuild(environment: str, *, stop: Stop | None = None, **settings: Any) -> tuple[Entry, ...]:
    """The state anew from AWS alone: by address tag, or by natural key inside what is ours. The old one is kept among
    the versions. What is live counts as applied, so hand-made changes show as pending afterwards, not as drift.

    Raises Interrupted between two records; what has no new one by then keeps the one that it had.
    """
    options = Settings(environment, **settings)
    site = open_site(options, blank=True)
    scope = site.scope()
    look(scope, site.graph.kinds())
    made = plan_site(site)
    found = [(a, a.live) for a in made.actions if a.live is not None and a.verb != "foreign"]
    again = f"`reptiops state rebuild {environment}` again records them all. Nothing in AWS was changed."
    with writing(site, "rebuild", options.tell, scope, stop) as work:
        try:
            one_by_one(work, [a.address for a, _ in found], _recorded(site, work, found), "recorded", again)
        except Interrupted:
            with contextlib.suppress(StateError):  # of a damaged one nothing can be kept
                site.state.entries = {**site.records.load(site.belongs).entries, **site.state.entries}
            raise
    return tuple(entry for _, entry in sorted(site.state.entries.items()))


def _recorded(site: Site, work: Work, found: Iterable[tuple[Action, Live[Any]]]) -> Iterator[str]:
    for action, live in found:
        step = site.graph.step_of(action.address)
        work.adopt(action.address, live, tuple(site.graph.steps[n].path for n in step.needs) if step else ())
        yield action.address


def forget(environment: str, address: str, *, stop: Stop | None = None, **settings: Any) -> Entry:
    """Take an address out of the state; AWS is not touched. Raises Refused where nothing is recorded of it."""
    options = Settings(environment, **settings)
    site = open_site(options)
    entry = site.state.entries.get(address)
    if entry is None:
        raise Refused(f"The state of {environment} records nothing at {address}.")
    again = f"`reptiops state forget {environment} {address}` does. Nothing in AWS was changed."
    with writing(site, "forget", options.tell, site.scope(), stop) as work:
        one_by_one(work, [address], _forgotten(work, address), "forgotten", again)
    return entry


def _forgotten(work: Work, address: str) -> Iterator[str]:
    work.gone(address)
    yield address


def move(environment: str, old: str, new: str, *, stop: Stop | None = None, **settings: Any) -> Entry:
    """Give what is recorded at one address to another, in the state and in its address tag; AWS changes nothing else.

    For a key or a step that was renamed: without it the next provision would make a new one and remove the old one.
    Raises Refused where nothing is at `old`, something at `new`, or `new` is for another kind of thing.
    """
    options = Settings(environment, **settings)
    site = open_site(options)
    entry, step = site.state.entries.get(old), site.graph.step_of(new)
    if entry is None:
        raise Refused(f"The state of {environment} records nothing at {old}.")
    if site.state.entries.get(new, entry).id != entry.id:  # the same: a move was cut off there, and goes on
        raise Refused(f"{new} is {site.state.entries[new].id} already.")
    if step is None or entry.kind not in {kind.kind() for kind in step.kinds}:
        raise Refused(f"{new} is no address of a {entry.kind}: see `reptiops graph ENV` for the steps.")
    scope = site.scope()
    kind = next(kind for kind in step.kinds if kind.kind() == entry.kind)
    live = next((one for one in scope.live(kind) if one.id == entry.id), None)
    if live is None:
        raise Refused(f"{old} ({entry.id}) is not there any more.")
    needs = tuple(site.graph.steps[n].path for n in step.needs)
    again = f"`reptiops state move {environment} {old} {new}` does. Nothing else in AWS was changed."
    with writing(site, "move", options.tell, scope, stop) as work:
        one_by_one(work, [old], _moved(work, old, new, live, needs), "moved", again)
    return site.state.entries[new]


def _moved(work: Work, old: str, new: str, live: Live[Any], needs: tuple[str, ...]) -> Iterator[str]:
    """One thing: between the two records it would be at both addresses."""
    work.take(new, live, needs)
    work.gone(old)
    yield old


def holder(environment: str, **settings: Any) -> Lease | None:
    """Who holds the environment, expired leases included."""
    return locks.read(open_site(Settings(environment, **settings)).records.backend)


def at_work(environment: str, **settings: Any) -> bool:
    """Whether the one that holds it is still at work, as far as can be known from here."""
    return locks.holder(records_of(Settings(environment, **settings)).backend) is not None


def unlock(environment: str, token: str, **settings: Any) -> bool:
    """Take the lock away from that holder; False where it is no longer the same."""
    return locks.break_open(open_site(Settings(environment, **settings)).records.backend, token)
