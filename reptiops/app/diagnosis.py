"""Why services did not come up, asked while they are still there: a rollback takes the evidence away.

What AWS says is kept in the journal, so that it can be read when everything has been undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reptiops.app.site import Site
from reptiops.engine.apply import Apply
from reptiops.engine.state import Journal
from reptiops.errors import ReptiopsError
from reptiops.operations.deployments import Symptoms, symptoms

SERVICE = "compute/service/"
ASKED = 3
"""For so many services AWS is asked; ten that fail together fail for one reason."""


@dataclass(frozen=True)
class Down:
    """A service that did not come up, and what AWS said about it then."""

    address: str
    symptoms: Symptoms


class ServiceDown(ReptiopsError):
    """A service that does not come up, and what AWS says about it."""

    def __init__(self, error: BaseException, address: str, found: Symptoms):
        self.address, self.symptoms = address, found
        super().__init__(str(error))


def ask_why(site: Site, run: Apply, error: Exception, journal: Journal) -> None:
    """Add AWS's own reasons to an error. What failed may be the very thing that is asked now: that hinders no rollback."""
    try:
        diagnose(site, run, error, journal)
    except Exception as broken:
        if broken is not journal.broken:
            error.add_note(f"AWS could not be asked why: {broken}")


def diagnose(site: Site, run: Apply, error: BaseException, journal: Journal) -> None:
    """Put what AWS says into the errors of services that did not come up, and into the journal."""
    errors: list[BaseException] = getattr(error, "errors", [])
    asked = 0
    for index, one in enumerate(errors):
        address = str(one).split(" ", 1)[0]
        live = run.live.get(address)
        if not address.startswith(SERVICE) or live is None or asked == ASKED:
            continue
        name = address.removeprefix(SERVICE)
        has = live.has
        found = symptoms(site.aws, has.cluster, name, has.target_group, site.env.log_group(name))
        errors[index] = ServiceDown(one, address, found)
        asked += 1
        journal.write("symptoms", address=address, **asdict(found))


def services_down(records: Iterable[Mapping[str, Any]]) -> tuple[Down, ...]:
    """The services that did not come up in a run, from its journal."""
    return tuple(Down(r["address"], _read(r)) for r in records if r["event"] == "symptoms")


def _read(record: Mapping[str, Any]) -> Symptoms:
    events, stopped, targets, log = (tuple(record[name]) for name in ("events", "stopped", "targets", "log"))
    return Symptoms(record["service"], events, stopped, targets, log)
