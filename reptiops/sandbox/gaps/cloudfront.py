"""CloudFront: response headers policies, and ETags that change with every update."""

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


def _held(self: Any) -> dict[str, dict[str, Any]]:
    backend = self.backend
    if not hasattr(backend, "response_headers_policies"):
        backend.response_headers_policies = {}
    policies: dict[str, dict[str, Any]] = backend.response_headers_policies
    return policies


def _one(self: Any) -> dict[str, Any]:
    from moto.cloudfront.exceptions import CloudFrontException

    identifier = self._get_param("Id")
    if identifier not in _held(self):
        raise CloudFrontException(
            "NoSuchResponseHeadersPolicy", "The specified response headers policy does not exist."
        )
    return _held(self)[identifier]


def _shown(policy: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": policy["id"],
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "ResponseHeadersPolicyConfig": policy["config"],
    }


def _answer(policy: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult({"ResponseHeadersPolicy": _shown(policy), "ETag": policy["etag"], "Location": policy["id"]})


def _headers_policies() -> None:
    from moto.cloudfront.responses import CloudFrontResponse
    from moto.core.responses import ActionResult, EmptyResult

    def create(self: Any) -> ActionResult:
        config = self._get_param("ResponseHeadersPolicyConfig", {})
        policy = {"id": str(uuid.uuid4()), "etag": _fresh(), "config": config}
        _held(self)[policy["id"]] = policy
        return _answer(policy)

    def listed(self: Any) -> ActionResult:
        items = [{"Type": "custom", "ResponseHeadersPolicy": _shown(p)} for p in _held(self).values()]
        if self._get_param("Type") == "managed":
            items = []
        return ActionResult(
            {"ResponseHeadersPolicyList": {"MaxItems": 100, "Quantity": len(items), "Items": items or None}}
        )

    def get(self: Any) -> ActionResult:
        return _answer(_one(self))

    def get_config(self: Any) -> ActionResult:
        return ActionResult({"ResponseHeadersPolicyConfig": _one(self)["config"], "ETag": _one(self)["etag"]})

    def update(self: Any) -> ActionResult:
        policy, config = _one(self), self._get_param("ResponseHeadersPolicyConfig", {})
        policy["config"], policy["etag"] = config, _fresh()
        return _answer(policy)

    def delete(self: Any) -> ActionResult:
        del _held(self)[_one(self)["id"]]
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


def _distributions() -> None:
    from moto.cloudfront.models import CloudFrontBackend

    @replace(CloudFrontBackend, "update_distribution")
    def update(original: Any, self: Any, dist_config: dict[str, Any], _id: str, if_match: Any) -> Any:
        distribution, location, _ = original(self, dist_config, _id, if_match)
        distribution.etag = _fresh()
        return distribution, location, distribution.etag
