"""CloudTrail: the sandbox remembers who changed what, so that it can be looked up. A trail that nobody gave selectors logs
management events, and says so.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from reptiops.sandbox.gaps import add, replace

READS = ("Describe", "Get", "List", "Lookup", "Head", "Batch")
DATA = ("DeleteObjects", "PutObject")
"""Calls on a bucket's address that are about its objects: an event history has none of these."""
KEPT = 5000
"""Events that are remembered."""
SOURCES = {"cloudwatch": "monitoring", "elbv2": "elasticloadbalancing"}
"""Event sources that moto's modules are not called after."""
NAMING = re.compile(r"(?:name|arn|identifier|id|cluster|service)s?(?:\.\d+)?$", re.IGNORECASE)
"""Members whose values an event lists as resources. Roughly: AWS has a list for each operation, and publishes none."""
UNLISTED = ("sgr-",)
"""CloudTrail lists the group of a security group rule, never the rule."""
UNSELECTED = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}
"""The event selector of a new trail."""
EVENTS: deque[dict[str, Any]] = deque(maxlen=KEPT)


def fill() -> None:
    """Record every change, and answer lookups by resource name."""
    from moto.cloudtrail.models import Trail
    from moto.cloudtrail.responses import CloudTrailResponse
    from moto.core.responses import BaseResponse
    from moto.s3.responses import S3Response

    @replace(Trail, "get_event_selectors")
    def selectors(original: Any, self: Any) -> Any:
        plain, advanced = original(self)
        return (plain if plain or advanced else [UNSELECTED]), advanced

    @replace(BaseResponse, "call_action")
    def call(original: Any, self: Any) -> Any:
        answer = original(self)
        action = self._get_action() or ""
        if action and not action.startswith(READS):
            _record(self, action, answer)
        return answer

    @replace(
        S3Response, "_bucket_response"
    )  # S3 goes past the way of the others; of objects a trail has only what it is told to
    def bucket(original: Any, self: Any, *args: Any) -> Any:
        answer = original(self, *args)
        asked = self._get_action_from_method_and_request_uri(self.normalized_request)
        action = str(asked or self.data.get("Action", "")).replace("PublicAccessBlock", "BucketPublicAccessBlock")
        if action and not action.startswith(READS) and action not in DATA:
            _record(self, action, answer, [("bucketName", self.data["BucketName"])])
        return answer

    @add(CloudTrailResponse, "lookup_events")
    def lookup(self: Any) -> str:
        wanted = self._get_param("LookupAttributes") or []
        found = [e for e in reversed(EVENTS) if all(_is_of(e, **one) for one in wanted)]
        start, size = int(self._get_param("NextToken") or 0), self._get_int_param("MaxResults", 50)
        more = {"NextToken": str(start + size)} if len(found) > start + size else {}
        return json.dumps({"Events": found[start : start + size], **more})


def _is_of(event: dict[str, Any], AttributeKey: str, AttributeValue: str) -> bool:
    if AttributeKey == "ResourceName":
        return any(one["ResourceName"] == AttributeValue for one in event["Resources"])
    return bool(event.get(AttributeKey) == AttributeValue)


def _record(self: Any, action: str, answer: Any, more: Iterable[tuple[str, str]] = ()) -> None:
    headers = {str(k).lower(): str(v) for k, v in dict(self.headers or {}).items()}
    user = headers.get("authorization", "Credential=unknown/").partition("Credential=")[2].split("/")[0]
    sent, told = [*_sent(self), *more], _told(answer[-1] if isinstance(answer, tuple) else answer)
    source = f"{SOURCES.get(self.service_name, self.service_name)}.amazonaws.com"
    event: dict[str, Any] = {
        "userIdentity": {"type": "IAMUser", "userName": user},
        "eventSource": source,
        "eventName": action,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": headers.get("user-agent", ""),
        "requestParameters": _grouped(sent),
        "responseElements": _grouped(told),
    }
    if isinstance(answer, tuple) and isinstance(answer[0], int) and answer[0] >= 400:
        event["errorCode"] = str(answer[0])
    names = {value for pairs in (sent, told) for key, value in pairs if NAMING.search(key)}
    EVENTS.append(
        {
            "EventId": str(uuid.uuid4()),
            "EventName": action,
            "EventSource": source,
            "ReadOnly": "false",
            "EventTime": datetime.now(UTC).timestamp(),
            "Username": user,
            "Resources": [{"ResourceName": name} for name in sorted(names) if not name.startswith(UNLISTED)],
            "CloudTrailEvent": json.dumps(event),
        }
    )


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _sent(self: Any) -> list[tuple[str, str]]:
    """The request's parameters, flat. Where they are in the path, as S3 has them, its parts stand for names."""
    query = {key: value[0] if len(value) == 1 else value for key, value in (self.querystring or {}).items()}
    path = [("pathName", unquote(part)) for part in urlsplit(self.uri).path.split("/") if part]
    return [*_told(self.body or ""), *_flat("", query), *path]


def _told(body: Any) -> list[tuple[str, str]]:
    """The members of an answer or of a request's body, flat, whether JSON or XML."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    if text.lstrip().startswith("<"):
        return [(key, unescape(value)) for key, value in re.findall(r"<(\w+)>([^<>]+)</\1>", text)]
    try:
        return list(_flat("", json.loads(text)))
    except ValueError:
        return []


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _flat(str(name), one)
    elif isinstance(value, list):
        for one in value:
            yield from _flat(key, one)
    elif value is not None:
        yield key, str(value)
