"""HTML and SVG from functions. Text is escaped unless it is markup already, so nothing of AWS can become a tag."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = frozenset({"input", "meta", "link", "wbr"})
"""Elements that HTML never closes."""
Child = Markup | str | int | float | None


def element(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """`<name …>children</name>`. An attribute's `_` is a hyphen, a trailing one is dropped (`class_`); None and False leave
    it out, True writes it bare.
    """
    written = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def _attribute(key: str, value: str | int | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape(shown)}"'


def joined(*children: Child) -> Markup:
    """Children one after the other."""
    return Markup("".join(c if isinstance(c, Markup) else escape(str(c)) for c in children if c is not None))


def shortened(text: str, length: int) -> str:
    """At most so many characters, with an ellipsis."""
    return text if len(text) <= length else f"{text[: max(1, length - 1)]}…"
