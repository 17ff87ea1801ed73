"""What an account says about money: prices from the Price List, and what was really spent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from reptiops.app.costs import prices_of
from reptiops.app.site import Refused, Settings, open_site, session_of
from reptiops.aws import Aws, code, message
from reptiops.loading import load_environment
from reptiops.operations.prices import listed_price
from reptiops.operations.spend import spend


@dataclass(frozen=True)
class Refreshed:
    """Which prices were read, and which were kept as they were, and why."""

    read: tuple[str, ...]
    kept: Mapping[str, str]


def actual_spend(environment: str, **settings: Any) -> dict[str, Any]:
    """What Cost Explorer says; or, under `unavailable`, why it does not."""
    site = open_site(Settings(environment, **settings))
    return spend(site.aws, site.env.standard_tags, datetime.datetime.now(datetime.UTC).date())


def refresh_prices(environment: str, file: Path, *, prices: Path | None = None, **settings: Any) -> Refreshed:
    """Write a price file with today's on-demand prices where the Price List has exactly one, and the old ones elsewhere.

    Raises Refused where the Price List does not answer; then nothing is written.
    """
    options = Settings(environment, **settings)
    env = load_environment(environment, options.config_dir)
    session, _, _ = session_of(options)
    aws, listed = Aws(session, "us-east-1", read_only=True), prices_of(env, prices)
    read: dict[str, float] = {}
    kept: dict[str, str] = {}
    for key, one in listed.prices.items():
        if one.list is None:
            kept[key] = "the file does not say where it is listed"
            continue
        try:
            price, why = listed_price(aws, listed.region, *one.list)
        except (ClientError, BotoCoreError) as error:
            raise Refused(
                f"The AWS Price List does not answer ({code(error)}{_said(message(error))}). Nothing was written."
            ) from error
        if price is None:
            kept[key] = why
        else:
            read[key] = price
    document = listed.model_dump(mode="json", exclude={"free_tier"}, exclude_defaults=True)
    document["compiled"] = datetime.datetime.now(datetime.UTC).date()
    for key, price in read.items():
        document["prices"][key] |= {"price": price, "confidence": "A", "note": "AWS Price List"}
    file.write_text(yaml.safe_dump(document, sort_keys=False, width=120))
    return Refreshed(tuple(read), kept)


def _said(words: str) -> str:
    """AWS's own words, where they are words: an emulator answers whole pages."""
    return "" if "<" in words or not words else f": {words[:200]}"
