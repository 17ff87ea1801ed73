"""S3: new buckets have what AWS gives them since 2023, and conditional statements of a bucket policy hit only whom they mean."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from reptiops.sandbox.gaps import replace

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def fill() -> None:
    """Defaults, tags from creation to deletion, policies."""
    from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend
    from moto.s3.responses import S3Response

    @replace(FakeBucket, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.encryption = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}}
        self.public_access_block = PublicAccessBlock(True, True, True, True)
        self.ownership_rule = "BucketOwnerEnforced"

    @replace(FakeBucket, "get_permission")
    def permission(original: Any, self: Any, action: str, resource: str) -> Any:
        # The sandbox speaks http on loopback, yet its callers mean AWS: no condition that we set applies to them.
        policy = self.policy
        if policy is None:
            return original(self, action, resource)
        document = json.loads(policy)
        document["Statement"] = [s for s in document["Statement"] if "Condition" not in s]
        self.policy = json.dumps(document).encode() if document["Statement"] else None
        try:
            return original(self, action, resource)
        finally:
            self.policy = policy

    @replace(S3Backend, "delete_bucket")
    def delete(original: Any, self: Any, bucket_name: str) -> Any:
        gone = original(self, bucket_name)
        if gone is not None:  # else the next bucket of that name would carry its tags
            self.tagger.delete_all_tags_for_resource(gone.arn)
        return gone

    @replace(S3Response, "_bucket_response_put")
    def put(original: Any, self: Any, request: Any, bucket_name: str, querystring: Any) -> Any:
        answer = original(self, request, bucket_name, querystring)
        tags = _tags(self.body) if not querystring else {}
        if tags:
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer


def _tags(body: bytes) -> dict[str, str]:
    """The tags of a CreateBucketConfiguration document."""
    if b"CreateBucketConfiguration" not in (body or b""):
        return {}
    found = {}
    for tag in ElementTree.fromstring(body).iter(f"{NAMESPACE}Tag"):
        key = tag.findtext(f"{NAMESPACE}Key")
        if key:
            found[key] = tag.findtext(f"{NAMESPACE}Value") or ""
    return found
