"""What people type, judged where they typed it: places to write to and to read, and the answers of `init`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

NAME = re.compile(r"(?!.*--)[a-z][a-z0-9-]{0,15}(?<!-)")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}\.)+[a-z]{{2,63}}")

FROM_VARIABLE = click.core.ParameterSource.ENVIRONMENT


def _refusal(place: Path, folder: bool) -> str:
    """Why a file or folder cannot be written there; empty where it can."""
    if place.exists() and place.is_dir() != folder:
        return f"{place} is {'a file' if folder else 'a directory'}"
    above = place if place.exists() else place.parent
    if folder:  # it is made with what is above it
        above = next(one for one in (place, *place.absolute().parents) if one.exists())
    if not above.exists():
        return f"there is no directory {above}"
    if above.is_file() and above != place:
        return f"{above} is a file"
    if not os.access(above, os.W_OK):
        return f"{above} cannot be written"
    return ""


class Output(click.ParamType):  # type: ignore[type-arg]
    """A file or folder that is going to be written: what cannot be is refused before anything else is done."""

    def __init__(self, *, folder: bool = False):
        self.name, self._folder = "directory" if folder else "file", folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        place = Path(value)
        refusal = _refusal(place, self._folder)
        if refusal:
            self.fail(refusal, param, ctx)
        return place

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """By the shell itself."""
        return [CompletionItem(incomplete, type="dir" if self._folder else "file")]


class Shelf(click.ParamType):  # type: ignore[type-arg]
    """A directory whose files are read: it is there."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        place = Path(value)
        try:
            refusal = self._refusal(place)
        except OSError as error:  # such as a directory above it that we may not look into
            refusal = f"{place}: {error.strerror}"
        if refusal:
            named = param is not None and ctx is not None and ctx.get_parameter_source(str(param.name)) is FROM_VARIABLE
            self.fail(f"{refusal}, which {param.envvar} names" if named and param else refusal, param, ctx)
        return place

    def _refusal(self, place: Path) -> str:
        if place.is_dir():
            return ""
        return f"{place} is a file" if place.exists() else f"there is no directory {place}"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """By the shell itself."""
        return [CompletionItem(incomplete, type="dir")]


class States(Shelf):
    """A directory that states are kept in: the first run makes it, so it need not be there yet."""

    def _refusal(self, place: Path) -> str:
        """Whether it can be made and written is asked by the run that writes, before its first change: S3 keeps the state of
        many, and who only reads finds nothing there.
        """
        above = next(one for one in (place, *place.absolute().parents) if os.path.lexists(one))
        return "" if above.is_dir() else f"{above} is a file"


class Worded(click.ParamType):  # type: ignore[type-arg]
    """A text of a certain form."""

    def __init__(self, name: str, form: re.Pattern[str], valid: str):
        self.name, self._form, self._valid = name, form, valid

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is."""
        if not self._form.fullmatch(str(value)):
            lower = Path(str(value)).stem.lower() if self.name == "ENV" else str(value).lower()
            meant = f"; did you mean {lower}?" if lower and self._form.fullmatch(lower) else ""
            self.fail(f"{value!r} is not: {self._valid}{meant}", param, ctx)
        return str(value)


class Region(click.ParamType):  # type: ignore[type-arg]
    """A region of AWS."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its name."""
        from reptiops.regions import no_region

        why = no_region(str(value))
        if why:
            self.fail(f"{value!r} {why}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Those that begin so."""
        from reptiops.regions import regions

        return [CompletionItem(one) for one in regions() if one.startswith(incomplete)]


class Emails(click.ParamType):  # type: ignore[type-arg]
    """Addresses of people, with spaces between them; none is fine, where it is asked for."""

    name = "e-mail"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Each of them."""
        from reptiops.settings.base import EMAIL

        found = value if isinstance(value, tuple) else tuple(str(value).split())
        for one in found:
            if not re.fullmatch(EMAIL, one):
                self.fail(f"{one!r} is not an e-mail address such as ops@example.com", param, ctx)
        return found


class YesNo(click.ParamType):  # type: ignore[type-arg]
    """The answer to a question of yes or no."""

    name = "y or n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Whether it is yes."""
        answer = str(value).strip().lower()
        if answer not in ("y", "yes", "n", "no"):
            self.fail(f"{value!r} is no answer: type y or n", param, ctx)
        return answer.startswith("y")


class Interval(click.ParamType):  # type: ignore[type-arg]
    """How often a job runs: no scheduler takes a part of a minute."""

    name = "interval"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it is typed."""
        from reptiops.settings.base import duration_seconds

        try:
            whole = duration_seconds(str(value)) % 60 == 0
        except ValueError:
            whole = False
        if not whole:
            self.fail(f"{value!r} is not: whole minutes, hours or days, such as 15m, 2h or 1d", param, ctx)
        return str(value)


class Network(click.ParamType):  # type: ignore[type-arg]
    """The network of an environment."""

    name = "cidr"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A /16, for the subnets of a new environment fill one."""
        from ipaddress import IPv4Network

        try:
            network = IPv4Network(str(value))
        except ValueError as error:
            self.fail(f"{error}; such as 10.9.0.0/16", param, ctx)
        if network.prefixlen != 16 or not network.is_private:
            self.fail(f"{value} is no private /16, such as 10.9.0.0/16; smaller ones are set in the file", param, ctx)
        return str(network)


ENVIRONMENT = Worded("ENV", NAME, "1 to 16 lower-case letters, digits and single hyphens")
HOST = Worded("domain", DOMAIN, "a lower-case domain such as example.com")
NAT = click.Choice(["per_az", "1", "0"])
ACCOUNT = Worded("account", re.compile(r"\d{12}|"), "12 digits")


def agreed(question: str, *, default: bool = False, err: bool = False, abort: bool = False) -> bool:
    """Ask a question of yes or no; with `abort` a no ends the command. Another answer is told what may be typed."""
    choices, usual = ("Y/n", "y") if default else ("y/N", "n")
    text = f"{question} [{choices}]"
    answer: bool = click.prompt(text, default=usual, show_default=False, type=YesNo(), err=err)
    if abort and not answer:
        raise click.Abort
    return answer
