"""The CloudFormation form of a kind: a type, its properties, and how other resources name what it gives.

A form is a function from a wanted resource to properties; whatever in there is not known before AWS has answered stays
the marker that steps use, and becomes `!Ref`, `!GetAtt` or `!ImportValue` when the templates are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from reptiops.engine.resource import Resource

R = TypeVar("R", bound=Resource)
Properties = dict[str, Any]


class Writer(Protocol):
    """What a form may ask for while it writes one resource."""

    def parameter(self, name: str, value: str | float | bool, description: str) -> Any:
        """A parameter of the template with its value in `parameters/<env>.json`; what stands where it is used."""

    def beside(self, suffix: str, kind: str, properties: Properties, **more: Any) -> str:
        """A further resource of CloudFormation that belongs to this one; answers its logical id."""

    def depends(self, marker: str, suffix: str = "") -> None:
        """This resource comes after another one of the same template, or after what is beside that one."""

    @property
    def own(self) -> Any:
        """A reference to this resource."""

    @property
    def zone(self) -> str:
        """The hosted zone of the environment."""

    def kind(self, marker: str) -> type[Resource] | None:
        """The kind of the resource that a marker stands for."""

    def like(self, kind: type[R]) -> Mapping[str, R]:
        """All wanted resources of a kind, by address."""


Make = Callable[[Any, Writer], Properties]


@dataclass(frozen=True)
class Form:
    """How one kind is written. `values`: name of a result → the attribute for `!GetAtt`; `Ref` for `!Ref`; a pattern with
    `${Ref}` for `!Sub`; or, after `=`, a constant.
    """

    type: str
    make: Make
    values: Mapping[str, str]


@dataclass
class Forms:
    """All forms, and the kinds that have none, with the reason."""

    made: dict[type[Resource], Form] = field(default_factory=dict)
    none: dict[type[Resource], str] = field(default_factory=dict)

    def form(self, kind: type[Resource], type_: str, **values: str) -> Callable[[Make], Make]:
        """Register the decorated function as the form of a kind; `id` is a `!Ref` unless said otherwise."""

        def register(make: Make) -> Make:
            self.made[kind] = Form(type_, make, {"id": "Ref", **values})
            return make

        return register

    def without(self, kind: type[Resource], why: str) -> None:
        """A kind that is not written as a resource of its own."""
        self.none[kind] = why


FORMS = Forms()


def named(name: str) -> list[dict[str, str]]:
    """The tag that the console shows; the others come with the stack."""
    return [{"Key": "Name", "Value": name}]
