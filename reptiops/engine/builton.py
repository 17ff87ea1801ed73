"""What later runs of a part, which have ended, have built on what an open run did: undoing that one would break it.

What a run could have touched counts for nothing here, what it has touched does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reptiops.engine.ids import names

Record = Mapping[str, Any]


def touching(records: Sequence[Record]) -> list[Record]:
    """What a run has written of what it was about to touch."""
    return [r for r in records if r["event"] in ("begin", "displaced")]


def built_on(run: Sequence[Record], later: Sequence[tuple[str, Sequence[Record]]]) -> dict[str, tuple[str, str]]:
    """Address that the run has touched → the first later run that has built on it, and what that one has touched."""
    found: dict[str, tuple[str, str]] = {}
    before = _Before.of(run) if later else None
    for name, records in later:
        for address, by in _After.of(records).built_on(before) if before else ():
            found.setdefault(address, (name, by))
    return found


def successor(address: str) -> str:
    """The address of what has replaced it, where it is one that `leftover` gave."""
    return re.sub(r"/replaced(-\d+)?$", "", address)


def _gives_an_id(record: Record) -> bool:
    """Whether what was begun gives another id. Earlier versions did not say so of an update: then it may."""
    return record["verb"] == "create" or (record["verb"] == "update" and bool(record.get("renews", True)))


def _places(record: Record) -> set[str]:
    """Its address, and the one that it had; what another one has replaced there counts for that one."""
    return {successor(record["address"]), successor(record.get("tagged") or record["address"])}


@dataclass(frozen=True)
class _Before:
    """What an open run has done, as far as something can be built on it."""

    touched: Sequence[Record]
    made: Mapping[str, str]
    """Id of what it has made → the address."""
    unanswered: Mapping[str, str]
    """Step → address of what it may have made: its id is not known."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> _Before:
        touched = touching(records)
        had = {(r["address"], r.get("id")) for r in touched}
        answers = [r for r in records if r["event"] == "done" and r.get("verb") in ("create", "update")]
        ids = {(r["address"], r["entry"]["id"]) for r in answers}
        made = {identifier: address for address, identifier in sorted(ids - had)}
        refused = {r["address"] for r in records if r["event"] == "failed" and not r.get("doubtful")}
        asked = {r["address"] for r in touched if r["event"] == "begin" and _gives_an_id(r)}
        unknown = asked - refused - {address for address, _ in ids}
        return cls(touched, made, {"/".join(a.split("/")[:2]): a for a in sorted(unknown)})


@dataclass(frozen=True)
class _After:
    """What a later run has touched, what it says there, and what it has removed."""

    places: Mapping[str, str]
    """Each place → address of what was touched there."""
    said: Mapping[str, Sequence[Any]]
    """Address → what was to be, what was written, and what was recorded of it."""
    needs: Mapping[str, Sequence[str]]
    """Address → the steps that it needs."""
    removed: Mapping[str, str]
    """Id of what has gone for good → the address."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> _After:
        recorded = [r for r in records if r["event"] == "done" and r.get("entry")]
        touched = [*touching(records), *(r for r in recorded if r.get("verb") == "record")]
        said: dict[str, list[Any]] = {r["address"]: [] for r in touched}
        for one in touched:
            said[one["address"]] += [one.get("target"), one.get("wrote")]
        needs: dict[str, Sequence[str]] = {}
        for one in recorded:
            if one["address"] in said:
                said[one["address"]].append(one["entry"].get("applied"))
                needs[one["address"]] = one["entry"].get("needs", ())
        made = {r["entry"]["id"] for r in recorded}
        gone = {r["id"]: r["address"] for r in touched if r.get("verb") == "delete" and r.get("id")}
        places = {place: r["address"] for r in touched for place in _places(r)}
        return cls(places, said, needs, {one: address for one, address in gone.items() if one not in made})

    def built_on(self, before: _Before) -> Iterator[tuple[str, str]]:
        """Address of what was done before → of what was touched since and would not stand without it."""
        for record in before.touched:
            for place in sorted(_places(record)):
                if place in self.places:
                    yield record["address"], self.places[place]
            for one, address in self.removed.items():
                if one in (record.get("id"), record.get("beside")) or names(_goes_back(record), [one]):
                    yield record["address"], address
        for by, values in self.said.items():
            for one, address in before.made.items():
                if names(list(values), [one]):
                    yield address, by
            for path in self.needs.get(by, ()):
                if path in before.unanswered:
                    yield before.unanswered[path], by


def _goes_back(record: Record) -> Any:
    """What a rollback writes again of how it was."""
    pre, wrote = record.get("pre"), record.get("wrote")
    if isinstance(pre, dict) and isinstance(wrote, dict):
        return {name: value for name, value in pre.items() if name in wrote}
    return pre
