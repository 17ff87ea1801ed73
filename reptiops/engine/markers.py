"""How a kind marks its settings: who owns one, and whether it can change in place. The diff, the plan and the rollback read
only these markers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any


def fixed(**more: Any) -> Any:
    """A setting that AWS cannot change in place: a difference means replacing the resource."""
    return field(metadata={"fixed": True}, **more)


def initial(owner: str, **more: Any) -> Any:
    """A setting used at creation and owned by somebody else afterwards: never drift, and updates carry the live value."""
    return field(metadata={"owner": owner}, **more)


def lent(**more: Any) -> Any:
    """A setting that somebody else sets for a time: a step then wants None, and no override outranks that."""
    return field(metadata={"lent": True}, **more)


def secret(**more: Any) -> Any:
    """A value that is never compared, stored, logged or shown."""
    return field(metadata={"secret": True}, repr=False, compare=False, **more)


def local(**more: Any) -> Any:
    """A setting of the tool that AWS does not keep, such as whether to take a final snapshot: never compared."""
    return field(metadata={"local": True}, compare=False, **more)


def satisfied(by: Callable[[Any, Any], bool], *, fixed: bool = False, **more: Any) -> Any:
    """A setting that a differing live value may satisfy: `by(wanted, live)` says so; updates then carry the live value.

    `fixed`: one that does not satisfy cannot be changed in place.
    """
    return field(metadata={"satisfied": by, "fixed": fixed}, **more)


SECOND = "-2"
"""How the name of one ends that was made beside another of the wanted name."""


def either_name(want: str, live: str) -> bool:
    """Whether a live name is the wanted one, or what one was called that was made beside another of that name."""
    return live in (want, f"{want}{SECOND}")


def other_name(want: str, live: str) -> str:
    """The name for one that is made beside a live one."""
    return f"{want}{SECOND}" if live == want else want


def follows(same: Callable[[Any, Any], bool] = lambda was, now: True, **more: Any) -> Any:
    """A setting that points at another resource's newest form: the plan compares it, drift leaves it to that resource.

    `same(applied, live)` says whether both are forms of one thing; another thing altogether is drift.
    """
    return field(metadata={"follows": same}, **more)
