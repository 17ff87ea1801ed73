"""The zone and the records in it. Five requests a second for the whole account: records of a zone go in one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError, EndpointConnectionError

from reptiops.aws import Aws, code, operation
from reptiops.engine.resource import Identity, Kept, Live, Made, Resource, fixed, local
from reptiops.engine.scope import Scope
from reptiops.engine.unknown import is_unknown
from reptiops.engine.usage import Around, Use
from reptiops.resources.acm import Certificate, listed
from reptiops.resources.cloudfront import Distribution
from reptiops.resources.elbv2 import LoadBalancer
from reptiops.resources.route53_sets import (
    KEPT_TYPES,
    Alias,
    RecordSet,
    alias_of,
    at_hosts,
    canonical,
    change,
    change_hosts,
    instead,
    record_sets,
    sets_of,
)
from reptiops.rights import Right, create, delete, read, update, write

BUSY = frozenset({"PriorRequestNotComplete", "ConcurrentModification"})
ALL_ZONES = ("arn:{partition}:route53:::hostedzone/*",)
ZONES = ("arn:{partition}:route53:::hostedzone/{zone}",)
SIMPLE = frozenset({"Name", "Type", "TTL", "ResourceRecords"})
"""All that a record set has which is nothing but values."""


def _observed(scope: Scope, zone: str) -> list[dict[str, Any]]:
    """All record sets of a zone, read once in a look."""
    return scope.once(f"records of {zone}", lambda: record_sets(scope.aws, zone))


@dataclass(frozen=True)
class HostedZone(Resource):
    """A public zone that the environment owns, with `dns.create_zone`. A found zone is no resource at all."""

    name: str = fixed()

    lost: ClassVar[str] = "AWS gives another one other name servers"
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchHostedZone"})
    not_yet: ClassVar[frozenset[str]] = BUSY
    rights: ClassVar[tuple[Right, ...]] = (
        read("route53:ListHostedZones"),
        read("route53:ListTagsForResource", "route53:GetHostedZone", on=ALL_ZONES),
        create("route53:CreateHostedZone"),
        create("route53:ChangeTagsForResource", on=ALL_ZONES),
        delete("route53:DeleteHostedZone", on=ALL_ZONES),
    )

    def key(self) -> str:
        """AWS allows several zones of one name; we do not."""
        return canonical(self.name)

    def billable(self, around: Around) -> Iterable[Use]:
        """By the zone; alias queries are free. A zone that was found is on somebody else's bill."""
        yield Use("zone.month")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Public zones with a wanted name. Tags come after creation, so the caller reference tells the address too."""
        names = {want.key() for want in scope.wanted(cls)}
        if not names:
            return
        for one in aws.route53.pages("list_hosted_zones", "HostedZones"):
            if canonical(one["Name"]) not in names or one.get("Config", {}).get("PrivateZone"):
                continue
            zone = one["Id"].rsplit("/", 1)[-1]
            tag_set = aws.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)
            tags = {t["Key"]: t["Value"] for t in tag_set["ResourceTagSet"]["Tags"]}
            ours, _, address = one.get("CallerReference", "").partition("|")[0].partition(" ")
            made = address if ours == scope.names.prefix else None
            servers = aws.route53.get_hosted_zone(Id=zone).get("DelegationSet", {}).get("NameServers", [])
            out = {"name_servers": " ".join(servers)}
            yield Live(zone, cls(canonical(one["Name"])), scope.address(tags) or made or None, out=out)

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By id."""
        aws.route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=live.id, AddTags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Zones are tagged by a second call; the caller reference, remembered for ever, carries the address."""
        prefix = f"{identity.tags['Project']}-{identity.tags['Environment']}"
        reference = f"{prefix} {identity.address}|{identity.token}"
        answer = aws.route53.create_hosted_zone(Name=self.name, CallerReference=reference)
        zone = str(answer["HostedZone"]["Id"]).rsplit("/", 1)[-1]
        aws.route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=identity.tag_list())
        servers = answer.get("DelegationSet", {}).get("NameServers", [])
        return Made(zone, {"name_servers": " ".join(servers)})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while records other than NS and SOA are in it."""
        aws.route53.delete_hosted_zone(Id=live.id)


