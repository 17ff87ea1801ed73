"""What nobody declared is told with what makes it what it is: the path of a rule, the type of a record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.canonical import plain
from reptiops.engine.drift import Finding
from reptiops.report.fields import differences, words
from reptiops.report.findings import in_words
from reptiops.resources.elbv2_listeners import HostRule
from reptiops.resources.route53 import AliasRecords
from reptiops.resources.route53_sets import alias_of

RULE: dict[str, Any] = {
    "Priority": "7",
    "Conditions": [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/hack*", "/x"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["b"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "1"}, {"Value": "2"}]}},
    ],
    "Actions": [
        {"Type": "redirect", "RedirectConfig": {"Host": "evil.com", "Path": "/#{path}", "StatusCode": "HTTP_301"}}
    ],
}


def test_a_rule_is_told_with_its_conditions_and_what_it_does() -> None:
    has = HostRule._has("listener", RULE)
    found = Finding(
        "compute/host_rule", "arn", "", "extra", "security", live=plain(has), kind="elbv2_listeners.HostRule"
    )
    said = in_words(found)
    assert "other path-pattern /hack* or /x" in said
    assert "http-header X-A b" in said
    assert "query-string 2 or a=1" in said
    assert "redirect to evil.com" in said


def test_a_record_is_told_as_the_record_that_it_is() -> None:
    target = {"DNSName": "a.elb.", "HostedZoneId": "ZE"}
    alias = alias_of([{"Name": "dev.x.", "Type": "A", "AliasTarget": target}], {"a.elb"})
    six = {"Name": "dev.x.", "Type": "AAAA", "TTL": 60, "ResourceRecords": [{"Value": "2001:db8::1"}]}
    ours = AliasRecords("Z", "load_balancer", {"dev.x": alias})
    live = replace(ours, hosts={**ours.hosts, "dev.x AAAA": alias_of([six], {"a.elb"})})
    (one,) = differences("hosts", plain(live)["hosts"], plain(ours)["hosts"])  # type: ignore[index, call-overload]
    assert words(one.has) == "AAAA 2001:db8::1"
    assert words(plain(ours)["hosts"]["dev.x"]) == "dns_name=a.elb, zone=ZE"  # type: ignore[index, call-overload]
