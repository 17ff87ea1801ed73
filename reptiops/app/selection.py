"""What a run may touch, as a person names it."""

from __future__ import annotations

from collections.abc import Iterable

from reptiops.engine.graph import PHASES
from reptiops.engine.plan import Selection
from reptiops.errors import ReptiopsError


class UnknownSelection(ReptiopsError):
    """A phase or address that cannot exist."""

    exit_code = 2


def select(phases: Iterable[str] = (), only: Iterable[str] = ()) -> Selection:
    """What may be touched: some phases, some addresses; everything where neither is given. Raises UnknownSelection."""
    selection = Selection(frozenset(phases), tuple(only))
    wrong = [p for p in sorted(selection.phases) if p not in PHASES]
    wrong += [a for a in selection.addresses if a.split("/")[0] not in PHASES]
    if wrong:
        raise UnknownSelection(
            f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} neither a phase nor the beginning of an address; "
            f"phases: {', '.join(PHASES)}"
        )
    return selection
