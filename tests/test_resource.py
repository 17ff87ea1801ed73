"""The canonical form, the diff, and what an update carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from reptiops.engine.canonical import plain
from reptiops.engine.diff import carry, diff
from reptiops.engine.resource import Resource, fixed, initial, local, satisfied, secret
from reptiops.engine.unknown import is_unknown, unknown


@dataclass(frozen=True)
class Part(Resource):
    image: str = initial("pipeline", default="")
    cpu: int = 0


@dataclass(frozen=True)
class Thing(Resource):
    name: str = fixed(default="a")
    size: int = satisfied(lambda want, live: live >= want, default=1)
    members: frozenset[str] = frozenset()
    parts: Mapping[str, Part] = field(default_factory=dict)
    password: str = secret(default="")
    snapshot: bool = local(default=False)
    note: str | None = None


def test_secret_and_local_fields_are_in_no_form() -> None:
    thing = Thing(password="hunter2", snapshot=True)
    assert "hunter2" not in repr(thing)
    assert "password" not in plain(thing)  # type: ignore[operator]
    assert "snapshot" not in plain(thing)  # type: ignore[operator]
    assert diff(thing, replace(thing, password="other", snapshot=False)) == ()


def test_a_fixed_difference_is_marked() -> None:
    (change,) = diff(Thing(name="b"), Thing(name="a"))
    assert (change.path, change.has, change.want, change.fixed) == ("name", "a", "b", True)


def test_what_others_own_is_no_difference_and_is_carried() -> None:
    want = Thing(parts={"web": Part("v1", 256), "side": Part("s1", 1)})
    has = Thing(parts={"web": Part("v42", 128), "side": Part("s9", 1)})
    assert [c.path for c in diff(want, has)] == ["parts.web.cpu"]
    assert carry(want, has).parts == {"web": Part("v42", 256), "side": Part("s9", 1)}


def test_a_grown_size_satisfies_and_is_carried() -> None:
    assert diff(Thing(size=20), Thing(size=50)) == ()
    assert carry(Thing(size=20), Thing(size=50)).size == 50
    assert [c.path for c in diff(Thing(size=20), Thing(size=10))] == ["size"]


def test_nobody_cares_about_none() -> None:
    assert diff(Thing(note=None), Thing(note="x")) == ()


def test_a_member_too_many_is_a_difference() -> None:
    (change,) = diff(Thing(parts={}), Thing(parts={"extra": Part("v1", 1)}))
    assert change.path == "parts.extra"
    assert change.want is None


things = st.builds(
    Thing,
    name=st.text(max_size=3),
    size=st.integers(0, 5),
    members=st.frozensets(st.text(max_size=3), max_size=4),
    parts=st.dictionaries(st.text("ab", max_size=2), st.builds(Part, image=st.text(max_size=2), cpu=st.integers(0, 3))),
)


@given(things)
def test_nothing_differs_from_itself(thing: Thing) -> None:
    assert diff(thing, thing) == ()
    assert carry(thing, thing) == thing


@given(things, things)
def test_what_is_carried_over_needs_no_second_update(want: Thing, has: Thing) -> None:
    assert diff(want, carry(want, has)) == ()


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_marker_survives_formatting(before: str, after: str) -> None:
    marker = unknown("network/vpc", "id")
    assert is_unknown({"a": [f"{before}{marker}{after}"]})
    assert not is_unknown({"a": ["vpc-1"]})
