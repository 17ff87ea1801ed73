"""An accepted count is the configured one: it comes back after office hours, and holds nothing up that is parked or has no image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reptiops import app
from reptiops.testing import provision
from tests.drifts import Hand
from tests.small import small_config

SERVICE, TARGET = "compute/service/repti-core", "compute/scalable_target/repti-core"
RANGE = "scaling: {min: 1, max: 4, cpu: 65, memory: 65}, "


def _count(hand: Hand) -> int:
    found = hand("ecs").describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])
    return int(found["services"][0]["desiredCount"])


def _quiet(where: dict[str, Any]) -> bool:
    found = app.drift("dev", **where)
    return (found.findings, found.pending) == ((), ()) and not app.plan("dev", **where).changes


def test_an_accepted_count_is_parked_and_comes_back(account: Any, tmp_path: Path) -> None:
    hand = Hand(account)
    where = {"session": account, "state_dir": tmp_path / "state", "config_dir": small_config(tmp_path / "config")}
    provision(account, tmp_path / "state", "dev", config_dir=where["config_dir"], images=("repti-core",))
    hand.service("repti-core", desiredCount=4)
    app.accept("dev", SERVICE, **where)
    assert _quiet(where)
    app.stop("dev", **where)
    assert _count(hand) == 0
    assert _quiet(where)
    app.start("dev", **where)
    assert _count(hand) == 4
    assert _quiet(where)


def test_an_accepted_count_starts_nothing_without_an_image(account: Any, tmp_path: Path) -> None:
    counted = "overrides:\n  compute/service/repti-core: {desired: 4}"
    where = {"state_dir": tmp_path / "state", "config_dir": small_config(tmp_path, ("overrides: {}", counted))}
    provision(account, where["state_dir"], "dev", config_dir=where["config_dir"])
    assert _count(Hand(account)) == 0
    assert app.drift("dev", session=account, **where).findings == ()


def test_an_accepted_range_is_parked_and_comes_back(account: Any, tmp_path: Path) -> None:
    hand = Hand(account)
    config = small_config(
        tmp_path / "config", ("repti-core: {kind: backend, ", f"repti-core: {{kind: backend, {RANGE}")
    )
    where = {"session": account, "state_dir": tmp_path / "state", "config_dir": config}
    provision(account, tmp_path / "state", "dev", config_dir=config, images=("repti-core",))
    hand("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/dev-reptidex-cluster/repti-core",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=2,
    )
    app.accept("dev", TARGET, **where)
    assert _quiet(where)
    app.stop("dev", **where)
    assert _quiet(where)
    app.start("dev", **where)
    [one] = hand("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (one["MinCapacity"], one["MaxCapacity"]) == (2, 4)
    assert _quiet(where)
