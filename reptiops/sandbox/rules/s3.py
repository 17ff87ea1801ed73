"""S3: names seen late, names that rest after a deletion, policies that take a minute, public policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule

SEEN = 1.0
"""Seconds for which a new bucket may answer NoSuchBucket."""
RESTS = 30.0
"""Seconds for which the name of a deleted bucket is refused; on AWS sometimes an hour."""
POLICY = 60.0
"""Seconds until the services that deliver logs see a bucket's policy."""
PARTS = (
    "PutBucketTagging",
    "PutPublicAccessBlock",
    "PutBucketOwnershipControls",
    "PutBucketEncryption",
    "PutBucketVersioning",
    "PutBucketPolicy",
    "PutBucketLifecycleConfiguration",
)


def statements(call: Call, bucket: str) -> list[dict[str, Any]] | None:
    """The statements of a bucket's policy; None where there is no such bucket."""
    held = call.backend("s3").buckets.get(bucket)
    if held is None:
        return None
    return list(json.loads(held.policy)["Statement"]) if held.policy else []


def delivers(call: Call, bucket: str, service: str, account: str = "") -> bool:
    """Whether a log service may write into a bucket, and its policy is old enough to be seen."""
    young = call.world.clock.younger(f"bucket policy {bucket}", POLICY)
    for one in statements(call, bucket) or []:
        principal = one.get("Principal")
        named = json.dumps(principal)
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        writes = any(action in ("s3:PutObject", "s3:*") for action in actions)
        ours = service in named or (account and account in named)
        if one["Effect"] == "Allow" and isinstance(principal, dict) and ours and writes:
            return not young
    return False


def rules() -> None:
    """Everything about buckets."""

    @rule("7.1 id", "s3", "CreateBucket")
    def no_location_in_us_east_1(call: Call) -> None:
        """In us-east-1 the location must not be named; elsewhere it must."""
        place = (call.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
        if place == "us-east-1":
            raise Refused("InvalidLocationConstraint", "The specified location-constraint is not valid")

    @rule("7.1 lag", "s3", "CreateBucket")
    def name_rests_after_deletion(call: Call) -> Iterator[None]:
        """The name of a bucket that was just deleted answers OperationAborted; a new bucket is seen late."""
        name = str(call.get("Bucket"))
        if call.world.clock.younger(f"deleted bucket {name}", RESTS):
            message = "A conflicting conditional operation is currently in progress against this resource."
            raise Refused("OperationAborted", message)
        yield
        call.world.clock.note(f"bucket {name}")

    @rule("7.1 lag", "s3", "DeleteBucket")
    def deleted_names_are_noted(call: Call) -> Iterator[None]:
        """The name of a deleted bucket rests."""
        yield
        call.world.clock.note(f"deleted bucket {call.get('Bucket')}")

    @rule("7.1 lag", "s3", *PARTS)
    def new_bucket_is_seen_late(call: Call) -> None:
        """For a moment a new bucket takes no settings."""
        if call.world.clock.younger(f"bucket {call.get('Bucket')}", SEEN):
            raise Refused("NoSuchBucket", "The specified bucket does not exist")

    @rule("6.6, 7.3 lag", "s3", "PutBucketPolicy")
    def policy_is_seen_late(call: Call) -> Iterator[None]:
        """Services that deliver logs see a policy after a minute."""
        yield
        call.world.clock.note(f"bucket policy {call.get('Bucket')}")

    @rule("7.1", "s3", "PutBucketPolicy")
    def no_public_policy(call: Call) -> None:
        """The public access block refuses a policy that lets everybody in."""
        held = call.backend().buckets.get(call.get("Bucket"))
        block = held.public_access_block if held else None
        text = call.get("Policy") or b"{}"
        document = json.loads(text.decode() if isinstance(text, bytes) else text)
        if len(text) > 20 * 1024:
            raise Refused("InvalidArgument", "The policy is larger than 20 KB")
        for one in document.get("Statement", []):
            public = one.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in one
            if block is not None and block.block_public_policy and one["Effect"] == "Allow" and public:
                raise Refused("AccessDenied", "Access Denied: public policies are blocked by BlockPublicPolicy")
