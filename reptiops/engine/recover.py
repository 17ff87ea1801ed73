"""What runs without an end have done, read from their journals: killed ones, failed ones that were kept, and the one
that is failing just now.

A journal says before each write what it is about to do and how the thing was before. That is enough to undo it, in
this process or in any later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reptiops.engine.builton import built_on, touching
from reptiops.engine.canonical import Plain
from reptiops.engine.graph import PHASES
from reptiops.engine.making import LOOKS
from reptiops.engine.plan import EVERYTHING, Selection
from reptiops.engine.resource import Change, Resource
from reptiops.engine.state import Entry, Records

Named = tuple[str, str]
"""A kind and an id: names are alike across kinds, a database and a dashboard may have the same."""
Inventory = frozenset[Named]
"""Everything live."""
SETTLING = frozenset({"provision", "teardown"})
"""Operations whose end leaves nothing in doubt of what they may touch; the others look at something else.

A run that is settled has done everything but remove what it has replaced: it leaves nothing in doubt either.
"""
OF_AWS = re.compile(r"arn:|[a-z]+-[0-9a-f]{8,}$")
"""How an id begins that AWS gives, and is nothing else's."""


@dataclass(frozen=True)
class Was:
    """How a resource was before a run changed it."""

    kind: str
    id: str
    pre: Plain
    tagged: str = ""
    """The address that it carried, where that was another one."""
    wrote: Mapping[str, tuple[Plain, ...]] | None = None
    """Field → what was written to it; None: not recorded, so it may be any field."""
    adopted: bool = False
    """Whether it was nobody's before: taken over, with our tags put on it."""
    unready: str = ""
    """AWS's word for it where it had failed, such as a service whose deployment had. Earlier versions wrote down a change that
    was running, too."""

    @property
    def back(self) -> tuple[Change, ...]:
        """The changes that set it back, as far as it is recorded what was written."""
        pre = self.pre if isinstance(self.pre, dict) else {}
        return tuple(Change(f, wrote[-1], pre.get(f)) for f, wrote in (self.wrote or {}).items() if f in pre)

    def and_wrote(self, more: Mapping[str, Plain] | None) -> Was:
        """The same after one more update of it."""
        if self.wrote is None or more is None:
            return replace(self, wrote=None)
        return replace(self, wrote=dict(self.wrote) | {f: (*self.wrote.get(f, ()), v) for f, v in more.items()})


