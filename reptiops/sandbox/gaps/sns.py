"""SNS: e-mail subscriptions wait for their addressee; a topic made again with other tags is refused."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace

PENDING = "PendingConfirmation"


def fill() -> None:
    """Subscriptions and topics."""
    from moto.sns.exceptions import SNSInvalidParameter
    from moto.sns.models import SNSBackend
    from moto.sns.responses import SNSResponse

    @replace(SNSResponse, "subscribe")
    def subscribe(original: Any, self: Any) -> Any:
        answer = original(self)
        mail = self._get_param("Protocol") in ("email", "email-json")
        if mail and not self._get_bool_param("ReturnSubscriptionArn", False):
            answer = type(answer)({"SubscriptionArn": "pending confirmation"})
        return answer

    @replace(SNSBackend, "list_subscriptions_by_topic")
    def listed(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        found, token = original(self, *args, **kwargs)
        return [_waiting(one) if one.protocol in ("email", "email-json") else one for one in found], token

    def _waiting(subscription: Any) -> Any:
        if getattr(subscription, "confirmed_by_hand", False):
            return subscription
        shown = _Shown()
        shown.__dict__.update(subscription.__dict__)
        shown.arn = PENDING
        return shown

    @replace(SNSBackend, "create_topic")
    def create(original: Any, self: Any, name: str, attributes: Any = None, tags: Any = None) -> Any:
        arn = f"arn:aws:sns:{self.region_name}:{self.account_id}:{name}"
        if arn in self.topics and tags is not None and (self.topics[arn]._tags or []) != tags:
            raise SNSInvalidParameter("Invalid parameter: Tags Reason: Topic already exists with different tags")
        return original(self, name, attributes, tags)


class _Shown:
    """A subscription as it is listed."""

    arn = ""
