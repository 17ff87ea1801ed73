"""An environment's file read as a whole: the addresses that it names, too, and what it says of their fields.

Everything that loads an environment to do something with it loads it here. The steps are imported only where a file names
an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from reptiops import config
from reptiops.config import Environment
from reptiops.facts import Facts
from reptiops.settings.checks import check
from reptiops.settings.findings import Finding
from reptiops.yamlsource import SettingPath

if TYPE_CHECKING:
    from reptiops.engine.graph import Graph
    from reptiops.engine.resource import Resource

ACCOUNT = "000000000000"
"""Stands for the account where the configuration names none: no address, name or price depends on it."""
ANYWHERE = frozenset({"extra"})
"""What may be given away of an address that is not declared: what nobody declared has one all the same."""
OF_ALL = frozenset({"extra", "missing"})
"""What `drift` says of whole resources, as it says the fields of others."""


def load_environment(name: str, config_dir: Path | str | None = None) -> Environment:
    """The environment `name`, read and checked. Raises ConfigurationError with every mistake in the file."""
    return config.load_environment(name, config_dir, _checks)


def parse_environment(yaml_text: str, name: str, file: str = "<text>") -> Environment:
    """The environment `name` from YAML text; `file` is what mistakes call it. Raises ConfigurationError."""
    return config.parse_environment(yaml_text, name, file, _checks)


def configured(env: Environment, facts: Facts | None = None) -> dict[str, Resource]:
    """Everything that the configuration wants, by address, with every image there. Calls no AWS."""
    return _wanted(env, facts or _supposing_all(env), env.accepted)


def _wanted(env: Environment, facts: Facts, overrides: Mapping[str, Mapping[str, object]]) -> dict[str, Resource]:
    from reptiops.engine.plan import wanted_actions
    from reptiops.steps import documented

    given = {"env": env, "facts": facts, "overrides": overrides}
    return {a.address: a.want for a in wanted_actions(documented(), given) if a.want is not None}


def _supposing_all(env: Environment) -> Facts:
    """Facts of a world in which nothing is missing."""
    zone = "zone" if env.dns.enabled and not env.dns.create_zone else None
    images = frozenset(service.name for service in env.services)
    return Facts(env.account or ACCOUNT, env.region, zone_id=zone, images=images, estimate=0.0)


def _checks(env: Environment) -> Iterator[Finding]:
    between = tuple(check(env))
    yield from between
    if env.overrides or env.owners:
        yield from _addresses(env, not between)


def _addresses(env: Environment, sound: bool) -> Iterator[Finding]:
    """What is wrong with addresses. Where settings contradict each other only their steps are known: nothing is wanted of
    what cannot be.
    """
    from reptiops.engine.fitting import nameless
    from reptiops.steps import documented

    graph = documented()
    wanted = _wanted(env, _supposing_all(env), {}) if sound else {}
    for address, fields in env.overrides.items():
        yield from _unknown(env, graph, wanted, ("overrides", address), sound)
        yield from _overlaid(wanted[address], ("overrides", address), fields) if address in wanted else ()
    for address, owned in env.owners.items():
        if not owned.keys() <= ANYWHERE or graph.step_of(address) is None:
            yield from _unknown(env, graph, wanted, ("owners", address), sound)
        for name in owned.keys() - OF_ALL if address in wanted else ():
            why = nameless(wanted[address], name.replace("/", "."))
            if why:
                yield Finding(("owners", address, name), *why)


def _overlaid(want: Resource, path: SettingPath, fields: Mapping[str, object]) -> Iterator[Finding]:
    """What of an override does not fit its resource, field by field; and then what does not go together in it."""
    from reptiops.engine.codec import override
    from reptiops.engine.fitting import misfits
    from reptiops.settings.fields import judge, together

    found = tuple(misfits(want, fields, judge))
    yield from (Finding((*path, *one.path), one.message, one.valid) for one in found)
    if not found:
        for name, message, valid in together(type(want), override(want, fields)):
            yield Finding((*path, name), message, valid)


def _unknown(
    env: Environment, graph: Graph, wanted: Mapping[str, Resource], path: tuple[str, str], sound: bool
) -> Iterator[Finding]:
    """Where nothing has an address: what was probably meant. Which keys a step has, other settings say, so a mistake in
    them may hide it.
    """
    address = path[1]
    if address in wanted:
        return
    if graph.step_of(address) is None:
        begins = "/".join(address.split("/")[:2])
        near = _near(begins, graph.by_path)
        close = _near(address, wanted)
        yield Finding(path, f"there is no step {begins}{_meant(close or near)}", ", ".join(_of_phase(address, graph)))
    elif sound:
        others = tuple((name,) for name in type(env).model_fields if name not in ("overrides", "owners"))
        step = graph.step_of(address)
        valid = sorted(one for one in wanted if step and graph.step_of(one) is step)
        yield Finding(path, f"nothing has this address{_meant(_near(address, wanted))}", _few(valid), also=others)


def _near(name: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(name, list(known), n=1, cutoff=0.8)


def _meant(close: list[str]) -> str:
    return f"; did you mean {close[0]}?" if close else ""


def _few(known: list[str], most: int = 6) -> str:
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def _of_phase(address: str, graph: Graph) -> list[str]:
    return [path for path in graph.by_path if path.startswith(f"{address.split('/')[0]}/")]
