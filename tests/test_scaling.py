"""Scalable targets on an AWS whose lists lag: registered twice, seen late, still listed when they have gone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops.engine.remove import LAGS, look_after, patience
from reptiops.engine.resource import ADDRESS_TAG
from reptiops.engine.scope import Scope
from reptiops.operations.strays import Known, strays
from reptiops.resources.autoscaling import COUNT, ScalableTarget
from reptiops.resources.sns import Topic
from reptiops.sandbox import rules
from tests.samples import World
from tests.samples.compute import CLUSTER, _scaled


@dataclass
class Moved:
    """A clock by which the sandbox and who waits go alike."""

    at: float

    def now(self) -> float:
        """Seconds."""
        return self.at

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """At once."""
        self.at += seconds


@dataclass
class Waiting:
    """Of a run's work what a look after it needs."""

    clock: Moved
    stop: threading.Event


def _tagged(world: World) -> list[Any]:
    found = world.session.client("resourcegroupstaggingapi").get_resources(
        ResourceTypeFilters=["application-autoscaling"]
    )
    return [{t["Key"]: t["Value"] for t in one["Tags"]} for one in found["ResourceTagMappingList"]]


def test_a_target_that_is_there_already_is_registered_and_tagged(world: World) -> None:
    """The answer to its registration was lost, or the list does not show it yet."""
    resource, identity = _scaled(world), world.identity("compute/scalable_target/web")
    client = world.session.client("application-autoscaling")
    client.register_scalable_target(**COUNT, ResourceId=resource, MinCapacity=1, MaxCapacity=2)
    with pytest.raises(ClientError, match="already exists") as caught:
        client.register_scalable_target(**COUNT, ResourceId=resource, MinCapacity=1, Tags={"a": "b"})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert _tagged(world) == []
    for most in (4, 6):
        made = ScalableTarget(resource, 2, most).create(world.aws, identity)
        (one,) = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        assert (one["MinCapacity"], one["MaxCapacity"]) == (2, most)
        assert made.out["arn"] == one["ScalableTargetARN"]
        assert _tagged(world) == [dict(identity.tags)]


def test_other_refusals_of_a_target_are_told(world: World) -> None:
    resource = _scaled(world)
    with pytest.raises(ClientError, match="less than minimum"):
        ScalableTarget(resource, 3, 1).create(world.aws, world.identity("compute/scalable_target/web"))


def test_a_target_that_has_gone_is_looked_at_again_for_minutes(world: World) -> None:
    want = ScalableTarget(_scaled(world), 1, 2)
    want.create(world.aws, world.identity("compute/scalable_target/web"))
    clock = Moved(rules.WORLD.clock.now() + 60)
    rules.WORLD.clock.factor, rules.WORLD.clock.now = 1.0, clock.now
    scope = Scope(world.aws, world.names, [want, CLUSTER])
    (live,) = scope.live(ScalableTarget)
    want.delete(world.aws, live)
    began, work = clock.at, Waiting(clock, threading.Event())
    look_after(work, scope, [ScalableTarget], {(want.kind(), live.id)})  # type: ignore[arg-type]
    assert scope.live(ScalableTarget) == []
    assert sum(LAGS) < clock.at - began < 90
    assert patience([ScalableTarget]) == 300
    assert patience([Topic]) == sum(LAGS)
    assert patience([]) == 0


def test_a_target_is_no_stray_to_who_has_read_it(world: World) -> None:
    """It carries our tags, and its ARN says nothing of the service."""
    want = ScalableTarget(_scaled(world), 1, 2)
    want.create(world.aws, world.identity("compute/scalable_target/web"))
    (live,) = Scope(world.aws, world.names, [want, CLUSTER]).live(ScalableTarget)

    def found(known: tuple[str, ...]) -> list[str]:
        told = strays(world.aws, world.names.tags, ADDRESS_TAG, Known.of([(want.kind(), known)]))
        return [one.arn for one in told if ":application-autoscaling:" in one.arn]

    assert found((live.id,)) == [live.out["arn"]]
    assert found(live.names) == []
