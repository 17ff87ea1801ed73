"""What an observation may know: which environment it looks for, what is wanted there, and what was already read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.resource import ADDRESS_TAG, Live, Resource

R = TypeVar("R", bound=Resource)
VANISHING = 4
"""How often a list is read anew because something on it vanished before its details were read."""


@dataclass(frozen=True)
class Names:
    """The environment's identity in AWS: the project, its own name, account and region."""

    project: str
    environment: str
    account: str
    region: str

    @property
    def prefix(self) -> str:
        """`reptidex-dev`: what most names of the environment start with."""
        return f"{self.project}-{self.environment}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say whose a resource is; the address tag comes on top."""
        return {"Project": self.project, "Environment": self.environment, "ManagedBy": "reptiops"}


class Scope:
    """One coherent look at AWS. Kinds that hang on another kind ask `live` for the parents: each kind is read once."""

    def __init__(self, aws: Aws, names: Names, wanted: Iterable[Resource] = ()):
        self.aws = aws
        self.names = names
        self._wanted = tuple(wanted)
        self._seen: dict[type[Resource], list[Live[Any]]] = {}
        self._changes: dict[type[Resource], int] = {}
        self._locks: dict[type[Resource], threading.Lock] = {}
        self._guard = threading.Lock()

    def wanted(self, kind: type[R]) -> tuple[R, ...]:
        """What the configuration wants of a kind; ids in it may be unknown."""
        return tuple(w for w in self._wanted if isinstance(w, kind))

    def live(self, kind: type[R]) -> list[Live[R]]:
        """Everything of a kind that belongs to the environment, read once per scope."""
        with self._guard:
            lock = self._locks.setdefault(kind, threading.Lock())
        with lock:
            with self._guard:
                before = self._changes.get(kind, 0)
                seen = self._seen.get(kind)
            if seen is not None:
                return cast("list[Live[R]]", seen)
            found = [one for one in self._observe(kind) if one.status.phase != "gone"]
            with self._guard:
                if self._changes.get(kind, 0) == before:  # else a write came in between: good for now, not for later
                    self._seen[kind] = list(found)
            return found

    def _observe(self, kind: type[R]) -> list[Live[R]]:
        """A list and its details are several reads: what is deleted in between answers "not found", and is listed anew."""
        for _ in range(VANISHING):
            try:
                return list(kind.observe(self.aws, self))
            except ClientError as error:
                if code(error) not in kind.absent:
                    raise
        return list(kind.observe(self.aws, self))

    def forget(self, kind: type[Resource]) -> None:
        """Read this kind anew at the next `live`: something of it was written."""
        with self._guard:
            self._changes[kind] = self._changes.get(kind, 0) + 1
            self._seen.pop(kind, None)

    def again(self) -> Scope:
        """A fresh look with the same question."""
        return Scope(self.aws, self.names, self._wanted)

    # -- what every observation needs --

    def ec2_filters(self) -> list[dict[str, Any]]:
        """EC2's tag filter for this environment."""
        return [{"Name": f"tag:{k}", "Values": [v]} for k, v in self.names.tags.items()]

    def address(self, tags: Mapping[str, str]) -> str | None:
        """The address in a set of tags, if the tags say that the resource is this environment's."""
        if any(tags.get(k) != v for k, v in self.names.tags.items()):
            return None
        return tags.get(ADDRESS_TAG)
