"""A bad network and a busy AWS, injected below botocore's retries: the code under test is the real one, and botocore too."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from moto.core.models import botocore_stubber

from reptiops.aws import is_read
from tests.aws_words import WORDS

THROTTLES = {"ec2": "RequestLimitExceeded", "s3": "SlowDown", "rds": "Throttling", "iam": "Throttling"}
"""Each service's own word; all others say ThrottlingException or Throttling by protocol."""
KINDS = ("lost", "timed out", "500 after", "reset", "unreachable", "500", "503", "throttled", *WORDS, "slow states")
"""lost, timed out, 500 after: it took effect, and the answer did not come. The others: it did not. `WORDS`: what AWS says
in passing, by operation; slow states: databases and caches that are ready, and then are not for a while.
"""
RANDOM = {"secretsmanager:CreateSecret", "cloudfront:CreateDistributionWithTags"}
"""Calls whose body holds something that is new each time."""
NOWHERE = "http://nowhere.invalid/"
STATES = {
    "DescribeDBInstances": ("DBInstances", "DBInstanceStatus"),
    "DescribeReplicationGroups": ("ReplicationGroups", "Status"),
}
BACKWARDS = ("creating", "available", "backing-up", "modifying")
"""What the first looks at a ready one say instead. The second word is the truth, and it does not last."""


class Body:
    """What an AWSResponse reads from."""

    def __init__(self, data: bytes):
        self._data = data

    def stream(self, **_: Any) -> Any:
        yield self._data

    def read(self, *_: Any) -> bytes:
        data, self._data = self._data, b""
        return data


def _text(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 256
    return bytes([0x78, len(data)]) + data


def _error(protocol: str, code: str, text: str = "injected") -> bytes:
    if protocol == "smithy-rpc-v2-cbor":
        return b"\xa2" + _text("__type") + _text(code) + _text("message") + _text(text)
    if protocol in ("json", "rest-json"):
        return f'{{"__type": "{code}", "message": "{text}", "Message": "{text}"}}'.encode()
    inner = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    if protocol == "ec2":
        return f"<Response><Errors>{inner}</Errors><RequestID>injected</RequestID></Response>".encode()
    if protocol == "query":
        return f"<ErrorResponse>{inner}<RequestId>injected</RequestId></ErrorResponse>".encode()
    return inner.encode()


class Network:
    """Disturbs each call of a session once, with the chance that `writes` and `reads` say, by one kind of trouble."""

    def __init__(self, session: Any, kind: str, chance: Any, writes: float = 1.0, reads: float = 0.0):
        self.kind, self.hit = kind, Counter[str]()
        self._chance, self._writes, self._reads = chance, writes, reads
        self._guard, self._seen = threading.Lock(), set[str]()
        self._model = threading.local()
        self._looks = Counter[str]()
        session._session.register("before-call", self._note)
        if kind == "slow states":
            session._session.register("after-call", self._backwards)
        session._session.get_component("event_emitter").register_first("before-send", self._send)

    def _note(self, model: Any, **_: Any) -> None:
        self._model.current = model

    def _send(self, request: Any, **_: Any) -> Any:
        model = self._model.current
        name = f"{model.service_model.service_name}:{model.name}"
        rate = self._reads if is_read(xform_name(model.name)) else self._writes
        body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
        told = body[:60] if name in RANDOM else body  # else no two attempts would be the same call
        call = f"{name} {request.url} {hash(told)}"
        if self.kind == "slow states" or (self.kind in WORDS and name not in WORDS[self.kind]):
            return None
        rate = max(rate, 1.0) if self.kind in WORDS else rate
        with self._guard:
            known = call in self._seen
            self._seen.add(call)
            if known or self._chance.random() >= rate:
                return None
            self.hit[name] += 1
        return self._trouble(model, request, name)

    def _backwards(self, model: Any, parsed: Any, **_: Any) -> None:
        members, word = STATES.get(model.name, ("", ""))
        for one in parsed.get(members, []) if members else ():
            with self._guard:
                look = self._looks[model.name]
                self._looks[model.name] += 1
                if look < len(BACKWARDS) and one[word] == "available":
                    one[word] = BACKWARDS[look]
                    self.hit[model.name] += 1

    def _trouble(self, model: Any, request: Any, name: str) -> Any:
        if self.kind in ("lost", "timed out", "500 after"):
            botocore_stubber(model.name, request)
        if self.kind in ("lost", "reset"):
            raise ConnectionClosedError(endpoint_url=request.url)
        if self.kind == "unreachable":
            raise ConnectTimeoutError(endpoint_url=request.url)
        if self.kind == "timed out":
            raise ReadTimeoutError(endpoint_url=request.url)
        answer = self._answer(model, request.url, name)
        request.url = NOWHERE  # moto is asked after us all the same, and must not find itself meant
        return answer

    def _answer(self, model: Any, url: str, name: str) -> Any:
        protocol = model.service_model.resolved_protocol
        if self.kind == "throttled":
            word = THROTTLES.get(model.service_model.service_name)
            word = word or ("ThrottlingException" if "json" in protocol or "cbor" in protocol else "Throttling")
            status = 503 if word in ("SlowDown", "RequestLimitExceeded") else 400
            return AWSResponse(url, status, self._headers(protocol), Body(_error(protocol, word)))
        if self.kind in WORDS:
            word, text, status = self._chance.choice(WORDS[self.kind][name])
            return AWSResponse(url, status, self._headers(protocol), Body(_error(protocol, word, text)))
        status = 503 if self.kind == "503" else 500
        return AWSResponse(url, status, self._headers(protocol), Body(_error(protocol, "InternalError")))

    @staticmethod
    def _headers(protocol: str) -> dict[str, str]:
        return {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"} if "cbor" in protocol else {}
