"""The making of a bucket for states. What somebody has set on a bucket that is there already is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.backend import StateError
from reptiops.operations.s3_backend import BUCKET
from reptiops.policy import Policy, deny
from reptiops.rights import create, read

RIGHTS = (
    read(
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:ListBucket",
        on=BUCKET,
    ),
    create(
        "s3:CreateBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        on=BUCKET,
    ),
)
NONCURRENT_DAYS = 90
"""Earlier versions of state and journals are kept so long."""
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
EVERYWHERE = {
    "ID": "versions",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
}
"""The rule of earlier versions of reptiops, for all that is in the bucket: it gives way to one for the folder."""


def make_bucket(aws: Aws, bucket: str, folder: str, partition: str = "aws") -> tuple[str, ...]:
    """Make a bucket for states, or bring one of ours up to it: versioned, encrypted, closed to the public and to plain
    HTTP. Answers what it has. Raises StateError, before anything is written, for a bucket that is somebody else's, that
    is set otherwise, or that lacks some of it while it holds other things: those are not ours to change.
    """
    made = _Bucket(aws, bucket, folder, partition)
    created = () if made.exists() else made.create()
    puts = made.puts()
    lacks, differs = made.compared()
    if differs or (lacks and made.holds_others()):
        missing = [f"not {name}" for name in lacks]
        raise StateError(
            f"the bucket {bucket} is there already and is not as a bucket for states is made: "
            f"{'; '.join([*differs, *missing])}.",
            unchanged=True,
            then="Name another bucket, or set it up yourself: a state can be kept in it as it is, without `state init`.",
        )
    for name in puts if created else lacks:  # a new one in full, whatever AWS sets by itself
        puts[name]()
    made.expire()
    return (*created, *puts, f"old versions under {folder}/ {NONCURRENT_DAYS} days")


class _Bucket:
    def __init__(self, aws: Aws, bucket: str, folder: str, partition: str):
        self._aws, self._s3, self._name, self._folder = aws, aws.s3, bucket, folder
        self._of: dict[str, Any] = {"Bucket": bucket, "ExpectedBucketOwner": aws.account()}
        arn = f"arn:{partition}:s3:::{bucket}"
        plain_http = {"Bool": {"aws:SecureTransport": "false"}}
        self._policy = Policy.make(deny(["s3:*"], [arn, f"{arn}/*"], principal="*", condition=plain_http))

    def exists(self) -> bool:
        """A HEAD that S3 answers says nothing of whose a bucket is, so the owner is asked for with it."""
        try:
            self._s3.head_bucket(**self._of)
        except ClientError as error:
            if code(error) in ("404", "NoSuchBucket"):
                return False
            if code(error) == "403":
                raise StateError(
                    f"the bucket {self._name} belongs to somebody else, or refuses these credentials"
                ) from error
            raise
        return True

    def create(self) -> tuple[str, ...]:
        """us-east-1 must not be named as a location."""
        region = self._aws.region
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._s3.create_bucket(Bucket=self._name, ObjectOwnership="BucketOwnerEnforced", **place)
        except ClientError as error:
            if code(error) == "BucketAlreadyExists":
                raise StateError(f"the name {self._name} is taken by another account: choose another one") from error
            raise
        self._s3.get_waiter("bucket_exists").wait(**self._of, WaiterConfig={"Delay": 2})
        return ("created",)

    def puts(self) -> dict[str, Callable[[], None]]:
        """All that a bucket for states has, with how to set it; one after the other, as S3 takes only one at a time."""
        return {
            "public access blocked": self._block,
            "encrypted": self._encrypt,
            "versioned": self._version,
            "TLS only": self._restrict,
        }

    def compared(self) -> tuple[list[str], list[str]]:
        """What was never set, and what somebody has set otherwise."""
        blocked = self._read("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
        encryption = self._read("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
        versioning = self._s3.get_bucket_versioning(**self._of).get("Status")
        policy = self._read("get_bucket_policy", "NoSuchBucketPolicy")
        lacks, differs = [], []
        if blocked is None:
            lacks.append("public access blocked")
        elif not all(blocked["PublicAccessBlockConfiguration"].values()):
            differs.append("it is not closed to the public")
        if encryption is None:
            lacks.append("encrypted")
        elif (used := _algorithm(encryption)) != "AES256":
            differs.append(f"it is encrypted with {used}, not AES256")
        if versioning is None:
            lacks.append("versioned")
        elif versioning != "Enabled":
            differs.append(f"its versioning is {versioning.lower()}")
        if policy is None:
            lacks.append("TLS only")
        elif Policy.of(policy["Policy"]) != self._policy:
            differs.append("it has a policy of its own")
        return lacks, differs

    def holds_others(self) -> bool:
        """Whether there is anything outside of our folder; the first such thing ends the search."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._of)
        return any(not one["Key"].startswith(f"{self._folder}/") for page in pages for one in page.get("Contents", []))

    def expire(self) -> None:
        """Our rule beside those of others: it reaches no further than our folder."""
        answer = self._read("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
        rules = answer["Rules"] if answer else []
        ours = {**EVERYWHERE, "ID": f"versions of {self._folder}", "Filter": {"Prefix": f"{self._folder}/"}}
        if ours not in rules:
            others = [one for one in rules if one != EVERYWHERE and one.get("ID") != ours["ID"]]
            least = "TransitionDefaultMinimumObjectSize"  # of theirs; left out it would be AWS's default again
            kept = {least: answer[least]} if answer and answer.get(least) else {}
            rules = {"Rules": [*others, ours]}
            self._s3.put_bucket_lifecycle_configuration(**self._of, LifecycleConfiguration=rules, **kept)

    def _read(self, method: str, absent: str) -> Any:
        try:
            return getattr(self._s3, method)(**self._of)
        except ClientError as error:
            if code(error) != absent:
                raise
            return None

    def _block(self) -> None:
        self._s3.put_public_access_block(**self._of, PublicAccessBlockConfiguration=CLOSED)

    def _encrypt(self) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._s3.put_bucket_encryption(**self._of, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def _version(self) -> None:
        self._s3.put_bucket_versioning(**self._of, VersioningConfiguration={"Status": "Enabled"})

    def _restrict(self) -> None:
        self._s3.put_bucket_policy(**self._of, Policy=self._policy.json())


def _algorithm(encryption: Any) -> str:
    """What the bucket's first rule encrypts with; AWS adds fields to rules that say nothing of it."""
    (rule, *_) = encryption["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "nothing"))
