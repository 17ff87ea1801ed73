"""What a reconcile removes is looked at right before it goes: what changed or filled since somebody agreed stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.finding import Finding
from reptiops.testing import mocked_aws
from tests.drifts import Hand
from tests.faults import Faults
from tests.small import small_config

BUCKET, LOGS = "reptidex-dev-old", "/ecs/dev/repti-old"
TAGS = {"Project": "reptidex", "Environment": "dev", "ManagedBy": "reptiops"}
ASKING = "operation: reconcile\non_failure: rollback\nrepair: {default: ask}\nbrake: {data: false}\n"
GROUP = "security/security_group/rds"


@pytest.fixture
def where(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """An environment with a bucket, a log group and a rule that nobody declared."""
    (tmp_path / "asking.yaml").write_text(ASKING)
    with mocked_aws() as session:
        given = {"session": session, "state_dir": tmp_path / "state", "config_dir": small_config(tmp_path / "config")}
        only = ("network/vpc", GROUP, "storage/bucket/assets", "compute/log_group/repti-core")
        app.provision("dev", only=only, **given)
        hand = Hand(session)
        hand("s3").create_bucket(Bucket=BUCKET)
        tags = {**TAGS, "reptiops:address": "storage/bucket/old"}
        hand("s3").put_bucket_tagging(
            Bucket=BUCKET, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]}
        )
        hand("logs").create_log_group(
            logGroupName=LOGS, tags={**TAGS, "reptiops:address": "compute/log_group/repti-old"}
        )
        hand("ec2").authorize_security_group_ingress(GroupId=hand.group("rds"), IpPermissions=[_rule(22)])
        yield {**given, "playbook_dir": tmp_path}


def _rule(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _left(where: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Whether the bucket, the log group and the rule are there."""
    hand = Hand(where["session"])
    buckets = [one["Name"] for one in hand("s3").list_buckets()["Buckets"]]
    groups = hand("logs").describe_log_groups(logGroupNamePrefix=LOGS)["logGroups"]
    return BUCKET in buckets, bool(groups), bool(_rules(hand))


def _rules(hand: Hand) -> list[Any]:
    found = hand("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [hand.group("rds")]}])
    return [r for r in found["SecurityGroupRules"] if r.get("CidrIpv4") == "0.0.0.0/0" and not r["IsEgress"]]


def _fill(hand: Hand) -> None:
    hand("s3").put_object(Bucket=BUCKET, Key="theirs", Body=b"x")


def _encrypt(hand: Hand) -> None:
    hand("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def _retag(hand: Hand) -> None:
    tags = [{"Key": "Project", "Value": "theirs"}]
    hand("s3").put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})


def _write(hand: Hand) -> None:
    hand("logs").create_log_stream(logGroupName=LOGS, logStreamName="theirs")


def _retain(hand: Hand) -> None:
    hand("logs").put_retention_policy(logGroupName=LOGS, retentionInDays=400)


def _reconcile(where: dict[str, Any], meanwhile: Callable[[Hand], None], asks: int = 3, **more: Any) -> app.Reconciled:
    """Somebody says yes to everything, and something happens before the last answer."""
    asked: list[Finding] = []

    def ask(one: Finding) -> bool:
        if not asked:
            meanwhile(Hand(where["session"]))
        asked.append(one)
        return True

    done = app.reconcile("dev", ask=ask, playbook="asking", **where, **more)
    assert len(asked) == asks
    return done


def _nothing(_: Hand) -> None:
    """As it was."""


@pytest.mark.parametrize("before", [_nothing, _fill])
def test_what_is_as_it_was_goes(where: dict[str, Any], before: Callable[[Hand], None]) -> None:
    before(Hand(where["session"]))
    done = _reconcile(where, _nothing)
    assert (done.left, len(done.mended), _left(where)) == ((), 3, (False, False, False))


@pytest.mark.parametrize(
    ("meanwhile", "kind", "why"),
    [
        (_fill, "s3.Bucket", "it holds objects, which it did not before"),
        (_encrypt, "s3.Bucket", "somebody changed versioning"),
        (_write, "logs.LogGroup", "it holds logs, which it did not before"),
        (_retain, "logs.LogGroup", "somebody changed retention_days"),
    ],
)
def test_what_was_filled_or_changed_meanwhile_is_left(
    where: dict[str, Any], meanwhile: Callable[[Hand], None], kind: str, why: str
) -> None:
    """It is told, the rest goes, and nothing is undone."""
    faults = Faults(where["session"])
    done = _reconcile(where, meanwhile)
    ((one, said),) = done.left
    assert (one.kind, len(done.mended), done.exit_code) == (kind, 2, 3)
    assert said.startswith(why), said
    assert "left alone" in said
    bucket = kind == "s3.Bucket"
    assert _left(where) == (bucket, not bucket, False)
    assert not faults.writes["s3:DeleteBucket" if bucket else "logs:DeleteLogGroup"]
    assert app.current("dev", **_site(where))[1].empty, "no run is without an end"


def _site(where: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in where.items() if name != "playbook_dir"}


def test_what_somebody_else_took_over_meanwhile_is_left(where: dict[str, Any]) -> None:
    """AWS does not list it as ours any more."""
    done = _reconcile(where, _retag)
    assert _left(where) == (True, False, False)
    assert [why for _, why in done.left] == ["AWS no longer lists it as ours: it was left alone"]


