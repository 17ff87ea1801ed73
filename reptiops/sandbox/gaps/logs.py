"""CloudWatch Logs: the tags of a log group go with it."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Log groups."""
    from moto.logs.models import LogsBackend

    @replace(LogsBackend, "delete_log_group")
    def delete_log_group(original: Any, self: Any, log_group_name: str) -> None:
        group = self.groups.get(log_group_name)
        original(self, log_group_name)
        # moto would give them to whoever makes one of that name anew.
        self.tagger.delete_all_tags_for_resource(group.arn)
