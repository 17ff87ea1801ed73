"""CloudFormation templates of a whole environment: the guide's files, in its order, tied together by exports.

What one file gives another is exported as `<environment>-<logical id>-<name>` and imported there, so the stacks are
deployed in the documented order and removed in the reverse one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import yaml

from reptiops.engine.graph import PHASES, Graph
from reptiops.engine.references import Reference, parts
from reptiops.engine.resource import Resource
from reptiops.errors import ReptiopsError
from reptiops.export import compute, database, monitoring, network, security, storage
from reptiops.export.form import FORMS, Forms, Properties

R = TypeVar("R", bound=Resource)
MODULES = (network, security, database, compute, storage, monitoring)
"""Imported for their forms."""
FILES: Mapping[str, str] = {"network": "vpc", **{phase: phase for phase in PHASES if phase != "network"}}
ABOUT: Mapping[str, str] = {
    "vpc": "network foundation",
    "security": "security groups, roles, certificate, trail, and the bucket of the logs",
    "database": "PostgreSQL and Redis, and how tasks learn of them",
    "compute": "repositories, load balancer, services",
    "storage": "buckets and CloudFront",
    "monitoring": "alarms, dashboard, budget",
}
PSEUDO: Mapping[str, str] = {
    "account": "AWS::AccountId",
    "partition": "AWS::Partition",
    "region": "AWS::Region",
    "zone": "HostedZoneId",
}
ZONE = "⟦aws.zone⟧"
ENDING = "Retain"


class ExportError(ReptiopsError):
    """Resources that cannot be put into templates: a kind without a form, or files that need each other in a circle."""


# --- what YAML shows as !Ref, !GetAtt, … ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """An intrinsic function: `Function("Ref", "Vpc")` is `!Ref Vpc`."""

    name: str
    value: Any


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """YAML as people write templates: short function forms, long texts as they are."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: CloudFormation takes none."""
        return True


def _function(dumper: yaml.SafeDumper, one: Function) -> yaml.Node:
    if isinstance(one.value, str):
        return dumper.represent_scalar(f"!{one.name}", one.value)
    return dumper.represent_sequence(f"!{one.name}", one.value)


_Dumper.add_representer(Function, _function)


@dataclass
class Template:
    """One file."""

    name: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def yaml(self) -> str:
        """The file's text."""
        document: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Description": self.description}
        document |= {"Parameters": self.parameters} if self.parameters else {}
        document["Resources"] = self.resources
        document |= {"Outputs": self.outputs} if self.outputs else {}
        return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True)


@dataclass(frozen=True)
class Export:
    """All templates in the order of their deployment, the values of their parameters, and what is not in them."""

    templates: tuple[Template, ...]
    values: Mapping[str, str]
    missing: Mapping[str, str]
    """Address → why it is in no template."""

    def parameters(self) -> str:
        """`parameters/<env>.json`, as `aws cloudformation` reads it."""
        listed = [{"ParameterKey": k, "ParameterValue": v} for k, v in sorted(self.values.items())]
        return json.dumps(listed, indent=2) + "\n"


def templates(wanted: Mapping[str, Resource], graph: Graph, prefix: str, forms: Forms = FORMS) -> Export:
    """The templates of these resources (ids unknown). `prefix` begins the names of what stacks share.

    Raises ExportError for a kind that has no form, or a file that needs a later one.
    """
    return _Export(wanted, graph, prefix, forms).made()


class _Export:
    def __init__(self, wanted: Mapping[str, Resource], graph: Graph, prefix: str, forms: Forms):
        self.wanted, self.prefix, self.forms = wanted, prefix, forms
        self.files = {address: self._file(address, graph) for address in wanted}
        names = list(FILES.values())
        self.by_name = {n: Template(n, f"{prefix}: {ABOUT[n]}") for n in names}
        self.rank = {name: index for index, name in enumerate(names)}
        self.ids = {address: _logical(address) for address in wanted}
        self.values: dict[str, str] = {}
        clash = [
            a for a in wanted if sum(self.ids[a] == self.ids[b] and self.files[a] == self.files[b] for b in wanted) > 1
        ]
        if clash:
            raise ExportError(f"These have the same logical id: {', '.join(clash)}")

    @staticmethod
    def _file(address: str, graph: Graph) -> str:
        s = graph.step_of(address)
        phase = s.brought_forward_to or s.phase if s is not None else address.split("/")[0]
        return FILES[phase]

    def made(self) -> Export:
        missing: dict[str, str] = {}
        for address, one in self.wanted.items():
            form = self.forms.made.get(type(one))
            if form is not None:
                _Writer(self, address, one).write(form.type, form.make(one, _Writer(self, address, one)))
            elif type(one) in self.forms.none:
                missing[address] = self.forms.none[type(one)]
            else:
                raise ExportError(f"{address}: {type(one).kind()} has no CloudFormation form.")
        filled = tuple(t for t in self.by_name.values() if t.resources)
        return Export(filled, self.values, missing)

    # -- from markers to functions --

    def resolved(self, value: Any, file: str) -> Any:
        """Properties with functions for markers; what is None is left out, sets are lists."""
        if isinstance(value, str):
            return self._text(value, file)
        if isinstance(value, Mapping):
            return {str(k): self.resolved(v, file) for k, v in value.items() if v is not None}
        if isinstance(value, set | frozenset):
            return [self.resolved(v, file) for v in sorted(value)]
        if isinstance(value, list | tuple):
            return [self.resolved(v, file) for v in value]
        return value

    def _text(self, text: str, file: str) -> Any:
        pieces = [p if isinstance(p, str) else self.function(p, file) for p in parts(text, self.wanted)]
        if len(pieces) == 1 and (isinstance(pieces[0], Function) or pieces[0] == text):
            return pieces[0]
        return _joined(pieces)

    def function(self, one: Reference, file: str) -> Any:
        """What stands for a reference in a file."""
        if one.address == "aws":
            if one.name == "zone":
                about = "The id of the public hosted zone, which is found and not made: Z and some twenty characters"
                self.parameter(file, PSEUDO["zone"], "", about, "AWS::Route53::HostedZone::Id")
            return Function("Ref", PSEUDO[one.name])
        form = self.forms.made.get(type(self.wanted[one.address]))
        if form is None:
            name = self.ids[one.address] + _camel(one.name)
            self.parameter(file, name, "", f"{one.name} of {one.address}, which no template makes")
            return Function("Ref", name)
        if one.name not in form.values:
            raise ExportError(f"{one.address}: its {one.name} is used, and {form.type} gives none.")
        there = self.files[one.address]
        value = _value(form.values[one.name], self.ids[one.address])
        if there == file or isinstance(value, str):
            return value
        if self.rank[there] > self.rank[file]:
            raise ExportError(f"{file}.yaml needs {one.address}, which is in {there}.yaml and is deployed later.")
        output = self.ids[one.address] + ("" if one.name == "id" else _camel(one.name))
        shared = f"{self.prefix}-{output}"
        self.by_name[there].outputs[output] = {"Value": value, "Export": {"Name": shared}}
        return Function("ImportValue", shared)

    def parameter(self, file: str, name: str, value: str, about: str, kind: str = "String") -> None:
        """Declare a parameter of a file, and its value."""
        self.by_name[file].parameters[name] = {"Type": kind, "Description": about}
        self.values.setdefault(name, value)


