"""Budgets: updates, notifications with their subscribers, tags, and amounts as AWS prints them."""

from __future__ import annotations

import json
from typing import Any

from reptiops.sandbox.gaps import add, replace


def fill() -> None:
    """Everything about Budgets."""
    _budgets()
    _tags()
    _subscribers()


def _held(self: Any) -> Any:
    from moto.budgets.exceptions import NotFoundException

    account, name = self._get_param("AccountId"), self._get_param("BudgetName")
    if name not in self.backend.budgets[account]:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return self.backend.budgets[account][name]


def _budgets() -> None:
    from moto.budgets.exceptions import NotFoundException
    from moto.budgets.models import Budget
    from moto.budgets.responses import BudgetsResponse

    @replace(Budget, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        shown: dict[str, Any] = original(self)
        if "BudgetLimit" in shown:
            shown["BudgetLimit"] = {**shown["BudgetLimit"], "Amount": str(float(shown["BudgetLimit"]["Amount"]))}
        return shown

    @replace(BudgetsResponse, "create_budget")
    def create(original: Any, self: Any) -> str:
        answer: str = original(self)
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("Budget")["BudgetName"]]
        budget.resource_tags = self._get_param("ResourceTags") or []
        return answer

    @add(BudgetsResponse, "update_budget")
    def update(self: Any) -> str:
        new, account = self._get_param("NewBudget"), self._get_param("AccountId")
        if new["BudgetName"] not in self.backend.budgets[account]:
            raise NotFoundException(f"Unable to update budget: {new['BudgetName']} - the budget doesn't exist.")
        held = self.backend.budgets[account][new["BudgetName"]]
        held.budget = {**{k: held.budget[k] for k in ("TimePeriod", "LastUpdatedTime")}, **new}
        return json.dumps({})


def _tags() -> None:
    from moto.budgets.exceptions import NotFoundException
    from moto.budgets.responses import BudgetsResponse

    def by_arn(self: Any) -> Any:
        arn = self._get_param("ResourceARN")
        account, name = arn.split(":")[4], arn.split(":budget/")[1]
        if name not in self.backend.budgets[account]:
            raise NotFoundException(f"{arn} does not exist")
        return self.backend.budgets[account][name]

    @add(BudgetsResponse, "list_tags_for_resource")
    def tags(self: Any) -> str:
        return json.dumps({"ResourceTags": getattr(by_arn(self), "resource_tags", [])})

    @add(BudgetsResponse, "tag_resource")
    def tag(self: Any) -> str:
        held, new = by_arn(self), self._get_param("ResourceTags")
        keys = {one["Key"] for one in new}
        held.resource_tags = [one for one in getattr(held, "resource_tags", []) if one["Key"] not in keys] + new
        return json.dumps({})

    @add(BudgetsResponse, "untag_resource")
    def untag(self: Any) -> str:
        held, keys = by_arn(self), self._get_param("ResourceTagKeys")
        held.resource_tags = [one for one in getattr(held, "resource_tags", []) if one["Key"] not in keys]
        return json.dumps({})


def _subscribers() -> None:
    from moto.budgets.exceptions import NotFoundException
    from moto.budgets.responses import BudgetsResponse

    def notification(self: Any) -> Any:
        wanted = self._get_param("Notification")
        for one in _held(self).notifications:
            if all(one.details.get(k) == v for k, v in wanted.items()):
                return one
        raise NotFoundException("Unable to find the notification.")

    @add(BudgetsResponse, "describe_subscribers_for_notification")
    def describe(self: Any) -> str:
        return json.dumps({"Subscribers": notification(self).subscribers})

    @add(BudgetsResponse, "create_subscriber")
    def create(self: Any) -> str:
        notification(self).subscribers.append(self._get_param("Subscriber"))
        return json.dumps({})

    @add(BudgetsResponse, "delete_subscriber")
    def delete(self: Any) -> str:
        held, gone = notification(self), self._get_param("Subscriber")
        held.subscribers = [s for s in held.subscribers if s != gone]
        return json.dumps({})
