"""One difference between AWS and what was applied."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reptiops.engine.canonical import Plain
from reptiops.engine.resource import Risk

What = Literal["changed", "missing", "extra"]


@dataclass(frozen=True, order=True)
class Finding:
    """One difference. For an extra `address` is what it hangs on, or the address in its own tag."""

    address: str
    id: str
    field: str
    what: What
    risk: Risk
    applied: Plain = dataclasses.field(compare=False, default=None)
    live: Plain = dataclasses.field(compare=False, default=None)
    owner: str = "reptiops"
    kind: str = ""
    natural: str = ""
    """Of an extra: what AWS tells it from others by. A rule that is made again gets another id and is the same finding."""
    names: Mapping[str, str] = dataclasses.field(compare=False, default_factory=dict)
    """Of an extra: what the ids in its fields are called, for a person."""

    @property
    def resource(self) -> str:
        """What is made, changed or removed to mend it: of several findings about one thing the same."""
        return f"{self.kind} {self.natural or self.id}" if self.what == "extra" else self.address

    @property
    def key(self) -> str:
        """What makes it the same finding in the next run."""
        extra = self.resource if self.what == "extra" else ""
        return f"{self.address} {self.what} {self.field} {extra}".rstrip()
