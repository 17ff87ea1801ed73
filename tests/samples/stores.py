"""Samples of what keeps things: buckets, secrets, parameters, image repositories."""

from __future__ import annotations

from dataclasses import replace

from reptiops.policy import Policy, deny
from reptiops.resources.ecr import Repository
from reptiops.resources.s3 import Bucket, LifecycleRule
from reptiops.resources.secretsmanager import Secret
from reptiops.resources.ssm import Parameter
from tests.samples import Sample

ARN = "arn:aws:s3:::reptidex-dev-sample"
TLS = Policy.make(
    deny(["s3:*"], [ARN, f"{ARN}/*"], principal="*", condition={"Bool": {"aws:SecureTransport": "false"}})
)

SAMPLES = [
    Sample(
        Bucket,
        lambda world: Bucket("reptidex-dev-sample", policy=TLS, lifecycle={"all": LifecycleRule(expire_days=30)}),
        [
            lambda b: replace(b, versioning=True),
            lambda b: replace(b, versioning=False),
            lambda b: replace(b, policy=Policy.make()),
            lambda b: replace(b, public_access_blocked=False),
            lambda b: replace(b, lifecycle={"all": LifecycleRule(((30, "STANDARD_IA"),), 0, 30, 7, True)}),
            lambda b: replace(b, lifecycle={}),
            lambda b: replace(b, ownership="BucketOwnerPreferred"),
        ],
    ),
    Sample(
        Secret,
        lambda world: Secret("reptidex/dev/sample", "one", "password", {"username": "reptidex"}),
        [lambda s: replace(s, description="two")],
    ),
    Sample(Parameter, lambda world: Parameter("/reptidex/dev/sample/host", "one"), [lambda p: replace(p, value="two")]),
    Sample(
        Repository,
        lambda world: Repository("reptidex/dev/sample"),
        [
            lambda r: replace(r, scan_on_push=False),
            lambda r: replace(r, tag_mutability="IMMUTABLE"),
            lambda r: replace(r, untagged_days=3),
            lambda r: replace(r, untagged_days=0),
        ],
    ),
]
