"""Ids in what was written down of resources: which of them it names, and the same with others in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from reptiops.engine.canonical import Plain


def whole(identifier: str) -> re.Pattern[str]:
    """An id in the text of a document, but not as a part of a longer one: names begin alike, revisions too."""
    return re.compile(rf"(?<![\w-]){re.escape(json.dumps(identifier)[1:-1])}(?![\w-])")


def renamed(value: Plain, ids: Mapping[str, str]) -> Plain:
    """The same, with other ids in place of some."""
    text = json.dumps(value)
    for old, new in ids.items():
        text = whole(old).sub(json.dumps(new)[1:-1].replace("\\", r"\\"), text)
    answer: Plain = json.loads(text)
    return answer


def names(value: Plain, ids: Iterable[str]) -> bool:
    """Whether one of some ids is named in it."""
    text = json.dumps(value)
    return any(one and whole(one).search(text) for one in ids)
