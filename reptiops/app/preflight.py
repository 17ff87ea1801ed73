"""`preflight`: everything that would stop a provision, found before its first write and told at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reptiops.app.rights import filled_rights
from reptiops.app.selection import select
from reptiops.app.site import Settings, Site, open_site, plan_site
from reptiops.engine.action import Action
from reptiops.engine.plan import Plan
from reptiops.engine.unknown import is_unknown
from reptiops.operations.preflight import Needs, Note, check
from reptiops.operations.simulation import simulate
from reptiops.resources.acm import Certificate
from reptiops.resources.cloudtrail import Trail
from reptiops.resources.ec2 import Subnet, Vpc
from reptiops.resources.ec2_gateways import ElasticIp
from reptiops.resources.ecs_services import Service
from reptiops.resources.ecs_tasks import TaskDefinition
from reptiops.resources.elasticache import ReplicationGroup
from reptiops.resources.elbv2 import LoadBalancer
from reptiops.resources.iam import ServiceLinkedRole
from reptiops.resources.rds import Instance
from reptiops.resources.route53 import ValidationRecord
from reptiops.resources.s3 import Bucket

CPU_UNITS = 1024
"""Of ECS, in one vCPU."""


def preflight(
    environment: str, *, phases: Iterable[str] = (), only: Iterable[str] = (), rights: bool = False, **settings: Any
) -> tuple[Plan, tuple[Note, ...]]:
    """The plan, and what stands in its way. With `rights` IAM is asked whether these credentials may do it. Reads only."""
    site = open_site(Settings(environment, **settings))
    made = plan_site(site, select(phases, only))
    notes = found(site, made)
    if rights:
        notes += simulate(
            site.aws, filled_rights(site.env, "provision", account=site.names.account, region=site.aws.region)
        )
    return made, tuple(sorted(notes))


def found(site: Site, made: Plan) -> tuple[Note, ...]:
    """What stands in the way of a plan. A plan that makes nothing costs no call."""
    missing = [Note("error", "facts", text) for text in site.facts.missing]
    foreign = [
        Note(
            "error",
            action.address,
            f"{action.live.id if action.live else ''} exists and nothing says that reptiops made it".strip(),
            "adopt it, rename it in the configuration, or remove it",
        )
        for action in made.actions
        if action.verb == "foreign"
    ]
    stuck = [Note("error", address, why) for address, why in made.stuck.items()]
    staying = [Note("warning", address, why) for address, why in made.staying.items()]
    images = [Note("warning", "images", text) for text in site.facts.notes if text.startswith("no image yet")]
    needs = needs_of(made)
    return (*missing, *foreign, *stuck, *staying, *images, *(check(site.aws, needs) if needs is not None else ()))


def needs_of(made: Plan) -> Needs | None:
    """What a plan makes that AWS may refuse; None if it makes nothing."""
    creates = [a for a in made.actions if a.verb in ("create", "replace") and a.want is not None]
    resized, regrown = _resized(made.actions), _regrown(made.actions)
    if not (creates or resized or regrown):
        return None
    log_bucket = _log_bucket(creates)
    certificate = next((w for w in _wanted(creates, Certificate)), None)
    zone = next((w.zone for w in _wanted(creates, ValidationRecord) if not is_unknown(w.zone)), None)
    database = next((w for w in _wanted(creates, Instance)), None)
    cache = next((w for w in _wanted(creates, ReplicationGroup)), None)
    return Needs(
        seconds=made.forecast.seconds if made.forecast else 0.0,
        addresses=len(list(_wanted(creates, ElasticIp))),
        vpcs=len(list(_wanted(creates, Vpc))),
        vcpus=_vcpus(creates, made.actions),
        zones=frozenset(subnet.zone for subnet in _wanted(creates, Subnet)),
        database=resized
        or (database and (database.engine, database.version, database.instance_class, database.storage_type)),
        cache=cache and (cache.engine, cache.version),
        nodes=cache.node_type if cache else "",
        resized=regrown,
        log_bucket=log_bucket,
        linked=tuple(sorted(one.service for one in _wanted(creates, ServiceLinkedRole))),
        certificate=(zone, certificate.names) if certificate and zone else None,
        buckets={a.address: a.want.name for a in creates if isinstance(a.want, Bucket) and not is_unknown(a.want.name)},
    )


def _resized(actions: Iterable[Action]) -> tuple[str, str, str, str] | None:
    """A database that gets another class. Its version may be one that AWS makes no more, so none is asked about."""
    for action in actions:
        want, live = action.want, action.live
        if action.verb != "update" or not isinstance(want, Instance) or live is None:
            continue
        if live.has.instance_class != want.instance_class:
            return (want.engine, "", want.instance_class, want.storage_type)
    return None


def _regrown(actions: Iterable[Action]) -> tuple[str, str] | None:
    """A replication group that gets another node type."""
    for action in actions:
        want, live = action.want, action.live
        if action.verb != "update" or not isinstance(want, ReplicationGroup) or live is None:
            continue
        if live.has.node_type != want.node_type:
            return live.id, want.node_type
    return None


def _log_bucket(creates: Iterable[Action]) -> str:
    """Where a new load balancer or trail will write, unless the plan makes that bucket itself."""
    made = {w.name for w in _wanted(creates, Bucket)}
    names = {w.attributes.get("access_logs.s3.bucket", "") for w in _wanted(creates, LoadBalancer)}
    names |= {w.bucket for w in _wanted(creates, Trail)}
    return next((name for name in sorted(n for n in names if not is_unknown(n)) if name and name not in made), "")


def _wanted(creates: Iterable[Action], kind: type[Any]) -> Iterable[Any]:
    return (action.want for action in creates if isinstance(action.want, kind))


def _vcpus(creates: Iterable[Action], actions: Iterable[Action]) -> float:
    """Tasks of new services times the size of their task definitions; both have the service's name in their address."""
    sizes = {a.address.rsplit("/", 1)[-1]: a.want.cpu for a in actions if isinstance(a.want, TaskDefinition)}
    units = 0
    for action in creates:
        if isinstance(action.want, Service):
            count = action.want.first_desired if action.want.desired is None else action.want.desired
            units += count * sizes.get(action.address.rsplit("/", 1)[-1], 0)
    return units / CPU_UNITS
