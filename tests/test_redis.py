"""Redis on an AWS that takes its time: tokens, tags and members of a group that is being changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reptiops.aws import Aws, code
from reptiops.config import load_environment
from reptiops.engine.canonical import in_full
from reptiops.engine.codec import restore
from reptiops.engine.graph import Result
from reptiops.engine.passing import passes
from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.resources.elasticache import ROTATING_TAG, TOKEN_TAG, ReplicationGroup
from reptiops.sandbox import gaps, rules
from reptiops.steps.alarms import redis_nodes
from tests.samples import World
from tests.samples.database import _cache


@dataclass
class Slow:
    """A group in an account whose time a test moves, and every token that AWS has taken for it."""

    world: World
    want: ReplicationGroup
    now: list[float]
    taken: list[str]

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now[0] += seconds

    def look(self) -> Live[ReplicationGroup]:
        """The group as an observation has it."""
        return next(iter(Scope(self.world.aws, self.world.names, [self.want]).live(ReplicationGroup)))

    @property
    def tags(self) -> dict[str, str]:
        """Its tags by plain boto3."""
        client = self.world.session.client("elasticache")
        arn = client.describe_replication_groups()["ReplicationGroups"][0]["ARN"]
        return {t["Key"]: t["Value"] for t in client.list_tags_for_resource(ResourceName=arn)["TagList"]}


@pytest.fixture
def slow() -> Iterator[Slow]:
    gaps.apply()
    with rules.enforced() as strict, mock_aws():
        world = World()
        want = _cache(world)
        want.create(world.aws, world.identity("database/redis"))
        now, taken = [strict.clock.now() + 3600], []
        strict.clock.factor, strict.clock.now = 1.0, lambda: now[0]

        def answered(http_response: Any, **_: Any) -> None:
            if http_response.status_code == 200 and asked[-1]:
                taken.append(asked[-1])

        asked: list[str] = []
        events = world.session.events
        events.register(
            "provide-client-params.elasticache.ModifyReplicationGroup",
            lambda params, **_: asked.append(params.get("AuthTokenUpdateStrategy", "")),
        )
        events.register("after-call.elasticache.ModifyReplicationGroup", answered)
        world.aws = Aws(world.session, "us-east-1")
        yield Slow(world, want, now, taken)


def _attempts(slow: Slow, want: ReplicationGroup, seconds: float, most: int = 60) -> list[Any]:
    """The engine's attempts at one change, so many seconds apart, until one passes; what each of them raised."""
    live, raised = slow.look(), []
    for _ in range(most):
        try:
            want.update(slow.world.aws, live, frozenset({"token_version"}))
        except Exception as error:
            if not passes(ReplicationGroup, error):
                raise
            raised.append(error)
            slow.later(seconds)
        else:
            return raised
    raise AssertionError("its token is never changed")


@pytest.mark.parametrize("kept", [True, False], ids=["tagged", "untagged"])
def test_a_group_with_a_token_is_never_known_whole(slow: Slow, kept: bool) -> None:
    """Its tag may have gone, or somebody may have set the token by hand: made anew from this it would be open to all."""
    live = slow.look()
    if not kept:
        client = slow.world.session.client("elasticache")
        client.remove_tags_from_resource(ResourceName=live.out["arn"], TagKeys=[TOKEN_TAG])
        slow.later(60)
        live = slow.look()
    assert not live.has.known_whole()
    assert not restore(ReplicationGroup, in_full(live.has)).known_whole(), "as the journal has it"


def test_a_group_without_a_token_is_known_whole(slow: Slow) -> None:
    want = replace(slow.want, name="open", in_transit=False, token_from=None, token_version=None)
    want.create(slow.world.aws, slow.world.identity("database/open"))
    (has,) = (one.has for one in Scope(slow.world.aws, slow.world.names, [want]).live(ReplicationGroup))
    assert has.known_whole()
    assert restore(ReplicationGroup, in_full(has)).known_whole()


