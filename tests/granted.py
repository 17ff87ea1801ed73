"""Recorded calls against the policies that reptiops prints for itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reptiops.app.rights import policies
from tests.iam_actions import DEPENDENT, actions
from tests.recorder import Call

ACCOUNT = "123456789012"


def missing(
    environment: str, task: Any, calls: Iterable[Call], config_dir: Path | None = None
) -> dict[tuple[str, str], Any]:
    """The actions that a task's calls need and its policies do not grant on resources whose names the parameters bear out:
    action and who called, with the parameters.
    """
    documents = policies(environment, task, account=ACCOUNT, config_dir=config_dir)
    granted: dict[str, set[str]] = {}
    for document in documents:
        for statement in json.loads(document.json())["Statement"]:
            for action in statement["Action"]:
                granted.setdefault(action, set()).update(statement["Resource"])
    found: dict[tuple[str, str], Any] = {}
    for call in calls:
        for action in actions(call.service, call.operation, call.parameters):
            beside = action in DEPENDENT.get(f"{call.service}:{call.operation}", ())
            if not any(beside or _about(pattern, call.parameters) for pattern in granted.get(action, ())):
                found[action, call.by] = call.parameters
    return found


def _about(pattern: str, parameters: Any) -> bool:
    """Whether some text in the parameters is the ARN, or its last part a name, that the pattern allows."""
    name = pattern.rsplit(":", 1)[-1] if ":log-group:" not in pattern else pattern.split(":log-group:")[1]
    endings = {pattern, name, name.split("/", 1)[-1], name.split("/")[-1], name.removesuffix(":*")}
    if any(set(ending) <= set("*?-:") for ending in endings):
        return True  # an id that only AWS knows; the condition on tags is IAM's to test
    return any(fnmatchcase(text, ending) for text in _texts(parameters) for ending in endings)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
