"""Phase 5: buckets by purpose, the CloudFront distribution, and the headers it and the load balancer add."""

from typing import Annotated, Literal

from pydantic import Field

from reptiops.settings.base import Frozen, Host, NotNegative, Positive, Settings, standing, text

BucketName = Annotated[
    str,
    text(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "3 to 63 lower-case letters, digits and hyphens"),
]
Purpose = Annotated[str, text(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name such as uploads")]


class Transition(Settings):
    """Objects move to another storage class after so many days."""

    days: NotNegative
    to: Literal["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]


class Bucket(Settings):
    """One bucket. Without `name` it is called `<project>-<environment>-<purpose><suffix>`."""

    name: BucketName | None = None
    versioning: bool = False
    transitions: tuple[Transition, ...] = ()
    expire_days: Positive | None = None
    noncurrent_days: Positive | None = None
    abort_upload_days: Positive = 7


class Behaviour(Settings):
    """How CloudFront treats a path. TTLs are seconds; `headers: ["*"]` forwards all, which AWS takes as no caching."""

    min_ttl: Annotated[int, Field(ge=0, le=31536000)] = 0
    default_ttl: Annotated[int, Field(ge=0, le=31536000)] = 3600
    max_ttl: Annotated[int, Field(ge=0, le=31536000)] = 86400
    headers: tuple[Annotated[str, text(r"\*|[A-Za-z0-9-]+", "header names, or * for all")], ...] = ("*",)
    cookies: Literal["all", "none"] = "all"
    query_strings: bool = True
    compress: bool = False
    methods: Literal["all", "read"] = "all"

    @property
    def all_headers(self) -> bool:
        """Whether every header reaches the origin."""
        return "*" in self.headers


class PathBehaviour(Behaviour):
    """A behaviour for one path pattern; CloudFront takes the first that matches."""

    path: Annotated[str, text(r"[A-Za-z0-9_./$~\"'@:+*?&-]{1,255}", "a path pattern such as /api/*")]


class Origin(Settings):
    """How CloudFront reaches the load balancer: HTTPS only. The API spells the guide's path "/" as the empty path."""

    path: Annotated[str, text(r"|/[A-Za-z0-9/._~-]*[A-Za-z0-9._~-]", "empty, or a path without a / at its end")] = ""
    read_timeout_seconds: Annotated[int, Field(ge=1, le=120)] = 30
    keepalive_seconds: Annotated[int, Field(ge=1, le=120)] = 5


def _behaviours() -> tuple[PathBehaviour, ...]:
    week = 7 * 86400
    return (
        PathBehaviour(path="/api/*", default_ttl=0, max_ttl=0),
        PathBehaviour(
            path="/assets/*",
            default_ttl=week,
            max_ttl=week,
            headers=("Host",),
            cookies="none",
            query_strings=False,
            compress=True,
            methods="read",
        ),
    )


class Cdn(Settings):
    """The CloudFront distribution in front of the hosts in `aliases`."""

    enabled: bool = True
    aliases: tuple[Host, ...] = Field(default=(), max_length=100)
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_100"
    minimum_tls: Literal["TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"] = (
        "TLSv1.2_2021"
    )
    http_version: Literal["http1.1", "http2", "http3", "http2and3"] = "http2"
    ipv6: bool = False
    origin: Origin = standing()
    default: Behaviour = standing()
    behaviours: tuple[PathBehaviour, ...] = Field(default_factory=_behaviours, max_length=25)


class Storage(Settings):
    """Buckets by purpose. S3 names are global: `suffix` is added to each when they are taken."""

    suffix: Annotated[
        str, text(r"|-[a-z0-9-]{0,30}[a-z0-9]", "empty, or a hyphen and lower-case letters and digits")
    ] = ""
    buckets: Frozen[Purpose, Bucket] = Field(
        default_factory=lambda: {"assets": Bucket(), "uploads": Bucket(), "logs": Bucket(expire_days=30)},
        validate_default=True,
    )
    cdn: Cdn = standing()


class SecurityHeaders(Settings):
    """The headers that the HTTPS listener and CloudFront add to every answer."""

    hsts_seconds: Annotated[int, Field(ge=0, le=315_360_000)] = 31536000
    hsts_subdomains: bool = True
    hsts_preload: bool = False
    frame_options: Literal["DENY", "SAMEORIGIN"] = "DENY"
    content_type_options: bool = True
    referrer_policy: Literal[
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ] = "strict-origin-when-cross-origin"

    @property
    def strict_transport_security(self) -> str:
        """The value of the Strict-Transport-Security header."""
        words = [f"max-age={self.hsts_seconds}"]
        words += ["includeSubDomains"] if self.hsts_subdomains else []
        words += ["preload"] if self.hsts_preload else []
        return "; ".join(words)
