"""Alarms and the dashboard. PutMetricAlarm and PutDashboard overwrite everything, and ignore tags on an update."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.canonical import Plain
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, Status, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.errors import ReptiopsError
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, write

ALARMS = (arn_of("cloudwatch", "alarm:{name}"),)
DASHBOARDS = (arn_of("cloudwatch", "dashboard/{name}", regional=False),)


@dataclass(frozen=True)
class Query:
    """One part of a metric calculation: an expression, or a metric. `period` is seconds."""

    expression: str | None = None
    namespace: str | None = None
    metric: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str | None = None
    period: int | None = None
    result: bool = False
    """Whether this is the value that the threshold is about; exactly one is."""


@dataclass(frozen=True)
class Alarm(Resource):
    """An alarm over one metric, or over a calculation of several (`metrics`, by id)."""

    name: str = fixed()
    description: str = ""
    namespace: str | None = None
    metric: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str | None = None
    period: int | None = None
    metrics: Mapping[str, Query] = field(default_factory=dict)
    comparison: str = "GreaterThanThreshold"
    threshold: float = 0.0
    periods: int = 1
    datapoints: int = 1
    missing: str = "missing"
    actions: frozenset[str] = frozenset()
    ok_actions: frozenset[str] = frozenset()
    actions_enabled: bool | None = True
    """None: a parked service has them switched off for now."""

    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFound", "ResourceNotFoundException"})
    taggable: ClassVar[bool] = False
    together: ClassVar[int] = 100
    loose: ClassVar[frozenset[str]] = frozenset({"dimensions", "metrics", "actions", "ok_actions"})
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        read("cloudwatch:DescribeAlarms"),
        read("cloudwatch:ListTagsForResource", on=ALARMS),
        *write("cloudwatch:PutMetricAlarm", on=ALARMS),
        create("cloudwatch:TagResource", on=ALARMS, when=TAGGED),
        delete("cloudwatch:DeleteAlarms", on=ALARMS),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """By the metric: a calculation is billed for each metric in it."""
        yield Use("alarm.metric", sum(query.metric is not None for query in self.metrics.values()) or 1)

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All under our prefix in pages. Tags cost a call each, so they are not read of what is wanted and in the state."""
        wanted, recorded = {want.name for want in scope.wanted(cls)}, scope.recorded(cls)
        pages = aws.cloudwatch.pages("describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{scope.names.prefix}-")
        for one in pages:
            arn, address = one["AlarmArn"], None
            if one["AlarmName"] not in wanted or one["AlarmName"] not in recorded:
                tags = aws.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
                address = scope.address({t["Key"]: t["Value"] for t in tags})
                if address is None and one["AlarmName"] not in wanted:
                    continue
            value = one.get(
                "StateValue", ""
            )  # of the others the reason says only that nothing is known, or nothing wrong
            rings = value == "ALARM"
            status = Status("ready", value, one.get("StateReason", "") if rings else "", alert=rings)
            yield Live(one["AlarmName"], cls._has(one), address, status, {"arn": arn})

    def foreign(self, live: Live[Any]) -> bool:
        """It bears tags, although AWS tells them only one by one."""
        return True

    @classmethod
    def _has(cls, one: Mapping[str, Any]) -> Self:
        return cls(
            name=one["AlarmName"],
            description=one.get("AlarmDescription", ""),
            namespace=one.get("Namespace"),
            metric=one.get("MetricName"),
            dimensions=_dimensions(one.get("Dimensions", [])),
            statistic=one.get("Statistic"),
            period=one.get("Period"),
            metrics={q["Id"]: _query(q) for q in one.get("Metrics", [])},
            comparison=one["ComparisonOperator"],
            threshold=float(one.get("Threshold", 0)),
            periods=one["EvaluationPeriods"],
            datapoints=one.get("DatapointsToAlarm", one["EvaluationPeriods"]),
            missing=one.get("TreatMissingData", "missing"),
            actions=frozenset(one.get("AlarmActions", [])),
            ok_actions=frozenset(one.get("OKActions", [])),
            actions_enabled=one.get("ActionsEnabled", True),
        )

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN: tags tell whose it is once nobody wants it any more."""
        aws.cloudwatch.tag_resource(ResourceARN=live.out["arn"], Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """An upsert; the only one that takes tags."""
        aws.cloudwatch.put_metric_alarm(**self._parameters(), Tags=identity.tag_list())
        return Made(self.name, {"arn": aws.arn("cloudwatch", f"alarm:{self.name}")})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """The same upsert of the whole."""
        aws.cloudwatch.put_metric_alarm(**self._parameters())

    def _parameters(self) -> dict[str, Any]:
        single = {
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Dimensions": _sent_dimensions(self.dimensions),
            "Statistic": self.statistic,
            "Period": self.period,
        }
        what = {"Metrics": [_sent(i, q) for i, q in self.metrics.items()]} if self.metrics else single
        return {
            "AlarmName": self.name,
            "AlarmDescription": self.description,
            "ComparisonOperator": self.comparison,
            "Threshold": self.threshold,
            "EvaluationPeriods": self.periods,
            "DatapointsToAlarm": self.datapoints,
            "TreatMissingData": self.missing,
            "AlarmActions": sorted(self.actions),
            "OKActions": sorted(self.ok_actions),
            "ActionsEnabled": self.actions_enabled is not False,
            **what,
        }

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once; a missing one is fine."""
        self.delete_all(aws, [live])

    @classmethod
    def delete_all(cls, aws: Aws, lives: Iterable[Live[Any]]) -> None:
        """A hundred a call; where one is missing AWS may delete none, and each is asked for by itself."""
        aws.cloudwatch.delete_alarms(AlarmNames=[live.id for live in lives])


