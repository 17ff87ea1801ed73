"""CloudFront's response headers policy. Every change replaces the whole and needs the last ETag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.resources import held
from reptiops.resources.cloudfront import Distribution, summaries
from reptiops.rights import Right, arn_of, create, delete, read, update

POLICIES = (arn_of("cloudfront", "response-headers-policy/*", regional=False),)


@dataclass(frozen=True)
class HeadersPolicy(Resource):
    """Security headers added to every answer; each replaces what the origin sent. CloudFront keeps no tags on it."""

    of_service: ClassVar[str] = "cloudfront"

    name: str = fixed()
    comment: str = ""
    """Says whose it is, in the place of tags."""
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
                    yield Live(policy["Id"], cls._has(config), out=_named(scope, policy["Id"]))
            if not answer.get("NextMarker"):
                return
            marker = {"Marker": answer["NextMarker"]}

    def foreign(self, live: Live[Any]) -> bool:
        """One without our comment that no distribution of ours names."""
        return live.has.comment != self.comment and "named" not in live.out

    @classmethod
    def _has(cls, config: Mapping[str, Any]) -> Self:
        security = config.get("SecurityHeadersConfig", {})
        hsts = security.get("StrictTransportSecurity", {})
        return cls(
            name=config["Name"],
            comment=config.get("Comment", ""),
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
        return {"Name": self.name, "Comment": self.comment, "SecurityHeadersConfig": security}

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
            for one in summaries(aws)
            if live.id
            in {
                b.get("ResponseHeadersPolicyId")
                for b in (one["DefaultCacheBehavior"], *one.get("CacheBehaviors", {}).get("Items", []))
            }
        ]
        return f"Named by the distribution {held.listed(users)}: take it out of its behaviours." if users else ""


def _named(scope: Scope, policy: str) -> dict[str, str]:
    """Which distribution of ours names a policy that the state does not know."""
    if policy in scope.recorded(HeadersPolicy):
        return {}
    lives = [one for one in scope.live(Distribution) if one.address is not None]
    users = [one.id for one in lives if policy in {b.headers_policy for b in (one.has.default, *one.has.behaviours)}]
    return {"named": ",".join(users)} if users else {}
