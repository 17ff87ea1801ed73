"""A rollback undoes what its runs did, all of that and nothing else: not others' work, and no run is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.app import states
from reptiops.app.recovery import RollbackIncomplete
from reptiops.engine.calls import CallFailed
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand
from tests.faults import Faults, Killed
from tests.inventory import inventory
from tests.skipping import Skipping
from tests.small import SERVICES, small_config
from tests.test_keeping import V43

CLUSTER = "dev-reptidex-cluster"
START = "repti-core: {kind: backend, "
SCALED = (START, START + "scaling: {min: 1, max: 4, cpu: 65, memory: 65}, ")
ONLY = ("network/vpc", "network/public_subnet", "network/internet_gateway")


def test_a_killed_run_is_not_forgotten_when_a_later_one_is_undone(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        killed = Faults(session, ("ec2:CreateSubnet", 1), "kill before")
        with pytest.raises(Killed):
            app.provision("dev", session=session, state_dir=tmp_path, only=ONLY)
        assert killed.fired
        left = inventory(session)
        assert left > before
        Faults(session, ("ec2:CreateSubnet", 1))
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(session, tmp_path, only=ONLY, clock=Skipping())
        assert failed.value.undone is not None
        assert failed.value.undone.complete, str(failed.value)
        assert inventory(session) >= left, "what the killed run made is not this one's to undo"
        doubt = app.in_doubt(app.open_site(app.Settings("dev", session=session, state_dir=tmp_path)))
        assert "network/vpc" in doubt.created
        app.roll_back("dev", session=session, state_dir=tmp_path, clock=Skipping())
        assert inventory(session) == before
        after = app.in_doubt(app.open_site(app.Settings("dev", session=session, state_dir=tmp_path)))
        assert after.empty


def _service(session: Any) -> dict[str, Any]:
    answer = session.client("ecs").describe_services(cluster=CLUSTER, services=["repti-core"])
    return dict(answer["services"][0])


def _meanwhile(session: Any, act: Callable[[], None]) -> None:
    """Once, after the next update of a service has taken effect and before its rollback; then that run fails."""
    done: list[str] = []

    def after(model: Any, **_: Any) -> None:
        if not done:
            done.append(model.name)
            act()
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "injected"}}, model.name)

    session._session.register("after-call.ecs.UpdateService", after)


@pytest.mark.parametrize("how", ["rollback", "keep"])
@pytest.mark.parametrize("what", ["count", "deployment"])
def test_what_others_do_between_an_update_and_its_rollback_stays(what: str, how: Any, tmp_path: Path) -> None:
    config = small_config(tmp_path / "before", SCALED)
    larger = small_config(tmp_path / "after", (SCALED[0], f"{SCALED[1]}cpu: 1024, memory: 2048, "))
    with mocked_aws() as session:
        hand = Hand(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state"}
        provision(session, tmp_path / "state", images=SERVICES, config_dir=config)
        before = _service(session)
        _meanwhile(
            session,
            lambda: (
                hand.service("repti-core", desiredCount=3)
                if what == "count"
                else hand.task("repti-core", container={"image": V43})
            ),
        )
        with pytest.raises(app.ProvisionFailed) as failed:
            app.provision("dev", on_failure=how, config_dir=larger, **where)
        undone = failed.value.undone or app.roll_back("dev", config_dir=larger, **where)[1]
        assert undone.complete, undone
        after = _service(session)
        if what == "count":
            assert after["desiredCount"] == 3
            assert undone.theirs == ()
            assert after["taskDefinition"] == before["taskDefinition"]
        else:
            task = session.client("ecs").describe_task_definition(taskDefinition=after["taskDefinition"])
            assert task["taskDefinition"]["containerDefinitions"][0]["image"] == V43
            assert any(one.startswith("compute/service/repti-core") for one in undone.theirs)


def test_a_run_that_undoes_itself_keeps_what_has_been_filled_meanwhile(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config", SCALED)
    with mocked_aws() as session:
        s3 = session.client("s3")

        def late(model: Any, **_: Any) -> None:
            """Minutes after the services came up the run fails; users have been there already."""
            s3.put_object(Bucket="reptidex-dev-uploads", Key="a", Body=b"b")
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "injected"}}, model.name)

        session._session.register("before-call.application-autoscaling.PutScalingPolicy", late)
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(session, tmp_path / "state", images=SERVICES, config_dir=config)
        undone = failed.value.undone
        assert undone is not None
        assert undone.complete, undone
        assert s3.get_object(Bucket="reptidex-dev-uploads", Key="a")["Body"].read() == b"b"
        assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["reptidex-dev-uploads"]
        (database,) = session.client("rds").describe_db_instances()["DBInstances"]
        assert database["DBInstanceStatus"] == "available"
        assert any("is up" in one for one in undone.kept), undone.kept
        assert _service(session)["status"] == "INACTIVE", "what holds no data has gone"


def test_an_adoption_that_failed_half_way_is_taken_back(tmp_path: Path) -> None:
    names = [f"reptidex-dev-{one}" for one in ("assets", "backups", "uploads")]
    with mocked_aws() as session:
        s3 = session.client("s3")
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        for name in names:
            s3.create_bucket(Bucket=name)
        found = len(app.candidates("dev", **where).candidates)
        Faults(session, ("s3:PutBucketTagging", 2))
        with pytest.raises(CallFailed, match="injected"):
            app.adopt("dev", **where)
        (taken,) = states.entries("dev", **where)
        with pytest.raises(RollbackIncomplete, match=f"take reptiops:address off {taken.id}"):
            app.roll_back("dev", **where)
        assert not states.entries("dev", **where)
        tags = s3.get_bucket_tagging(Bucket=taken.id)["TagSet"]
        s3.delete_bucket_tagging(Bucket=taken.id)
        assert tags
        app.roll_back("dev", **where)
        assert len(app.candidates("dev", **where).candidates) == found
        assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == names


def test_a_validation_record_that_was_there_stays_when_the_run_is_undone(tmp_path: Path) -> None:
    """ACM tells an account the same record for a domain each time, so it may be there before the certificate is."""
    only = ("security/certificate", "security/validation_record")
    with mocked_aws() as session:
        r53, acm = session.client("route53"), session.client("acm")
        zone = r53.list_hosted_zones()["HostedZones"][0]["Id"]
        arn = acm.request_certificate(
            DomainName="reptidex.com", SubjectAlternativeNames=["*.reptidex.com"], ValidationMethod="DNS"
        )["CertificateArn"]
        named = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
        acm.delete_certificate(CertificateArn=arn)
        record = {
            "Name": named["ResourceRecord"]["Name"],
            "Type": "CNAME",
            "TTL": 300,
            "ResourceRecords": [{"Value": named["ResourceRecord"]["Value"]}],
        }
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        r53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        before = inventory(session)
        provision(session, tmp_path, only=only)
        (tmp_path / "dev" / "state.json").unlink()
        (journal,) = (tmp_path / "dev" / "journal").iterdir()  # as of a run that was killed at its end
        lines = [x for x in journal.read_text().splitlines() if json.loads(x)["event"] not in ("end", "settled")]
        journal.write_text("\n".join(lines) + "\n")
        (made,) = (x["address"] for x in map(json.loads, lines) if x["event"] == "begin" and x["verb"] == "adopt")
        assert made.startswith("security/validation_record")
        undone = app.roll_back("dev", session=session, state_dir=tmp_path)[1]
        assert undone.complete, undone
        assert inventory(session) == before
        assert states.entries("dev", session=session, state_dir=tmp_path) == ()
