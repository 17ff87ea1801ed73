"""Why there is no plan: what was selected does not exist, or needs what is not there or is not ours."""

from __future__ import annotations

from collections.abc import Iterable

from reptiops.engine.action import Action
from reptiops.errors import ReptiopsError


class PlanError(ReptiopsError):
    """A world that no plan can be made for, such as two resources that carry one address."""

    exit_code = 4


class UnknownAddress(PlanError):
    """An address that was selected, and nothing has it or begins with it."""

    exit_code = 2

    def __init__(self, address: str, close: Iterable[str]):
        hint = "".join(f"; did you mean {one}?" for one in close)
        super().__init__(f"there is no address {address}{hint}")


class NeedsMissing(PlanError):
    """An address that needs another one, which is not there and may not be made."""

    why = "which is missing and is not mended"

    def __init__(self, address: str, missing: str):
        self.address, self.missing = address, missing
        super().__init__(f"{address} needs {missing}, which is not there and was not selected.")


class NeedsForeign(NeedsMissing):
    """An address that would be made on what has a name of ours, was not selected, and nothing says that we made."""

    why = "which nothing says that reptiops made"

    def __init__(self, address: str, strange: Action):
        super().__init__(address, strange.address)
        there = strange.live.id if strange.live is not None else ""
        self.args = (
            f"{address} needs {strange.address} ({there}), which exists, was not selected, and nothing says that reptiops "
            "made it. Take it over first with `reptiops adopt ENV`, or choose another name in the configuration.",
        )
        self.unchanged = True
