"""Which resource names which: read from the markers that stand for what AWS has not given yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.engine.resource import Resource
from reptiops.engine.unknown import MARKER


@dataclass(frozen=True)
class Reference:
    """What a marker stands for: a value (`id`, `arn`, …) of the resource at an address."""

    address: str
    name: str


def parts(text: str, addresses: Collection[str]) -> list[str | Reference]:
    """A text taken apart: plain pieces and references. Addresses and names may hold dots, so the known ones decide."""
    found: list[str | Reference] = []
    for index, piece in enumerate(MARKER.split(text)):
        if index % 2:
            found.append(_reference(piece, addresses))
        elif piece:
            found.append(piece)
    return found


def _reference(marker: str, addresses: Collection[str]) -> Reference:
    cuts = [i for i, letter in enumerate(marker) if letter == "."]
    for cut in reversed(cuts):
        if marker[:cut] in addresses:
            return Reference(marker[:cut], marker[cut + 1 :])
    address, _, name = marker.rpartition(".")
    return Reference(address, name)


def texts(value: Any) -> Iterator[str]:
    """Every text inside a resource, settings of the tool's own included, secrets left out."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for f in dataclasses.fields(value):
            if not f.metadata.get("secret"):
                yield from texts(getattr(value, f.name))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts(key)
            yield from texts(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from texts(one)


def references(resources: Mapping[str, Resource]) -> dict[str, frozenset[str]]:
    """Address → the addresses that it names. `resources` are wanted ones with every id unknown."""
    return {
        address: frozenset(
            part.address
            for text in texts(one)
            for part in parts(text, resources)
            if isinstance(part, Reference) and part.address in resources
        )
        for address, one in resources.items()
    }
