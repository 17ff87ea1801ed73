"""Prices from the AWS Price List. Not tried on a real account yet: no emulator knows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reptiops.aws import Aws
from reptiops.rights import read

CURRENCY = "USD"
RIGHTS = (read("pricing:GetProducts"),)


def listed_price(aws: Aws, service: str, usage_type: str, narrowed: str = "") -> tuple[float | None, str]:
    """The on-demand price of a usage type, or None and why there is not exactly one. The first tier counts.

    Classic, application and network balancers share their usage types, as database and cache engines do: `narrowed`
    is another attribute and its value, such as `operation=LoadBalancing:Application`.

    The Price List speaks in us-east-1 whatever region it is asked about; usage types name the region themselves.
    """
    attributes = [("usagetype", usage_type), *([tuple(narrowed.split("=", 1))] if narrowed else [])]
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in attributes]
    products = aws.pricing.pages(
        "get_products", "PriceList", ServiceCode=service, Filters=filters, FormatVersion="aws_v1"
    )
    found = {price for text in products for price in _prices(json.loads(text))}
    if len(found) == 1:
        return found.pop(), ""
    return None, f"{len(found)} prices for {usage_type}" if found else f"no price for {usage_type}"


def _prices(product: Mapping[str, Any]) -> Iterable[float]:
    """What a product costs on demand from the first unit on; prices of 0 are free tiers and other editions."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            price = float(dimension["pricePerUnit"].get(CURRENCY, 0))
            if dimension.get("beginRange", "0") in ("0", "0.0") and price > 0:
                yield price
