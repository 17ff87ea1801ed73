"""Buckets and delivery."""

from __future__ import annotations

from typing import Any

from reptiops.export.form import FORMS, Properties, Writer
from reptiops.export.security import document
from reptiops.policy import Policy
from reptiops.resources import cloudfront, cloudfront_config, cloudfront_headers, s3

ORIGIN = "load-balancer"
READ = ["GET", "HEAD"]
ALL = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
NAMES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@FORMS.form(s3.Bucket, "AWS::S3::Bucket", arn="Arn", domain="DomainName")
def bucket(want: s3.Bucket, to: Writer) -> Properties:
    if want.policy != Policy.make():
        to.beside("Policy", "AWS::S3::BucketPolicy", {"Bucket": to.own, "PolicyDocument": document(want.policy)})
    rule = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": want.encryption}}
    return {
        "BucketName": want.name,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]} if want.encryption else None,
        "VersioningConfiguration": {"Status": "Enabled"} if want.versioning else None,
        "PublicAccessBlockConfiguration": dict.fromkeys(NAMES, want.public_access_blocked),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": want.ownership}]},
        "LifecycleConfiguration": {"Rules": [_rule(k, r) for k, r in sorted(want.lifecycle.items())]}
        if want.lifecycle
        else None,
    }


def _rule(name: str, rule: s3.LifecycleRule) -> Properties:
    moves = [{"TransitionInDays": days, "StorageClass": to} for days, to in rule.transitions]
    noncurrent = {"NoncurrentDays": rule.noncurrent_days} if rule.noncurrent_days else None
    abort = {"DaysAfterInitiation": rule.abort_upload_days} if rule.abort_upload_days else None
    return {
        "Id": name,
        "Status": "Enabled",
        "Transitions": moves or None,
        "ExpirationInDays": rule.expire_days or None,
        "ExpiredObjectDeleteMarker": True if rule.expired_markers else None,
        "NoncurrentVersionExpiration": noncurrent,
        "AbortIncompleteMultipartUpload": abort,
    }


@FORMS.form(cloudfront_headers.HeadersPolicy, "AWS::CloudFront::ResponseHeadersPolicy")
def headers_policy(want: cloudfront_headers.HeadersPolicy, to: Writer) -> Properties:
    headers: dict[str, Any] = {
        "StrictTransportSecurity": {
            "Override": True,
            "AccessControlMaxAgeSec": want.hsts_seconds,
            "IncludeSubdomains": want.hsts_subdomains,
            "Preload": want.hsts_preload,
        },
        "FrameOptions": {"Override": True, "FrameOption": want.frame_options},
        "ReferrerPolicy": {"Override": True, "ReferrerPolicy": want.referrer_policy},
        "ContentTypeOptions": {"Override": True} if want.content_type_options else None,
    }
    return {
        "ResponseHeadersPolicyConfig": {"Name": want.name, "Comment": want.comment, "SecurityHeadersConfig": headers}
    }


@FORMS.form(
    cloudfront.Distribution, "AWS::CloudFront::Distribution", domain_name="DomainName", zone_id=f"={cloudfront.ZONE}"
)
def distribution(want: cloudfront.Distribution, to: Writer) -> Properties:
    origin = {
        "Id": ORIGIN,
        "DomainName": want.origin.domain,
        "OriginPath": want.origin.path or None,
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSSLProtocols": ["TLSv1.2"],
            "OriginReadTimeout": want.origin.read_timeout,
            "OriginKeepaliveTimeout": want.origin.keepalive,
        },
    }
    certificate = {
        "AcmCertificateArn": want.certificate,
        "MinimumProtocolVersion": want.minimum_tls,
        "SslSupportMethod": "sni-only",
    }
    return {
        "DistributionConfig": {
            "Enabled": want.enabled,
            "Comment": want.comment,
            "Aliases": want.aliases,
            "PriceClass": want.price_class,
            "HttpVersion": want.http_version,
            "IPV6Enabled": want.ipv6,
            "Origins": [origin],
            "ViewerCertificate": certificate,
            "DefaultCacheBehavior": _behaviour(want.default),
            "CacheBehaviors": [{"PathPattern": b.path, **_behaviour(b)} for b in want.behaviours] or None,
        }
    }


def _behaviour(b: cloudfront_config.Behaviour) -> Properties:
    return {
        "TargetOriginId": ORIGIN,
        "ViewerProtocolPolicy": b.viewer_protocol,
        "AllowedMethods": ALL if b.methods == "all" else READ,
        "CachedMethods": READ,
        "MinTTL": b.min_ttl,
        "DefaultTTL": b.default_ttl,
        "MaxTTL": b.max_ttl,
        "Compress": b.compress,
        "ResponseHeadersPolicyId": b.headers_policy or None,
        "ForwardedValues": {
            "QueryString": b.query_strings,
            "Cookies": {"Forward": b.cookies},
            "Headers": sorted(b.headers) or None,
        },
    }
