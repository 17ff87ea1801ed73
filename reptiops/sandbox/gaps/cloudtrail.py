"""CloudTrail: the sandbox remembers who changed what, so that it can be looked up."""

from __future__ import annotations

import json
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Any

from reptiops.sandbox.gaps import add, replace

READS = ("Describe", "Get", "List", "Lookup", "Head", "Batch")
KEPT = 5000
"""Events that are remembered."""
EVENTS: deque[dict[str, Any]] = deque(maxlen=KEPT)


def fill() -> None:
    """Record every change, and answer lookups by resource name."""
    from moto.cloudtrail.responses import CloudTrailResponse
    from moto.core.responses import BaseResponse

    @replace(BaseResponse, "call_action")
    def call(original: Any, self: Any) -> Any:
        answer = original(self)
        action = self._get_action() or ""
        if action and not action.startswith(READS):
            _record(self, action, answer)
        return answer

    @add(CloudTrailResponse, "lookup_events")
    def lookup(self: Any) -> str:
        wanted = [a["AttributeValue"] for a in self._get_param("LookupAttributes") or []]
        found = [e for e in reversed(EVENTS) if all(w in e["text"] for w in wanted)]
        return json.dumps({"Events": [e["event"] for e in found[: self._get_int_param("MaxResults", 50)]]})


def _record(self: Any, action: str, answer: Any) -> None:
    headers = {str(k).lower(): str(v) for k, v in dict(self.headers or {}).items()}
    user = headers.get("authorization", "Credential=unknown/").partition("Credential=")[2].split("/")[0]
    now = datetime.now(UTC)
    event = {
        "userIdentity": {"type": "IAMUser", "userName": user},
        "eventName": action,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": headers.get("user-agent", ""),
    }
    text = (
        f"{self.body!r} {self.uri} {getattr(self, 'querystring', '')} {answer[-1] if isinstance(answer, tuple) else ''}"
    )
    EVENTS.append(
        {
            "text": text,
            "event": {
                "EventId": str(uuid.uuid4()),
                "EventName": action,
                "ReadOnly": "false",
                "EventTime": now.timestamp(),
                "Username": user,
                "CloudTrailEvent": json.dumps(event),
            },
        }
    )
