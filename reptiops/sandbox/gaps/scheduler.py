"""EventBridge Scheduler: a group that does not exist is an answer, not a crash."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Unknown groups."""
    from moto.scheduler.exceptions import ScheduleGroupNotFound
    from moto.scheduler.models import EventBridgeSchedulerBackend

    for method in ("create_schedule", "update_schedule", "get_schedule", "delete_schedule", "list_schedules"):

        @replace(EventBridgeSchedulerBackend, method)
        def known(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(self, *args, **kwargs)
            except KeyError as error:
                raise ScheduleGroupNotFound(str(error.args[0])) from error
