"""`playbooks/<name>.yaml` → a frozen `Playbook`: which operation, on what, and what it may do without being asked.

The same reading, the same strictness and the same kind of mistakes as for environments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reptiops.settings.base import (
    PHASES,
    Address,
    AddressStart,
    Duration,
    Frozen,
    FrozenMapping,
    NotNegative,
    Phase,
    Positive,
    ServiceName,
    Settings,
    duration_seconds,
    standing,
    text,
)
from reptiops.settings.findings import Finding, repeats
from reptiops.shipped import find_file, known_names
from reptiops.validation import load_model
from reptiops.yamlsource import SettingPath, parse_source, read_source

Operation = Literal["provision", "teardown", "drift", "reconcile", "stop", "start"]
Risk = Literal["security", "availability", "data", "cost", "cosmetic"]
Repair = Literal["repair", "ask", "report"]

PLAYBOOK_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
CAUTION: tuple[Repair, ...] = ("repair", "ask", "report")
"""From the boldest to the most careful."""

COMMANDS = frozenset({"provision", "teardown", "drift", "reconcile"})
"""Operations that have a command of their own, by the playbook of that name."""

_RUNS = frozenset({"phases", "strict_phases", "max_parallel", "timeouts"})
_KEYS: Mapping[Operation, frozenset[str]] = FrozenMapping(
    {
        "provision": _RUNS | {"on_failure", "replace", "brake"},
        "teardown": _RUNS,
        "drift": frozenset({"phases", "max_parallel", "notifications.only_new", "notifications.metrics"}),
        "reconcile": _RUNS | {"on_failure", "repair", "brake", "notifications.only_new", "notifications.metrics"},
        "stop": frozenset({"services"}),
        "start": frozenset({"services"}),
    }
)
"""What each operation takes besides the keys that all take; anything else would have no effect and is a mistake."""
_COMMON = frozenset({"name", "operation", "description", "notifications"})


class Repairs(Settings):
    """What may be mended unasked: `repair` at once, `ask` a person, or only `report`.

    Where both the risk and the phase of a finding have a rule, the more careful one counts.
    """

    default: Repair = "ask"
    risks: Frozen[Risk, Repair] = Field(default_factory=dict, validate_default=True)
    phases: Frozen[Phase, Repair] = Field(default_factory=dict, validate_default=True)

    def decide(self, phase: Phase, risk: Risk) -> Repair:
        """What to do about a finding of this risk in this phase."""
        rules = [rule for rule in (self.risks.get(risk), self.phases.get(phase)) if rule is not None]
        return max(rules, key=CAUTION.index, default=self.default)


class Brake(Settings):
    """When to stop instead of going on: `max_changes` exceeded (None: any number), or `data` about to be lost.

    A change is a resource that is made, changed, removed or replaced, however many of its fields differ. `data` means a delete or a replace of what holds data.
    """

    max_changes: NotNegative | None = None
    data: bool = True


class Notifications(Settings):
    """Who hears of a run. `webhook_variable` names the environment variable that holds the URL: a URL may be a secret.

    With `only_new` a finding that the last run told already is not told again.
    """

    topic: bool = False
    webhook_variable: Annotated[str, text(r"[A-Z][A-Z0-9_]*", "the name of an environment variable")] | None = None
    only_new: bool = True
    metrics: bool = False


def documented_order(operation: Operation) -> tuple[Phase, ...]:
    """The phases in the order in which this operation goes through them: a teardown begins with the last."""
    return tuple(reversed(PHASES)) if operation == "teardown" else PHASES


class Playbook(Settings):
    """One way to run one operation. `timeouts` are keyed by address or by the beginning of addresses."""

    name: Annotated[str, text(r"[a-z][a-z0-9-]{0,31}", "1 to 32 lower-case letters, digits and hyphens")]
    operation: Operation
    description: str = ""
    phases: tuple[Phase, ...] = Field(default=PHASES, min_length=1)
    strict_phases: bool = False
    on_failure: Literal["rollback", "keep", "ask"] = "rollback"
    max_parallel: Positive = 16
    replace: tuple[Address, ...] = ()
    repair: Repairs = standing()
    brake: Brake = standing()
    services: tuple[ServiceName, ...] = ()
    notifications: Notifications = standing()
    timeouts: Frozen[AddressStart, Duration] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _teardown_begins_at_the_end(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("operation") == "teardown":
            return {"phases": documented_order("teardown"), **given}
        return given

    def command(self, environment: str) -> str:
        """What somebody types to run it."""
        short = self.name == self.operation and self.operation in COMMANDS
        return f"reptiops {self.name if short else f'run {self.name}'} {environment}"

    def timeout_seconds(self, address: str) -> int | None:
        """How long to wait for the resource at `address`: the longest matching key decides; None where none matches."""
        matching = [key for key in self.timeouts if address == key or address.startswith(f"{key}/")]
        return duration_seconds(self.timeouts[max(matching, key=len)]) if matching else None

    def may_replace(self, address: str) -> bool:
        """Whether the playbook allows this resource, or all of its step, to be replaced."""
        return any(address == key or address.startswith(f"{key}/") for key in self.replace)


def _order(playbook: Playbook) -> Iterator[Finding]:
    yield from repeats(("phases",), playbook.phases)
    rank = [PHASES.index(phase) for phase in playbook.phases]
    if rank != sorted(rank, reverse=playbook.operation == "teardown"):
        message = f"{playbook.operation} cannot run the phases in this order"
        valid = ", ".join(documented_order(playbook.operation))
        yield Finding(("phases",), message, valid, also=(("operation",),))


def _keys(playbook: Playbook) -> Iterator[Finding]:
    meant = _COMMON | _KEYS[playbook.operation]
    given = {f"notifications.{key}" for key in playbook.notifications.model_fields_set & {"only_new", "metrics"}}
    for key in sorted((playbook.model_fields_set | given) - meant):
        message = f"has no effect on {playbook.operation}"
        yield Finding(tuple(key.split(".")), message, ", ".join(sorted(meant)), also=(("operation",),))


def _lists(playbook: Playbook) -> Iterator[Finding]:
    yield from repeats(("services",), playbook.services)
    yield from repeats(("replace",), playbook.replace)


def check_playbook(playbook: Playbook) -> Iterator[Finding]:
    """Everything in `playbook` that does not go together."""
    yield from _order(playbook)
    yield from _keys(playbook)
    yield from _lists(playbook)


_STAND_IN: Mapping[SettingPath, Any] = {("name",): "playbook", ("operation",): "provision"}


def playbook_file(name: str, playbook_dir: Path | str | None = None) -> Path:
    """The file of playbook `name`, looked for as environments are, with REPTIOPS_PLAYBOOK_DIR and ./playbooks."""
    return find_file("playbooks", name, playbook_dir, PLAYBOOK_NAME)


def playbooks(playbook_dir: Path | str | None = None) -> tuple[str, ...]:
    """The names of all playbooks that `load_playbook` would find, sorted."""
    return known_names("playbooks", playbook_dir, PLAYBOOK_NAME)


def load_playbook(name: str, playbook_dir: Path | str | None = None) -> Playbook:
    """The playbook `name`, read and checked. Raises ConfigurationError with every mistake in the file."""
    source = read_source(playbook_file(name, playbook_dir), "playbook")
    return load_model(Playbook, source, {"name": name}, _STAND_IN, check_playbook)


def parse_playbook(yaml_text: str, name: str, file: str = "<text>") -> Playbook:
    """The playbook `name` from YAML text; `file` is what mistakes call it. Raises ConfigurationError."""
    return load_model(Playbook, parse_source(yaml_text, file, "playbook"), {"name": name}, _STAND_IN, check_playbook)


def playbook_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, for editors. The file's name gives `name`, so that is not required."""
    schema = Playbook.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"] = [key for key in schema["required"] if key != "name"]
    return schema
