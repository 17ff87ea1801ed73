"""ECS: a service keeps all its settings, its tasks run, and clusters, services and task definitions are refused as on AWS."""

from __future__ import annotations

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
PAIRS = {256: (512, 2048), 512: (1024, 4096), 1024: (2048, 8192), 2048: (4096, 16384), 4096: (8192, 30720)}
"""CPU units → least and most MiB on Fargate."""


def fill() -> None:
    """Everything about ECS."""
    _services()
    _clusters()
    _task_definitions()


def deploy(service: Any) -> None:
    """All tasks run at once, and the deployment has completed."""
    now = datetime.now(UTC)
    before = service.deployments[0] if service.deployments else {}
    same = (
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


def _services() -> None:
    from moto.ecs.exceptions import InvalidParameterException
    from moto.ecs.models import EC2ContainerServiceBackend
    from moto.ecs.responses import EC2ContainerServiceResponse
    from moto.elbv2.models import elbv2_backends

    def check(self: Any) -> None:
        backend, cluster = self.ecs_backend, self._get_param("cluster", "default").rsplit("/", 1)[-1]
        existing = backend.services.get(f"{cluster}:{self._get_param('serviceName')}")
        if existing is not None and existing.status != "INACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        groups = elbv2_backends[backend.account_id][backend.region_name].target_groups
        for one in self._get_param("loadBalancers") or []:
            arn = one.get("targetGroupArn")
            if arn not in groups:
                raise InvalidParameterException(f"Unable to assume role or unknown target group {arn}.")

    @replace(EC2ContainerServiceResponse, "create_service")
    def create(original: Any, self: Any) -> Any:
        check(self)
        answer = original(self)
        cluster = self._get_param("cluster", "default").rsplit("/", 1)[-1]
        service = self.ecs_backend.services[f"{cluster}:{self._get_param('serviceName')}"]
        for parameter, name in KEPT.items():
            setattr(service, name, self._get_param(parameter))
        service.availability_zone_rebalancing = service.availability_zone_rebalancing or "ENABLED"
        service.created_at = datetime.now(UTC)
        deploy(service)
        return answer

    @replace(EC2ContainerServiceBackend, "update_service")
    def update(original: Any, self: Any, service_properties: dict[str, Any]) -> Any:
        service = original(self, service_properties)
        arn = service.task_definition
        if arn and not arn.startswith("arn:"):
            service.task_definition = self.describe_task_definition(arn).arn
        deploy(service)
        return service

    @replace(EC2ContainerServiceBackend, "describe_services")
    def describe(original: Any, self: Any, cluster_str: str, service_names_or_arns: Any) -> Any:
        if len(service_names_or_arns or []) > 10:
            raise InvalidParameterException("Services size must be between 1 and 10.")
        return original(self, cluster_str, service_names_or_arns)

    @replace(EC2ContainerServiceBackend, "list_services")
    def listed(original: Any, self: Any, cluster_str: str, *args: Any, **kwargs: Any) -> Any:
        arns = original(self, cluster_str, *args, **kwargs)
        inactive = {s.arn for s in self.services.values() if s.status == "INACTIVE"}
        return [arn for arn in arns if arn not in inactive]


def _clusters() -> None:
    from moto.ecs.exceptions import ECSException
    from moto.ecs.models import EC2ContainerServiceBackend

    class ContainsServices(ECSException):  # type: ignore[misc]
        code = "ClusterContainsServicesException"

    @replace(EC2ContainerServiceBackend, "delete_cluster")
    def delete(original: Any, self: Any, cluster_str: str) -> Any:
        cluster = self._get_cluster(cluster_str)
        if any(s.cluster_arn == cluster.arn and s.status != "INACTIVE" for s in self.services.values()):
            raise ContainsServices("The Cluster cannot be deleted while Services are active.")
        return original(self, cluster_str)


def _task_definitions() -> None:
    from moto.ecs.exceptions import EcsClientException
    from moto.ecs.models import EC2ContainerServiceBackend

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
        if "FARGATE" in (kwargs.get("requires_compatibilities") or []):
            cpu, memory = int(kwargs.get("cpu") or 0), int(kwargs.get("memory") or 0)
            least, most = PAIRS.get(cpu, (1, 0))
            if not least <= memory <= most:
                raise EcsClientException("No Fargate configuration exists for given values.")
        return original(self, family, [filled(one) for one in container_definitions], *args, **kwargs)
