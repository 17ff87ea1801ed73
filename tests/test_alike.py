"""Names are alike across kinds: a database, a cluster and a dashboard may be called the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from reptiops import app
from reptiops.engine.drift import find
from reptiops.engine.graph import Graph, Step
from reptiops.engine.plan import Matcher, nobody
from reptiops.engine.resource import Live, Resource
from reptiops.engine.scope import Scope
from reptiops.engine.state import State
from reptiops.testing import mocked_aws
from tests.small import small_config
from tests.test_engine import BELONGS, NAMES


def test_a_cluster_that_is_called_like_our_database_is_found(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {
            "session": session,
            "state_dir": tmp_path / "state",
            "config_dir": small_config(tmp_path),
        }
        app.provision("dev", phases=("network", "security", "database"), **where)
        tags = {"Project": "reptidex", "Environment": "dev", "ManagedBy": "reptiops"}
        made = session.client("rds").create_db_cluster(
            DBClusterIdentifier="reptidex-dev",
            Engine="aurora-postgresql",
            MasterUsername="somebody",
            MasterUserPassword="a-password-of-theirs",
            Tags=[{"Key": k, "Value": v} for k, v in tags.items()],
        )["DBCluster"]["DBClusterArn"]
        assert [f.id for f in app.drift("dev", **where).findings if f.what == "extra"] == [made]


@dataclass(frozen=True)
class House(Resource):
    """Something with a name."""

    name: str = ""

    def key(self) -> str:
        return self.name

    @classmethod
    def observe(cls, aws: Any, scope: Scope) -> Iterable[Live[Self]]:
        yield Live("same", cls("same"), f"network/{cls.__name__.lower()}")


@dataclass(frozen=True)
class Boat(House):
    """Another kind, of which one has the same name."""


@dataclass(frozen=True)
class Guest(House):
    """What is inside of another one."""

    home: str = ""
    within: ClassVar[bool] = True

    @classmethod
    def observe(cls, aws: Any, scope: Scope) -> Iterable[Live[Self]]:
        yield Live("guest", cls("guest", "same"))


@pytest.mark.parametrize(("kinds", "where"), [((House,), "network/house"), ((House, Boat), "network/guest")])
def test_what_an_extra_hangs_on_is_said_only_where_one_thing_has_that_id(
    kinds: tuple[type[House], ...], where: str
) -> None:
    wanted = {kind: (lambda env, kind=kind: kind("same")) for kind in kinds}
    steps = [Step(kind.__name__.lower(), "network", make, ("env",), kinds=(kind,)) for kind, make in wanted.items()]
    graph = Graph([*steps, Step("guest", "network", lambda env: None, ("env",), kinds=(Guest,))])
    state = State(BELONGS)
    matcher = Matcher(Scope(None, NAMES), graph.kinds(), state)  # type: ignore[arg-type]
    found = find(graph, {"env": {}}, matcher, state, nobody)
    assert [(f.id, f.address) for f in found.findings if f.what == "extra"] == [("guest", where)]
