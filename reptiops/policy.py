"""Policy documents that compare by meaning: AWS gives them back re-ordered, re-cased and with lists unwrapped.

The normal form follows aws-facts 1.4: a single string equals a list of one, actions ignore case, the order of
statements, actions, resources and principals does not count, an account id equals its root ARN, and numbers and
booleans in conditions are strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reptiops.engine.canonical import Plain

Statement = dict[str, Any]
_ACCOUNT = re.compile(r"^\d{12}$")


@dataclass(frozen=True, eq=False)
class Policy:
    """An IAM, bucket or topic policy. `==` compares what it means."""

    text: str

    @classmethod
    def of(cls, document: Mapping[str, Any] | str) -> Policy:
        """From a document as AWS gives it, or as one writes it."""
        return cls(document if isinstance(document, str) else json.dumps(document))

    @classmethod
    def make(cls, *statements: Statement) -> Policy:
        """From statements as `allow` and `deny` make them."""
        return cls.of({"Version": "2012-10-17", "Statement": list(statements)})

    @classmethod
    def from_plain(cls, value: Any) -> Policy:
        """From the kept form, or from the normal one, which states and journals of earlier versions have."""
        if isinstance(value, Mapping) and "document" in value:
            return cls(str(value["document"]))
        return cls.of({"Version": "2012-10-17", "Statement": value})

    def to_kept(self) -> Plain:
        """The document as AWS showed it, or as it was sent: what a rollback writes back."""
        return {"document": self.text}

    def json(self) -> str:
        """The document for AWS, as written."""
        return self.text

    def to_plain(self) -> Plain:
        """The normal form: statements and their lists sorted."""
        statements = json.loads(self.text).get("Statement", [])
        if isinstance(statements, dict):
            statements = [statements]
        return sorted((_normal(s) for s in statements), key=lambda s: json.dumps(s, sort_keys=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_plain(), sort_keys=True))


def _normal(statement: Mapping[str, Any]) -> dict[str, Any]:
    normal: dict[str, Any] = {"Effect": str(statement.get("Effect", "Allow"))}
    for name in ("Action", "NotAction"):
        if name in statement:
            normal[name] = sorted(a.lower() for a in _listed(statement[name]))
    for name in ("Resource", "NotResource"):
        if name in statement:
            normal[name] = sorted(_listed(statement[name]))
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            normal[name] = _principal(statement[name])
    condition = {
        operator: {key: sorted(_listed(value)) for key, value in tests.items()}
        for operator, tests in statement.get("Condition", {}).items()
    }
    if condition:
        normal["Condition"] = condition
    return normal


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in values]


def _principal(value: Any) -> dict[str, list[str]]:
    if value == "*":
        return {"AWS": ["*"]}
    return {
        kind: sorted(f"arn:aws:iam::{v}:root" if kind == "AWS" and _ACCOUNT.match(v) else v for v in _listed(names))
        for kind, names in sorted(value.items())
    }


def allow(
    actions: Iterable[str],
    resources: Iterable[str] | None = None,
    *,
    condition: Mapping[str, Any] | None = None,
    principal: Any = None,
    effect: str = "Allow",
) -> Statement:
    """One statement. Identity policies name resources, trust policies name a principal, bucket policies both."""
    statement: Statement = {"Effect": effect, "Action": sorted(actions)}
    if principal is not None:
        statement["Principal"] = principal
    if resources is not None:
        statement["Resource"] = sorted(resources)
    if condition:
        statement["Condition"] = dict(condition)
    return statement


def deny(
    actions: Iterable[str],
    resources: Iterable[str] | None = None,
    *,
    condition: Mapping[str, Any] | None = None,
    principal: Any = None,
) -> Statement:
    """One denying statement."""
    return allow(actions, resources, condition=condition, principal=principal, effect="Deny")


def trust(service: str, account: str) -> Policy:
    """Who may assume a role: one AWS service, and only on behalf of this account (no confused deputy)."""
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    return Policy.make(allow(["sts:AssumeRole"], principal={"Service": service}, condition=condition))