@dataclass
class Unfinished:
    """What runs without an end have done: by address, in the order in which it was begun."""

    runs: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    created: dict[str, tuple[str, Plain]] = field(default_factory=dict)
    """Address → kind and what was wanted."""
    updated: dict[str, Was] = field(default_factory=dict)
    deleted: dict[str, Was] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    """Address of what was created → id of the one beside which it was, to replace it; that one is still there."""
    restored: dict[str, Mapping[str, Plain]] = field(default_factory=dict)
    """Address of what was created by taking it back from its deletion → with which settings it is deleted once more."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """Address → what the state said of it before."""
    asked: dict[str, str] = field(default_factory=dict)
    """Address → what AWS was asked to do and no answer is recorded of: it may have happened or not."""
    asked_at: dict[str, datetime] = field(default_factory=dict)
    """Address → when it was last asked for, or failed without telling."""
    given_up: set[str] = field(default_factory=set)
    """Addresses of what failed without telling: nobody has asked for it since."""
    before: Inventory | None = None
    """Everything that was there before the first of the runs."""
    last: str = ""
    """When the last of it was written down."""
    built_on: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Address of what these runs have touched → a later run of a part, which has ended and built on it, and what that one
    has touched: nothing of these runs can be undone without breaking that."""
    moved: dict[Named, str] = field(default_factory=dict)
    """What later runs that undid themselves have deleted → id of what they made anew in its place."""
    untold: dict[str, Was] = field(default_factory=dict)
    """Address → how it was before an update of which no `wrote` is recorded: earlier versions wrote none."""

    playbooks: list[str] = field(default_factory=list)
    """The playbook of each run; empty where it is the operation's own."""

    @property
    def playbook(self) -> str:
        """The one that all of them were run by; empty where it is the operation's own, or each had another."""
        return self.playbooks[0] if len(set(self.playbooks)) == 1 else ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to undo."""
        return not (self.created or self.updated or self.deleted)

    def take(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add one run. From its rollback on, what it made are the things that were there before."""
        back = False
        for record in records:
            event = record["event"]
            self.last = max(self.last, str(record.get("at", "")))
            if event == "begin":
                self.asked[record["address"]] = record["verb"]
                self._asked_at(record)
            elif event == "again" or (event == "failed" and record.get("doubtful")):
                self._asked_at(record)
            elif event in ("done", "kept", "failed", "retired"):
                self.asked.pop(record["address"], None)
            if event == "run":
                self.operations.append(record["operation"])
                self.playbooks.append(record.get("playbook", ""))
                back = record["operation"] == "rollback"
            elif event == "undoing":
                back = True
            elif event == "before" and self.before is None and self.empty:
                self.before = frozenset((kind, name) for kind, name in record["inventory"])
            elif event == "restores" and not back:
                self.restored[record["address"]] = record["settings"]
            elif event == "done" and record.get("anew") and not back:
                self.restored.pop(record["address"], None)
            elif event == "begin" and back:
                self._undone(record)
            elif event in ("begin", "displaced") and not back:
                self._done(record)
            elif event == "done" and not back and record["address"] in self.untold:
                self._told(record)

    def _asked_at(self, record: Mapping[str, Any]) -> None:
        (self.given_up.add if record["event"] == "failed" else self.given_up.discard)(record["address"])
        if record.get("at"):
            self.asked_at[record["address"]] = datetime.fromisoformat(record["at"])

    def unseen(self, kinds: Mapping[str, type[Resource]], lag: float) -> dict[str, tuple[type[Resource], float]]:
        """Address of each create without a known answer → its kind, and the seconds for which it is to be looked for.

        What has no natural key would get a twin: it is looked for until the lists, which lag, show whatever was asked for.
        """
        found, now = {}, datetime.now(UTC)
        for address, verb in self.asked.items():
            kind = kinds.get(self.created[address][0]) if verb == "create" and address in self.created else None
            asked = self.asked_at.get(address, now)
            if self.last and address not in self.given_up:
                # It may have waited for its turn until the run was cut off; earlier versions wrote down no further attempt.
                asked = max(asked, datetime.fromisoformat(self.last))
            left = lag - (now - asked).total_seconds()
            if kind is not None and left > 0:
                found[address] = (kind, left if kind.key is Resource.key else min(left, sum(LOOKS)))
        return found

    def _undone(self, record: Mapping[str, Any]) -> None:
        if record["verb"] == "create":
            self.created.pop(record["address"], None)

    def _done(self, record: Mapping[str, Any]) -> None:
        address, kind, verb = record["address"], record["kind"], record["verb"]
        if verb == "create":
            if address not in self.created or record.get("beside"):  # else one of these runs has made what was recorded
                self._keep_entry(address, record.get("was"))
            self.created.setdefault(address, (kind, record.get("target")))
            if record.get("beside"):
                self.beside.setdefault(address, record["beside"])
            return
        if address in self.created or address in self.deleted:
            return
        self._keep_entry(address, record.get("was"))
        tagged = record.get("tagged") or ""
        other, unready = tagged if tagged != address else "", record.get("unready") or ""
        first = Was(kind, record.get("id") or "", record["pre"], other, {}, verb == "adopt", unready)
        before = self.updated.get(address) or first
        was = before.and_wrote(record.get("wrote"))
        if record["event"] == "begin" and verb == "update" and "wrote" not in record:
            self.untold[address] = replace(before, pre=record["pre"])
        if verb == "delete":
            self.updated.pop(address, None)
            self.deleted[address] = was
        else:
            self.updated[address] = was

    def _told(self, record: Mapping[str, Any]) -> None:
        """What an update of an earlier version has written: what was recorded as applied and was not so before."""
        address, before = record["address"], self.untold.pop(record["address"])
        applied: Mapping[str, Plain] = (record.get("entry") or {}).get("applied") or {}
        if address in self.updated and applied and isinstance(before.pre, dict):
            pre, first = before.pre, self.updated[address]
            wrote = {name: value for name, value in applied.items() if name not in pre or pre[name] != value}
            self.updated[address] = replace(first, wrote=before.and_wrote(wrote).wrote)

    def _keep_entry(self, address: str, was: Mapping[str, Any] | None) -> None:
        if was and address not in self.entries:
            self.entries[address] = Entry(**{**was, "needs": tuple(was["needs"])})


