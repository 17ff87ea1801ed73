"""A change that is several calls: what AWS refuses of one keeps none of the others from being made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError


def every(parts: Iterable[Callable[[], object]]) -> None:
    """Make all of them, and then raise the first refusal."""
    refused: list[ClientError] = []
    for part in parts:
        try:
            part()
        except ClientError as error:
            refused.append(error)
    if refused:
        raise refused[0]
