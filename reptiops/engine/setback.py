"""How far one thing goes back: to what it was before, in the fields that runs have written and as far as AWS takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any, TypeVar

from reptiops.engine.canonical import in_full, plain
from reptiops.engine.codec import field_of
from reptiops.engine.diff import as_far_as_it_goes, diff
from reptiops.engine.ids import names, renamed
from reptiops.engine.partly import taken_back
from reptiops.engine.recover import Was
from reptiops.engine.resource import Live, Resource
from reptiops.engine.state import Entry

Fields = Mapping[str, tuple[Any, ...]] | None
"""The fields that go back, with what was written to each; None: all of them, wholly."""
R = TypeVar("R", bound=Resource)


def still_ours(was: Was, before: Resource, current: Live[Any], ids: Mapping[str, str]) -> tuple[Fields, list[str]]:
    """The fields that go back, and what others have moved on since: a deployment of a pipeline is not taken back.

    `ids` is what was made anew, by the id of what it replaces.
    """
    if was.wrote is None:
        return None, []
    has: Mapping[str, Any] = vars(current.has)
    names = {f.name for f in fields_of(before) if "follows" in f.metadata and f.name in was.wrote}
    moved = {n for n in names if plain(has[n]) not in (*was.wrote[n], plain(getattr(before, n)))}
    theirs = [
        f"{n} stays {has[n]!r}, which another has set since; it was {getattr(before, n)!r}" for n in sorted(moved)
    ]
    if type(before).renewed and current.address is None and current.id != was.id and was.wrote:
        return {}, ["it stays, for another has put it in the place of what the run made"]
    kind = type(before)
    ours = {n: tuple(field_of(kind, n, renamed(one, ids)) for one in was.wrote[n]) for n in was.wrote.keys() - moved}
    return ours, theirs


def of_others(before: R, has: R, fields: Fields, ids: Mapping[str, str]) -> R:
    """How it was, with the live value of all that does not go back: what others have set in a mapping stays there.

    What still names one that has gone, and was made anew, means the new one: see `ids` of `still_ours`.
    """
    if fields is None:
        return before

    def back(name: str, now: Any) -> Any:
        shown = field_of(type(before), name, renamed(in_full(now), ids)) if names(plain(now), ids) else now
        return taken_back(getattr(before, name), fields[name], shown)

    return replace(before, **{n: back(n, now) if n in fields else now for n, now in vars(has).items()})


def differences(before: Resource, has: Resource, fields: Fields, ids: Mapping[str, str], known: bool = False) -> str:
    """The paths that differ among what goes back; `known`: but for what AWS is known to take never back."""
    target = of_others(before, has, fields, ids)
    return ", ".join(c.path for c in diff(as_far_as_it_goes(target, has)[0] if known else target, has))


def tied_to(
    gone: Collection[tuple[str, str]],
    entries: Mapping[str, Entry],
    but: Container[str],
    needs: Callable[[str], Collection[str]],
) -> dict[str, Was]:
    """What no run has written and yet names what has gone: AWS unties a route table when its subnet is deleted.

    `gone` is the step and the id of each. A database and a dashboard may have one id: who means which, its needs tell: those
    of its record, or the step's where it has none, as one that was made anew after a loss.
    """
    found = dict[str, Was]()
    for address, entry in entries.items():
        applied: Any = entry.applied
        ids = [one for path, one in gone if path in (entry.needs or needs(address))] if address not in but else []
        named = [one for one, value in applied.items() if ids and names(value, ids)]
        if named:
            found[address] = Was(entry.kind, entry.id, entry.applied, wrote=dict.fromkeys(named, ()))
    return found
