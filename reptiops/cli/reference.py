"""The reference of commands, options, exit codes, configuration and playbook keys, made from the code itself.

`python -m reptiops.cli.reference` prints docs/reference.md; a test holds the file to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from reptiops.cli import cli
from reptiops.cli.examples import EXAMPLES
from reptiops.cli.options import EXIT_CODES, VARIABLES, shared
from reptiops.config import environment_schema
from reptiops.playbook import playbook_schema

Schema = Mapping[str, Any]
NESTED = 6
"""How deep keys are followed."""


def reference() -> str:
    """The whole page."""
    parts = [
        "# Reference\n\nMade from the code by `make reference`; a test holds it to it.",
        "\n".join(_exit_codes()),
        "\n".join(_variables()),
        "\n".join(_common_options()),
        "## Commands",
        *("\n".join(_command(path, command)) for path, command in commands()),
        "\n".join(
            _keys("Configuration keys", "`config/<env>.yaml`; `reptiops schema environment`", environment_schema())
        ),
        "\n".join(_keys("Playbook keys", "`playbooks/<name>.yaml`; `reptiops schema playbook`", playbook_schema())),
    ]
    return "\n\n".join(parts) + "\n"


def commands(command: click.Command = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its path, groups before what is in them."""
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            if inner is not None:
                yield from commands(inner, f"{path} {name}".strip())


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n\n| code | meaning |\n|---|---|"
    yield from (f"| {number} | {meaning} |" for number, meaning in EXIT_CODES.items())


def _variables() -> Iterator[str]:
    yield "## Environment variables\n\n| variable | meaning |\n|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items())


def _command(path: str, command: click.Command) -> Iterator[str]:
    arguments = " ".join(
        p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)
    )
    words = " ".join(part for part in (path, arguments) if part)
    yield f"### {path}\n\n`reptiops {words}`\n\n{_flat(command.help or '')}"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    common = {name for option in _common() for name in option.opts}
    whole = len([p for p in options if set(p.opts) <= common]) == len(_common())
    own = [p for p in options if not (whole and set(p.opts) <= common)]
    if own:
        yield "\n| option | meaning |\n|---|---|"
        yield from (f"| {_names(option)} | {_meaning(option)} |" for option in own)
    if whole:
        yield "\nAnd the common options."
    examples = EXAMPLES.get(path, ())
    if examples:
        yield "\n```text"
        yield from (f"$ {line}    # {what}" for line, what in examples)
        yield "```"


def _common() -> list[click.Option]:
    """What every command that speaks to AWS takes."""

    @click.command()
    @shared
    def every(**_: Any) -> None:
        """Stands for them."""

    return [p for p in every.params if isinstance(p, click.Option)]


def _common_options() -> Iterator[str]:
    yield "## Common options\n\n| option | meaning |\n|---|---|"
    yield from (f"| {_names(option)} | {_meaning(option)} |" for option in _common())


def _flat(text: str) -> str:
    """A help text as paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(click.Command('x')))}"
    return ", ".join(f"`{name}{value}`".replace("|", "\\|") for name in option.opts)


def _meaning(option: click.Option) -> str:
    many = " May be repeated." if option.multiple and "repeat" not in (option.help or "") else ""
    return f"{option.help or ''}{many}".replace("|", "\\|")


# --- keys of files ------------------------------------------------------------------------------------------------


def _keys(title: str, where: str, schema: Schema) -> Iterator[str]:
    yield f"## {title}\n\n{where}. A key that is not here is a mistake.\n\n| key | values | default |\n|---|---|---|"
    yield from _rows(schema, schema, "", 0)


def _rows(node: Schema, root: Schema, prefix: str, depth: int) -> Iterator[str]:
    for name, part in node.get("properties", {}).items():
        path = f"{prefix}{name}"
        whole = _resolved(part, root)
        default = _default(part, name in node.get("required", ()))
        yield f"| `{path}` | {_values(part, root)} | {default} |"
        if depth < NESTED:
            if "properties" in whole:
                yield from _rows(whole, root, f"{path}.", depth + 1)
            inner = _resolved(whole.get("additionalProperties") or whole.get("items") or {}, root)
            if "properties" in inner:
                mark = "[]" if whole.get("type") == "array" else ".NAME"
                yield from _rows(inner, root, f"{path}{mark}.", depth + 1)


def _resolved(part: Any, root: Schema) -> Schema:
    """A part with its reference followed; of alternatives the one that has members."""
    if not isinstance(part, Mapping):
        return {}
    if "$ref" in part:
        found: Schema = root["$defs"][part["$ref"].rsplit("/", 1)[-1]]
        return found
    for one in part.get("anyOf", ()):
        inner = _resolved(one, root)
        if inner.get("type") in ("object", "array"):
            return inner
    return part


def _values(part: Schema, root: Schema) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_values(one, root) for one in part["anyOf"]))
    part = _resolved(part, root)
    if "enum" in part or "const" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    kind = part.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(_values({"type": one}, root) for one in kind)
    if kind == "array":
        return f"list of {_values(part.get('items', {}), root)}"
    if kind == "object":
        return "section" if "properties" in part else "mapping"
    words = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
    }
    span = [f"from {part['minimum']}"] if "minimum" in part else []
    span += [f"to {part['maximum']}"] if "maximum" in part else []
    return " ".join([str(words.get(str(kind), kind)), *span])


def _default(part: Schema, required: bool) -> str:
    if required:
        return "required"
    value = part.get("default", "")
    if isinstance(value, Mapping) and value:
        return "as below"
    text = {True: "true", False: "false", None: "null"}.get(value, value) if isinstance(value, bool | None) else value
    return f"`{text}`".replace("|", "\\|") if text != "" else ""


if __name__ == "__main__":
    click.echo(reference(), nl=False)
