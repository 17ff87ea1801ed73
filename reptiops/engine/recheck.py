"""Looking again right before an update: the plan may be minutes old, and a pipeline may have deployed since."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from reptiops.engine.action import Action
from reptiops.engine.graph import Step
from reptiops.engine.plan import Owned, decide
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError


class Moved(ReptiopsError):
    """AWS is no longer as it was when the plan was made."""

    exit_code = 4


def recheck(
    scope: Scope,
    address: str,
    declared: Resource,
    planned: Live[Any],
    s: Step,
    owned: Owned,
    moment: float,
    built_on: Collection[str] = (),
) -> tuple[Live[Any], Action]:
    """What is there since `moment` and what it needs now. Raises Moved where that is more than the plan said.

    Everything the observation rests on is read anew: which revision of a task definition counts is for its service to
    say. The new one is found by id, else by address, else by natural key: a deployment gives it another id. One that
    AWS does not list is taken as it was: the call will tell. `built_on`: the ids of what this run made newer forms of.
    """
    lives, key = scope.afresh(type(declared), moment), declared.key()
    found = (
        next((one for one in lives if one.id == planned.id), None)
        or next((one for one in lives if one.address == address), None)
        or next((one for one in lives if key is not None and one.has.key() == key), planned)
    )
    action = decide(address, _following(address, declared, planned, found, built_on), found, False, s, owned)
    if action.verb not in ("update", "none"):
        raise Moved(f"{address} ({found.id}): the plan said update, now it would be {action.verb}. Plan again.")
    if action.hindrance:
        raise Moved(f"{address} ({found.id}): {action.hindrance}")
    return found, action


def _following(
    address: str, declared: Resource, planned: Live[Any], found: Live[Any], built_on: Collection[str]
) -> Resource:
    """`declared` with what somebody deployed since the plan, in fields that point at another resource's newest form."""
    for f in dataclasses.fields(declared):
        if not f.metadata.get("follows"):
            continue
        want, then, now = (getattr(one, f.name) for one in (declared, planned.has, found.has))
        if then != now and want == then:
            declared = dataclasses.replace(declared, **{f.name: now})
        elif now not in (then, want) and now not in built_on:
            raise Moved(
                f"{address} ({found.id}): somebody deployed {now} while this run prepared {want}. "
                "Run the same command again: it builds on what is deployed now."
            )
    return declared
