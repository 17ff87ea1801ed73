"""What `cost --what-if` can be asked about an environment: its settings by path, and the values that one can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reptiops.config import environment_schema
from reptiops.loading import load_environment
from reptiops.pricing import load_prices

UNASKED = frozenset({"name", "owners", "overrides"})
"""Parts of a configuration that are no settings of a resource."""
CLASSES = {"database.instance_class": ("rds.", "db."), "redis.node_type": ("redis.", "cache.")}
"""A setting that is a size → what its prices begin with, and what AWS puts in front of the size."""


def settings(environment: str, config_dir: Path | None = None) -> tuple[str, ...]:
    """Every setting by its path, also those of a service and of all that are alike, by their short paths."""
    whole = load_environment(environment, config_dir).model_dump(mode="json", exclude=set(UNASKED))
    paths = [*_leaves(whole, ""), *(short for path in _leaves(whole, "") for short in _shorter(path))]
    return tuple(dict.fromkeys(paths))


def _leaves(value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _leaves(one, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _shorter(path: str) -> Iterator[str]:
    """`web-public.cpu` and `service.cpu` for `compute.services.web-public.cpu`, `backend.cpu` for that of compute."""
    first, _, rest = path.partition(".")
    part, _, deeper = rest.partition(".")
    if first == "compute" and part == "services":
        yield deeper
        yield f"service.{deeper.partition('.')[2]}"
    elif first == "compute" and part in ("frontend", "backend"):
        yield rest


def values(path: str) -> tuple[str, ...]:
    """The values that a setting can have, where there are few; those of a size that has a price."""
    if path in CLASSES:
        prefix, word = CLASSES[path]
        sizes = (key.removeprefix(prefix) for key in load_prices().prices if key.startswith(prefix))
        return tuple(dict.fromkeys(f"{word}{'.'.join(size.split('.')[:2])}" for size in sizes if "." in size))
    schema = environment_schema()
    for whole in (path, f"compute.{path}", f"compute.services.{path}"):
        if found := dict.fromkeys(_values(_at(schema, schema, whole.split(".")), schema)):
            return tuple(found)
    return ()


def is_text(path: str) -> bool:
    """Whether a setting, by its whole path, can be text and no number, list or mapping."""
    schema = environment_schema()
    kinds = {one.get("type") for one in _meant(_at(schema, schema, path.split(".")), schema)}
    return "string" in kinds and kinds <= {"string", "null"}


def _at(node: Mapping[str, Any], schema: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """The part of the schema that a path leads to; an empty one where it leads nowhere."""
    if not path:
        return node
    for one in _meant(node, schema):
        inner = one.get("properties", {}).get(path[0], one.get("additionalProperties"))
        if isinstance(inner, dict) and (found := _at(inner, schema, path[1:])):
            return found
    return {}


def _meant(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a node refers to, or each of its choices."""
    if "$ref" in node:
        yield from _meant(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    elif "anyOf" in node:
        for one in node["anyOf"]:
            yield from _meant(one, schema)
    else:
        yield node


def _values(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    for one in _meant(node, schema):
        if one.get("type") == "boolean":
            yield from ("true", "false")
        yield from map(str, one.get("enum", ()))
