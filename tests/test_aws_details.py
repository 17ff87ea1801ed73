"""Small things that AWS does and a whole life of a kind does not meet: lists, batches, case, failures inside an answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from reptiops.aws import Aws
from reptiops.engine.scope import Scope
from reptiops.policy import Policy
from reptiops.resources import (
    acm,
    cloudfront_headers,
    ec2,
    ecs_tasks,
    iam,
    rds,
    rds_groups,
    route53_sets,
    s3,
    secretsmanager,
)
from tests.samples import World
from tests.samples.database import _cache, _instance


def _answer(world: World, operation: str, answer: dict[str, Any], status: int = 200) -> Aws:
    """Clients whose operation AWS answers so."""
    response = (AWSResponse("", status, {}, None), answer)
    world.session.events.register(f"before-call.{operation}", lambda **_: response)
    return Aws(world.session, "us-east-1")


def test_certificates_of_every_key_are_listed(world: World) -> None:
    """Without their names AWS leaves out all but two."""
    asked: list[Any] = []
    world.session.events.register(
        "before-parameter-build.acm.ListCertificates", lambda params, **_: asked.append(params["Includes"]["keyTypes"])
    )
    acm.listed(world.aws)
    model = world.session.client("acm").meta.service_model.shape_for("KeyAlgorithm")
    assert {name for keys in asked for name in keys} >= set(model.enum)


def test_versions_and_markers_go_before_a_bucket(world: World) -> None:
    client, want = world.session.client("s3"), s3.Bucket("reptidex-dev-sample", versioning=True)
    want.create(world.aws, world.identity("storage/bucket/x"))
    client.put_object(Bucket=want.name, Key="a", Body=b"1")
    client.delete_object(Bucket=want.name, Key="a")
    s3._empty(world.aws, want.name)
    left = client.list_object_versions(Bucket=want.name)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_what_could_not_be_deleted_is_told_inside_a_200(world: World) -> None:
    s3.Bucket("reptidex-dev-sample").create(world.aws, world.identity("storage/bucket/x"))
    world.session.client("s3").put_object(Bucket="reptidex-dev-sample", Key="a", Body=b"1")
    told = _answer(world, "s3.DeleteObjects", {"Errors": [{"Key": "a", "Code": "AccessDenied", "Message": "no"}]})
    with pytest.raises(ClientError, match="AccessDenied"):
        s3._empty(told, "reptidex-dev-sample")


def test_a_cache_that_finds_nothing_to_modify_is_done(world: World) -> None:
    want = _cache(world)
    want.create(world.aws, world.identity("database/redis"))
    live = next(iter(Scope(world.aws, world.names, [want]).live(type(want))))
    error = {"Error": {"Code": "InvalidParameterCombination", "Message": "No modifications were requested"}}
    told = _answer(world, "elasticache.ModifyReplicationGroup", error, 400)
    replace(want, description="two").update(told, live, frozenset({"description"}))
    assert told.calls["elasticache:ModifyReplicationGroup"] == 1, "it was never asked"


def test_parameters_are_sent_twenty_a_call(world: World) -> None:
    values = {f"custom.setting_{number}": "1" for number in range(25)}
    rds_groups.ParameterGroup("many", "postgres15", "x", values).create(
        world.aws, world.identity("database/parameters")
    )
    held = world.session.client("rds").describe_db_parameters(DBParameterGroupName="many", Source="user")["Parameters"]
    assert len(held) == len(values)


def test_a_name_in_capitals_is_found_in_lower_case(world: World) -> None:
    want = rds.Instance(**{**vars(_instance(world)), "name": "Reptidex-Dev"})
    want.create(world.aws, world.identity("database/database"))
    (live,) = Scope(world.aws, world.names, [want]).live(rds.Instance)
    assert (live.id, live.has.key()) == ("reptidex-dev", want.key())


def test_a_secret_inside_its_window_counts_as_gone(world: World) -> None:
    want = secretsmanager.Secret("reptidex/dev/x", recovery_days=7)
    want.create(world.aws, world.identity("database/secret"))
    (live,) = Scope(world.aws, world.names, [want]).live(secretsmanager.Secret)
    want.delete(world.aws, live)
    assert Scope(world.aws, world.names, [want]).live(secretsmanager.Secret) == []


def test_headers_policies_are_read_page_by_page(world: World) -> None:
    """The API pages, and botocore has no paginator for it."""
    names = {None: "one", "one": "two"}

    def page(params: dict[str, Any], **_: Any) -> Any:
        name = names[params["query_string"].get("Marker")]
        policy = {"Id": name, "ResponseHeadersPolicyConfig": {"Name": name}}
        more = {"NextMarker": name} if name in names else {}
        found = {"Items": [{"ResponseHeadersPolicy": policy}], **more}
        return AWSResponse("", 200, {}, None), {"ResponseHeadersPolicyList": found}

    world.session.events.register("before-call.cloudfront.ListResponseHeadersPolicies", page)
    want = cloudfront_headers.HeadersPolicy("two")
    assert [one.id for one in Scope(world.aws, world.names, [want]).live(cloudfront_headers.HeadersPolicy)] == ["two"]


def test_a_role_is_found_whatever_its_case(world: World) -> None:
    document = '{"Version": "2012-10-17", "Statement": []}'
    world.session.client("iam").create_role(RoleName="Reptidex-Dev-Tasks", AssumeRolePolicyDocument=document)
    want = iam.Role("reptidex-dev-tasks")
    (live,) = Scope(world.aws, world.names, [want]).live(iam.Role)
    assert live.has.key() == want.key(), "so that nobody tries to make a second one"


@pytest.mark.parametrize(("on", "order"), [(True, ["Support", "Hostnames"]), (False, ["Hostnames", "Support"])])
def test_names_of_a_vpc_need_its_resolver(world: World, on: bool, order: list[str]) -> None:
    """One attribute a call: the resolver first when switching on, last when switching off."""
    sent: list[str] = []
    world.session.events.register(
        "before-parameter-build.ec2.ModifyVpcAttribute",
        lambda params, **_: sent.extend(name.removeprefix("EnableDns") for name in params if name != "VpcId"),
    )
    ec2.Vpc("10.9.0.0/16", "x", dns_support=on, dns_hostnames=on).create(world.aws, world.identity("network/vpc"))
    assert sent == order


def test_revisions_that_a_pipeline_registered_are_read_several_at_once(world: World) -> None:
    both, alone = threading.Barrier(2, timeout=5), list[str]()
    container = {"name": "web", "image": "nginx:1", "memory": 128}
    for family in ("one", "two"):
        world.session.client("ecs").register_task_definition(family=family, containerDefinitions=[container])

    def meet(**_: Any) -> None:
        try:
            both.wait()
        except threading.BrokenBarrierError:
            alone.append("read")

    events = world.session._session.get_component("event_emitter")
    events.register_first("before-send.ecs.DescribeTaskDefinition", meet)
    wants = [ecs_tasks.TaskDefinition(family) for family in ("one", "two")]
    found = ecs_tasks.TaskDefinition.observe(world.aws, Scope(world.aws, world.names, wants))
    assert [one.has.family for one in found] == ["one", "two"]
    assert not alone


def test_records_that_a_first_batch_has_deleted_are_not_deleted_again(world: World, monkeypatch: Any) -> None:
    """More than one batch, of which the second is refused for one host: only that one is left, and its refusal is told."""
    monkeypatch.setattr(route53_sets, "BATCH", 2)
    client = world.session.client("route53")
    zone = client.create_hosted_zone(Name="example.com.", CallerReference="x")["HostedZone"]["Id"]
    records: list[dict[str, Any]] = [
        {"Name": f"{name}.example.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        for name in "abcd"
    ]
    changes: Any = [{"Action": "UPSERT", "ResourceRecordSet": one} for one in records]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    batches: list[list[str]] = []

    def refuse(params: Any, **_: Any) -> None:
        names = [one["ResourceRecordSet"]["Name"][0] for one in params["ChangeBatch"]["Changes"]]
        batches.append(names)
        gone = {name for taken in batches[:-1] for name in taken} if len(names) == 1 else set()
        if "c" in names or (gone & {"a", "b"} and names[0] in "ab"):
            answer: Any = {"Error": {"Code": "InvalidChangeBatch", "Message": f"{names} but it was not found"}}
            raise ClientError(answer, "ChangeResourceRecordSets")

    world.session.events.register("provide-client-params.route53.ChangeResourceRecordSets", refuse)
    aws = Aws(world.session, "us-east-1")
    with pytest.raises(ClientError, match=r"\['c'\] but it was not found"):
        route53_sets.change_hosts(aws, zone, [[("DELETE", one)] for one in records])
    assert batches == [["a", "b"], ["c", "d"], ["c"], ["d"]]
    left = [one["Name"] for one in client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]]
    assert [name for name in left if name[1] == "."] == ["c.example.com."]


@pytest.mark.parametrize("what", ["managed", "policies"])
def test_at_the_quota_what_is_new_at_a_role_comes_once_what_is_old_has_gone(world: World, what: str) -> None:
    """AWS refuses the attachment, then the old ones go: the role must not be left with neither."""
    empty = Policy.of(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}}
    )
    arns = [
        world.session.client("iam").create_policy(PolicyName=name, PolicyDocument=empty.json())["Policy"]["Arn"]
        for name in ("new", "old")
    ]
    sides: list[Any] = [frozenset([arn]) for arn in arns] if what == "managed" else [{"new": empty}, {"old": empty}]
    has, want = (iam.Role("reptidex-dev-sample", **{what: one}) for one in reversed(sides))
    has.create(world.aws, world.identity("security/x"))

    def full(**_: Any) -> None:
        client = plain.client("iam")
        attached = client.list_attached_role_policies(RoleName=has.name)["AttachedPolicies"]
        if attached or client.list_role_policies(RoleName=has.name)["PolicyNames"]:
            raise ClientError({"Error": {"Code": "LimitExceeded", "Message": "quota"}}, "AttachRolePolicy")

    plain = boto3.Session("test", "test", region_name="us-east-1")
    for operation in ("AttachRolePolicy", "PutRolePolicy"):
        world.session.events.register(f"before-call.iam.{operation}", full)
    world.aws = Aws(world.session, "us-east-1")
    live = next(iter(Scope(world.aws, world.names, [want]).live(iam.Role)))
    want.update(world.aws, live, frozenset({what}))
    now = next(iter(Scope(world.aws, world.names, [want]).live(iam.Role))).has
    assert getattr(now, what) == getattr(want, what)
