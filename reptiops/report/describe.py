"""Outcomes and status as plain data: what `--json` prints and what the terminal renders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops import plandocument
from reptiops.app import Outcome
from reptiops.config import Environment
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Live
from reptiops.report.terminal import age

PUSH = "push these images"


def outcome(done: Outcome, todos: Iterable[Todo] = ()) -> dict[str, Any]:
    """A finished provision: what was planned, and what came of it."""
    return {
        "schema": plandocument.FORM,
        "notes": list(done.plan.notes),
        "counts": plandocument.counts(done.plan).model_dump(),
        "changes": [change.model_dump(mode="json") for change in plandocument.changes(done.plan)],
        "seconds": round(done.seconds, 1),
        "calls": done.calls,
        "left": list(done.left),
        "left_alone": list(done.left_alone),
        "elsewhere": None if done.elsewhere is None else dict(done.elsewhere),
        "by_hand": [vars(todo) for todo in todos],
        "resources": {address: one.id for address, one in sorted(done.live.items())},
    }


def status(made: Plan, now: float, recorded: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """One row for each resource: address, id, live status, age.

    `recorded` is when the state says that an address was made, ISO 8601: for the kinds of which AWS does not tell it.
    """
    rows = []
    for a in made.actions:
        if a.live is None:
            word = "being deleted" if a.going else "absent"
            rows.append({"address": a.address, "id": "", "status": word, "age": "", "kind": a.kind.kind()})
            continue
        word = a.live.status.word or a.live.status.phase
        if a.verb in ("update", "replace"):
            word += ", differs"
        elif a.verb == "delete":
            word += ", not declared"
        rows.append(
            {
                "address": a.address,
                "id": a.live.id,
                "status": word,
                "age": age(a.live, now, (recorded or {}).get(a.address, "")),
                "kind": a.kind.kind(),
            }
        )
    return rows


def outputs(env: Environment, live: Mapping[str, Live[Any]]) -> dict[str, str]:
    """What other people need: addresses in the web, endpoints, ARNs; nothing that is the account's own."""
    served = {address.rsplit("/", 1)[1] for address in live if address.startswith("compute/service/")}
    found: dict[str, str] = {}
    for host, service in env.hosts.items():
        if service in served:
            found.setdefault(f"{service.replace('-', '_')}_url", f"https://{host}")
    for address, one in sorted(live.items()):
        if one.has.existing:
            continue
        name = address.split("/", 1)[1].replace("/", "_").replace("-", "_")
        for key, value in one.out.items():
            if key in ("arn", "dns_name", "domain_name", "endpoint", "host", "uri", "name_servers"):
                found[f"{name}_{key}"] = value
    return found


@dataclass(frozen=True)
class Todo:
    """One thing that is left for a person: what, the things it is about, and what happens until then."""

    what: str
    items: tuple[str, ...]
    until: str = ""


def by_hand(env: Environment, done: Outcome) -> list[Todo]:
    """What is left for a person to do after a provision, in the order in which it should be done."""
    found = [_delegation(env, done), _images(env, done), _subscriptions(done)]
    return [todo for todo in found if todo is not None]


def _delegation(env: Environment, done: Outcome) -> Todo | None:
    zone = done.live.get("security/hosted_zone")
    made = any(a.address == "security/hosted_zone" and a.verb == "create" for a in done.plan.changes)
    if zone is None or not made:
        return None
    servers = tuple(zone.out.get("name_servers", "").split())
    return Todo(f"delegate {env.zone_name}: at its registrar, set these name servers", servers)


def _images(env: Environment, done: Outcome) -> Todo | None:
    missing = []
    for service in env.services:
        repository = done.live.get(f"compute/repository/{service.name}")
        if repository is not None and service.name not in done.facts.images:
            missing.append(f"{repository.out.get('uri', '')}:{service.image_tag}")
    if not missing:
        return None
    architecture = env.compute.architecture
    until = "until then these services run no task"
    return Todo(f"{PUSH} ({architecture}), then provision again", tuple(missing), until)


def _subscriptions(done: Outcome) -> Todo | None:
    waiting = tuple(
        address.rsplit("/", 1)[-1] for address, one in done.live.items() if "onfirmation" in one.status.word
    )
    if not waiting:
        return None
    return Todo("confirm the subscription that AWS has sent by e-mail to", waiting, "until then no alarm reaches them")
