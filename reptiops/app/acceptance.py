"""Accepting a hand-made change: it becomes the wanted value, as an override in the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reptiops.app.runs import writing
from reptiops.app.site import Refused, Settings, open_site, plan_site
from reptiops.app.upkeep import drift_site, observed
from reptiops.config import environment_file, parse_environment
from reptiops.configtext import with_overrides
from reptiops.engine.drift import Finding
from reptiops.engine.resource import plain
from reptiops.shipped import is_shipped


def accept(environment: str, address: str, **settings: Any) -> tuple[Path, tuple[Finding, ...]]:
    """Make what somebody changed by hand the wanted value: an override in the configuration file, comments kept.

    Answers the file and the findings that were accepted. Raises Refused where nothing there can be accepted, or where
    the file is one that was shipped with the tool.
    """
    options = Settings(environment, **settings)
    file = environment_file(environment, options.config_dir)
    if is_shipped(file):
        raise Refused(f"{file} was shipped with the tool and is never written: copy it to a directory of your own.")
    site = open_site(options)
    _, matcher = observed(site)
    chosen = [f for f in drift_site(site, matcher).findings if f.address == address and f.what == "changed"]
    if not chosen:
        raise Refused(f"{address} has no changed field. Extras and missing things cannot be accepted.")
    live = next(a.live for a in plan_site(site).actions if a.address == address and a.live is not None)
    whole = plain(live.has)
    fields = {f.field.split(".")[0] for f in chosen}
    values = {name: whole[name] for name in sorted(fields)} if isinstance(whole, dict) else {}
    text = with_overrides(file.read_text(), address, values)
    parse_environment(text, environment, str(file))
    file.write_text(text)
    with writing(site, "accept", options.tell, site.scope()) as work:
        work.accept(address, live)
    return file, tuple(chosen)
