"""SNS: e-mail subscriptions wait for their addressee."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace

PENDING = "PendingConfirmation"


def fill() -> None:
    """Subscriptions."""
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


class _Shown:
    """A subscription as it is listed. Nothing is sent to somebody who has not confirmed."""

    arn = ""

    def publish(self, *message: Any, **more: Any) -> None:
        """Nobody is told before the addressee has confirmed."""
