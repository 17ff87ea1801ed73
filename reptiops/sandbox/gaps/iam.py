"""IAM: the simulator."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.evaluation import evaluate
from reptiops.sandbox.gaps import add


def fill() -> None:
    """The simulator."""
    from moto.core.responses import ActionResult
    from moto.iam.exceptions import NotFoundException
    from moto.iam.responses import IamResponse

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
