"""What drift sees beside the settings that somebody wants: code at the edge, unsafe attributes, silenced trails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reptiops.resources import cloudtrail, elbv2
from reptiops.resources.cloudfront_config import Behaviour, behaviour_config, behaviour_of

FUNCTION = {"EventType": "viewer-request", "FunctionARN": "arn:aws:cloudfront::123456789012:function/theirs"}
LAMBDA = {"EventType": "origin-response", "LambdaFunctionARN": "arn:aws:lambda:us-east-1:123456789012:function:x:1"}


def test_code_at_the_edge_is_seen_and_can_be_put_back() -> None:
    ours = behaviour_config(Behaviour())
    assert (ours["FunctionAssociations"], ours["LambdaFunctionAssociations"]) == ({"Quantity": 0}, {"Quantity": 0})
    theirs = {
        **ours,
        "FunctionAssociations": {"Quantity": 1, "Items": [FUNCTION]},
        "LambdaFunctionAssociations": {"Quantity": 1, "Items": [{**LAMBDA, "IncludeBody": False}]},
    }
    seen = Behaviour(**behaviour_of(theirs))
    assert seen.functions == {
        "viewer-request arn:aws:cloudfront::123456789012:function/theirs",
        "origin-response arn:aws:lambda:us-east-1:123456789012:function:x:1",
    }
    again = behaviour_config(seen)
    assert again["FunctionAssociations"]["Items"] == [FUNCTION]
    assert again["LambdaFunctionAssociations"]["Items"] == [LAMBDA]


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        ("routing.http.desync_mitigation_mode", "defensive", False),
        ("routing.http.desync_mitigation_mode", "monitor", True),
        ("waf.fail_open.enabled", "true", True),
        ("routing.http.xff_header_processing.mode", "preserve", True),
        ("routing.http.response.access_control_allow_origin.header_value", "*", True),
        ("routing.http.response.access_control_allow_origin.header_value", "", False),
        ("routing.http.response.server.enabled", "true", False),
        ("routing.http.response.server.enabled", "false", True),
        ("client_keep_alive.seconds", "60", False),
    ],
)
def test_an_attribute_that_nobody_wants_is_seen_where_it_makes_things_less_safe(
    name: str, value: str, seen: bool
) -> None:
    answer = {"Attributes": [{"Key": name, "Value": value}, {"Key": "wanted", "Value": "1"}]}
    expected = {"wanted": "1"} | ({name: value} if seen else {})
    assert elbv2.wanted_only(answer, ["wanted"]) == expected


USUAL = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}


@pytest.mark.parametrize(
    ("answer", "usual"),
    [
        ({}, True),
        ({"EventSelectors": []}, True),
        ({"EventSelectors": [USUAL]}, True),
        ({"EventSelectors": [{**USUAL, "ExcludeManagementEventSources": []}]}, True),
        ({"EventSelectors": [{**USUAL, "ReadWriteType": "ReadOnly"}]}, False),
        ({"EventSelectors": [{**USUAL, "IncludeManagementEvents": False}]}, False),
        ({"EventSelectors": [{**USUAL, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}]}, False),
        ({"EventSelectors": [], "AdvancedEventSelectors": [{"Name": "theirs"}]}, False),
    ],
)
def test_a_trail_that_keeps_less_is_seen(answer: dict[str, Any], usual: bool) -> None:
    text = cloudtrail._events(answer)
    assert (text == cloudtrail.EVERY) == usual
    assert not text or json.loads(text)
