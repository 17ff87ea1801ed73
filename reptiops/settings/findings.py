"""What a check between settings reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reptiops.errors import Mistake
from reptiops.yamlsource import SettingPath, dotted


@dataclass(frozen=True)
class Finding:
    """Two or more settings that do not go together: `path` is the one to blame, `also` are the others looked at."""

    path: SettingPath
    message: str
    valid: str = ""
    also: tuple[SettingPath, ...] = ()

    @property
    def paths(self) -> tuple[SettingPath, ...]:
        """All settings the check looked at."""
        return (self.path, *self.also)

    def mistake(self, file: str) -> Mistake:
        """The finding as a mistake without a line, for settings that were made in Python."""
        return Mistake(file, 0, dotted(self.path), self.message, self.valid)


def repeats(path: SettingPath, values: Iterable[object]) -> Iterator[Finding]:
    """A finding for each entry of the list at `path` that an earlier one equals."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            shown = value if isinstance(value, (str, int)) else "this entry"
            yield Finding((*path, index), f"{shown} is listed twice", "each once")
        seen.add(value)
