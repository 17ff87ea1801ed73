"""Topic, alarms, dashboard, budget, schedules."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reptiops.export.form import FORMS, Properties, Writer
from reptiops.export.security import document
from reptiops.policy import Policy
from reptiops.resources import budgets, cloudwatch, scheduler, sns


@FORMS.form(sns.Topic, "AWS::SNS::Topic", arn="Ref")
def topic(want: sns.Topic, to: Writer) -> Properties:
    if want.policy != Policy.make():
        to.beside("Policy", "AWS::SNS::TopicPolicy", {"Topics": [to.own], "PolicyDocument": document(want.policy)})
    return {"TopicName": want.name}


@FORMS.form(sns.Subscription, "AWS::SNS::Subscription")
def subscription(want: sns.Subscription, to: Writer) -> Properties:
    return {"TopicArn": want.topic, "Protocol": want.protocol, "Endpoint": want.endpoint}


def _dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": k, "Value": v} for k, v in sorted(dimensions.items())]


def _query(name: str, q: cloudwatch.Query) -> Properties:
    if q.expression is not None:
        return {"Id": name, "Expression": q.expression, "ReturnData": q.result}
    metric = {"Namespace": q.namespace, "MetricName": q.metric, "Dimensions": _dimensions(q.dimensions)}
    stat = {"Metric": metric, "Stat": q.statistic, "Period": q.period}
    return {"Id": name, "MetricStat": stat, "ReturnData": q.result}


@FORMS.form(cloudwatch.Alarm, "AWS::CloudWatch::Alarm", arn="Arn")
def alarm(want: cloudwatch.Alarm, to: Writer) -> Properties:
    single: Properties = {
        "Namespace": want.namespace,
        "MetricName": want.metric,
        "Dimensions": _dimensions(want.dimensions) or None,
        "Statistic": want.statistic,
        "Period": want.period,
    }
    several: Properties = {"Metrics": [_query(name, q) for name, q in want.metrics.items()]}
    return {
        "AlarmName": want.name,
        "AlarmDescription": want.description,
        **(several if want.metrics else single),
        "ComparisonOperator": want.comparison,
        "Threshold": want.threshold,
        "EvaluationPeriods": want.periods,
        "DatapointsToAlarm": want.datapoints,
        "TreatMissingData": want.missing,
        "ActionsEnabled": want.actions_enabled is not False,
        "AlarmActions": want.actions,
        "OKActions": want.ok_actions,
    }


@FORMS.form(cloudwatch.Dashboard, "AWS::CloudWatch::Dashboard")
def dashboard(want: cloudwatch.Dashboard, to: Writer) -> Properties:
    # Unescaped, for the markers in it have to be seen.
    return {"DashboardName": want.name, "DashboardBody": json.dumps(json.loads(want.body.text), ensure_ascii=False)}


@FORMS.form(budgets.Budget, "AWS::Budgets::Budget")
def budget(want: budgets.Budget, to: Writer) -> Properties:
    amount = to.parameter("BudgetAmount", f"{want.amount:.2f}", "US dollars a month")
    return {
        "Budget": {
            "BudgetName": want.name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": amount, "Unit": "USD"},
            "CostFilters": {"TagKeyValue": [want.cost_tag]},
        },
        "NotificationsWithSubscribers": [
            {
                "Notification": {
                    "NotificationType": "ACTUAL",
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": float(threshold),
                    "ThresholdType": "PERCENTAGE",
                },
                "Subscribers": [
                    {"SubscriptionType": kind, "Address": address}
                    for kind, _, address in (one.partition("|") for one in sorted(who))
                ],
            }
            for threshold, who in sorted(want.notifications.items())
        ],
    }


@FORMS.form(scheduler.ScheduleGroup, "AWS::Scheduler::ScheduleGroup", arn="Arn")
def schedule_group(want: scheduler.ScheduleGroup, to: Writer) -> Properties:
    return {"Name": want.name}


@FORMS.form(scheduler.Schedule, "AWS::Scheduler::Schedule", arn="Arn")
def schedule(want: scheduler.Schedule, to: Writer) -> Properties:
    network = {"Subnets": want.subnets, "SecurityGroups": want.security_groups, "AssignPublicIp": "DISABLED"}
    return {
        "GroupName": want.group,
        "Name": want.name,
        "ScheduleExpression": want.expression,
        "ScheduleExpressionTimezone": want.timezone,
        "State": "ENABLED" if want.enabled else "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": want.cluster,
            "RoleArn": want.role,
            "RetryPolicy": {"MaximumRetryAttempts": want.attempts, "MaximumEventAgeInSeconds": want.age_seconds},
            "EcsParameters": {
                "TaskDefinitionArn": want.task_definition,
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": network},
            },
        },
    }
