"""Lost answers, resets, 500s and throttling at every call: ridden out, and never a twin.

`make test` disturbs some calls of a first provision and a teardown; `make proof` every call of the whole of dev made and
removed, and of each scenario over a small environment with every kind, with each kind of trouble.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.config import environment_file
from reptiops.testing import mocked_aws, provision
from tests.enumeration import enumerate_points, spread
from tests.network import BACKWARDS, KINDS, Network
from tests.scenarios import SCENARIOS, begun, compared, named, prepared, session, unconverged, undisturbed
from tests.skipping import Skipping
from tests.test_failures import SEED

SAMPLED = 0.15
"""The share of writes that `make test` disturbs; `make proof` disturbs every one."""


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    place = tmp_path_factory.mktemp("quiet")
    with mocked_aws() as session:
        provision(session, place, "dev", config_dir=_config(place / "config"))
        return named()


def _config(directory: Path) -> Path:
    """dev with what it leaves out: every kind that has words of its own."""
    text = environment_file("dev").read_text()
    for old, new in (
        ("flow_logs:\n    enabled: false", "flow_logs:\n    enabled: true"),
        ("cloudtrail:\n  enabled: false", "cloudtrail:\n  enabled: true"),
        ("scaling: null               # no autoscaling", "scaling: {min: 1, max: 2, cpu: 65, memory: 65}"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    directory.mkdir(parents=True)
    (directory / "dev.yaml").write_text(text)
    return directory


def _through(kind: str, writes: float, reads: float, directory: Path, expected: Counter[tuple[str, str]]) -> int:
    """Make it, look that it is what an undisturbed run makes, and remove it, all under trouble."""
    with mocked_aws() as session:
        before = named()
        network = Network(session, kind, random.Random(SEED), writes, reads)
        where: dict[str, Any] = {"session": session, "state_dir": directory, "clock": Skipping()}
        where["config_dir"] = _config(directory / "config")
        app.provision("dev", **where)
        quiet = network.hit.total()
        assert quiet >= (2 if kind == "slow states" else 6)
        assert named() == expected
        assert not app.plan("dev", **where).changes
        gone = app.teardown("dev", **where)
        assert gone.left == ()
        assert named() == before
        return network.hit.total()


def test_some_trouble(tmp_path: Path, usual: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # botocore's own waits before it asks again
    kind = random.Random(SEED).choice(KINDS)
    print(f"REPTIOPS_SEED={SEED}, {kind}")
    _through(kind, SAMPLED, SAMPLED, tmp_path, usual)


def test_an_update_whose_answers_are_lost_is_not_repeated_blindly(tmp_path: Path) -> None:
    """A second DeleteRoute or CreateRoute would be refused."""
    only = ("network/vpc", "network/internet_gateway", "network/public_subnet", "network/public_route_table")
    with mocked_aws() as quiet:
        app.provision("dev", session=quiet, state_dir=tmp_path, only=only)
        ec2 = quiet.client("ec2")
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "tag:reptiops:address", "Values": [only[-1]]}])[
            "RouteTables"
        ]
        gateway = next(r["GatewayId"] for r in table["Routes"] if r.get("GatewayId", "").startswith("igw-"))
        route = {"RouteTableId": table["RouteTableId"], "GatewayId": gateway}
        ec2.create_route(**route, DestinationCidrBlock="192.168.0.0/16")
        ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
        broken = session()
        network = Network(broken, "lost", random.Random(SEED), 1.0, 0.0)
        app.provision("dev", session=broken, state_dir=tmp_path, only=only)
        assert network.hit == {"ec2:CreateRoute": 1, "ec2:DeleteRoute": 1}
        (after,) = ec2.describe_route_tables(RouteTableIds=[table["RouteTableId"]])["RouteTables"]
        assert {r["DestinationCidrBlock"] for r in after["Routes"]} == {"10.1.0.0/16", "0.0.0.0/0"}
        assert not app.plan("dev", session=quiet, state_dir=tmp_path, only=only).changes


def test_a_lost_answer_to_a_cache_that_tells_no_tags_yet(tmp_path: Path) -> None:
    """AWS lists no tags of a replication group that it is still making: its name says whose it is."""
    looks, phases = list[str](), ["network", "security"]
    with mocked_aws() as quiet:
        app.provision("dev", session=quiet, state_dir=tmp_path, phases=phases)
        broken = session()

        def creating(parsed: Any, **_: Any) -> None:
            for one in parsed.get("ReplicationGroups", [])[: 6 - len(looks)]:
                looks.append(one["ReplicationGroupId"])
                one["Status"] = "creating"

        broken._session.register("after-call.elasticache.DescribeReplicationGroups", creating)
        network = Network(broken, "lost", random.Random(SEED), 1.0, 0.0)
        app.provision("dev", session=broken, state_dir=tmp_path, phases=[*phases, "database"], clock=Skipping())
        assert network.hit["elasticache:CreateReplicationGroup"] == 1
        assert len(looks) == 6
        assert not app.plan("dev", session=quiet, state_dir=tmp_path, phases=[*phases, "database"]).changes


def test_a_create_of_several_calls_of_which_one_could_not_leave(tmp_path: Path) -> None:
    """That nothing was sent is true of the one call alone: what the calls before it have made is looked for."""
    phases = ["network", "security"]
    with mocked_aws() as quiet:
        before = named()
        app.provision("dev", session=quiet, state_dir=tmp_path / "quiet", phases=phases)
        made = named() - before
    with mocked_aws() as quiet:
        before, broken = named(), session()
        network = Network(broken, "unreachable", random.Random(SEED), 1.0, 0.0)
        app.provision("dev", session=broken, state_dir=tmp_path, phases=phases, clock=Skipping())
        assert network.hit["ec2:CreateVpc"] == 1
        assert network.hit["ec2:ModifyVpcAttribute"] > 0
        assert named() - before == made
        assert not app.plan("dev", session=quiet, state_dir=tmp_path, phases=phases).changes


@pytest.mark.proof
def test_trouble_over_the_whole_of_dev(tmp_path: Path, usual: Counter[tuple[str, str]]) -> None:
    """Comes before `root` is made, whose world would be in the way."""

    def trial(kind: str) -> list[str]:
        print(f"{kind}: {_through(kind, 1.0, 0.3, tmp_path / kind.replace(' ', '-'), usual)} calls disturbed")
        return []

    assert not enumerate_points("trouble-dev", KINDS, trial).wrong


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with prepared(tmp_path_factory.mktemp("troubled")) as place:
        yield place


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_trouble_at_every_call(name: str, root: Path) -> None:
    """A kind of trouble at each call of one run, and at a part of them, other ones with each number."""
    quiet = undisturbed(name, root)

    def trial(point: str) -> list[str]:
        kind, part = point.split(":")
        share, seed = (1.0, 0) if part == "every" else (0.2, int(part))
        with begun(name, root) as place:
            broken = session()
            network = Network(broken, kind, random.Random(seed), share, share)
            for left in reversed(range(len(BACKWARDS) + 1)):
                try:
                    SCENARIOS[name].command(place, session=broken)
                    break
                except app.Refused as refused:  # what is in the middle of a change is not repaired; nothing was written
                    if not left or kind != "slow states" or "in the middle of a change" not in str(refused):
                        raise
            print(f"{kind}: {network.hit.total()} calls, {len(network.hit)} operations disturbed", flush=True)
            return compared(quiet.after) + unconverged(name, place)

    points = [f"{kind}:{part}" for part in ("every", "1", "2", "3") for kind in KINDS]
    assert not enumerate_points(f"trouble-{name}", points[: len(KINDS)] + spread(points[len(KINDS) :]), trial).wrong
