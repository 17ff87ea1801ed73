"""Where state, journals, lock and what was told are kept: named documents with conditional writes, and logs.

The engine knows this interface and the local directory; other backends are handed to it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from reptiops.errors import ReptiopsError

ANY = "*"
"""As an expected version: whatever is there is replaced."""


class StateError(ReptiopsError):
    """A state that cannot be used or kept: foreign, newer than this version, damaged, or out of reach."""

    exit_code = 4


class Conflict(ReptiopsError):
    """A conditional write came too late: somebody else has written in between."""


@dataclass(frozen=True)
class Stored:
    """A document and the version by which a conditional write tells whether it is still the same."""

    data: bytes
    version: str
    age: float | None = None
    """Seconds since it was written, by the clock of the place where it is kept; None where that has no clock."""


class Log(Protocol):
    """An append-only document."""

    def append(self, data: bytes) -> None:
        """Add to it; when this returns it is durable."""

    def close(self) -> None:
        """Nothing more will be added."""


class Backend(Protocol):
    """Named documents of one environment. Names use slashes, such as `journal/20260101T000000.jsonl`."""

    @property
    def where(self) -> str:
        """The place in words, for messages."""

    def prepare(self) -> None:
        """Make the place, readable by its owner only; raises StateError where that cannot be."""

    def read(self, name: str) -> Stored | None:
        """A document, or None where there is none."""

    def write(self, name: str, data: bytes, expected: str | None = ANY) -> None:
        """Replace a document as a whole. With `expected` only that version (None: only if there is none), else Conflict."""

    def remove(self, name: str, expected: str = ANY) -> None:
        """Delete a document, or only that version of it; one that is not there is success."""

    def names(self, folder: str) -> list[str]:
        """The names of the documents in a folder, in order, without the folder."""

    def log(self, name: str) -> Log:
        """Begin a log. Raises Conflict where there is one of that name."""

    def read_log(self, name: str) -> bytes:
        """All of a log, also of one that was never closed."""

    def logs(self, folder: str) -> dict[str, int]:
        """The names of the logs in a folder, in order, without the folder; with how much is in each, closed or not."""


class LocalLog:
    """A log in a file: one write and one fsync per addition, and no half of one if the disk is full."""

    def __init__(self, path: Path):
        self._path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise Conflict(f"{path} exists already") from error
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}.", unchanged=True) from error
        self._length = 0

    def append(self, data: bytes) -> None:
        """Add to it, or leave it as it was."""
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError(28, "No space left on device")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._length)
            if not self._length:  # a run that could write nothing is none
                self._path.unlink(missing_ok=True)
            raise StateError(f"the journal {self._path} cannot be written: {error.strerror}.") from error
        self._length += written

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


WRITABLE_BY_OTHERS = 0o022
WRITABLE_BY_ALL = 0o002
"""A directory that its group may write is often a private group's; one that everybody may write never is right."""


class LocalBackend:
    """A directory. Every file is 0600 and replaced as a whole."""

    def __init__(self, root: Path):
        self.root = root

    @property
    def where(self) -> str:
        """The path."""
        return str(self.root)

    def prepare(self) -> None:
        """Make the directory, readable by its owner only."""
        try:
            (self.root / "journal").mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.root / "versions").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateError(f"the state directory {self.root} cannot be made: {error.strerror}") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise StateError(f"the state directory {self.root} cannot be written.", unchanged=True)
        self._believe(self.root, self.root.stat().st_mode & WRITABLE_BY_ALL, 700)

    def read(self, name: str) -> Stored | None:
        """A file's content; its version is its hash. Raises StateError for one that others may write, or replace in its
        directory: it could say anything.
        """
        try:
            with (self.root / name).open("rb") as file:
                mode, data = os.fstat(file.fileno()).st_mode, file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            way = f"move {self.root / name} away, then run the same command again"
            raise StateError(f"{self.root / name} cannot be read: {error.strerror}. Look at it, {way}.") from error
        self._believe(self.root / name, mode & WRITABLE_BY_OTHERS, 600)
        self._believe(self.root, self.root.stat().st_mode & WRITABLE_BY_ALL, 700)
        return Stored(data, hashlib.sha256(data).hexdigest())

    def write(self, name: str, data: bytes, expected: str | None = ANY) -> None:
        """Replace a file; conditional ones under a guard that all processes of this machine share."""
        try:
            if expected == ANY:
                replace_file(self.root / name, data)
                return
            with self._guard():
                self._compare(name, expected)
                replace_file(self.root / name, data)
        except OSError as error:
            raise StateError(f"{self.root / name} cannot be written: {error.strerror}") from error

    def remove(self, name: str, expected: str = ANY) -> None:
        """Delete a file."""
        if expected == ANY:
            (self.root / name).unlink(missing_ok=True)
            return
        with self._guard():
            self._compare(name, expected)
            (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """The files of a folder; what a crash left half-written begins with a dot and is none."""
        path = self.root / folder
        return sorted(p.name for p in path.iterdir() if not p.name.startswith(".")) if path.is_dir() else []

    def log(self, name: str) -> LocalLog:
        """A new file."""
        return LocalLog(self.root / name)

    def read_log(self, name: str) -> bytes:
        """All of a file."""
        stored = self.read(name)
        return stored.data if stored else b""

    def logs(self, folder: str) -> dict[str, int]:
        """The files of a folder with their sizes."""
        return {name: (self.root / folder / name).stat().st_size for name in self.names(folder)}

    @staticmethod
    def _believe(path: Path, others: int, right: int) -> None:
        if others:
            raise StateError(
                f"{path} can be written by others, so it is not believed: look at it, then chmod {right} {path}"
            )

    def _compare(self, name: str, expected: str | None) -> None:
        stored = self.read(name)
        if (stored.version if stored else None) != expected:
            raise Conflict(f"{self.root / name} was written by somebody else")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        guard = FileLock(self.root / "lock.guard", timeout=10, mode=0o600)
        try:
            guard.acquire()
        except Timeout as error:
            raise Conflict(f"{guard.lock_file} is held by another process for too long") from error
        try:
            yield
        finally:
            guard.release()


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
