"""The monthly budget. Budgets are an account's, answered in us-east-1, at about one call a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, settled
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.rights import Right, arn_of, create, delete, read, update

BUDGETS = (arn_of("budgets", "budget/{name}", regional=False),)


@dataclass(frozen=True)
class Budget(Resource):
    """A monthly cost budget over what carries one tag. It counts nothing until the tag is a cost allocation tag.

    `notifications`: per cent of actual spend → who is told, as `SNS|<arn>` and `EMAIL|<address>`.
    """

    name: str = fixed()
    amount: float = 0.0
    cost_tag: str = ""
    """`user:<key>$<value>`."""
    notifications: Mapping[str, frozenset[str]] = field(default_factory=dict)

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "cost"
    absent: ClassVar[frozenset[str]] = frozenset({"NotFoundException"})
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        # Every call about a budget, its notifications and subscribers is one of these two to IAM.
        read("budgets:ViewBudget", "budgets:ListTagsForResource", on=BUDGETS),
        # A budget is a look at the account's costs, and these have rights of their own since 2025.
        read("billing:GetBillingViewData", on=(arn_of("billing", "billingview/primary", regional=False),)),
        create("budgets:ModifyBudget", "budgets:TagResource", on=BUDGETS),
        update("budgets:ModifyBudget", on=BUDGETS),
        delete("budgets:ModifyBudget", on=BUDGETS),
    )

    def key(self) -> str:
        """Names are unique in an account."""
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By name; notifications and who is told are reads of their own."""
        for want in scope.wanted(cls):
            whose = {"AccountId": scope.names.account, "BudgetName": want.name}
            try:
                one = aws.budgets.describe_budget(**whose)["Budget"]
            except ClientError as error:
                if code(error) not in cls.absent:
                    raise
                continue
            notifications = {
                f"{n['Threshold']:g}": frozenset(
                    f"{s['SubscriptionType']}|{s['Address']}"
                    for s in aws.budgets.pages(
                        "describe_subscribers_for_notification", "Subscribers", **whose, Notification=_bare(n)
                    )
                )
                for n in aws.budgets.pages("describe_notifications_for_budget", "Notifications", **whose)
            }
            tag = ", ".join(one.get("CostFilters", {}).get("TagKeyValue", []))
            has = cls(want.name, float(one["BudgetLimit"]["Amount"]), tag, notifications)
            arn = f"arn:aws:budgets::{scope.names.account}:budget/{want.name}"
            tags = aws.budgets.list_tags_for_resource(ResourceARN=arn).get("ResourceTags", [])
            yield Live(want.name, has, scope.address({t["Key"]: t["Value"] for t in tags}), out={"arn": arn})

    def _budget(self) -> dict[str, Any]:
        return {
            "BudgetName": self.name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": f"{self.amount:.2f}", "Unit": "USD"},
            "CostFilters": {"TagKeyValue": [self.cost_tag]},
        }

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.budgets.tag_resource(ResourceARN=live.out["arn"], ResourceTags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """With its notifications in one call."""
        aws.budgets.create_budget(
            AccountId=aws.account(),
            Budget=self._budget(),
            NotificationsWithSubscribers=[
                {"Notification": _notification(threshold), "Subscribers": _subscribers(who)}
                for threshold, who in sorted(self.notifications.items())
            ],
            ResourceTags=identity.tag_list(),
        )
        return Made(self.name, {"arn": aws.arn("budgets", f"budget/{self.name}", regional=False)})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """The budget as a whole; notifications and subscribers by calls of their own."""
        account = aws.account()
        if changed & {"amount", "cost_tag"}:
            aws.budgets.update_budget(AccountId=account, NewBudget=self._budget())
        if "notifications" not in changed:
            return
        whose = {"AccountId": account, "BudgetName": self.name}
        has = live.has.notifications
        for threshold, who in self.notifications.items():
            one = _notification(threshold)
            if threshold not in has:
                whole = {**whose, "Notification": one, "Subscribers": _subscribers(who)}
                settled(aws.budgets.create_notification, "DuplicateRecordException", **whole)
                continue
            for added in _subscribers(who - has[threshold]):
                told = {**whose, "Notification": one, "Subscriber": added}
                settled(aws.budgets.create_subscriber, "DuplicateRecordException", **told)
            for dropped in _subscribers(has[threshold] - who):
                told = {**whose, "Notification": one, "Subscriber": dropped}
                settled(aws.budgets.delete_subscriber, "NotFoundException", **told)
        for threshold in has.keys() - self.notifications.keys():
            one = _notification(threshold)
            settled(aws.budgets.delete_notification, "NotFoundException", **whose, Notification=one)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        aws.budgets.delete_budget(AccountId=aws.account(), BudgetName=live.id)


def _notification(threshold: str) -> dict[str, Any]:
    return {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": float(threshold),
        "ThresholdType": "PERCENTAGE",
    }


def _bare(notification: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as AWS names it in further calls: without its state."""
    return {k: v for k, v in notification.items() if k != "NotificationState"}


def _subscribers(who: Iterable[str]) -> list[dict[str, str]]:
    return [{"SubscriptionType": kind, "Address": to} for kind, _, to in (one.partition("|") for one in sorted(who))]