def _zones(wanted: Iterable[Any], scope: Scope) -> set[str]:
    """The zones to look into: those that are known, and the one we made ourselves."""
    zones = {want.zone for want in wanted}
    known = {zone for zone in zones if not is_unknown(zone)}
    return known | ({one.id for one in scope.live(HostedZone)} if known != zones else set())


@dataclass(frozen=True)
class ValidationRecord(Resource):
    """The record by which ACM sees that the domain is ours. Certificates of one account for one domain share it."""

    zone: str = fixed()
    name: str = fixed()
    value: str = ""
    ttl_seconds: int = 300
    certificate: str = local(default="")
    """The ARN of our own certificate, which does not count among those that still need the record."""
    records: tuple[RecordSet, ...] = ()
    """The record sets as they are, where a person has made more of it than one value, such as weighted ones."""

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchHostedZone"})
    not_yet: ClassVar[frozenset[str]] = BUSY
    taggable: ClassVar[bool] = False
    needed_elsewhere: ClassVar[str] = "if another certificate of the account needs it"
    rights: ClassVar[tuple[Right, ...]] = (
        read("route53:ListResourceRecordSets", on=ZONES),
        *write("route53:ChangeResourceRecordSets", on=ZONES),
        update("route53:ListResourceRecordSets", on=ZONES),
        delete("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", on=ZONES),
        # Whether another certificate still needs the record, in whichever region.
        delete("acm:ListCertificates", "ec2:DescribeRegions"),
        delete("acm:DescribeCertificate", on=("arn:{partition}:acm:*:{account}:certificate/*",)),
    )

    def key(self) -> str:
        """Zone and name; the type is always CNAME."""
        return f"{self.zone}/{self.name}"

    def foreign(self, live: Live[Any]) -> bool:
        """The same content is adopted, whoever wrote it; another is somebody else's."""
        return not is_unknown(self.value) and bool(live.has.value != self.value)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """The CNAMEs that our certificates ask for, or that stayed when they went."""
        ours = {
            value: one.id
            for one in scope.live(Certificate)
            for name, value in one.out.items()
            if name.startswith("record_name:")
        }
        if not ours and scope.leaving:
            ours = {identifier.partition("/")[2]: "" for identifier in scope.recorded(cls).ids()}
        if not ours:
            return
        for zone in sorted(_zones(scope.wanted(cls), scope)):
            for name, records in at_hosts(_observed(scope, zone)).items():
                if name in ours and {one["Type"] for one in records} == {"CNAME"}:
                    yield Live(f"{zone}/{name}", cls._has(zone, name, records, ours[name]))

    @classmethod
    def _has(cls, zone: str, name: str, records: Sequence[RecordSet], certificate: str) -> Self:
        values = [canonical(v["Value"]) for one in records for v in one.get("ResourceRecords", [])]
        simple = len(records) == len(values) == 1 and records[0].keys() <= SIMPLE
        ttl = records[0].get("TTL", 300)
        return cls(zone, name, ", ".join(values), ttl, certificate, () if simple else tuple(records))

    def _records(self) -> Sequence[RecordSet]:
        value = [{"Value": f"{self.value}."}]
        ours = {"Name": f"{self.name}.", "Type": "CNAME", "TTL": self.ttl_seconds, "ResourceRecords": value}
        return self.records or [ours]

    def standing(self, scope: Scope) -> Live[Self] | None:
        """Somebody's record of the same content: a rollback must not take it away."""
        for one in _observed(scope, self.zone):
            same = one["Type"] == "CNAME" and canonical(one["Name"]) == self.name
            if same and [canonical(r["Value"]) for r in one.get("ResourceRecords", [])] == [self.value]:
                ours = one.get("TTL") == self.ttl_seconds
                return Live(f"{self.zone}/{self.name}", self) if ours else None
        return None

    def create(self, aws: Aws, identity: Identity) -> Made:
        """UPSERT: two environments may write the same content at the same time."""
        change(aws, self.zone, instead([], self._records()))
        return Made(f"{self.zone}/{self.name}")

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Value and time to live."""
        there = at_hosts(record_sets(aws, self.zone)).get(self.name, [])
        change(aws, self.zone, instead(there, self._records()))

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Only when no other certificate of the account, pending ones included, names it: one record serves all regions,
        and renewal needs it for ever.
        """
        for region in aws.once("regions", lambda: _regions(aws)):
            for arn in _needing(aws, region, live.has):
                raise Kept(f"the certificate {arn} needs it too")
        for one in record_sets(aws, live.has.zone):
            if one["Type"] == "CNAME" and canonical(one["Name"]) == live.has.name:
                change(aws, live.has.zone, [("DELETE", one)])


