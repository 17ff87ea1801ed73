"""What a person has set by hand and a run overwrites comes back by a rollback exactly as it was, byte for byte.

Outcomes are read by boto3 alone, before the run and after the rollback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.events import Event
from reptiops.testing import mocked_aws
from tests.drifts import Hand
from tests.faults import Killed
from tests.small import small_config

Read = Callable[[Hand], Any]
ROLE, GUARD = "reptidex-dev-deployer", "arn:aws:iam::123456789012:root"
"""A role of ours, and who may assume it by hand."""


@dataclass(frozen=True)
class Case:
    """What is set by hand, where, and how it is read."""

    address: str
    change: Callable[[Hand], object]
    read: Read
    planned: str = ""
    """Part of a path that the plan must show."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One small environment for all cases: each touches one thing."""
    root = tmp_path_factory.mktemp("fidelity")
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": root / "state", "config_dir": small_config(root)}
        app.provision("dev", **where)
        yield where


def _plainly(answer: Any) -> Any:
    """As it is compared: everything but when and how it was asked."""
    return json.dumps({k: v for k, v in answer.items() if k != "ResponseMetadata"}, sort_keys=True, default=str)


def _role(hand: Hand) -> Any:
    iam = hand("iam")
    role = iam.get_role(RoleName=ROLE)["Role"]
    names = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    inline = {n: iam.get_role_policy(RoleName=ROLE, PolicyName=n)["PolicyDocument"] for n in names}
    shown = ("AssumeRolePolicyDocument", "Description", "MaxSessionDuration")
    return {"inline": inline, **{name: role.get(name) for name in shown}}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Hand", "Effect": "Allow", "Principal": {"AWS": GUARD}, "Action": "sts:AssumeRole"},
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": ["sts:TagSession", "sts:AssumeRole"],
        },
    ],
}
INLINE = {
    "Version": "2012-10-17",
    "Id": "by-hand",
    "Statement": {
        "Effect": "Allow",
        "NotAction": "iam:PassRole",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": True}},
    },
}


