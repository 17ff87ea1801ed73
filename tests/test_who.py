"""Who did it is told of what CloudTrail lists in another way than by the id: buckets, alarms, records."""

from __future__ import annotations

from typing import Any

from reptiops import app
from reptiops.operations.who import Deed


def _changed_by_hand(session: Any) -> None:
    buckets, dns = session.client("s3"), session.client("route53")
    buckets.delete_public_access_block(Bucket="reptidex-dev-assets")
    buckets.put_bucket_tagging(
        Bucket="reptidex-dev-assets",
        Tagging={"TagSet": buckets.get_bucket_tagging(Bucket="reptidex-dev-assets")["TagSet"]},
    )
    session.client("cloudwatch").disable_alarm_actions(AlarmNames=["reptidex-dev-alb-5xx-rate"])
    zone = dns.list_hosted_zones()["HostedZones"][0]["Id"]
    records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    alias = next(one for one in records if "AliasTarget" in one)
    elsewhere = {"Name": alias["Name"], "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    changes = [{"Action": "DELETE", "ResourceRecordSet": alias}, {"Action": "CREATE", "ResourceRecordSet": elsewhere}]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def test_a_bucket_an_alarm_and_a_record_that_somebody_changed(where: dict[str, Any]) -> None:
    app.provision("dev", **where)
    _changed_by_hand(where["session"])
    found = app.drift("dev", **where).findings
    deeds = app.who("dev", found, **where)
    told = {f.address: deeds[f.key] for f in found}
    events = {address: deed.event for address, deed in told.items() if isinstance(deed, Deed)}
    assert events["monitoring/alarm/alb-5xx-rate"] == "DisableAlarmActions"
    assert events["storage/bucket/assets"] == "DeleteBucketPublicAccessBlock", (
        "who only tagged it changed nothing of it"
    )
    record = next(deed for address, deed in told.items() if address.startswith("compute/alias_record"))
    assert "the zone's latest change by somebody else: ChangeResourceRecordSets by testing" in str(record)
    assert not [deed for deed in told.values() if "no change of it" in str(deed)]
