"""Undoing what a journal says was done: updates set back to the values read just before them, creates removed, what was
deleted made anew where nothing but an id is lost by it. Then AWS is read again and compared with what was there before.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

from reptiops.engine.action import Action, Verb
from reptiops.engine.apply import ApplyError
from reptiops.engine.calls import Work
from reptiops.engine.canonical import Plain, in_full, plain
from reptiops.engine.codec import restore
from reptiops.engine.diff import as_far_as_it_goes, diff
from reptiops.engine.eta import Countdown, Reversal
from reptiops.engine.events import Event
from reptiops.engine.graph import Graph, Step
from reptiops.engine.ids import names, whole
from reptiops.engine.proof import compared, inventory, named, named_before
from reptiops.engine.recover import Unfinished, Was
from reptiops.engine.remove import Doomed, Remove, look_after
from reptiops.engine.resource import ADDRESS_TAG, Doing, Live, Resource
from reptiops.engine.setback import Fields, differences, of_others, still_ours, tied_to
from reptiops.engine.state import Entry
from reptiops.engine.watching import Watching

Act = Callable[[str, type[Resource], Was], str]
"""Undoes one change; answers the id of what it changed, or nothing where there was nothing to do."""


@dataclass(frozen=True)
class Undone:
    """What a rollback achieved: the differences that are left (all empty: the world is as before) and what went wrong."""

    left: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """What this run made and stays: it holds data that came while it was in service, or nobody can take it back."""
    anew: tuple[str, ...] = ()
    """What had been deleted and was made again, with another id."""
    theirs: tuple[str, ...] = ()
    """What others have changed since the run did: it stays as they have made it."""
    shared: tuple[str, ...] = ()
    """What this run made and the account shares from then on: nothing of ours removes it."""
    lost: tuple[str, ...] = ()
    """What cannot be brought back: it was deleted with what it held."""
    failing: tuple[str, ...] = ()
    """What is as it was before, and that was not well: a service whose tasks kept dying."""

    @property
    def complete(self) -> bool:
        """Whether the world is verified to be as before, but for what is known to stay or to be lost for good."""
        return not (self.left or self.missing or self.errors)


def undo(graph: Graph, work: Work, what: Unfinished, later: bool = False) -> Undone:
    """Undo all of it, then verify. `later`: another process than the one that did it, so data may have come meanwhile."""
    return _Undo(graph, work, what, later).run()


class _Undo(Watching):
    """The undoing itself."""

    def run(self) -> Undone:
        work, what = self.work, self.what
        work.journal.write("undoing", runs=what.runs)
        self.look()
        later = [a for a, was in what.updated.items() if self._needs_anew(was)]
        # What was switched over goes back the way it went: the rule to the old target group, then the tasks behind it.
        switched = [a for a, was in what.updated.items() if names(was.pre, what.beside.values())]
        first = [a for a in (*switched, *(a for a in reversed(what.updated) if a not in switched)) if a not in later]
        rank = {s.path: index for index, s in enumerate(self.graph.order)}
        anew = sorted(what.deleted, key=lambda a: rank.get(_step(a), -1))
        work.expect(Countdown(self.graph, self._ahead(first, anew, later), work.timings))
        for address in first:
            self._guarded(address, what.updated[address], self._set_back)
        self.look()
        self.look_for_doubtful()
        doomed = self.doomed()
        held = self._held(doomed, later)
        self.held = {one.address: one.live.id for one in doomed if one.address in held}
        self._remove([one for one in doomed if one.address not in held])
        for address in anew:
            if work.stop.is_set():
                break
            if address in self.remaining:  # what replaced it stays, and what is set back means that one
                self._left_to_its_successor(address, what.deleted[address])
            else:
                self._guarded(address, what.deleted[address], self._bring_back, "create")
            self.back.add(address)
            later = self._set_back_if(later, lambda was: not self._needs_anew(was))
        gone = [(_step(a), was.id) for a, was in what.deleted.items() if (was.kind, was.id) in self.anew_as]
        but = {*what.updated, *what.deleted, *what.created}
        if untied := tied_to(gone, work.state.entries, but, self.needs):
            self.look()
            what.updated.update(untied)
        self._set_back_if([*later, *untied], lambda _: True)
        self._remove([one for one in doomed if one.address in held])
        for address in what.created:  # what was recorded and missing is so again, else it would be forgotten
            there = address in self.remaining or (address in work.state.entries and address not in what.beside)
            if not there and address not in what.deleted and (known := what.entries.get(address)) is not None:
                work.recorded_as(address, known)
        if work.stop.is_set():
            self.errors.append("the rollback was interrupted")
        return self._verified()

    def _ahead(self, first: list[str], anew: list[str], later: list[str]) -> Reversal:
        """What is going to be done, as far as it can be told before."""
        was, made = self.what.updated, {address: live for address, live, _ in self.created()}
        gone = (Action(a, "delete", type(o.has), self.parting(a, o), o) for a, o in made.items() if a not in anew)
        back = (self._action(a, self.what.deleted[a], "replace" if a in made else "create") for a in anew)
        late = (self._action(a, was[a], "update") for a in later)
        return Reversal(tuple(self._action(a, was[a], "update") for a in first), tuple(gone), (*back, *late))

    def _action(self, address: str, was: Was, verb: Verb) -> Action:
        kind, want = self.kinds.get(was.kind, Resource), None
        with contextlib.suppress(Exception):  # what cannot be read is told when its turn comes
            want = restore(kind, was.pre)
        back = (c for c in was.back if kind.undoing(replace(c, has=c.want, want=c.has)).undo != "one-way")
        return Action(address, verb, kind, want, changes=tuple(back) if verb == "update" else ())

    def _set_back_if(self, later: list[str], now: Callable[[Was], bool]) -> list[str]:
        """Set back what can be by now, the last one first; answers the rest. What comes anew after it may need it: a
        service is refused until its target group is behind a rule.
        """
        rest: list[str] = []
        for address in reversed(later):
            if now(self.what.updated[address]):
                self._guarded(address, self.what.updated[address], self._set_back)
            else:
                rest.insert(0, address)
        return rest

    def _remove(self, doomed: list[Doomed]) -> None:
        work = self.work
        if not doomed or work.stop.is_set():
            return
        self._gone(doomed)
        # What AWS's services make once more when its owner has gone is removed once more.
        back = [d for d in doomed if d.kind.returns and any(one.id == d.live.id for one in work.scope.live(d.kind))]
        if back:
            self._gone(back, again=True)

    def _gone(self, doomed: list[Doomed], again: bool = False) -> None:
        work, removal = self.work, Remove(self.graph, doomed, self.work)
        try:
            removal.run()
        except ApplyError as error:
            if work.journal.broken is not None:
                raise work.journal.broken from error
            self.errors += [str(e) for e in error.errors]
        for d, why in removal.stays:  # nobody can end it: no later rollback could
            self._keep([f"{d.address} ({d.live.id}): {why}"])
            self.staying.add(named(d.live))
        work.scope = work.scope.again()
        look_after(work, work.scope, self.graph.kinds(), removal.assumed, again)

    def _held(self, doomed: list[Doomed], later: list[str]) -> set[str]:
        """What this run made and something names that can only be set back when what was deleted is there again: a
        listener's rule. AWS would not let it go before; nor what it needs itself.
        """
        texts = []
        for address in later:
            was = self.what.updated[address]
            kind = self.kinds.get(was.kind)
            current = self.find(address, kind, None, was.id) if kind else None
            texts.append(json.dumps(plain(current.has)) if current else "")
        free = (one for one in doomed if not self._in_the_way(one))
        named = [one for one in free if any(whole(one.live.id).search(text) for text in texts)]
        steps = {s.path: s for s in self.graph.order}
        needed = {path for one in named for path in self._needs(steps.get(one.step))}
        return {one.address for one in doomed if one in named or one.step in needed}

    def _in_the_way(self, one: Doomed) -> bool:
        """Whether what was deleted cannot be made anew before this one has gone: it has its name."""
        was = self.what.deleted.get(one.address)
        return was is not None and was.kind == one.kind.kind() and was.id == one.live.id

    def _needs(self, s: Step | None) -> set[str]:
        return {self.graph.steps[n].path for n in self.graph.needed(s.name)} if s else set()

    def _guarded(self, address: str, was: Was, act: Act, verb: str = "restore") -> None:
        """One thing that is set back or made anew, told from its beginning to its end."""
        kind, work, wrong = self.kinds.get(was.kind), self.work, len(self.errors)
        if work.stop.is_set():
            return
        began, done = work.clock.now(), ""
        work.tell(Event("start", address, verb))
        try:
            if kind is None or was.pre is None:
                self.errors.append(f"{address}: nothing is recorded of how it was")
            else:
                done = act(address, kind, was)
        except Exception as error:
            if work.journal.broken is not None:
                raise
            self.errors.append(str(error) if str(error).startswith(address) else f"{address}: {error}")
        if len(self.errors) > wrong:
            work.tell(Event("failed", address, verb, self.errors[-1].removeprefix(address).lstrip(": ")))
        elif done:
            work.tell(Event("done", address, verb, done, work.clock.now() - began))
        else:
            work.tell(Event("same", address, verb))

    # -- what was updated --

    def _needs_anew(self, was: Was) -> bool:
        """Whether it names the id of something that was deleted: it waits until that has been made anew."""
        return names(was.pre, (one.id for a, one in self.what.deleted.items() if a not in self.back))

    def _set_back(self, address: str, kind: type[Resource], was: Was) -> str:
        """To the values of before; answers its id where it was not so already."""
        work, before = self.work, restore(kind, self.now(was.pre))
        entry = work.state.entries.get(address)
        if kind.renewed and was.id:
            work.withdraw(address, kind, was.id)
        current = self.find(address, kind, before.key(), was.id)
        if current is None and was.adopted and not was.wrote:  # nothing leads to it any more
            if address not in self.what.entries:
                work.gone(address)
            return ""
        if current is None:
            self.errors.append(f"{address} ({was.id}) has gone and cannot be set back")
            return ""
        fields = self._ours_of(address, was, before, current)
        asked = of_others(before, current.has, fields, self.ids)
        target, stuck = as_far_as_it_goes(asked, current.has)
        self._keep(f"{address} ({current.id}): {one}" for one in stuck)
        differs = diff(target, current.has)
        if differs:
            work.update(address, target, current, entry.needs if entry else ())
        if differs or (current.status.phase == "pending" and current.status.changing):
            doing: Doing | None = "update" if differs else None
            self.converge(address, target, current.id, doing, was.unready, fields, differs)
        known = self.what.entries.get(address)
        if was.tagged:
            self._give_back(address, was.tagged, current, known)
        elif was.adopted and known is None:
            work.gone(address)
        elif known is not None:
            name = self.anew_as.get((known.kind, known.id), known.id)
            work.recorded_as(address, replace(known, id=name, applied=self._applied(known, asked, target)))
        return current.id if differs or was.tagged or kind.renewed else ""

    def _applied(self, known: Entry, asked: Resource, target: Resource) -> Plain:
        """What is recorded of one that was set back. What of it stays is what the run has applied, and no drift."""
        applied = self.now(known.applied)
        if not isinstance(applied, dict):
            return applied
        stays = [f.name for f in fields_of(target) if getattr(asked, f.name) != getattr(target, f.name)]
        return {**applied, **{field: in_full(getattr(target, field)) for field in stays}}

    def _keep(self, told: Iterable[str]) -> None:
        """Remember what is known to stay, each once."""
        self.kept += [one for one in told if one not in self.kept]

    def _give_back(self, address: str, before: str, current: Live[Any], known: Entry | None) -> None:
        """To the address whose tag it carried before another one took it over by its name."""
        work = self.work
        work.take(before, current, self.needs(before))
        if known is not None:
            work.recorded_as(before, replace(known, address=before))
        work.gone(address)

    def _ours_of(self, address: str, was: Was, before: Resource, current: Live[Any]) -> Fields:
        """What of it goes back: the fields that the runs have written, but not those that another has moved on since."""
        fields, theirs = still_ours(was, before, current, self.ids)
        taken, kept = self._taken(before, current, fields), self.of_successor(before, current, fields or ())
        fields = fields and {n: wrote for n, wrote in fields.items() if n not in (*taken, *kept)}
        self._keep(f"{address} ({current.id}): {one}" for one in kept.values())
        theirs += taken.values()
        if theirs and type(before).renewed:  # neither more nor less than there was
            self.staying |= {named_before(was, type(before)), named(current)}
        told = [text for text in self.theirs if text.startswith(f"{address} (")]
        self.theirs = [text for text in self.theirs if text not in told]  # what is true in the end is what counts
        for one in theirs:
            self.theirs.append(text := f"{address} ({current.id}): {one}")
            if text not in told:
                self.work.tell(Event("kept", address, "restore", one))
        return fields

    def _taken(self, before: Resource, current: Live[Any], fields: Fields) -> dict[str, str]:
        """Field → who has by now what it was, and would have to make room: nobody does whose work is not undone."""
        kind, found = type(before), dict[str, str]()
        if kind.displaces is Resource.displaces:
            return found
        what = self.what
        ours = {was.id for was in (*what.updated.values(), *what.deleted.values())} | {*self.anew_as.values()}
        places = {*what.created, *what.updated, *what.deleted}  # a rollback before this one may have made it anew there
        others = [o for o in self.live(kind) if o.id not in ours and o.address not in places]
        for name in fields or ():
            was, has = getattr(before, name), getattr(current.has, name)
            if rivals := list(replace(current.has, **{name: was}).displaces(others)):
                found[name] = f"{name} stays {has!r}, for {rivals[0].address or rivals[0].id} has {was!r} by now"
        return found

    # -- what was deleted --

    def _left_to_its_successor(self, address: str, was: Was) -> None:
        """What names it means the one that has replaced it, which stays."""
        kind = self.kinds.get(was.kind)
        self.anew_as[was.kind, was.id] = self.remaining[address]
        if kind is not None and kind.holds_data:
            self.lost.append(
                f"{address} ({was.id}): it was deleted with what it held, which cannot be brought back; the one in its place stays"
            )

    def _bring_back(self, address: str, kind: type[Resource], was: Was) -> str:
        """Make it anew from how it was. What held data cannot come back, and neither can what needs a secret for it.

        Answers its id where something was done.
        """
        work, pre = self.work, self.now(was.pre)
        before, known = restore(kind, pre), self.what.entries.get(address)
        live = self.find(address, kind, before.key(), was.id, but=self.held.get(address, ""))
        if live is None:
            if self.irrecoverable(before):
                self.lost.append(f"{address} ({was.id}): it was deleted with what it held and cannot be brought back")
                return ""
            self.until_gone(address, kind, was.id)
            name, _ = work.create(address, before, known.needs if known else ())
            empty = ", without what it held" if kind.holds_data else ""
            self.anew.append(f"{address} ({name}, was {was.id}{empty})")
            self.anew_as[was.kind, was.id] = name
        else:
            name, differs = live.id, bool(diff(before, live.has))
            if differs:
                work.update(address, before, live, known.needs if known else ())
            if live.id != was.id:
                self.anew_as[was.kind, was.id] = live.id
        doing: Doing | None = "create" if live is None else "update" if differs else None
        self.converge(address, before, name, doing, was.unready)
        if known is not None:
            work.recorded_as(address, replace(known, id=name, applied=self.now(known.applied)))
        return name if live is None or differs else ""

    # -- the proof --

    def _verified(self) -> Undone:
        what = self.what
        self.look()
        left, missing = self._compared()
        for address, was in what.updated.items():
            kind = self.kinds.get(was.kind)
            if kind is None or was.pre is None:
                continue
            current = self.find(address, kind, restore(kind, was.pre).key(), was.id)
            if current is None and was.adopted and not was.wrote:
                continue
            before = restore(kind, self.now(was.pre))
            fields = self._ours_of(address, was, before, current) if current else None
            differing = differences(before, current.has, fields, self.ids, known=True) if current else "gone"
            if current is not None and was.tagged and current.address not in (None, was.tagged):
                differing = f"{differing} it carries the address {current.address}".strip()
            if current is not None and was.adopted and current.address == address:
                differing = f"it keeps our tags: take {ADDRESS_TAG} off {current.id}, or a teardown removes it"
            if differing and not self.told(address):
                self.errors.append(f"{address} is not as it was: {differing}")
        lists = (self.errors, self.kept, self.anew, self.theirs)
        errors, kept, anew, theirs = map(tuple, lists)
        return Undone(left, missing, errors, kept, anew, theirs, (), tuple(self.lost), tuple(self.failing))

    def _compared(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is left and what is missing."""
        what = self.what
        made = {named(one): f"{address} {one.id}" for address, one, _ in self.created()}
        made = {one: text for one, text in made.items() if one not in self.staying}
        changed = {
            a: named_before(was, self.kinds.get(was.kind)) for a, was in (*what.updated.items(), *what.deleted.items())
        }
        now = {one: (one[0], self.anew_as.get(one, one[1])) for one in (*(what.before or ()), *changed.values())}
        before = what.before and frozenset(now[one] for one in what.before) - self.staying
        after = inventory(self.work.scope, self.graph.kinds()) - self.staying
        told = {now[one] for address, one in changed.items() if self.told(address)}
        return compared(before, after, made, told, {now[one] for one in changed.values()} if self.later else None)


def _step(address: str) -> str:
    """The path of its step."""
    return "/".join(address.split("/")[:2])
