"""Telling what a scheduled run found: to the topic and a webhook what is new, to CloudWatch how much there is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.app.site import Settings, Site, open_site
from reptiops.engine.backend import Stored
from reptiops.engine.drift import Finding
from reptiops.operations.notify import metrics, tell
from reptiops.playbook import Notifications, load_playbook

TOLD = "told.json"
LINES = 10
"""How many findings a message names."""


def notify(
    environment: str,
    playbook: str,
    findings: Iterable[Finding],
    *,
    mended: Iterable[Finding] = (),
    failed: bool = False,
    **settings: Any,
) -> tuple[Finding, ...]:
    """Tell what is new since the last run, where the playbook says so; answers what was told.

    What was told is kept beside the state. A finding that goes away and comes back is new again.
    """
    options = Settings(environment, **settings)
    how = load_playbook(playbook, options.playbook_dir).notifications
    site = open_site(options)
    listed, done = list(findings), list(mended)
    backend = site.records.backend
    backend.prepare()
    told = _told(backend.read(TOLD))
    new = tuple(f for f in listed if f.key not in told or not how.only_new)
    # First written down, then told: a run that is killed in between tells nothing, but nobody is told twice.
    backend.write(TOLD, json.dumps(sorted(f.key for f in listed)).encode())
    try:
        _tell(site, how, new, _message(environment, new, listed, done))
        if how.metrics:
            _count(site, listed, done, failed)
    except Exception:
        backend.write(TOLD, json.dumps(sorted(told)).encode())  # it was not told: the next run tries again
        raise
    return new


def count_failure(environment: str, playbook: str, **settings: Any) -> None:
    """Count a reconcile that failed, where the playbook counts."""
    options = Settings(environment, **settings)
    if load_playbook(playbook, options.playbook_dir).notifications.metrics:
        _write(open_site(options), {"ReconcileFailed": 1})


def _told(stored: Stored | None) -> set[str]:
    """What was told; nothing where that was cut off by a full disk: then it is told once more."""
    try:
        return set(json.loads(stored.data)) if stored else set()
    except (ValueError, TypeError):
        return set()


def _tell(site: Site, how: Notifications, new: Iterable[Finding], text: str) -> None:
    listed = list(new)
    if listed:
        subject = f"{site.env.prefix}: {len(listed)} new findings"
        tell(site.aws, site.topic if how.topic else None, how.webhook_variable, subject, text)


def _count(site: Site, listed: Iterable[Finding], mended: Iterable[Finding], failed: bool) -> None:
    counts = {
        "DriftedResources": len({f.address for f in listed}),
        "RepairedResources": len({f.address for f in mended}),
        "ReconcileFailed": int(failed),
    }
    _write(site, counts)


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
