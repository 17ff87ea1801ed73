"""Application Auto Scaling: registering moves the count and takes tags, deregistering takes everything along."""

from __future__ import annotations

import json
from typing import Any

from reptiops.sandbox.gaps import add, replace

RUNNING = dict.fromkeys(("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False)
"""What a target suspends that was never told to: nothing. All three are always answered."""


def fill() -> None:
    """Targets with their tags, policies and scheduled actions."""
    _tags()
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.core.exceptions import JsonRESTError

    def missing(resource: str) -> Any:
        return JsonRESTError("ObjectNotFoundException", f"No scalable target found for resource ID: {resource}")

    @replace(ApplicationAutoscalingBackend, "register_scalable_target")
    def register(original: Any, self: Any, namespace: str, resource: str, dimension: str, **more: Any) -> Any:
        before = {one.resource_id: one.suspended_state for one in self.targets.get(dimension, {}).values()}
        target = original(self, namespace, resource, dimension, **more)
        suspended = before.get(target.resource_id, RUNNING) | (more["suspended_state"] or {})
        target.suspended_state = suspended
        if namespace == "ecs":
            _, cluster, name = resource.split("/")
            service = self.ecs_backend.services[f"{cluster}:{name}"]
            count = min(max(service.desired_count, target.min_capacity), target.max_capacity)
            if count != service.desired_count:
                self.ecs_backend.update_service({"cluster": cluster, "service": name, "desired_count": count})
        return target

    @replace(ApplicationAutoscalingBackend, "deregister_scalable_target")
    def deregister(original: Any, self: Any, namespace: str, resource: str, dimension: str) -> None:
        if not self._scalable_target_exists(resource, dimension):
            raise missing(resource)
        original(self, namespace, resource, dimension)
        self.policies = {k: p for k, p in self.policies.items() if p.resource_id != resource}
        self.scheduled_actions = [a for a in self.scheduled_actions if a.resource_id != resource]


def _tags() -> None:
    from moto.applicationautoscaling.models import FakeScalableTarget
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
    from moto.core.exceptions import JsonRESTError

    FakeScalableTarget.tags = {}

    def held(self: Any) -> list[Any]:
        targets = self.applicationautoscaling_backend.targets.values()
        return [one for of_dimension in targets for one in of_dimension.values()]

    @replace(ApplicationAutoScalingResponse, "register_scalable_target")
    def register(original: Any, self: Any) -> str:
        answer = str(original(self))
        for one in held(self):
            if one.arn == json.loads(answer)["ScalableTargetARN"] and self._get_param("Tags"):
                one.tags = dict(self._get_param("Tags"))
        return answer

    @add(ApplicationAutoScalingResponse, "tag_resource")
    def tag_resource(self: Any) -> str:
        arn = self._get_param("ResourceARN")
        for one in held(self):
            if one.arn == arn:
                one.tags = {**one.tags, **self._get_param("Tags")}
                return "{}"
        raise JsonRESTError("ResourceNotFoundException", f"The scalable target {arn} does not exist.")
