"""How a rollback waits: until AWS shows a thing as it was before, or has finished deleting what holds its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reptiops.engine.apply import CONVERGED
from reptiops.engine.events import Event
from reptiops.engine.resource import Change, Doing, Live, Resource
from reptiops.engine.setback import Fields, differences
from reptiops.engine.undoing import Undoing


@dataclass
class Watching(Undoing):
    """A rollback that waits for what it has asked AWS to do."""

    said: dict[str, str] = field(default_factory=dict)
    """Address → what it was last said to wait for."""

    def converge(
        self,
        address: str,
        target: Resource,
        name: str,
        doing: Doing | None,
        unready: str = "",
        fields: Fields = None,
        changes: tuple[Change, ...] = (),
    ) -> None:
        """Wait until AWS shows it as it was and has finished with it; how long that took is remembered.

        `unready`: how it had failed before the run. Then it is as before when it has failed in the very same way.
        """
        work, kind, started = self.work, type(target), self.work.clock.now()
        while not work.stop.is_set():
            work.scope.forget(kind)
            lives = [o for o in self.live(kind) if o.id == name or o.address == address]
            one = min(lives, key=lambda o: o.id != name, default=None)
            waited = work.clock.now() - started
            differing = differences(target, one.has, fields, self.ids) if one else "it is not listed"
            failed = one is not None and one.status.phase == "failed"
            busy = one.status.word if one and one.status.phase == "pending" else ""
            if one and failed and not differing and one.status.word == unready:
                self._fails_again(address, one)
                return
            if one and failed:
                self.errors.append(f"{address} ({name}) was set back, but it is {one.status.word} {one.status.reason}")
                return
            if not differing and not busy:
                if doing is not None:
                    work.timings.add(target, doing, waited, changes)
                return
            if waited > (work.limit(address, kind) if busy else max(CONVERGED, 2 * kind.typical)):
                self.errors.append(f"{address} ({name}) was set back, but AWS still shows: {busy or differing}")
                return
            self._waits(address, busy or differing, waited)
            work.clock.sleep(min(5.0, max(0.2, kind.typical / 20)), work.stop)

    def _fails_again(self, address: str, one: Live[Any]) -> None:
        text = f"{address} ({one.id}): {one.status.word}, as before the run"
        if text not in self.failing:
            self.failing.append(text)
            self.work.tell(Event("note", text=f"{address} is as it was before, which was not well: {one.status.word}"))

    def until_gone(self, address: str, kind: type[Resource], identifier: str) -> None:
        """Wait while AWS deletes it: it holds its name, and what another one would need."""
        work, started = self.work, self.work.clock.now()
        while not work.stop.is_set():
            going = [
                one
                for one in self.live(kind)
                if one.status.phase == "going" and (one.id == identifier or one.address == address)
            ]
            waited = work.clock.now() - started
            if not going or waited > work.limit(address, kind):
                return
            self._waits(address, going[0].status.word, waited)
            work.clock.sleep(min(5.0, max(0.2, kind.typical_delete / 20)), work.stop)
            work.scope.forget(kind)

    def _waits(self, address: str, word: str, waited: float) -> None:
        """Told when the word changes: a log says each minute by itself what is waited for."""
        if self.said.get(address) != word:
            self.said[address] = word
            self.work.tell(Event("wait", address, "restore", word, waited))
