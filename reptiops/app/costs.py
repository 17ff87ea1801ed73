"""What an environment costs as it is configured: the estimate, the guide beside it, what would be if, the first year."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from reptiops.app.supposing import UNASKED, is_text
from reptiops.config import Environment, environment_file, environments
from reptiops.cost import Difference, Estimate, difference, monthly, traffic_of
from reptiops.engine.plan import Plan
from reptiops.errors import ConfigurationError, Mistake
from reptiops.facts import Facts
from reptiops.loading import configured, load_environment, parse_environment
from reptiops.pricing import Guide, Period, Prices, load_guide, load_prices


class WhatIfError(ConfigurationError):
    """Questions that cannot be understood, or ask for what no configuration may be: all of them at once."""


def prices_of(env: Environment, file: Path | None = None, free_tier: bool = False) -> Prices:
    """The price list that counts for an environment: a given file, the configuration's, or the one that is shipped."""
    own = file or (Path(env.cost.prices) if env.cost.prices else None)
    prices = load_prices(own)
    return prices.with_free_tier() if free_tier or env.cost.free_tier else prices


def estimate(env: Environment, prices: Prices | None = None) -> Estimate:
    """What the environment costs in a month as it is configured, every service running."""
    return monthly(configured(env), prices or prices_of(env), traffic_of(env.name, env.cost.traffic))


def cost_of_plan(env: Environment, plan: Plan, prices: Prices | None = None) -> Difference:
    """What a plan changes in the monthly bill, by address and in sum."""
    return difference(plan, prices or prices_of(env), traffic_of(env.name, env.cost.traffic))


def with_estimate(facts: Facts, env: Environment) -> Facts:
    """The facts with our own estimate, at typical traffic, and a note where it exceeds the budget."""
    typical = round(estimate(env).total.typical, 2)
    notes = (*facts.notes, *(f"{one}: `reptiops cost {env.name}` says why" for one in over_budget(env, typical)))
    return replace(facts, estimate=typical, notes=notes)


def over_budget(env: Environment, typical: float) -> tuple[str, ...]:
    """A sentence where the estimate exceeds the configured budget."""
    budget = env.monitoring.budget
    if not budget.enabled or budget.amount == "estimate" or typical <= float(budget.amount):
        return ()
    return (
        f"the estimate at typical traffic once every service runs, ${typical:,.0f} a month, exceeds the budget of "
        f"${float(budget.amount):,.0f}",
    )


@dataclass(frozen=True)
class Variant:
    """What the estimate would be if something were configured otherwise."""

    question: str
    estimate: Estimate
    overruled: tuple[str, ...] = ()
    """Where two parts of the question set one setting: a sentence each."""


@dataclass(frozen=True)
class Months:
    """A part of the first year: the guide's amount and ours, in dollars for the whole part."""

    period: Period
    ours: float


@dataclass(frozen=True)
class Cost:
    """Everything `reptiops cost` shows."""

    env: Environment
    prices: Prices
    estimate: Estimate
    scaled_out: Estimate
    variants: tuple[Variant, ...]
    guide: Guide
    year: tuple[Months, ...]
    year_lacks: tuple[str, ...]
    """Environments of the guide's year that are not configured."""
    warnings: tuple[str, ...]


def cost(
    environment: str,
    *,
    config_dir: Path | None = None,
    prices: Path | None = None,
    what_if: Iterable[str] = (),
    free_tier: bool = False,
) -> Cost:
    """The estimate of an environment and everything beside it. Calls no AWS."""
    env = load_environment(environment, config_dir)
    listed = prices_of(env, prices, free_tier)
    base = estimate(env, listed)
    out = monthly(configured(env), listed, traffic_of(env.name, env.cost.traffic).scaled_out())
    variants = _variants(environment, config_dir, listed, list(dict.fromkeys(what_if)))
    guide, known = load_guide(), environments(config_dir)
    lacks = tuple(name for name in guide.year.environments if name not in known)
    year = () if lacks else _year(guide, {n: load_environment(n, config_dir) for n in guide.year.environments}, listed)
    warnings = list(over_budget(env, base.total.typical))
    if env.region != listed.region:
        warnings.append(f"the prices are those of {listed.region}, the environment is in {env.region}")
    return Cost(env, listed, base, out, variants, guide, year, lacks, tuple(warnings))


def _year(guide: Guide, envs: Mapping[str, Environment], prices: Prices) -> tuple[Months, ...]:
    months = []
    for period in guide.year.periods:
        listed = prices.with_savings_plan() if period.savings_plan else prices
        each = sum(estimate(env, listed).total.at(period.traffic) for env in envs.values())
        months.append(Months(period, each * period.months))
    return tuple(months)


# --- what if ------------------------------------------------------------------------------------------------------

