"""What of a drift is mended unasked, what somebody is asked about, and what stays, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reptiops.app.repairing import urgent
from reptiops.app.runs import run_id
from reptiops.app.site import Refused, Site
from reptiops.engine.drift import Drift, Finding
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Resource
from reptiops.playbook import Playbook, Repair

FLAPPING = 3
"""After so many repairs of the same thing within a day somebody else wants it otherwise: a person has to say yes."""
BY_RULE = "the playbook asks"
UNANSWERED = "and nobody answered yes"


@dataclass(frozen=True)
class Decided:
    """The findings of a reconcile. `first` is closed before anything else, a question included; `mend` needs no question.
    What is asked about or left has its reason.
    """

    first: tuple[Finding, ...]
    mend: tuple[Finding, ...]
    ask: tuple[tuple[Finding, str], ...]
    left: tuple[tuple[Finding, str], ...]


def decide(findings: Iterable[Finding], before: Drift, site: Site, book: Playbook, yes: bool) -> Decided:
    """Sort by the playbook; `yes` answers what it would ask. While something is in the middle of a change only what is
    open to strangers is decided, the rest stays: raises Refused where there is nothing of that.
    """
    listed = list(findings)
    changing = f"not while something is in the middle of a change ({before.busy[0]})" if before.busy else ""
    waiting, history = {f.address for f in before.pending}, _history(site)
    kinds = {kind.kind(): kind for kind in site.graph.kinds()}
    sure: list[Finding] = []
    asked: list[tuple[Finding, str]] = []
    left: list[tuple[Finding, str]] = []
    for finding in listed:
        times = history.get(finding.key, 0)
        rule = _rule(finding, book, kinds.get(finding.kind))
        if changing and not urgent(finding, before):
            left.append((finding, changing))
        elif finding.address in waiting and finding.what == "changed":
            left.append((finding, "a change of the configuration is pending there: provision it"))
        elif rule == "report":
            left.append((finding, "the playbook only reports it"))
        elif yes or (rule != "ask" and times < FLAPPING):
            sure.append(finding)
        else:
            asked.append(
                (finding, f"it came back: mended {times} times within a day" if times >= FLAPPING else BY_RULE)
            )
    if before.busy and listed and not sure and not asked:
        raise Refused(
            "Something is in the middle of a change:\n  " + "\n  ".join(before.busy),
            unchanged=True,
            then="Run the same command again when that has ended.",
        )
    first = tuple(f for f in sure if urgent(f, before))
    asked.sort(key=lambda one: one[0].risk != "security")
    return Decided(first, tuple(f for f in sure if f not in first), tuple(asked), tuple(left))


def _history(site: Site) -> Mapping[str, int]:
    """How often each finding was repaired within the last day, from the journals."""
    since = run_id(datetime.now(UTC) - timedelta(days=1))
    counts: dict[str, int] = {}
    for run in site.records.runs():
        for record in site.records.records(run, strict=False) if run >= since else ():
            if record["event"] == "repair":
                counts[record["key"]] = counts.get(record["key"], 0) + 1
    return counts


def _rule(finding: Finding, book: Playbook, kind: type[Resource] | None) -> Repair:
    """The playbook's rule. What may serve somebody, and a protection that somebody switched on, never goes unasked."""
    rule = book.repair.decide(finding.address.split("/")[0], finding.risk)  # type: ignore[arg-type]
    if kind is None:
        return "report"
    serving = finding.what == "extra" and not kind.removable
    protecting = finding.field in kind.protections and finding.live in (True, "true")
    return "ask" if rule == "repair" and (serving or protecting) else rule


def brake(mend: Iterable[Finding], before: Drift, book: Playbook, max_changes: int | None) -> str:
    """Why so many repairs, or these, are not for a reconcile to carry out; empty where they are. What is repaired of one
    resource is one change.
    """
    listed = list(mend)
    limit = max_changes if max_changes is not None else book.brake.max_changes
    number = changes(listed)
    if limit is not None and number > limit:
        return f"{number} changes would be made, and the brake is at {limit}"
    data = [f.id for f in listed if f.what == "extra" and before.extra(f)[0].holds_data]
    if data and book.brake.data:
        return f"this would delete what holds data: {', '.join(data)}"
    return ""


def changes(found: Iterable[Finding]) -> int:
    """How many resources have to be made, changed or removed to mend these."""
    return len({one.resource for one in found})


@dataclass(frozen=True)
class Braking:
    """Where a reconcile would stop before it has begun."""

    why: str = ""
    """Empty where it would not."""
    needs: int = 0
    """The number of changes that the brake would have to allow; 0 where something else stops it."""
    closes: bool = False
    """Whether it closes what is open to strangers all the same."""
    stays: tuple[Finding, ...] = ()
    """What else is a matter of security, and stays as it is."""


def foretold(before: Drift, site: Site, book: Playbook) -> Braking:
    """Where a reconcile by this playbook would stop, unless somebody says yes to more. Journals are read only where there
    is as much as that.
    """
    chosen = [f for f in before.findings if f.kind and f.address.split("/")[0] in book.phases]
    if before.busy or not brake(chosen, before, book, None):
        return Braking()
    found = decide(chosen, before, site, book, yes=False)
    unasked = (*found.first, *found.mend)
    why, number = brake(unasked, before, book, None), changes(unasked)
    if not why:
        return Braking()
    closes = bool(found.first) and not brake(found.first, before, book, None)
    stays = tuple(f for f in chosen if f.risk == "security" and not (closes and f in found.first))
    return Braking(why, 0 if brake(unasked, before, book, number) else number, closes, stays)


def beyond(made: Plan, book: Playbook) -> str:
    """Why a plan is not for a reconcile to carry out; empty where it is."""
    replaced = [a for a in made.actions if a.verb == "replace"]
    if book.brake.data and (lost := [a.address for a in replaced if a.kind.holds_data]):
        return f"this would replace what holds data: {', '.join(lost)}"
    if beside := [a.address for a in replaced if a.kind.made_beside]:
        return f"{', '.join(beside)}: replacing it takes along whatever uses it: provision"
    return ""
