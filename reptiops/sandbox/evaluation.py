"""Whether policy documents allow an action on a resource: the part of IAM's logic that our own policies use.

An explicit deny wins, then one allow is enough. Actions ignore case; `*` and `?` are wildcards in actions, resources
and in `StringLike` and `ArnLike` tests. An operator that is not known here is a GapError, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.sandbox.gaps import GapError

ALLOWED, DENIED, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def evaluate(documents: Iterable[str], action: str, resource: str, context: Mapping[str, Iterable[str]]) -> str:
    """IAM's decision, in the words of its simulator."""
    decision = IMPLICIT
    for document in documents:
        for statement in _listed(json.loads(document)["Statement"]):
            if _concerns(statement, action, resource) and _holds(statement.get("Condition", {}), context):
                if statement["Effect"] == "Deny":
                    return DENIED
                decision = ALLOWED
    return decision


def _concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    actions = _listed(statement.get("Action", statement.get("NotAction", [])))
    named = any(_like(one.lower(), action.lower()) for one in actions)
    if named == ("NotAction" in statement):
        return False
    resources = _listed(statement.get("Resource", statement.get("NotResource", "*")))
    return any(_like(one, resource) for one in resources) != ("NotResource" in statement)


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, Iterable[str]]) -> bool:
    lowered = {key.lower(): list(values) for key, values in context.items()}
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            has, values = lowered.get(key.lower(), []), [str(v) for v in _listed(wanted)]
            if not _test(operator, has, values):
                return False
    return True


def _test(operator: str, has: list[str], values: list[str]) -> bool:
    if operator == "Null":
        return (not has) == (values[0].lower() == "true")
    if operator in ("StringEquals", "ArnEquals"):
        return any(one in values for one in has)
    if operator in ("StringLike", "ArnLike"):
        return any(_like(value, one) for value in values for one in has)
    if operator == "Bool":
        return any(one.lower() == values[0].lower() for one in has)
    raise GapError(f"the sandbox does not know the condition operator {operator}")


def _like(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
