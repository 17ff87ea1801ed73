"""Office hours by hand: services to 0 and parked, and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reptiops.app.failure import Choose, ProvisionFailed
from reptiops.app.provisioning import provision
from reptiops.app.runs import Interrupted, Stop, announce, one_by_one, writing
from reptiops.app.site import Refused, Settings, Site, open_site, plan_site
from reptiops.aws import code, lost, message, request_id
from reptiops.engine.calls import Work
from reptiops.engine.eta import Countdown
from reptiops.operations.parking import Move, park, unpark
from reptiops.playbook import load_playbook
from reptiops.steps.alarms import running_tasks_alarm
from reptiops.steps.compute import count_range, scaled


@dataclass(frozen=True)
class Parked:
    """What office hours did: the services that were stopped or brought back."""

    services: tuple[str, ...]
    seconds: float = 0.0


def stop(environment: str, *, playbook: str = "office-hours-stop", stop: Stop | None = None, **settings: Any) -> Parked:
    """Bring services to 0 and park them. Raises Interrupted between two calls: the same again goes on."""
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    names = book.services or tuple(service.name for service in site.env.services)
    live = {a.address for a in plan_site(site).actions if a.live is not None}
    there = [name for name in names if f"compute/service/{name}" in live]
    if not there:
        raise Refused(f"{environment} has no such services to stop.")
    again = (
        f"`reptiops run {playbook} {environment}` stops the rest; until then no provision raises again what is marked as "
        "stopped.\nTo bring all of them back, run a playbook with `operation: start`, such as office-hours-start."
    )
    with writing(site, "stop", options.tell, site.scope(), stop, book) as work:
        doing = park(site.aws, site.env.cluster_name, there, _alarms(site, there))
        stopped = one_by_one(work, there, _journalled(work, doing), "stopped", again)
    announce(site, book, f"stopped: {', '.join(stopped)}", options.tell)
    return Parked(stopped, time.monotonic() - started)


def _journalled(work: Work, moves: Iterable[Move]) -> Iterator[str]:
    """Make each move when it is asked for, written down before and after; answers the service that it was about, if one.

    The records are of a kind of their own: no state follows from them, and no rollback undoes them.
    """
    for move in moves:
        what = {"address": move.address, "verb": move.verb}
        work.journal.write("counting", kind=move.kind, fields=move.fields, **what)
        requests = work.aws.note_requests()
        try:
            move.make()
        except Exception as error:
            if not lost(error):
                why = {"code": code(error), "request": request_id(error), "why": message(error)}
                work.journal.write("uncounted", requests=requests, **why, **what)
            raise
        work.journal.write("counted", requests=requests, **what)
        yield move.service


def _alarms(site: Site, services: Iterable[str]) -> list[str]:
    """The alarms that tell of tasks which do not run: wrong news while these services are parked."""
    return [site.env.named(running_tasks_alarm(name)) for name in services]


def start(
    environment: str,
    *,
    playbook: str = "office-hours-start",
    stop: Stop | None = None,
    choose: Choose | None = None,
    expect: Callable[[Countdown], None] = lambda _: None,
    **settings: Any,
) -> Parked:
    """Bring services back to their configured count: also those whose count autoscaling or the schedule sets.

    Where the schedule has them at 0 because it is night, they stay up until it stops them the next time. Raises
    Interrupted between two calls: the same again goes on.
    """
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    names = book.services or tuple(service.name for service in site.env.services)
    parked = [name for name in names if name in site.facts.parked]
    ranges = {s.name: count_range(s) for s in scaled(site.env, site.facts) if s.name in names}
    back: tuple[str, ...] = ()
    again = f"`reptiops run {playbook} {environment}` starts the rest."
    stop = stop or Stop()
    if parked or ranges:
        with writing(site, "start", options.tell, site.scope(), stop, book) as work:
            doing = unpark(site.aws, site.env.cluster_name, parked, ranges, _alarms(site, parked))
            back = one_by_one(work, names, _journalled(work, doing), "started", again, more=True)
    only = [*(f"compute/service/{name}" for name in names), *(f"compute/scalable_target/{name}" for name in ranges)]
    before = f"Started before that: {', '.join(back)}.\n" if back else ""
    try:
        done = provision(environment, only=only, stop=stop, choose=choose, expect=expect, **settings)
    except ProvisionFailed as error:
        if error.exit_code != Interrupted.exit_code:
            raise
        raise Interrupted(f"{error}\n{before}{again}") from error
    changed = {a.address.rsplit("/", 1)[1] for a in done.plan.changes if a.address.startswith("compute/service/")}
    raised = [name for name in names if name in changed or name in back]
    announce(site, book, f"started: {', '.join(raised) or 'nothing'}", options.tell)
    if stop.is_set():
        raise Interrupted(
            f"interrupted. Started: {', '.join(raised) or 'nothing'}.\nThat is all of it: nothing is left to do."
        )
    return Parked(tuple(raised), time.monotonic() - started)
