"""Accepting a hand-made change: it becomes the wanted value, as an override in the configuration file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from reptiops.app.runs import Stop, one_by_one, writing
from reptiops.app.site import Refused, Settings, open_site, plan_site, refuse_shipped
from reptiops.app.upkeep import drift_site, observed
from reptiops.config import environment_file
from reptiops.configtext import with_overrides
from reptiops.engine.calls import Work
from reptiops.engine.canonical import Plain, in_full, plain
from reptiops.engine.drift import Finding
from reptiops.engine.resource import Live, Resource
from reptiops.engine.unplannable import UnknownAddress
from reptiops.loading import parse_environment


def accept(
    environment: str, address: str, *, stop: Stop | None = None, **settings: Any
) -> tuple[Path, tuple[Finding, ...]]:
    """Make what somebody changed by hand the wanted value: an override in the configuration file, comments kept.

    Answers the file and the findings that were accepted. Raises Refused where nothing there can be accepted, or where
    the file is one that was shipped with the tool.
    """
    options = Settings(environment, **settings)
    file = environment_file(environment, options.config_dir)
    site = open_site(options)
    _, matcher = observed(site)
    found = drift_site(site, matcher).findings
    known = {*site.state.entries, *(f.address for f in found)}
    if address not in known:
        raise UnknownAddress(address, get_close_matches(address, sorted(known), n=1))
    chosen = [f for f in found if f.address == address and f.what == "changed"]
    if not chosen:
        raise Refused(f"{address} has no changed field. Extras and missing things cannot be accepted.")
    refuse_shipped(file, environment, f"reptiops accept {environment} {address}")
    actions = plan_site(site).actions
    live = next(a.live for a in actions if a.address == address and a.live is not None)
    _refuse_ids(address, chosen, [a.live for a in actions if a.live is not None])
    entry = site.state.entries[address]
    values: dict[str, Any] = dict(site.env.overrides.get(address, {}))
    for one in chosen:
        values = _merged(values, _nested(plain(live.has), entry.applied, one.field, _exactly(live.has, one)))
    text = with_overrides(file.read_text(), address, values)
    parse_environment(text, environment, str(file))
    again = f"`reptiops accept {environment} {address}` does. {file} and AWS are as they were."
    with writing(site, "accept", options.tell, site.scope(), stop) as work:
        one_by_one(work, [address], _written(work, address, live, file, text), "accepted", again)
    return file, tuple(chosen)


def _written(work: Work, address: str, live: Live[Any], file: Path, text: str) -> Iterator[str]:
    """One thing: what the file wants and the state does not know would be pending."""
    file.write_text(text)
    work.accept(address, live)
    yield address


_MADE_UP = re.compile(r"^[a-z]+-[0-9a-f]{8,17}$|/[0-9a-f]{16}\b|:certificate/")
"""What AWS makes up: after a replacement it is another."""


def _refuse_ids(address: str, chosen: Iterable[Finding], lives: Iterable[Live[Any]]) -> None:
    """Raise Refused where a value names something of ours by an id that AWS made up."""
    ours = {name for one in lives for name in (one.id, *one.out.values()) if _MADE_UP.search(name)}
    for one in chosen:
        named = sorted(text for text in _texts(one.live) if text in ours)
        if named:
            raise Refused(
                f"{address}: {one.field} is now {', '.join(named)}, an id that AWS made up. In the configuration it would "
                "point at nothing once that is made anew. Say it with the settings of the environment instead."
            )


def _texts(value: Plain) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _texts(one)


def _exactly(has: Resource, one: Finding) -> Plain:
    """What is live, as it is written: what compares by meaning is more than what is shown of it."""
    value, path = in_full(has), one.field
    while path and isinstance(value, dict):
        key = max((k for k in value if path == k or path.startswith(f"{k}.")), key=len, default=None)
        if key is None:
            return one.live
        value, path = value[key], path[len(key) + 1 :]
    return value


def _nested(live: Plain, applied: Plain, path: str, value: Plain) -> dict[str, Any]:
    """`a.b.c` and a value as `{a: {b: {c: value}}}`. Keys may have dots in them, so live and applied say what is one."""
    known = [*(live if isinstance(live, dict) else ()), *(applied if isinstance(applied, dict) else ())]
    key = max((k for k in known if path == k or path.startswith(f"{k}.")), key=len, default=path)
    if key == path:
        return {key: value}
    inner = [one.get(key) if isinstance(one, dict) else None for one in (live, applied)]
    return {key: _nested(inner[0], inner[1], path[len(key) + 1 :], value)}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second where they differ."""
    return {
        **one,
        **{
            k: _merged(one[k], v) if isinstance(v, Mapping) and isinstance(one.get(k), Mapping) else v
            for k, v in other.items()
        },
    }
