"""Every key of a playbook does what it says: read off what happens in AWS, not off our own answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from reptiops import app
from reptiops.aws import is_read
from reptiops.testing import mocked_aws, provision
from tests.drifts import Hand

TELLING = ("monitoring/alarm_topic", "monitoring/subscription", "monitoring/budget")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with mocked_aws() as session:
        state = tmp_path_factory.mktemp("state")
        provision(session, state, "dev", phases=("network", "security"))
        yield {"session": session, "state_dir": state}


def _playbook(directory: Path, name: str, text: str) -> Path:
    (directory / f"{name}.yaml").write_text(text)
    return directory


def test_a_drift_run_keeps_to_its_phases(world: dict[str, Any], tmp_path: Path) -> None:
    hand = Hand(world["session"])
    hand("ec2").modify_subnet_attribute(SubnetId=hand.subnet("private-us-east-1a"), MapPublicIpOnLaunch={"Value": True})
    hand("iam").update_role(RoleName="reptidex-dev-task-backend", Description="x", MaxSessionDuration=7200)
    books = _playbook(tmp_path, "nightly", "operation: drift\nphases: [security]\n")
    found = app.drift("dev", playbook="nightly", playbook_dir=books, **world).findings
    assert found
    assert {f.address.split("/")[0] for f in found} == {"security"}
    assert {f.address.split("/")[0] for f in app.drift("dev", **world).findings} == {"network", "security"}
    everything = _playbook(tmp_path, "reconcile", "operation: reconcile\nrepair: {default: repair}\n")
    app.reconcile("dev", playbook_dir=everything, **world)


def test_a_provision_brakes(world: dict[str, Any], tmp_path: Path) -> None:
    books = _playbook(tmp_path, "provision", "operation: provision\nbrake: {max_changes: 1}\n")
    with pytest.raises(app.Refused, match="brakes at 1"):
        app.provision("dev", only=TELLING, playbook_dir=books, **world)
    assert world["session"].client("sns").list_topics()["Topics"] == []


def test_a_teardown_of_some_phases_takes_those_only_and_nothing_that_is_needed(
    world: dict[str, Any], tmp_path: Path
) -> None:
    books = _playbook(tmp_path, "teardown", "operation: teardown\nphases: [network]\n")
    with pytest.raises(app.Refused, match="security/security_group"):
        app.teardown("dev", playbook_dir=books, **world)
    provision(world["session"], world["state_dir"], "dev", only=TELLING)
    order = _Order(world["session"])
    books = _playbook(tmp_path, "teardown", "operation: teardown\nphases: [monitoring]\nmax_parallel: 1\n")
    gone = app.teardown("dev", playbook_dir=books, **world)
    assert {a.phase for a in gone.doomed} == {"monitoring"}
    assert order.most == 1
    assert world["session"].client("sns").list_topics()["Topics"] == []
    assert Hand(world["session"]).vpc
    assert not any(e.startswith("monitoring/") for e in app.open_site(app.Settings("dev", **world)).state.entries), (
        "and the state says so"
    )


def test_a_strict_teardown_finishes_a_phase_before_the_next(world: dict[str, Any], tmp_path: Path) -> None:
    order = _Order(world["session"])
    books = _playbook(tmp_path, "teardown", "operation: teardown\nstrict_phases: true\n")
    app.teardown("dev", playbook_dir=books, **world)
    network = [i for i, name in enumerate(order.writes) if name in ("DeleteSubnet", "DeleteRouteTable", "DeleteVpc")]
    security = [i for i, name in enumerate(order.writes) if name in ("DeleteRole", "DeleteSecurityGroup")]
    assert network
    assert max(security) < min(network)


class _Order:
    """The writes of a session in their order, and how many were in flight at once at the most."""

    def __init__(self, session: Any):
        self.writes: list[str] = []
        self.most = self._now = 0
        self._guard = threading.Lock()
        session._session.register("before-call", self._begin)
        session._session.register("after-call", self._end)

    def _begin(self, model: Any, **_: Any) -> None:
        if not is_read(xform_name(model.name)):
            with self._guard:
                self.writes.append(model.name)
                self._now += 1
                self.most = max(self.most, self._now)

    def _end(self, model: Any, **_: Any) -> None:
        if not is_read(xform_name(model.name)):
            with self._guard:
                self._now -= 1
