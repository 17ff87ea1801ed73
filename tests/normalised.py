"""AWS's own ways of giving back what it was given (aws-facts, the `norm` lines): re-ordered, re-cased, with defaults."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from botocore import xform_name

from reptiops.aws import is_read

ORDERED = frozenset({"command", "entryPoint", "dependsOn", "CacheBehaviors", "Values", "StatisticValues"})
"""Lists whose order means something: commands, cache behaviours (the first match wins)."""
POLICIES = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "Policy", "policyText", "lifecyclePolicyText"})


class Normalised:
    """A session whose reads answer as AWS does; what was written stays what it was."""

    def __init__(self, session: Any, seed: int):
        self.touched = 0
        self._chance = random.Random(seed)
        session._session.register("after-call", self._answer)

    def _answer(self, parsed: Any, model: Any, **_: Any) -> None:
        if is_read(xform_name(model.name)) and isinstance(parsed, dict):
            for name, value in parsed.items():
                if name != "ResponseMetadata":
                    parsed[name] = self._value(name, value)

    def _value(self, name: str, value: Any) -> Any:
        if name in POLICIES and value:
            return self._policy(value)
        if isinstance(value, dict):
            changed = {k: self._value(k if k != "Items" else name, v) for k, v in value.items()}
            for recognise, add in DEFAULTS:
                if recognise(changed):
                    self.touched += 1
                    add(changed)
            return changed
        if isinstance(value, list):
            listed = [self._value(name, one) for one in value]
            if name not in ORDERED and len(listed) > 1:
                self.touched += 1
                self._chance.shuffle(listed)
            return listed
        return value

    def _policy(self, value: Any) -> Any:
        """A list of one as a string, one statement as an object, another case in actions, another order."""
        text = unquote(value) if isinstance(value, str) and value.startswith("%") else value
        document = json.loads(text) if isinstance(text, str) else json.loads(json.dumps(text))
        if "Statement" not in document:
            return value
        statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
        for one in statements:
            for key in ("Action", "Resource"):
                listed = one.get(key)
                if isinstance(listed, list):
                    self._chance.shuffle(listed)
                    one[key] = listed[0] if len(listed) == 1 else listed
            if isinstance(one.get("Action"), str):
                service, _, action = one["Action"].partition(":")
                one["Action"] = f"{service}:{action[:1].lower()}{action[1:]}" if action else one["Action"]
        self._chance.shuffle(statements)
        document["Statement"] = statements[0] if len(statements) == 1 else statements
        self.touched += 1
        if not isinstance(value, str):
            return document
        return quote(json.dumps(document)) if value.startswith("%") else json.dumps(document)


def _has(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda one: all(name in one for name in names)


def _with(**defaults: Any) -> Callable[[dict[str, Any]], None]:
    def add(one: dict[str, Any]) -> None:
        for name, value in defaults.items():
            one.setdefault(name, value)

    return add


def _forwarded(action: dict[str, Any]) -> None:
    group = {"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}
    action.setdefault("Order", 1)
    action["ForwardConfig"] = {"TargetGroups": [group], "TargetGroupStickinessConfig": {"Enabled": False}}


def _redirected(action: dict[str, Any]) -> None:
    _with(Host="#{host}", Path="/#{path}", Query="#{query}")(action["RedirectConfig"])


def _local_route(table: dict[str, Any]) -> None:
    implicit = {"GatewayId": "vpce-1", "DestinationPrefixListId": "pl-63a5400a", "State": "active"}
    table["Routes"] = [*table["Routes"], {**implicit, "Origin": "CreateRoute"}]


def _awsvpc(container: dict[str, Any]) -> None:
    _with(cpu=0, volumesFrom=[], mountPoints=[], systemControls=[], environmentFiles=[])(container)
    for port in container.get("portMappings", []):
        port.setdefault("hostPort", port["containerPort"])
        port.setdefault("protocol", "tcp")


DEFAULTS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], None]], ...] = (
    (_has("containerDefinitions", "revision"), _with(placementConstraints=[], volumes=[], enableFaultInjection=False)),
    (_has("image", "essential"), _awsvpc),
    (_has("serviceArn", "desiredCount"), _with(placementStrategy=[], events=[], availabilityZoneRebalancing="ENABLED")),
    (lambda one: one.get("Type") == "forward" and "TargetGroupArn" in one, _forwarded),
    (lambda one: one.get("Type") == "redirect" and "RedirectConfig" in one, _redirected),
    (_has("RouteTableId", "Routes"), _local_route),
    (_has("AlarmName", "EvaluationPeriods"), lambda a: _with(DatapointsToAlarm=a["EvaluationPeriods"])(a)),
    (_has("VpcEndpointId", "State"), lambda one: one.update(State=str(one["State"]).capitalize())),
    (_has("logGroupName", "arn"), _with(logGroupClass="STANDARD", storedBytes=0, metricFilterCount=0)),
    (_has("DistributionConfig"), lambda one: _with(HttpVersion="http2", Staging=False)(one["DistributionConfig"])),
)
"""How AWS fills in what was never sent: which answers, and what it adds."""
