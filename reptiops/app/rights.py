"""The policies that reptiops itself needs for an environment, read off the same resources that it would make.

Nothing here calls AWS, so a policy can be printed before there are any rights. Names are cut behind the environment's own
part (`reptidex-dev-*`): what an earlier configuration has made must be removable too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reptiops.app.selection import UnknownSelection
from reptiops.config import Environment
from reptiops.engine.graph import Graph
from reptiops.engine.plan import wanted_actions
from reptiops.engine.resource import Resource
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ReptiopsError
from reptiops.facts import Facts
from reptiops.loading import load_environment
from reptiops.operations import (
    deployments,
    facts,
    notify,
    parking,
    preflight,
    prices,
    s3_backend,
    spend,
    state_bucket,
    strays,
    who,
)
from reptiops.policy import Policy, Statement
from reptiops.rights import OURS, Purpose, Right
from reptiops.steps import documented

Task = Literal["plan", "provision", "drift", "reconcile", "teardown", "adopt", "job", "init", "cost", "preflight"]
LIMIT = 6144
"""Characters of a managed policy, white space not counted."""
_PLACE = re.compile(r"\{([\w.]+)\}")

KINDS: Mapping[Task, frozenset[Purpose]] = {
    "plan": frozenset({"read"}),
    "provision": frozenset({"read", "create", "update", "delete", "undo"}),
    "drift": frozenset({"read"}),
    "job": frozenset({"read"}),
    "reconcile": frozenset({"read", "create", "update", "delete", "undo"}),
    "teardown": frozenset({"read", "delete"}),
    "adopt": frozenset({"read", "create"}),
    "init": frozenset(),
    "cost": frozenset(),
    "preflight": frozenset({"read"}),
}
"""What a task does to resources. A provision deletes too: what is undeclared, replaced, or rolled back; `rollback` takes its
rights."""
LOOKS = facts.RIGHTS
OPERATIONS: Mapping[Task, tuple[Right, ...]] = {
    "plan": LOOKS,
    "provision": (
        *LOOKS,
        *preflight.RIGHTS,
        *preflight.SIMULATE,
        *parking.RIGHTS,
        *notify.MESSAGE,
        *deployments.RIGHTS,
    ),
    "drift": (*LOOKS, *strays.RIGHTS, *who.RIGHTS, *notify.MESSAGE, *notify.METRICS),
    "job": (*LOOKS, *notify.MESSAGE, *notify.METRICS),
    "reconcile": (*LOOKS, *strays.RIGHTS, *who.RIGHTS, *notify.MESSAGE, *notify.METRICS, *deployments.RIGHTS),
    "teardown": (*facts.LEAVING, *notify.MESSAGE),
    "adopt": LOOKS,
    "init": state_bucket.RIGHTS,
    "preflight": (*LOOKS, *preflight.RIGHTS, *preflight.SIMULATE),
    "cost": (*LOOKS, *prices.RIGHTS, *spend.RIGHTS),
}
"""What a task calls beside the kinds."""


class TooLong(ReptiopsError):
    """One statement alone is longer than a policy may be."""


@dataclass(frozen=True)
class Places:
    """What the places in ARNs and conditions stand for in one environment."""

    values: Mapping[str, str]
    wanted: Mapping[str, tuple[Resource, ...]]
    """By kind."""

    def fill(self, template: str, kind: str) -> frozenset[str]:
        """All that a template stands for, for a kind's wanted resources."""
        found = {template}
        for place in dict.fromkeys(_PLACE.findall(template)):
            found = {text.replace(f"{{{place}}}", value) for text in found for value in self._of(place, kind)}
        return frozenset(re.sub(r"\*+", "*", text) for text in found)

    def _of(self, place: str, kind: str) -> frozenset[str]:
        if place in self.values:
            return frozenset({self.values[place]})
        named, _, name = place.rpartition(".")
        wanted = self.wanted.get(named or kind, ())
        values = frozenset(self._own(str(getattr(one, name))) for one in wanted)
        return values or frozenset({f"{self.values['prefix']}*"})

    def _own(self, value: str) -> str:
        """A name cut behind the environment's own part; `*` for an id that only AWS knows."""
        if is_unknown(value):
            return "*"
        project, environment = self.values["project"], self.values["environment"]
        ends = [
            m.end() for word in (project, environment) for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", value)
        ]
        named = re.search(rf"(?<!\w){re.escape(environment)}(?!\w)", value)
        cut = max(ends, default=0)
        return f"{value[: cut + 1]}*" if named and cut < len(value) else value


def policies(
    environment: str,
    task: Task,
    *,
    account: str | None = None,
    region: str | None = None,
    hand_made: bool = False,
    config_dir: Path | None = None,
) -> tuple[Policy, ...]:
    """The least that a task needs, as managed policies within IAM's size limit. Calls no AWS.

    `hand_made`: also to delete what people made by hand inside the environment's VPC, load balancer or cluster, which
    carries none of its tags: those deletions are then tied to no tag.
    """
    env = load_environment(environment, config_dir)
    if task == "init" and env.state.bucket is None:
        raise UnknownSelection(f"{environment} keeps its state in no bucket, so there is none to make")
    return _packed(_statements(filled_rights(env, task, account=account, region=region, hand_made=hand_made)))