class _Writer:
    """What a form sees while it writes one resource."""

    def __init__(self, export: _Export, address: str, one: Resource):
        self._export, self._one = export, one
        self._file, self._id = export.files[address], export.ids[address]
        self._template = export.by_name[self._file]

    def write(self, kind: str, properties: Properties) -> None:
        self._put(self._id, properties.pop("!type", kind), properties)

    def _put(self, name: str, kind: str, properties: Properties, after: tuple[str, str] | None = None) -> None:
        whole: dict[str, Any] = {"Type": kind}
        earlier = self._template.resources.pop(name, {})
        if after is not None and self._target(*after):
            earlier = {"DependsOn": [self._target(*after)]}
        kept = type(self._one).holds_data and name == self._id
        whole |= {"DeletionPolicy": ENDING, "UpdateReplacePolicy": ENDING} if kept else {"DeletionPolicy": "Delete"}
        whole |= earlier
        found = self._export.resolved(properties, self._file)
        self._template.resources[name] = whole | ({"Properties": found} if found else {})

    def parameter(self, name: str, value: str | float | bool, description: str) -> Any:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        self._export.parameter(self._file, name, text, description)
        return Function("Ref", name)

    def beside(self, suffix: str, kind: str, properties: Properties, **more: Any) -> str:
        self._put(f"{self._id}{suffix}", kind, properties, more.get("after"))
        return f"{self._id}{suffix}"

    def depends(self, marker: str, suffix: str = "") -> None:
        target = self._target(marker, suffix)
        if target:
            known = self._template.resources.setdefault(self._id, {"DependsOn": []})["DependsOn"]
            known.append(target)

    def _target(self, marker: str, suffix: str) -> str:
        """The logical id of another resource in the same file; empty where it is in another, which comes first anyway."""
        address = self._address(marker)
        return f"{self._export.ids[address]}{suffix}" if self._export.files.get(address) == self._file else ""

    def _address(self, marker: str) -> str:
        (one,) = parts(marker, self._export.wanted) or [""]
        return one.address if isinstance(one, Reference) else ""

    @property
    def own(self) -> Any:
        return Function("Ref", self._id)

    @property
    def zone(self) -> str:
        made = next((a for a in self._export.wanted if a == "security/hosted_zone"), None)
        return f"⟦{made}.id⟧" if made else ZONE

    def kind(self, marker: str) -> type[Resource] | None:
        one = self._export.wanted.get(self._address(marker))
        return type(one) if one is not None else None

    def like(self, kind: type[R]) -> Mapping[str, R]:
        return cast("dict[str, R]", {a: one for a, one in self._export.wanted.items() if isinstance(one, kind)})


def _joined(pieces: list[Any]) -> Any:
    """A text with functions in it: `!Sub` where that can say it, else `!Join`."""
    if not any(isinstance(p, Function) for p in pieces):
        return "".join(pieces)
    plain = all("${" not in p if isinstance(p, str) else p.name in ("Ref", "GetAtt") for p in pieces)
    if plain:
        return Function("Sub", "".join(p if isinstance(p, str) else f"${{{p.value}}}" for p in pieces))
    return Function("Join", ["", pieces])


def _value(how: str, logical: str) -> Any:
    if how == "Ref":
        return Function("Ref", logical)
    if how.startswith("="):
        return how[1:]
    if "${Ref}" in how:
        return Function("Sub", how.replace("${Ref}", f"${{{logical}}}"))
    return Function("GetAtt", f"{logical}.{how}")


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text))


def _logical(address: str) -> str:
    """`compute/service/web-public` → `ServiceWebPublic`: letters and digits only."""
    return _camel(address.split("/", 1)[1])
