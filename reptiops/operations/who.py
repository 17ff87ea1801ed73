"""Who changed something: CloudTrail's events about a resource, where the trail can tell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.rights import read

PACE = 0.5
"""Seconds between lookups: CloudTrail takes two a second for an account."""
RIGHTS = (read("cloudtrail:LookupEvents"),)
OURS = "reptiops"
"""What our own calls carry in their user agent."""


@dataclass(frozen=True)
class Deed:
    """One change: who (name, role session or signed-in user), what was called, when, from where."""

    who: str
    event: str
    at: str
    source: str


def changed(aws: Aws, names: Iterable[str]) -> Deed | str:
    """The latest change of a resource by somebody else, looked up by its id and by its ARN.

    A sentence where it cannot be told: no event within 90 days, or no permission to look.
    """
    for name in names:
        try:
            answer = aws.cloudtrail.lookup_events(
                LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": name}], MaxResults=50
            )
        except ClientError as error:
            return f"CloudTrail cannot be asked: {code(error)}"
        for one in answer["Events"]:
            event = json.loads(one.get("CloudTrailEvent") or "{}")
            if one.get("ReadOnly") != "true" and OURS not in event.get("userAgent", ""):
                return Deed(
                    _who(one, event), one["EventName"], one["EventTime"].isoformat(), event.get("sourceIPAddress", "?")
                )
        time.sleep(PACE)
    return "CloudTrail has no change of it by somebody else within 90 days (an event takes some minutes to appear)"


def _who(one: dict[str, Any], event: dict[str, Any]) -> str:
    """The person behind a role session: the session's name is what SSO and most tools set to the user."""
    identity = event.get("userIdentity", {})
    if identity.get("type") == "AssumedRole":
        role = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("userName", "")
        session = str(identity.get("arn", "")).rsplit("/", 1)[-1]
        return f"{session} (role {role})" if role else session
    name = identity.get("userName") or one.get("Username") or identity.get("invokedBy")
    return str(name or identity.get("arn") or identity.get("type") or "unknown")
