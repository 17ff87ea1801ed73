"""A plan as a document: what `plan --json` prints, what `plan --out` keeps, and what `provision --plan` holds AWS to.

Its form has a number of its own and a JSON Schema (`reptiops schema plan`). A higher number means that something was
taken away or means something else; what is only added leaves it as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reptiops import __version__
from reptiops.config import Environment
from reptiops.cost import Difference
from reptiops.endpoints import world
from reptiops.engine.action import Action
from reptiops.engine.canonical import plain
from reptiops.engine.plan import Plan, Selection
from reptiops.engine.state import Belongs
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ReptiopsError
from reptiops.validation import said

FORM = 2
"""The form's number. 1 had no header and neither time nor cost."""
ALWAYS = frozenset({"changes", "counts", "notes"})
"""What a plan of any form has; other results have a form's number, too."""
_MAKE = "`reptiops plan ENV --out FILE` writes one."
NAMED = 10
"""How many addresses are named that have moved alike; the rest is counted."""

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


class PlanFileError(ReptiopsError):
    """A plan file that cannot be read, or is of another environment."""

    exit_code = 2


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FieldChange(_Part):
    """One differing field. A value that AWS has not given yet is written as `⟦address.name⟧`."""

    field: str = Field(description="dotted path inside the resource")
    live: Json = Field(description="what AWS has")
    wanted: Json = Field(description="what the configuration wants")
    unknown: bool = Field(description="the wanted value, or a part of it, is known only after apply")
    replaces: bool = Field(description="it cannot change in place: the resource is made anew")


class PlannedChange(_Part):
    """What happens to one address."""

    address: str
    phase: str
    action: Literal["create", "update", "replace", "delete", "foreign"]
    kind: str = Field(description="service.Class, such as rds.Instance")
    id: str | None = Field(description="AWS's id; null for what is not there yet")
    undo: Literal["reversible", "reversible with data loss", "one-way"]
    why: str = Field(description="why it cannot be undone wholly; empty where it can")
    seconds: float | None = Field(description="how long it is expected to take by itself")
    monthly: float | None = Field(description="US dollars a month more or less that do not depend on traffic")
    brought_forward: bool = Field(description="it runs in an earlier phase than its address says")
    meanwhile: str = Field(default="", description="what is not as usual while it is changed; empty where all is")
    fields: tuple[FieldChange, ...]
    wanted: Json = Field(description="the whole resource as it is wanted, without secrets; null for a deletion")
    content: str | None = Field(default=None, description="the version of what goes for good, where AWS tells one")
    held: str | None = Field(
        default=None,
        description="of what goes for good: what it held then, in words, empty for nothing; null where that was not told",
    )


