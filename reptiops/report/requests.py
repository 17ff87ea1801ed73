"""A listener's rule that is none of ours, in words: which requests, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def rule(text: str) -> str:
    """`path-pattern /hack*: redirect to evil.com/x` for the JSON of a rule's conditions and actions; empty for any other text."""
    try:
        whole = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return ""
    if not isinstance(whole, dict) or not whole.keys() >= {"Actions", "Conditions"}:
        return ""
    conditions = " and ".join(_condition(one) for one in whole["Conditions"])
    return f"{conditions or 'every request'}: {', '.join(_action(one) for one in whole['Actions'])}"


def _condition(one: Mapping[str, Any]) -> str:
    """`path-pattern /a* or /b`, `http-header X-Name value`, `query-string a=1`."""
    said: Mapping[str, Any] = next((one[name] for name in one if name.endswith("Config")), one)
    pairs = (v if isinstance(v, str) else "=".join(filter(None, (v.get("Key"), v["Value"]))) for v in said["Values"])
    return " ".join(filter(None, (one["Field"], said.get("HttpHeaderName"), " or ".join(pairs))))


def _action(one: Mapping[str, Any]) -> str:
    """`redirect to evil.com/a`, `fixed-response 200`, `forward`."""
    said: Mapping[str, Any] = next((one[name] for name in one if name.endswith("Config")), {})
    if one["Type"] == "redirect":
        return f"redirect to {said.get('Host', '#{host}')}{said.get('Path', '')}"
    return " ".join(filter(None, (one["Type"], said.get("StatusCode"))))