def _dimensions(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {d["Name"]: d["Value"] for d in listed}


def _sent_dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": k, "Value": v} for k, v in sorted(dimensions.items())]


def _query(q: Mapping[str, Any]) -> Query:
    stat = q.get("MetricStat", {})
    metric = stat.get("Metric", {})
    return Query(
        expression=q.get("Expression"),
        namespace=metric.get("Namespace"),
        metric=metric.get("MetricName"),
        dimensions=_dimensions(metric.get("Dimensions", [])),
        statistic=stat.get("Stat"),
        period=stat.get("Period"),
        result=q.get("ReturnData", True),
    )


def _sent(identifier: str, q: Query) -> dict[str, Any]:
    if q.expression is not None:
        return {"Id": identifier, "Expression": q.expression, "ReturnData": q.result}
    metric = {"Namespace": q.namespace, "MetricName": q.metric, "Dimensions": _sent_dimensions(q.dimensions)}
    stat = {"Metric": metric, "Stat": q.statistic, "Period": q.period}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": q.result}


@dataclass(frozen=True, eq=False)
class Json:
    """A JSON document that is compared as such."""

    text: str

    @classmethod
    def from_plain(cls, value: Any) -> Json:
        """From its kept form, or from parsed JSON, as earlier versions kept it."""
        if isinstance(value, dict) and value.keys() == {"document"}:
            return cls(value["document"])
        return cls(json.dumps(value))

    def to_kept(self) -> Plain:
        """The text as it is in AWS, in its own order."""
        return {"document": self.text}

    def to_plain(self) -> Plain:
        """Parsed."""
        parsed: Plain = json.loads(self.text)
        return parsed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Json) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_plain(), sort_keys=True))


def _charts(body: Json) -> set[str]:
    """The charts of a dashboard: title and metrics of each, wherever it stands."""
    shown = [one.get("properties", {}) for one in json.loads(body.text).get("widgets", [])]
    return {json.dumps([one.get("title"), one.get("metrics")], sort_keys=True) for one in shown if "metrics" in one}


class DashboardRefused(ReptiopsError):
    """CloudWatch found a widget wrong."""


@dataclass(frozen=True)
class Dashboard(Resource):
    """A dashboard. Dashboards are global and put as a whole."""

    name: str = fixed()
    body: Json = field(default_factory=lambda: Json("{}"))

    risk: ClassVar[Risk] = "cosmetic"
    loose: ClassVar[frozenset[str]] = frozenset({"body"})
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFound", "DashboardNotFoundError"})
    taggable: ClassVar[bool] = False
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        read("cloudwatch:GetDashboard", on=DASHBOARDS),
        *write("cloudwatch:PutDashboard", on=DASHBOARDS),
        delete("cloudwatch:DeleteDashboards", on=DASHBOARDS),
    )

    def key(self) -> str:
        """Names are unique in an account."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """By the dashboard."""
        yield Use("dashboard.month")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By name."""
        for want in scope.wanted(cls):
            try:
                one = aws.cloudwatch.get_dashboard(DashboardName=want.name)
            except ClientError as error:
                if code(error) not in cls.absent:
                    raise
                continue
            yield Live(want.name, cls(want.name, Json(one["DashboardBody"])), out={"arn": one["DashboardArn"]})

    def foreign(self, live: Live[Any]) -> bool:
        """One that shows not a single chart of ours: whatever else was changed in ours, they are not all gone."""
        return not _charts(self.body) & _charts(live.has.body) and self.body != live.has.body

    def create(self, aws: Aws, identity: Identity) -> Made:
        """An upsert."""
        self._put(aws)
        return Made(self.name, {"arn": aws.arn("cloudwatch", f"dashboard/{self.name}", regional=False)})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """The same upsert."""
        self._put(aws)

    def _put(self, aws: Aws) -> None:
        answer = aws.cloudwatch.put_dashboard(DashboardName=self.name, DashboardBody=self.body.text)
        messages = [f"{m.get('DataPath', '')}: {m['Message']}" for m in answer.get("DashboardValidationMessages", [])]
        if messages:
            raise DashboardRefused(f"the dashboard {self.name} is not valid: {'; '.join(messages)}")

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        aws.cloudwatch.delete_dashboards(DashboardNames=[live.id])