def unfinished(kept: Records) -> Unfinished:
    """Everything done since the last run that ended with nothing in doubt, or the last rollback that undid all.

    A run that undid itself has undone itself only: what was open before it still is. One that was told to touch a part
    only has settled the runs before it that touched nothing else, and may have built on the others. One that was killed
    before it began anything has left nothing in doubt.
    """
    found = Unfinished()
    open_runs: list[tuple[str, list[dict[str, Any]], int]] = []
    parts: list[tuple[Selection, tuple[str, list[dict[str, Any]]]]] = []
    moved: list[dict[Named, str]] = []
    since: list[dict[Named, str]] = []
    for run in reversed(kept.runs()):
        records = list(kept.records(run))
        events = {r["event"] for r in records}
        operation = records[0].get("operation") if records else None
        undone = "undone" in events
        ended = "settled" in events or ("end" in events and operation in SETTLING)
        part = part_of(records) if ended else EVERYTHING
        if (undone and operation == "rollback") or (ended and part == EVERYTHING):
            break
        if ended:
            parts.append((part, (run, records)))
        elif undone:
            moved.insert(0, moved_by(records))
        elif "end" not in events and touching(records) and not inside(records, [part for part, _ in parts]):
            open_runs.insert(0, (run, records, len(parts)))
            since = list(moved)
    for run, records, later in open_runs:
        found.runs.append(run)
        found.take(records)
        found.built_on |= built_on(records, [one for _, one in reversed(parts[:later])])
    for one in since:
        found.moved = {(kind, old): one.get((kind, new), new) for (kind, old), new in found.moved.items()} | one
    return found


def moved_by(records: Sequence[Mapping[str, Any]]) -> dict[Named, str]:
    """What a run has deleted → id of what is in its place since. Of AWS's own ids only: a name stays, or is another's too."""
    now = {r["address"]: r["entry"]["id"] for r in records if r["event"] == "done" and r.get("entry")}
    gone = [r for r in records if r["event"] == "begin" and r["verb"] == "delete" and OF_AWS.match(r.get("id") or "")]
    return {(r["kind"], r["id"]): now[r["address"]] for r in gone if now.get(r["address"], r["id"]) != r["id"]}


def part_of(records: Iterable[Mapping[str, Any]]) -> Selection:
    """What a run could touch. Versions that did not write it down are believed to have touched everything."""
    told = next((r["selection"] for r in records if r["event"] == "run" and r.get("selection")), None)
    part = Selection(frozenset(told["phases"]), tuple(told["addresses"])) if told else EVERYTHING
    return EVERYTHING if part.phases == set(PHASES) else part


def inside(records: Sequence[Mapping[str, Any]], parts: Sequence[Selection]) -> bool:
    """Whether a run touched nothing but what these cover."""
    addresses = {a for r in touching(records) for a in (r["address"], r.get("tagged") or r["address"])}
    return bool(parts) and all(any(part.covers(address) for part in parts) for address in addresses)
