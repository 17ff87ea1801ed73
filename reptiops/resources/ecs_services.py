"""Services on Fargate: how many tasks of a definition run, where, and how they are replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import (
    Change,
    Doing,
    Drawn,
    Identity,
    Live,
    Made,
    Resource,
    Risk,
    Status,
    fixed,
    follows,
    local,
    satisfied,
)
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources.ecs import INSIGHTS_METRICS, SERVICE_LINKED_ROLE, Cluster, lower_tags, same_family
from reptiops.resources.fargate import service_hours, task_uses
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update

DESCRIBED_AT_ONCE = 10
"""DescribeServices takes so many names."""
GOING_BACK = "going back to the deployment before"
"""What the circuit breaker is doing while the deployment in force is one of its own."""
SERVICES = (arn_of("ecs", "service/{ecs.Cluster.name}/*"),)


def as_deployed(want: bool, has: bool) -> bool:
    """Whether it is there: what was not deployed before is never undone again."""
    return has or not want


@dataclass(frozen=True)
class Service(Resource):
    """A service that keeps tasks running. `desired` None: autoscaling, the schedule or parking sets the count.

    It is ready when its own deployment has completed: after a circuit breaker's rollback AWS calls it stable on the
    old revision, which then shows as a difference.
    """

    of_service: ClassVar[str] = "ecs"

    cluster: str = fixed()
    name: str = fixed()
    task_definition: str = follows(same_family, default="")
    """The pipeline deploys revisions of its own; what is in them is compared there. Another family is somebody else's."""
    desired: int | None = None
    first_desired: int = local(default=0)
    """The count at creation, whoever owns it afterwards."""
    subnets: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    public_ip: bool = False
    target_group: str = ""
    container: str = ""
    port: int = 80
    grace_seconds: int = 60
    minimum_percent: int = 100
    maximum_percent: int = 200
    circuit_breaker: bool = True
    rollback: bool = True
    platform_version: str = "LATEST"
    execute_command: bool = False
    deployed: bool = satisfied(as_deployed, default=True)
    """False once ECS has given up what is deployed: it starts no task of it any more until it is told to deploy anew."""

    drawn: ClassVar[Drawn] = "service"
    risks: ClassVar[Mapping[str, Risk]] = {
        "public_ip": "security",
        "task_definition": "security",
        "security_groups": "security",
        "execute_command": "security",
    }
    within: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset(
        {"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"}
    )
    not_yet: ClassVar[frozenset[str]] = frozenset({"ClusterNotFoundException"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        *SERVICE_LINKED_ROLE,
        ("InvalidParameterException", "does not have an associated load balancer"),
        ("InvalidParameterException", "proper permissions"),
        ("InvalidParameterException", "raining"),
        ("InvalidParameterException", "deployments are active"),
    )
    typical: ClassVar[float] = 150
    nine_in_ten: ClassVar[float | None] = 300
    typical_delete: ClassVar[float] = 60
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        read("ecs:ListServices"),
        read("ecs:DescribeServices", on=SERVICES),
        create("ecs:CreateService", "ecs:TagResource", on=SERVICES, when=TAGGED),
        update("ecs:UpdateService", on=SERVICES),
        delete("ecs:DeleteService", on=SERVICES),
    )

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """An update is a deployment too. Without tasks there is nothing to wait for."""
        count = self.first_desired if self.desired is None else self.desired
        return super().takes("create" if verb == "update" else verb) if count else 5.0

    def key(self) -> str:
        """Names are unique in a cluster."""
        return f"{self.cluster}/{self.name}"

    def billable(self, around: Around) -> Iterable[Use]:
        """Its tasks, at the least scale and beyond it, and what Container Insights measures of it while they run."""
        task, cluster = around.of(self.task_definition), around.of(self.cluster)
        count = self.first_desired if self.desired is None else self.desired
        least, more = service_hours(self.name, count, around)
        yield from task_uses(task, least)
        yield from task_uses(task, more, by="scale_out")
        if isinstance(cluster, Cluster) and cluster.insights != "disabled" and least:
            yield Use(f"insights.{cluster.insights}", INSIGHTS_METRICS)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything in our cluster, ten a call; deleted ones stay visible as INACTIVE.

        ListServices leaves out what is draining, DescribeServices shows it: what is recorded is asked for by its ARN, and
        what is wanted by its name, which no other gets until it has gone.
        """
        recorded = scope.recorded(cls).ids()
        for cluster in scope.ours(Cluster):
            here = {arn for arn in recorded if arn.split("/")[-2] == cluster.has.name}
            arns = {*aws.ecs.pages("list_services", "serviceArns", cluster=cluster.id), *here}
            names = {want.name for want in scope.wanted(cls)} - {arn.rsplit("/", 1)[-1] for arn in arns}
            asked = sorted(arns | names)
            for start in range(0, len(asked), DESCRIBED_AT_ONCE):
                some = asked[start : start + DESCRIBED_AT_ONCE]
                answer = aws.ecs.describe_services(cluster=cluster.id, services=some, include=["TAGS"])
                for one in answer["services"]:
                    if one["status"] != "INACTIVE":
                        yield cls._live(cluster.id, one, scope)

    @classmethod
    def _live(cls, cluster: str, one: Mapping[str, Any], scope: Scope) -> Live[Self]:
        network = one.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        balancer = (one.get("loadBalancers") or [{}])[0]
        deployment = one.get("deploymentConfiguration", {})
        breaker = deployment.get("deploymentCircuitBreaker", {})
        has = cls(
            cluster=cluster,
            name=one["serviceName"],
            task_definition=one["taskDefinition"],
            desired=one["desiredCount"],
            first_desired=one["desiredCount"],
            subnets=frozenset(network.get("subnets", [])),
            security_groups=frozenset(network.get("securityGroups", [])),
            public_ip=network.get("assignPublicIp", "DISABLED") == "ENABLED",
            target_group=balancer.get("targetGroupArn", ""),
            container=balancer.get("containerName", ""),
            port=balancer.get("containerPort", 0),
            grace_seconds=one.get("healthCheckGracePeriodSeconds") or 0,
            minimum_percent=deployment.get("minimumHealthyPercent", 100),
            maximum_percent=deployment.get("maximumPercent", 200),
            circuit_breaker=breaker.get("enable", False),
            rollback=breaker.get("rollback", False),
            platform_version=one.get("platformVersion", "LATEST"),
            execute_command=one.get("enableExecuteCommand", False),
            deployed=_primary(one).get("rolloutState") != "FAILED",
        )
        counts = {"running": str(one.get("runningCount", 0)), "desired": str(one["desiredCount"])}
        out = {"arn": one["serviceArn"], "repairable": "yes", "deployment": _primary(one).get("id", ""), **counts}
        address = scope.address(lower_tags(one.get("tags", [])))
        return Live(one["serviceArn"], has, address, _service_status(one), out, one.get("createdAt"))

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.ecs.tag_resource(resourceArn=live.id, tags=identity.tag_list("key", "value"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Refused until its target group is behind a listener, which the step sees to."""
        answer = aws.ecs.create_service(
            serviceName=self.name,
            clientToken=identity.token,
            desiredCount=self.first_desired if self.desired is None else self.desired,
            launchType="FARGATE",
            schedulingStrategy="REPLICA",
            deploymentController={"type": "ECS"},
            enableECSManagedTags=True,
            propagateTags="SERVICE",
            tags=identity.tag_list("key", "value"),
            **self._parameters(),
        )
        arn = answer["service"]["serviceArn"]
        return Made(arn, {"arn": arn, "repairable": "yes"}, _service_status(answer["service"]))

    def _parameters(self) -> dict[str, Any]:
        network = {
            "subnets": sorted(self.subnets),
            "securityGroups": sorted(self.security_groups),
            "assignPublicIp": "ENABLED" if self.public_ip else "DISABLED",
        }
        balancer = {"targetGroupArn": self.target_group, "containerName": self.container, "containerPort": self.port}
        return {
            "cluster": self.cluster,
            "taskDefinition": self.task_definition,
            "networkConfiguration": {"awsvpcConfiguration": network},
            "loadBalancers": [balancer],
            "healthCheckGracePeriodSeconds": self.grace_seconds,
            "platformVersion": self.platform_version,
            "enableExecuteCommand": self.execute_command,
            # It starts the new task first, for which 100 % leaves no room: AWS refuses the two together.
            "availabilityZoneRebalancing": "ENABLED" if self.maximum_percent > 100 else "DISABLED",
            "deploymentConfiguration": {
                "minimumHealthyPercent": self.minimum_percent,
                "maximumPercent": self.maximum_percent,
                "deploymentCircuitBreaker": {"enable": self.circuit_breaker, "rollback": self.rollback},
            },
        }

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only what differs is sent: a parameter that changes tasks starts a deployment. The count only if it is ours."""
        groups = {
            "taskDefinition": {"task_definition"},
            "networkConfiguration": {"subnets", "security_groups", "public_ip"},
            "loadBalancers": {"target_group", "container", "port"},
            "healthCheckGracePeriodSeconds": {"grace_seconds"},
            "platformVersion": {"platform_version"},
            "enableExecuteCommand": {"execute_command"},
            "deploymentConfiguration": {"minimum_percent", "maximum_percent", "circuit_breaker", "rollback"},
            "availabilityZoneRebalancing": {"maximum_percent"},
        }
        whole = self._parameters()
        sent = {name: whole[name] for name, fields in groups.items() if fields & changed}
        if "desired" in changed and self.desired is not None:
            sent["desiredCount"] = self.desired
        if "deployed" in changed:
            sent["forceNewDeployment"] = True
        aws.ecs.update_service(cluster=self.cluster, service=self.name, **sent)

    def given_up(self, before: Live[Any], live: Live[Any]) -> str:
        """The circuit breaker went back: what is deployed is neither the deployment of before nor one of what we want."""
        if live.out.get("deployment") in (None, before.out.get("deployment")):
            return ""
        if live.status.word.startswith(GOING_BACK):
            return f"the circuit breaker is {GOING_BACK}: {live.status.reason}"
        if live.status.phase == "ready" and live.has.task_definition not in (self.task_definition, ""):
            return f"the deployment failed, and the circuit breaker went back to {live.has.task_definition}"
        return ""

    def serves(self, live: Live[Any]) -> bool:
        """Its deployment has completed, and tasks run."""
        return live.status.phase == "ready" and live.out.get("running", "0") != "0"

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Its tasks are stopped and drained, which takes the deregistration delay and more."""
        if live.status.word != "draining":
            aws.ecs.delete_service(cluster=live.has.cluster, service=live.has.name, force=True)


