"""ACM: a certificate is issued once its validation records are in a zone of the account, not after some seconds; one that
is imported anew keeps its tags.
"""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace
from reptiops.sandbox.rules import WORLD
from reptiops.sandbox.rules.acm import VALIDATED


def fill() -> None:
    """Certificates wait for their records."""
    from moto.acm.models import AWSCertificateManagerBackend, CertBundle
    from moto.route53.models import route53_backends

    @replace(CertBundle, "check")
    def check(original: Any, self: Any) -> None:
        if self.type != "AMAZON_ISSUED" or self.status != "PENDING_VALIDATION":
            original(self)
            return
        options = self.describe()["Certificate"]["DomainValidationOptions"]
        if any("ResourceRecord" not in option for option in options):
            return
        wanted = {option["ResourceRecord"]["Name"].rstrip(".").lower() for option in options}
        if WORLD.enforced and any(WORLD.clock.younger(f"record {name}", VALIDATED) for name in wanted):
            return
        zones = route53_backends[self.arn.split(":")[4]]["aws"].zones.values()
        there = {r.name.rstrip(".").lower() for zone in zones for r in zone.rrsets if r.type == "CNAME"}
        if wanted <= there:
            self.status = "ISSUED"

    @replace(AWSCertificateManagerBackend, "import_certificate")
    def imported(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        before = {arn: bundle.tags for arn, bundle in self._certificates.items()}
        arn = original(self, *args, **kwargs)
        if arn in before:
            self._certificates[arn].tags = before[arn]
        return arn
