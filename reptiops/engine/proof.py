"""What was there before and what is there now, each thing known by its kind and its id: many kinds share one name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reptiops.engine.codec import restore
from reptiops.engine.recover import Inventory, Named, Was
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope


def inventory(scope: Scope, kinds: Iterable[type[Resource]]) -> Inventory:
    """Everything live; what AWS is deleting is as good as gone."""
    lives = (one for kind in kinds if not kind.existing for one in scope.live(kind))
    return frozenset(named(one) for one in lives if one.status.phase != "going")


def named(one: Live[Any]) -> Named:
    """Its kind and its id, or its key where others give it a new id while it stays what it is."""
    kind = type(one.has)
    return kind.kind(), (one.has.key() or one.id) if kind.key_stays else one.id


def named_before(was: Was, kind: type[Resource] | None) -> Named:
    """The same of what a journal knows."""
    if kind is None or not kind.key_stays or was.pre is None:
        return was.kind, was.id
    return was.kind, restore(kind, was.pre).key() or was.id


def compared(
    before: Inventory | None,
    after: Inventory,
    made: Mapping[Named, str],
    told: Collection[Named],
    touched: Collection[Named] | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is left and what is missing. Without an inventory from before: what is left of what was created.

    `made`: how a person is told of what the runs have made; `told`: of what is missing they have been told already.
    `touched`: what the runs have changed, where others have gone on working meanwhile and nothing else counts.
    """
    if before is None:
        return tuple(sorted(made.values())), ()
    more = {one for one in after - before if touched is None or one in made}
    less = {one for one in before - after if one not in told and (touched is None or one in touched)}
    left = (made.get(one, " ".join(one)) for one in more)
    return tuple(sorted(left)), tuple(sorted(" ".join(one) for one in less))
