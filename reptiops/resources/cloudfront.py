"""CloudFront's distribution. Every change replaces the whole and needs the last ETag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.resource import Change, Doing, Drawn, Identity, Live, Made, NotYet, Resource, Risk, Status
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources.cloudfront_config import (
    Behaviour,
    Origin,
    PathBehaviour,
    behaviour_config,
    behaviour_of,
    counted,
    origin_config,
    over,
)
from reptiops.rights import OURS, TAGGED, Right, arn_of, create, delete, read, update

ZONE = "Z2FDTNDATAQYW2"
"""The zone in which AWS keeps the names of all distributions."""
DISTRIBUTIONS = (arn_of("cloudfront", "distribution/*", regional=False),)


@dataclass(frozen=True)
class Distribution(Resource):
    """A distribution in front of the load balancer."""

    comment: str = ""
    aliases: frozenset[str] = frozenset()
    certificate: str = ""
    minimum_tls: str = "TLSv1.2_2021"
    price_class: str = "PriceClass_100"
    http_version: str = "http2"
    ipv6: bool = False
    origin: Origin = field(default_factory=lambda: Origin(""))
    default: Behaviour = field(default_factory=Behaviour)
    behaviours: tuple[PathBehaviour, ...] = ()
    enabled: bool = True

    lost: ClassVar[str] = "AWS gives another one another domain name"
    drawn: ClassVar[Drawn] = "edge"
    risks: ClassVar[Mapping[str, Risk]] = {"minimum_tls": "security", "certificate": "security", "price_class": "cost"}
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchDistribution"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"DistributionNotDisabled", "PreconditionFailed", "ResourceInUse"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidViewerCertificate", "doesn't exist"),
        ("NoSuchResponseHeadersPolicy", ""),
    )
    typical: ClassVar[float] = 180
    nine_in_ten: ClassVar[float | None] = 220
    typical_delete: ClassVar[float] = 400
    limit: ClassVar[float] = 5400
    rights: ClassVar[tuple[Right, ...]] = (
        read("cloudfront:ListDistributions"),
        read("cloudfront:ListTagsForResource", on=DISTRIBUTIONS),
        create("cloudfront:CreateDistribution", when=TAGGED),
        create("cloudfront:TagResource", on=DISTRIBUTIONS, when=TAGGED),
        update("cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution", on=DISTRIBUTIONS, when=OURS),
        delete(
            "cloudfront:GetDistribution",
            "cloudfront:GetDistributionConfig",
            "cloudfront:UpdateDistribution",
            "cloudfront:DeleteDistribution",
            on=DISTRIBUTIONS,
            when=OURS,
        ),
    )

    def billable(self, around: Around) -> Iterable[Use]:
        """What it sends and how often it is asked; fetching from an AWS origin is free."""
        yield Use("cdn.gb", by="cdn_gb")
        yield Use("cdn.requests", by="cdn_requests")

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """Every change goes out to all places, like a new one."""
        return super().takes("create" if verb == "update" else verb)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the account in pages; tags are read for those whose comment or alias is ours."""
        yield from cls._read(aws, scope)

    @classmethod
    def strangers(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Those with our comment or one of our aliases that nobody has claimed."""
        yield from cls._read(aws, scope, strange=True)

    def resembles(self, other: Self) -> bool:
        """An alias belongs to one distribution only."""
        return bool(self.aliases & other.aliases) if self.aliases else self.comment == other.comment

    @classmethod
    def _read(cls, aws: Aws, scope: Scope, strange: bool = False) -> Iterable[Live[Self]]:
        wanted = scope.wanted(cls)
        comments = {scope.names.prefix, *(want.comment for want in wanted)}
        aliases = {alias for want in wanted for alias in want.aliases}
        for one in summaries(aws):
            ours = one["Comment"] in comments or aliases & set(one["Aliases"].get("Items", []))
            if not ours:
                continue
            tags = _tags(aws, one["ARN"])
            if tags is None:
                continue
            address = scope.address(tags)
            if (address is None) is not strange or (strange and not scope.unclaimed(tags)):
                continue
            yield Live(one["Id"], cls._has(one), address, _status(one["Status"], enabled=one["Enabled"]), _out(one))

    @classmethod
    def _has(cls, one: Mapping[str, Any]) -> Self:
        certificate = one["ViewerCertificate"]
        origins = one["Origins"]["Items"]
        custom = origins[0].get("CustomOriginConfig", {})
        return cls(
            comment=one["Comment"],
            aliases=frozenset(one["Aliases"].get("Items", [])),
            certificate=certificate.get("ACMCertificateArn", ""),
            minimum_tls=certificate.get("MinimumProtocolVersion", ""),
            price_class=one["PriceClass"],
            http_version=one["HttpVersion"].lower(),
            ipv6=one["IsIPV6Enabled"],
            origin=Origin(
                domain=", ".join(o["DomainName"].lower() for o in origins),
                path=origins[0].get("OriginPath", ""),
                read_timeout=custom.get("OriginReadTimeout", 30),
                keepalive=custom.get("OriginKeepaliveTimeout", 5),
            ),
            default=Behaviour(**behaviour_of(one["DefaultCacheBehavior"])),
            behaviours=tuple(
                PathBehaviour(**behaviour_of(b), path=b["PathPattern"])
                for b in one["CacheBehaviors"].get("Items") or []
            ),
            enabled=one["Enabled"],
        )

    def _ours(self) -> dict[str, Any]:
        """The members of a DistributionConfig that we set; whatever else is in one stays as it is."""
        return {
            "Comment": self.comment,
            "Aliases": counted(sorted(self.aliases)),
            "Enabled": self.enabled,
            "PriceClass": self.price_class,
            "HttpVersion": self.http_version,
            "IsIPV6Enabled": self.ipv6,
            "ViewerCertificate": {
                "CloudFrontDefaultCertificate": False,
                "ACMCertificateArn": self.certificate,
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": self.minimum_tls,
            },
            "Origins": counted([origin_config(self.origin)]),
            "DefaultCacheBehavior": behaviour_config(self.default),
            "CacheBehaviors": counted([{**behaviour_config(b), "PathPattern": b.path} for b in self.behaviours]),
        }

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.cloudfront.tag_resource(Resource=live.out["arn"], Tags={"Items": identity.tag_list()})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """CloudFront remembers a caller reference for ever, also of a deleted distribution: each create has its own, and
        all its attempts the same, so that a repeated one is answered by DistributionAlreadyExists.
        """
        config = {"CallerReference": identity.token, **over({}, self._ours())}
        tags = {"Items": identity.tag_list()}
        answer = aws.cloudfront.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": config, "Tags": tags}
        )
        one = answer["Distribution"]
        return Made(one["Id"], _out(one), _status(one["Status"], enabled=self.enabled))

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Read, change what is ours, write against the ETag of the read."""
        _replace(aws, live.id, self._ours())

    def retire(self, aws: Aws, live: Live[Any]) -> None:
        """Disabling takes minutes, so it is begun before anything else is removed."""
        if live.has.enabled:
            _replace(aws, live.id, {"Enabled": False})

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Disabled, deployed, then deleted with the ETag of then."""
        answer = aws.cloudfront.get_distribution(Id=live.id)
        if answer["Distribution"]["DistributionConfig"]["Enabled"]:
            _replace(aws, live.id, {"Enabled": False})
            raise NotYet("CloudFront is disabling it everywhere")
        if answer["Distribution"]["Status"] != "Deployed":
            raise NotYet("CloudFront is still disabling it")
        aws.cloudfront.delete_distribution(Id=live.id, IfMatch=answer["ETag"])


def _status(word: str, *, enabled: bool) -> Status:
    return Status("ready" if word == "Deployed" else "pending", word if enabled else f"{word}, disabled")


def _out(one: Mapping[str, Any]) -> dict[str, str]:
    return {"arn": one["ARN"], "domain_name": one["DomainName"].lower(), "zone_id": ZONE}


def _tags(aws: Aws, arn: str) -> dict[str, str] | None:
    """None where it has gone since it was listed."""
    try:
        answer = aws.cloudfront.list_tags_for_resource(Resource=arn)["Tags"]
    except ClientError as error:
        if code(error) not in ("NoSuchResource", "NoSuchDistribution"):
            raise
        return None
    return {t["Key"]: t.get("Value", "") for t in answer.get("Items", [])}


def summaries(aws: Aws) -> list[dict[str, Any]]:
    """All distributions of the account, in short."""
    found: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = aws.cloudfront.list_distributions(**marker)["DistributionList"]
        found += page.get("Items") or []
        if not page.get("IsTruncated"):
            return found
        marker = {"Marker": page["NextMarker"]}


def _replace(aws: Aws, identifier: str, changes: Mapping[str, Any]) -> None:
    answer = aws.cloudfront.get_distribution_config(Id=identifier)
    config = dict(answer["DistributionConfig"])
    config |= {name: over(config.get(name), value) if name in KEPT else value for name, value in changes.items()}
    aws.cloudfront.update_distribution(Id=identifier, IfMatch=answer["ETag"], DistributionConfig=config)


KEPT = ("Origins", "DefaultCacheBehavior", "CacheBehaviors")
"""Where members that we never set are kept. A certificate is set as a whole: AWS mirrors it into members of its own."""
