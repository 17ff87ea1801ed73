"""What a provision refuses before it begins, decided in one place: `plan` tells of it, `provision` holds to it."""

from __future__ import annotations

from dataclasses import dataclass

from reptiops.app.site import Refused
from reptiops.engine.action import Action
from reptiops.engine.plan import EVERYTHING, Plan, Selection
from reptiops.playbook import Playbook

NAMED, LISTED = 4, 12
"""So many addresses a refusal names in a sentence, so many a line each."""


@dataclass(frozen=True)
class Allowing:
    """What of a plan somebody has to allow with --allow-replace."""

    lost: tuple[Action, ...]
    """What holds data and goes."""
    replaced: tuple[Action, ...]
    """What is made anew and the playbook does not name."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Each once, in the plan's order of either."""
        return tuple(dict.fromkeys(a.address for a in (*self.lost, *self.replaced)))


def allowing(made: Plan, playbook: Playbook) -> Allowing:
    """What of this plan is done only where somebody allows it, run by this playbook. Nothing of one that cannot be carried
    out as things are: to allow it would be of no use.
    """
    if made.stuck:
        return Allowing((), ())
    lost = (a for a in made.actions if a.verb in ("delete", "replace") and a.kind.holds_data)
    replaced = (a for a in made.actions if a.verb == "replace" and not playbook.may_replace(a.address))
    return Allowing(tuple(lost) if playbook.brake.data else (), tuple(replaced))


def braked(made: Plan, playbook: Playbook) -> str:
    """That this is more than the playbook lets a run change; empty where it is not."""
    most = playbook.brake.max_changes
    if most is None or len(made.changes) <= most:
        return ""
    return f"{len(made.changes)} changes would be made, and the playbook {playbook.name} brakes at {most} (brake.max_changes)"


def refuse(environment: str, made: Plan, playbook: Playbook, allow_replace: bool, selection: Selection) -> None:
    """Raise Refused where this plan is not carried out, with all that is of one reason."""
    foreign = [a for a in made.actions if a.verb == "foreign"]
    if foreign:
        raise Refused(
            f"{_these(foreign)} already, and nothing says that reptiops made {'them' if foreign[1:] else 'it'}.\n"
            f"{_take_over(environment, foreign)}\n"
            "This shows first what differs, then tags and records, and changes nothing else. "
            "Or choose other names in the configuration.",
            unchanged=True,
        )
    if too_many := braked(made, playbook):
        raise Refused(f"{too_many}.")
    if made.stuck:
        names = _listed(environment, [f"{address}: {why}" for address, why in made.stuck.items()])
        raise Refused(f"This cannot be done as things are:\n{names}", unchanged=True)
    needed = allowing(made, playbook)
    if needed.lost and not allow_replace:
        names = "\n".join(f"  {a.address}: {a.verb} {a.live.id if a.live else ''}" for a in needed.lost)
        raise Refused(f"This would lose what holds data:\n{names}\nAllow it with --allow-replace.")
    beside = [a.address for a in made.actions if a.verb == "replace" and a.kind.made_beside]
    if beside and selection != EVERYTHING:
        raise Refused(
            f"Replacing {', '.join(beside)} takes along whatever uses it, and that may lie outside of what was selected: "
            f"`reptiops provision {environment}`, without --phase and --only, selects everything."
        )
    if needed.replaced and not allow_replace:
        names = _listed(environment, [_anew(a) for a in needed.replaced])
        raise Refused(f"These would be made anew:\n{names}\nAllow it with --allow-replace.")


def _anew(a: Action) -> str:
    """Why it is made anew, and whether there is none of it meanwhile."""
    how = "beside the old one, which goes last" if a.kind.made_beside else "deleted first"
    return f"{a.address}: {', '.join(c.path for c in a.changes) or 'failed'}, {how}"


def _these(foreign: list[Action]) -> str:
    """What exists, by address and id where there are few of them."""
    if len(foreign) > NAMED:
        return f"{len(foreign)} of the resources to be made exist"
    names = ", ".join(f"{a.address} ({a.live.id})" if a.live else a.address for a in foreign)
    return f"{names} exist{'' if foreign[1:] else 's'}"


def _take_over(environment: str, foreign: list[Action]) -> str:
    """How to take over what exists: one by one where there are few, else what lists them."""
    if len(foreign) > NAMED:
        return (
            f"`reptiops adopt {environment}` lists them with what differs, `reptiops adopt {environment} --all` takes over "
            "all that it finds."
        )
    ways = [f"  reptiops adopt {environment} {a.address} {a.live.id if a.live else ''}" for a in foreign]
    return "\n".join(("To take over:", *ways))


def _listed(environment: str, lines: list[str]) -> str:
    """A line each; of very many the first, and where the rest is."""
    more = (
        [f"  and {len(lines) - LISTED} more: `reptiops plan {environment}` shows them"] if len(lines) > LISTED else []
    )
    return "\n".join((*(f"  {one}" for one in lines[:LISTED]), *more))
