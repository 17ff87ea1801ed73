"""Prices from the AWS Price List. Not tried on a real account yet: no emulator knows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.aws import Aws
from reptiops.rights import read

CURRENCY = "USD"
PREFIX = "USE1-"
"""What usage types of us-east-1 begin with, where they begin with their region at all."""
RIGHTS = (read("pricing:GetProducts"),)


def listed_price(aws: Aws, region: str, service: str, usage_type: str, *narrowed: str) -> tuple[float | None, str]:
    """The on-demand price of a usage type, or None and why there is not exactly one. The first tier counts.

    Documented is that GetProducts filters by attributes of a product, exactly (TERM_MATCH), and that it answers a page of
    documents in JSON; the names and values of attributes are those of the offer files, such as `databaseEngine`
    PostgreSQL and `cacheEngine` Redis. `narrowed` holds more of them, `name=value`, for what shares a usage type: load
    balancers of all kinds (`operation`), database and cache engines. Extended support, Outposts and reserved capacity have
    usage types or terms of their own, so they are not among the answers.

    Usage types of us-east-1 stand with and without `USE1-` in public copies of the offer files, those of CloudWatch Logs
    in both ways: what is not found in the one spelling is asked for in the other.
    """
    for spelled in _spellings(usage_type):
        attributes = [("regionCode", region), ("usagetype", spelled), *(tuple(one.split("=", 1)) for one in narrowed)]
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in attributes]
        products = aws.pricing.pages(
            "get_products", "PriceList", ServiceCode=service, Filters=filters, FormatVersion="aws_v1"
        )
        found = {price for text in products for price in _prices(json.loads(text))}
        if len(found) == 1:
            return found.pop(), ""
        if found:
            return None, f"{len(found)} prices for {spelled}"
    return None, f"no price for {usage_type}"


def _spellings(usage_type: str) -> tuple[str, ...]:
    if usage_type.startswith(PREFIX):
        return usage_type, usage_type.removeprefix(PREFIX)
    return usage_type, f"{PREFIX}{usage_type}"


def _prices(product: Mapping[str, Any]) -> Iterable[float]:
    """What a product costs on demand from the first unit on; prices of 0 are free tiers and other editions."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            price = float(dimension["pricePerUnit"].get(CURRENCY, 0))
            if dimension.get("beginRange", "0") in ("0", "0.0") and price > 0:
                yield price
