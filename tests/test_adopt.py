"""What exists already: never overwritten, found, taken over with nothing but tags, and removed like anything of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.app import states
from reptiops.config import load_environment
from reptiops.engine.adopt import Candidate, NotAdoptable
from reptiops.resources.logs import LogGroup
from reptiops.testing import mocked_aws, provision
from tests.bare import strip
from tests.faults import Faults, Killed
from tests.inventory import inventory
from tests.small import small_config
from tests.test_lifecycle import Writes


@pytest.mark.proof
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_whole_environment_that_somebody_else_made(name: str, tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        provision(session, tmp_path / "theirs", name)
        strip(session)
        world = inventory(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "ours"}
        with pytest.raises(app.Refused, match=f"reptiops adopt {name} --all") as refused:
            app.provision(name, **where)
        assert refused.value.exit_code == 4
        assert inventory(session) == world
        writes = Writes(session)

        def approve(chosen: tuple[Candidate, ...]) -> bool:
            assert writes.seen == [], "nothing is written before somebody agrees"
            return not [c.address for c in chosen if c.changes]

        taken = app.adopt(name, approve=approve, **where)
        assert {name for name in writes.seen if "Tag" not in name} == set(), "adopting writes tags and nothing else"
        assert inventory(session) == world
        plan = app.plan(name, **where)
        assert not plan.changes
        assert {a.address for a in plan.actions if not a.kind.existing} == {c.address for c in taken}
        gone = app.teardown(name, **where, allow_protected=True)
        assert gone.left == ()
        assert inventory(session) == before


@pytest.fixture(scope="module")
def where(session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("adopt")
    return {"session": session, "state_dir": directory / "state", "config_dir": small_config(directory)}


def _old_bucket(session: Any) -> Any:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="reptidex-dev-assets")
    owner = {"Key": "Owner", "Value": "somebody"}
    s3.put_bucket_tagging(Bucket="reptidex-dev-assets", Tagging={"TagSet": [owner]})
    s3.put_object(Bucket="reptidex-dev-assets", Key="a", Body=b"b")
    return s3


def test_what_differs_is_shown_and_left(where: dict[str, Any]) -> None:
    s3 = _old_bucket(where["session"])
    (one,) = app.adopt("dev", "storage/bucket/assets", "reptidex-dev-assets", **where)
    assert {c.field for c in one.changes} == {"lifecycle", "policy"}
    tags = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket="reptidex-dev-assets")["TagSet"]}
    assert tags["Owner"] == "somebody"
    assert tags["reptiops:address"] == "storage/bucket/assets"
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="reptidex-dev-assets")
    only = {**where, "only": ("storage/bucket/assets",)}
    (action,) = app.plan("dev", **only).changes
    assert (action.verb, {c.field for c in action.changes}) == ("update", {c.field for c in one.changes})
    assert app.drift("dev", **where).findings == (), "as it was adopted it is as it was applied"
    app.provision("dev", **only)
    assert not app.plan("dev", **only).changes
    assert s3.get_object(Bucket="reptidex-dev-assets", Key="a")["Body"].read() == b"b"
    with pytest.raises(NotAdoptable, match="there already"):
        app.adopt("dev", "storage/bucket/assets", "reptidex-dev-assets", **where)


def test_a_network_is_found_by_its_range(where: dict[str, Any]) -> None:
    ec2 = where["session"].client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ranges = load_environment("dev", where["config_dir"]).private_subnets
    zone, block = next(iter(ranges.items()))
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    found = {c.address: c.live.id for c in app.candidates("dev", **where).candidates}
    assert found["network/vpc"] == vpc
    assert found[f"network/private_subnet/{zone}"] == subnet, "what hangs on a thing is found with it"
    another = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    search = app.candidates("dev", **where)
    assert set(search.doubtful["network/vpc"]) == {vpc, another}
    assert f"network/private_subnet/{zone}" in search.missing
    theirs = [{"Key": "reptiops:address", "Value": "network/vpc"}, {"Key": "Environment", "Value": "prod"}]
    ec2.create_tags(Resources=[another], Tags=theirs)
    with pytest.raises(NotAdoptable, match=r"No ec2.Vpc .* was found"):
        app.adopt("dev", "network/vpc", another, **where)
    app.adopt("dev", "network/vpc", vpc, **where)
    app.adopt("dev", f"network/private_subnet/{zone}", subnet, **where)
    assert {e.id for e in states.entries("dev", **where)} >= {vpc, subnet}


@pytest.mark.parametrize(
    ("address", "identifier", "why"),
    [
        ("network/moon", "x", "not declared"),
        ("storage/bucket/uploads", "reptidex-dev-nowhere", r"No s3\.Bucket"),
        ("security/service_linked_role/ecs", "AWSServiceRoleForECS", "shared"),
    ],
)
def test_what_cannot_be_adopted(where: dict[str, Any], address: str, identifier: str, why: str) -> None:
    before = inventory(where["session"])
    with pytest.raises(NotAdoptable, match=why) as refused:
        app.adopt("dev", address, identifier, **where)
    assert refused.value.exit_code == 4
    assert inventory(where["session"]) == before


@pytest.mark.parametrize(("kind", "value"), [("AAAA", "2001:db8::1"), ("HTTPS", "1 . alpn=h2")], ids=["AAAA", "HTTPS"])
def test_a_record_of_another_type_under_a_host_is_not_removed(where: dict[str, Any], kind: str, value: str) -> None:
    """A browser that speaks IPv6 would go there, so it cannot stay beside ours; whose it is, is not ours to say."""
    route53 = where["session"].client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    record = {"Name": "api-dev.reptidex.com.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}

    def send(action: str) -> None:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    send("CREATE")
    try:
        with pytest.raises(app.Refused, match=r"reptiops adopt dev compute/alias_record \S+"):
            app.provision("dev", **where)
        assert record in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    finally:
        send("DELETE")


def test_a_record_that_points_elsewhere_is_not_overwritten(where: dict[str, Any]) -> None:
    session = where["session"]
    route53 = session.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    elsewhere = {"Name": "api-dev.reptidex.com.", "Type": "CNAME", "TTL": 60}
    record = {**elsewhere, "ResourceRecords": [{"Value": "old.example.com"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    with pytest.raises(app.Refused, match=r"reptiops adopt dev compute/\S+ ") as refused:
        app.provision("dev", **where)
    address, identifier = str(refused.value).split("adopt dev ", 1)[1].split("\n")[0].split()
    app.adopt("dev", address, identifier, **where)
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert record in records
    assert [a.verb for a in app.plan("dev", **where).actions if a.address == address] == ["update"]


def test_a_killed_adoption_goes_on(where: dict[str, Any]) -> None:
    session = where["session"]
    logs = session.client("logs")
    group = next(a.want.name for a in app.plan("dev", **where).actions if a.kind.kind() == "logs.LogGroup" and a.want)
    logs.create_log_group(logGroupName=group)
    (address,) = (c.address for c in app.candidates("dev", **where).candidates if c.live.id == group)
    faults = Faults(session, ("logs:TagResource", 1), "kill after")
    with pytest.raises(Killed):
        app.adopt("dev", address, group, **where)
    assert faults.fired
    app.provision("dev", **where, only=(address,))
    assert address in {e.address for e in states.entries("dev", **where)}


def test_an_adoption_is_stopped_before_it_begins_and_while_aws_throttles(where: dict[str, Any]) -> None:
    session, stop = where["session"], app.Stop()
    logs = session.client("logs")
    group = next(
        a.want.name for a in app.plan("dev", **where).changes if a.verb == "create" and isinstance(a.want, LogGroup)
    )
    logs.create_log_group(logGroupName=group)
    (address,) = (c.address for c in app.candidates("dev", **where).candidates if c.live.id == group)

    def throttled(**_: Any) -> None:
        stop.set()
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "TagResource")

    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]
    session._session.register("before-call.logs.TagResource", throttled)
    for doubtful in (True, False):  # the second time it is wanted to stop before anything has begun
        with pytest.raises(app.Interrupted, match=f"Nothing was adopted.\nNot adopted: {address}.\n") as stopped:
            app.adopt("dev", address, group, stop=stop, **where)
        assert f"`reptiops adopt dev {address} {group}` takes it over." in str(stopped.value)
        assert ("`reptiops status ENV` says what is in doubt." in str(stopped.value)) == doubtful
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
        assert address not in {e.address for e in states.entries("dev", **where)}
    session._session.unregister("before-call.logs.TagResource", throttled)
    app.adopt("dev", address, group, **where)
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"]["reptiops:address"] == address
