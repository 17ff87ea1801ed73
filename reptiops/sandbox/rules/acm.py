"""ACM: validation takes a while, and a certificate in use stays, for minutes after too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule

VALIDATED = 30.0
"""Seconds from the validation record to ISSUED."""
RECORD_SHOWN = 5.0
"""Seconds until a new certificate tells its validation record."""
RELEASED = 60.0
"""Seconds for which a certificate counts as in use after its last user has gone."""


def certificate_of(distribution: Any) -> str:
    """The certificate that a distribution of moto's uses."""
    return str(getattr(distribution.distribution_config.ViewerCertificate, "acm_certificate_arn", "") or "")


def users(call: Call, arn: str) -> list[str]:
    """The listeners and distributions that use a certificate."""
    found = [
        listener.arn
        for balancer in call.backend("elbv2").load_balancers.values()
        for listener in balancer.listeners.values()
        if arn in (listener.certificate, *listener.certificates)
    ]
    for one in call.backend("cloudfront").distributions.values():
        if certificate_of(one) == arn:
            found.append(one.arn)
    return found


def rules() -> None:
    """Everything about certificates."""

    @rule("4.1 lag", "acm", "RequestCertificate")
    def validation_record_is_told_late(call: Call) -> Iterator[None]:
        """A new certificate tells its validation record after some seconds."""
        before = set(call.backend()._certificates)
        yield
        for arn in set(call.backend()._certificates) - before:
            call.world.clock.note(f"requested {arn}")

    @rule("4.1 ready", "route53", "ChangeResourceRecordSets")
    def validation_takes_a_while(call: Call) -> Iterator[None]:
        """A certificate is issued some time after its record has come into the zone."""
        yield
        for change in call.get("ChangeBatch", {}).get("Changes", []):
            call.world.clock.note(f"record {change['ResourceRecordSet']['Name'].rstrip('.').lower()}")

    @rule("4.1 del", "elbv2", "DeleteListener", "DeleteLoadBalancer", "ModifyListener")
    def certificate_of_a_listener_lingers(call: Call) -> Iterator[None]:
        """What a listener used counts as used for a while."""
        for balancer in call.backend().load_balancers.values():
            for listener in balancer.listeners.values():
                if call.get("LoadBalancerArn") == balancer.arn or call.get("ListenerArn") == listener.arn:
                    call.world.clock.note(f"released {listener.certificate}")
        yield

    @rule("4.1 del", "acm", "DeleteCertificate")
    def certificate_in_use(call: Call) -> None:
        """A certificate that a listener or distribution uses, or used just now, stays."""
        arn = str(call.get("CertificateArn"))
        if users(call, arn) or call.world.clock.younger(f"released {arn}", RELEASED):
            account = arn.split(":")[4]
            raise Refused("ResourceInUseException", f"Certificate {arn} in account {account} is in use.")

    @rule("4.1 lim", "acm", "RequestCertificate")
    def names_of_a_certificate(call: Call) -> None:
        """A domain of 64 characters at most, ten names."""
        if len(call.get("DomainName", "")) > 64 or len(call.get("SubjectAlternativeNames", [])) > 10:
            raise Refused("LimitExceededException", "The certificate has too many names, or one that is too long.")
