"""For tests of code that runs on the environment: an environment, or some phases of it, inside `mock_aws`.

    from reptiops.testing import reptiops_environment  # in conftest.py

    def test_uploads(reptiops_environment):
        dev = reptiops_environment("dev", only=("storage/bucket",))
        dev.session.client("s3").put_object(Bucket="reptidex-dev-uploads", Key="a", Body=b"b")

See docs/testing.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from moto import mock_aws

from reptiops import app
from reptiops.config import Environment
from reptiops.engine.resource import Live
from reptiops.loading import load_environment
from reptiops.report import describe
from reptiops.sandbox import gaps, rules
from reptiops.sandbox.images import push_images

__all__ = ["REGION", "Factory", "Provisioned", "mocked_aws", "provision", "push_images", "reptiops_environment"]
REGION = "us-east-1"


@dataclass(frozen=True)
class Provisioned:
    """An environment that exists in the mocked AWS."""

    env: Environment
    session: Any
    """A boto3 session that sees it."""
    live: Mapping[str, Live[Any]]
    """Every resource by address."""
    outputs: Mapping[str, str]
    """What `reptiops outputs` prints."""
    state_dir: Path


class Factory(Protocol):
    """What the fixture gives: call it to provision an environment."""

    def __call__(
        self,
        environment: str = "dev",
        *,
        phases: Iterable[str] = (),
        only: Iterable[str] = (),
        images: Iterable[str] = (),
        **settings: Any,
    ) -> Provisioned:
        """`phases`, `only`: a part of it. `images`: services whose repository shall hold an image, so that their tasks run."""


@contextmanager
def mocked_aws(
    domain: str = "reptidex.com",
    *,
    strict: bool = True,
    clock: float = 0.0,
    quotas: Mapping[str, int] | None = None,
) -> Iterator[Any]:
    """moto with its gaps filled and a hosted zone for `domain`; answers a boto3 session. No credentials are read.

    `strict`: what AWS refuses and moto takes is refused (`reptiops sandbox rules` lists it). `clock`: the part of AWS's
    typical durations that things take here; 0: everything is there at once. `quotas`: those that differ from what a new
    account may have.
    """
    gaps.apply()
    with rules.enforced(clock, quotas) if strict else nullcontext(), mock_aws():
        session = boto3.Session("testing", "testing", "testing", region_name=REGION, botocore_session=_botocore())
        session.client("route53").create_hosted_zone(Name=f"{domain}.", CallerReference="testing")
        yield session


@cache
def _models() -> Loader:
    return create_loader()


def _botocore() -> botocore.session.Session:
    """A session that reads no description of a service that an earlier one has read: EC2's alone is megabytes."""
    session = botocore.session.Session()
    session.register_component("data_loader", _models())
    # Each boto3 session appends the directory of its own data to the loader.
    _models().search_paths[:] = dict.fromkeys(_models().search_paths)
    return session


def provision(
    session: Any,
    state_dir: Path,
    environment: str = "dev",
    *,
    phases: Iterable[str] = (),
    only: Iterable[str] = (),
    images: Iterable[str] = (),
    **settings: Any,
) -> Provisioned:
    """Provision inside `mocked_aws`. With `images` the repositories are made and filled first."""
    env = load_environment(environment, settings.get("config_dir"))
    where = {"session": session, "state_dir": state_dir, **settings}
    if images:
        app.provision(environment, only=("compute/repository",), **where)
        push_images(session, env, images)
    done = app.provision(environment, phases=phases, only=only, **where)
    return Provisioned(env, session, done.live, describe.outputs(env, done.live), state_dir)


@pytest.fixture
def reptiops_environment() -> Iterator[Factory]:
    """A function that provisions an environment, or some phases of it, in a mocked AWS of the test's own."""
    with tempfile.TemporaryDirectory() as directory, mocked_aws() as session:

        def make(environment: str = "dev", **settings: Any) -> Provisioned:
            return provision(session, Path(directory), environment, **settings)

        yield make
