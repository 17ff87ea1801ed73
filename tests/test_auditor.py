"""The auditor's judgement itself: what it passes over in silence would count as passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auditor import CLASSES, Accepted, Finding, accepted, errors, findings, judged

ENTRY = Accepted("s3_versioned", frozenset({"dev"}), "specified", "versioned in prod only")
FOUND = Finding("s3_versioned", False, "dev", "arn:aws:s3:::reptidex-dev-logs")


def test_what_is_accepted_is_right_and_nothing_else() -> None:
    assert judged([FOUND], [ENTRY], [], {}) == ([], ["s3_versioned"])
    assert judged([FOUND], [], [], {})[0] == ["s3_versioned fails in dev: arn:aws:s3:::reptidex-dev-logs"]
    elsewhere = Finding("s3_versioned", False, "prod", "arn:aws:s3:::reptidex-prod-logs")
    assert judged([FOUND, elsewhere], [ENTRY], [], {})[0] == [
        "s3_versioned fails in prod: arn:aws:s3:::reptidex-prod-logs"
    ]


def test_an_entry_that_nothing_needs_is_told() -> None:
    passed = Finding("s3_versioned", True, "dev", "arn:aws:s3:::reptidex-dev-logs")
    assert judged([passed], [ENTRY], [], {})[0] == ["accepted for nothing: s3_versioned in dev"]


def test_what_the_sandbox_cannot_answer_has_to_be_named() -> None:
    log = '{"filename": "waf_service.py:186", "level": "ERROR", "message": "us-east-1 -- ClientError[177]: (500) when calling the ListRules operation"}'
    (call,) = errors(log)
    assert call == "waf_service ListRules"
    assert judged([], [], [call], {})[0] == ["not answered by the sandbox: waf_service ListRules"]
    assert judged([], [], [call], {call: "no firewalls"})[0] == []
    assert judged([], [], [], {call: "no firewalls"})[0] == ["named as not answered, and is: waf_service ListRules"]


def test_findings_belong_to_the_environment_that_they_name() -> None:
    head = "CHECK_ID;STATUS;RESOURCE_UID;RESOURCE_NAME;RESOURCE_TAGS"
    rows = [
        "a;FAIL;arn:aws:ec2:::vpc/vpc-1;one;Environment=dev | Project=reptidex",
        "b;PASS;arn:aws:s3:::reptidex-prod-logs;;",
        "c;FAIL;arn:aws:ec2:::network-acl/acl-1;device;",
        "d;MANUAL;arn:aws:s3:::reptidex-prod-logs;;",
    ]
    assert [(f.check, f.passed, f.where) for f in findings([head, *rows])] == [
        ("a", False, "dev"),
        ("b", True, "prod"),
        ("c", False, "account"),
    ]


def test_every_accepted_finding_has_its_class_and_its_reason() -> None:
    entries, unanswered = accepted((Path(__file__).parent / "auditor.yaml").read_text())
    assert {entry.kind for entry in entries} == set(CLASSES)
    assert len({entry.check for entry in entries}) == len(entries)
    assert all(unanswered.values())
    with pytest.raises(ValueError, match="why"):
        accepted("accepted: {specified: {a_check: {in: [dev], why: so}}}\nunanswered: {}")
