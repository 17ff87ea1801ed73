"""Keeping an environment as it was applied: drift, reconcile, accept, put together for the command line and Python."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reptiops import app
from reptiops.config import environment_file, parse_environment
from reptiops.configtext import with_overrides
from reptiops.engine.apply import Apply
from reptiops.engine.drift import Drift, Finding, find
from reptiops.engine.plan import Matcher, NeedsMissing, Plan, Selection, look, make
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import plain
from reptiops.engine.rollback import inventory
from reptiops.engine.scope import Scope
from reptiops.errors import ReptiopsError
from reptiops.operations.notify import metrics, tell
from reptiops.operations.parking import park, unpark
from reptiops.operations.who import Deed, changed
from reptiops.playbook import Notifications, Playbook, Repair, load_playbook
from reptiops.shipped import is_shipped

TOLD = "told.json"
LINES = 10
"""How many findings a message names."""
FLAPPING = 3
"""After so many repairs of the same thing within a day it is reported instead: somebody else wants it otherwise."""


def _look(site: app.Site) -> tuple[Scope, Matcher]:
    scope = site.scope()
    look(scope, site.graph.kinds())
    return scope, Matcher(scope, site.graph.kinds(), site.state)


def drift(environment: str, **settings: Any) -> Drift:
    """What differs from what was last applied. Reads only."""
    site = app.open_site(app.Settings(environment, **settings))
    return drift_site(site)


def drift_site(site: app.Site, matcher: Matcher | None = None) -> Drift:
    """The drift of an opened site."""
    return find(site.graph, site.given, matcher or _look(site)[1], site.state, app.owner_of(site.env))


@dataclass(frozen=True)
class Reconciled:
    """What a reconcile did: mended, left (with the reason), and what still differs."""

    mended: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    braked: str = ""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """3 when anything was reported, asked and unanswered, or braked; 0 otherwise."""
        return 3 if self.left or self.braked else 0


def reconcile(
    environment: str,
    *,
    yes: bool = False,
    max_changes: int | None = None,
    phases: Iterable[str] = (),
    ask: Callable[[Finding], bool] = lambda _: False,
    stop: threading.Event | None = None,
    playbook: str = "reconcile",
    **settings: Any,
) -> Reconciled:
    """Make live what was applied, within what the playbook allows. Raises Refused while something is deploying."""
    started = time.monotonic()
    options = app.Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = app.open_site(options)
    scope, matcher = _look(site)
    before = drift_site(site, matcher)
    chosen = frozenset(phases) or frozenset(book.phases)
    findings = [f for f in before.findings if f.address.split("/")[0] in chosen]
    if before.busy and findings:
        raise app.Refused("Something is in the middle of a change:\n  " + "\n  ".join(before.busy))
    mend, left = _sort(findings, before, book, _history(site), yes, ask)
    braked = _brake(mend, before, book, max_changes)
    if braked or not mend:
        return Reconciled((), tuple(left), braked, time.monotonic() - started)
    made, selection, held = _repairs(site, scope, tuple(dict.fromkeys(f.address for f in mend if f.what != "extra")))
    left += [(f, held[f.address]) for f in mend if f.address in held and f.what != "extra"]
    mend = [f for f in mend if f.address not in held or f.what == "extra"]
    if not mend:
        return Reconciled((), tuple(left), "", time.monotonic() - started)
    lost = [a.address for a in made.actions if a.verb == "replace" and a.kind.holds_data]
    if lost and book.brake.data:
        return Reconciled((), tuple(left), f"this would replace what holds data: {', '.join(lost)}")
    with app.writing(site, "reconcile", options.tell, scope, stop, book) as work:
        for finding in mend:
            work.journal.write("repair", address=finding.address, key=finding.key)
        if made.changes:
            world = inventory(scope, site.graph.kinds())
            run = Apply(site.graph, site.given, made, matcher, work, book.strict_phases, selection)
            try:
                run.run()
            except ReptiopsError as error:
                app.handle_failure(site, run, work, world, error, "keep" if book.on_failure == "keep" else "rollback")
        gone = [before.extras[f.id] for f in mend if f.what == "extra"]
        if gone:
            Remove(site.graph, [Doomed(f"{path}/{one.id}", has, one, path) for has, one, path in gone], work).run()
        again = work.scope.again()
        look(again, site.graph.kinds())
    after = drift_site(site, Matcher(again, site.graph.kinds(), site.state))
    keys = {f.key for f in after.findings}
    left += [(f, "still differs") for f in mend if f.key in keys]
    return Reconciled(tuple(f for f in mend if f.key not in keys), tuple(left), "", time.monotonic() - started)


def _repairs(site: app.Site, scope: Scope, addresses: tuple[str, ...]) -> tuple[Plan, Selection, Mapping[str, str]]:
    """The plan for what is changed or missing, with what only has to follow; nothing is deleted by it.

    Answers too which of the addresses cannot be mended, and why: they need what is missing and is left so.
    """
    held: dict[str, str] = {}
    following = _followers(site, scope) - set(addresses) if addresses else set()
    while True:
        whole = tuple(a for a in (*addresses, *sorted(following)) if a not in held)
        if not whole:
            return Plan(()), Selection(addresses=("none",)), held
        selection = Selection(addresses=whole)
        try:
            made = make(site.graph, site.given, scope, site.state, selection)
        except NeedsMissing as error:
            held[error.address] = f"it needs {error.missing}, which is missing and is not mended"
            continue
        return replace(made, actions=tuple(a for a in made.actions if a.verb != "delete")), selection, held


def _followers(site: app.Site, scope: Scope) -> set[str]:
    """Addresses that only have to follow what another resource becomes, such as a service its task definition."""
    found = set()
    for a in make(site.graph, site.given, scope, site.state).actions:
        fields = {f.name for f in dataclasses.fields(a.kind) if f.metadata.get("follows")}
        if a.verb == "update" and {c.field for c in a.changes} <= fields:
            found.add(a.address)
    return found


def _history(site: app.Site) -> Mapping[str, int]:
    """How often each finding was repaired within the last day, from the journals."""
    since = app.run_id(datetime.now(UTC) - timedelta(days=1))
    counts: dict[str, int] = {}
    for run in site.records.runs():
        for record in site.records.records(run) if run >= since else ():
            if record["event"] == "repair":
                counts[record["key"]] = counts.get(record["key"], 0) + 1
    return counts


def _sort(
    findings: Iterable[Finding],
    before: Drift,
    book: Playbook,
    history: Mapping[str, int],
    yes: bool,
    ask: Callable[[Finding], bool],
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """What is mended, and what is left with the reason."""
    waiting = {f.address for f in before.pending}
    mend: list[Finding] = []
    left: list[tuple[Finding, str]] = []
    for finding in findings:
        rule: Repair = book.repair.decide(finding.address.split("/")[0], finding.risk)  # type: ignore[arg-type]
        times = history.get(finding.key, 0)
        if times >= FLAPPING:
            left.append((finding, f"it came back: mended {times} times within a day"))
        elif finding.address in waiting and finding.what == "changed":
            left.append((finding, "a change of the configuration is pending there: provision it"))
        elif rule == "report":
            left.append((finding, "the playbook only reports it"))
        elif rule == "ask" and not yes and not ask(finding):
            left.append((finding, "the playbook asks, and nobody answered yes"))
        else:
            mend.append(finding)
    return mend, left


def _brake(mend: Iterable[Finding], before: Drift, book: Playbook, max_changes: int | None) -> str:
    listed = list(mend)
    limit = max_changes if max_changes is not None else book.brake.max_changes
    if limit is not None and len(listed) > limit:
        return f"{len(listed)} changes would be made, and the brake is at {limit}"
    data = [f.id for f in listed if f.what == "extra" and before.extras[f.id][0].holds_data]
    if data and book.brake.data:
        return f"this would delete what holds data: {', '.join(data)}"
    return ""


@dataclass(frozen=True)
class Parked:
    """What office hours did: the services that were stopped or brought back."""

    services: tuple[str, ...]
    seconds: float = 0.0


def stop(environment: str, *, playbook: str = "office-hours-stop", **settings: Any) -> Parked:
    """Bring services to 0 and park the environment."""
    started = time.monotonic()
    options = app.Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = app.open_site(options)
    names = book.services or tuple(service.name for service in site.env.services)
    live = {a.address for a in app.plan_site(site).actions if a.live is not None}
    there = [name for name in names if f"compute/service/{name}" in live]
    if not there:
        raise app.Refused(f"{environment} has no such services to stop.")
    with app.writing(site, "stop", options.tell, site.scope(), None, book):
        stopped = park(site.aws, site.env.cluster_name, there, _alarms(site))
    return Parked(stopped, time.monotonic() - started)


def _alarms(site: app.Site) -> list[str]:
    """The alarms that tell of tasks which do not run: wrong news while the environment is parked."""
    return [site.env.named(app.running_tasks_alarm(service.name)) for service in site.env.services]


def start(environment: str, *, playbook: str = "office-hours-start", **settings: Any) -> Parked:
    """Bring services back to their configured count."""
    started = time.monotonic()
    options = app.Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = app.open_site(options)
    if site.facts.parked:
        with app.writing(site, "start", options.tell, site.scope(), None, book):
            unpark(site.aws, site.env.cluster_name, _alarms(site))
    names = book.services or tuple(service.name for service in site.env.services)
    only = [f"compute/{step}/{name}" for name in names for step in ("service", "scalable_target")]
    done = app.provision(environment, only=only, **settings)
    raised = [a.address.rsplit("/", 1)[1] for a in done.plan.changes if a.address.startswith("compute/service/")]
    return Parked(tuple(raised), time.monotonic() - started)


def accept(environment: str, address: str, **settings: Any) -> tuple[Path, tuple[Finding, ...]]:
    """Make what somebody changed by hand the wanted value: an override in the configuration file, comments kept.

    Answers the file and the findings that were accepted. Raises Refused where nothing there can be accepted, or where
    the file is one that was shipped with the tool.
    """
    options = app.Settings(environment, **settings)
    file = environment_file(environment, options.config_dir)
    if is_shipped(file):
        raise app.Refused(f"{file} was shipped with the tool and is never written: copy it to a directory of your own.")
    site = app.open_site(options)
    _, matcher = _look(site)
    chosen = [f for f in drift_site(site, matcher).findings if f.address == address and f.what == "changed"]
    if not chosen:
        raise app.Refused(f"{address} has no changed field. Extras and missing things cannot be accepted.")
    live = next(a.live for a in app.plan_site(site).actions if a.address == address and a.live is not None)
    whole = plain(live.has)
    fields = {f.field.split(".")[0] for f in chosen}
    values = {name: whole[name] for name in sorted(fields)} if isinstance(whole, dict) else {}
    text = with_overrides(file.read_text(), address, values)
    parse_environment(text, environment, str(file))
    file.write_text(text)
    with app.writing(site, "accept", options.tell, site.scope()) as work:
        work.accept(address, live)
    return file, tuple(chosen)


def notify(
    environment: str,
    playbook: str,
    findings: Iterable[Finding],
    *,
    mended: Iterable[Finding] = (),
    failed: bool = False,
    **settings: Any,
) -> tuple[Finding, ...]:
    """Tell what is new since the last run, where the playbook says so; answers what was told.

    What was told is kept beside the state. A finding that goes away and comes back is new again.
    """
    options = app.Settings(environment, **settings)
    how = load_playbook(playbook, options.playbook_dir).notifications
    site = app.open_site(options)
    listed, done = list(findings), list(mended)
    backend = site.records.backend
    backend.prepare()
    stored = backend.read(TOLD)
    told = set(json.loads(stored.data)) if stored else set()
    new = tuple(f for f in listed if f.key not in told or not how.only_new)
    # First written down, then told: a run that is killed in between tells nothing, but nobody is told twice.
    backend.write(TOLD, json.dumps(sorted(f.key for f in listed)).encode())
    try:
        _tell(site, how, new, _message(environment, new, listed, done))
        if how.metrics:
            _count(site, listed, done, failed)
    except Exception:
        backend.write(TOLD, json.dumps(sorted(told)).encode())  # it was not told: the next run tries again
        raise
    return new


def _tell(site: app.Site, how: Notifications, new: Iterable[Finding], text: str) -> None:
    listed = list(new)
    if listed:
        subject = f"{site.env.prefix}: {len(listed)} new findings"
        tell(site.aws, site.topic if how.topic else None, how.webhook_variable, subject, text)


def _count(site: app.Site, listed: Iterable[Finding], mended: Iterable[Finding], failed: bool) -> None:
    counts = {
        "DriftedResources": len({f.address for f in listed}),
        "RepairedResources": len({f.address for f in mended}),
        "ReconcileFailed": int(failed),
    }
    site.aws.read_only = False  # three numbers: the only writes of a run that otherwise reads
    try:
        metrics(site.aws, site.env.metrics_namespace, counts)
    finally:
        site.aws.read_only = True


def _message(environment: str, new: Iterable[Finding], all_of_them: list[Finding], mended: list[Finding]) -> str:
    """For a phone: what is new first, a line each, then the counts."""
    lines = [f"{f.risk}: {f.address} {f.field or f.what}{f' {f.id}' if f.what == 'extra' else ''}" for f in new]
    shown = [*lines[:LINES], *([f"… and {len(lines) - LINES} more"] if len(lines) > LINES else [])]
    return "\n".join([*shown, f"{environment}: {len(all_of_them)} differ in all, {len(mended)} were mended."])


def who(environment: str, findings: Iterable[Finding], **settings: Any) -> dict[str, Deed | str]:
    """By finding: who did it, or why that cannot be told. Looked up by the id and by what it hangs on."""
    site = app.open_site(app.Settings(environment, **settings))
    told: dict[str, Deed | str] = {}
    for finding in findings:
        told[finding.key] = changed(site.aws, dict.fromkeys([finding.id, finding.id.rsplit("/", 1)[-1]]))
    return told