def test_a_rule_that_somebody_changes_meanwhile_is_left(where: dict[str, Any]) -> None:
    def narrow(hand: Hand) -> None:
        (one,) = _rules(hand)
        rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0"}
        changed = {"SecurityGroupRuleId": one["SecurityGroupRuleId"], "SecurityGroupRule": rule}
        hand("ec2").modify_security_group_rules(GroupId=hand.group("rds"), SecurityGroupRules=[changed])

    done = _reconcile(where, narrow)
    ((one, said),) = done.left
    assert one.kind == "ec2_access.SecurityGroupRule"
    assert said.startswith("somebody changed from_port, to_port"), said
    assert _left(where) == (False, False, True)


def test_what_goes_unasked_is_looked_at_too(where: dict[str, Any]) -> None:
    """Between the look at everything and its turn somebody fills it: while the rule is being closed."""
    seen: list[str] = []

    def happens(**_: Any) -> None:
        if not seen:
            _retain(Hand(where["session"]))
        seen.append("once")

    where["session"].events.register("before-call.ec2.RevokeSecurityGroupIngress", happens)
    done = app.reconcile("dev", yes=True, playbook="asking", **where)
    ((_, said),) = done.left
    assert said.startswith("somebody changed retention_days"), said
    assert _left(where) == (False, True, False)


def _subnets(hand: Hand) -> list[str]:
    block = hand("ec2").describe_vpcs(VpcIds=[hand.vpc])["Vpcs"][0]["CidrBlock"].rsplit(".", 2)[0]
    made = [
        hand("ec2").create_subnet(VpcId=hand.vpc, CidrBlock=f"{block}.{200 + n}.0/24", AvailabilityZone=f"us-east-1{z}")
        for n, z in enumerate("ab")
    ]
    return [one["Subnet"]["SubnetId"] for one in made]


def _database(hand: Hand) -> Callable[[], None]:
    """Answers how another one comes in its place: by a snapshot that is restored under its name."""
    tags = [{"Key": k, "Value": v} for k, v in {**TAGS, "reptiops:address": "database/old"}.items()]
    hand("rds").create_db_subnet_group(
        DBSubnetGroupName="old", DBSubnetGroupDescription="old", SubnetIds=_subnets(hand)
    )
    hand("rds").create_db_instance(
        DBInstanceIdentifier="reptidex-dev-old", Engine="postgres", DBInstanceClass="db.t4g.micro", Tags=tags,
        MasterUsername="old", MasterUserPassword="old-password", AllocatedStorage=20, DBSubnetGroupName="old",
    )  # fmt: skip
    ids: list[str] = []  # moto has one for all

    def tell(parsed: Any, **_: Any) -> None:
        for one in parsed.get("DBInstances", ()):
            one["DbiResourceId"] = ids[-1] if ids else one["DbiResourceId"]

    hand.session.events.register("after-call.rds.DescribeDBInstances", tell)
    return lambda: ids.append("db-RESTORED")


@pytest.mark.parametrize("stays", [False, True])
def test_what_somebody_puts_in_the_place_of_a_database_is_left(where: dict[str, Any], stays: bool) -> None:
    """What is in it AWS does not tell, but which one it is."""
    hand = Hand(where["session"])
    restore = _database(hand)

    def ask(one: Finding) -> bool:
        if one.kind == "rds.Instance" and stays:
            restore()
        return one.kind == "rds.Instance"

    done = app.reconcile("dev", ask=ask, playbook="asking", **where)
    left = [said for one, said in done.left if one.kind == "rds.Instance"]
    assert (len(left), len(done.mended)) == ((1, 0) if stays else (0, 1)), left
    assert all(said.startswith("somebody changed what it holds (resource_id db-RESTORED") for said in left), left
    assert bool(hand("rds").describe_db_instances()["DBInstances"]) is stays


def _distribution(hand: Hand) -> str:
    """One with our tags that nobody declared."""
    origin = {
        "Id": "o",
        "DomainName": "o.example.com",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    default = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "MinTTL": 0}
    default["ForwardedValues"] = {"QueryString": False, "Cookies": {"Forward": "none"}}
    config = {
        "CallerReference": "old",
        "Comment": "reptidex-dev",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
    }
    tags = {**TAGS, "reptiops:address": "storage/distribution/old"}
    made = hand("cloudfront").create_distribution_with_tags(
        DistributionConfigWithTags={
            "DistributionConfig": {**config, "DefaultCacheBehavior": default},
            "Tags": {"Items": [{"Key": k, "Value": v} for k, v in tags.items()]},
        }
    )
    return str(made["Distribution"]["Id"])


def _switched(hand: Hand) -> dict[str, bool]:
    """Each distribution, and whether it is on."""
    listed = hand("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    return {one["Id"]: one["Enabled"] for one in listed}


def test_what_is_switched_off_before_it_goes_was_looked_at_before_and_goes(where: dict[str, Any]) -> None:
    """That it is off by then is our own doing."""
    one = _distribution(Hand(where["session"]))
    done = _reconcile(where, _nothing, asks=4)
    assert _switched(Hand(where["session"])) == {}, done.left
    assert one in {f.id for f in done.mended}


def test_what_somebody_changed_is_not_even_switched_off(where: dict[str, Any]) -> None:
    one = _distribution(Hand(where["session"]))

    def change(hand: Hand) -> None:
        found = hand("cloudfront").get_distribution_config(Id=one)
        found["DistributionConfig"]["PriceClass"] = "PriceClass_200"
        hand("cloudfront").update_distribution(
            Id=one, IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"]
        )

    done = _reconcile(where, change, asks=4)
    assert _switched(Hand(where["session"])) == {one: True}
    assert [why for f, why in done.left if f.id == one] == ["somebody changed price_class meanwhile: it was left alone"]
