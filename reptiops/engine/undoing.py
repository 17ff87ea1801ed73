"""What a rollback goes by: what it has done so far, what of a run's it finds in AWS, and what of that has to go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from reptiops.engine.blind import patient
from reptiops.engine.calls import Work
from reptiops.engine.canonical import Plain, plain
from reptiops.engine.codec import restore
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph, Step
from reptiops.engine.ids import names, renamed
from reptiops.engine.making import UNSEEN_LOOKS
from reptiops.engine.plan import look as look_at
from reptiops.engine.proof import named
from reptiops.engine.recover import Named, Unfinished
from reptiops.engine.remove import Doomed
from reptiops.engine.resource import Live, Resource


@dataclass
class Undoing:
    """One rollback: what it undoes, and what it has come to so far."""

    graph: Graph
    work: Work
    what: Unfinished
    later: bool
    errors: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    anew_as: dict[Named, str] = field(default_factory=dict)
    """What was deleted → id of what was made anew in its place."""
    back: set[str] = field(default_factory=set)
    """Addresses of what was deleted and has been made anew, as far as it can be."""
    staying: set[Named] = field(default_factory=set)
    remaining: dict[str, str] = field(default_factory=dict)
    """Address → id of what the runs made and what stays for its data."""
    standing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Address of what stays in the place of what was deleted → what AWS calls it, its host name for example."""
    held: dict[str, str] = field(default_factory=dict)
    """Address → id of what this run made and cannot remove before what was deleted is there again."""

    def __post_init__(self) -> None:
        self.anew_as |= self.what.moved
        self.kinds = {kind.kind(): kind for kind in self.graph.kinds()}

    def look(self) -> None:
        """Look at everything anew."""
        self.work.scope = self.work.scope.again()
        patient(self.work, lambda: look_at(self.work.scope, self.graph.kinds()))

    def now(self, value: Plain) -> Plain:
        """The same, with the ids of what was made anew in place of those that are gone."""
        return renamed(value, self.ids)

    @property
    def ids(self) -> dict[str, str]:
        """Id of what was deleted → id of what was made anew in its place, as texts name them: without a kind."""
        return {old: new for (_, old), new in self.anew_as.items()}

    def needs(self, address: str) -> tuple[str, ...]:
        """The paths of the steps that it needs, as a record has them."""
        s = self.graph.step_of(address)
        return tuple(self.graph.steps[n].path for n in s.needs) if s else ()

    def told(self, address: str) -> bool:
        """Whether it is told already that something went wrong with it, or that it is lost."""
        return any(one.startswith((f"{address} ", f"{address}:")) for one in (*self.errors, *self.lost))

    # -- what was created --

    def created(self) -> Iterator[tuple[str, Live[Any], Step]]:
        """What the runs have made and is there: its address, itself and its step."""
        for address, (name, target) in self.what.created.items():
            kind, step = self.kinds.get(name), self.graph.step_of(address)
            if kind is None or step is None or kind.existing:
                continue
            want = restore(kind, target) if target is not None else None
            old = self.what.beside.get(address, "")
            live = self.find(address, kind, want.key() if want else None, but=old)
            entry = self.work.state.entries.get(address)
            answered = entry is not None and entry.id != old and entry != self.what.entries.get(address)
            if live is None and want is not None and entry is not None and answered and not self.later:
                live = Live(entry.id, want, address)  # its lists lag behind
            if live is not None:
                yield address, live, step

    def look_for_doubtful(self) -> None:
        """What was asked for when a run was cut off may be there, though AWS's lists do not show it yet."""
        work, began = self.work, self.work.clock.now()
        unseen = self.what.unseen(self.kinds, self.work.aws.lag())
        for pause in UNSEEN_LOOKS:
            waited, seen = work.clock.now() - began, {address for address, _, _ in self.created()}
            unseen = {a: (kind, left) for a, (kind, left) in unseen.items() if a not in seen and waited <= left}
            if not unseen or work.stop.is_set():
                return
            work.clock.sleep(pause, work.stop)
            for kind in {kind for kind, _ in unseen.values()}:
                work.scope.forget(kind)

    def doomed(self) -> list[Doomed]:
        """What has to go. What holds data by now stays, and with it everything that it needs."""
        made = list(self.created())
        why = {a: text for a, one, s in made if (text := self._in_service(one, s) or self._succeeds(a, one))}
        needed = {need for address, _, s in made if address in why for need in self.graph.needed(s.name)}
        for address, live, s in made:
            reason = why.get(address) or ("what holds data needs it" if s.name in needed else "")
            if reason:
                self.kept.append(f"{address} ({live.id}): {reason}")
                self.staying.add(named(live))
                self.remaining[address] = live.id
                if address in self.what.deleted:
                    own = (one for one in live.out.values() if one != live.id and names(one, [live.id]))
                    self.standing[address] = tuple(own)
                self.work.adopt(address, live, self.needs(address))  # a kill may have come before the record
                self.work.tell(Event("kept", address, "delete", reason))
        going = ((address, live, s) for address, live, s in made if named(live) not in self.staying)
        return [Doomed(address, self.parting(address, live), live, s.path) for address, live, s in going]

    def irrecoverable(self, before: Resource) -> bool:
        """Whether no rollback makes it anew: of what it held nothing comes back, or it takes a secret that nobody knows."""
        secret = any(f.metadata.get("secret") for f in fields(before)) or not before.known_whole()
        return secret or (before.holds_data and not before.anew_empty)

    def parting(self, address: str, live: Live[Any]) -> Resource:
        """As it is deleted: for good if the run has made it, and as it was before if the run has only taken it back."""
        restored = self.what.restored.get(address)
        found: Resource = live.has.unused() if restored is None else replace(live.has, **restored)
        return found

    def _succeeds(self, address: str, one: Live[Any]) -> str:
        """Why it stays for what it replaced: without it there would be nothing at all."""
        was = self.what.deleted.get(address)
        if was is None or was.pre is None or not self.irrecoverable(restore(type(one.has), was.pre)):
            return ""
        return "what it replaced cannot be brought back"

    def of_successor(self, before: Resource, current: Live[Any], fields: Iterable[str]) -> dict[str, str]:
        """Field → what it names that stays in the place of what was deleted: what it named before is no longer there."""
        found = dict[str, str]()
        for name in fields:
            was, has = plain(getattr(before, name)), plain(getattr(current.has, name))
            for address, called in self.standing.items():
                if names(has, called) and not names(was, called):
                    found[name] = f"{name} stays {has!r}, for it names {address}, which stays"
        return found

    def _in_service(self, one: Live[Any], s: Step) -> str:
        """Why it stays for its data. What is of use without them goes with what filled it, if that run undoes itself."""
        kind = type(one.has)
        if not kind.holds_data or (kind.good_empty and not self.later):
            return ""
        if reason := one.has.in_service(self.work.aws, one):
            return str(reason)
        users = self.graph.dependants(s.name) if kind.opaque else ()
        lives = (o for user in users for k in self.graph.steps[user].kinds for o in self.work.scope.live(k))
        return next((f"{o.has.key()} is up and may have written to it" for o in lives if o.has.serves(o)), "")

    def find(
        self, address: str, kind: type[Resource], key: str | None, identifier: str = "", but: str = ""
    ) -> Live[Any] | None:
        """The one of an address: by its tag, by what is recorded, by its key where that tells, or by the id of before."""
        entry = self.work.state.entries.get(address)
        for one in self.live(kind):
            if one.id == but or one.status.phase == "going":
                continue
            recorded = entry is not None and (kind.kind(), one.id) == (entry.kind, entry.id)
            same = key is not None and one.has.key() == key and (not kind.taggable or kind.within or kind.untold)
            if one.address == address or recorded or same or one.id == identifier:
                return one
        return None

    def live(self, kind: type[Resource]) -> list[Live[Any]]:
        """What there is of a kind, also where AWS does not answer for a time."""
        return patient(self.work, lambda: self.work.scope.live(kind))
