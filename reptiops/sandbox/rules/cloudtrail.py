"""CloudTrail: the bucket's policy is looked at when a trail is made."""

from __future__ import annotations

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.s3 import delivers, statements


def rules() -> None:
    """Everything about trails."""

    @rule("7.3 lag", "cloudtrail", "CreateTrail", "UpdateTrail")
    def bucket_policy_lets_the_trail_write(call: Call) -> None:
        """A trail needs a bucket whose policy lets CloudTrail write, and has done so for a minute."""
        bucket = call.get("S3BucketName")
        if bucket is None:
            return
        if statements(call, bucket) is None:
            raise Refused("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!")
        if not delivers(call, bucket, "cloudtrail.amazonaws.com"):
            message = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
            raise Refused("InsufficientS3BucketPolicyException", message)

    @rule("7.3 id", "cloudtrail", "CreateTrail")
    def trails_of_a_region(call: Call) -> None:
        """Five trails a region."""
        used = 1 + len(call.backend().trails)
        message = "User already has the maximum number of trails in this region."
        call.quota("trails", used, "MaximumNumberOfTrailsExceededException", message)