class Unasked(Kept):
    """Whether another certificate needs it is not to be learnt."""

    unasked = True


def _regions(aws: Aws) -> list[str]:
    """The regions that the account has switched on, its own first. Raises Unasked where AWS does not tell them."""
    try:
        regions = aws.ec2.describe_regions()["Regions"]
    except ClientError as error:
        raise Unasked(f"certificates of other regions may need it, and DescribeRegions says {code(error)}") from error
    others = {one["RegionName"] for one in regions if one.get("OptInStatus") != "not-opted-in"} - {aws.region}
    return [aws.region, *sorted(others)]


def _needing(aws: Aws, region: str, record: ValidationRecord) -> list[str]:
    """The certificates of one region, but for our own, that name a record. Raises Unasked where they cannot be read."""
    there, domain = aws.elsewhere(region), record.name.partition(".")[2]
    try:
        found = listed(aws) if there is aws else there.once("certificates", lambda: listed(there))
        return [
            one["CertificateArn"]
            for one in found
            if one["CertificateArn"] != record.certificate
            and one.get("Type") != "IMPORTED"
            and domain in _domains(one, domain)
            and record.name in _records_of(there, one["CertificateArn"])
        ]
    except (ClientError, EndpointConnectionError) as error:
        raise Unasked(
            f"whether a certificate in {region} needs it cannot be asked: {operation(error)} says {code(error)}"
        ) from error


def _domains(summary: Mapping[str, Any], otherwise: str) -> set[str]:
    """What a certificate is for; where its summary does not tell all names, `otherwise`: it has to be read."""
    names = summary.get("SubjectAlternativeNameSummaries", [])
    if not names or summary.get("HasAdditionalSubjectAlternativeNames"):
        return {otherwise}
    return {canonical(name).removeprefix("*.") for name in names}


def _records_of(aws: Aws, arn: str) -> set[str]:
    """The names of a certificate's validation records; none where it has gone meanwhile."""
    try:
        one = aws.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return set()
    return {canonical(o.get("ResourceRecord", {}).get("Name", "")) for o in one.get("DomainValidationOptions", [])}


