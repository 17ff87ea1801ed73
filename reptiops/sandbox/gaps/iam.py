"""IAM: the simulator, and what AWS says to a second service-linked role for one service."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.evaluation import evaluate
from reptiops.sandbox.gaps import add, replace


def fill() -> None:
    """The simulator and service-linked roles."""
    from moto.core.responses import ActionResult
    from moto.iam.exceptions import NotFoundException
    from moto.iam.models import IAMBackend
    from moto.iam.responses import IamResponse

    @replace(IAMBackend, "create_service_linked_role")
    def linked(original: Any, self: Any, service_name: str, description: str, suffix: str) -> Any:
        path = f"/aws-service-role/{service_name}/"
        if not suffix and any(role.path == path for role in self.roles.values()):
            raise _taken(service_name)
        return original(self, service_name, description, suffix)

    @add(IamResponse, "simulate_principal_policy")
    def simulate(self: Any) -> Any:
        source = self._get_param("PolicySourceArn")
        kind, _, name = source.rpartition(":")[2].partition("/")
        holder = (self.backend.roles if kind == "role" else self.backend.users).values()
        found = [one for one in holder if one.arn == source]
        if not found:
            raise NotFoundException(f"The {kind} {name} cannot be found.")
        documents = [*found[0].policies.values(), *(_document(one) for one in found[0].managed_policies.values())]
        context = {c["ContextKeyName"]: c["ContextKeyValues"] for c in self._get_param("ContextEntries") or []}
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": evaluate(documents, action, resource, context),
            }
            for action in self._get_param("ActionNames")
            for resource in self._get_param("ResourceArns") or ["*"]
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _document(policy: Any) -> str:
    return str(next(version.document for version in policy.versions if version.is_default))


def _taken(service: str) -> Exception:
    from moto.iam.exceptions import IAMException

    text = f"Service role name for {service} has been taken in this account, please try a different suffix."
    error: Exception = IAMException("InvalidInput", text)
    return error
