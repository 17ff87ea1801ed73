"""How the suite runs: with little garbage collection, the longest files first, and no test that fails by the clock."""

from __future__ import annotations

import gc
import os
import random
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from hypothesis import settings

# boto3's models and moto's worlds are a million objects that live as long as a test. Python's collector, left to
# itself, goes through all of them again and again: a third of the suite's time.
gc.set_threshold(500_000, 20, 20)

settings.register_profile("suite", deadline=None)  # a loaded machine is no mistake in the code
settings.load_profile("suite")


class _Paths(list[str]):
    """Each boto3 session adds the directory of its own data, which is always the same."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


@cache
def _loader(path: str | None = None) -> Loader:
    """One for all sessions: each would else read and parse anew, half a second for what a look at everything asks."""
    loader = create_loader(path)
    loader._search_paths = _Paths(loader.search_paths)
    return loader


botocore.session.create_loader = _loader

LONGEST = (
    "test_lifecycle.py",
    "test_drift.py",
    "test_keeping.py",
    "test_states.py",
    "test_recovery.py",
    "test_crashes.py",
    "test_contract.py",
    "test_failures.py",
    "test_completion.py",
    "test_network.py",
    "test_interruption.py",
    "test_countdowns.py",
    "test_owners.py",
    "test_calls.py",
    "test_aws_truth.py",
    "test_adopt.py",
    "test_output.py",
    "test_preflight.py",
    "test_canary.py",
    "test_any_order.py",
    "test_environment_services.py",
    "test_environment.py",
    "test_undo_scope.py",
)
"""Files that take long, the longest first: begun last, one of them would keep one worker busy and the other waiting."""


os.environ.setdefault("REPTIOPS_SEED", str(random.SystemRandom().randrange(10**6)))
SAMPLED = {
    "test_stopping.py": 3,
    "test_undo_names.py": 3,
    "test_undo_scope.py": 3,
    "test_recovery.py": 3,
    "test_foreign.py": 4,
    "test_going.py": 3,
    "test_lifecycle.py": 4,
    "test_keeping.py": 7,
    "test_doubt.py": 12,
    "test_interruption.py": 1,
    "test_adopt.py": 5,
    "test_advice.py": 3,
    "test_selected.py": 3,
    "test_network.py": 2,
    "test_countdowns.py": 2,
    "test_completion.py": 4,
    "test_questions.py": 5,
    "test_parting.py": 5,
    "test_allowing.py": 3,
    "test_nothing_there.py": 3,
    "test_known_losses.py": 3,
    "test_fidelity.py": 4,
    "test_mending_partly.py": 3,
    "test_braking.py": 3,
    "test_removing_extras.py": 4,
    "test_staying_storage.py": 2,
}
"""Files of long tests that need nothing of each other → so many of them a run of `make test` plays, other ones each run;
`make proof` plays all.
"""


def pytest_report_header() -> str:
    """By which seed samples are taken: the same one takes the same."""
    return f"REPTIOPS_SEED={os.environ['REPTIOPS_SEED']}"


def _sampled(items: list[pytest.Item]) -> set[pytest.Item]:
    """What this run leaves out."""
    dropped = set()
    for name, count in SAMPLED.items() if "REPTIOPS_SAMPLE" in os.environ else ():
        long = [item for item in items if item.path.name == name]
        kept = random.Random(f"{os.environ['REPTIOPS_SEED']} {name}").sample(long, min(count, len(long)))
        dropped |= set(long) - set(kept)
    return dropped


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the samples, and put the longest files first; xdist hands files out in this order."""
    dropped = _sampled(items)
    config.hook.pytest_deselected(items=list(dropped))
    items[:] = [item for item in items if item not in dropped]
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def _nothing_given() -> Iterator[None]:
    """A command line that a test runs in this process gives its options to hints; the next test's are its own."""
    from reptiops.report.hints import ENVIRONMENT, GIVEN

    before = ENVIRONMENT.set("ENV"), GIVEN.set({})
    yield
    ENVIRONMENT.reset(before[0])
    GIVEN.reset(before[1])


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A session in an emulated account that the tests of one file have to themselves."""
    from reptiops.testing import mocked_aws

    with mocked_aws() as made:
        yield made


@pytest.fixture
def account() -> Iterator[Any]:
    """A session in an emulated account that a test has to itself."""
    from reptiops.testing import mocked_aws

    with mocked_aws() as made:
        yield made


@pytest.fixture
def edits() -> tuple[tuple[str, str], ...]:
    """What the small environment of `where` has otherwise than dev: a file that wants it has its own."""
    return ()


@pytest.fixture
def where(account: Any, tmp_path: Path, edits: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """A small environment in that account, as what runs over it is given it."""
    from tests.small import small_config

    return {"session": account, "state_dir": tmp_path / "state", "config_dir": small_config(tmp_path, *edits)}


@pytest.fixture(params=["local", "s3"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Where a state is kept: a directory, and a bucket."""
    from reptiops.aws import Aws
    from reptiops.engine.backend import LocalBackend
    from reptiops.operations.s3_backend import s3_backend
    from reptiops.operations.state_bucket import make_bucket
    from reptiops.testing import mocked_aws

    if request.param == "local":
        local = LocalBackend(tmp_path / "dev")
        local.prepare()
        yield local
        _beats_ended()
        return
    with mocked_aws() as session:
        aws = Aws(session, "us-east-1")
        make_bucket(aws, "reptidex-states", "states/dev")
        yield s3_backend(aws, "reptidex-states", "states", "dev", aws.account())
        _beats_ended()


def _beats_ended() -> None:
    """A lock that a test never gives free, as a killed run's, beats on: against real AWS, once the emulated one has gone."""
    for thread in threading.enumerate():
        if thread.name == "lock":
            thread._target.__self__._stopped.set()  # type: ignore[attr-defined]
            thread.join()


@pytest.fixture(scope="module", params=["dev", "prod"])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """dev and prod as they are made."""
    from reptiops.testing import mocked_aws, provision
    from tests.specified import SERVICES, Environment

    with mocked_aws(quotas={"fargate-vcpus": 64}) as session:
        provision(session, tmp_path_factory.mktemp("state"), request.param, images=SERVICES)
        yield Environment(request.param, session)


@pytest.fixture
def world() -> Iterator[Any]:
    """An empty account with the rules enforced and everything there at once."""
    from moto import mock_aws

    from reptiops.sandbox import gaps, rules
    from tests.samples import World

    gaps.apply()
    with rules.enforced(), mock_aws():
        yield World()


@pytest.fixture
def slow() -> Iterator[Any]:
    """A network in an account where time stands still until a test moves it: what is slow on AWS is pending."""
    from moto import mock_aws

    from reptiops.sandbox import gaps, rules
    from tests.samples import World

    gaps.apply()
    with rules.enforced() as strict, mock_aws():
        world = World()
        assert world.subnets
        assert world.group
        assert world.certificate
        now = [strict.clock.now() + 3600]
        strict.clock.factor, strict.clock.now = 1.0, lambda: now[0]
        world.pass_time = lambda seconds: now.__setitem__(0, now[0] + seconds)  # type: ignore[attr-defined]
        yield world
