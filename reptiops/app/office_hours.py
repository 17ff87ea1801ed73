"""Office hours by hand: services to 0 with the environment parked, and back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from reptiops.app.provisioning import provision
from reptiops.app.runs import announce, writing
from reptiops.app.site import Refused, Settings, Site, open_site, plan_site
from reptiops.operations.parking import park, unpark
from reptiops.playbook import load_playbook
from reptiops.steps.monitoring import running_tasks_alarm


@dataclass(frozen=True)
class Parked:
    """What office hours did: the services that were stopped or brought back."""

    services: tuple[str, ...]
    seconds: float = 0.0


def stop(environment: str, *, playbook: str = "office-hours-stop", **settings: Any) -> Parked:
    """Bring services to 0 and park the environment."""
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    names = book.services or tuple(service.name for service in site.env.services)
    live = {a.address for a in plan_site(site).actions if a.live is not None}
    there = [name for name in names if f"compute/service/{name}" in live]
    if not there:
        raise Refused(f"{environment} has no such services to stop.")
    with writing(site, "stop", options.tell, site.scope(), None, book):
        stopped = park(site.aws, site.env.cluster_name, there, _alarms(site))
    announce(site, book, f"stopped: {', '.join(stopped)}", options.tell)
    return Parked(stopped, time.monotonic() - started)


def _alarms(site: Site) -> list[str]:
    """The alarms that tell of tasks which do not run: wrong news while the environment is parked."""
    return [site.env.named(running_tasks_alarm(service.name)) for service in site.env.services]


def start(environment: str, *, playbook: str = "office-hours-start", **settings: Any) -> Parked:
    """Bring services back to their configured count."""
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    site = open_site(options)
    if site.facts.parked:
        with writing(site, "start", options.tell, site.scope(), None, book):
            unpark(site.aws, site.env.cluster_name, _alarms(site))
    names = book.services or tuple(service.name for service in site.env.services)
    only = [f"compute/{step}/{name}" for name in names for step in ("service", "scalable_target")]
    done = provision(environment, only=only, **settings)
    raised = [a.address.rsplit("/", 1)[1] for a in done.plan.changes if a.address.startswith("compute/service/")]
    announce(site, book, f"started: {', '.join(raised) or 'nothing'}", options.tell)
    return Parked(tuple(raised), time.monotonic() - started)
