"""ECS: a service keeps all its settings, its tasks run, and task definitions come back filled and in another order."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime
from typing import Any

from reptiops.sandbox.gaps import replace

KEPT = {
    "deploymentConfiguration": "deployment_configuration",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
}
"""What moto's create_service drops and its update_service keeps."""
PAGE = 100
"""Task definitions that a list shows at most."""


def fill() -> None:
    """Everything about ECS."""
    _services()
    _tasks()
    _task_definitions()


class _Task:
    """A task that a service runs, as far as reads show it."""

    def __init__(self, service: Any, definition: Any, number: int):
        base = str(service.arn).replace(":service/", ":task/")
        self.task_arn = f"{base.rsplit('/', 1)[0]}/{uuid.uuid5(uuid.NAMESPACE_URL, f'{service.arn}/{number}').hex}"
        self.cluster_arn, self.task_definition_arn = service.cluster_arn, service.task_definition
        self.group, self.launch_type = f"service:{service.name}", service.launch_type
        self.last_status = self.desired_status = "RUNNING"
        self.cpu, self.memory = str(definition.cpu), str(definition.memory)
        self.tags: list[Any] = []
        self.containers = [{"name": one["name"], "image": one["image"]} for one in definition.container_definitions]

    def stopped(self, code: str, reason: str) -> _Task:
        """The same after it has ended."""
        self.task_arn = f"{self.task_arn.rsplit('/', 1)[0]}/{uuid.uuid4().hex}"
        self.last_status = self.desired_status = "STOPPED"
        self.stop_code, self.stopped_reason, self.stopped_at = code, reason, datetime.now(UTC)
        return self


def task_failed(backend: Any, service: Any, code: str, reason: str) -> None:
    """A task of a service's revision did not start; AWS shows it for an hour or so."""
    definitions = {d.arn: d for held in backend.task_definitions.values() for d in held.values()}
    lost = _Task(service, definitions[service.task_definition], 0).stopped(code, reason)
    service.stopped_tasks = [lost, *getattr(service, "stopped_tasks", [])]


def _stopped(backend: Any, cluster: str) -> list[_Task]:
    services = (s for s in backend.services.values() if s.cluster_arn.endswith(f"/{cluster}"))
    return [task for service in services for task in getattr(service, "stopped_tasks", [])]


def _of_services(backend: Any, cluster: str) -> list[_Task]:
    definitions = {d.arn: d for held in backend.task_definitions.values() for d in held.values()}
    return [
        _Task(service, definitions[service.task_definition], number)
        for service in backend.services.values()
        if service.status == "ACTIVE" and service.cluster_arn.endswith(f"/{cluster}")
        for number in range(service.running_count if service.task_definition in definitions else 0)
    ]


def _tasks() -> None:
    """A service's tasks are listed and described; moto starts none for it."""
    from moto.ecs.models import EC2ContainerServiceBackend

    def short(cluster: str | None) -> str:
        return str(cluster or "default").rsplit("/", 1)[-1]

    @replace(EC2ContainerServiceBackend, "list_tasks")
    def listed(original: Any, self: Any, cluster_str: str | None = None, *more: Any) -> Any:
        found = original(self, cluster_str, *more)
        _, _, _, name, status = (*more, None, None, None, None, None)[:5]
        held = _stopped if status == "STOPPED" else _of_services
        return [
            *found,
            *(one for one in held(self, short(cluster_str)) if not name or one.group == f"service:{short(name)}"),
        ]

    @replace(EC2ContainerServiceBackend, "describe_tasks")
    def described(original: Any, self: Any, cluster_str: str, tasks: list[str]) -> Any:
        every = (*_of_services(self, short(cluster_str)), *_stopped(self, short(cluster_str)))
        return [*original(self, cluster_str, tasks), *(one for one in every if one.task_arn in tasks)]


def deploy(service: Any, anew: bool = False) -> None:
    """All tasks run at once, and the deployment has completed. `anew`: another one though nothing has changed."""
    now = datetime.now(UTC)
    before = service.deployments[0] if service.deployments else {}
    same = not anew and (
        before.get("taskDefinition") == service.task_definition and before.get("desiredCount") == service.desired_count
    )
    identifier = before["id"] if same else f"ecs-svc/{uuid.uuid4().int % 10**19}"
    service.running_count, service.pending_count = service.desired_count, 0
    service.deployments = [
        {
            **before,
            "id": identifier,
            "status": "PRIMARY",
            "taskDefinition": service.task_definition,
            "desiredCount": service.desired_count,
            "runningCount": service.desired_count,
            "pendingCount": 0,
            "failedTasks": 0,
            "rolloutState": "COMPLETED",
            "rolloutStateReason": f"ECS deployment {identifier} completed.",
            "createdAt": before.get("createdAt", now) if same else now,
            "updatedAt": now,
            "launchType": service.launch_type,
        }
    ]


