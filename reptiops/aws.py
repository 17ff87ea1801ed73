"""Sessions, clients and the gate in front of every call: no write in a read-only run, no id that is not known yet.

A botocore client repeats a request whose answer was lost. For a create without an idempotency token that makes two
resources, so writes go through a client that never repeats and the engine looks before it tries again; reads go
through one that repeats freely.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from reptiops.endpoints import is_aws
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ReptiopsError
from reptiops.limits import Limits, NotSent, pause
from reptiops.redact import hide, redacted

READS = ("describe", "get_", "list_", "head_", "lookup_", "batch_get", "simulate", "filter_", "search_")
"""Method names of botocore clients that start like this change nothing in AWS."""
LOST = (ConnectionClosedError, ReadTimeoutError, HTTPClientError, ResponseParserError)
"""After these the call may or may not have taken effect."""
UNSENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, NotSent)
"""After these nothing was sent: there was no connection, or the run was stopped before."""
DISTRUSTED = ("certificate verify failed", "doesn't match", "WRONG_VERSION_NUMBER")
"""TLS that does not mend itself. What else ends a connection there, such as EOF, is a network that went away."""
AT_ONCE = 10
"""Reads of one kind at once, where each thing has to be read by itself."""
PAGE_SIZES = {
    "describe_alarms": 100,
    "describe_repositories": 1000,
    "get_account_authorization_details": 1000,
    "list_roles": 1000,
    "list_services": 100,
}
"""Items a page, where AWS gives fewer unless asked: an account holds much that is not ours."""
LAG, EMULATED_LAG = 60.0, 5.0
KEPT_TIMEOUT, KEPT_ATTEMPTS = 5.0, 4
"""Where state and lock are kept: a connection that is stuck is given up long before the lease is over."""
GLOBAL = {"iam", "route53", "cloudfront", "budgets"}
THROTTLED = frozenset(
    [
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "RequestThrottled",
        "PriorRequestNotComplete",
        "ThrottledException",
        "RequestThrottledException",
        "EC2ThrottledException",
        "Throttled",
        "BandwidthLimitExceeded",
        "TransactionInProgressException",
    ]
)
DENIED = frozenset(
    [
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "AuthFailure",
        "UnauthorizedException",
        "Forbidden",
        "403",
    ]
)

EXPIRED = frozenset(
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "NoCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "RefreshWithMFAUnsupportedError",
    ]
)
"""AWS's words, and botocore's, for credentials that are no longer good: nothing can be read or written with them."""


SECRET_PARAMETERS = ("MasterUserPassword", "AuthToken", "SecretString", "PrivateKey")
"""Parameters whose values are shown nowhere, not even where AWS repeats them in an error."""


class WriteRefused(ReptiopsError):
    """A call that would change AWS was about to leave a run that only reads."""


class UnknownInCall(ReptiopsError):
    """A call was about to leave with an id that AWS has not given yet: a fault of the tool, never of the person."""


def code(error: BaseException) -> str:
    """AWS's error code, or the exception's class name where AWS never answered."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def message(error: BaseException) -> str:
    """AWS's own words for what went wrong, without the secrets that it may repeat."""
    if isinstance(error, ClientError):
        return redacted(str(error.response.get("Error", {}).get("Message", "")))
    return redacted(str(error))


def operation(error: BaseException) -> str:
    """The API operation that AWS refused, e.g. `CreateVpc`; empty where AWS never answered."""
    return str(getattr(error, "operation_name", ""))


def request_id(error: BaseException) -> str:
    """AWS's request id of a failed call, for a support case; empty where AWS never answered."""
    if isinstance(error, ClientError):
        return str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
    return ""


def lost(error: BaseException) -> bool:
    """Whether the call may have taken effect although it failed here."""
    if isinstance(error, UNSENT):
        return False
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return int(status) >= 500 and code(error) not in THROTTLED
    if isinstance(error, SSLError):
        return not any(words in str(error) for words in DISTRUSTED)
    return isinstance(error, LOST)


def unsent(error: BaseException) -> bool:
    """Whether the call never left: the network is gone, and the same call may be made once it is back."""
    return isinstance(error, UNSENT)


def settled(call: Callable[..., Any], *codes: str, **parameters: Any) -> None:
    """Make a call whose effect may be there already, as when AWS's answer was lost: these codes say so, and are success."""
    try:
        call(**parameters)
    except ClientError as error:
        if code(error) not in codes:
            raise


def is_read(method: str) -> bool:
    """Whether a client method only reads."""
    return method.startswith(READS)


T = TypeVar("T")


