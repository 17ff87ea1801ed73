"""Samples of CloudWatch Logs' kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.resources.logs import LogGroup, ServiceLogGroup, insights_group
from tests.samples import Sample, World


def _made_by_aws(world: World, want: Any, live: Live[Any]) -> None:
    """AWS is first: the create takes that one over; and one without tags gets them with its next change."""
    client = world.session.client("logs")
    arn, name = live.out["arn"], want.name
    identity = world.identity("network/sample/one")
    for mend in (
        lambda: want.create(world.aws, identity),
        lambda: want.update(world.aws, replace(live, address=None, identity=identity), frozenset({"retention_days"})),
    ):
        client.delete_log_group(logGroupName=name)
        client.create_log_group(logGroupName=name)
        mend()
        assert client.list_tags_for_resource(resourceArn=arn)["tags"]["reptiops:address"] == "network/sample/one"


SAMPLES = [
    Sample(
        LogGroup,
        lambda world: LogGroup("/ecs/dev/web", 30),
        [lambda g: replace(g, retention_days=90), lambda g: replace(g, retention_days=0)],
    ),
    Sample(
        ServiceLogGroup,
        lambda world: ServiceLogGroup(insights_group("dev-reptidex-cluster"), 30),
        [lambda g: replace(g, retention_days=90), lambda g: replace(g, retention_days=0)],
        beyond=_made_by_aws,
    ),
]
