"""CloudFront: response headers policies; ETags that change and count; aliases once only."""

from __future__ import annotations

import uuid
from typing import Any

from reptiops.sandbox.gaps import add, replace


def fill() -> None:
    """Everything about CloudFront."""
    _paths()
    _headers_policies()
    _distributions()


def _fresh() -> str:
    return "E" + uuid.uuid4().hex[:13].upper()


def _paths() -> None:
    """Where the operations are reached: in process through the decorator, and by the server."""
    from moto.cloudfront import urls
    from moto.cloudfront.responses import CloudFrontResponse

    for path in (
        "{0}/2020-05-31/response-headers-policy$",
        "{0}/2020-05-31/response-headers-policy/(?P<policy_id>[^/]+)$",
        "{0}/2020-05-31/response-headers-policy/(?P<policy_id>[^/]+)/config$",
    ):
        urls.url_paths[path] = CloudFrontResponse.dispatch


def _headers_policies() -> None:
    from moto.cloudfront.exceptions import CloudFrontException, InvalidIfMatchVersion
    from moto.cloudfront.responses import CloudFrontResponse
    from moto.core.responses import ActionResult, EmptyResult

    def held(self: Any) -> dict[str, dict[str, Any]]:
        backend = self.backend
        if not hasattr(backend, "response_headers_policies"):
            backend.response_headers_policies = {}
        policies: dict[str, dict[str, Any]] = backend.response_headers_policies
        return policies

    def one(self: Any) -> dict[str, Any]:
        identifier = self._get_param("Id")
        if identifier not in held(self):
            raise CloudFrontException(
                "NoSuchResponseHeadersPolicy", "The specified response headers policy does not exist."
            )
        return held(self)[identifier]

    def shown(policy: dict[str, Any]) -> dict[str, Any]:
        return {
            "Id": policy["id"],
            "LastModifiedTime": "2026-01-01T00:00:00Z",
            "ResponseHeadersPolicyConfig": policy["config"],
        }

    def answer(policy: dict[str, Any]) -> ActionResult:
        return ActionResult({"ResponseHeadersPolicy": shown(policy), "ETag": policy["etag"], "Location": policy["id"]})

    def unique(self: Any, config: dict[str, Any], but: str = "") -> None:
        if any(p["config"]["Name"] == config["Name"] and p["id"] != but for p in held(self).values()):
            raise CloudFrontException(
                "ResponseHeadersPolicyAlreadyExists", "A response headers policy with this name already exists."
            )

    def matched(self: Any, policy: dict[str, Any]) -> None:
        given = self._get_param("IfMatch")
        if not given:
            raise InvalidIfMatchVersion()
        if given != policy["etag"]:
            raise CloudFrontException(
                "PreconditionFailed", "The precondition given in one or more of the request-header fields is false."
            )

    def create(self: Any) -> ActionResult:
        config = self._get_param("ResponseHeadersPolicyConfig", {})
        unique(self, config)
        policy = {"id": str(uuid.uuid4()), "etag": _fresh(), "config": config}
        held(self)[policy["id"]] = policy
        return answer(policy)

    def listed(self: Any) -> ActionResult:
        items = [{"Type": "custom", "ResponseHeadersPolicy": shown(p)} for p in held(self).values()]
        if self._get_param("Type") == "managed":
            items = []
        return ActionResult(
            {"ResponseHeadersPolicyList": {"MaxItems": 100, "Quantity": len(items), "Items": items or None}}
        )

    def get(self: Any) -> ActionResult:
        return answer(one(self))

    def get_config(self: Any) -> ActionResult:
        return ActionResult({"ResponseHeadersPolicyConfig": one(self)["config"], "ETag": one(self)["etag"]})

    def update(self: Any) -> ActionResult:
        policy, config = one(self), self._get_param("ResponseHeadersPolicyConfig", {})
        matched(self, policy)
        unique(self, config, policy["id"])
        policy["config"], policy["etag"] = config, _fresh()
        return answer(policy)

    def delete(self: Any) -> ActionResult:
        policy = one(self)
        matched(self, policy)
        for distribution in self.backend.distributions.values():
            if policy["id"] in policies_of(distribution.distribution_config):
                raise CloudFrontException(
                    "ResponseHeadersPolicyInUse", "Cannot delete the response headers policy: it is attached."
                )
        del held(self)[policy["id"]]
        return EmptyResult()

    for name, function in (
        ("create_response_headers_policy", create),
        ("list_response_headers_policies", listed),
        ("get_response_headers_policy", get),
        ("get_response_headers_policy_config", get_config),
        ("update_response_headers_policy", update),
        ("delete_response_headers_policy", delete),
    ):
        add(CloudFrontResponse, name)(function)


def policies_of(config: Any) -> set[str]:
    """The response headers policies that a distribution's behaviours name."""
    behaviours = [config.DefaultCacheBehavior, *(config.CacheBehaviors.get("Items") or [])]
    return {b.response_headers_policy_id for b in behaviours if b.response_headers_policy_id}


def _distributions() -> None:
    from moto.cloudfront.exceptions import CloudFrontException, InvalidIfMatchVersion
    from moto.cloudfront.models import CloudFrontBackend

    def aliases_free(self: Any, aliases: Any, but: str = "") -> None:
        for other in self.distributions.values():
            theirs = set(other.distribution_config.Aliases.get("Items") or [])
            if other.distribution_id != but and theirs & set(aliases or []):
                raise CloudFrontException(
                    "CNAMEAlreadyExists",
                    "One or more of the CNAMEs you provided are already associated with a resource.",
                )

    def policies_exist(self: Any, config: dict[str, Any]) -> None:
        behaviours = [config.get("DefaultCacheBehavior", {}), *(config.get("CacheBehaviors", {}).get("Items") or [])]
        known = getattr(self, "response_headers_policies", {})
        for behaviour in behaviours:
            if behaviour.get("ResponseHeadersPolicyId") not in (None, "", *known):
                raise CloudFrontException(
                    "NoSuchResponseHeadersPolicy", "The specified response headers policy does not exist."
                )

    def matched(self: Any, identifier: str, given: Any) -> None:
        if not given:
            raise InvalidIfMatchVersion()
        if identifier in self.distributions and given != self.distributions[identifier].etag:
            raise CloudFrontException(
                "PreconditionFailed", "The precondition given in one or more of the request-header fields is false."
            )

    @replace(CloudFrontBackend, "create_distribution_with_tags")
    def create(original: Any, self: Any, distribution_config: dict[str, Any], tags: Any) -> Any:
        aliases_free(self, distribution_config.get("Aliases", {}).get("Items"))
        policies_exist(self, distribution_config)
        return original(self, distribution_config, tags)

    @replace(CloudFrontBackend, "update_distribution")
    def update(original: Any, self: Any, dist_config: dict[str, Any], _id: str, if_match: Any) -> Any:
        matched(self, _id, if_match)
        aliases_free(self, dist_config.get("Aliases", {}).get("Items"), _id)
        policies_exist(self, dist_config)
        distribution, location, _ = original(self, dist_config, _id, if_match)
        distribution.etag = _fresh()
        return distribution, location, distribution.etag

    @replace(CloudFrontBackend, "delete_distribution")
    def delete(original: Any, self: Any, distribution_id: str, if_match: Any) -> None:
        matched(self, distribution_id, if_match)
        original(self, distribution_id, if_match)