def filled_rights(
    env: Environment, task: Task, *, account: str | None = None, region: str | None = None, hand_made: bool = False
) -> tuple[Right, ...]:
    """Every right of a task with its places filled."""
    graph = documented()
    places = _places(env, graph, account or env.account or "*", region or env.region)
    found = []
    for kind in graph.kinds():
        for right in kind.rights:
            if right.purpose in KINDS[task] and (
                right.purpose in ("read", "delete", "undo") or kind.kind() in places.wanted
            ):
                if task == "adopt" and right.purpose == "create":
                    right = _tagging(right)
                free = hand_made and kind.within and right.purpose == "delete" and right.when == OURS
                found.append(_filled(replace(right, when={}) if free else right, places, kind.kind()))
    beside = OPERATIONS[task] + (s3_backend.RIGHTS if env.state.bucket and task != "init" else ())
    return (*(r for r in found if r.actions), *(_filled(right, places, "") for right in beside))


def job_policy(env: Environment, account: str, region: str) -> Policy:
    """What the scheduled job may do, as one document: it is written into the job's role. Calls no AWS."""
    return Policy.make(*_statements(filled_rights(env, "job", account=account, region=region)))


def tags(action: str) -> bool:
    """Whether an IAM action puts tags on what exists."""
    return bool(re.match(r"\w+:(Tag|AddTags|CreateTags|ChangeTags|PutBucketTagging)", action))


def _tagging(right: Right) -> Right:
    """Of a right to create, what adopting takes: to put our tags on it, also when no create comes with them."""
    when = {
        operator: {key: value for key, value in tests.items() if not key.endswith(":CreateAction")}
        for operator, tests in right.when.items()
    }
    actions = tuple(action for action in right.actions if tags(action))
    return replace(right, actions=actions, when={operator: tests for operator, tests in when.items() if tests})


def _places(env: Environment, graph: Graph, account: str, region: str) -> Places:
    zone = None if env.dns.create_zone else "*"
    images = frozenset(service.name for service in env.services)
    given = {"env": env, "facts": Facts(account, region, zone_id=zone, images=images)}
    wanted: dict[str, tuple[Resource, ...]] = {}
    for action in wanted_actions(graph, given):
        if action.want is not None:
            wanted[action.kind.kind()] = (*wanted.get(action.kind.kind(), ()), action.want)
    values = {
        "partition": "aws",
        "region": region,
        "account": account,
        "project": env.project,
        "environment": env.name,
        "prefix": env.prefix,
        "cluster": env.cluster_name,
        "topic": env.topic_name,
        "namespace": env.metrics_namespace,
        "bucket": env.state.bucket or "",
        "folder": "/".join(part for part in (env.state.prefix, env.name) if part),
    }
    return Places(values, wanted)


def _filled(right: Right, places: Places, kind: str) -> Right:
    on = frozenset(text for template in right.on for text in places.fill(template, kind))
    when = {
        operator: {key: _joined(places.fill(value, kind)) for key, value in tests.items()}
        for operator, tests in right.when.items()
    }
    return replace(right, on=tuple(sorted(on)), when=when)


def _joined(values: Iterable[str]) -> Any:
    listed = sorted(values)
    return listed[0] if len(listed) == 1 else listed


def _statements(rights: Iterable[Right]) -> list[Statement]:
    """One statement for each set of ARNs and conditions; then one for each set of actions and conditions."""
    by_place: dict[str, tuple[Right, set[str]]] = {}
    for right in rights:
        by_place.setdefault(repr((right.on, right.when)), (right, set()))[1].update(right.actions)
    by_actions: dict[str, tuple[Right, set[str], set[str]]] = {}
    for right, actions in by_place.values():
        key = repr((sorted(actions), right.when))
        by_actions.setdefault(key, (right, actions, set()))[2].update(right.on)
    return [_statement(sorted(actions), sorted(on), right.when) for right, actions, on in by_actions.values()]


def _statement(actions: list[str], on: list[str], when: Mapping[str, Any]) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": actions, "Resource": on}
    return {**statement, "Condition": when} if when else statement


def _packed(statements: Iterable[Statement]) -> tuple[Policy, ...]:
    """As few documents as first fit by size finds."""
    bins: list[list[Statement]] = []
    for statement in sorted((part for s in statements for part in _within_limit(s)), key=_size, reverse=True):
        for one in bins:
            if size(Policy.make(*one, statement)) <= LIMIT:
                one.append(statement)
                break
        else:
            bins.append([statement])
    return tuple(Policy.make(*sorted(one, key=str)) for one in bins)


def _within_limit(statement: Statement) -> Iterator[Statement]:
    if size(Policy.make(statement)) <= LIMIT:
        yield statement
        return
    actions = statement["Action"]
    if len(actions) == 1:
        raise TooLong(f"{actions[0]} alone takes more than {LIMIT} characters")
    half = len(actions) // 2
    for part in (actions[:half], actions[half:]):
        yield from _within_limit({**statement, "Action": part})


def _size(statement: Statement) -> int:
    return size(Policy.make(statement))


def size(policy: Policy) -> int:
    """Characters as IAM counts them."""
    return len(re.sub(r"\s", "", policy.json()))
