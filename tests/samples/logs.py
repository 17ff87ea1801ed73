"""Samples of CloudWatch Logs' kinds."""

from __future__ import annotations

from dataclasses import replace

from reptiops.resources.logs import LogGroup
from tests.samples import Sample

SAMPLES = [
    Sample(
        LogGroup,
        lambda world: LogGroup("/ecs/dev/web", 30),
        [lambda g: replace(g, retention_days=90), lambda g: replace(g, retention_days=0)],
    ),
]
