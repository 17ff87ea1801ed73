"""Telling people and CloudWatch what a scheduled run found."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from reptiops.aws import Aws
from reptiops.errors import ReptiopsError
from reptiops.rights import arn_of, create

SUBJECT = 100
"""SNS takes so many characters as a subject, ASCII only."""
MESSAGE = (create("sns:Publish", on=(arn_of("sns", "{topic}"),)),)
METRICS = (create("cloudwatch:PutMetricData", when={"StringEquals": {"cloudwatch:namespace": "{namespace}"}}),)
PATIENCE = 10
"""Seconds for a webhook."""


class NotificationFailed(ReptiopsError):
    """The webhook did not take the message. Its address is never shown: it may be a secret."""


def publish(aws: Aws, topic: str, subject: str, text: str) -> None:
    """Send a message to a topic."""
    plain = subject.encode("ascii", "replace").decode()[:SUBJECT]
    aws.sns.publish(TopicArn=topic, Subject=plain, Message=text)


def post(url: str, text: str) -> None:
    """Send a message to a webhook that takes `{"text": …}`, over HTTPS. Raises NotificationFailed."""
    if not url.startswith("https://"):
        raise NotificationFailed("the webhook's address does not begin with https://")
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return
    except (OSError, ValueError, HTTPException) as error:
        raise NotificationFailed(f"the webhook did not take the message: {type(error).__name__}") from None


def tell(aws: Aws, topic: str | None, webhook_variable: str | None, subject: str, text: str) -> None:
    """Send a message to a topic, and to the webhook whose address that environment variable holds, where there is one."""
    if topic:
        closed, aws.read_only = aws.read_only, False  # a message is the only write of a run that otherwise reads
        try:
            publish(aws, topic, subject, text)
        finally:
            aws.read_only = closed
    url = os.environ.get(webhook_variable) if webhook_variable else None
    if url:
        post(url, text)


def metrics(aws: Aws, namespace: str, values: Mapping[str, float]) -> None:
    """Write counts as custom metrics."""
    data = [{"MetricName": name, "Value": float(value), "Unit": "Count"} for name, value in values.items()]
    aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
