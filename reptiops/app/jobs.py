"""The scheduled job inside the environment: switched on in its configuration and made, switched off and removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reptiops.app.provisioning import Outcome, provision
from reptiops.app.site import Refused
from reptiops.config import environment_file, parse_environment
from reptiops.configtext import with_settings
from reptiops.shipped import is_shipped

ADDRESSES = tuple(
    f"monitoring/{step}"
    for step in (
        "job_log_group",
        "job_execution_role",
        "job_role",
        "job_definition",
        "schedule_group",
        "schedule_role",
        "schedule",
    )
)


def install(
    environment: str, every: str | None = None, image: str | None = None, **settings: Any
) -> tuple[Path, Outcome]:
    """Switch the configuration's `schedule` section on and make what it describes. Raises ConfigurationError, with
    nothing written, where something it needs is missing: a state in S3, the image, a NAT gateway.
    """
    values: dict[str, Any] = {"enabled": True}
    values |= {"every": every} if every else {}
    values |= {"image": image} if image else {}
    return _switch(environment, values, settings)


def uninstall(environment: str, **settings: Any) -> tuple[Path, Outcome]:
    """Switch the section off and remove what it described."""
    return _switch(environment, {"enabled": False}, settings)


def _switch(environment: str, values: Mapping[str, Any], settings: dict[str, Any]) -> tuple[Path, Outcome]:
    file = environment_file(environment, settings.get("config_dir"))
    if is_shipped(file):
        raise Refused(
            f"{file} was shipped with the tool and is never written: copy it to a directory of your own and name that "
            "with --config-dir."
        )
    before = file.read_text()
    text = with_settings(before, "schedule", values)
    parse_environment(text, environment, str(file))
    file.write_text(text)
    try:
        return file, provision(environment, only=ADDRESSES, **settings)
    except BaseException:
        file.write_text(before)
        raise