NAMED: Mapping[str, tuple[str, Any]] = {
    "office-hours": ("office_hours.enabled", True),
    "single-nat": ("network.nat_gateways", 1),
    "no-nat": ("network.nat_gateways", 0),
}
"""Questions with a name: the setting they change. `savings-plan` changes the prices instead."""
SAVINGS = "savings-plan"
TOGETHER = re.compile(r",(?=[\w.-]+(?:=|$|,))")
"""Parts one question from the next inside one `--what-if`: CPU and memory of a task change as a pair."""


def _variants(environment: str, config_dir: Path | None, prices: Prices, asked: list[str]) -> tuple[Variant, ...]:
    """Each question by itself, then all together. Raises WhatIfError with the mistakes of all."""
    found: list[Variant] = []
    mistakes: list[Mistake] = []
    for question in asked:
        try:
            found.append(_supposed(environment, config_dir, prices, [question]))
        except ConfigurationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise WhatIfError(mistakes)
    return (*found, *([_supposed(environment, config_dir, prices, asked)] if len(asked) > 1 else []))


def _supposed(environment: str, config_dir: Path | None, prices: Prices, asked: list[str]) -> Variant:
    file = environment_file(environment, config_dir)
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    words = " ".join(f"--what-if {one}" for one in asked)
    mistakes: list[Mistake] = []
    by: dict[str, tuple[str, Any]] = {}
    overruled: list[str] = []
    listed = prices
    for part in (one for question in asked for one in TOGETHER.split(question)):
        try:
            if part.partition("=")[0] == SAVINGS:
                listed, changes = prices.with_savings_plan(_rate(part)), [(SAVINGS, part)]
            else:
                changes = _changes(part, settings)
        except WhatIfError as error:
            mistakes += error.mistakes
            continue
        for path, value in changes:
            if path in by and by[path][1] != value:
                overruled.append(f"{path}: {part} counts, {by[path][0]} has no effect beside it")
            by[path] = (part, value)
            if path != SAVINGS:
                _set(settings, path.split("."), value)
    try:
        env = parse_environment(yaml.safe_dump(settings, sort_keys=False), environment, "what-if")
    except ConfigurationError as error:  # its lines are those of a file that nobody sees
        raise WhatIfError([*mistakes, *(replace(one, file=words, line=0) for one in error.mistakes)]) from error
    if mistakes:
        raise WhatIfError(mistakes)
    return Variant(" + ".join(asked), estimate(env, listed), tuple(overruled))


def _wrong(question: str, message: str, valid: str = "") -> WhatIfError:
    return WhatIfError([Mistake(f"--what-if {question}", 0, "", message, valid)])


def _rate(question: str) -> float | None:
    """`savings-plan` at the price list's own rate, `savings-plan=30` at 30 %."""
    _, given, value = question.partition("=")
    try:
        rate = float(value.rstrip("%")) / 100 if given else None
    except ValueError:
        rate = -1.0
    if rate is not None and not 0 <= rate <= 1:
        raise _wrong(question, "the rate of a Savings Plan is a percentage", "such as savings-plan=30")
    return rate


def _changes(question: str, settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The settings that a question changes: a named one, `service.cpu=…` for all services, `repti-core.cpu=…` for one,
    `backend.memory=…` for a kind, or any setting of the configuration by its path.
    """
    path, given, value = question.partition("=")
    if not given:
        if path not in NAMED:
            close = get_close_matches(path, [*NAMED, SAVINGS], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise _wrong(
                question,
                "a setting needs a value" if "." in path else f"not understood{hint}",
                f"{', '.join([*NAMED, SAVINGS])}, or a setting and its value, such as backend.cpu=512 or "
                "database.instance_class=db.t4g.medium",
            )
        return [NAMED[path]]
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise _wrong(question, f"{value!r} is no value", "a number, a word, or YAML") from error
    changes = _paths(question, path, settings)
    if parsed is not None and not isinstance(parsed, str) and all(is_text(one) for one in changes):
        parsed = value  # YAML takes 18:00 for a number in sixties, and 15.7 for one in tens
    return [(one, parsed) for one in changes]


def _paths(question: str, path: str, settings: Mapping[str, Any]) -> list[str]:
    """The whole paths of what a question names. Raises WhatIfError where it begins with nothing that there is."""
    first, _, rest = path.partition(".")
    services = list(settings.get("compute", {}).get("services", {}))
    if first == "service":
        return [f"compute.services.{name}.{rest}" for name in services]
    if first in services:
        return [f"compute.services.{path}"]
    if first in ("frontend", "backend"):
        return [f"compute.{path}"]
    sections = [one for one in Environment.model_fields if one not in UNASKED]
    if first not in sections:
        known = ["service", "frontend", "backend", *services, *sections]
        close = get_close_matches(first, known, n=1)
        message = f"unknown key{f'; did you mean {close[0]}?' if close else ''}"
        raise WhatIfError([Mistake(f"--what-if {question}", 0, first, message, ", ".join(known))])
    return [path]


def _set(settings: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = settings.get(part)
        settings[part] = dict(inner) if isinstance(inner, dict) else {}
        settings = settings[part]
    settings[path[-1]] = value
