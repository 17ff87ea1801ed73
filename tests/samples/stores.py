"""Samples of what keeps things: buckets, secrets, parameters, image repositories."""

from __future__ import annotations

from dataclasses import replace

from reptiops.engine.resource import Live
from reptiops.policy import Policy, deny
from reptiops.resources.ecr import Repository
from reptiops.resources.s3 import Bucket, LifecycleRule
from reptiops.resources.secretsmanager import Secret
from reptiops.resources.ssm import Parameter
from tests.samples import Sample, World

ARN = "arn:aws:s3:::reptidex-dev-sample"
TLS = Policy.make(
    deny(["s3:*"], [ARN, f"{ARN}/*"], principal="*", condition={"Bool": {"aws:SecureTransport": "false"}})
)


def _filled(world: World, want: Bucket, live: Live[Bucket]) -> None:
    """Versioned from the start, then with objects and an unfinished upload in it."""
    world.another(want, name="reptidex-dev-versioned", versioning=True)
    s3 = world.session.client("s3")
    s3.put_object(Bucket=want.name, Key="a", Body=b"a")
    s3.create_multipart_upload(Bucket=want.name, Key="b")


def _brought_back(world: World, want: Secret, live: Live[Secret]) -> None:
    keeping = replace(want, recovery_days=7)
    keeping.delete(world.aws, live)
    keeping.create(world.aws, world.identity("network/sample/one"))


READERS = Policy.make(
    {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
)
"""Somebody who may read a secret."""
SAMPLES = [
    Sample(
        Bucket,
        lambda world: Bucket("reptidex-dev-sample", policy=TLS, lifecycle={"all": LifecycleRule(expire_days=30)}),
        [
            lambda b: replace(b, versioning=True),
            lambda b: replace(b, versioning=False),
            lambda b: replace(b, policy=Policy.make()),
            lambda b: replace(b, policy=TLS),
            lambda b: replace(b, policy=Policy.make()),
            lambda b: replace(b, encryption="aws:kms"),
            lambda b: replace(b, public_access_blocked=False),
            lambda b: replace(b, lifecycle={"all": LifecycleRule(((30, "STANDARD_IA"),), 0, 30, 7, True)}),
            lambda b: replace(b, lifecycle={}),
            lambda b: replace(b, ownership="BucketOwnerPreferred"),
        ],
        beyond=_filled,
    ),
    Sample(
        Secret,
        lambda world: Secret("reptidex/dev/sample", "one", "password", {"username": "reptidex"}),
        [
            lambda s: replace(s, description="two"),
            lambda s: replace(s, policy=READERS),
            lambda s: replace(s, policy=Policy.make()),
        ],
        beyond=_brought_back,
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
