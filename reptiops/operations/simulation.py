"""Asking IAM whether the caller may do what a policy would grant, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message
from reptiops.operations.preflight import Note, principal
from reptiops.rights import Right

AT_ONCE = 50
"""Actions in one request; IAM evaluates each on each resource."""
SAMPLES = 2
"""ARNs of a right that are asked about: one and another show a rule as well as all ten would."""


def simulate(aws: Aws, rights: Iterable[Right]) -> tuple[Note, ...]:
    """An error for each action that is not allowed. A warning says why IAM could not be asked.

    The conditions of the rights are put in as the context: tags of the environment, roles handed to the right service.
    """
    caller = principal(str(aws.sts.get_caller_identity()["Arn"]))
    if caller is None:
        return (
            Note(
                "warning",
                "rights",
                "not checked: IAM knows no policy of this caller; the root user needs none, and should not be used",
            ),
        )
    refused: dict[str, str] = {}
    for on, context, actions in _questions(rights):
        for start in range(0, len(actions), AT_ONCE):
            try:
                results = aws.iam.pages(
                    "simulate_principal_policy",
                    "EvaluationResults",
                    PolicySourceArn=caller,
                    ActionNames=actions[start : start + AT_ONCE],
                    ResourceArns=on,
                    ContextEntries=context,
                )
            except ClientError as error:
                text = f"not checked: {code(error)}: {message(error)[:200]}"
                return (Note("warning", "rights", text, "the caller needs iam:SimulatePrincipalPolicy on itself"),)
            for one in results:
                if one["EvalDecision"] != "allowed":
                    refused[one["EvalActionName"]] = f"{one['EvalDecision']} on {one.get('EvalResourceName', '*')}"
    by = "print what is needed with `reptiops policy ENV`"
    return tuple(Note("error", action, f"not allowed: {why}", by) for action, why in sorted(refused.items()))


def _questions(rights: Iterable[Right]) -> Iterable[tuple[list[str], list[dict[str, Any]], list[str]]]:
    """Rights with the same ARNs and conditions in one: the ARNs, the context, the actions."""
    found: dict[tuple[tuple[str, ...], str], tuple[Right, set[str]]] = {}
    for right in rights:
        on = right.on[:SAMPLES]
        found.setdefault((on, repr(right.when)), (right, set()))[1].update(right.actions)
    for right, actions in found.values():
        yield list(right.on[:SAMPLES]), _context(right.when), sorted(actions)


def _context(when: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    entries = []
    for operator, tests in when.items():
        for key, value in tests.items():
            values = ["Create"] if operator == "Null" else list(value) if isinstance(value, list) else [value]
            entries.append({"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": "string"})
    return entries
