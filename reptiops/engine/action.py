"""What one address needs: the verb, how far it can be undone, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from reptiops.engine.resource import ADDRESS_TAG, REVERSIBLE, UNDO, Change, Live, Resource, Undoing

Verb = Literal["create", "update", "replace", "delete", "none", "foreign"]


@dataclass(frozen=True)
class Action:
    """What one address needs."""

    address: str
    verb: Verb
    kind: type[Resource]
    want: Resource | None = None
    live: Live[Any] | None = None
    changes: tuple[Change, ...] = ()
    phase: str = ""
    brought_forward: bool = False
    going: Live[Any] | None = None
    """The one of its name that AWS is still deleting: a create waits until it is gone."""
    superseded: bool = False
    """It was replaced by another one of its address, which is there: it goes when everything else is done."""
    selected: bool = True
    """False: it is left as it is, whatever it would need."""
    used_by: tuple[str, ...] = ()
    """Of a deletion: what nobody declares any more either, was not selected, and would have to go first."""

    @property
    def undoing(self) -> Undoing:
        """How far it can be undone: the worst of its changes counts."""
        if self.verb == "create" and self.kind.existing:
            return Undoing("one-way", "it is shared with the account and is never removed")
        if self.verb == "update":
            return max(self._each(), key=_badness, default=REVERSIBLE)
        return self._removal() if self.verb in ("delete", "replace") else REVERSIBLE

    def _each(self) -> Iterator[Undoing]:
        return (REVERSIBLE if c.path == ADDRESS_TAG else self.kind.undoing(c) for c in self.changes)

    def _removal(self) -> Undoing:
        if self.verb == "replace" and self.kind.made_beside:
            aside = "the new one is made beside the old one, which goes last"
            return Undoing("reversible", "; ".join(one for one in (aside, self.kind.meanwhile) if one))
        remains = self.want.leaves(self.live) if self.want is not None and self.live is not None else ""
        if remains:
            return Undoing("reversible with data loss", remains)
        if self.kind.refilled and self.live is not None and self.live.has.known_whole():
            return Undoing("reversible with data loss", "what is in it is lost; a rollback makes it anew, empty")
        if self.kind.holds_data or self.kind.lost:
            return Undoing("one-way", self.kind.lost or "what is in it is lost")
        if self.kind.forgotten:
            return Undoing("reversible with data loss", self.kind.forgotten)
        return Undoing("reversible", "a rollback has it made anew; an id that AWS chooses is another one then")

    @property
    def meanwhile(self) -> str:
        """What is not as usual while it is changed in place; empty where nothing is."""
        if self.verb != "update" or self.want is None:
            return ""
        effects = (self.want.effect(change) for change in self.changes)
        longest = sorted((e for e in effects if e.meanwhile), key=lambda e: -e.seconds)
        return "; ".join(dict.fromkeys(e.meanwhile for e in longest))

    @property
    def hindrance(self) -> str:
        """Why it cannot be done as things are; empty where it can."""
        if self.want is None or self.live is None:
            return ""
        if self.used_by:
            need = "need it, go too and were" if self.used_by[1:] else "needs it, goes too and was"
            return f"{', '.join(self.used_by)} {need} not selected: select that as well, or everything"
        if self.verb == "replace" and (why := self.want.irreplaceable(self.live)):
            return f"it cannot be deleted and made anew while it is in use: {why}"
        if self.verb == "update":
            return self.want.hindered(self.live, frozenset(c.field for c in self.changes))
        return ""

    @property
    def staying(self) -> str:
        """What of it stays otherwise than wanted, as AWS never takes that back; empty for nothing."""
        if self.want is None or self.live is None or self.verb not in ("none", "update"):
            return ""
        return "" if self.live.status.partial else self.want.staying(self.live)

    @property
    def in_place(self) -> bool:
        """Whether it is deleted and then made anew: it comes when only what needs the new one is left to do."""
        return self.verb == "replace" and not self.kind.made_beside

    @property
    def waits(self) -> bool:
        """Whether it is a one-way update that can come last; see `mixed` for when it may not."""
        ways = [u for u in self._each() if u.undo == "one-way"]
        return self.verb == "update" and not self.kind.renewed and bool(ways) and all(u.waits for u in ways)

    @property
    def mixed(self) -> bool:
        """Whether it changes something beside what is one-way, which others may be waiting for."""
        return any(u.undo != "one-way" for u in self._each())


def _badness(one: Undoing) -> int:
    return UNDO.index(one.undo)
