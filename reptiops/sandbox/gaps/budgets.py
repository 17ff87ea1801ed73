"""Budgets: updates, notifications with their subscribers, tags, and amounts as AWS prints them."""

from __future__ import annotations

import json
from typing import Any

from reptiops.sandbox.gaps import add, replace


def fill() -> None:
    """Everything about Budgets."""
    _budgets()
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

    @add(BudgetsResponse, "list_tags_for_resource")
    def tags(self: Any) -> str:
        arn = self._get_param("ResourceARN")
        account, name = arn.split(":")[4], arn.split(":budget/")[1]
        if name not in self.backend.budgets[account]:
            raise NotFoundException(f"{arn} does not exist")
        return json.dumps({"ResourceTags": getattr(self.backend.budgets[account][name], "resource_tags", [])})


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
