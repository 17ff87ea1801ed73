"""A plan as a document that can be kept, and a run that does exactly what was kept or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from textwrap import indent
from typing import Any

from botocore.exceptions import ClientError

from reptiops.app.costs import cost_of_plan
from reptiops.app.recovery import at_work, in_doubt, open_ends
from reptiops.app.refusing import allowing, braked
from reptiops.app.selection import select
from reptiops.app.site import Refused, Settings, Site, open_site, plan_site
from reptiops.aws import DENIED, code
from reptiops.engine.plan import Plan, Selection
from reptiops.engine.recheck import holding
from reptiops.plandocument import PlanDocument, document, elsewhere, moved
from reptiops.playbook import load_playbook

TOLD = 12
"""How much of what has moved is named; the rest is counted."""


class PlanMoved(Refused):
    """AWS or the configuration is no longer as it was when the plan was made."""


def documented_plan(
    environment: str, *, phases: Iterable[str] = (), only: Iterable[str] = (), **settings: Any
) -> tuple[Plan, PlanDocument]:
    """What provision would do, and the same as a document. Reads only."""
    options, selection = Settings(environment, **settings), select(phases, only)
    book = load_playbook("provision", options.playbook_dir)
    site = open_site(options)
    made = plan_site(site, selection)
    working, unended = open_ends(at_work(site), in_doubt(site), environment)
    document = document_of(site, made, selection, _holding(site, made))
    more = {
        "at_work": working,
        "unfinished": unended,
        "needs_allow_replace": allowing(made, book).addresses,
        "braked": braked(made, book),
    }
    return made, document.model_copy(update=more)


def _holding(site: Site, made: Plan) -> Mapping[str, str]:
    """What those hold that it deletes, but for what the rights to plan do not tell."""
    found: dict[str, str] = {}
    for one in made.actions:
        try:
            found |= holding(site.aws, replace(made, actions=(one,)))
        except ClientError as error:
            if code(error) not in DENIED:
                raise
    return found


def document_of(site: Site, made: Plan, selection: Selection, held: Mapping[str, str]) -> PlanDocument:
    """A plan of an opened site, with its cost. `held`: what those hold that it deletes."""
    return document(site.env, site.belongs, made, selection, cost_of_plan(site.env, made), held)


def of_here(kept: PlanDocument, site: Site) -> None:
    """Raise PlanMoved where a plan that was kept is about another environment, account, region or endpoint."""
    found = elsewhere(kept, site.belongs)
    if found:
        raise PlanMoved("This plan is about something else:\n" + "\n".join(f"  {one}" for one in found), unchanged=True)


def hold_to(kept: PlanDocument, site: Site, made: Plan, selection: Selection, held: Mapping[str, str]) -> None:
    """Raise PlanMoved unless this plan is the one that was kept, and what it deletes holds no more than it did then."""
    found = moved(kept, document_of(site, made, selection, held))
    if found:
        more = [f"and {len(found) - TOLD} more"] if len(found) > TOLD else []
        lines = indent("\n".join((*found[:TOLD], *more)), "  ")
        made_at = kept.made[:19].replace("T", " ")
        part = [f" --phase {one}" for one in kept.selection.phases]
        part += [f" --only {one}" for one in kept.selection.addresses]
        raise PlanMoved(
            f"The plan of {made_at} UTC no longer holds:\n{lines}",
            unchanged=True,
            then=f"Plan again and read it: `reptiops plan {site.env.name}{''.join(part)} --out FILE`.",
        )
