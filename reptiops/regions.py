"""The regions of AWS, as the installed botocore lists them. Its list is read without botocore, which takes long to load."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def regions() -> tuple[str, ...]:
    """The names of all regions, or none where there is no list to be found: then nobody can say what is none."""
    spec = find_spec("botocore")
    try:
        folder = Path(str(spec.origin)).parent if spec else Path()
        partitions = json.loads((folder / "data" / "partitions.json").read_text())["partitions"]
    except (OSError, ValueError, KeyError):
        return ()
    return tuple(name for one in partitions for name in one["regions"] if name[-1].isdigit())


def no_region(name: str) -> str:
    """Why a name is no region, with the one that is probably meant; empty where it is one."""
    import difflib

    known = regions()
    if not known or name in known:
        return ""
    said = name.lower()
    swapped = [one for one in known if sorted(one) == sorted(said)]  # before what is nearer by count: `esat` is `east`
    numbered = [one for one in known if one.rpartition("-")[0] == said.rpartition("-")[0]]
    close = swapped or numbered or difflib.get_close_matches(said, known, n=1)
    return f"is no region of AWS; {f'did you mean {close[0]}?' if close else 'one is us-east-1 or eu-central-1'}"


def near(name: str) -> tuple[str, ...]:
    """The regions of the same part of the world; all where that is none."""
    return tuple(one for one in regions() if one.split("-")[0] == name.split("-")[0]) or regions()
