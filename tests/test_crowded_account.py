"""An account in which much is not ours: reads ask for what concerns us, in pages as large as AWS gives them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from moto import mock_aws

from reptiops import app
from reptiops.resources import s3
from reptiops.resources.route53_sets import Alias, change, instead, record_sets, sets_of
from reptiops.sandbox import gaps
from reptiops.testing import mocked_aws
from tests.samples import World
from tests.scenarios import session


def test_log_groups_of_others_are_not_paged_through(tmp_path: Path) -> None:
    with mocked_aws() as quiet:
        for number in range(500):
            quiet.client("logs").create_log_group(logGroupName=f"/aws/lambda/theirs-{number:03}")
        watched, asked = session(), Counter[str]()

        def note(params: Any, **_: Any) -> None:
            asked[params.get("logGroupNamePrefix", "all")] += 1

        watched._session.register("provide-client-params.logs.DescribeLogGroups", note)
        app.provision("dev", session=quiet, state_dir=tmp_path)
        assert not app.plan("dev", session=watched, state_dir=tmp_path).changes
        assert asked["all"] == 1
        assert asked.total() <= 5


def test_a_bucket_is_emptied_a_page_at_a_time() -> None:
    gaps.apply()
    with mock_aws():
        world, pages = World(), list[str]()
        client = world.session.client("s3")
        client.create_bucket(Bucket="full")
        client.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
        for number in range(1100):
            client.put_object(Bucket="full", Key=f"{number:04}", Body=b"")
        for number in range(100):
            client.delete_object(Bucket="full", Key=f"{number:04}")
        world.session._session.register("before-call.s3", lambda model, **_: pages.append(model.name))
        s3._empty(world.aws, "full")
        assert pages[:4] == ["ListObjectVersions", "DeleteObjects"] * 2, "a page is deleted before the next is read"
        left = client.list_object_versions(Bucket="full")
        assert not left.get("Versions", [])
        assert not left.get("DeleteMarkers", [])


def test_more_records_than_a_batch_takes() -> None:
    with mock_aws():
        world = World()
        client = world.session.client("route53")
        zone = client.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"].rsplit("/")[-1]
        alias = Alias("d1.cloudfront.net", "Z2FDTNDATAQYW2")
        records = [change for number in range(1001) for change in instead([], sets_of(f"h{number}.example.com", alias))]
        change(world.aws, zone, records)
        assert world.aws.calls["route53:ChangeResourceRecordSets"] == 3
        assert len([one for one in record_sets(world.aws, zone) if one["Type"] == "A"]) == 1001
