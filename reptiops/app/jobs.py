"""The scheduled job inside the environment: switched on in its configuration and made, switched off and removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reptiops.app.failure import Choose, ProvisionFailed
from reptiops.app.provisioning import Outcome, provision
from reptiops.app.runs import Stop
from reptiops.app.site import Settings, open_site, refuse_shipped
from reptiops.config import environment_file
from reptiops.configtext import with_settings
from reptiops.loading import parse_environment

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
ALARMS = tuple(f"monitoring/alarm/{name}" for name in ("drift", "reconcile-failed", "run-failed", "job-silent"))
"""Their periods follow the interval, and one is there with the schedule only."""


def install(
    environment: str,
    every: str | None = None,
    image: str | None = None,
    *,
    stop: Stop | None = None,
    choose: Choose | None = None,
    **settings: Any,
) -> tuple[Path, Outcome]:
    """Switch the configuration's `schedule` section on and make what it describes. Raises ConfigurationError, with
    nothing written, where something it needs is missing: a state in S3, the image, a NAT gateway; ProvisionFailed as
    a provision does, by the playbook of that name.
    """
    values: dict[str, Any] = {"enabled": True}
    values |= {"every": every} if every else {}
    values |= {"image": image} if image else {}
    return _switch(environment, values, {"stop": stop, "choose": choose}, settings)


def uninstall(
    environment: str, *, stop: Stop | None = None, choose: Choose | None = None, **settings: Any
) -> tuple[Path, Outcome]:
    """Switch the section off and remove what it described."""
    return _switch(environment, {"enabled": False}, {"stop": stop, "choose": choose}, settings)


def _switch(
    environment: str, values: Mapping[str, Any], ending: dict[str, Any], settings: dict[str, Any]
) -> tuple[Path, Outcome]:
    file = environment_file(environment, settings.get("config_dir"))
    word = "install" if values["enabled"] else "uninstall"
    refuse_shipped(file, environment, f"reptiops schedule {word} {environment}")
    before = file.read_text()
    text = with_settings(before, "schedule", values)
    parse_environment(text, environment, str(file))
    only = (*ADDRESSES, *_alarms(environment, settings, bool(values["enabled"])))
    file.write_text(text)
    try:
        # Of what holds data only the log of the job itself can be among these, and to remove the job is what was asked.
        return file, provision(environment, only=only, allow_replace=True, **ending, **settings)
    except ProvisionFailed as error:
        if error.undone is not None:
            file.write_text(before)
            error.add_note(f"{file} is as it was before.")
        else:  # what was kept is what the file says
            error.add_note(f"{file} keeps the new `schedule` section. Set it back if you roll back.")
        raise
    except BaseException:
        file.write_text(before)
        raise


def _alarms(environment: str, settings: Mapping[str, Any], wanted: bool) -> tuple[str, ...]:
    """The alarms on what runs count, where the environment has its alarms; where it has none yet, the provision that
    makes them makes these: they are made together, and need what the others watch. The one that is there with the job
    only is named where there is one, or will be.
    """
    site = open_site(Settings(environment, **{k: v for k, v in settings.items() if k in Settings.__dataclass_fields__}))
    there = tuple(address for address in ALARMS if address in site.state.entries)
    return ALARMS if there and wanted else there
