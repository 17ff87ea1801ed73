"""What was really spent, from Cost Explorer. Not tried on a real account yet: no emulator knows it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from reptiops.aws import Aws, code, message
from reptiops.rights import read

RIGHTS = (read("ce:GetCostAndUsage"),)


def spend(aws: Aws, environment: str, today: datetime.date) -> dict[str, Any]:
    """The month before and this month so far, by service, of what carries the environment's tag.

    Where Cost Explorer does not answer (not enabled, not allowed, an emulator), the answer says so under `unavailable`.
    AWS bills 0.01 dollars a request, and the tag counts only once it is an active cost allocation tag.
    """
    this = today.replace(day=1)
    before = (this - datetime.timedelta(days=1)).replace(day=1)
    tomorrow = today + datetime.timedelta(days=1)
    try:
        answer = aws.ce.get_cost_and_usage(
            TimePeriod={"Start": before.isoformat(), "End": tomorrow.isoformat()},
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
            Filter={"Tags": {"Key": "Environment", "Values": [environment]}},
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
        )
    except (ClientError, BotoCoreError) as error:
        return {"unavailable": f"{code(error)}: {message(error)}"[:300], "months": []}
    months = [_month(one) for one in answer["ResultsByTime"]]
    if not months:
        return {"unavailable": "Cost Explorer answered nothing", "months": []}
    return {"unavailable": "", "months": months}


def _month(one: Mapping[str, Any]) -> dict[str, Any]:
    services = {
        group["Keys"][0]: round(float(group["Metrics"]["UnblendedCost"]["Amount"]), 2) for group in one["Groups"]
    }
    period = one["TimePeriod"]
    return {
        "from": period["Start"],
        "to": period["End"],
        "estimated": bool(one.get("Estimated")),
        "amount": round(sum(services.values()), 2),
        "services": services,
    }
