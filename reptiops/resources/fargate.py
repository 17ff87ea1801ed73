"""What running tasks cost: by the second, for the vCPUs and the memory that the task definition asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from reptiops.engine.resource import Resource
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.resources.autoscaling import ScalableTarget, ScheduledAction

WEEK = 7 * 24 * 60
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_CRON = re.compile(r"cron\((\d+) (\d+) \? \* ([A-Z,]+) \*\)")


@runtime_checkable
class Task(Protocol):
    """What of a task definition AWS bills."""

    @property
    def architecture(self) -> str:
        """X86_64 or ARM64."""

    @property
    def cpu(self) -> int:
        """In units of a 1024th of a vCPU."""

    @property
    def memory(self) -> int:
        """In MB."""


def task_uses(task: Resource | None, hours: float, by: str = "") -> Iterator[Use]:
    """vCPU and GB hours of tasks that run for so many hours in sum; 20 GB of ephemeral storage are included."""
    if isinstance(task, Task) and hours:
        price = f"fargate.{task.architecture.lower()}"
        yield Use(f"{price}.vcpu", hours * task.cpu / 1024, by)
        yield Use(f"{price}.gb", hours * task.memory / 1024, by)


def service_hours(service: str, fixed: int, around: Around) -> tuple[float, float]:
    """Task hours of a service in a month: at its least scale, and how many more at its most."""
    target = next((t for t in around.all(ScalableTarget) if t.resource.endswith(f"/{service}")), None)
    least, most = fixed, fixed
    if target is not None:
        least = target.first_minimum if target.minimum is None else target.minimum
        most = target.first_maximum if target.maximum is None else target.maximum
    actions = [a for a in around.all(ScheduledAction) if target is not None and _target(a, around) is target]
    share = weekly_share(actions)
    return least * share * HOURS, (most - least) * share * HOURS


def _target(action: ScheduledAction, around: Around) -> Resource | None:
    return around.of(action.resource)


def weekly_share(actions: Iterable[ScheduledAction]) -> float:
    """The share of the week in which scheduled actions let tasks run; all of it where there are none."""
    events = sorted(
        (DAYS.index(day) * 1440 + int(match[2]) * 60 + int(match[1]), action.minimum > 0)
        for action in actions
        if (match := _CRON.fullmatch(action.schedule))
        for day in match[3].split(",")
    )
    if not events:
        return 1.0
    following = [*events[1:], (events[0][0] + WEEK, events[0][1])]
    return sum(end - begin for (begin, on), (end, _) in zip(events, following, strict=True) if on) / WEEK
