"""The state of an environment: what reptiops made there, by address. A snapshot, plus the journal records since.

Losing it loses nothing that AWS's tags do not tell. It never holds a secret: applied settings are the canonical form,
which leaves secret fields out.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reptiops.engine.backend import Backend, StateError
from reptiops.engine.canonical import Plain

VERSION = 1
STATE = "state.json"
VERSIONS = 20
"""How many earlier snapshots are kept."""


def now() -> str:
    """The time as it stands in state and journal: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Belongs:
    """Where a state is true: an emulator's can never be taken for AWS's."""

    environment: str
    account: str
    region: str
    endpoint: str


@dataclass(frozen=True)
class Entry:
    """A resource that reptiops made or adopted. `applied` is what was last written, `needs` the steps it depends on."""

    address: str
    kind: str
    id: str
    applied: Plain
    needs: tuple[str, ...] = ()
    created: str = ""
    unlike: bool = False
    """Of what is never changed, only made anew: what was made is not `applied`, for something by hand was left in it."""

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in state and journal; versions that know nothing of `unlike` read all that do not need it."""
        return {name: value for name, value in vars(self).items() if name != "unlike" or value}


@dataclass
class State:
    """All entries of one environment by address."""

    belongs: Belongs
    lineage: str = field(default_factory=lambda: secrets.token_hex(8))
    serial: int = 0
    through: str = ""
    """The last run whose journal is already part of the snapshot."""
    entries: dict[str, Entry] = field(default_factory=dict)


class Records:
    """State and journals of one environment, in whatever backend they are kept."""

    def __init__(self, backend: Backend, world: Callable[[str], str] = str):
        self.backend, self._world = backend, world
        """`world`: endpoints of which it makes the same are the same one, also in what an earlier version has written."""

    def load(self, belongs: Belongs) -> State:
        """The state as it is now; an empty one where there is none. Refuses a foreign, newer or damaged one."""
        stored = self.backend.read(STATE)
        state = self._parse(stored.data, belongs) if stored else State(belongs)
        for run in self.runs():
            if run > state.through:
                for record in self.records(run):
                    replay(state, record)
        return state

    def blank(self, belongs: Belongs) -> State:
        """An empty state in the place of one that is lost or damaged; what is kept of earlier ones stays kept."""
        kept = self.backend.names("versions")
        return State(belongs, serial=int(kept[-1].split(".")[0]) + 1 if kept else 0)

    def mark(self) -> str:
        """Changes whenever a run has written, one that is dying too: the snapshot's version and the journals' size."""
        stored = self.backend.read(STATE)
        journals = self.backend.logs("journal")
        return f"{stored.version if stored else ''} {''.join(list(journals)[-1:])} {sum(journals.values())}"

    def _parse(self, data: bytes, belongs: Belongs) -> State:
        where = f"{self.backend.where}/{STATE}"
        try:
            raw: dict[str, Any] = json.loads(data)
            found = Belongs(**raw["belongs"])
            found = replace(found, endpoint=self._world(found.endpoint))
            version = raw["version"]
            if version > VERSION:
                raise StateError(
                    f"{where} was written by a newer reptiops (format {version}, this one knows {VERSION}): upgrade."
                )
            entries = {a: Entry(**{**e, "needs": tuple(e["needs"])}) for a, e in raw["entries"].items()}
            state = State(found, raw["lineage"], raw["serial"], raw["through"], entries)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"{where} is damaged ({type(error).__name__}: {error}). Earlier versions are in "
                f"{self.backend.where}/versions; or run `reptiops state rebuild {belongs.environment}`, which makes the "
                "state anew from AWS alone."
            ) from error
        if found != belongs:
            differing = ", ".join(
                f"{k}: state says {v}, this run is {getattr(belongs, k)}"
                for k, v in asdict(found).items()
                if v != getattr(belongs, k)
            )
            ways = "another --state-dir or other credentials"
            if found.region != belongs.region:
                ways = f"{ways}, or leave out --region: an environment stays in its region"
            raise StateError(f"{where} belongs to something else ({differing}). Use {ways}.")
        return state

    def save(self, state: State) -> None:
        """Write the snapshot as a whole; the ones before it are kept in `versions`, the newest of them."""
        before = self.backend.read(STATE)
        if before is not None:
            self.backend.write(f"versions/{state.serial:08}.json", before.data)
        state.serial += 1
        document = {
            "version": VERSION,
            "belongs": asdict(state.belongs),
            "lineage": state.lineage,
            "serial": state.serial,
            "through": state.through,
            "entries": {a: e.document for a, e in sorted(state.entries.items())},
        }
        self.backend.write(STATE, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
        for name in self.backend.names("versions")[:-VERSIONS]:
            self.backend.remove(f"versions/{name}")

    def runs(self) -> list[str]:
        """The ids of all runs that have a journal, oldest first."""
        return sorted(name.removesuffix(".jsonl") for name in self.backend.logs("journal"))

    def records(self, run: str, *, strict: bool = True) -> Iterator[dict[str, Any]]:
        """The records of a run; a last line that a crash cut off is left out.

        Another damaged line is a StateError, or without `strict`, for those who only tell of the past, left out too.
        """
        lines = self.backend.read_log(f"journal/{run}.jsonl").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                record: dict[str, Any] = json.loads(line)
                if not isinstance(record, dict) or "event" not in record:
                    raise ValueError("it is no record")
            except ValueError as error:
                if number == len(lines) or not strict:
                    continue
                raise StateError(
                    f"{self.backend.where}/journal/{run}.jsonl, line {number}, is damaged ({error}). "
                    "`reptiops state rebuild ENV` makes the state anew from AWS alone; the journal stays where it is."
                ) from error
            yield record


def replay(state: State, record: Mapping[str, Any]) -> None:
    """Apply one journal record to a state: a done create or update sets the entry, a done delete removes it."""
    if record["event"] != "done":
        return
    if record["entry"] is None:
        state.entries.pop(record["address"], None)
    else:
        entry = record["entry"]
        state.entries[record["address"]] = Entry(**{**entry, "needs": tuple(entry["needs"])})


class Journal:
    """The append-only record of one run: begin before each write, done or failed after it, durable when it returns.

    Lines of several threads that come while one is being written go along with the next: one write for all.
    """

    def __init__(self, records: Records, run: str):
        self.run = run
        self._lines: list[str] = []
        self._log = records.backend.log(f"journal/{run}.jsonl")
        self._waiting: list[str] = []
        self._queued = self._written = 0
        self._queue = threading.Lock()
        self._writing = threading.Lock()
        self._broken: Exception | None = None

    @property
    def records(self) -> Iterator[dict[str, Any]]:
        """What this run has written so far, for its own rollback; kept as text, a tenth of what it takes as objects."""
        with self._queue:
            lines = tuple(self._lines)
        return map(json.loads, lines)

    @property
    def broken(self) -> Exception | None:
        """Why nothing can be written any more; None where it can."""
        return self._broken

    def write(self, event: str, **record: Any) -> None:
        """Append one record. Once one could not be written, none is taken any more."""
        line = json.dumps({"event": event, "at": now(), **record}, sort_keys=True, default=str) + "\n"
        with self._queue:
            self._lines.append(line)
            self._waiting.append(line)
            self._queued = mine = self._queued + 1
        with self._writing:
            if self._broken is not None:
                raise self._broken
            if self._written < mine:
                self._write_all()

    def _write_all(self) -> None:
        with self._queue:
            lines, self._waiting, last = self._waiting, [], self._queued
        try:
            self._log.append("".join(lines).encode())
        except Exception as error:
            self._broken = error
            raise
        self._written = last

    def close(self) -> None:
        """Nothing more will be written."""
        self._log.close()