class Counts(_Part):
    """How many addresses of what was selected there are of each kind of change."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    foreign: int = 0
    unchanged: int = 0


class Time(_Part):
    """How long all of it is expected to take, and what holds it up."""

    seconds: float
    long_pole: str | None
    long_pole_seconds: float | None
    critical_path: tuple[str, ...]


class Cost(_Part):
    """The monthly bill in US dollars, before and after, at typical traffic; `fixed` does not depend on traffic."""

    before: float
    after: float
    typical_delta: float
    fixed_delta: float


class Chosen(_Part):
    """What the plan was asked to touch; both empty means everything."""

    phases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Undeclared(_Part):
    """What nobody declared inside what the environment owns, and a provision leaves as it is."""

    address: str = Field(description="the address in its own tag, or of what it hangs on")
    id: str
    kind: str = Field(description="service.Class, such as ec2_access.SecurityGroupRule")
    risk: Literal["security", "availability", "data", "cost", "cosmetic"]
    live: Json = Field(description="what it is like")


class AtWork(_Part):
    """A run that was changing the environment when this was made: what is seen may be its doing."""

    operation: str
    who: str
    host: str
    pid: int
    since: str = Field(description="UTC, ISO 8601")


class Unended(_Part):
    """Runs that were killed, or failed and were kept."""

    runs: tuple[str, ...] = Field(description="their ids")
    operations: tuple[str, ...] = Field(description="what each was, such as provision")
    ways_out: tuple[str, ...] = Field(description="the commands that end the doubt")


class PlanDocument(_Part):
    """A whole plan."""

    form: Literal[2] = Field(default=2, alias="schema")
    reptiops: str = Field(description="the version that made it")
    made: str = Field(description="when, UTC, ISO 8601")
    environment: str
    account: str
    region: str
    endpoint: str = Field(description="whose AWS: the service's own, or a sandbox's name")
    configuration: str = Field(description="a digest of the configuration that it was made from")
    selection: Chosen
    counts: Counts
    notes: tuple[str, ...]
    time: Time | None
    cost: Cost | None
    changes: tuple[PlannedChange, ...]
    needs_allow_replace: tuple[str, ...] = Field(
        default=(), description="addresses for which provision refuses without --allow-replace"
    )
    braked: str = Field(default="", description="why provision refuses so many changes; empty where it does not")
    undeclared: tuple[Undeclared, ...] = ()
    at_work: AtWork | None = None
    unfinished: Unended | None = None


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of a plan document."""
    schema = PlanDocument.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def digest(env: Environment) -> str:
    """The same for two files that mean the same."""
    return hashlib.sha256(json.dumps(env.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]


def document(
    env: Environment,
    belongs: Belongs,
    plan: Plan,
    selection: Selection,
    difference: Difference | None,
    held: Mapping[str, str] = MappingProxyType({}),
) -> PlanDocument:
    """A plan with everything that a reader, or a later run, has to know about it. `held`: by address what those hold that
    it deletes for good, where that is known.
    """
    return PlanDocument(
        reptiops=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=belongs.environment,
        account=belongs.account,
        region=belongs.region,
        endpoint=belongs.endpoint,
        configuration=digest(env),
        selection=Chosen(phases=tuple(sorted(selection.phases)), addresses=selection.addresses),
        counts=counts(plan),
        notes=(*plan.notes, *(f"refused: {address}: {why}" for address, why in plan.stuck.items())),
        time=_time(plan),
        cost=_cost(difference),
        changes=tuple(c.model_copy(update={"held": held.get(c.address)}) for c in changes(plan, difference)),
        undeclared=tuple(
            Undeclared(address=one.address, id=one.id, kind=one.kind, risk=one.risk, live=one.live)
            for one in plan.beside
        ),
    )


def counts(plan: Plan) -> Counts:
    """How many addresses there are of each kind of change."""
    verbs = ("create", "update", "replace", "delete", "foreign")
    return Counts(unchanged=plan.count("none"), **{verb: plan.count(verb) for verb in verbs})  # type: ignore[arg-type]


def changes(plan: Plan, difference: Difference | None = None) -> tuple[PlannedChange, ...]:
    """Every address that changes, in the plan's order."""
    return tuple(_change(action, plan, difference) for action in plan.changes)


def _change(action: Action, plan: Plan, difference: Difference | None) -> PlannedChange:
    leg = plan.forecast.legs.get(action.address) if plan.forecast else None
    how = action.undoing
    return PlannedChange(
        address=action.address,
        phase=action.phase,
        action=action.verb,  # type: ignore[arg-type]
        kind=action.kind.kind(),
        id=action.live.id if action.live else None,
        undo=how.undo,
        why=how.why,
        seconds=round(leg.seconds, 1) if leg else None,
        monthly=round(difference.by_address.get(action.address, 0.0), 2) if difference else None,
        brought_forward=action.brought_forward,
        meanwhile=action.meanwhile,
        fields=tuple(
            FieldChange(field=c.path, live=c.has, wanted=c.want, unknown=is_unknown(c.want), replaces=c.fixed)
            for c in action.changes
        ),
        wanted=None if action.verb == "delete" or action.want is None else plain(action.want),
        content=action.live.out.get(action.kind.content)
        if action.verb in ("delete", "replace") and action.live
        else None,
    )


def _time(plan: Plan) -> Time | None:
    if plan.forecast is None:
        return None
    pole = plan.forecast.pole
    return Time(
        seconds=round(plan.forecast.seconds, 1),
        long_pole=pole.address if pole else None,
        long_pole_seconds=round(pole.seconds, 1) if pole else None,
        critical_path=tuple(leg.address for leg in plan.forecast.path),
    )


def _cost(difference: Difference | None) -> Cost | None:
    if difference is None:
        return None
    return Cost(
        before=round(difference.before.total.typical, 2),
        after=round(difference.after.total.typical, 2),
        typical_delta=round(difference.typical, 2),
        fixed_delta=round(difference.fixed, 2),
    )


# --- kept in a file, and held to ---------------------------------------------------------------------------------


def text(made: PlanDocument) -> str:
    """The document as JSON, stable order."""
    return json.dumps(made.model_dump(mode="json", by_alias=True), indent=2, sort_keys=True) + "\n"


def read_plan(file: Path) -> PlanDocument:
    """A plan that was kept with `plan --out`. Raises PlanFileError where it is none, or of another form."""
    try:
        raw = json.loads(file.read_text())
    except OSError as error:
        raise PlanFileError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PlanFileError(f"{file} is no plan: it is not JSON. {_MAKE}") from error
    number = raw.get("schema") if isinstance(raw, dict) else None
    if number is None or not raw.keys() >= ALWAYS:
        raise PlanFileError(f"{file} is no plan. {_MAKE}")
    if type(number) is not int:
        raise PlanFileError(f"{file} is no plan: schema is {number!r}, which is no number. {_MAKE}")
    if number != FORM:
        raise PlanFileError(f"{file} is a plan of form {number}, this version knows {FORM}. {_MAKE}")
    if lacks := [name for name, one in PlanDocument.model_fields.items() if one.is_required() and name not in raw]:
        raise PlanFileError(f"{file} is no plan: it lacks {', '.join(lacks)}. {_MAKE}")
    try:
        return PlanDocument.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanFileError(f"{file} is no plan: {where}: {said(first)[0]}. {_MAKE}") from error


def moved(kept: PlanDocument, now: PlanDocument) -> tuple[str, ...]:
    """What is no longer as it was when the plan was made, a sentence each, over the addresses of which it is true where
    these are several; empty means that it still holds.
    """
    if found := elsewhere(kept, now):
        return found
    changed = kept.configuration != now.configuration
    told = (f"the configuration of {kept.environment} has changed",) if changed else ()
    reasons: dict[str, list[str]] = {}
    for address, why in _differing(kept.changes, now.changes):
        reasons.setdefault(why, []).append(address)
    return (*told, *(_together(why, addresses) for why, addresses in reasons.items()))


def _together(why: str, addresses: list[str]) -> str:
    if not addresses[1:]:
        return f"{addresses[0]}: {why}"
    more = [f"and {len(addresses) - NAMED} more"] if addresses[NAMED:] else []
    return "\n  ".join((f"{why}:", *addresses[:NAMED], *more))


def elsewhere(kept: PlanDocument, now: PlanDocument | Belongs) -> tuple[str, ...]:
    """What says that a plan is about another world than this one, a sentence each."""
    return tuple(
        f"the plan is for {name} {was}, this run is {is_now}"
        for name in ("environment", "account", "region", "endpoint")
        if (was := world(getattr(kept, name))) != (is_now := world(getattr(now, name)))
    )


def _differing(kept: Iterable[PlannedChange], now: Iterable[PlannedChange]) -> Iterator[tuple[str, str]]:
    """Addresses that a plan tells otherwise, each with how."""
    was, is_now = {c.address: c for c in kept}, {c.address: c for c in now}
    for address in dict.fromkeys([*was, *is_now]):
        one, other = was.get(address), is_now.get(address)
        if one is None or other is None or one.action != other.action:
            said = f"the plan said {_in_words(one)}" if one else "the plan left it as it is"
            yield address, f"{said}, now {f'it would say {_in_words(other)}' if other else 'there is nothing to do'}"
        elif one.id != other.id:
            yield address, f"the plan was about {one.id}, now it is {other.id}"
        elif one.content and other.content and one.content != other.content:
            yield address, "what it holds is another now"
        elif one.held == "" and other.held:
            yield address, f"{other.held}, which it did not when the plan was made"
        elif (one.fields, one.wanted) != (other.fields, other.wanted):
            names = ", ".join(sorted({json.loads(f)[0] for f in _fields_of(one) ^ _fields_of(other)}))
            yield address, f"{names or 'what is wanted'} would be another now"


def _in_words(change: PlannedChange) -> str:
    """`update of idle_timeout, name`."""
    names = ", ".join(sorted({one.field for one in change.fields}))
    return f"{change.action} of {names}" if names else change.action


def _fields_of(change: PlannedChange) -> set[str]:
    return {json.dumps([f.field, f.live, f.wanted], sort_keys=True) for f in change.fields}
