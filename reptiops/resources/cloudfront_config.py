"""What a DistributionConfig is made of: the origin, the behaviours, and lists that carry their quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
READ_METHODS = ["GET", "HEAD"]
ORIGIN = "load-balancer"
"""What the one origin is called inside a distribution."""


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


NAMED = ("PathPattern", "Id")
"""Members by which the things in a list are told apart: behaviours and origins."""


def over(has: Any, ours: Any) -> Any:
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
        return {**ours, "Items": [over(known.get(one[name]), one) for one in items]}
    if "Quantity" in ours:
        return ours
    merged = {**held, **{member: over(held.get(member), value) for member, value in ours.items()}}
    return {member: value for member, value in merged.items() if value is not None}


def counted(items: list[Any]) -> dict[str, Any]:
    """A list as CloudFront takes it."""
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


def origin_config(origin: Origin) -> dict[str, Any]:
    """The one origin, as it is sent."""
    return {
        "Id": ORIGIN,
        "DomainName": origin.domain,
        "OriginPath": origin.path,
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": counted(["TLSv1.2"]),
            "OriginReadTimeout": origin.read_timeout,
            "OriginKeepaliveTimeout": origin.keepalive,
        },
    }


def behaviour_of(one: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a behaviour, as CloudFront has them."""
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
    return counted([{"EventType": event, member: arn} for event, arn in pairs])


def behaviour_config(b: Behaviour) -> dict[str, Any]:
    """A behaviour, as it is sent."""
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
        "AllowedMethods": {**counted(methods), "CachedMethods": counted(READ_METHODS)},
        "ForwardedValues": {
            "QueryString": b.query_strings,
            "Cookies": {"Forward": b.cookies},
            "Headers": counted(sorted(b.headers)),
            "QueryStringCacheKeys": {"Quantity": 0},
        },
        "ResponseHeadersPolicyId": b.headers_policy or None,
        "CachePolicyId": None,
        "OriginRequestPolicyId": None,
    }
