"""What was really spent, from Cost Explorer. Not tried on a real account yet: no emulator knows it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from reptiops.aws import Aws, code, message
from reptiops.rights import read

RIGHTS = (read("ce:GetCostAndUsage"),)


BY = ("Project", "Environment")
"""The tags by which an environment is told from others of the account."""


def spend(aws: Aws, tags: Mapping[str, str], today: datetime.date) -> dict[str, Any]:
    """The month before and this month so far, by service, of what carries the environment's tags.

    Where Cost Explorer does not answer (not enabled, not allowed, an emulator), the answer says so under `unavailable`.
    AWS bills 0.01 dollars a request, and the tags count only once they are active cost allocation tags. Documented are
    the end of a period as the first day that is not in it, an `And` of expressions, and the pages.
    """
    this = today.replace(day=1)
    before = (this - datetime.timedelta(days=1)).replace(day=1)
    tomorrow = today + datetime.timedelta(days=1)
    request: dict[str, Any] = {
        "TimePeriod": {"Start": before.isoformat(), "End": tomorrow.isoformat()},
        "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"],
        "Filter": {"And": [{"Tags": {"Key": key, "Values": [tags[key]]}} for key in BY]},
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    try:
        results = list(_results(aws, request))
    except (ClientError, BotoCoreError) as error:
        return {"unavailable": f"{code(error)}: {message(error)}"[:300], "months": []}
    by_month: dict[str, list[Mapping[str, Any]]] = {}
    for one in results:
        by_month.setdefault(one["TimePeriod"]["Start"], []).append(one)
    if not by_month:
        return {"unavailable": "Cost Explorer answered nothing", "months": []}
    return {"unavailable": "", "months": [_month(some) for some in by_month.values()]}


def _results(aws: Aws, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Page by page; botocore has no paginator for it. A month may go on with the next page."""
    more: dict[str, Any] = {}
    while True:
        answer = aws.ce.get_cost_and_usage(**request, **more)
        yield from answer["ResultsByTime"]
        if not answer.get("NextPageToken"):
            return
        more = {"NextPageToken": answer["NextPageToken"]}


def _month(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    services = {
        group["Keys"][0]: round(float(group["Metrics"]["UnblendedCost"]["Amount"]), 2)
        for one in parts
        for group in one["Groups"]
    }
    period = parts[0]["TimePeriod"]
    return {
        "from": period["Start"],
        "to": period["End"],
        "estimated": any(one.get("Estimated") for one in parts),
        "amount": round(sum(services.values()), 2),
        "services": services,
    }
