"""The topic that alarms and budget publish to, and who hears it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Kept, Live, Made, Resource, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.policy import Policy
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, write

PENDING = "PendingConfirmation"
"""What AWS lists in the place of an ARN until the addressee has confirmed."""


TOPICS = (arn_of("sns", "{sns.Topic.name}"),)


@dataclass(frozen=True)
class Topic(Resource):
    """A topic. Setting its policy replaces AWS's default one, which lets the whole account do everything."""

    name: str = fixed()
    policy: Policy = field(default_factory=Policy.make)

    forgotten: ClassVar[str] = "what others subscribed to it does not come back"
    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"NotFound", "NotFoundException", "ResourceNotFound"})
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("sns:GetTopicAttributes", "sns:ListTagsForResource", on=TOPICS),
        create("sns:CreateTopic", "sns:TagResource", on=TOPICS, when=TAGGED),
        *write("sns:SetTopicAttributes", on=TOPICS),
        delete("sns:DeleteTopic", on=TOPICS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """Its ARN is its id."""
        return dict.fromkeys(("id", "arn"), place.arn("sns", self.name))

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By ARN, which follows from the name."""
        for want in scope.wanted(cls):
            arn = f"arn:aws:sns:{scope.names.region}:{scope.names.account}:{want.name}"
            try:
                attributes = aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            except ClientError as error:
                if code(error) not in cls.absent:
                    raise
                continue
            tags = tags_of(scope, cls, {arn: arn}, singly(lambda arn: _tags(aws, arn)), {arn})
            has = cls(want.name, Policy.of(attributes["Policy"]))
            yield Live(arn, has, scope.address(tags.get(arn, {})), out={"arn": arn})

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.sns.tag_resource(ResourceArn=live.id, Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The same name again answers the same topic, but other tags are an error. The policy is a second call."""
        arn = str(aws.sns.create_topic(Name=self.name, Tags=identity.tag_list())["TopicArn"])
        self._set_policy(aws, arn)
        return Made(arn, {"arn": arn})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Only the policy."""
        self._set_policy(aws, live.id)

    def _set_policy(self, aws: Aws, arn: str) -> None:
        aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=self.policy.json())

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Its subscriptions go with it."""
        aws.sns.delete_topic(TopicArn=live.id)


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    return {t["Key"]: t["Value"] for t in aws.sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}


@dataclass(frozen=True)
class Subscription(Resource):
    """One listener. Nobody but the addressee can confirm it, so a pending one is as good as it gets."""

    topic: str = fixed()
    protocol: str = fixed()
    endpoint: str = fixed()

    forgotten: ClassVar[str] = "it has to be confirmed anew"
    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"NotFound", "NotFoundException"})
    taggable: ClassVar[bool] = False
    removable: ClassVar[bool] = True
    key_stays: ClassVar[bool] = True
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        read("sns:ListSubscriptionsByTopic", on=TOPICS),
        create("sns:Subscribe", on=TOPICS),
        delete("sns:Unsubscribe"),
    )

    def key(self) -> str:
        """Topic, protocol and address, whatever the address's case."""
        return f"{self.topic}|{self.protocol}|{self.endpoint.lower()}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everybody who listens to our topic, also whom nobody declared. Pending ones have no ARN of their own."""
        for topic in scope.ours(Topic):
            for one in aws.sns.pages("list_subscriptions_by_topic", "Subscriptions", TopicArn=topic.id):
                has = cls(topic.id, one["Protocol"], one["Endpoint"])
                if one["SubscriptionArn"] == "Deleted":
                    continue  # the addressee has left: missing, not pending
                waiting = not one["SubscriptionArn"].startswith("arn:")
                status = Status("ready", "pending confirmation" if waiting else "confirmed")
                yield Live(has.key() if waiting else one["SubscriptionArn"], has, status=status)

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Sends the addressee a mail; never repeated for one who has not confirmed."""
        answer = aws.sns.subscribe(TopicArn=self.topic, Protocol=self.protocol, Endpoint=self.endpoint)
        arn = str(answer["SubscriptionArn"])
        waiting = not arn.startswith("arn:")
        status = Status("ready", "pending confirmation" if waiting else "confirmed")
        return Made(self.key() if waiting else arn, status=status)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """A pending one cannot be unsubscribed: it goes with the topic, or by itself after some days."""
        if not live.id.startswith("arn:") or "|" in live.id:
            raise Kept("nobody has confirmed it, so nobody can end it; it goes with its topic")
        aws.sns.unsubscribe(SubscriptionArn=live.id)
