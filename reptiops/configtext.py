"""Edits of a configuration file that leave every other line, and every comment, as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def with_overrides(text: str, address: str, values: Mapping[str, Any]) -> str:
    """A configuration file with overrides for an address added; every other line stays as it is."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(r"overrides:", line)), None)
    if start is None:
        lines.append("overrides:")
        start = len(lines) - 1
    lines[start] = re.sub(r"^overrides:\s*\{\}", "overrides:", lines[start])
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"\S", lines[i])), len(lines))
    block = lines[start + 1 : end]
    at = next((i for i, line in enumerate(block) if line.strip() == f"{address}:"), None)
    entries = [f"    {name}: {json.dumps(value)}" for name, value in values.items()]
    if at is None:
        block = [f"  {address}:", *entries, *block]
    else:
        stop = next((i for i in range(at + 1, len(block)) if re.match(r"  \S", block[i])), len(block))
        kept = [b for b in block[at + 1 : stop] if b.strip().split(":")[0] not in values]
        block = [*block[: at + 1], *kept, *entries, *block[stop:]]
    return "\n".join([*lines[: start + 1], *block, *lines[end:]]) + "\n"


def with_settings(text: str, section: str, values: Mapping[str, Any]) -> str:
    """A configuration file with settings of a top-level section set; comments behind them stay."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(rf"{section}:", line)), None)
    if start is None:
        return "\n".join([*lines, f"{section}:", *(f"  {k}: {json.dumps(v)}" for k, v in values.items())]) + "\n"
    lines[start] = re.sub(rf"^{section}:\s*\{{\}}", f"{section}:", lines[start])
    end = next((i for i in range(start + 1, len(lines)) if re.match(r"\S", lines[i])), len(lines))
    for name, value in values.items():
        written = f"  {name}: {json.dumps(value)}"
        at = next((i for i in range(start + 1, end) if re.match(rf"  {name}:", lines[i])), None)
        if at is None:
            lines.insert(start + 1, written)
            end += 1
        else:
            comment = re.search(r"\s+#.*$", lines[at])
            lines[at] = written + (comment.group() if comment else "")
    return "\n".join(lines) + "\n"
