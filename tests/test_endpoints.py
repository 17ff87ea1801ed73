"""One account is one account, by whichever of AWS's endpoints it is reached; anything else is not AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import create_loader

from reptiops import app
from reptiops.app import states
from reptiops.aws import Aws
from reptiops.endpoints import is_aws, world
from reptiops.engine.backend import LocalBackend, StateError
from reptiops.engine.plan import EVERYTHING
from reptiops.engine.state import Belongs, Records, State
from reptiops.plandocument import document, moved
from reptiops.testing import mocked_aws

VARIABLES = ("AWS_STS_REGIONAL_ENDPOINTS=legacy", "AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true")
OLD = ("https://sts.us-east-1.amazonaws.com", "https://sts.amazonaws.com", "https://sts-fips.us-east-1.amazonaws.com")


def _session() -> Any:
    return boto3.Session("testing", "testing", region_name="us-east-1")


@pytest.mark.parametrize("variable", VARIABLES)
def test_clients_know_aws_by_each_of_its_endpoints(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Aws(_session(), "us-east-1").endpoint
    monkeypatch.setenv(*variable.split("="))
    other = Aws(_session(), "us-east-1")
    assert usual != other.endpoint
    assert world(usual) == world(other.endpoint) == "aws"
    assert not (other.ungated("s3").meta.config.s3 or {}).get("addressing_style"), "it is taken for an emulator"


def test_every_partition_of_botocore_is_aws() -> None:
    for partition in create_loader().load_data("partitions")["partitions"]:
        for suffix in ("dnsSuffix", "dualStackDnsSuffix"):
            assert is_aws(f"https://sts.some-region-1.{partition['outputs'][suffix]}")


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:4566", "http://localhost", "https://amazonaws.com.example.org", "https://notamazonaws.com", ""],
)
def test_what_is_not_aws_stays_what_it_is(endpoint: str) -> None:
    assert world(endpoint) == endpoint


def test_an_account_that_is_reached_another_way_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mocked_aws() as session:
        app.provision("dev", session=session, state_dir=tmp_path, only=("network/vpc",))
        monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
        colleague = _session()
        assert Aws(colleague, "us-east-1").endpoint == "https://sts.amazonaws.com"
        assert not app.plan("dev", session=colleague, state_dir=tmp_path, only=("network/vpc",)).changes


def test_a_plan_that_an_earlier_version_kept_still_holds(tmp_path: Path) -> None:
    with mocked_aws() as session:
        site = app.open_site(app.Settings("dev", session=session, state_dir=tmp_path))
        now = document(site.env, site.belongs, app.plan("dev", session=session, state_dir=tmp_path), EVERYTHING, None)
        kept = now.model_copy(update={"endpoint": OLD[0]})
        assert moved(kept, now) == ()
        assert moved(now.model_copy(update={"endpoint": "http://127.0.0.1:1"}), now)


@pytest.mark.parametrize("endpoint", OLD)
def test_a_state_of_an_earlier_version_is_still_ours(endpoint: str, tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", only=("network/vpc",), **where)
        file = tmp_path / "dev" / "state.json"
        document = json.loads(file.read_text())
        document["belongs"]["endpoint"] = endpoint
        file.write_text(json.dumps(document))
        assert [entry.address for entry in states.entries("dev", **where)] == ["network/vpc"]


def test_an_emulators_state_is_not_awss(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "dev")
    backend.prepare()
    here = Belongs("dev", "123456789012", "us-east-1", "http://127.0.0.1:4566")
    Records(backend, world).save(State(here))
    with pytest.raises(StateError, match="belongs to something else"):
        Records(backend, world).load(Belongs("dev", "123456789012", "us-east-1", "aws"))
