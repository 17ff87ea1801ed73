"""Looking again right before an update, and before a deletion of what is made anew or nobody declares (any more): the plan
may be minutes old, and a pipeline may have deployed since.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.action import Action
from reptiops.engine.blind import patient
from reptiops.engine.calls import Work
from reptiops.engine.diff import diff
from reptiops.engine.plan import Owned, Plan, decide
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope
from reptiops.engine.task import Task
from reptiops.errors import ReptiopsError


class Moved(ReptiopsError):
    """AWS is no longer as it was when the plan was made. `why`: of what was to be deleted, what is otherwise about it."""

    exit_code = 4

    def __init__(self, text: str, why: str = ""):
        self.why = why
        super().__init__(text)


class Unlisted(Moved):
    """What was to be deleted is not there any more, or not ours: somebody has deleted it, or taken it over."""


def recheck(
    scope: Scope, task: Task, planned: Live[Any], owned: Owned, built_on: Collection[str] = ()
) -> tuple[Live[Any], Action]:
    """What is there since it was decided, and what it needs now. Raises Moved where that is more than the plan said.

    Everything the observation rests on is read anew: which revision of a task definition counts is for its service to
    say. The new one is found by id, else by address, else by natural key: a deployment gives it another id. One that
    AWS does not list is taken as it was: the call will tell. `built_on`: the ids of what this run made newer forms of.
    """
    address, declared = task.address, task.declared
    lives, key = scope.afresh(type(declared), task.decided), declared.key()
    found = (
        next((one for one in lives if one.id == planned.id), None)
        or next((one for one in lives if one.address == address), None)
        or next((one for one in lives if key is not None and one.has.key() == key), planned)
    )
    action = decide(address, _following(address, declared, planned, found, built_on), found, False, task.step, owned)
    if action.verb not in ("update", "none"):
        raise Moved(f"{address} ({found.id}): the plan said update, now it would be {action.verb}. Plan again.")
    if action.hindrance:
        raise Moved(f"{address} ({found.id}): {action.hindrance}")
    return found, action


def still(
    scope: Scope, task: Task, planned: Live[Any], owned: Owned, built_on: Collection[str] = ()
) -> tuple[Live[Any], Action]:
    """What is to be deleted and made anew, as it is by now, and the action. Raises Moved where it is not what the
    plan showed: nobody has agreed to lose that.

    One that AWS does not list is taken as it was: its deletion will tell.
    """
    address, declared = task.address, task.declared
    lives = scope.afresh(type(declared), task.decided)
    found = next((one for one in lives if one.id == planned.id), planned)
    action = decide(address, _following(address, declared, planned, found, built_on), found, False, task.step, owned)
    if action.verb != "replace":
        raise Moved(f"{address} ({found.id}): the plan said replace, now it would be {action.verb}. Plan again.")
    if action.hindrance:
        raise Moved(f"{address} ({found.id}): {action.hindrance}")
    _refuse_changed(address, planned, found, owned, declared)
    return found, action


class Filled:
    """What a plan deletes, be it made anew or not: whether it still is what somebody has agreed to lose."""

    def __init__(self, work: Work, plan: Plan, owned: Owned, held: Mapping[str, str] | None = None):
        """`held`: what `holding` has said before somebody was asked; without, it is looked at when the run begins."""
        self._work, self._owned, self._plan, self._held = work, owned, plan, held

    def look(self) -> None:
        """Before anything is done: what holds data already was in the plan as lost."""
        if self._held is None:
            self._held = patient(self._work, lambda: holding(self._work.aws, self._plan))

    def check(self, address: str, live: Live[Any]) -> None:
        """Raise Moved where it was empty and is not any more."""
        held = self._held or {}
        if address in held and not held[address] and (holds := self._holds(live)):
            raise _otherwise(address, live, f"{holds}, which it did not before")

    def parting(self, address: str, planned: Live[Any], decided: float) -> Live[Any]:
        """What nobody declares (any more) and is deleted for good, as it is by now. Raises Moved where somebody changed or
        filled it: nobody has agreed to lose that. `decided`: what is read later is fresh enough.
        """
        lives = patient(self._work, lambda: self._work.scope.afresh(type(planned.has), decided))
        found = next((one for one in lives if one.id == planned.id), None)
        if found is None:
            why = "AWS no longer lists it as ours"
            raise Unlisted(f"{address} ({planned.id}): {why}. It was left alone.", why)
        _refuse_changed(address, planned, found, self._owned, planned.has)
        self.check(address, found)
        return found

    def _holds(self, live: Live[Any]) -> str:
        return patient(self._work, lambda: _holds(self._work.aws, live))


def holding(aws: Aws, plan: Plan) -> dict[str, str]:
    """What each of those holds that a plan deletes, be it made anew or not: whoever agrees to the plan agrees to lose that.

    Of an opaque one nobody can tell: it only gets older. A secret is told by its version.
    """
    return {
        a.address: _holds(aws, a.live)
        for a in plan.actions
        if (a.in_place or a.verb == "delete") and a.live and a.kind.holds_data and _tells(a.kind)
    }


def _tells(kind: type[Resource]) -> bool:
    return not kind.opaque and kind.in_service is not Resource.in_service


def _holds(aws: Aws, live: Live[Any]) -> str:
    try:
        return str(live.has.in_service(aws, live))
    except ClientError as error:
        if code(error) in type(live.has).absent:
            return ""
        raise


def _refuse_changed(address: str, planned: Live[Any], found: Live[Any], owned: Owned, declared: Resource) -> None:
    """Raise Moved where what is about to be deleted is no longer as the plan showed it."""
    partial = planned.status.partial or found.status.partial
    changed = [
        change.path
        for change in (() if partial else diff(planned.has, found.has))
        if getattr(declared, change.field) is not None and owned(address, change.path) in (None, "reptiops")
    ]
    content = type(planned.has).content
    was, now = planned.out.get(content), found.out.get(content)
    if was and now and was != now:
        changed.append(f"what it holds ({content} {now} in place of {was})")
    if changed:
        raise _otherwise(address, found, f"somebody changed {', '.join(changed)} meanwhile")


def _otherwise(address: str, found: Live[Any], why: str) -> Moved:
    return Moved(f"{address} ({found.id}): {why}. It was left alone: plan again.", why)


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
