"""CloudFront: minutes of deployment, ETags, disabled before deleted, TTLs, paths, aliases and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.acm import certificate_of

DEPLOYED = 180.0


def rules() -> None:
    """Everything about distributions and headers policies."""
    _values()
    _changes()
    _neighbours()
    _etags()


def _config(call: Call) -> dict[str, Any]:
    given = call.get("DistributionConfig") or call.get("DistributionConfigWithTags", {}).get("DistributionConfig") or {}
    return dict(given)


WRITES = ("CreateDistribution", "CreateDistributionWithTags", "UpdateDistribution")


def _behaviours(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [config.get("DefaultCacheBehavior") or {}, *((config.get("CacheBehaviors") or {}).get("Items") or [])]


def _values() -> None:
    @rule("7.2, 0.3", "cloudfront", *WRITES)
    def lifetimes_in_order(call: Call) -> None:
        """MinTTL, DefaultTTL, MaxTTL in this order; forwarding all headers needs a MinTTL of 0."""
        for one in _behaviours(_config(call)):
            ttls = [int(one.get(name) or 0) for name in ("MinTTL", "DefaultTTL", "MaxTTL")]
            if ttls != sorted(ttls):
                raise Refused("InvalidTTLOrder", "The order of the TTLs is wrong: MinTTL ≤ DefaultTTL ≤ MaxTTL.")
            headers = (one.get("ForwardedValues") or {}).get("Headers", {}).get("Items") or []
            if "*" in headers and ttls[0] > 0:
                raise Refused("InvalidArgument", "MinTTL must be 0 when all headers are forwarded.")
            if one.get("CachePolicyId") and one.get("ForwardedValues"):
                raise Refused("InvalidArgument", "A behaviour has a cache policy or forwarded values, not both.")

    @rule("7.2", "cloudfront", *WRITES)
    def quantities_agree(call: Call) -> None:
        """Every list says how long it is."""

        def check(value: Any) -> None:
            if isinstance(value, dict):
                if "Quantity" in value and int(value["Quantity"]) != len(value.get("Items") or []):
                    raise Refused("InconsistentQuantities", "The value of Quantity and the number of Items differ.")
                for inner in value.values():
                    check(inner)
            elif isinstance(value, list):
                for inner in value:
                    check(inner)

        check(_config(call))

    @rule("7.2 norm", "cloudfront", *WRITES)
    def origin_paths(call: Call) -> None:
        """An origin's path is empty, or begins with a slash and does not end with one."""
        for one in (_config(call).get("Origins") or {}).get("Items") or []:
            path = one.get("OriginPath") or ""
            if path and (not path.startswith("/") or path.endswith("/")):
                raise Refused("InvalidArgument", "The parameter originPath must begin with / and not end with /.")

    @rule("7.2 id, 4.1", "cloudfront", *WRITES)
    def certificate_is_issued(call: Call) -> None:
        """Aliases need an issued certificate of us-east-1, signed by somebody whom browsers trust."""
        config = _config(call)
        arn = (config.get("ViewerCertificate") or {}).get("ACMCertificateArn")
        aliases = (config.get("Aliases") or {}).get("Items") or []
        if not arn:
            if aliases:
                message = "To add an alternate domain name (CNAME), you must attach a trusted certificate."
                raise Refused("InvalidViewerCertificate", message)
            return
        from moto.acm.models import acm_backends

        held = acm_backends[call.account]["us-east-1"]._certificates.get(arn)
        if held is not None:
            held.check()
        if held is None or held.status != "ISSUED" or held.type == "IMPORTED":
            message = "The specified SSL certificate doesn't exist, isn't in us-east-1, isn't valid or isn't trusted."
            raise Refused("InvalidViewerCertificate", message)


