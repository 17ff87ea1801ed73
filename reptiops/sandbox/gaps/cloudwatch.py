"""CloudWatch: a new alarm has no data yet, an update of one ignores tags, and a deletion takes them along."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Alarms."""
    from moto.cloudwatch.models import CloudWatchBackend

    @replace(CloudWatchBackend, "put_metric_alarm")
    def put(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("name") or (args[0] if args else "")
        before = self.alarms.get(name)
        if before is not None:
            kwargs["tags"] = None
        alarm = original(self, *args, **kwargs)
        if before is None:
            alarm.state_value = "INSUFFICIENT_DATA"
        return alarm

    @replace(CloudWatchBackend, "delete_alarms")
    def delete(original: Any, self: Any, alarm_names: list[str]) -> None:
        for name in alarm_names:
            if name in self.alarms:
                self.tagger.delete_all_tags_for_resource(self.alarms[name].alarm_arn)
        original(self, alarm_names)
