"""Task definitions. AWS changes none: every change registers another revision, and the images belong to the pipeline."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.canonical import plain
from reptiops.engine.diff import carry
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed, initial
from reptiops.engine.scope import Recorded, Scope
from reptiops.resources.ecs import lower_tags
from reptiops.resources.ecs_services import Service
from reptiops.resources.unsent import unsent
from reptiops.rights import ROLES, TAGGED, Right, arn_of, delete, passed_to, read, write

ADDED = frozenset(
    [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "family",
        "containerDefinitions",
        "cpu",
        "memory",
        "executionRoleArn",
        "taskRoleArn",
        "networkMode",
        "requiresCompatibilities",
        "runtimePlatform",
    ]
)
"""Members of an answer that are AWS's own, or settings compared by themselves."""
MODELLED = frozenset(
    [
        "name",
        "image",
        "essential",
        "cpu",
        "memory",
        "portMappings",
        "environment",
        "secrets",
        "healthCheck",
        "logConfiguration",
        "stopTimeout",
        "command",
    ]
)


DEFINITIONS = (arn_of("ecs", "task-definition/{family}:*"),)


@dataclass(frozen=True)
class HealthCheck:
    """The container's own check, in seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 3
    start_period: int = 0


@dataclass(frozen=True)
class Container:
    """One container. `secrets`: variable → ARN of what is injected. `other`: settings that we never set, as JSON."""

    image: str = initial("pipeline")
    essential: bool = True
    cpu: int = 0
    memory: int | None = None
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    health: HealthCheck | None = None
    log_group: str = ""
    log_region: str = ""
    log_prefix: str = ""
    stop_seconds: int | None = None
    command: tuple[str, ...] = ()
    other: str = ""


@dataclass(frozen=True)
class PinnedContainer(Container):
    """A container whose image the configuration sets, not a pipeline."""

    image: str = ""


@dataclass(frozen=True)
class TaskDefinition(Resource):
    """What a task of a service is. The revision that the service runs is the truth, whoever registered it."""

    family: str = fixed()
    cpu: int = 256
    memory: int = 512
    architecture: str = "ARM64"
    execution_role: str = ""
    task_role: str = ""
    containers: Mapping[str, Container] = field(default_factory=dict)
    other: str = ""

    free: ClassVar[bool] = True
    risks: ClassVar[Mapping[str, Risk]] = {
        "execution_role": "security",
        "task_role": "security",
        "cpu": "cost",
        "memory": "cost",
    }
    not_yet: ClassVar[frozenset[str]] = frozenset({"ClusterNotFoundException"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("ClientException", "Role is not valid"),)
    renewed: ClassVar[bool] = True
    key_stays: ClassVar[bool] = True
    within: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        # These three take no resource in IAM.
        read("ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:ListTaskDefinitionFamilies"),
        *write("ecs:RegisterTaskDefinition", "ecs:TagResource", on=DEFINITIONS, when=TAGGED),
        *write("iam:PassRole", on=ROLES, when=passed_to("ecs-tasks")),
        delete("ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"),
    )

    def key(self) -> str:
        """The family."""
        return self.family

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """The revision in service; a newer one of ours with the same images counts instead: it waits to be deployed."""
        wanted = {want.family for want in scope.wanted(cls)}
        newest: dict[str, str] = {}
        for arn in cls._active(aws, scope, wanted):
            name = _family(arn)
            mine = name in wanted or name.startswith(f"{scope.names.prefix}-")
            if mine and (name not in newest or _revision(arn) > _revision(newest[name])):
                newest[name] = arn
        recorded = scope.recorded(cls)
        running = {_family(one.has.task_definition): one.has.task_definition for one in scope.live(Service)}
        newer = {n: arn for n, arn in newest.items() if n not in running or _revision(arn) > _revision(running[n])}
        unwanted = newest.keys() - wanted
        arns = sorted(
            {newest[n] for n in unwanted} | {some[n] for some in (running, newer) for n in wanted & some.keys()}
        )
        # A pipeline's revisions are not recorded: one read each, several at once.
        seen = dict(zip(arns, aws.each(lambda arn: cls._read(aws, scope, arn, recorded), arns), strict=True))
        for name in sorted(unwanted):  # no longer wanted: still ours, if it carries our tags
            if seen[newest[name]].address is not None:
                yield seen[newest[name]]
        for name in sorted(wanted & (newest.keys() | running.keys())):
            live = seen.get(running.get(name, ""))
            waiting = seen[newer[name]] if name in newer else None
            if waiting is not None and (live is None or _supersedes(waiting, live)):
                live = waiting
            if live is not None:
                yield replace(live, out={**live.out, "running": running[name]}) if name in running else live

    def foreign(self, live: Live[Any]) -> bool:
        """A pipeline's revisions bear no tags, but a service of ours runs that family."""
        return "running" not in live.out

    @classmethod
    def _active(cls, aws: Aws, scope: Scope, wanted: Iterable[str]) -> list[str]:
        """Revisions of ours among them: all of a small account by one call, else the newest of each family of ours.

        Pipelines register a revision a deployment, for every application of the account: nobody wants to page through them.
        """
        answer = aws.ecs.list_task_definitions(status="ACTIVE")
        if "nextToken" not in answer:
            return list(answer["taskDefinitionArns"])
        there = aws.ecs.pages(
            "list_task_definition_families", "families", familyPrefix=f"{scope.names.prefix}-", status="ACTIVE"
        )
        newest = {"status": "ACTIVE", "sort": "DESC", "maxResults": 1}

        def latest(family: str) -> list[str]:
            return list(aws.ecs.list_task_definitions(familyPrefix=family, **newest)["taskDefinitionArns"])

        return list(itertools.chain.from_iterable(aws.each(latest, sorted({*wanted, *there}))))

    @classmethod
    def _read(cls, aws: Aws, scope: Scope, arn: str, recorded: Recorded[Self]) -> Live[Self]:
        """One revision. AWS never changes one and reads none in bulk, so what the state records of it is not read again."""
        known = recorded.live(arn)
        if known is not None:
            return replace(known, out={"arn": arn})
        answer = aws.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        one = answer["taskDefinition"]
        has = cls(
            family=one["family"],
            cpu=int(one.get("cpu", 0)),
            memory=int(one.get("memory", 0)),
            architecture=one.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64"),
            execution_role=one.get("executionRoleArn", ""),
            task_role=one.get("taskRoleArn", ""),
            containers={c["name"]: _container(c) for c in one["containerDefinitions"]},
            other=_other(one, ADDED),
        )
        address = scope.address(lower_tags(answer.get("tags", [])))
        return Live(one["taskDefinitionArn"], has, address, out={"arn": one["taskDefinitionArn"]})

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """The revision in service; later ones bring their own."""
        aws.ecs.tag_resource(resourceArn=live.id, tags=identity.tag_list("key", "value"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Registering twice makes two revisions, so it is never repeated without looking."""
        arn = self._register(aws, identity.tag_list("key", "value"))
        return Made(arn, {"arn": arn})

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """A revision is registered without what we never set."""
        return unsent([self.other, *(one.other for one in self.containers.values())])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> str:
        """Another revision, with our tags: the one before may be the pipeline's."""
        return self._register(aws, live.identity.tag_list("key", "value") if live.identity else [])

    def _register(self, aws: Aws, tags: list[dict[str, str]]) -> str:
        optional = {"taskRoleArn": self.task_role} if self.task_role else {}
        answer = aws.ecs.register_task_definition(
            family=self.family,
            cpu=str(self.cpu),
            memory=str(self.memory),
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            runtimePlatform={"operatingSystemFamily": "LINUX", "cpuArchitecture": self.architecture},
            executionRoleArn=self.execution_role,
            containerDefinitions=[_sent(name, c) for name, c in self.containers.items()],
            **optional,
            **({"tags": tags} if tags else {}),
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    @classmethod
    def withdraw(cls, aws: Aws, scope: Scope, before: str) -> None:
        """Newer revisions with our tags become INACTIVE, unless a service runs on them."""
        running = {one.has.task_definition for one in scope.live(Service)}
        for arn in aws.ecs.pages("list_task_definitions", "taskDefinitionArns", familyPrefix=_family(before)):
            newer = _family(arn) == _family(before) and _revision(arn) > _revision(before)
            if not newer or arn in running:
                continue
            answer = aws.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            if scope.address(lower_tags(answer.get("tags", []))) is not None:
                aws.ecs.deregister_task_definition(taskDefinition=arn)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """All active revisions of the family become INACTIVE; AWS keeps those on record."""
        for arn in aws.ecs.pages("list_task_definitions", "taskDefinitionArns", familyPrefix=live.has.family):
            aws.ecs.deregister_task_definition(taskDefinition=arn)


def _revision(arn: str) -> int:
    return int(arn.rsplit(":", 1)[-1])


def _family(arn: str) -> str:
    return arn.rsplit("/", 1)[-1].rsplit(":", 1)[0]


def _supersedes(waiting: Live[Any], live: Live[Any]) -> bool:
    """Whether a newer revision is ours, has the images that are in service, and differs from it otherwise."""
    mine = waiting.address is not None and plain(carry(waiting.has, live.has)) == plain(waiting.has)
    return mine and plain(waiting.has) != plain(live.has)


def _other(one: Mapping[str, Any], known: frozenset[str]) -> str:
    # AWS fills in empty lists, zeros and "false" for what was never sent (aws-facts 6.3).
    rest = {k: v for k, v in one.items() if k not in known and v}
    return json.dumps(rest, sort_keys=True, default=str) if rest else ""


def _container(one: Mapping[str, Any]) -> Container:
    ports = one.get("portMappings") or [{}]
    options = one.get("logConfiguration", {}).get("options", {})
    check = one.get("healthCheck")
    return Container(
        image=one["image"],
        essential=one.get("essential", True),
        cpu=one.get("cpu", 0),
        memory=one.get("memory"),
        port=ports[0].get("containerPort"),
        environment={e["name"]: e["value"] for e in one.get("environment", [])},
        secrets={s["name"]: s["valueFrom"] for s in one.get("secrets", [])},
        health=_health(check) if check else None,
        log_group=options.get("awslogs-group", ""),
        log_region=options.get("awslogs-region", ""),
        log_prefix=options.get("awslogs-stream-prefix", ""),
        stop_seconds=one.get("stopTimeout"),
        command=tuple(one.get("command", [])),
        other=_other({**one, **({"portMappings+": ports[1:]} if len(ports) > 1 else {})}, MODELLED),
    )


def _health(check: Mapping[str, Any]) -> HealthCheck:
    return HealthCheck(
        command=tuple(check["command"]),
        interval=check.get("interval", 30),
        timeout=check.get("timeout", 5),
        retries=check.get("retries", 3),
        start_period=check.get("startPeriod", 0),
    )


def _sent(name: str, c: Container) -> dict[str, Any]:
    sent: dict[str, Any] = {"name": name, "image": c.image, "essential": c.essential}
    sent["environment"] = [{"name": k, "value": v} for k, v in sorted(c.environment.items())]
    sent["secrets"] = [{"name": k, "valueFrom": v} for k, v in sorted(c.secrets.items())]
    if c.cpu:
        sent["cpu"] = c.cpu
    if c.memory:
        sent["memory"] = c.memory
    if c.port:
        sent["portMappings"] = [{"containerPort": c.port, "protocol": "tcp"}]
    if c.command:
        sent["command"] = list(c.command)
    if c.stop_seconds is not None:
        sent["stopTimeout"] = c.stop_seconds
    if c.health:
        check = c.health
        sent["healthCheck"] = {
            "command": list(check.command),
            "interval": check.interval,
            "timeout": check.timeout,
            "retries": check.retries,
        } | ({"startPeriod": check.start_period} if check.start_period else {})
    if c.log_group:
        options = {
            "awslogs-group": c.log_group,
            "awslogs-region": c.log_region,
            "awslogs-stream-prefix": c.log_prefix,
        }
        sent["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    return sent
