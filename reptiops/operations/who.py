"""Who changed something: CloudTrail's events about a resource, where the trail can tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.rights import read

PAGES = 10
"""Pages of 50 that are read of one name, newest first; then it is told that there is more."""
RIGHTS = (read("cloudtrail:LookupEvents"),)
OURS = "reptiops"
"""What our own calls carry in their user agent."""
SOURCES: Mapping[str, tuple[str, ...]] = {
    "cloudwatch": ("monitoring",),
    "application-autoscaling": ("application-autoscaling", "autoscaling"),
}
"""Event sources of services that are called otherwise in IAM."""
GLOBAL = frozenset({"iam", "cloudfront", "route53", "budgets"})
"""Services whose events are in us-east-1, wherever the environment is."""
SPREAD = frozenset({"ecs", "application-autoscaling"})
"""Services whose calls name a thing by several parameters: the cluster, and the service in it."""
NOBODY = "CloudTrail has no change of it by somebody else within 90 days (an event takes some minutes to appear)"
RECORDS = "ChangeResourceRecordSets"
"""The one call that makes, changes and removes records of a zone."""
REMOVAL = re.compile(r"(?:Batch)?(?:Delete|Revoke|Remove|Deregister|Terminate|Release|Detach|Disassociate|Unsubscribe)")
TAGGING = re.compile(
    r"(?:Create|Delete|Add|Remove|Tag|Untag)(?:Tags|Resource|TagsTo\w+|TagsFrom\w+)$|(?:Put|Delete)BucketTagging$"
)


@dataclass(frozen=True)
class Deed:
    """One change: who (name, role session or signed-in user), what was called, when, from where."""

    who: str
    event: str
    at: str
    source: str


@dataclass(frozen=True)
class Sought:
    """What is asked about: its id, what it hangs on, the IAM prefixes of the services that can do it, what happened."""

    id: str
    parents: tuple[str, ...]
    services: frozenset[str]
    what: Literal["changed", "missing", "extra"]

    @property
    def names(self) -> tuple[str, ...]:
        """What CloudTrail may list it by: its id, its name within the ARN; then what it hangs on in the same way.

        Many calls list only what they are made on: AuthorizeSecurityGroupIngress the group, never the rule.
        """
        found = [name for one in (self.id, *self.parents) for name in (one, _path(one), re.split("[/:]", one)[-1])]
        return tuple(dict.fromkeys(name for name in found if name))

    def done_by(self, event: Mapping[str, Any]) -> bool:
        """Whether a call did it: one of these services, not in vain, of that sort, and about this very id."""
        name = str(event.get("eventName", ""))
        sources = {f"{word}.amazonaws.com" for one in self.services for word in SOURCES.get(one, (one,))}
        if event.get("eventSource") not in sources or event.get("errorCode") or TAGGING.match(name):
            return False
        removes = bool(REMOVAL.match(name))
        if (self.what == "missing" and not removes) or (self.what == "extra" and removes):
            return False
        return self._is_in(
            [f"/{text}/" for text in _texts([event.get(k) for k in ("requestParameters", "responseElements")])]
        )

    def in_its_zone(self, event: Mapping[str, Any]) -> bool:
        """Whether a call changed records of the zone that a record is in: which ones, it names by their hosts."""
        texts = _texts(event.get("requestParameters"))
        return not event.get("errorCode") and any(self.id.split("/")[0] == text.split("/")[-1] for text in texts)

    def _is_in(self, texts: list[str]) -> bool:
        """The same name in another environment, or another service's, is somebody else's."""
        path = _path(self.id).strip("/")
        if any(f"/{path}/" in text for text in texts):
            return True
        parts = path.split("/")
        parts = parts[1:] if parts[0] == "service" else parts
        return bool(self.services & SPREAD) and all(any(f"/{part}/" in text for text in texts) for part in parts)


def changed(aws: Aws, sought: Sought) -> Deed | str:
    """The latest deed of somebody else that made it so. A sentence where that cannot be told, and why."""
    if aws.region != "us-east-1" and sought.services & GLOBAL:
        return (
            "CloudTrail keeps the events of this service in us-east-1, and only the environment's region is looked at"
        )
    found: list[tuple[Any, Deed]] = []
    cut = False
    for name in sought.names:
        try:
            hit, whole = _latest(aws, "ResourceName", name, sought.done_by)
        except ClientError as error:
            return f"CloudTrail cannot be asked: {code(error)}"
        found += [hit] if hit is not None else []
        cut = cut or not whole
    if found:
        return max(found, key=lambda one: one[0])[1]
    if sought.services == {"route53"}:
        return _of_the_zone(aws, sought)
    if cut:
        return f"CloudTrail has more than {PAGES * 50} later events there, and none of them is a change of it by somebody else"
    return NOBODY


def _of_the_zone(aws: Aws, sought: Sought) -> str:
    """A record has no name of its own in CloudTrail: what can be told is who changed the zone that it is in."""
    try:
        hit, whole = _latest(aws, "EventName", RECORDS, sought.in_its_zone)
    except ClientError as error:
        return f"CloudTrail cannot be asked: {code(error)}"
    if hit is None:
        return (
            NOBODY
            if whole
            else f"CloudTrail has more than {PAGES * 50} later changes of records than are looked through"
        )
    deed = hit[1]
    return (
        f"CloudTrail names no single record; the zone's latest change by somebody else: {deed.event} by {deed.who}, "
        f"{deed.at}, from {deed.source}"
    )


def _latest(
    aws: Aws, key: Literal["ResourceName", "EventName"], value: str, did: Callable[[Mapping[str, Any]], bool]
) -> tuple[tuple[Any, Deed] | None, bool]:
    """The newest event under a name that did it, and whether all was read. CloudTrail answers newest first."""
    more: dict[str, str] = {}
    for _ in range(PAGES):
        answer = aws.cloudtrail.lookup_events(
            LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], MaxResults=50, **more
        )
        for one in answer["Events"]:
            event = json.loads(one.get("CloudTrailEvent") or "{}")
            if one.get("ReadOnly") != "true" and OURS not in event.get("userAgent", "") and did(event):
                at = one["EventTime"]
                source = event.get("sourceIPAddress", "?")
                return (at, Deed(_who(one, event), one["EventName"], at.isoformat(), source)), True
        if not answer.get("NextToken"):
            return None, True
        more = {"NextToken": answer["NextToken"]}
    return None, False


def _path(name: str) -> str:
    """The resource part of an ARN, in one spelling; anything else as it is."""
    if not name.startswith("arn:"):
        return name
    path = name.split(":", 5)[-1].replace(":", "/")
    if ":secretsmanager:" in name:  # calls name it without the six characters that AWS has put behind
        return re.sub(r"-\w{6}$", "", path.removeprefix("secret/"))
    return path


def _texts(value: Any) -> Iterator[str]:
    """Every text and number in an event, ARNs as paths."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield _path(str(value)).strip("/")


def _who(one: dict[str, Any], event: dict[str, Any]) -> str:
    """The person behind a role session: the session's name is what SSO and most tools set to the user."""
    identity = event.get("userIdentity", {})
    if identity.get("type") == "AssumedRole":
        role = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("userName", "")
        session = str(identity.get("arn", "")).rsplit("/", 1)[-1]
        return f"{session} (role {role})" if role else session
    name = identity.get("userName") or one.get("Username") or identity.get("invokedBy")
    return str(name or identity.get("arn") or identity.get("type") or "unknown")
