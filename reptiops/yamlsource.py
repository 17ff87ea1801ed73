"""YAML read safely and with the line of every setting: what a mistake needs to say where it is.

Only plain data is accepted: no tags, no merge keys, no alias that grows the document, no file above 1 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from reptiops.errors import ConfigurationError, Mistake

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 32

SettingPath = tuple[str | int, ...]

_SCALARS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "timestamp")}
_EXPECTED = {
    "mapping values are not allowed": "a ':' stands where no key can begin: is a bracket or quote open, here or in a line "
    "above, or a value with ': ' not in quotes?",
    "expected ',' or ']'": "a list that began with [ needs a comma between its entries and a ] at its end",
    "expected ',' or '}'": "a mapping that began with { needs a comma between its entries and a } at its end",
    "did not find expected ',' or": "a [ or { needs commas between its entries and its closing bracket",
    "did not find expected node content": "a [ or { begins here, or in a line above, and is not closed",
    "could not find expected ':'": "a key needs a ':' and a space behind it",
    "cannot start any token": "tabs do not indent: use spaces, and put text that begins with a special character in quotes",
    "did not find expected key": "is this line indented like its neighbours?",
    "did not find expected '-' indicator": "entries of a list begin with '- ', all indented alike",
}
"""What is wrong in plain words, by a part of what the parser says."""
_MERGE = "tag:yaml.org,2002:merge"


def dotted(path: SettingPath) -> str:
    """The path as people write it: `compute.services.repti-core.hosts[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True)
class YamlSource:
    """One parsed file: its plain data (mappings as dict, lists as tuple) and the line of each path."""

    file: str
    data: dict[str, Any]
    lines: dict[SettingPath, int]

    def line(self, path: SettingPath) -> int:
        """The line of `path`, or of the nearest enclosing setting that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def mistake(self, path: SettingPath, message: str, valid: str = "") -> Mistake:
        """A mistake at `path`, with this file's name and the line filled in."""
        return Mistake(self.file, self.line(path), dotted(path), message, valid)


def read_source(path: Path, what: str) -> YamlSource:
    """The file `path`; `what` names it in messages ("configuration", "playbook").

    Raises ConfigurationError for a file that is absent, unreadable, too large, empty, or not plain YAML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError([Mistake(str(path), 0, "", f"cannot read this {what}: {error.strerror}")]) from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(
            [Mistake(str(path), 0, "", f"this {what} is larger than 1 MB", "at most 1000000 bytes")]
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError([Mistake(str(path), line, "", "this is not UTF-8 text", "UTF-8")]) from error
    return parse_source(text, str(path), what)


def parse_source(text: str, file: str, what: str = "configuration") -> YamlSource:
    """The YAML `text`, reported under the name `file`. Raises ConfigurationError with all mistakes of form."""
    walk = _Walk(file, text)
    root = walk.compose()
    if root is None:
        raise ConfigurationError([Mistake(file, 0, "", f"this {what} is empty", "a mapping of settings")])
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError([Mistake(file, 1, "", f"this {what} is not a mapping", "lines of `key: value`")])
    data = walk.value(root, ())
    if walk.mistakes:
        raise ConfigurationError(walk.mistakes)
    return YamlSource(file, data, walk.lines)


@dataclass
class _Walk:
    """One pass over the node graph that builds the data and remembers lines."""

    file: str
    text: str
    lines: dict[SettingPath, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    count: int = 0
    loader: Any = None

    def compose(self) -> yaml.Node | None:
        """The document's node graph, or None for an empty document."""
        self._bound_depth()
        try:
            self.loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self.text)
            return cast("yaml.Node | None", self.loader.get_single_node())
        except yaml.YAMLError as error:
            raise ConfigurationError([self._syntax(error)]) from error

    def _bound_depth(self) -> None:
        # The C composer recurses on the machine stack; the event parser does not, so depth is bounded there first.
        depth = 0
        try:
            for event in yaml.parse(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if isinstance(event, yaml.CollectionStartEvent) and event.start_mark is not None:
                    depth += 1
                    if depth > MAX_DEPTH:
                        line = event.start_mark.line + 1
                        valid = f"at most {MAX_DEPTH} levels"
                        raise ConfigurationError([Mistake(self.file, line, "", "nested too deeply", valid)])
                elif isinstance(event, yaml.CollectionEndEvent):
                    depth -= 1
        except yaml.YAMLError as error:
            raise ConfigurationError([self._syntax(error)]) from error

    def _syntax(self, error: yaml.YAMLError) -> Mistake:
        mark = getattr(error, "problem_mark", None)
        if mark is not None:
            said = " ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None))))
            if "maximum nesting depth" in said:  # newer libyaml bounds the depth itself
                return Mistake(self.file, mark.line + 1, "", "nested too deeply", f"at most {MAX_DEPTH} levels")
            plain = next((words for start, words in _EXPECTED.items() if start in said), "")
            return Mistake(self.file, mark.line + 1, "", f"not valid YAML: {said}{plain and f'; {plain}'}")
        position = getattr(error, "position", 0)
        line = self.text.encode("utf-8")[:position].count(b"\n") + 1
        return Mistake(self.file, line, "", f"not valid YAML: {getattr(error, 'reason', error)}")

    def _wrong(self, node: yaml.Node, path: SettingPath, message: str, valid: str = "") -> None:
        self.mistakes.append(Mistake(self.file, node.start_mark.line + 1, dotted(path), message, valid))

    def value(self, node: yaml.Node, path: SettingPath, inside: tuple[int, ...] = ()) -> Any:
        """The plain value of `node`; `inside` are the nodes being walked, to stop at one that contains itself."""
        self.count += 1
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in inside:
            self._wrong(node, path, "an alias that contains itself")
            return None
        if self.count > MAX_VALUES:
            where = Mistake(self.file, node.start_mark.line + 1, dotted(path), "aliases make this document too large")
            raise ConfigurationError([*self.mistakes, where])
        inside = (*inside, id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return tuple(self.value(item, (*path, index), inside) for index, item in enumerate(node.value))
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path)
        self._wrong(node, path, f"the tag {node.tag} is not allowed", "plain text, numbers, lists and mappings")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: SettingPath) -> Any:
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self._wrong(node, path, f"cannot be read: {node.value[:40]!r}", "put text in quotes")
            return None

    def _mapping(self, node: yaml.MappingNode, path: SettingPath, inside: tuple[int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._wrong(key_node, path, "merge keys (<<) are not allowed", "write the settings out")
                continue
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                said = getattr(key_node, "value", "")
                shown = repr(said) if isinstance(said, str) else "this"
                self._wrong(key_node, path, f"{shown} is not text and cannot be a key", "put the key in quotes")
                continue
            here = (*path, key_node.value)
            if key_node.value in found:
                first = self.lines[here]
                self._wrong(key_node, here, f"set twice, first in line {first}", "set it once")
                continue
            self.lines[here] = key_node.start_mark.line + 1
            found[key_node.value] = self.value(value_node, here, inside)
        return found