def _trusted(hand: Hand) -> None:
    hand("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(TRUST))
    hand("iam").put_role_policy(RoleName=ROLE, PolicyName="by-hand", PolicyDocument=json.dumps(INLINE))
    hand("iam").update_role(RoleName=ROLE, Description="By hand", MaxSessionDuration=7200)


HOST = "api-dev.reptidex.com"


def _records(hand: Hand) -> Any:
    pages = hand("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=hand.zone)
    return sorted((one for page in pages for one in page["ResourceRecordSets"]), key=str)


def _instead(*records: dict[str, Any]) -> Callable[[Hand], None]:
    """These record sets in the place of our alias of one host."""

    def change(hand: Hand) -> None:
        ours = [one for one in _records(hand) if one["Name"] == f"{HOST}."]
        named = [{"Name": f"{HOST}.", **one} for one in records]
        kept = {(one["Type"], one.get("SetIdentifier")) for one in named}
        gone = [one for one in ours if (one["Type"], one.get("SetIdentifier")) not in kept]
        changes = [("DELETE", one) for one in gone] + [("UPSERT", one) for one in named]
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": one} for action, one in changes]}
        hand("route53").change_resource_record_sets(HostedZoneId=hand.zone, ChangeBatch=batch)

    return change


def _values(*values: str) -> list[dict[str, str]]:
    return [{"Value": value} for value in values]


def _aliased(name: str, zone: str = "Z35SXDOTRQ7X7K", *, health: bool = False) -> dict[str, Any]:
    return {"DNSName": name, "HostedZoneId": zone, "EvaluateTargetHealth": health}


ELSEWHERE = "dualstack.other-1.us-east-1.elb.amazonaws.com."
BY_HAND: dict[str, tuple[dict[str, Any], ...]] = {
    "an address": ({"Type": "A", "TTL": 60, "ResourceRecords": _values("1.2.3.4")},),
    "addresses": ({"Type": "A", "TTL": 5, "ResourceRecords": _values("1.2.3.5", "1.2.3.4")},),
    "another name": ({"Type": "CNAME", "TTL": 86400, "ResourceRecords": _values("Other.example.com")},),
    "weights": tuple(
        {"Type": "A", "SetIdentifier": name, "Weight": weight, "TTL": 60, "ResourceRecords": _values(value)}
        for name, weight, value in (("blue", 10, "1.2.3.4"), ("green", 90, "1.2.3.5"))
    ),
    "a region": (
        {"Type": "A", "SetIdentifier": "west", "Region": "us-west-2", "TTL": 60, "ResourceRecords": _values("1.2.3.4")},
    ),
    "the console's alias": ({"Type": "A", "AliasTarget": _aliased(ELSEWHERE)},),
    "an alias by health": ({"Type": "A", "AliasTarget": _aliased(ELSEWHERE, health=True)},),
    "both addresses": (
        {"Type": "A", "TTL": 60, "ResourceRecords": _values("1.2.3.4")},
        {"Type": "AAAA", "TTL": 61, "ResourceRecords": _values("2001:db8::1")},
    ),
}


def _sg_rule(hand: Hand) -> Any:
    filters = [{"Name": "group-id", "Values": [hand.group("alb")]}]
    rules = hand("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return next(one for one in rules if not one["IsEgress"] and one["FromPort"] in (443, 8443))


def _moved_port(hand: Hand) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "CidrIpv4": "10.9.0.0/16", "Description": "theirs"}
    change = [{"SecurityGroupRuleId": _sg_rule(hand)["SecurityGroupRuleId"], "SecurityGroupRule": rule}]
    hand("ec2").modify_security_group_rules(GroupId=hand.group("alb"), SecurityGroupRules=change)


def _dashboard(hand: Hand) -> Any:
    return hand("cloudwatch").get_dashboard(DashboardName="reptidex-dev")["DashboardBody"]


def _drawn(hand: Hand) -> None:
    body = json.loads(_dashboard(hand))
    theirs = json.dumps(
        {"start": "-PT3H", "widgets": [{"type": "text", "properties": {"markdown": "# ours"}}, *body["widgets"]]},
        indent=1,
    )
    hand("cloudwatch").put_dashboard(DashboardName="reptidex-dev", DashboardBody=theirs)


CASES = {
    "rule of a security group": Case(
        "security/security_group_rule/alb/inbound/tcp-443-0.0.0.0_0", _moved_port, _sg_rule
    ),
    "dashboard": Case("monitoring/dashboard", _drawn, _dashboard),
    **{
        f"record: {name}": Case("compute/alias_record", _instead(*some), _records, HOST)
        for name, some in BY_HAND.items()
    },
    "role": Case("security/deployer_role", _trusted, _role),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_set_by_hand_comes_back(name: str, world: dict[str, Any]) -> None:
    case, hand = CASES[name], Hand(world["session"])
    case.change(hand)
    before = _plainly({"read": case.read(hand)})
    planned = app.plan("dev", only=(case.address,), **world).changes
    assert [a.verb for a in planned] == ["update"]
    assert case.planned in str([c.path for c in planned[0].changes])
    with pytest.raises(Killed):
        app.provision("dev", only=(case.address,), tell=_killed_when_done(case.address), **world)
    assert _plainly({"read": case.read(hand)}) != before
    app.roll_back("dev", session=world["session"], state_dir=world["state_dir"], config_dir=world["config_dir"])
    assert _plainly({"read": case.read(hand)}) == before
    app.provision("dev", only=(case.address,), **world)


def _killed_when_done(address: str) -> Callable[[Event], None]:
    """Ends the run where it stands, when AWS has all that it was to get for one address."""

    def tell(event: Event) -> None:
        if (event.word, event.address) == ("done", address):
            raise Killed(address)

    return tell


def test_a_log_group_that_is_made_anew_has_no_tags(account: Any) -> None:
    logs, name = account.client("logs"), "/ecs/dev/theirs"
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}"
    logs.create_log_group(logGroupName=name, tags={"Project": "reptidex"})
    logs.tag_resource(resourceArn=arn, tags={"Environment": "dev"})
    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
