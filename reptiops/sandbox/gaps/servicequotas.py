"""Service Quotas: what the strict sandbox enforces is what it answers, so that a preflight and the calls after it agree."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace
from reptiops.sandbox.rules import WORLD

CODES = {
    ("ec2", "L-0263D0A3"): "elastic-ips",
    ("vpc", "L-F678F1CE"): "vpcs",
    ("vpc", "L-A4707A72"): "internet-gateways",
    ("vpc", "L-FE5A380F"): "nat-gateways-per-zone",
    ("vpc", "L-0EA8095F"): "security-group-rules",
    ("fargate", "L-3032A538"): "fargate-vcpus",
}
"""AWS's service and code of the quotas that the sandbox knows."""


def fill() -> None:
    """GetServiceQuota."""
    from moto.servicequotas.models import ServiceQuotasBackend

    @replace(ServiceQuotasBackend, "get_service_quota")
    def quota(original: Any, self: Any, service_code: str, quota_code: str) -> Any:
        name = CODES.get((service_code, quota_code))
        if not WORLD.enforced or name is None:
            return original(self, service_code, quota_code)
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "QuotaName": name,
            "Value": float(WORLD.quotas[name]),
            "Adjustable": True,
            "GlobalQuota": False,
        }
