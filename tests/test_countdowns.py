"""Every run that writes says what is ahead of it and how long that takes: nothing of it is forgotten, and all of it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.eta import TIMINGS, Countdown, Timings
from reptiops.engine.events import Event
from reptiops.engine.forecast import Forecast
from reptiops.resources.elasticache import ReplicationGroup
from reptiops.testing import mocked_aws, provision
from tests.faults import Faults
from tests.small import small_config


@dataclass
class Ear:
    """Somebody who listens to a run: what was foretold, one countdown after the other, and what then ended."""

    countdowns: list[Countdown] = field(default_factory=list)
    foretold: list[Forecast] = field(default_factory=list)
    ended: list[set[str]] = field(default_factory=list)
    moment: float = 0.0

    def expect(self, countdown: Countdown) -> None:
        self.countdowns.append(countdown)
        self.foretold.append(countdown.forecast(0.0))
        self.ended.append(set())

    def tell(self, event: Event) -> None:
        self.moment += 1.0
        if self.countdowns:
            self.countdowns[-1].note(event, self.moment)
            if event.word in ("done", "kept", "same"):
                self.ended[-1].add(event.address)

    def all_ended(self) -> None:
        """What was foretold last is what was done, and nothing is left of it."""
        assert self.ended[-1] == set(self.foretold[-1].legs)
        assert self.countdowns[-1].remaining(self.moment) == 0


def remembered(directory: Path, times: Timings) -> None:
    """As if earlier runs had seen this."""
    (directory / "dev" / TIMINGS).write_bytes(times.document())


def test_a_rollback_counts_down_what_was_made_and_goes_by_what_was_seen_here(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config")
    slow = Timings({"elasticache.ReplicationGroup delete": [(800.0, 400.0)] * 20})
    with mocked_aws() as session:
        Faults(session, ("ecs:CreateService", 1))
        with pytest.raises(app.ProvisionFailed):
            provision(session, tmp_path, "dev", on_failure="keep", config_dir=config)
        remembered(tmp_path, slow)
        ear = Ear()
        what, _ = app.roll_back(
            "dev", session=session, state_dir=tmp_path, config_dir=config, expect=ear.expect, tell=ear.tell
        )
        (countdown,) = ear.countdowns
        assert countdown.back
        legs = ear.foretold[0].legs
        assert {"database/redis", "network/vpc"} <= legs.keys() <= what.created.keys()
        ear.all_ended()
    redis = ReplicationGroup("x")
    assert slow.expected(redis, "delete") > 1.5 * redis.takes("delete")
    assert legs["database/redis"].seconds == pytest.approx(slow.expected(redis, "delete"))
    assert ear.foretold[0].seconds >= legs["database/redis"].ends


def test_a_provision_that_fails_counts_down_again_what_it_undoes(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config")
    changed = small_config(
        tmp_path / "changed", ("idle_timeout_seconds: 60", "idle_timeout_seconds: 90"), ("redis_cpu: {threshold: 75}", "redis_cpu: {threshold: 70}"),
        ("dashboard: true", "dashboard: false"),
    )  # fmt: skip
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", config_dir=config)
        Faults(session, ("cloudwatch:PutMetricAlarm", 1))
        ear = Ear()
        with pytest.raises(app.ProvisionFailed) as failed:
            provision(session, tmp_path, "dev", config_dir=changed, expect=ear.expect, tell=ear.tell)
        assert failed.value.undone is not None
        assert failed.value.undone.complete
    there, back = ear.countdowns
    assert (there.back, back.back) == (False, True)
    alarm = "monitoring/alarm/redis-001-cpu"
    assert {a: leg.verb for a, leg in ear.foretold[1].legs.items()} == {
        "compute/load_balancer": "update",
        alarm: "update",
    }
    ear.all_ended()


def test_a_reconcile_counts_down_what_it_mends_makes_and_removes(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config")
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", config_dir=config)
        ec2, logs = session.client("ec2"), session.client("logs")
        vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Project", "Values": ["reptidex"]}])["Vpcs"][0]["VpcId"]
        group = ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": ["reptidex-dev-rds-sg"]}, {"Name": "vpc-id", "Values": [vpc]}]
        )["SecurityGroups"][0]["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0"
        )
        logs.delete_retention_policy(logGroupName="/ecs/dev/repti-core")
        ear = Ear()
        done = app.reconcile(
            "dev", yes=True, session=session, state_dir=tmp_path, config_dir=config, expect=ear.expect, tell=ear.tell
        )
        assert (len(done.mended), done.left) == (2, ())
    assert not any(one.back for one in ear.countdowns)
    assert [[(leg.verb, a.split("/")[1]) for a, leg in one.legs.items()] for one in ear.foretold] == [
        [("delete", "security_group_rule")],
        [("update", "log_group")],
    ], "the open port is closed by a run of its own"
    ear.all_ended()


def test_a_teardown_counts_down_everything(tmp_path: Path) -> None:
    config = small_config(tmp_path / "config")
    where: dict[str, Any] = {"state_dir": tmp_path, "config_dir": config}
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", config_dir=config)
        ear = Ear()
        done = app.teardown("dev", session=session, expect=ear.expect, tell=ear.tell, **where)
        assert {a.address for a in done.doomed} == set(ear.foretold[0].legs)
    ear.all_ended()