def _changes() -> None:
    @rule("7.2 ready", "cloudfront", *WRITES)
    def deployment_takes_minutes(call: Call) -> Iterator[None]:
        """InProgress for minutes after every change."""
        before = set(call.backend().distributions)
        yield
        for name in {str(call.get("Id"))} | (set(call.backend().distributions) - before):
            call.world.clock.note(f"distribution {name}")

    @rule("7.2 chg", "cloudfront", "UpdateDistribution")
    def caller_reference_is_kept(call: Call) -> None:
        """An update keeps the caller reference."""
        held = call.backend().distributions.get(call.get("Id"))
        if held is not None and held.distribution_config.caller_reference != _config(call).get("CallerReference"):
            raise Refused("IllegalUpdate", "The update contains modifications that are not allowed: CallerReference.")

    @rule("7.2 del", "cloudfront", "DeleteDistribution")
    def disabled_and_deployed_first(call: Call) -> None:
        """A distribution is disabled, then deployed everywhere, then deleted."""
        held = call.backend().distributions.get(call.get("Id"))
        young = call.world.clock.younger(f"distribution {call.get('Id')}", DEPLOYED)
        if held is not None and (held.distribution_config.Enabled or young):
            raise Refused("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.")

    @rule("7.2 del, 4.1 del", "cloudfront", "DeleteDistribution", "UpdateDistribution")
    def certificate_of_a_distribution_lingers(call: Call) -> Iterator[None]:
        """What a distribution used counts as used for a while."""
        held = call.backend().distributions.get(call.get("Id"))
        arn = certificate_of(held) if held is not None else None
        yield
        if arn:
            call.world.clock.note(f"released {arn}")


HEADERS = ("CreateResponseHeadersPolicy", "UpdateResponseHeadersPolicy")


def _policies(call: Call) -> dict[str, dict[str, Any]]:
    """The response headers policies of the account, by id."""
    held: dict[str, dict[str, Any]] = getattr(call.backend(), "response_headers_policies", {})
    return held


def _neighbours() -> None:
    @rule("7.2 id", "cloudfront", *WRITES)
    def an_alias_once(call: Call) -> None:
        """An alias belongs to one distribution."""
        aliases = set((_config(call).get("Aliases") or {}).get("Items") or [])
        for one in call.backend().distributions.values():
            theirs = set(one.distribution_config.Aliases.get("Items") or [])
            if one.distribution_id != call.get("Id") and theirs & aliases:
                message = "One or more of the CNAMEs you provided are already associated with a resource."
                raise Refused("CNAMEAlreadyExists", message)

    @rule("7.2", "cloudfront", *WRITES)
    def headers_policy_exists(call: Call) -> None:
        """A behaviour names a response headers policy that is there."""
        for one in _behaviours(_config(call)):
            if one.get("ResponseHeadersPolicyId") not in (None, "", *_policies(call)):
                message = "The specified response headers policy does not exist."
                raise Refused("NoSuchResponseHeadersPolicy", message)

    @rule("7.2", "cloudfront", *HEADERS)
    def headers_policy_names(call: Call) -> None:
        """The name of a response headers policy is taken once."""
        name = call.get("ResponseHeadersPolicyConfig", {}).get("Name")
        if any(one["config"]["Name"] == name and one["id"] != call.get("Id") for one in _policies(call).values()):
            message = "A response headers policy with this name already exists."
            raise Refused("ResponseHeadersPolicyAlreadyExists", message)

    @rule("7.2", "cloudfront", "DeleteResponseHeadersPolicy")
    def headers_policy_in_use(call: Call) -> None:
        """A response headers policy that a behaviour names stays."""
        for one in call.backend().distributions.values():
            config = one.distribution_config
            behaviours = [config.DefaultCacheBehavior, *(config.CacheBehaviors.get("Items") or [])]
            if any(b.response_headers_policy_id == call.get("Id") for b in behaviours):
                message = "Cannot delete the response headers policy: it is attached."
                raise Refused("ResponseHeadersPolicyInUse", message)


def _etags() -> None:
    changes = ("UpdateDistribution", "DeleteDistribution", "UpdateResponseHeadersPolicy", "DeleteResponseHeadersPolicy")

    @rule("7.2 chg", "cloudfront", *changes)
    def etag_of_the_last_read(call: Call) -> None:
        """A change names the ETag of what it changes, the newest one."""
        policy, held = _policies(call).get(call.get("Id")), call.backend().distributions.get(call.get("Id"))
        newest = policy["etag"] if policy else held.etag if held else None
        if not call.get("IfMatch"):
            raise Refused("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
        if newest and call.get("IfMatch") != newest:
            message = "The precondition given in one or more of the request-header fields evaluated to false."
            raise Refused("PreconditionFailed", message)
