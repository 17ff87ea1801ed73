"""Taking over what exists: made by hand, by another tool, or by this one before its tags and its state were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reptiops.app.runs import Stop, one_by_one, writing
from reptiops.app.site import Declined, Settings, open_site
from reptiops.engine.adopt import Candidate, Search, choose, search
from reptiops.engine.calls import Work


def candidates(environment: str, **settings: Any) -> Search:
    """For each declared address that is not there: what exists and could be it. Reads only."""
    site = open_site(Settings(environment, **settings))
    return search(site.graph, site.given, site.scope(), site.state)


def adopt(
    environment: str,
    address: str | None = None,
    identifier: str | None = None,
    *,
    approve: Callable[[tuple[Candidate, ...]], bool] = lambda _: True,
    stop: Stop | None = None,
    **settings: Any,
) -> tuple[Candidate, ...]:
    """Take over one thing, or everything that `candidates` finds: our tags on it and a record of it, nothing else.

    Raises Refused where nobody agrees, NotAdoptable where it cannot be, Interrupted between two of them.
    """
    options = Settings(environment, **settings)
    site = open_site(options)
    scope = site.scope()
    if address is not None and identifier is not None:
        chosen: tuple[Candidate, ...] = (choose(site.graph, site.given, scope, site.state, address, identifier),)
    else:
        chosen = search(site.graph, site.given, scope, site.state).candidates
    if not chosen:
        return ()
    if not approve(chosen):
        raise Declined()
    one = f"`reptiops adopt {environment} {address} {identifier}` takes it over."
    again = f"`reptiops adopt {environment} --all` takes over the rest." if address is None else one
    with writing(site, "adopt", options.tell, scope, stop) as work:
        one_by_one(work, [c.address for c in chosen], _taken(work, chosen), "adopted", again)
    return chosen


def _taken(work: Work, chosen: Iterable[Candidate]) -> Iterator[str]:
    for one in chosen:
        work.take(one.address, one.live, one.needs)
        yield one.address
