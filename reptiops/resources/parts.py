"""A change that is several calls: what AWS refuses of one keeps none of the others from being made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError

from reptiops.aws import code

Part = Callable[[], object]


def every(parts: Iterable[Part], full: str = "") -> None:
    """Make all of them, and then raise the first refusal.

    `full` is AWS's code for no room left: what is refused with it is tried once more when the others have made some.
    """
    refused = _refused(parts)
    left = [error for _, error in refused if code(error) != full]
    left += [error for _, error in _refused(part for part, error in refused if code(error) == full)]
    if left:
        raise left[0]


def _refused(parts: Iterable[Part]) -> list[tuple[Part, ClientError]]:
    refused: list[tuple[Part, ClientError]] = []
    for part in parts:
        try:
            part()
        except ClientError as error:
            refused.append((part, error))
    return refused
