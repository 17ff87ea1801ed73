"""What is at stake in a difference: its direction counts where fewer days delete, and a thing that is missing is more than its fields."""

from __future__ import annotations

from typing import Any

import pytest

from reptiops.engine.resource import Change, Resource, Risk
from reptiops.resources.autoscaling import ScalableTarget, ScalingPolicy, ScheduledAction
from reptiops.resources.ec2_gateways import ElasticIp
from reptiops.resources.ecr import Repository
from reptiops.resources.ecs import Cluster
from reptiops.resources.logs import LogGroup, ServiceLogGroup
from reptiops.resources.s3 import Bucket

RULE = {"transitions": [], "expire_days": 0, "noncurrent_days": 30, "abort_upload_days": 7, "other": ""}
CASES = [
    (LogGroup, "retention_days", 30, 7, "data"),
    (LogGroup, "retention_days", 0, 7, "data"),
    (LogGroup, "retention_days", 30, 90, "cost"),
    (LogGroup, "retention_days", 30, 0, "cost"),
    (ServiceLogGroup, "retention_days", 30, 1, "data"),
    (Repository, "untagged_days", 14, 1, "data"),
    (Repository, "untagged_days", 14, 0, "cost"),
    (Repository, "scan_on_push", True, False, "security"),
    (Bucket, "lifecycle.objects.expire_days", 0, 1, "data"),
    (Bucket, "lifecycle.objects.noncurrent_days", 30, 90, "cost"),
    (Bucket, "lifecycle.objects.abort_upload_days", 7, 1, "cost"),
    (Bucket, "lifecycle.mine", None, {**RULE, "noncurrent_days": 1}, "data"),
    (Bucket, "lifecycle.mine", None, {**RULE, "noncurrent_days": 0, "other": "a date"}, "data"),
    (Bucket, "lifecycle.mine", None, {**RULE, "noncurrent_days": 0}, "cost"),
    (Bucket, "lifecycle.objects", RULE, None, "cost"),
    (Bucket, "versioning", False, True, "data"),
]


@pytest.mark.parametrize(("kind", "path", "was", "now", "risk"), CASES)
def test_the_direction_counts(kind: type[Resource], path: str, was: Any, now: Any, risk: Risk) -> None:
    assert kind.at_stake(Change(path, now, was)) == risk


@pytest.mark.parametrize("kind", [LogGroup, Cluster, ElasticIp, ScalableTarget, ScalingPolicy, ScheduledAction])
def test_what_runs_needs_it(kind: type[Resource]) -> None:
    assert kind.without == "availability"


def test_a_log_group_that_aws_makes_by_itself_is_no_matter_of_running() -> None:
    assert ServiceLogGroup.without is None
