"""CloudFront: the response headers policy and the distribution. Every change replaces the whole and needs the last ETag."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.resource import Doing, Drawn, Identity, Live, Made, NotYet, Resource, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources import held
from reptiops.rights import OURS, TAGGED, Right, arn_of, create, delete, read, update

ZONE = "Z2FDTNDATAQYW2"
"""The zone in which AWS keeps the names of all distributions."""
ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
READ_METHODS = ["GET", "HEAD"]
ORIGIN = "load-balancer"
"""What the one origin is called inside a distribution."""


POLICIES = (arn_of("cloudfront", "response-headers-policy/*", regional=False),)
DISTRIBUTIONS = (arn_of("cloudfront", "distribution/*", regional=False),)


@dataclass(frozen=True)
class HeadersPolicy(Resource):
    """Security headers added to every answer; each replaces what the origin sent. CloudFront keeps no tags on it."""

    name: str = fixed()
    hsts_seconds: int = 31536000
    hsts_subdomains: bool = True
    hsts_preload: bool = False
    frame_options: str = "DENY"
    content_type_options: bool = True
    referrer_policy: str = "strict-origin-when-cross-origin"

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchResponseHeadersPolicy"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"ResponseHeadersPolicyInUse", "PreconditionFailed"})
    taggable: ClassVar[bool] = False
    limit: ClassVar[float] = 900
    rights: ClassVar[tuple[Right, ...]] = (
        read("cloudfront:ListResponseHeadersPolicies"),
        create("cloudfront:CreateResponseHeadersPolicy"),
        update("cloudfront:GetResponseHeadersPolicy", "cloudfront:UpdateResponseHeadersPolicy", on=POLICIES),
        delete("cloudfront:GetResponseHeadersPolicy", "cloudfront:DeleteResponseHeadersPolicy", on=POLICIES),
        delete("cloudfront:ListDistributions"),
    )

    def key(self) -> str:
        """Names are unique in an account."""
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """The account's own policies, page by page by hand: this list has no paginator."""
        wanted = {want.name for want in scope.wanted(cls)}
        marker: dict[str, str] = {}
        while True:
            answer = aws.cloudfront.list_response_headers_policies(Type="custom", **marker)["ResponseHeadersPolicyList"]
            for item in answer.get("Items", []):
                policy = item["ResponseHeadersPolicy"]
                config = policy["ResponseHeadersPolicyConfig"]
                if config["Name"] in wanted:
                    yield Live(policy["Id"], cls._has(config))
            if not answer.get("NextMarker"):
                return
            marker = {"Marker": answer["NextMarker"]}

    @classmethod
    def _has(cls, config: Mapping[str, Any]) -> Self:
        security = config.get("SecurityHeadersConfig", {})
        hsts = security.get("StrictTransportSecurity", {})
        return cls(
            name=config["Name"],
            hsts_seconds=hsts.get("AccessControlMaxAgeSec", 0),
            hsts_subdomains=hsts.get("IncludeSubdomains", False),
            hsts_preload=hsts.get("Preload", False),
            frame_options=security.get("FrameOptions", {}).get("FrameOption", ""),
            content_type_options="ContentTypeOptions" in security,
            referrer_policy=security.get("ReferrerPolicy", {}).get("ReferrerPolicy", ""),
        )

    def _config(self) -> dict[str, Any]:
        security: dict[str, Any] = {
            "StrictTransportSecurity": {
                "Override": True,
                "AccessControlMaxAgeSec": self.hsts_seconds,
                "IncludeSubdomains": self.hsts_subdomains,
                "Preload": self.hsts_preload,
            },
            "FrameOptions": {"Override": True, "FrameOption": self.frame_options},
            "ReferrerPolicy": {"Override": True, "ReferrerPolicy": self.referrer_policy},
        }
        if self.content_type_options:
            security["ContentTypeOptions"] = {"Override": True}
        return {"Name": self.name, "SecurityHeadersConfig": security}

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The name is what finds it again."""
        answer = aws.cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=self._config())
        return Made(answer["ResponseHeadersPolicy"]["Id"])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """The whole, against the last ETag."""
        etag = aws.cloudfront.get_response_headers_policy(Id=live.id)["ETag"]
        aws.cloudfront.update_response_headers_policy(
            Id=live.id, IfMatch=etag, ResponseHeadersPolicyConfig=self._config()
        )

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while a distribution names it."""
        etag = aws.cloudfront.get_response_headers_policy(Id=live.id)["ETag"]
        aws.cloudfront.delete_response_headers_policy(Id=live.id, IfMatch=etag)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The distributions that name it."""
        users = [
            one["Id"]
            for one in _summaries(aws)
            if live.id
            in {
                b.get("ResponseHeadersPolicyId")
                for b in (one["DefaultCacheBehavior"], *one.get("CacheBehaviors", {}).get("Items", []))
            }
        ]
        return f"Named by the distribution {held.listed(users)}: take it out of its behaviours." if users else ""


@dataclass(frozen=True)
class Origin:
    """The load balancer behind the distribution, over HTTPS only. The path is empty, never "/"; timeouts in seconds."""

    domain: str
    path: str = ""
    read_timeout: int = 30
    keepalive: int = 5


@dataclass(frozen=True)
class Behaviour:
    """How requests are treated; TTLs in seconds. `headers` {"*"} forwards all, which AWS takes as no caching."""

    min_ttl: int = 0
    default_ttl: int = 3600
    max_ttl: int = 86400
    headers: frozenset[str] = frozenset({"*"})
    cookies: str = "all"
    query_strings: bool = True
    compress: bool = False
    methods: str = "all"
    headers_policy: str = ""
    viewer_protocol: str = "redirect-to-https"
    functions: frozenset[str] = frozenset()
    """Code that sees every request or answer, as `<event> <ARN>`; none of ours does."""


@dataclass(frozen=True)
class PathBehaviour(Behaviour):
    """A behaviour for one path pattern; the first that matches counts, so their order does."""

    path: str = ""


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

    def takes(self, verb: Doing = "create") -> float:
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
        for one in _summaries(aws):
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
            default=Behaviour(**_behaviour(one["DefaultCacheBehavior"])),
            behaviours=tuple(
                PathBehaviour(**_behaviour(b), path=b["PathPattern"]) for b in one["CacheBehaviors"].get("Items") or []
            ),
            enabled=one["Enabled"],
        )

    def _ours(self) -> dict[str, Any]:
        """The members of a DistributionConfig that we set; whatever else is in one stays as it is."""
        return {
            "Comment": self.comment,
            "Aliases": _items(sorted(self.aliases)),
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
            "Origins": _items([_origin(self.origin)]),
            "DefaultCacheBehavior": _sent(self.default),
            "CacheBehaviors": _items([{**_sent(b), "PathPattern": b.path} for b in self.behaviours]),
        }

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.cloudfront.tag_resource(Resource=live.out["arn"], Tags={"Items": identity.tag_list()})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """CloudFront remembers a caller reference for ever, also of a deleted distribution: each create has its own."""
        config = {"CallerReference": f"{identity.token}-{uuid.uuid4().hex[:8]}", **_over({}, self._ours())}
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


def _summaries(aws: Aws) -> list[dict[str, Any]]:
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
    config |= {name: _over(config.get(name), value) if name in KEPT else value for name, value in changes.items()}
    aws.cloudfront.update_distribution(Id=identifier, IfMatch=answer["ETag"], DistributionConfig=config)


KEPT = ("Origins", "DefaultCacheBehavior", "CacheBehaviors")
"""Where members that we never set are kept. A certificate is set as a whole: AWS mirrors it into members of its own."""
NAMED = ("PathPattern", "Id")
"""Members by which the things in a list are told apart: behaviours and origins."""


def _over(has: Any, ours: Any) -> Any:
    """What AWS has with what is ours set in it; None takes a member out. UpdateDistribution resets what is left out: a
    member that we never set, such as a header that somebody sends to the origin, is sent again as it is.
    """
    if not isinstance(ours, Mapping):
        return ours
    held: Mapping[str, Any] = has if isinstance(has, Mapping) else {}
    items = ours.get("Items", [])
    name = next((n for n in NAMED if items and isinstance(items[0], Mapping) and n in items[0]), "")
    if name:
        known = {one[name]: one for one in held.get("Items") or []}
        return {**ours, "Items": [_over(known.get(one[name]), one) for one in items]}
    if "Quantity" in ours:
        return ours
    merged = {**held, **{member: _over(held.get(member), value) for member, value in ours.items()}}
    return {member: value for member, value in merged.items() if value is not None}


def _items(items: list[Any]) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "Id": ORIGIN,
        "DomainName": origin.domain,
        "OriginPath": origin.path,
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": _items(["TLSv1.2"]),
            "OriginReadTimeout": origin.read_timeout,
            "OriginKeepaliveTimeout": origin.keepalive,
        },
    }


def _behaviour(one: Mapping[str, Any]) -> dict[str, Any]:
    values = one.get("ForwardedValues", {})
    return {
        "min_ttl": one.get("MinTTL", 0),
        "default_ttl": one.get("DefaultTTL", 0),
        "max_ttl": one.get("MaxTTL", 0),
        "headers": frozenset(values.get("Headers", {}).get("Items", [])),
        "cookies": values.get("Cookies", {}).get("Forward", "none"),
        "query_strings": values.get("QueryString", False),
        "compress": one.get("Compress", False),
        "methods": "all" if len(one["AllowedMethods"]["Items"]) > len(READ_METHODS) else "read",
        "headers_policy": one.get("ResponseHeadersPolicyId", ""),
        "viewer_protocol": one["ViewerProtocolPolicy"],
        "functions": frozenset(
            f"{f['EventType']} {f.get('FunctionARN') or f.get('LambdaFunctionARN')}"
            for member in ("FunctionAssociations", "LambdaFunctionAssociations")
            for f in one.get(member, {}).get("Items", [])
        ),
    }


def _functions(b: Behaviour, member: str, lambdas: bool) -> dict[str, Any]:
    pairs = [one.split(" ", 1) for one in sorted(b.functions) if (":lambda:" in one) is lambdas]
    return _items([{"EventType": event, member: arn} for event, arn in pairs])


def _sent(b: Behaviour) -> dict[str, Any]:
    methods = ALL_METHODS if b.methods == "all" else READ_METHODS
    return {
        "TargetOriginId": ORIGIN,
        "ViewerProtocolPolicy": b.viewer_protocol,
        "MinTTL": b.min_ttl,
        "DefaultTTL": b.default_ttl,
        "MaxTTL": b.max_ttl,
        "Compress": b.compress,
        "SmoothStreaming": False,
        "FieldLevelEncryptionId": "",
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "LambdaFunctionAssociations": _functions(b, "LambdaFunctionARN", True),
        "FunctionAssociations": _functions(b, "FunctionARN", False),
        "AllowedMethods": {**_items(methods), "CachedMethods": _items(READ_METHODS)},
        "ForwardedValues": {
            "QueryString": b.query_strings,
            "Cookies": {"Forward": b.cookies},
            "Headers": _items(sorted(b.headers)),
            "QueryStringCacheKeys": {"Quantity": 0},
        },
        "ResponseHeadersPolicyId": b.headers_policy or None,
        "CachePolicyId": None,
        "OriginRequestPolicyId": None,
    }
