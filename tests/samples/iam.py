"""Samples of IAM's kinds."""

from __future__ import annotations

from dataclasses import replace

from reptiops.policy import Policy, allow, trust
from reptiops.resources.iam import Role
from tests.samples import Sample

READ = Policy.make(allow(["s3:GetObject"], ["arn:aws:s3:::reptidex-dev-uploads/*"]))
WRITE = Policy.make(allow(["s3:PutObject"], ["arn:aws:s3:::reptidex-dev-uploads/*"]))

SAMPLES = [
    Sample(
        Role,
        lambda world: Role(
            "reptidex-dev-sample", trust("ecs-tasks.amazonaws.com", world.names.account), {"read": READ}
        ),
        [
            lambda r: replace(r, trust=trust("rds.amazonaws.com", "123456789012")),
            lambda r: replace(r, policies={"read": WRITE, "more": READ}),
            lambda r: replace(r, policies={"more": READ}),
            lambda r: replace(r, description="what it is for", max_session_seconds=14400),
        ],
    ),
]
