"""What a preflight finds, held against an account in which it is so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.credentials import Credentials, RefreshableCredentials, create_mfa_serial_refresher

from reptiops import app
from reptiops.app.preflight import needs_of
from reptiops.app.rights import filled_rights, policies
from reptiops.app.site import Refused
from reptiops.aws import Aws
from reptiops.config import environment_file, load_environment
from reptiops.operations.preflight import Needs, Note, check
from reptiops.operations.simulation import principal, simulate
from reptiops.testing import mocked_aws
from tests.inventory import inventory

ACCOUNT = "123456789012"
NEEDS = Needs(
    seconds=600,
    addresses=2,
    vpcs=1,
    vcpus=4,
    zones=frozenset({"us-east-1a", "us-east-1b"}),
    database=("postgres", "15.19", "db.t4g.micro", "gp3"),
    cache=("redis", "7.0"),
    nodes="cache.t4g.micro",
    buckets={"storage/bucket/uploads": "reptidex-dev-uploads"},
)


@pytest.fixture
def session() -> Iterator[Any]:
    with mocked_aws() as made:
        yield made


def quotas(session: Any, **values: float) -> None:
    """Service Quotas answers these, by service."""

    def answer(params: Any, **_: Any) -> Any:
        service = json.loads(params["body"])["ServiceCode"]
        return AWSResponse("", 200, {}, None), {"Quota": {"Value": values[service]}}

    session._session.register("before-call.service-quotas.GetServiceQuota", answer)


def told(session: Any, needs: Needs) -> dict[str, Note]:
    return {note.about: note for note in check(Aws(session, "us-east-1", read_only=True), needs)}


def test_nothing_stands_in_the_way_of_what_fits(session: Any) -> None:
    quotas(session, ec2=5, vpc=5, fargate=16)
    assert told(session, NEEDS) == {}


FITS: dict[str, tuple[Callable[[Needs], Needs], str]] = {
    "Elastic IPs": (lambda n: replace(n, addresses=6), "6 more are needed and 0 of 5 are used"),
    "VPCs": (lambda n: replace(n, vpcs=5), "5 more are needed and 1 of 5 are used"),
    "Fargate vCPUs": (lambda n: replace(n, vcpus=17), "17 more are needed and 0 of 16 are used"),
    "zones": (lambda n: replace(n, zones=frozenset({"us-east-1z"})), "us-east-1z is not available"),
    "database": (
        lambda n: replace(n, database=("postgres", "15.7", "db.t4g.micro", "gp3")),
        "no db.t4g.micro with postgres 15.7",
    ),
    "cache": (lambda n: replace(n, cache=("redis", "9.9")), "no redis 9.9"),
    "node type": (lambda n: replace(n, nodes="cache.x9.large"), "sells no reservations of cache.x9.large"),
}


def test_everything_that_does_not_fit_is_found_at_once(session: Any) -> None:
    quotas(session, ec2=5, vpc=5, fargate=16)
    needs = NEEDS
    for change, _ in FITS.values():
        needs = change(needs)
    found = told(session, needs)
    levels = dict.fromkeys(FITS, "error") | {"node type": "warning"}  # no read of AWS's proves it
    assert {about: note.level for about, note in found.items()} == levels
    for about, (_, text) in FITS.items():
        assert text in found[about].text
        assert found[about].do


def test_a_group_that_is_there_takes_only_node_types_that_aws_lists_for_it(session: Any, tmp_path: Path) -> None:
    where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
    app.provision("dev", phases=("network", "security", "database"), **where)
    only = ("database/redis",)
    _, larger = app.preflight("dev", only=only, overrides={"redis.node_type": "cache.t4g.medium"}, **where)
    _, strange = app.preflight("dev", only=only, overrides={"redis.node_type": "cache.t2.micro"}, **where)
    assert not [note for note in larger if note.about == "node type"]
    (note,) = [note for note in strange if note.about == "node type"]
    assert note.level == "error"
    assert "reptidex-dev cannot become cache.t2.micro" in note.text
    with pytest.raises(Refused, match="cannot become"):
        app.provision("dev", only=only, overrides={"redis.node_type": "cache.t2.micro"}, **where)


def test_a_quota_that_is_just_enough_warns_of_updates(session: Any) -> None:
    quotas(session, ec2=5, vpc=5, fargate=6)
    found = told(session, NEEDS)
    assert {about: note.level for about, note in found.items()} == {"Fargate vCPUs": "warning"}


def test_a_name_of_another_account_and_a_database_that_takes_no_such_storage(session: Any) -> None:
    def taken(**_: Any) -> Any:
        return AWSResponse("", 403, {}, None), {"Error": {"Code": "403", "Message": "Forbidden"}}

    session._session.register("before-call.s3.HeadBucket", taken)
    needs = Needs(buckets=NEEDS.buckets, database=("postgres", "15.19", "db.t4g.micro", "magnetic"))
    found = told(session, needs)
    assert "belongs to another account" in found["storage/bucket/uploads"].text
    assert "takes no magnetic" in found["database"].text


@pytest.mark.parametrize("version", ["15.19", ""])
def test_a_class_that_is_none_is_found_and_refused(session: Any, version: str) -> None:
    for size in ("db.t4g.micr0", "db.z9.micro"):
        found = told(session, Needs(database=("postgres", version, size, "gp3")))
        assert f"AWS offers no {size} with postgres" in found["database"].text
    assert told(session, Needs(database=("postgres", version, "db.t4g.micro", "gp3"))) == {}


def test_what_cannot_be_asked_is_said(session: Any) -> None:
    def denied(**_: Any) -> Any:
        return AWSResponse("", 400, {}, None), {"Error": {"Code": "AccessDeniedException", "Message": "no"}}

    session._session.register("before-call.service-quotas.GetServiceQuota", denied)
    found = told(session, Needs(addresses=1, vcpus=1))
    assert {n.level for n in found.values()} == {"warning"}
    assert all("may not call GetServiceQuota" in n.text for n in found.values())


@pytest.mark.parametrize(("minutes", "levels"), [(5, ["error"]), (60, [])])
def test_credentials_must_outlive_the_run(session: Any, minutes: int, levels: list[str]) -> None:
    credentials = Credentials("testing", "testing", "testing")
    credentials._expiry_time = datetime.now(UTC) + timedelta(minutes=minutes)
    session._session._credentials = credentials
    assert [note.level for note in check(Aws(session, "us-east-1"), Needs(seconds=600))] == levels


@pytest.mark.parametrize("typed", [False, True])
def test_a_second_factor_is_asked_for_once_so_such_credentials_end_too(session: Any, typed: bool) -> None:
    """botocore renews what a second factor was typed in for once, at the start, and never again."""
    renew = create_mfa_serial_refresher(lambda: {})
    if typed:
        renew()
    credentials = RefreshableCredentials("a", "b", "c", datetime.now(UTC) + timedelta(minutes=20), renew, "assume-role")
    session._session._credentials = credentials
    found = {note.about: note for note in check(Aws(session, "us-east-1"), Needs(seconds=3600))}
    assert ("credentials" in found) is typed
    if typed:
        assert "the credentials end in 20 minutes" in found["credentials"].text


def answering(session: Any, operation: str, status: int, code: str) -> None:
    """AWS refuses an operation."""
    answer = (AWSResponse("", status, {}, None), {"Error": {"Code": code, "Message": ""}})
    session._session.register(f"before-call.{operation}", lambda **_: answer)


@pytest.mark.parametrize(
    ("code", "words"), [(404, "is not there"), (403, "belongs to another account"), (301, "lies in another region")]
)
def test_the_log_bucket_must_be_one_that_aws_writes_to(session: Any, code: int, words: str) -> None:
    answering(session, "s3.HeadBucket", code, str(code))
    (note,) = told(session, Needs(log_bucket="reptidex-dev-logs")).values()
    assert (note.level, note.about) == ("error", "log bucket")
    assert f"the bucket reptidex-dev-logs {words}" in note.text


def test_a_load_balancer_alone_asks_for_the_log_bucket(session: Any, tmp_path: Path) -> None:
    """Made beside it, it is looked at under its own address; there before, it is tried at once."""
    made, _ = app.preflight("dev", session=session, state_dir=tmp_path)
    needs = needs_of(made)
    assert needs is not None
    assert needs.log_bucket == ""
    action = next(a for a in made.actions if a.address == "compute/load_balancer")
    known = replace(action.want, attributes={"access_logs.s3.bucket": "reptidex-dev-logs"})  # type: ignore[type-var]
    needs = needs_of(replace(made, actions=(replace(action, want=known),)))
    assert needs is not None
    assert needs.log_bucket == "reptidex-dev-logs"


def test_who_may_not_make_service_linked_roles_is_told_before(session: Any) -> None:
    iam = session.client("iam")
    iam.create_role(RoleName="ops", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    aws = Aws(_As(session, f"arn:aws:iam::{ACCOUNT}:role/ops"), "us-east-1", read_only=True)
    needs = Needs(linked=("ecs.amazonaws.com", "rds.amazonaws.com"))
    notes = check(aws, needs)
    assert {note.level for note in notes} == {"error"}
    assert [note.text.split(" of ")[1].split("'")[0] for note in notes] == list(needs.linked)
    assert "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" in notes[0].do
    document = {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    iam.put_role_policy(RoleName="ops", PolicyName="link", PolicyDocument=policy)
    assert check(aws, needs) == ()


@pytest.mark.parametrize(
    ("issuer", "level"),
    [("letsencrypt.org", "error"), ("amazon.com", ""), ("amazontrust.com; x=1", ""), (";", "error")],
)
def test_a_caa_record_that_lets_amazon_not_issue_is_told(session: Any, issuer: str, level: str) -> None:
    client = session.client("route53")
    zone = client.list_hosted_zones()["HostedZones"][0]["Id"]
    values = [{"Value": f'0 issue "{issuer}"'}, {"Value": '0 iodef "mailto:a@example.com"'}]
    record = {"Name": "reptidex.com.", "Type": "CAA", "TTL": 300, "ResourceRecords": values}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    needs = Needs(certificate=(zone.rsplit("/", 1)[-1], frozenset({"dev.reptidex.com", "*.dev.reptidex.com"})))
    found = told(session, needs)
    assert [note.level for note in found.values()] == ([level] if level else [])
    if level:
        assert "the CAA record above dev.reptidex.com lets only" in found["certificate"].text


LIST = {
    "compute/repository/repti-core": "nothing says that reptiops made it",
    "storage/bucket/uploads": "belongs to another account",
    "Elastic IPs": "2 more are needed and 0 of 1 are used",
    "VPCs": "1 more are needed and 1 of 1 are used",
    "credentials": "the credentials end in 1 minutes",
    "cache": "AWS offers no redis 6.9",
    "database": "AWS offers no db.z9.micro",
    "zones": "us-east-1b is not available",
    "facts": "there is no hosted zone reptidex.com",
    "images": "no image yet for",
}
"""Each item that a whole preflight looks at, in the words of its finding."""


def test_every_item_of_the_list_is_found_at_once(tmp_path: Path) -> None:
    """A whole environment in an account that has nothing for it."""
    with mocked_aws("other.example", quotas={"elastic-ips": 1, "vpcs": 1}) as session:
        credentials = Credentials("testing", "testing", "testing")
        credentials._expiry_time = datetime.now(UTC) + timedelta(seconds=80)
        session._session._credentials = credentials
        session.client("ecr").create_repository(repositoryName="reptidex/dev/repti-core")
        answering(session, "s3.HeadBucket", 403, "403")

        def zones(parsed: Any, **_: Any) -> None:
            parsed["AvailabilityZones"] = [z for z in parsed["AvailabilityZones"] if z["ZoneName"] != "us-east-1b"]

        session._session.register("after-call.ec2.DescribeAvailabilityZones", zones)
        over = {"redis.version": "6.9", "database.instance_class": "db.z9.micro"}
        _, notes = app.preflight("dev", session=session, state_dir=tmp_path, overrides=over)
    found = {note.about: note for note in notes}
    for about, words in LIST.items():
        assert words in found[about].text, about
        assert found[about].level == ("warning" if about == "images" else "error")


def test_credentials_of_another_account_go_no_further(session: Any, tmp_path: Path) -> None:
    text = environment_file("dev").read_text()
    (tmp_path / "dev.yaml").write_text(f'account: "999999999999"\n{text}')
    with pytest.raises(
        Refused, match=f"belongs to account 999999999999, but these credentials are of account {ACCOUNT}"
    ):
        app.preflight("dev", session=session, state_dir=tmp_path, config_dir=tmp_path)


def test_a_variable_that_sends_calls_elsewhere_is_refused_for_what_is_protected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Left over from a test with an emulator, it would make production there and say that all is well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")
    with pytest.raises(Refused, match="AWS_ENDPOINT_URL_EC2 sends calls to"):
        app.preflight("prod", state_dir=tmp_path)


def test_a_plan_that_makes_nothing_costs_no_call(session: Any, tmp_path: Path) -> None:
    where = {"session": session, "state_dir": tmp_path}
    made, notes = app.preflight("dev", **where)
    needs = needs_of(made)
    assert needs is not None
    assert (needs.addresses, needs.vpcs, len(needs.zones), needs.cache) == (2, 1, 2, ("redis", "7.0"))
    assert needs.seconds > 60
    assert not any(note.level == "error" for note in notes)
    assert needs_of(replace(made, actions=())) is None


def test_a_provision_is_refused_before_its_first_write(session: Any, tmp_path: Path) -> None:
    quotas(session, ec2=1, vpc=1, fargate=6)
    before = inventory(session)
    with pytest.raises(Refused) as refused:
        app.provision("dev", session=session, state_dir=tmp_path, overrides={"database.version": "15.19"})
    assert refused.value.exit_code == 4
    assert "Elastic IPs: 2 more are needed and 0 of 1 are used" in str(refused.value)
    assert "VPCs: 1 more are needed and 1 of 1 are used" in str(refused.value)
    assert inventory(session) == before


def test_iam_is_asked_what_it_allows(session: Any) -> None:
    iam = session.client("iam")
    role = iam.create_role(RoleName="ops", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    arn = role["Role"]["Arn"]
    aws = Aws(_As(session, arn), "us-east-1")
    rights = filled_rights(load_environment("dev"), "provision", account=ACCOUNT)
    refused = {note.about for note in simulate(aws, rights)}
    assert refused == {action for right in rights for action in right.actions}
    for number, policy in enumerate(policies("dev", "provision", account=ACCOUNT)):
        made = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=policy.json())
        iam.attach_role_policy(RoleName="ops", PolicyArn=made["Policy"]["Arn"])
    assert simulate(aws, rights) == ()
    iam.put_role_policy(
        RoleName="ops",
        PolicyName="deny",
        PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "rds:Create*", "Resource": "*"}]}',
    )
    notes = simulate(aws, rights)
    assert {n.about for n in notes} >= {"rds:CreateDBInstance", "rds:CreateDBSubnetGroup"}
    assert all(n.about.startswith("rds:Create") and "explicitDeny" in n.text for n in notes)


class _As:
    """A session that signs in as a role: only who it is differs."""

    def __init__(self, session: Any, arn: str):
        self._given, self._arn = session, arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/me"

    def get_credentials(self) -> Any:
        return self._given.get_credentials()

    def client(self, name: str, **more: Any) -> Any:
        client = self._given.client(name, **more)
        if name == "sts":
            answer = {"Arn": self._arn, "Account": ACCOUNT, "UserId": "x"}
            client.meta.events.register(
                "before-call.sts.GetCallerIdentity", lambda **_: (AWSResponse("", 200, {}, None), answer)
            )
        return client


@pytest.mark.parametrize(
    ("caller", "known"),
    [
        ("arn:aws:sts::1:assumed-role/ops/me@example.com", "arn:aws:iam::1:role/ops"),
        ("arn:aws:iam::1:user/team/me", "arn:aws:iam::1:user/team/me"),
        ("arn:aws:iam::1:root", None),
    ],
)
def test_whom_iam_is_asked_about(caller: str, known: str | None) -> None:
    assert principal(caller) == known
