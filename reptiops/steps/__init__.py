"""What should exist: one file per phase, read from top to bottom in the documented order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from reptiops.engine.graph import Graph, collect
from reptiops.engine.resource import Resource

if TYPE_CHECKING:
    from reptiops.config import Environment


@cache
def documented() -> Graph:
    """All steps of the ReptiDex environment."""
    from reptiops.steps import compute, database, monitoring, network, security, storage

    return collect((network, security, database, compute, storage, monitoring))


def parting(env: Environment) -> dict[type[Resource], Mapping[str, Any]]:
    """With which settings of the tool what no step declares any more is deleted: AWS keeps none of them."""
    from reptiops.resources.rds import Instance
    from reptiops.resources.secretsmanager import Secret

    return {
        Secret: {"recovery_days": env.secrets.recovery_days},
        Instance: {"final_snapshot": env.database.final_snapshot},
    }
