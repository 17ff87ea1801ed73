"""Where calls go: to AWS, by whichever of its names, or to something else, such as an emulator."""

from __future__ import annotations

from urllib.parse import urlsplit

SUFFIXES = (
    "amazonaws.com", "api.aws",
    "amazonaws.com.cn", "api.amazonwebservices.com.cn",
    "amazonaws.eu", "api.amazonwebservices.eu",
    "c2s.ic.gov", "api.aws.ic.gov",
    "sc2s.sgov.gov", "api.aws.scloud",
    "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov", "api.aws.hci.ic.gov",
)  # fmt: skip
"""Under which all of AWS's endpoints are, by partition: usual, FIPS, VPC and old ones, and those with IPv6."""


def is_aws(endpoint: str) -> bool:
    """Whether a URL is one of AWS's own."""
    host = urlsplit(endpoint).hostname or ""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in SUFFIXES)


def world(endpoint: str) -> str:
    """Whose AWS it is: one word for AWS's, by whichever of its endpoints it is reached, else the endpoint itself."""
    return "aws" if is_aws(endpoint) else endpoint
