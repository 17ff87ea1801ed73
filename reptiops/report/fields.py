"""What differs inside a field, by meaning: statements and rules that come and go, keys that change; no JSON blobs.

Pure. It works on the canonical forms that the engine's diff gives, so plans, drift and reports read alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reptiops.engine.canonical import Plain
from reptiops.engine.unknown import MARKER, is_unknown

What = Literal["added", "removed", "changed"]
IDENTITIES = ("path", "name", "id", "key", "Sid", "sid", "title", "properties.title", "properties.metrics")
"""Members by which one item of a list is the same item on both sides; the last two are those of a dashboard's widgets."""
NAME = 80
"""Characters of such a name."""
LONG = 200
"""Characters from which a whole item with a name is told by that alone."""
SHOWN = 6
"""How many actions or resources of a statement are named before the rest is counted."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: where, and what was and will be there. A missing side is None."""

    path: str
    what: What
    has: Plain = None
    want: Plain = None
    nameless: bool = False
    """An item of a list that the path does not name."""


def differences(path: str, has: Plain, want: Plain) -> tuple[Difference, ...]:
    """The smallest differences between two canonical values of a field."""
    return tuple(_differences(path, has, want))


def _differences(path: str, has: Plain, want: Plain) -> Iterator[Difference]:
    if has == want:
        return
    if isinstance(has, dict) and isinstance(want, dict):
        for key in sorted({*has, *want}):
            yield from _differences(f"{path}.{key}", has.get(key), want.get(key))
    elif isinstance(has, list | None) and isinstance(want, list | None) and not (has is None and want is None):
        yield from _items(path, has or [], want or [])
    elif _documents(has, want):
        yield from _differences(path, json.loads(str(has)), json.loads(str(want)))
    else:
        what: What = "added" if has is None else "removed" if want is None else "changed"
        yield Difference(path, what, has, want)


def _documents(has: Plain, want: Plain) -> bool:
    """Whether both are JSON texts, such as a dashboard's body."""
    try:
        return all(isinstance(v, str) and isinstance(json.loads(v), dict | list) for v in (has, want))
    except ValueError:
        return False


def _items(path: str, has: list[Plain], want: list[Plain]) -> Iterator[Difference]:
    identity = _identity(has, want)
    if identity is not None:
        mine, theirs = ({_named(one, identity): one for one in side} for side in (has, want))
        if mine != theirs:
            for name in sorted({*mine, *theirs}):
                yield from _differences(f"{path}.{name}", mine.get(name), theirs.get(name))
            before, after = ([name for name in one if name in mine and name in theirs] for one in (mine, theirs))
            if before != after:  # of rules of which the first that fits counts, the order is a difference too
                yield Difference(path, "changed", [*before], [*after])
            return
    gone = [one for one in has if one not in want]
    new = [one for one in want if one not in has]
    if not gone and not new:
        yield Difference(path, "changed", has, want)  # only the order differs, where order counts
        return
    for one in list(gone):
        partner = next((other for other in new if _alike(one, other)), None)
        if partner is not None and isinstance(one, dict) and isinstance(partner, dict):
            gone.remove(one)
            new.remove(partner)
            yield from _statement_change(path, one, partner)
    yield from (Difference(path, "removed", has=one, nameless=True) for one in gone)
    yield from (Difference(path, "added", want=one, nameless=True) for one in new)


def _identity(*sides: list[Plain]) -> str | None:
    """The member that every item has and that tells the items of each side apart."""
    for key in IDENTITIES:
        names = [[_named(one, key) for one in side] for side in sides]
        if any(names) and all(all(side) and len(set(side)) == len(side) for side in names):
            return key
    return None


def _named(item: Plain, key: str) -> str:
    """What an item is called; empty where it has no name of that kind."""
    for part in key.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return short(words(item), NAME) if item not in (None, "", [], {}) else ""


def is_long(one: Difference) -> bool:
    """Whether it is a whole item that comes or goes, is called by its path, and is too long to be read beside that."""
    value = one.want if one.what == "added" else one.has
    whole = one.what != "changed" and not one.nameless and isinstance(value, dict) and not is_statement(value)
    return whole and len(words(value)) > LONG


def is_statement(value: Plain) -> bool:
    """Whether a value is one statement of a policy in its normal form."""
    return isinstance(value, dict) and value.get("Effect") in ("Allow", "Deny")


def _alike(one: Plain, other: Plain) -> bool:
    """Whether two statements are one that was changed: they agree in all but one of their members."""
    if not (is_statement(one) and is_statement(other)) or not isinstance(one, dict) or not isinstance(other, dict):
        return False
    differing = [key for key in {*one, *other} if one.get(key) != other.get(key)]
    return len(differing) == 1 and differing[0] != "Effect"


def _statement_change(path: str, has: dict[str, Plain], want: dict[str, Plain]) -> Iterator[Difference]:
    (key,) = (k for k in {*has, *want} if has.get(k) != want.get(k))
    rest = {k: v for k, v in want.items() if k != key}
    yield from _differences(f"{path} [{statement(rest)}] {key.lower()}", has.get(key), want.get(key))


# --- in words ---------------------------------------------------------------------------------------------------


def statement(value: Mapping[str, Any]) -> str:
    """`Allow s3:getobject on arn:aws:s3:::a/* to Service x when StringEquals aws:SourceAccount=1`."""
    parts = [str(value["Effect"])]
    for name, word in (("Action", ""), ("NotAction", "all but "), ("Resource", "on "), ("NotResource", "on all but ")):
        if name in value:
            parts.append(f"{word}{_listed(value[name])}")
    for name, word in (("Principal", "to"), ("NotPrincipal", "to all but")):
        if name in value:
            parts.append(f"{word} " + ", ".join(f"{kind} {_listed(who)}" for kind, who in value[name].items()))
    tests = [
        f"{operator} {key}={_listed(allowed)}"
        for operator, pairs in value.get("Condition", {}).items()
        for key, allowed in pairs.items()
    ]
    if tests:
        parts.append("when " + " and ".join(tests))
    return " ".join(parts)


def record(value: Mapping[str, Any]) -> str:
    """Where a host points; one that is no alias by type and values, `AAAA 2001:db8::1`, whatever else AWS keeps of it."""
    if not value.get("zone"):
        return str(value["dns_name"])
    return ", ".join(f"{key}={words(one)}" for key, one in value.items() if one not in (None, "", []))


def _listed(values: Any) -> str:
    names = [known(v) for v in (values if isinstance(values, list) else [values])]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def words(value: Plain) -> str:
    """A value for a person: statements as sentences, unknown ids named, a missing one as such."""
    if value is None:
        return "not set"
    if is_statement(value) and isinstance(value, dict):
        return statement(value)
    if isinstance(value, dict) and "dns_name" in value:
        return record(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return known(value) or '""'
    if isinstance(value, list):
        return ", ".join(words(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={words(one)}" for key, one in value.items() if one is not None) or "none"
    return str(value)


def known(text: str) -> str:
    """A text with the ids that AWS has not given yet named by their address, as `(known after apply)`."""
    if MARKER.fullmatch(text):
        return "(known after apply)"
    return MARKER.sub(lambda m: f"<{m[1]}>", text) if is_unknown(text) else text


def short(text: str, length: int = 200) -> str:
    """A text that fits on two or three lines; what is left out is counted, not hidden."""
    return text if len(text) <= length else f"{text[:length].rstrip()} … ({len(text) - length} characters more)"
