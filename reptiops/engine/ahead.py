"""What will be there: values that are known before the resource is made, for comparing what is live with what is wanted.

Only what is live is compared by them. What is made itself keeps its markers, for cost, pictures and exports see by those
what names what; and the order does not change: who needs a thing waits until it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.graph import Step, results
from reptiops.engine.place import Place
from reptiops.engine.resource import Live, Resource
from reptiops.engine.unknown import is_unknown


class Ahead:
    """The results of steps that make something whose id or ARN follows from its settings."""

    def __init__(self, given: Mapping[str, Any]):
        facts = given.get("facts")
        account, region = getattr(facts, "account", ""), getattr(facts, "region", "")
        self._place = Place(account, region, getattr(facts, "partition", "aws")) if account else None
        self._values: dict[str, Any] = {}

    def wanted(self, s: Step, values: Mapping[str, Any]) -> Mapping[str, Resource]:
        """What a step wants with all that is known beforehand filled in."""
        known = {name: self._values[name] for name in s.parameters if name in self._values}
        return s.wanted({**values, **known})

    def note(
        self,
        s: Step,
        wanted: Mapping[str, Resource],
        sure: Mapping[str, Resource],
        live: Mapping[str, Live[Any]],
        actions: Iterable[Action],
    ) -> None:
        """Remember what is sure of that which a step is going to make. What is made beside another one, or comes as a
        newer form, may be called otherwise.
        """
        if self._place is None:
            return
        found: dict[str, Mapping[str, str]] = {}
        for a in actions:
            if a.address not in live and (a.verb == "create" or a.in_place):
                seen = sure.get(a.address, wanted[a.address]).foreseen(self._place)
                found[a.address] = {name: value for name, value in seen.items() if not is_unknown(value)}
        if any(found.values()):
            self._values[s.name] = results(s, wanted, live, found)