class Service:
    """One AWS service: its reads and its writes, told apart by the method's name. Who only reads needs no second client."""

    def __init__(self, reader: Any, writing: Callable[[], Any]):
        self._reader, self._writing = reader, writing
        self._writer: Any = None
        self.exceptions = reader.exceptions

    def __getattr__(self, method: str) -> Any:
        if is_read(method):
            return getattr(self._reader, method)
        if self._writer is None:
            self._writer = self._writing()
        return getattr(self._writer, method)

    def pages(self, method: str, member: str, **parameters: Any) -> list[Any]:
        """Every item of a paginated read, whichever way the API pages."""
        if not self._reader.can_paginate(method):
            return list(getattr(self._reader, method)(**parameters)[member])
        found: list[Any] = []
        for page in self.each_page(method, **parameters):
            found.extend(page.get(member) or [])
        return found

    def each_page(self, method: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """A paginated read page by page, for what may be too much to hold, or ends with the first that fits."""
        size = {"PageSize": PAGE_SIZES[method]} if method in PAGE_SIZES else {}
        yield from self._reader.get_paginator(method).paginate(**parameters, PaginationConfig=size)


class Aws:
    """The clients of one account and region. `read_only` closes the gate for every write, whoever calls."""

    def __init__(self, session: Any, region: str, *, read_only: bool = False, workers: int = 16):
        self.session = session
        self.region = region
        self.read_only = read_only
        self.calls: Counter[str] = Counter()
        """Calls by `service:Operation`, but for those that only wait."""
        self.polls: Counter[str] = Counter()
        """Looks at something that AWS is still making or removing."""
        self.kept: Counter[str] = Counter()
        """Calls for lock, state and journal."""
        self._purpose = threading.local()
        self.before_write: Callable[[], None] | None = None
        """Called before each write: the lock's fencing check. It raises to refuse the call."""
        self.stop = threading.Event()
        """Ends a wait for AWS's rates: the run's own, once there is a run."""
        self._workers = workers
        self._services: dict[str, Service] = {}
        self._writers: dict[str, Any] = {}
        self._local: bool | None = None
        self._limits = Limits()
        self._guard = threading.Lock()
        self._noted = threading.local()
        self._caller: dict[str, str] = {}
        self._counting = threading.Lock()
        self._remembered: dict[str, Any] = {}
        self._remembering = threading.RLock()

    def service(self, name: str) -> Service:
        """The service of that botocore name, e.g. `elbv2`; clients are made once, under a lock (sessions are not thread-safe)."""
        with self._guard:
            if name not in self._services:
                self._services[name] = Service(self._client(name, 8), lambda: self._writer(name))
            return self._services[name]

    def prepare(self, names: Iterable[str]) -> None:
        """Begin to make the readers of these services, in this order, in a thread of its own. It calls nothing.

        Who needs one meanwhile waits for the one that is being made, and is next.
        """

        def make() -> None:
            # What is wrong with a session its first call says, to the one who calls.
            with suppress(BotoCoreError):
                for name in names:
                    self.service(name)

        threading.Thread(target=make, name="clients", daemon=True).start()

    def _writer(self, name: str) -> Any:
        with self._guard:
            if name not in self._writers:
                self._writers[name] = self._client(name, 1)
            return self._writers[name]

    def __getattr__(self, name: str) -> Service:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.service(name.replace("_", "-"))

    @property
    def endpoint(self) -> str:
        """Where the calls go, e.g. `https://sts.us-east-1.amazonaws.com` or an emulator."""
        return str(self.service("sts")._reader.meta.endpoint_url)

    def account(self) -> str:
        """The account id that the credentials belong to; asked once."""
        return self._identity()["Account"]

    def caller(self) -> str:
        """The ARN of the identity that the credentials belong to."""
        return self._identity()["Arn"]

    def _identity(self) -> dict[str, str]:
        if not self._caller:
            answer = self.service("sts").get_caller_identity()
            self._caller = {name: str(answer[name]) for name in ("Account", "Arn")}
        return self._caller

    def elsewhere(self, region: str) -> Aws:
        """The same account in another region, for reads alone, counted here; asked twice it is the same one."""
        if region == self.region:
            return self

        def made() -> Aws:
            other = Aws(self.session, region, read_only=True, workers=self._workers)
            other.calls, other.polls, other._counting, other._purpose = (
                self.calls, self.polls, self._counting, self._purpose,
            )  # fmt: skip
            other._guard = self._guard  # of the same session, of which only one client may be made at a time
            return other

        other = self.once(f"in {region}", made)
        other.stop = self.stop
        return other

    def once(self, name: str, read: Callable[[], T]) -> T:
        """What one read tells for a whole run: things of others, that no change of ours moves."""
        with self._remembering:
            if name not in self._remembered:
                self._remembered[name] = read()
            found: T = self._remembered[name]
        return found

    def note_requests(self) -> list[str]:
        """From now on `Operation request-id` of each write of this thread is added to the list that is answered."""
        ids: list[str] = []
        self._noted.ids = ids
        return ids

    def carried_out(self) -> int:
        """How many writes of this thread AWS has answered well: who has made some calls of several has begun."""
        return getattr(self._noted, "carried_out", 0)

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """The ARN of something in this account whose create does not answer one."""
        return f"arn:aws:{service}:{self.region if regional else ''}:{self.account()}:{resource}"

    def ungated(self, name: str) -> Any:
        """A client of its own that the gate does not know, counted apart: for where the state is kept."""
        with self._guard:
            return self._client(name, KEPT_ATTEMPTS, gated=False)

    @contextmanager
    def polling(self) -> Iterator[None]:
        """What this thread calls meanwhile is waiting, and counted apart."""
        before = getattr(self._purpose, "polling", False)
        self._purpose.polling = True
        try:
            yield
        finally:
            self._purpose.polling = before

    def each(self, read: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """What AWS has no bulk read for: one read for each, several at once, answered in the order of the items."""
        polling = getattr(self._purpose, "polling", False)

        def one(item: Any) -> Any:
            self._purpose.polling = polling
            return read(item)

        listed = list(items)
        if len(listed) < 2:
            return [read(item) for item in listed]
        with ThreadPoolExecutor(min(AT_ONCE, len(listed)), thread_name_prefix="each") as pool:
            return list(pool.map(one, listed))

    def _client(self, name: str, attempts: int, gated: bool = True) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=self._workers,
            connect_timeout=10 if gated else KEPT_TIMEOUT,
            read_timeout=60 if gated else KEPT_TIMEOUT,
            user_agent_appid="reptiops",
            s3={"addressing_style": "path"} if self._emulated() else None,
        )
        region = "us-east-1" if name in GLOBAL else self.region
        client = self.session.client(name, region_name=region, config=config)
        if gated:
            client.meta.events.register("provide-client-params", self._gate)
            client.meta.events.register("response-received", partial(self._heard, name))
            client.meta.events.register("after-call", self._answered)
        else:
            client.meta.events.register("provide-client-params", self._keep)
        return client

    def lag(self) -> float:
        """Seconds after which lists show whatever was made: a minute (aws-facts 1.3), a few seconds in an emulator."""
        return EMULATED_LAG if self._emulated() else LAG

    def _emulated(self) -> bool:
        if self._local is None:
            if "sts" in self._services:
                endpoint = self._services["sts"]._reader.meta.endpoint_url
            else:
                endpoint = self.session.client("sts", region_name=self.region).meta.endpoint_url
            self._local = not is_aws(str(endpoint))
        return self._local

    def _keep(self, model: Any, **_: Any) -> None:
        with self._counting:
            self.kept[f"{model.service_model.service_name}:{model.name}"] += 1

    def _gate(self, params: Any, model: Any, **_: Any) -> None:
        operation = model.name
        method = boto3.session.botocore.xform_name(operation)
        service = model.service_model.service_name
        if not is_read(method) and self.read_only:
            raise WriteRefused(f"{service}:{operation} would change AWS, and this run only reads")
        if is_unknown(params):
            raise UnknownInCall(f"{service}:{operation} was called with a value that is not known yet: {params!r}")
        if not self._emulated():
            pause(self._limits, service, operation, is_read(method), self.stop)
        if self.before_write is not None and not is_read(method):
            self.before_write()  # after the wait, in which the lock may have been lost
        counted = self.polls if getattr(self._purpose, "polling", False) else self.calls
        with self._counting:  # a Counter's += is a read and a write
            counted[f"{service}:{operation}"] += 1
        for name in SECRET_PARAMETERS:
            if isinstance(params.get(name), str | bytes):
                value = params[name]
                hide(value if isinstance(value, str) else value.decode())

    def _heard(self, service: str, event_name: str, parsed_response: Any, **_: Any) -> None:
        """An answer, also one after which botocore asks again by itself: "too fast" is heard the first time."""
        if ((parsed_response or {}).get("Error") or {}).get("Code") in THROTTLED:
            operation = event_name.rpartition(".")[2]
            self._limits.throttled(service, operation, is_read(boto3.session.botocore.xform_name(operation)))

    def _answered(self, parsed: Any, model: Any, **_: Any) -> None:
        if is_read(boto3.session.botocore.xform_name(model.name)):
            return
        ids, answer = getattr(self._noted, "ids", None), parsed.get("ResponseMetadata", {})
        if ids is not None and answer.get("RequestId"):
            ids.append(f"{model.name} {answer['RequestId']}")
        if answer.get("HTTPStatusCode", 0) < 300:
            self._noted.carried_out = self.carried_out() + 1
