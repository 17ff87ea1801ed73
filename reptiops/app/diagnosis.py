"""Why services did not come up, asked while they are still there: a rollback takes the evidence away."""

from __future__ import annotations

from reptiops.app.site import Site
from reptiops.engine.apply import Apply
from reptiops.errors import ReptiopsError
from reptiops.operations.deployments import Symptoms, symptoms

SERVICE = "compute/service/"
ASKED = 3
"""For so many services AWS is asked; ten that fail together fail for one reason."""


class ServiceDown(ReptiopsError):
    """A service that does not come up, and what AWS says about it."""

    def __init__(self, error: BaseException, address: str, found: Symptoms):
        self.address, self.symptoms = address, found
        super().__init__(str(error))


def diagnose(site: Site, run: Apply, error: BaseException) -> None:
    """Put what AWS says into the errors of services that did not come up."""
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
