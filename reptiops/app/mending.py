"""What a reconcile does about what is changed or missing: only what is to be mended is written, and what has to follow that."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reptiops.app.site import Site
from reptiops.engine.agreed import Agreed
from reptiops.engine.drift import Drift, Finding
from reptiops.engine.plan import Plan, Selection, make
from reptiops.engine.scope import Scope
from reptiops.engine.unknown import unknown_addresses
from reptiops.engine.unplannable import NeedsMissing

NOTHING, NOWHERE = Plan(()), Selection(addresses=("none",))


@dataclass(frozen=True)
class Mending:
    """A plan that writes `agreed` and deletes nothing. `held`: addresses that cannot be mended, each with the reason."""

    plan: Plan = NOTHING
    selection: Selection = NOWHERE
    agreed: Agreed | None = None
    held: Mapping[str, str] = field(default_factory=dict)

    def given(self, site: Site) -> dict[str, Any]:
        """What steps get, when what nobody agreed to write is somebody else's."""
        given = site.given
        return {**given, "owned": self.agreed.owned(given["owned"])} if self.agreed else given


def mending(site: Site, scope: Scope, mend: Iterable[Finding], before: Drift) -> Mending:
    """The plan for what is changed or missing among these, with what only has to follow.

    What needs something missing that is left so, and what cannot be changed as things are, is held.
    """
    listed = {f for f in mend if f.what != "extra"}
    mended = dict.fromkeys(sorted(f.address for f in listed))
    if not mended:
        return Mending()
    left = {f.address for f in before.findings if f.what != "extra" and f not in listed}
    follows = _followers(site, scope, mended, left)
    agreed = Agreed(_paths(listed, follows), frozenset(left))
    given = Mending(agreed=agreed).given(site)
    held: dict[str, str] = {}
    while whole := tuple(a for a in (*mended, *sorted(follows.keys() - mended)) if a not in held):
        selection = Selection(addresses=whole)
        try:
            made = make(site.graph, given, scope, site.state, selection)
        except NeedsMissing as error:
            held[error.address] = f"it needs {error.missing}, {error.why}"
            continue
        made = replace(made, actions=tuple(a for a in made.actions if a.verb != "delete"))
        if not made.stuck:
            return Mending(made, selection, agreed, held)
        held |= made.stuck
    return Mending(held=held)


def _paths(mend: Iterable[Finding], follows: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """What is missing is made whole, so it has no paths."""
    paths: dict[str, set[str]] = {address: set(fields) for address, fields in follows.items()}
    for one in mend:
        if one.what == "changed":
            paths.setdefault(one.address, set()).add(one.field)
    missing = {one.address for one in mend if one.what == "missing"}
    return {address: frozenset(some) for address, some in paths.items() if address not in missing}


def _followers(site: Site, scope: Scope, mended: Collection[str], left: Collection[str]) -> dict[str, frozenset[str]]:
    """Addresses with fields that have to follow what a mended one becomes, as a service its task definition does, or
    what a run of ours that was killed has made and not put into service.
    """
    found = {}
    for a in make(site.graph, site.given, scope, site.state).actions:
        fields = {f.name for f in dataclasses.fields(a.kind) if f.metadata.get("follows")}
        moved: set[str] = set()
        for c in a.changes if a.live is not None and a.verb != "foreign" else ():
            sources = unknown_addresses(c.want)
            if c.field in fields and sources <= set(mended) and (sources or a.address not in left):
                moved.add(c.field)
        if moved:
            found[a.address] = frozenset(moved)
    return found
