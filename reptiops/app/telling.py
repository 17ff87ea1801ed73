"""Telling what a scheduled run found: to the topic and a webhook what is new, to CloudWatch how much there is.

Each channel stands by itself: what one has heard is remembered for it alone, and one that fails silences no other.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reptiops.app.site import Settings, Site, open_site
from reptiops.engine.backend import Backend, Conflict, Stored
from reptiops.engine.drift import Finding
from reptiops.operations.notify import NotificationFailed, metrics, tell
from reptiops.playbook import Notifications, load_playbook

LINES = 10
"""How many findings a message names."""
TRIES = 3
"""How often it is tried to take back what could not be told, when other runs write at the same time."""
BEAT = "ScheduledRuns"
"""Counted by every run that came to its end: an alarm goes off when it stops."""

Channel = Callable[[str, str], None]
"""Sends a subject and a text."""


def notify(
    environment: str,
    playbook: str,
    findings: Iterable[Finding],
    *,
    mended: Iterable[Finding] = (),
    failed: bool = False,
    **settings: Any,
) -> tuple[Finding, ...]:
    """Tell what is new since the last run of this playbook, where it says so; answers what was told.

    What was told is kept beside the state, for each channel. A finding that goes away and comes back is new again.
    Raises NotificationFailed once every channel and the metrics have been tried; the next run tries again.
    """
    options = Settings(environment, **settings)
    how = load_playbook(playbook, options.playbook_dir).notifications
    site = open_site(options)
    site.records.backend.prepare()
    listed, done, channels = list(findings), list(mended), _channels(site, how)
    memory = Memory(site.records.backend, f"told-{playbook}.json")
    # First written down, then told: a run that is killed in between tells nothing, but nobody is told twice.
    news = memory.claim(channels, {f.key for f in listed}, how.only_new)
    told: set[str] = set()
    failures = []
    for name, keys in news.items():
        new = [f for f in listed if f.key in keys]
        try:
            channels[name](f"{site.env.prefix}: {len(new)} new findings", _message(environment, new, listed, done))
            told |= keys
        except Exception as error:
            memory.take_back(name, keys)
            failures.append(f"{name}: {error}")
    if how.metrics:
        failures += _counted(site, listed, done, failed, bool(failures))
    if failures:
        raise NotificationFailed(
            f"{environment}: what was found could not be told everywhere. {'; '.join(failures)}. The next run tries again."
        )
    return tuple(f for f in listed if f.key in told)


def count_failure(environment: str, playbook: str, **settings: Any) -> None:
    """Count a run that failed, where the playbook counts."""
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    if book.notifications.metrics:
        _write(open_site(options), {"ReconcileFailed" if book.operation == "reconcile" else "RunFailed": 1})


def count_run(environment: str, playbook: str, **settings: Any) -> None:
    """Count a run that ended well without a look, because another one was at work, where the playbook counts."""
    options = Settings(environment, **settings)
    if load_playbook(playbook, options.playbook_dir).notifications.metrics:
        _write(open_site(options), {BEAT: 1})


@dataclass
class Memory:
    """What each channel was told, in one document of the state's backend, written on condition.

    EventBridge Scheduler starts a job at least once, so two runs may be at it: the one whose write comes too late tells
    nothing, because the other does.
    """

    backend: Backend
    name: str
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    def claim(self, channels: Iterable[str], keys: set[str], only_new: bool) -> dict[str, set[str]]:
        """By channel what is to be told: written down as told before anybody is."""
        before, version = self._read()
        wanted = {name: sorted(keys) for name in channels}
        news = {name: keys - set(before.get(name, ())) if only_new else keys for name in wanted}
        if wanted != before:
            try:
                self._write(wanted, version)
            except Conflict:
                stored = self.backend.read(self.name)
                if stored is None or _document(stored).get("run") != self.run:  # else an answer of S3's was lost
                    return {}
        return {name: new for name, new in news.items() if new}

    def take_back(self, channel: str, keys: set[str]) -> None:
        """These were not told after all. Whoever wrote meanwhile is left as it is otherwise."""
        for _ in range(TRIES):
            told, version = self._read()
            try:
                self._write({**told, channel: sorted(set(told.get(channel, ())) - keys)}, version)
                return
            except Conflict:
                continue

    def _read(self) -> tuple[dict[str, list[str]], str | None]:
        """Nothing where the document was cut off by a full disk: then it is told once more."""
        stored = self.backend.read(self.name)
        return (_document(stored).get("told", {}), stored.version) if stored else ({}, None)

    def _write(self, told: Mapping[str, list[str]], version: str | None) -> None:
        self.backend.write(self.name, json.dumps({"run": self.run, "told": told}).encode(), version)


def _document(stored: Stored) -> dict[str, Any]:
    try:
        found = json.loads(stored.data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _channels(site: Site, how: Notifications) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    if how.topic:
        found["topic"] = lambda subject, text: tell(site.aws, site.topic, None, subject, text)
    if how.webhook_variable:
        found["webhook"] = lambda subject, text: tell(site.aws, None, how.webhook_variable, subject, text)
    return found


def _counted(site: Site, listed: list[Finding], mended: list[Finding], failed: bool, silent: bool) -> list[str]:
    """Write the metrics; answers why that failed. A message that did not go through is counted as a failed run."""
    counts = {
        "DriftedResources": len({f.address for f in listed}),
        "RepairedResources": len({f.address for f in mended}),
        "ReconcileFailed": int(failed),
        "RunFailed": int(silent),
        BEAT: 1,
    }
    try:
        _write(site, counts)
    except Exception as error:
        return [f"metrics: {error}"]
    return []


def _write(site: Site, counts: Mapping[str, float]) -> None:
    site.aws.read_only = False  # some numbers: the only writes of a run that otherwise reads
    try:
        metrics(site.aws, site.env.metrics_namespace, counts)
    finally:
        site.aws.read_only = True


def _message(environment: str, new: Iterable[Finding], all_of_them: list[Finding], mended: list[Finding]) -> str:
    """For a phone: what is new first, a line each, then the counts."""
    lines = [f"{f.risk}: {f.address} {f.field or f.what}{f' {f.id}' if f.what == 'extra' else ''}" for f in new]
    shown = [*lines[:LINES], *([f"… and {len(lines) - LINES} more"] if len(lines) > LINES else [])]
    return "\n".join([*shown, f"{environment}: {len(all_of_them)} differ in all, {len(mended)} were mended."])
