"""The state of an environment: what reptiops made there, by address. A snapshot, plus the journal records since.

Losing it loses nothing that AWS's tags do not tell. It never holds a secret: applied settings are the canonical form,
which leaves secret fields out.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reptiops.engine.resource import Plain
from reptiops.errors import ReptiopsError

VERSION = 1


class StateError(ReptiopsError):
    """A state that cannot be used: foreign, newer than this version, or damaged."""

    exit_code = 4


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


@dataclass
class State:
    """All entries of one environment by address."""

    belongs: Belongs
    lineage: str = field(default_factory=lambda: secrets.token_hex(8))
    serial: int = 0
    through: str = ""
    """The last run whose journal is already part of the snapshot."""
    entries: dict[str, Entry] = field(default_factory=dict)


class Directory:
    """State and journals of one environment in a local directory. Every file is 0600 and replaced as a whole."""

    def __init__(self, root: Path):
        self.root = root
        self.journals = root / "journal"

    def prepare(self) -> None:
        """Make the directory, readable by its owner only."""
        try:
            self.journals.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateError(f"the state directory {self.root} cannot be made: {error.strerror}") from error

    def load(self, belongs: Belongs) -> State:
        """The state as it is now; an empty one where there is none. Refuses a foreign, newer or damaged file."""
        path = self.root / "state.json"
        state = State(belongs)
        if path.exists():
            state = self._read(path, belongs)
        for run in self.runs():
            if run > state.through:
                for record in self.records(run):
                    replay(state, record)
        return state

    def _read(self, path: Path, belongs: Belongs) -> State:
        try:
            raw: dict[str, Any] = json.loads(path.read_text())
            version = raw["version"]
            found = Belongs(**raw["belongs"])
            entries = {a: Entry(**{**e, "needs": tuple(e["needs"])}) for a, e in raw["entries"].items()}
            state = State(found, raw["lineage"], raw["serial"], raw["through"], entries)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{path} is damaged ({type(error).__name__}: {error}). The version before it is {path.name}.previous; "
                "without any state file reptiops finds its resources again by their tags."
            ) from error
        if version > VERSION:
            raise StateError(
                f"{path} was written by a newer reptiops (format {version}, this one knows {VERSION}): upgrade."
            )
        if found != belongs:
            differing = ", ".join(
                f"{k}: state says {v}, this run is {getattr(belongs, k)}"
                for k, v in asdict(found).items()
                if v != getattr(belongs, k)
            )
            raise StateError(
                f"{path} belongs to something else ({differing}). Use another --state-dir or other credentials."
            )
        return state

    def save(self, state: State) -> None:
        """Write the snapshot: to a temporary file, fsynced, renamed; the previous one is kept beside it."""
        state.serial += 1
        document = {
            "version": VERSION,
            "belongs": asdict(state.belongs),
            "lineage": state.lineage,
            "serial": state.serial,
            "through": state.through,
            "entries": {a: asdict(e) for a, e in sorted(state.entries.items())},
        }
        path = self.root / "state.json"
        if path.exists():
            replace_file(self.root / "state.json.previous", path.read_bytes())
        replace_file(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())

    def runs(self) -> list[str]:
        """The ids of all runs that have a journal, oldest first."""
        return sorted(p.stem for p in self.journals.glob("*.jsonl")) if self.journals.exists() else []

    def records(self, run: str) -> Iterator[dict[str, Any]]:
        """The records of a run; a last line that a crash cut off is left out."""
        lines = (self.journals / f"{run}.jsonl").read_text().splitlines()
        for number, line in enumerate(lines, 1):
            try:
                record: dict[str, Any] = json.loads(line)
            except ValueError as error:
                if number == len(lines):
                    return
                raise StateError(f"journal {run}, line {number} is damaged: {error}") from error
            yield record


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves either the old or the new one; 0600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    """The append-only record of one run: begin before each write, done or failed after it, each fsynced."""

    def __init__(self, directory: Directory, run: str):
        self.run = run
        path = directory.journals / f"{run}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, event: str, **record: Any) -> None:
        """Append one record and force it to the disk."""
        line = json.dumps({"event": event, "at": now(), **record}, sort_keys=True, default=str) + "\n"
        os.write(self._file, line.encode())
        os.fsync(self._file)

    def close(self) -> None:
        """Nothing more will be written."""
        os.close(self._file)
