"""What is shown of things that the strict sandbox keeps waiting: states that moto itself has no word for."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace
from reptiops.sandbox.rules import WORLD, acm, cloudfront, elbv2, names


def fill() -> None:
    """Distributions, load balancers, certificates, scalable targets."""
    from moto.acm.models import CertBundle
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.cloudfront.models import Distribution
    from moto.elbv2.models import FakeLoadBalancer

    def status(self: Any) -> str:
        young = WORLD.enforced and WORLD.clock.younger(f"distribution {self.distribution_id}", cloudfront.DEPLOYED)
        return "InProgress" if young else "Deployed"

    Distribution.status = property(status, lambda self, value: None)

    @replace(FakeLoadBalancer, "activate")
    def activate(original: Any, self: Any) -> None:
        if not (WORLD.enforced and WORLD.clock.younger(f"balancer {self.arn}", elbv2.PROVISIONED)):
            original(self)

    @replace(CertBundle, "describe")
    def describe(original: Any, self: Any) -> Any:
        shown = original(self)
        if WORLD.enforced and WORLD.clock.younger(f"requested {self.arn}", acm.RECORD_SHOWN):
            for option in shown["Certificate"].get("DomainValidationOptions", []):
                option.pop("ResourceRecord", None)
        return shown

    @replace(ApplicationAutoscalingBackend, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.departed = {}

    @replace(ApplicationAutoscalingBackend, "describe_scalable_targets")
    def targets(original: Any, self: Any, namespace: str, *args: Any) -> list[Any]:
        young = WORLD.clock.younger
        found = original(self, namespace, *args)
        shown = [one for one in found if not (WORLD.enforced and young(f"target {one.resource_id}", names.SEEN))]
        there = {one.resource_id for one in found}
        return shown + [one for name, one in self.departed.items() if name not in there and namespace == "ecs"]
