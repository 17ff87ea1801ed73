"""ECS: deployments that take minutes and may fail, services that drain, the vCPU quota, roles of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from reptiops.sandbox.gaps.ecs import deploy, task_failed
from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.clock import becomes
from reptiops.sandbox.rules.iam import linked
from reptiops.sandbox.rules.interfaces import put, take

DEPLOYED = 150.0
DRAINED = 60.0
FAILED = 200.0
"""Seconds until the circuit breaker has seen enough tasks fail."""
TASKS_FAILED = 3
"""So many are enough for it."""
PAIRS: Mapping[int, frozenset[int]] = {
    256: frozenset({512, 1024, 2048}),
    512: frozenset(range(1024, 4097, 1024)),
    1024: frozenset(range(2048, 8193, 1024)),
    2048: frozenset(range(4096, 16385, 1024)),
    4096: frozenset(range(8192, 30721, 1024)),
    8192: frozenset(range(16384, 61441, 4096)),
    16384: frozenset(range(32768, 122881, 8192)),
}
"""CPU units → the MiB that Fargate takes with them."""


def rules() -> None:
    """Everything about ECS."""
    _creating()
    _values()
    _deploying()
    _deleting()


def _service(call: Call) -> Any:
    cluster = str(call.get("cluster", "default")).rsplit("/", 1)[-1]
    name = str(call.get("serviceName") or call.get("service")).rsplit("/", 1)[-1]
    return call.backend().services.get(f"{cluster}:{name}")


def _creating() -> None:
    @rule("3.1", "ecs", "CreateCluster", "CreateService")
    def service_linked_role(call: Call) -> None:
        """In a new account the first calls come before ECS's own role is usable."""
        if not linked(call, "ecs.amazonaws.com"):
            message = "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
            raise Refused("InvalidParameterException", message)

    @rule("6.4 id", "ecs", "CreateService")
    def names_are_taken(call: Call) -> None:
        """A name is taken by its service, and as long as that drains."""
        held = _service(call)
        if held is not None and held.status == "DRAINING":
            raise Refused("InvalidParameterException", "Unable to Start a service that is still Draining.")
        if held is not None and held.status == "ACTIVE":
            raise Refused("InvalidParameterException", "Creation of service was not idempotent.")

    @rule("6.4 ord, 9.1", "ecs", "CreateService", "UpdateService")
    def target_group_behind_a_listener(call: Call) -> None:
        """A service's target group is behind a load balancer before the service is made."""
        groups = call.backend("elbv2").target_groups
        for one in call.get("loadBalancers", []):
            arn = one.get("targetGroupArn")
            if arn not in groups:
                raise Refused("InvalidParameterException", f"Unable to assume role or unknown target group {arn}.")
            if not groups[arn].load_balancer_arns:
                message = f"The target group with targetGroupArn {arn} does not have an associated load balancer."
                raise Refused("InvalidParameterException", message)

    @rule("6.4 chg", "ecs", "CreateService", "UpdateService")
    def revision_is_active(call: Call) -> None:
        """A revision that was deregistered cannot be referred to anew."""
        name = call.get("taskDefinition")
        held = next((d for d in _definitions(call) if name in (d.arn, f"{d.family}:{d.revision}")), None)
        current = _service(call)
        if held is not None and held.status == "INACTIVE" and (current is None or current.task_definition != held.arn):
            raise Refused("ClientException", "TaskDefinition is inactive")