def _primary(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """The deployment that is in force."""
    found: Mapping[str, Any] = next((d for d in one.get("deployments", []) if d.get("status") == "PRIMARY"), {})
    return found


def _service_status(one: Mapping[str, Any]) -> Status:
    if one["status"] == "DRAINING":
        return Status("going", "draining")
    events = "; ".join(e["message"] for e in one.get("events", [])[:3])
    deployments, primary = one.get("deployments", []), _primary(one)
    rollout = primary.get("rolloutState", "COMPLETED")
    running = f"{one.get('runningCount', 0)} of {one['desiredCount']} running"
    if rollout == "FAILED":
        return Status("failed", "deployment failed", primary.get("rolloutStateReason", "") or events)
    if rollout == "COMPLETED" and len(deployments) <= 1:
        if one.get("runningCount", 0) == one["desiredCount"]:
            return Status("ready", running)
        return Status("pending", running, events, changing=False)
    if "rolling back" in primary.get("rolloutStateReason", ""):
        failed = [d.get("rolloutStateReason", "") for d in deployments if d.get("rolloutState") == "FAILED"]
        return Status("pending", f"{GOING_BACK}, {running}", "; ".join(filter(None, failed)) or events)
    lost = primary.get("failedTasks") or 0
    tasks = f", {lost} task{'s' if lost > 1 else ''} failed" if lost else ""
    return Status("pending", f"deploying, {running}{tasks}", events)
