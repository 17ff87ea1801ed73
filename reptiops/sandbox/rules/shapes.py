"""Values that AWS takes: what botocore's models say and botocore does not check (enum, pattern, length, size, range)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reptiops.sandbox.rules import ANY, Call, Refused, rule

CODES: Mapping[str, str] = {
    "ec2": "InvalidParameterValue",
    "rds": "InvalidParameterValue",
    "elasticache": "InvalidParameterValue",
    "elbv2": "ValidationError",
    "iam": "ValidationError",
    "s3": "InvalidArgument",
    "route53": "InvalidInput",
    "cloudfront": "InvalidArgument",
    "cloudwatch": "ValidationError",
    "sns": "InvalidParameter",
}
"""What a service answers to a value that its model forbids; the others say ValidationException."""
CLASSES = {"L": r"\w", "M": "", "Z": r"\s", "N": r"\d", "S": r"$+<=>^`|~", "P": r"!-/:-@"}
"""Classes of Unicode, which Python's `re` does not know: read as what is nearest, never narrower for Latin text."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    known = re.sub(r"\\p\{(\w)\}", lambda found: CLASSES.get(found[1], r"\w"), pattern)
    try:
        return re.compile(known)
    except re.error:
        return None  # Java's syntax where Python's differs: AWS will tell


def violations(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """What a value breaks of its shape, in sentences; nothing for a good one."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        for name, inner in value.items():
            if name in shape.members and inner is not None:
                yield from violations(shape.members[name], inner, f"{path}.{name}" if path else name)
    elif kind == "list" and isinstance(value, list | tuple):
        yield from _sized(shape, len(value), path, "items")
        for index, inner in enumerate(value):
            yield from violations(shape.member, inner, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, Mapping):
        yield from _sized(shape, len(value), path, "entries")
        for name, inner in value.items():
            yield from violations(shape.key, name, f"{path} key")
            yield from violations(shape.value, inner, f"{path}.{name}")
    elif kind == "string" and isinstance(value, str):
        yield from _text(shape, value, path)
    elif kind in ("integer", "long", "float", "double") and isinstance(value, int | float):
        yield from _sized(shape, value, path, "")


def _sized(shape: Any, size: float, path: str, of: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        yield f"{path} has {size:g} {of}, AWS takes {least} to {most}".replace("  ", " ")


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    allowed = shape.enum
    if allowed and value not in allowed:
        yield f"{path} is {value!r}, AWS takes {', '.join(allowed[:12])}"
        return
    yield from _sized(shape, len(value), path, "characters")
    pattern = _compiled(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
    if pattern is not None and not pattern.fullmatch(value):
        yield f"{path} is {value!r}, which does not match {pattern.pattern}"


@lru_cache(maxsize=1024)
def input_shape(service: str, operation: str) -> Any:
    """The shape of an operation's parameters."""
    from moto.core.utils import get_service_model

    return get_service_model(service).operation_model(operation).input_shape


def rules() -> None:
    """One rule for all services."""

    @rule("0, 1, 11.5", ANY)
    def values_of_the_model(call: Call) -> None:
        """Every value is of the enum, pattern, length and range that botocore's model of the operation names."""
        if call.operation.startswith(("Describe", "Get", "List")):
            return
        shape = input_shape(call.service, call.operation)
        for broken in violations(shape, call.params) if shape is not None else ():
            raise Refused(CODES.get(call.service, "ValidationException"), f"1 validation error detected: {broken}")
