"""How a kind, or an operation, says which IAM actions it needs: for what, on which ARNs, under which conditions.

An IAM action is not always the API operation of the same name (`PutBucketEncryption` needs
`s3:PutEncryptionConfiguration`), and one call may need several: tags at creation, a role that is handed on. Both are
said where the call is made, so that a policy can be put together without calling anything.

ARNs and conditions have places, filled when the policy is made: `{partition}`, `{region}`, `{account}`, `{project}`,
`{environment}`, `{prefix}`; `{name}` for a field of the kind's wanted resources, `{elbv2.LoadBalancer.name}` for one of
another kind's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Purpose = Literal["read", "create", "update", "delete", "undo"]
Condition = Mapping[str, Mapping[str, str]]
"""IAM's form: operator → key → value."""
EVERYTHING = ("*",)

OURS: Condition = {
    "StringEquals": {"aws:ResourceTag/Project": "{project}", "aws:ResourceTag/Environment": "{environment}"}
}
"""Only what carries the environment's tags."""
TAGGED: Condition = {
    "StringEquals": {"aws:RequestTag/Project": "{project}", "aws:RequestTag/Environment": "{environment}"}
}
"""Only with the environment's tags in the request: nothing can be made that is not marked as ours."""
BY_AWS: Condition = {"Bool": {"aws:ViaAWSService": "true"}}
"""Only when an AWS service does it on the caller's behalf, as a part of another call: never when the caller asks for it."""


@dataclass(frozen=True)
class Right:
    """Actions on ARNs; `when` holds all of its tests."""

    purpose: Purpose
    actions: tuple[str, ...]
    on: tuple[str, ...] = EVERYTHING
    when: Condition = field(default_factory=dict)


def read(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> Right:
    """What observing takes."""
    return Right("read", actions, on, when or {})


def create(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> Right:
    """What making one takes."""
    return Right("create", actions, on, when or {})


def update(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> Right:
    """What changing one takes."""
    return Right("update", actions, on, when or {})


def delete(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> Right:
    """What removing one takes, the reads on the way included."""
    return Right("delete", actions, on, when or {})


def undo(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> Right:
    """What a rollback asks before it removes one: whether data has come into it meanwhile."""
    return Right("undo", actions, on, when or {})


def write(*actions: str, on: tuple[str, ...] = EVERYTHING, when: Condition | None = None) -> tuple[Right, Right]:
    """What both making and changing one takes."""
    return create(*actions, on=on, when=when), update(*actions, on=on, when=when)


def arn_of(service: str, resource: str, *, regional: bool = True) -> str:
    """An ARN of the environment's account."""
    return f"arn:{{partition}}:{service}:{'{region}' if regional else ''}:{{account}}:{resource}"


def passed_to(service: str) -> Condition:
    """Only when a role is handed to that service."""
    return {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}


ROLES = (arn_of("iam", "role/{iam.Role.name}", regional=False),)
"""The roles that the environment makes."""
SECRETS = (arn_of("secretsmanager", "secret:{secretsmanager.Secret.name}-??????"),)
"""The secrets that the environment makes; AWS ends their ARNs with six characters of its own."""
