"""The root of every error reptiops raises on purpose, and the one for mistakes in files people write.

Each class carries the exit code of the command that meets it, so no command decides that for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ReptiopsError(Exception):
    """Something reptiops can explain: it is shown as a sentence, never as a traceback (unless `--debug`)."""

    exit_code: int = 1
    unchanged: bool = False
    """Whether it ended its command before anything was changed, which it says."""
    then: str = ""
    """What to do about that, in sentences."""
    earlier: str = ""
    """What its command had changed before all the same, in a sentence. Whoever did that adds it to what comes through."""

    def __init__(self, text: str = "", *, unchanged: bool = False, then: str = "") -> None:
        """What went wrong, and of what ended before anything was changed what to do then."""
        super().__init__(text)
        self.unchanged, self.then = unchanged or type(self).unchanged, then

    def __str__(self) -> str:
        """The text, whether anything was changed where that is known, and what had been changed before."""
        text = super().__str__()
        if self.unchanged:
            nothing = f"Nothing {'else ' if self.earlier else ''}was changed."
            text += ("" if not text else "\n" if "\n" in text else " ") + " ".join(filter(None, (nothing, self.then)))
        return "\n".join(filter(None, (text, self.earlier)))


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing wrong in a file a person wrote: where it is, what it is, and what would be valid.

    `line` counts from 1; 0 means that the file as a whole is meant. `path` is the dotted path of the setting.
    """

    file: str
    line: int
    path: str
    message: str
    valid: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        setting = f"{self.path}: " if self.path else ""
        return f"{place}: {setting}{self.message}" + (f" (valid: {self.valid})" if self.valid else "")


class ConfigurationError(ReptiopsError):
    """A configuration or playbook that is refused, with every mistake found in it, before any AWS call."""

    exit_code = 2

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Keep the mistakes in the order of the file, each once."""
        self.mistakes: tuple[Mistake, ...] = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