def _values() -> None:
    @rule("6.3", "ecs", "RegisterTaskDefinition")
    def cpu_and_memory_in_pairs(call: Call) -> None:
        """On Fargate only certain amounts of memory go with a CPU."""
        if "FARGATE" in (call.get("requiresCompatibilities") or []):
            cpu, memory = int(call.get("cpu") or 0), int(call.get("memory") or 0)
            if memory not in PAIRS.get(cpu, ()):
                raise Refused("ClientException", "No Fargate configuration exists for given values.")

    @rule("6.3", "ecs", "RegisterTaskDefinition")
    def logs_of_fargate(call: Call) -> None:
        """On Fargate a log needs its stream prefix, and one of three drivers; a definition has ten containers at most."""
        containers = call.get("containerDefinitions", [])
        if len(containers) > 10:
            raise Refused("ClientException", "Too many containers: a task definition has 10 at most.")
        for one in containers if "FARGATE" in (call.get("requiresCompatibilities") or []) else ():
            log = one.get("logConfiguration") or {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "-"}}
            if log["logDriver"] not in ("awslogs", "splunk", "awsfirelens"):
                raise Refused("ClientException", f"Log driver {log['logDriver']} is not supported on Fargate.")
            if log["logDriver"] == "awslogs" and not log.get("options", {}).get("awslogs-stream-prefix"):
                raise Refused("ClientException", "awslogs-stream-prefix is required on Fargate.")

    @rule("1.2", "ecs", "CreateService")
    def client_tokens(call: Call) -> None:
        """A token of 36 characters at most."""
        if len(call.get("clientToken") or "") > 36:
            raise Refused("InvalidParameterException", "clientToken must be 36 characters or less.")

    @rule("1.5", "ecs", "DescribeServices")
    def ten_services_a_call(call: Call) -> None:
        """Ten services a call."""
        if len(call.get("services") or []) > 10:
            raise Refused("InvalidParameterException", "Services size must be between 1 and 10.")


def _definitions(call: Call) -> list[Any]:
    return [d for held in call.backend().task_definitions.values() for d in held.values()]


def _missing_image(call: Call, arn: str) -> str:
    """An image of a repository of this account that is not there."""
    ecr = call.backend("ecr")
    for definition in _definitions(call):
        if definition.arn != arn:
            continue
        for container in definition.container_definitions:
            place, _, tag = str(container["image"]).partition(":")
            name = place.partition("/")[2]
            if ".dkr.ecr." in place and name in ecr.repositories:
                tags = {t for image in ecr.repositories[name].images for t in image.image_tags}
                if tag and "@" not in place and tag not in tags:
                    return str(container["image"])
    return ""


def vcpus(call: Call) -> float:
    """How many vCPUs the tasks of all services want together."""
    units = {d.arn: int(d.cpu or 0) for d in _definitions(call)}
    active = [s for s in call.backend().services.values() if s.status == "ACTIVE"]
    return float(sum(s.desired_count * units.get(s.task_definition, 0) for s in active)) / 1024


def _deploying() -> None:
    @rule("6.4 ready, 0.6, 6.1", "ecs", "CreateService", "UpdateService")
    def deployment_takes_minutes(call: Call) -> Iterator[None]:
        """Tasks come after minutes. Without their image they fail and the circuit breaker goes back to the revision before.

        Beyond the account's vCPUs the service is made, says so in its events, and does not get its tasks.
        """
        held = _service(call)
        earlier = dict(held.deployments[0]) if held and held.deployments else {}
        yield
        held = _service(call)
        deployment = held.deployments[0]
        if not held.desired_count:
            return
        if vcpus(call) > call.world.quotas["fargate-vcpus"]:
            _starved(held, deployment)
            return
        image = _missing_image(call, held.task_definition)
        if deployment["id"] == earlier.get("id") or not (image or call.world.clock.factor):
            return
        deployment |= {"rolloutState": "IN_PROGRESS", "runningCount": 0, "pendingCount": held.desired_count}
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        # Those of before go on until the new ones are healthy.
        held.running_count = min(earlier.get("runningCount", 0), held.desired_count)
        held.pending_count = held.desired_count
        if image:
            call.world.clock.later(FAILED, _fail, call, held, deployment, image, earlier)
        else:
            call.world.clock.later(DEPLOYED, _complete, held, deployment)


