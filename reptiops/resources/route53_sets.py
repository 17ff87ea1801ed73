"""Record sets as Route 53 has them: which stand at a host, what they say, and how they come back as a person has made them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.resources.parts import every

RecordSet = Mapping[str, Any]
KEPT_TYPES = frozenset({"NS", "SOA", "TXT", "MX", "CAA"})
"""Records that may stand beside ours and are other people's business."""


def canonical(name: str) -> str:
    """A DNS name as it is compared: lower case, no dot at the end, `*` unescaped, no `dualstack.` of the console."""
    return name.lower().rstrip(".").replace("\\052", "*").removeprefix("dualstack.")


def record_sets(aws: Aws, zone: str) -> list[dict[str, Any]]:
    """All record sets of a zone; none where the zone is gone."""
    return aws.route53.pages("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)


def change(aws: Aws, zone: str, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Send one batch; Route 53 takes all of it or nothing. More than it takes at once go in several."""
    listed = [{"Action": action, "ResourceRecordSet": dict(record)} for action, record in changes]
    for start in range(0, len(listed), BATCH):
        batch = listed[start : start + BATCH]
        aws.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})


BATCH = 500
"""Route 53 takes 1,000 values at once, and counts those of an UPSERT twice."""


@dataclass(frozen=True)
class Alias:
    """Where a host points: an AWS name and the zone that AWS keeps it in."""

    dns_name: str
    zone: str
    records: tuple[RecordSet, ...] = ()
    """The record sets as they are, where they are anything but one alias as we make it: then they come back as they are."""

    @property
    def points(self) -> tuple[str, str]:
        """Where it points, however the record says it."""
        return self.dns_name, self.zone


def at_hosts(records: Iterable[RecordSet]) -> dict[str, list[RecordSet]]:
    """What stands where: at a host all A and CNAME records, of which others are in each other's way; at `<host> <type>`
    those of another type.
    """
    found: dict[str, list[RecordSet]] = {}
    for one in records:
        host = canonical(one["Name"])
        found.setdefault(host if one["Type"] in ("A", "CNAME") else f"{host} {one['Type']}", []).append(one)
    return found


def alias_of(records: Sequence[RecordSet], known: Collection[str]) -> Alias:
    """What record sets of a host say. A name of `known` is the same with and without the console's `dualstack.`."""
    first = records[0]
    target = first.get("AliasTarget")
    if len(records) > 1 or not target:
        return Alias("; ".join(_said(one) for one in records), "", tuple(records))
    name = target["DNSName"].lower().rstrip(".")
    alias = Alias(canonical(name) if canonical(name) in known else name, target["HostedZoneId"])
    simple = first["Type"] == "A" and first.keys() <= {"Name", "Type", "AliasTarget"}
    as_ours = simple and not target.get("EvaluateTargetHealth")
    return alias if as_ours else Alias(*alias.points, tuple(records))


def _said(record: RecordSet) -> str:
    target = record.get("AliasTarget")
    values = [canonical(target["DNSName"])] if target else [v["Value"] for v in record.get("ResourceRecords", [])]
    return f"{record['Type']} {', '.join(sorted(values))}"


def sets_of(name: str, alias: Alias) -> list[RecordSet]:
    """The record sets that make a host (or `<host> <type>`) say that."""
    if alias.records:
        return list(alias.records)
    host, _, other = name.partition(" ")
    kind, _, values = alias.dns_name.partition(" ")
    if values and not alias.zone:  # from a journal of an earlier version, which knew no more
        listed = [{"Value": one} for one in values.split(", ")]
        return [{"Name": f"{host}.", "Type": kind, "TTL": 300, "ResourceRecords": listed}]
    target = {"DNSName": f"{alias.dns_name}.", "HostedZoneId": alias.zone, "EvaluateTargetHealth": False}
    return [{"Name": f"{host}.", "Type": other or "A", "AliasTarget": target}]


Changes = list[tuple[str, RecordSet]]


def instead(current: Iterable[RecordSet], wanted: Sequence[RecordSet]) -> Changes:
    """What puts record sets in the place of others: in one batch, for a CNAME cannot stand beside another type, nor what is
    weighted beside what is not.
    """
    stay = {_told_apart(one) for one in wanted}
    return [
        *(("DELETE", one) for one in current if _told_apart(one) not in stay),
        *(("UPSERT", one) for one in wanted),
    ]


def _told_apart(record: RecordSet) -> tuple[str, str]:
    return record["Type"], record.get("SetIdentifier", "")


def change_hosts(aws: Aws, zone: str, by_host: Iterable[Changes]) -> None:
    """As many hosts in a batch as Route 53 takes at once. Where it refuses one, each host of that one by itself: one of them
    keeps none of the others back, and what it has accepted is not sent again.
    """
    every([partial(_batch, aws, zone, some) for some in _batches(by_host)])


def _batches(by_host: Iterable[Changes]) -> list[list[Changes]]:
    """A host is in one batch: what stands at it is in the way of what comes there."""
    batches: list[list[Changes]] = []
    for one in filter(None, by_host):
        if not batches or sum(map(len, batches[-1])) + len(one) > BATCH:
            batches.append([])
        batches[-1].append(one)
    return batches


def _batch(aws: Aws, zone: str, hosts: list[Changes]) -> None:
    try:
        change(aws, zone, chain.from_iterable(hosts))
    except ClientError as error:
        if code(error) != "InvalidChangeBatch" or len(hosts) < 2:
            raise
        every([partial(change, aws, zone, one) for one in hosts])
