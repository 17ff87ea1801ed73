"""Policies compare by meaning."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reptiops.config import load_environment
from reptiops.engine.canonical import in_full, plain
from reptiops.engine.codec import canonical
from reptiops.engine.drift import applied_changes
from reptiops.engine.plan import wanted
from reptiops.engine.state import Belongs, State
from reptiops.facts import Facts
from reptiops.policy import Policy, allow, deny
from reptiops.resources.iam import Role
from reptiops.steps import documented

names = st.lists(st.sampled_from(["s3:GetObject", "s3:PutObject", "logs:*"]), min_size=1, max_size=3, unique=True)
arns = st.lists(st.sampled_from(["arn:a", "arn:b", "arn:c"]), min_size=1, max_size=3, unique=True)
statements = st.lists(st.tuples(names, arns, st.booleans()), min_size=1, max_size=4)


def _policy(parts: list[tuple[list[str], list[str], bool]]) -> Policy:
    return Policy.make(*((allow if yes else deny)(a, r) for a, r, yes in parts))


@given(statements, st.randoms())
def test_order_and_case_do_not_count(parts: list[tuple[list[str], list[str], bool]], random: object) -> None:
    shuffled = [
        (list(reversed([a.upper() for a in actions])), list(reversed(arns)), yes) for actions, arns, yes in parts
    ]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    written = {
        "Statement": [
            {"Sid": f"s{n}", "Effect": "Allow" if yes else "Deny", "Action": a, "Resource": r}
            for n, (a, r, yes) in enumerate(shuffled)
        ]
    }
    assert _policy(parts) == Policy.of(written)


@given(statements, statements)
def test_equal_means_equal_plain_form(
    one: list[tuple[list[str], list[str], bool]], two: list[tuple[list[str], list[str], bool]]
) -> None:
    a, b = _policy(one), _policy(two)
    assert (a == b) == (a.to_plain() == b.to_plain())
    if a == b:
        assert hash(a) == hash(b)


def test_the_forms_that_aws_gives_back() -> None:
    written = Policy.of(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": ["123456789012"]},
                    "Action": ["sts:AssumeRole"],
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": True}},
                }
            ],
        }
    )
    given_back = Policy.of(
        '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, '
        '"Action": "sts:AssumeRole", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}'
    )
    assert written == given_back
    assert written != Policy.of('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}')


def test_everybody_is_spelt_in_two_ways() -> None:
    one = {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:b"}}
    two = {"Statement": {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "arn:b"}}
    assert Policy.of(one) == Policy.of(two)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_policies_of_each_role_fit_into_it(environment: str) -> None:
    """All inline policies of a role together take 10,240 characters, a trust policy 2,048 (aws-facts 3)."""
    graph, env = documented(), load_environment(environment)
    images = frozenset(service.name for service in env.services)
    facts = Facts("123456789012", "us-east-1", zone_id="Z1", images=images)
    roles = [
        want
        for want in wanted(
            graph, {"env": env, "facts": facts}, State(Belongs(environment, "123456789012", "us-east-1", ""))
        )
        if isinstance(want, Role)
    ]
    assert len(roles) >= 5
    for role in roles:
        assert sum(len(json.dumps(json.loads(p.json()), separators=(",", ":"))) for p in role.policies.values()) < 10240
        assert len(role.trust.json()) < 2048
        assert len(role.description) <= 1000


def test_what_is_kept_is_as_it_was_written_and_older_journals_are_read() -> None:
    text = '{"Version": "2008-10-17", "Id": "by-hand", "Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}}'
    policy = Policy.of(text)
    assert Policy.from_plain(in_full({"p": policy})["p"]).json() == text  # type: ignore[index,call-overload]
    assert Policy.from_plain(policy.to_plain()) == policy


def test_what_is_kept_compares_like_the_canonical_form() -> None:
    role = Role(
        "r", trust=Policy.of('{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}'), policies={"p": allowed}
    )
    assert canonical(Role, in_full(role)) == canonical(Role, plain(role)) == plain(role)
    assert [c.path for c in applied_changes(in_full(role), replace(role, policies={}))] == ["policies.p"]
    assert not list(applied_changes(in_full(role), role))


allowed = Policy.make(allow(["iam:PassRole"], ["*"]))
