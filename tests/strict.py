"""What tests of AWS's own behaviour share: the sandbox refuses as AWS does, and what the tool makes of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops.engine.calls import Work
from reptiops.engine.scope import Scope
from reptiops.engine.state import Belongs, State
from tests.samples import World


def ident(made: Any) -> str:
    """The id that a create answers, alone or with more."""
    return made if isinstance(made, str) else str(made.id)


def refused(call: Any, code: str, words: str = "") -> None:
    """The sandbox answers as AWS does, so that what passes here passes there."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]


def above(graph: Any, name: str) -> set[str]:
    """The steps that one needs, and what those need."""
    found: set[str] = set()
    todo = list(graph.steps[name].needs)
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += graph.steps[one].needs
    return found


def work_on(world: World, want: Any) -> Work:
    """What writes of one wanted thing share, with a journal that nobody reads."""

    class Silent:
        def write(self, *args: Any, **more: Any) -> None:
            """Nothing."""

    state = State(Belongs(world.names.environment, world.names.account, world.names.region, ""))
    scope = Scope(world.aws, world.names, [want])
    return Work(world.aws, scope, state, Silent(), lambda event: None, threading.Event())  # type: ignore[arg-type]
