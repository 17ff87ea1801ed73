"""Ids and ARNs that follow from names are known before a thing is made: nothing is planned that will not happen."""

from __future__ import annotations

import io
from typing import Any

import pytest
from moto import mock_aws
from rich.console import Console

from reptiops import app
from reptiops.engine.place import Place
from reptiops.engine.resource import Made
from reptiops.engine.scope import Scope
from reptiops.report.plans import show_plan
from reptiops.sandbox import gaps, rules
from reptiops.testing import provision
from tests.samples import World
from tests.small import SERVICES
from tests.test_contract import SAMPLES

FORESEEN = {
    "autoscaling.ScalableTarget", "ecs.Cluster", "elasticache.ReplicationGroup", "elasticache.SubnetGroup", "iam.Role",
    "logs.LogGroup", "logs.ServiceLogGroup", "rds.Instance", "rds.ParameterGroup", "rds.SubnetGroup", "s3.Bucket",
    "scheduler.ScheduleGroup", "sns.Topic", "ssm.Parameter",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_what_is_foreseen_is_what_aws_answers(name: str) -> None:
    gaps.apply()
    with rules.enforced(), mock_aws():
        world = World()
        place = Place(world.names.account, world.names.region)
        want = SAMPLES[name].make(world)
        said = dict(want.foreseen(place))
        assert bool(said) == (name in FORESEEN)
        if not said:
            return
        made = want.create(world.aws, world.identity("a/b"))
        assert (made.id if isinstance(made, Made) else made) == said["id"]
        (live,) = [
            one
            for one in Scope(world.aws, world.names, [want, *SAMPLES[name].beside]).live(type(want))
            if one.has.key() == want.key()
        ]
        assert said.pop("id") == live.id
        assert {k: live.out.get(k) for k in said} == said


def shown(where: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_plan(console, app.plan("dev", **where))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_what_only_names_a_missing_thing_is_not_changed_with_it(where: dict[str, Any]) -> None:
    provision(where["session"], where["state_dir"], "dev", config_dir=where["config_dir"], images=SERVICES)
    session = where["session"]
    session.client("logs").delete_log_group(logGroupName="/ecs/dev/web-public")
    made = app.plan("dev", **where)
    assert {a.address: a.verb for a in made.changes} == {"compute/log_group/web-public": "create"}
    assert made.forecast is not None
    assert made.forecast.seconds < 10
    assert not app.provision("dev", **where).left
    topic = next(iter(session.client("sns").list_topics()["Topics"]))["TopicArn"]
    session.client("sns").delete_topic(TopicArn=topic)
    changed = {a.address: a.verb for a in app.plan("dev", **where).changes}
    assert changed.pop("monitoring/alarm_topic") == "create"
    assert not {one for one in changed if "alarm/" in one or "budget" in one}, "their ARN is the same again"
    done = app.provision("dev", **where)
    assert (done.left, done.plan.count("update")) == ((), 0)


def test_what_is_made_anew_in_place_is_named_as_before(where: dict[str, Any]) -> None:
    provision(where["session"], where["state_dir"], "dev", config_dir=where["config_dir"], images=SERVICES)
    file = where["config_dir"] / "dev.yaml"
    file.write_text(file.read_text().replace("encryption_in_transit: false", "encryption_in_transit: true"))
    assert "± database/redis" in shown(where)
    assert "database/redis.id>" not in shown(where)
    assert "CacheClusterId" not in shown(where)
