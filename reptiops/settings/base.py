"""What all settings share: frozen strict models, and the types whose values AWS restricts.

Files of settings do without `from __future__ import annotations`: it would make pydantic compile each annotation anew
at every start.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

K = TypeVar("K")
V = TypeVar("V")

Phase = Literal["network", "security", "database", "compute", "storage", "monitoring"]
PHASES: tuple[Phase, ...] = ("network", "security", "database", "compute", "storage", "monitoring")


class Settings(BaseModel):
    """A group of settings: cannot be changed, knows all its keys, and converts nothing ("1" is not 1)."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def standing() -> Any:
    """The default of a group of settings: all of its own defaults. Built with the whole, so a start builds no model twice."""
    return Field(default_factory=dict, validate_default=True)


def refuse(message: str, valid: str = "") -> PydanticCustomError:
    """The error a validator raises: the sentence, and what would be valid instead."""
    return PydanticCustomError("setting", "{what}", {"what": message, "valid": valid})


class FrozenMapping(dict[K, V], Generic[K, V]):
    """A dict that cannot be changed and can be hashed, so that an Environment is immutable to its leaves."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("settings cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def frozen(value: Any) -> Any:
    """The same plain data with tuples for lists and frozen mappings for dicts, to any depth."""
    if isinstance(value, Mapping):
        return FrozenMapping({key: frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    return value


Frozen = Annotated[Mapping[K, V], AfterValidator(FrozenMapping)]
"""A mapping setting: `Frozen[str, Bucket]`."""


def text(pattern: str, valid: str) -> Any:
    """Text that matches `pattern` as a whole; `valid` says in words what that means."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise refuse(f"{value[:60]!r} is not allowed here", valid)
        return value

    return AfterValidator(check)


def one_of(values: Iterable[int], what: str) -> Any:
    """A whole number that AWS takes only from a fixed set."""
    allowed = tuple(values)

    def check(value: int) -> int:
        if value not in allowed:
            raise refuse(f"{value} is not {what}", ", ".join(map(str, allowed)))
        return value

    return AfterValidator(check)


def _cidr(value: str) -> str:
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        raise refuse(
            f"{value[:60]!r} is not an IPv4 CIDR block", "an address and a length, such as 10.1.0.0/16"
        ) from None
    if str(network) != value:
        raise refuse(f"{value!r} is not written the way AWS stores it", str(network))
    return value


def duration_seconds(value: str) -> int:
    """The seconds in a duration such as `45s`, `15m`, `2h` or `1d`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", value)
    if not match:
        raise ValueError(value)
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _duration(value: str) -> str:
    try:
        duration_seconds(value)
    except ValueError:
        raise refuse(f"{value[:40]!r} is not a duration", "a whole number with s, m, h or d, such as 15m") from None
    return value


def shorthand(expand: Callable[[Any], Any], schema: dict[str, Any]) -> Any:
    """A second, shorter way to write a setting; `schema` is what the short form looks like in the JSON Schema."""
    return BeforeValidator(expand, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


Cidr = Annotated[str, AfterValidator(_cidr)]
Duration = Annotated[str, AfterValidator(_duration)]
Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1, le=100_000)]
NotNegative = Annotated[int, Field(ge=0, le=100_000)]
Percent = Annotated[float, Field(gt=0, le=100)]

RETENTION_DAYS: tuple[int, ...] = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
RETENTION_DAYS += (1096, 1827, 2192, 2557, 2922, 3288, 3653)
LogRetention = Annotated[int, one_of(RETENTION_DAYS, "a retention that CloudWatch Logs knows")]

Host = Annotated[
    str,
    text(
        r"(?=.{1,128}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a lower-case host name such as api.example.com",
    ),
]
HostOrWildcard = Annotated[
    str,
    text(
        r"(?=.{1,128}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a lower-case host name or *.host name",
    ),
]
UrlPath = Annotated[str, text(r"/[A-Za-z0-9/._~%-]{0,254}", "a path that starts with /")]
ServiceName = Annotated[
    str,
    text(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens, beginning with a letter"),
]
ClockTime = Annotated[str, text(r"([01][0-9]|2[0-3]):[0-5][0-9]", "hours and minutes in quotes, such as '08:00'")]
EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
Email = Annotated[str, text(EMAIL, "name@example.com")]
ImageTag = Annotated[str, text(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image tag such as latest or v42")]
Address = Annotated[
    str,
    text(
        rf"({'|'.join(PHASES)})/[a-z0-9_]+(/[A-Za-z0-9_.@:+=-]+)*",
        "phase/step or phase/step/key, as `status` prints it",
    ),
]
AddressStart = Annotated[
    str,
    text(rf"({'|'.join(PHASES)})(/[a-z0-9_]+(/[A-Za-z0-9_.@:+=-]+)*)?", "a phase, or an address as `status` prints it"),
]
FieldName = Annotated[str, text(r"[A-Za-z_][A-Za-z0-9_./-]*", "the name of a field, as `drift` prints it")]
Variables = Frozen[Annotated[str, text(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _")], str]


def port_range(value: str) -> tuple[int, int]:
    """The first and last port of `"443"` or `"8000-8006"`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", value)
    if not match:
        raise ValueError(value)
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError(value)
    return first, last


def _ports(value: object) -> str:
    shown = str(value) if type(value) is int else value
    try:
        port_range(cast("str", shown))
    except (ValueError, TypeError):
        raise refuse(f"{value!r} is not a port or a range of ports", "443 or 8000-8006, between 1 and 65535") from None
    return cast("str", shown)


Ports = Annotated[str, shorthand(_ports, {"type": ["integer", "string"]})]
"""One port or a range, kept as text: `"443"`, `"8000-8006"`; `port_range` takes it apart."""
