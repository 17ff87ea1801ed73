"""Samples of CloudFront's kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.resources.cloudfront import Distribution
from reptiops.resources.cloudfront_config import Behaviour, Origin, PathBehaviour
from reptiops.resources.cloudfront_headers import HeadersPolicy
from tests.samples import Sample, World


def _policy(world: World) -> str:
    headers = {"FrameOptions": {"Override": True, "FrameOption": "DENY"}}
    answer: dict[str, Any] = world.session.client("cloudfront").create_response_headers_policy(
        ResponseHeadersPolicyConfig={"Name": "sample", "SecurityHeadersConfig": headers}
    )
    return str(answer["ResponseHeadersPolicy"]["Id"])


def _distribution(world: World) -> Distribution:
    policy = _policy(world)
    return Distribution(
        comment="reptidex-dev",
        aliases=frozenset({"dev.reptidex.com"}),
        certificate=world.certificate,
        origin=Origin("sample.us-east-1.elb.amazonaws.com"),
        default=Behaviour(headers_policy=policy),
        behaviours=(
            PathBehaviour(path="/api/*", default_ttl=0, max_ttl=0, headers_policy=policy),
            PathBehaviour(path="/assets/*", headers=frozenset({"Host"}), methods="read", compress=True, cookies="none"),
        ),
    )


def _by_hand(world: World, want: Distribution, live: Live[Distribution]) -> None:
    """A header that somebody sends to the origin is no setting of ours: it outlives an update of something else."""
    client = world.session.client("cloudfront")
    held = client.get_distribution_config(Id=live.id)
    config = held["DistributionConfig"]
    secret = {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": "s"}]}
    config["Origins"]["Items"][0]["CustomHeaders"] = secret
    client.update_distribution(Id=live.id, IfMatch=held["ETag"], DistributionConfig=config)
    replace(want, comment="two").update(world.aws, live, frozenset({"comment"}))
    (origin,) = client.get_distribution_config(Id=live.id)["DistributionConfig"]["Origins"]["Items"]
    assert origin["CustomHeaders"] == secret
    want.update(world.aws, live, frozenset({"comment"}))


SAMPLES = [
    Sample(
        HeadersPolicy,
        lambda world: HeadersPolicy("reptidex-dev-security-headers"),
        [
            lambda p: replace(p, hsts_seconds=60, hsts_subdomains=False, hsts_preload=True),
            lambda p: replace(p, frame_options="SAMEORIGIN"),
            lambda p: replace(p, content_type_options=False),
            lambda p: replace(p, referrer_policy="no-referrer"),
        ],
    ),
    Sample(
        Distribution,
        _distribution,
        [
            lambda d: replace(d, price_class="PriceClass_All"),
            lambda d: replace(d, ipv6=True, http_version="http2and3"),
            lambda d: replace(d, aliases=frozenset()),
            lambda d: replace(d, origin=Origin("two.us-east-1.elb.amazonaws.com", "/x", 20, 10)),
            lambda d: replace(d, default=replace(d.default, default_ttl=60, query_strings=False)),
            lambda d: replace(d, behaviours=tuple(reversed(d.behaviours))),
            lambda d: replace(d, behaviours=()),
            lambda d: replace(d, minimum_tls="TLSv1.2_2019"),
            lambda d: replace(d, enabled=False),
            lambda d: replace(d, enabled=True),
            lambda d: replace(d, default=replace(d.default, headers_policy="")),
        ],
        beyond=_by_hand,
    ),
]
