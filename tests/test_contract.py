"""Every kind keeps the contract: absent → created → found exactly as wanted → changed → converged → deleted → absent."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

import reptiops.resources
import tests.samples
from reptiops.app.rights import tags
from reptiops.engine.canonical import plain
from reptiops.engine.codec import restore
from reptiops.engine.diff import diff
from reptiops.engine.resource import Identity, Live, Made, NotYet, Resource
from reptiops.engine.scope import Scope
from reptiops.sandbox import gaps, rules
from reptiops.steps import documented
from tests.iam_actions import actions
from tests.recorder import Recorder
from tests.samples import Sample, World


def _samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    for info in pkgutil.iter_modules(tests.samples.__path__):
        for sample in importlib.import_module(f"tests.samples.{info.name}").SAMPLES:
            found[sample.kind.kind()] = sample
    return found


SAMPLES = _samples()


def test_every_kind_has_a_sample() -> None:
    for info in pkgutil.iter_modules(reptiops.resources.__path__):
        importlib.import_module(f"reptiops.resources.{info.name}")
    assert {kind.kind() for kind in documented().kinds()} <= set(SAMPLES)


def _mine(world: World, want: Resource, address: str, beside: Iterable[Resource]) -> Live[Resource] | None:
    scope = Scope(world.aws, world.names, [want, *beside])
    key = want.key()
    for live in scope.live(type(want)):
        if live.address == address or (key is not None and live.has.key() == key):
            return live
    return None


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_contract(name: str) -> None:
    check_with_rights(SAMPLES[name])


def check_with_rights(sample: Sample) -> None:
    """Also: it calls what it declares and declares what it calls, for each purpose, as IAM sees it."""
    recorders: list[Recorder] = []
    check(sample, lambda session: recorders.append(Recorder(session)))
    called: dict[str, set[str]] = {
        purpose: set() for purpose in ("read", "adopt", "create", "update", "delete", "undo")
    }
    for call in recorders[0].calls:
        if call.by == sample.kind.kind():
            called[call.purpose] |= actions(call.service, call.operation, call.parameters)
    declared = {p: {a for r in sample.kind.rights if r.purpose == p for a in r.actions} for p in called}
    adopting = {a for a in declared["create"] if tags(a)} | declared["read"]
    assert called.pop("adopt") <= adopting, "adopting takes no more than reading, and tagging as a create does"
    declared.pop("adopt")
    assert called == declared


def check(sample: Sample, watch: Callable[[Any], Any] = lambda session: None) -> None:
    """One kind through its whole life, in an empty account. `watch` gets the session before its first call."""
    gaps.apply()
    beside = sample.beside
    with rules.enforced(), mock_aws():
        world = World()
        watch(world.session)
        want = sample.make(world)
        address = "network/sample/one"
        identity = world.identity(address)
        assert _mine(world, want, address, beside) is None, "it is there before it was made"
        made = want.create(world.aws, identity)
        live = _mine(world, want, address, beside)
        assert live is not None, "it is not found after it was made"
        if isinstance(made, Made):
            assert live.id == made.id
            assert dict(made.out).items() <= dict(live.out).items(), "its create told other things than a read"
            assert made.status.phase == "pending" or live.status.phase == "ready"
        else:
            assert live.id == made
        world.tags_lag = True
        late = _mine(world, want, address, beside)
        world.tags_lag = False
        assert late is not None, "it is not found while the tagging API lags"
        assert (late.id, late.address) == (live.id, live.address)
        assert live.address in ((address,) if want.taggable else (address, None))
        assert plain(restore(type(want), plain(live.has))) == plain(live.has), "its canonical form does not lead back"
        assert diff(want, live.has) == ()
        assert want.in_service(world.aws, live) == "", "a new one counts as in service"
        for change in sample.changes:
            changed = change(want)
            differences = diff(changed, live.has)
            assert differences, "the changed sample differs in nothing"
            assert not any(d.fixed for d in differences)
            known = replace(live, identity=identity)
            for _ in ("AWS's answer is lost", "and the same is asked for again"):
                _update(world, changed, known, frozenset(d.field for d in differences))
            live = _mine(world, changed, address, beside)
            assert live is not None
            assert diff(changed, live.has) == ()
            want = changed
        if sample.beyond is not None:
            sample.beyond(world, want, live)
            live = _mine(world, want, address, beside)
            assert live is not None
        if want.existing:
            return  # shared with others: never written, never deleted
        _delete(world, want, live)
        assert _mine(world, want, address, beside) is None, "it is still there after it was deleted"
        _adopted(world, want, address, beside)


def _adopted(world: World, want: Resource, address: str, beside: Iterable[Resource]) -> None:
    """Somebody else makes the same one, without our tags: it is found as nobody's, taken over, and goes as ours.

    It is made as the last change left it: a rollback makes anew whatever there was.
    """
    answer = want.create(
        world.aws, Identity(address, {"Project": "theirs", "Environment": "other", "Owner": "somebody"})
    )
    made = answer.id if isinstance(answer, Made) else answer
    scope = Scope(world.aws, world.names, [want, *beside])
    lives = {one.id: one for one in (*type(want).strangers(world.aws, scope), *scope.live(type(want)))}
    assert lives[made].address is None, "it is ours without our tags"
    assert want.resembles(lives[made].has)
    want.tag(world.aws, lives[made], world.identity(address))
    live = _mine(world, want, address, beside)
    assert live is not None, "it is not found after it was tagged"
    assert (live.id, live.address) in ((made, address), *(() if want.taggable else ((made, None),)))
    assert diff(want, live.has) == (), "tagging has changed something else"
    _delete(world, want, live)
    assert _mine(world, want, address, beside) is None


def _update(world: World, want: Resource, live: Live[Resource], changed: frozenset[str]) -> None:
    for _ in range(8):
        try:
            want.update(world.aws, live, changed)
        except NotYet:
            continue
        return
    raise AssertionError("its change never ends")


def _delete(world: World, want: Resource, live: Live[Resource]) -> None:
    if want.retires():
        want.retire(world.aws, live)
    want.blockers(world.aws, live)
    for _ in range(5):
        try:
            want.delete(world.aws, live)
        except NotYet:
            continue
        return
    raise AssertionError("its deletion never ends")