def _event(held: Any, text: str) -> None:
    event = {"id": str(len(held.events)), "createdAt": datetime.now(UTC), "message": f"(service {held.name}) {text}"}
    held.events = [event, *held.events]


def _starved(held: Any, deployment: dict[str, Any]) -> None:
    deployment |= {"rolloutState": "IN_PROGRESS", "runningCount": 0}
    held.running_count = 0
    _event(
        held,
        "was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.",
    )


def _complete(held: Any, deployment: dict[str, Any]) -> None:
    if held.deployments and held.deployments[0]["id"] == deployment["id"]:
        count = held.desired_count
        held.running_count, held.pending_count = count, 0
        held.deployments[0] |= {"rolloutState": "COMPLETED", "runningCount": count, "pendingCount": 0}
        held.deployments[0]["rolloutStateReason"] = f"ECS deployment {deployment['id']} completed."
        del held.deployments[1:]


def _fail(call: Call, held: Any, deployment: dict[str, Any], image: str, earlier: Mapping[str, Any]) -> None:
    """Three tasks have failed: the breaker ends the deployment, and goes back to the one before if there is one."""
    if not held.deployments or held.deployments[0]["id"] != deployment["id"]:
        return
    breaker = (held.deployment_configuration or {}).get("deploymentCircuitBreaker", {})
    why = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"
    for _ in range(TASKS_FAILED):
        task_failed(call.backend(), held, "TaskFailedToStart", why)
    failed = held.deployments[0]
    failed["failedTasks"] = TASKS_FAILED
    if not breaker.get("enable"):
        return
    failed |= {"rolloutState": "FAILED", "pendingCount": 0}
    failed["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
    held.pending_count = 0
    _event(held, f"(deployment {failed['id']}) deployment failed: tasks failed to start.")
    if breaker.get("rollback") and earlier.get("taskDefinition") not in (None, held.task_definition):
        held.task_definition = earlier["taskDefinition"]
        deploy(held)
        back = held.deployments[0]
        back |= {
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": f"ECS deployment circuit breaker: rolling back to deploymentId {earlier['id']}.",
        }
        held.deployments.append({**failed, "status": "ACTIVE"})
        _event(held, f"rolling back to deployment {earlier['id']}.")
        call.world.clock.later(DEPLOYED, _complete, held, back)


def _deleting() -> None:
    @rule("6.2 del", "ecs", "DeleteCluster")
    def cluster_with_services(call: Call) -> None:
        """A cluster stays while services are in it, draining ones too."""
        name = str(call.get("cluster")).rsplit("/", 1)[-1]
        for one in call.backend().services.values():
            if one.cluster_arn.endswith(f"/{name}") and one.status != "INACTIVE":
                message = "The Cluster cannot be deleted while Services are active."
                raise Refused("ClusterContainsServicesException", message)

    @rule("6.4 del", "ecs", "DeleteService")
    def service_drains(call: Call) -> Iterator[None]:
        """Draining for a minute or so, and in its cluster as long."""
        held = _service(call)
        yield
        if held is not None and held.status == "INACTIVE" and call.world.clock.factor:
            held.status = "DRAINING"
            call.world.clock.later(DRAINED, becomes, held, "status", "DRAINING", "INACTIVE")
        if held is not None:
            take(call, _attachment(held), DRAINED)

    @rule("2.8", "ecs", "CreateService", "UpdateService")
    def tasks_have_interfaces(call: Call) -> Iterator[None]:
        """A service with tasks has an interface in one of its subnets at least."""
        yield
        held = _service(call)
        network = (held.network_configuration or {}).get("awsvpcConfiguration", {})
        there = any(e.description == _attachment(held) for e in call.backend("ec2").enis.values())
        if held.desired_count and not there:
            put(call, network.get("subnets", [])[:1], network.get("securityGroups", []), _attachment(held))
        elif not held.desired_count and there:
            take(call, _attachment(held), DRAINED)


def _attachment(held: Any) -> str:
    return str(held.arn).replace(":service/", ":attachment/")