@dataclass(frozen=True)
class AliasRecords(Resource):
    """The alias records of all hosts that one thing answers (`target`: the load balancer, the distribution)."""

    zone: str = fixed()
    target: str = fixed()
    hosts: Mapping[str, Alias] = field(default_factory=dict)

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchHostedZone"})
    not_yet: ClassVar[frozenset[str]] = BUSY
    taggable: ClassVar[bool] = False
    rights: ClassVar[tuple[Right, ...]] = (
        read("route53:ListResourceRecordSets", on=ZONES),
        create("route53:ChangeResourceRecordSets", on=ZONES),
        update("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", on=ZONES),
        delete("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", on=ZONES),
    )

    def key(self) -> str:
        """One batch for each zone and target."""
        return f"{self.zone}/{self.target}"

    def foreign(self, live: Live[Any]) -> bool:
        """A host that points elsewhere, by a record of whichever type, is somebody else's, unless it points at another
        target of ours: then it moves.
        """
        ours = live.out.get("ours", "").split(",")
        return any(
            name.split(" ")[0] in self.hosts and not self._points(name, alias) and name not in ours
            for name, alias in live.has.hosts.items()
        )

    def _points(self, name: str, alias: Alias) -> bool:
        """Whether a host points where it should."""
        return name in self.hosts and alias.points == self.hosts[name].points

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """What the wanted hosts point at, whoever wrote it, and further hosts that point at the same target.

        A host that moved from one target to another belongs to the newer one, unless it still points at the older.
        """
        wanted = scope.wanted(cls)
        if not wanted:
            return
        for zone in sorted(_zones(wanted, scope)):
            claimed = {host for want in wanted for host in want.hosts}
            targets = {name for of in TARGETS.values() for name in of(scope)}
            known = targets | {alias.dns_name for want in wanted for alias in want.hosts.values()}
            aliases = {
                name: alias_of(records, known)
                for name, records in at_hosts(_observed(scope, zone)).items()
                if " " not in name or (name.split(" ")[0] in claimed and name.split(" ")[1] not in KEPT_TYPES)
            }
            inside = ",".join(sorted(host for host, alias in aliases.items() if alias.dns_name in targets))
            for index, want in enumerate(wanted):
                names, later = TARGETS[want.target](scope), {h for one in wanted[index + 1 :] for h in one.hosts}
                hosts = {
                    host: alias
                    for host, alias in aliases.items()
                    if (host.split(" ")[0] in want.hosts and (host not in later or want._points(host, alias)))
                    or (alias.dns_name in names and host not in claimed)
                }
                if hosts:
                    yield Live(f"{zone}/{want.target}", cls(zone, want.target, hosts), out={"ours": inside})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """One batch. What somebody else has put at a host is refused before (see `foreign`)."""
        change_hosts(aws, self.zone, [instead([], sets_of(name, alias)) for name, alias in sorted(self.hosts.items())])
        return Made(f"{self.zone}/{self.target}")

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """One batch. What is in the way is replaced in the same batch, a CNAME or what is weighted."""
        there, has = at_hosts(record_sets(aws, self.zone)), live.has.hosts
        names = {alias.dns_name for alias in has.values()}
        gone = [
            instead(records, [])
            for name, records in there.items()
            if name in has.keys() - self.hosts.keys() and alias_of(records, names) == has[name]
        ]
        new = [
            instead(there.get(name, []), sets_of(name, alias))
            for name, alias in sorted(self.hosts.items())
            if has.get(name) != alias
        ]
        change_hosts(aws, self.zone, [*gone, *new])

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Exactly as they are: a DELETE with any other value is refused. A host that points elsewhere by now stays."""
        targets = list(live.has.hosts.values())
        names = {alias.dns_name for alias in targets}
        doomed = [
            instead(records, [])
            for name, records in at_hosts(record_sets(aws, live.has.zone)).items()
            if name in live.has.hosts and alias_of(records, names) in targets
        ]
        change_hosts(aws, live.has.zone, doomed)


def _balancers(scope: Scope) -> set[str]:
    return {one.out["dns_name"] for one in scope.live(LoadBalancer) if one.address}


def _distributions(scope: Scope) -> set[str]:
    return {one.out["domain_name"] for one in scope.live(Distribution) if one.address}


TARGETS: Mapping[str, Callable[[Scope], set[str]]] = {"load_balancer": _balancers, "cdn": _distributions}
"""What a target's own names are: a record that points at one of them is ours, whichever host it is for."""
