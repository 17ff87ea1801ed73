"""What a resource is billed for, said by its kind: items of a price list and how much of each. No figure in here is money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from reptiops.engine.resource import Resource

HOURS = 730.0
"""Hours in the month that AWS's calculators use."""
R = TypeVar("R", bound="Resource")


@dataclass(frozen=True)
class Use:
    """One billed item in a month: the key of a price, and the quantity in that price's unit.

    With `by` it depends on traffic: the quantity is then what one unit of that load (GB, requests, …) makes of it.
    """

    price: str
    quantity: float = 1.0
    by: str = ""


class Around:
    """The other resources of the environment, for a kind whose bill hangs on them (a service and its task definition)."""

    def __init__(self, resources: Mapping[str, Resource], ids: Mapping[str, str] | None = None):
        self._resources = resources
        self._ids = dict(ids or {})

    def of(self, reference: str) -> Resource | None:
        """The resource that an id stands for, known or not: a step's results are markers until AWS has answered."""
        address = self._ids.get(reference) or reference.strip("⟦⟧").removesuffix(".id")
        return self._resources.get(address)

    def all(self, kind: type[R]) -> Iterable[R]:
        """Every resource of a kind."""
        return [one for one in self._resources.values() if isinstance(one, kind)]


def ids_of(live: Mapping[str, Any]) -> dict[str, str]:
    """Id → address of what is live."""
    return {one.id: address for address, one in live.items()}
