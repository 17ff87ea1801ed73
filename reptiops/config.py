"""`config/<environment>.yaml` → a frozen `Environment`: every setting, every name, every mistake at once.

It knows the order in which configuration is looked for. Nothing here calls AWS or imports boto3.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationInfo, model_validator

from reptiops.errors import ConfigurationError, Mistake
from reptiops.settings.base import PHASES, FrozenMapping, duration_seconds, port_range
from reptiops.settings.checks import check
from reptiops.settings.compute import Compute, Ecr, LoadBalancer, OfficeHours, Owner, Scaling, Service, Sidecar
from reptiops.settings.cost import Cost
from reptiops.settings.database import Database, Redis, Secrets
from reptiops.settings.environment import Sections
from reptiops.settings.findings import Finding
from reptiops.settings.monitoring import Alarm, Alarms, Budget, Monitoring, Ownership, Schedule, State
from reptiops.settings.network import FlowLogs, Network, Zone
from reptiops.settings.security import Certificate, Cloudtrail, Dns, Group, Rule, Security
from reptiops.settings.storage import Behaviour, Bucket, Cdn, PathBehaviour, SecurityHeaders, Storage
from reptiops.shipped import find_file, known_names
from reptiops.validation import DEFERRED, load_model
from reptiops.yamlsource import parse_source, read_source

__all__ = [
    "PHASES", "Alarm", "Alarms", "Behaviour", "Bucket", "Budget", "Cdn", "Certificate", "Cloudtrail", "Compute",
    "ConfigurationError", "Cost", "Database", "Dns", "Ecr", "Environment", "FlowLogs", "FrozenMapping", "Group", "LoadBalancer",
    "Mistake", "Monitoring", "Network", "OfficeHours", "Owner", "Ownership", "PathBehaviour", "Redis", "Rule",
    "Scaling", "Schedule", "Secrets", "Security", "SecurityHeaders", "Service", "Sidecar", "State", "Storage", "Zone",
    "duration_seconds", "environment_file", "environment_schema", "environments", "load_environment", "parse_environment", "port_range",
]  # fmt: skip

ENVIRONMENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")


class Environment(Sections):
    """One environment, as it should be. The sections follow the six phases; the properties give the names of things."""

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context != DEFERRED:
            found = tuple(check(self))
            if found:
                raise ConfigurationError(finding.mistake(f"environment {self.name}") for finding in found)
        return self


_ZONES = {"us-east-1a": {"public": "10.0.1.0/24", "private": "10.0.10.0/24"}}
_STAND_IN: Mapping[tuple[str | int, ...], Any] = {
    ("name",): "environment",
    ("network",): {"cidr": "10.0.0.0/16", "zones": _ZONES},
    ("network", "cidr"): "10.0.0.0/16",
    ("network", "zones"): _ZONES,
}
"""Never part of an Environment: with these the rest of a file is checked although a required setting is wrong."""


def environment_file(name: str, config_dir: Path | str | None = None) -> Path:
    """The file that describes environment `name`.

    Looked for in `config_dir`; else in the directory named by REPTIOPS_CONFIG_DIR; else in ./config if it has the file;
    else among the files shipped with the tool. Raises ConfigurationError, naming the known environments.
    """
    return find_file("config", name, config_dir, ENVIRONMENT_NAME)


def environments(config_dir: Path | str | None = None) -> tuple[str, ...]:
    """The names of all environments that `load_environment` would find, sorted."""
    return known_names("config", config_dir, ENVIRONMENT_NAME)


Checks = Callable[[Environment], Iterable[Finding]]


def load_environment(name: str, config_dir: Path | str | None = None, checks: Checks = check) -> Environment:
    """The environment `name`, read and checked. Raises ConfigurationError with every mistake in the file.

    What the addresses in it mean is not known here: `loading.load_environment` checks these too.
    """
    source = read_source(environment_file(name, config_dir), "configuration")
    return load_model(Environment, source, {"name": name}, _STAND_IN, checks)


def parse_environment(yaml_text: str, name: str, file: str = "<text>", checks: Checks = check) -> Environment:
    """The environment `name` from YAML text; `file` is what mistakes call it. Raises ConfigurationError."""
    return load_model(Environment, parse_source(yaml_text, file), {"name": name}, _STAND_IN, checks)


def environment_schema() -> dict[str, Any]:
    """The JSON Schema of an environment's file, for editors. The file's name gives `name`, so that is not required."""
    schema = Environment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["required"] = [key for key in schema["required"] if key != "name"]
    return schema
