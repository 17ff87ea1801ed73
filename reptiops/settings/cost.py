"""What the tool itself reckons with: the price list, and what the environment carries in a month."""

from typing import Annotated

from pydantic import Field

from reptiops.settings.base import Frozen, Settings, frozen, shorthand, text

Amount = Annotated[float, Field(ge=0)]
LoadName = Annotated[str, text(r"[a-z][a-z_]{1,40}", "the name of a load, such as nat_gb")]
Band = Annotated[
    tuple[Amount, Amount, Amount],
    shorthand(frozen, {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}),
]
"""Low, typical, high."""


class Cost(Settings):
    """The estimate. `prices` is a file beside the working directory; `traffic` replaces assumed loads (low, typical, high);
    with `free_tier` what AWS gives away in an account is taken off.
    """

    prices: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    traffic: Frozen[LoadName, Band] = Field(default_factory=dict, validate_default=True)
    free_tier: bool = False