@pytest.mark.parametrize("seconds", [5.0, 130.0])
def test_a_token_counts_as_changed_when_aws_has_changed_it(slow: Slow, seconds: float) -> None:
    """A tag write makes the group `modifying`: a change sent on its heels is refused, and so is taking the tag back."""
    want = replace(slow.want, token_version="two")
    _attempts(slow, want, seconds)
    assert slow.taken == ["ROTATE", "SET"]
    slow.later(60)
    assert slow.tags[TOKEN_TAG] == "two"
    assert ROTATING_TAG not in slow.tags
    assert slow.look().has.token_version == "two"


def test_a_tag_alone_does_not_carry_a_token_on(slow: Slow) -> None:
    """What a killed run left behind says what was meant, not what was done."""
    client = slow.world.session.client("elasticache")
    arn = slow.look().out["arn"]
    at = client.describe_replication_groups()["ReplicationGroups"][0]["AuthTokenLastModifiedDate"].isoformat()
    for left in (f"rotate:two:{at}", "set:one:2020", "rotate:two", "set:two"):
        client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": ROTATING_TAG, "Value": left}])
        slow.later(60)
        want = replace(slow.want, token_version="two")
        _attempts(slow, want, 130)
        assert slow.taken == ["ROTATE", "SET"], left
        slow.taken.clear()
        slow.later(60)
        client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": TOKEN_TAG, "Value": "one"}])
        slow.later(60)


def test_a_group_that_began_a_change_while_it_was_read_is_busy(slow: Slow) -> None:
    """Its status said `available`, and then its tags are refused: that is no failure of a plan."""
    client = slow.world.session.client("elasticache")

    def meanwhile(**_: Any) -> None:
        if not begun:
            begun.append(True)
            client.modify_replication_group(
                ReplicationGroupId="reptidex-dev", SnapshotWindow="01:00-02:00", ApplyImmediately=True
            )

    begun: list[bool] = []
    slow.world.session.events.register("before-call.elasticache.ListTagsForResource", meanwhile)
    slow.world.aws = Aws(slow.world.session, "us-east-1")
    live = slow.look()
    assert begun
    assert (live.status.phase, live.status.partial) == ("pending", True)
    slow.later(130)
    assert slow.look().status.phase == "ready"


def test_other_refusals_of_its_tags_are_told(slow: Slow) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListTagsForResource")

    slow.world.session.events.register("before-call.elasticache.ListTagsForResource", refuse)
    slow.world.aws = Aws(slow.world.session, "us-east-1")
    with pytest.raises(Exception, match="no") as caught:
        slow.look()
    assert code(caught.value) in ("AccessDenied", "ReadDenied")


def test_a_snapshot_is_taken_of_a_node_that_is_there(slow: Slow) -> None:
    """After a failover and one node fewer the numbers need not begin at 1."""
    sent: list[Any] = []
    slow.world.session.events.register(
        "provide-client-params.elasticache.ModifyReplicationGroup", lambda params, **_: sent.append(dict(params))
    )
    slow.world.aws = Aws(slow.world.session, "us-east-1")
    live = slow.look()
    for members, replicas, taken in (("a-002", "", "a-002"), ("a-002,a-003", "a-003", "a-003")):
        left = replace(live, out={**live.out, "members": members, "replicas": replicas})
        replace(slow.want, snapshot_days=7).update(slow.world.aws, left, frozenset({"snapshot_days"}))
        assert sent[-1]["SnapshottingClusterId"] == taken
        slow.later(130)


NODES = [
    (2, None, ["r-001", "r-002"]),
    (2, "r-001,r-003", ["r-001", "r-003"]),
    (1, "r-002", ["r-002"]),
    (2, "r-002", ["r-001", "r-002"]),
    (3, "r-002,r-003", ["r-001", "r-002", "r-003"]),
    (1, "r-001,r-002", ["r-002"]),
]


@pytest.mark.parametrize(("wanted", "members", "watched"), NODES)
def test_the_nodes_that_are_there_are_watched(wanted: int, members: str | None, watched: list[str]) -> None:
    """Before there are any: those that AWS will make. `r-002` is the primary here, the others are replicas."""
    env = load_environment("prod")
    env = env.model_copy(update={"redis": env.redis.model_copy(update={"nodes": wanted})})
    replicas = ",".join(name for name in (members or "").split(",") if name != "r-002")
    out = {"members": members, "replicas": replicas} if members else {}
    assert redis_nodes(env, Result("database/redis", Live("r", ReplicationGroup("r"), out=out))) == watched