def _begun(service: Any) -> Any:
    """As the answer to its creation shows it: AWS has no task running by then."""
    shown = copy.copy(service)
    shown.running_count, shown.pending_count = 0, service.desired_count
    going = {"runningCount": 0, "pendingCount": service.desired_count, "rolloutState": "IN_PROGRESS"}
    shown.deployments = [{**one, **going} for one in service.deployments]
    return shown


def _services() -> None:
    from moto.core.responses import ActionResult
    from moto.ecs.models import EC2ContainerServiceBackend
    from moto.ecs.responses import EC2ContainerServiceResponse

    @replace(EC2ContainerServiceResponse, "create_service")
    def create(original: Any, self: Any) -> Any:
        answer = original(self)
        cluster = self._get_param("cluster", "default").rsplit("/", 1)[-1]
        service = self.ecs_backend.services[f"{cluster}:{self._get_param('serviceName')}"]
        for parameter, name in KEPT.items():
            setattr(service, name, self._get_param(parameter))
        service.availability_zone_rebalancing = service.availability_zone_rebalancing or "ENABLED"
        service.created_at = datetime.now(UTC)
        deploy(service)
        return ActionResult({"service": _begun(service)}) if service.desired_count else answer

    @replace(EC2ContainerServiceBackend, "update_service")
    def update(original: Any, self: Any, service_properties: dict[str, Any]) -> Any:
        service = original(self, service_properties)
        arn = service.task_definition
        if arn and not arn.startswith("arn:"):
            service.task_definition = self.describe_task_definition(arn).arn
        deploy(service, bool(service_properties.get("force_new_deployment")))
        return service

    @replace(EC2ContainerServiceBackend, "list_services")
    def listed(original: Any, self: Any, cluster_str: str, *args: Any, **kwargs: Any) -> Any:
        arns = original(self, cluster_str, *args, **kwargs)
        active = {s.arn for s in self.services.values() if s.status == "ACTIVE"}  # DescribeServices shows the others
        return [arn for arn in arns if arn in active]


def _task_definitions() -> None:
    from moto.core.responses import ActionResult
    from moto.ecs.models import EC2ContainerServiceBackend
    from moto.ecs.responses import EC2ContainerServiceResponse

    @replace(EC2ContainerServiceResponse, "list_task_definitions")
    def pages(original: Any, self: Any) -> Any:
        """A hundred a page, by family and revision, or the other way round."""

        def order(arn: str) -> tuple[str, int]:
            family, _, revision = arn.rpartition(":")
            return family, int(revision)

        family, status = self._get_param("familyPrefix"), self._get_param("status", "ACTIVE")
        arns = self.ecs_backend.list_task_definitions(family, status)
        arns.sort(key=order, reverse=self._get_param("sort") == "DESC")
        first, size = int(self._get_param("nextToken") or 0), int(self._get_param("maxResults") or PAGE)
        more = {"nextToken": str(first + size)} if len(arns) > first + size else {}
        return ActionResult({"taskDefinitionArns": arns[first : first + size], **more})

    def filled(container: dict[str, Any]) -> dict[str, Any]:
        whole = {"cpu": 0, "essential": True, "environment": [], "mountPoints": [], "volumesFrom": [], **container}
        whole["systemControls"] = container.get("systemControls", [])
        for ports in whole.get("portMappings", []):
            ports.setdefault("hostPort", ports["containerPort"])
            ports.setdefault("protocol", "tcp")
        if "healthCheck" in whole:
            whole["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **whole["healthCheck"]}
        for name in ("environment", "secrets"):
            whole[name] = sorted(whole.get(name, []), key=lambda one: str(one["name"]), reverse=True)
        return whole

    @replace(EC2ContainerServiceBackend, "register_task_definition")
    def register(original: Any, self: Any, family: str, container_definitions: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, family, [filled(one) for one in container_definitions], *args, **kwargs)
