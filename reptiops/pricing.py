"""The files behind an estimate: prices, what an environment is taken to carry, and what the guide says. No AWS call."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reptiops.errors import ConfigurationError, ReptiopsError
from reptiops.shipped import shipped_dir
from reptiops.validation import mistake
from reptiops.yamlsource import read_source

DEFAULT = "us-east-1"
LIKE = "dev"
"""The environment whose traffic one that is not listed is taken to have."""
Band = tuple[float, float, float]
"""Low, typical, high."""
M = TypeVar("M", bound="File")


class PriceFileError(ReptiopsError):
    """A price file that cannot be read or has mistakes."""

    exit_code = 2


class File(BaseModel):
    """A part of one of the files: knows all its keys, cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(File):
    """One item of the price list. `free` is what AWS gives away in an account each month, in the same unit."""

    price: float = Field(ge=0)
    unit: str
    component: str
    confidence: Literal["A", "B", "C"]
    note: str = ""
    free: float = 0.0
    savings_plan: float = Field(default=0.0, ge=0, le=1)
    list: tuple[str, ...] | None = Field(default=None, min_length=2)
    """Where it stands in the AWS Price List: service code, usage type, and further attributes as `name=value`."""


class Prices(File):
    """A price list with its region and the day it was compiled."""

    currency: Literal["USD"]
    region: str
    compiled: datetime.date
    prices: Mapping[str, Price]
    free_tier: bool = False
    """Whether what AWS gives away is taken off."""

    def with_savings_plan(self, rate: float | None = None) -> Prices:
        """The list with a Compute Savings Plan on what it applies to, at its own rate or another."""
        reduced = {
            key: one.model_copy(update={"price": one.price * (1 - (one.savings_plan if rate is None else rate))})
            if one.savings_plan
            else one
            for key, one in self.prices.items()
        }
        return self.model_copy(update={"prices": reduced})

    def with_free_tier(self) -> Prices:
        """The list with what AWS gives away taken off."""
        return self.model_copy(update={"free_tier": True})


class Load(BaseModel):
    """One kind of traffic, by environment; `at` gives single addresses their own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    what: str
    each: bool = False
    at: Mapping[str, Mapping[str, Band]] = Field(default_factory=dict)
    __pydantic_extra__: dict[str, Band]

    def band(self, environment: str) -> Band:
        """What an environment carries of it."""
        bands = self.__pydantic_extra__
        return bands.get(environment) or bands.get(LIKE, (0.0, 0.0, 0.0))


class Loads(File):
    """All kinds of traffic."""

    loads: Mapping[str, Load]


class Period(File):
    """A part of the guide's first year."""

    months: int
    said: str
    amount: float
    traffic: Literal["low", "typical", "high"]
    savings_plan: bool


class Year(File):
    """The guide's first year; `reason`: why its total is no sum of its months."""

    total: float
    reason: str
    periods: tuple[Period, ...]
    environments: tuple[str, ...]


class Guide(File):
    """The guide's figures by environment and component, and why list prices give others."""

    monthly: Mapping[str, Mapping[str, float]]
    totals: Mapping[str, float]
    reasons: Mapping[str, str]
    year: Year


def load_prices(file: Path | None = None) -> Prices:
    """The price list of a file, or the one shipped with the tool. Raises PriceFileError."""
    return _read(Prices, file) if file else _shipped_prices()


@cache
def _shipped_prices() -> Prices:
    return _read(Prices, shipped_dir("prices") / f"{DEFAULT}.yaml")


@cache
def load_loads() -> Mapping[str, Load]:
    """What environments are taken to carry, as shipped."""
    return _read(Loads, shipped_dir("prices") / "traffic.yaml").loads


@cache
def load_guide() -> Guide:
    """What the guide says."""
    return _read(Guide, shipped_dir("prices") / "guide.yaml")


def _read(model: type[M], file: Path) -> M:
    try:
        source = read_source(file, "price file")
        return model.model_validate(source.data)
    except ConfigurationError as error:
        raise PriceFileError(str(error)) from error
    except ValidationError as error:
        mistakes = (mistake(model, source, one) for one in error.errors(include_url=False))
        raise PriceFileError("\n".join(map(str, sorted(set(mistakes))))) from error
