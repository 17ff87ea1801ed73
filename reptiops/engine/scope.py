"""What an observation may know: which environment it looks for, what is wanted there, and what was already read."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from botocore.exceptions import ClientError

from reptiops.aws import DENIED, Aws, code, message, operation
from reptiops.engine.clock import Clock, Monotonic
from reptiops.engine.codec import restore
from reptiops.engine.resource import ADDRESS_TAG, Live, Resource
from reptiops.engine.state import Entry
from reptiops.errors import ReptiopsError

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
VANISHING = 4
"""How often a list is read anew because something on it vanished before its details were read."""
VANISHED = 1.0
"""Seconds before that: lists lag behind (aws-facts 1.4)."""


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


class Recorded(Generic[R]):
    """What the state records of one kind, by id."""

    def __init__(self, kind: type[R], entries: Mapping[str, Entry]):
        self._kind, self._entries = kind, entries

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._entries

    def ids(self) -> set[str]:
        """All recorded ids."""
        return set(self._entries)

    def address(self, identifier: str) -> str | None:
        """The address that an id is recorded under."""
        entry = self._entries.get(identifier)
        return entry.address if entry else None

    def live(self, identifier: str) -> Live[R] | None:
        """What was made under an id, as if it had been read: only for kinds of which AWS never changes one."""
        entry = self._entries.get(identifier)
        if entry is None or entry.unlike:
            return None
        return Live(identifier, restore(self._kind, entry.applied), entry.address)


class ReadDenied(ReptiopsError):
    """AWS does not let us see something: never to be taken for "it is not there"."""


class Scope:
    """One coherent look at AWS. Kinds that hang on another kind ask `live` for the parents: each kind is read once."""

    def __init__(
        self,
        aws: Aws,
        names: Names,
        wanted: Iterable[Resource] = (),
        known: Mapping[str, Entry] | None = None,
        claims: Mapping[tuple[type[Resource], str], str] | None = None,
        places: Mapping[type[Resource], str] | None = None,
        begun: Callable[[], Collection[str]] = frozenset,
    ):
        """`known`: what the state records, by address; it may grow while the scope is in use. `places`: the step that a
        kind is made by, for messages. `begun`: the addresses that runs without an end have begun to make.
        """
        self._begun = begun
        self._places: Mapping[type[Resource], str] = places or {}
        self.aws = aws
        self.names = names
        self._wanted: dict[type[Resource], list[Resource]] = {}
        for want in wanted:
            self._wanted.setdefault(type(want), []).append(want)
        self._known: Mapping[str, Entry] = known if known is not None else {}
        self._claims = claims or {}
        self._shared: dict[str, Any] = {}
        self._writes = 0
        self.clock: Clock = Monotonic()
        self.leaving = False
        """Whether all shall go: what the state records counts, though nothing that is there leads to it any more."""
        self._fresh: tuple[float, Scope] | None = None
        self._since: dict[type[Resource], tuple[float, Mapping[str, Live[Any]]]] = {}
        self._seen: dict[type[Resource], list[Live[Any]]] = {}
        self._changes: dict[type[Resource], int] = {}
        self._doubted: Counter[type[Resource]] = Counter()
        self._locks: dict[type[Resource] | str, threading.Lock] = {}
        self._guard = threading.Lock()

    def wanted(self, kind: type[R]) -> tuple[R, ...]:
        """What the configuration wants of a kind; ids in it may be unknown."""
        return tuple(w for k, some in self._wanted.items() if issubclass(k, kind) for w in cast("list[R]", some))

    def recorded(self, kind: type[R]) -> Recorded[R]:
        """What the state records of a kind: ours, whatever AWS's tag indexes say of it by now."""
        name = kind.kind()
        return Recorded(kind, {entry.id: entry for entry in list(self._known.values()) if entry.kind == name})

    def ours(self, kind: type[R]) -> list[Live[R]]:
        """Those with our tags or in the state. What hangs on one of them is ours too, on one that has only our name not."""
        recorded = self.recorded(kind)
        return [one for one in self.live(kind) if one.address is not None or one.id in recorded]

    def begun(self) -> Collection[str]:
        """The addresses that runs without an end have begun to make: what AWS tells no tags of yet may be theirs."""
        return self.once("begun", self._begun, lasting=True)

    @contextmanager
    def doubting(self, kind: type[Resource]) -> Iterator[None]:
        """Within it nothing of the kind is taken for ours because the state records its id: it may be another one's."""
        with self._guard:
            self._doubted[kind] += 1
        try:
            yield
        finally:
            with self._guard:
                self._doubted[kind] -= 1

    def doubted(self, kind: type[Resource]) -> bool:
        """Whether AWS alone says whose one of this kind is."""
        return self._doubted[kind] > 0

    def once(self, name: str, read: Callable[[], T], *, lasting: bool = False) -> T:
        """A read that several kinds share: done once, and again after any write unless it is `lasting`."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            with self._guard:
                before = self._writes
                if name in self._shared:
                    return cast("T", self._shared[name][0])
            found = read()
            with self._guard:
                if self._writes == before or lasting:
                    self._shared[name] = (found, lasting)
            return found

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
            found = [one for one in self._claimed(kind, self._observe(kind)) if one.status.phase != "gone"]
            with self._guard:
                if self._changes.get(kind, 0) == before:  # else a write came in between: good for now, not for later
                    self._seen[kind] = list(found)
            return found

    def since(self, kind: type[R], moment: float) -> Mapping[str, Live[R]]:
        """Everything of a kind by id, as a read that began no earlier than `moment` shows it (of `now`).

        One read serves all that ask from the same moment, whatever this run writes to others of the kind meanwhile.
        """
        with self._guard:
            lock = self._locks.setdefault(f"since {kind.kind()}", threading.Lock())
        with lock:
            began, found = self._since.get(kind, (-math.inf, {}))
            if began < moment:
                began = self.clock.now()
                self.forget(kind)
                found = {one.id: one for one in self.live(kind)}
                self._since[kind] = (began, found)
            return cast("Mapping[str, Live[R]]", found)

    def _observe(self, kind: type[R]) -> list[Live[R]]:
        """A list and its details are several reads: what is deleted in between answers "not found", and is listed anew."""
        for _ in range(VANISHING):
            try:
                return list(kind.observe(self.aws, self))
            except ClientError as error:
                if code(error) in DENIED:
                    raise self._denied(kind, error) from error
                if code(error) not in kind.absent:
                    raise
                self.clock.sleep(VANISHED, threading.Event())
        return list(kind.observe(self.aws, self))

    def _claimed(self, kind: type[R], found: list[Live[R]]) -> list[Live[R]]:
        """What is claimed counts as ours, tags or not: so what hangs on it is looked at too."""
        claims = {i: address for (k, i), address in self._claims.items() if k is kind and kind.taggable}
        if not claims:
            return found
        ids = {one.id for one in found}
        found = [*found, *(one for one in kind.strangers(self.aws, self) if one.id in claims and one.id not in ids)]
        return [replace(one, address=claims[one.id]) if one.id in claims else one for one in found]

    def claiming(self, claims: Mapping[tuple[type[Resource], str], str]) -> Scope:
        """A fresh look as if these were ours already: (kind, id) → address."""
        return self._like(claims)

    def _denied(self, kind: type[Resource], error: ClientError) -> ReadDenied:
        place = f" of the step {self._places[kind]}" if kind in self._places else ""
        return ReadDenied(
            f"AWS denied {operation(error)}, so {kind.kind()}{place} cannot be seen, and what cannot be seen is not taken "
            f"for missing: {code(error)}: {message(error)}"
        )

    def forget(self, kind: type[Resource]) -> None:
        """Read this kind anew at the next `live`: something of it was written."""
        with self._guard:
            self._changes[kind] = self._changes.get(kind, 0) + 1
            self._writes += 1
            self._shared = {name: kept for name, kept in self._shared.items() if kept[1]}
            self._seen.pop(kind, None)

    def afresh(self, kind: type[R], moment: float) -> list[Live[R]]:
        """Everything of a kind, as a look that began no earlier than `moment` shows it with all that it rests on.

        `since` reads a kind anew and believes the rest; here the rest is read anew too. One look serves all that ask from
        the same moment, and what it saw is believed from then on.
        """
        with self._guard:
            if self._fresh is None or self._fresh[0] < moment:
                self._fresh = (self.clock.now(), self.again())
            fresh = self._fresh[1]
        first = kind not in fresh._seen
        lives = fresh.live(kind)
        if first:
            self._take(fresh)
        return lives

    def _take(self, other: Scope) -> None:
        with other._guard:
            seen = dict(other._seen)
        with self._guard:
            for kind, lives in seen.items():
                self._changes[kind] = self._changes.get(kind, 0) + 1
                self._seen[kind] = lives

    def again(self) -> Scope:
        """A fresh look with the same question."""
        return self._like({})

    def _like(self, claims: Mapping[tuple[type[Resource], str], str]) -> Scope:
        fresh = Scope(self.aws, self.names, (), self._known, claims, self._places, self._begun)
        fresh._wanted, fresh.clock, fresh.leaving = self._wanted, self.clock, self.leaving
        return fresh

    # -- what every observation needs --

    def ec2_filters(self) -> list[dict[str, Any]]:
        """EC2's tag filter for this environment."""
        return [{"Name": f"tag:{k}", "Values": [v]} for k, v in self.names.tags.items()]

    def address(self, tags: Mapping[str, str]) -> str | None:
        """The address in a set of tags, if the tags say that the resource is this environment's."""
        if any(tags.get(k) != v for k, v in self.names.tags.items()):
            return None
        return tags.get(ADDRESS_TAG)

    def unclaimed(self, tags: Mapping[str, str]) -> bool:
        """Whether no environment of this tool, ours or another, has put its address on it."""
        return ADDRESS_TAG not in tags
