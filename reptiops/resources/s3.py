"""Buckets with every sub-configuration. S3 tells the owner of a name only by refusing, so each is read by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.place import Place
from reptiops.engine.resource import REVERSIBLE, Change, Drawn, Identity, Live, Made, Resource, Risk, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.policy import Policy
from reptiops.resources import held
from reptiops.resources.expiry import sooner
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.resources.unsent import unsent
from reptiops.rights import Right, create, delete, read, undo, write

BATCH = 1000
"""DeleteObjects takes so many."""
YEAR = 365
TAGS_REFUSED = frozenset({"MalformedXML", "InvalidArgument", "InvalidRequest", "NotImplemented"})
"""What S3 may answer where CreateBucket takes no tags (aws-facts 13: not settled for every partition)."""


BUCKETS = ("arn:{partition}:s3:::{name}",)
OBJECTS = ("arn:{partition}:s3:::{name}/*",)


@dataclass(frozen=True)
class LifecycleRule:
    """One rule over all objects: transitions as (days, storage class), the rest in days, 0 for never."""

    transitions: tuple[tuple[int, str], ...] = ()
    expire_days: int = 0
    noncurrent_days: int = 0
    abort_upload_days: int = 0
    expired_markers: bool = False
    other: str = ""


@dataclass(frozen=True)
class Bucket(Resource):
    """A bucket whose objects have no ACLs. Once on, versioning can only be suspended, never taken back."""

    name: str = fixed()
    versioning: bool = False
    encryption: str = "AES256"
    public_access_blocked: bool = True
    ownership: str = "BucketOwnerEnforced"
    policy: Policy = field(default_factory=Policy.make)
    lifecycle: Mapping[str, LifecycleRule] = field(default_factory=dict)

    drawn: ClassVar[Drawn] = "store"
    risk: ClassVar[Risk] = "security"
    risks: ClassVar[Mapping[str, Risk]] = {"versioning": "data", "lifecycle": "cost"}
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket", "404"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"OperationAborted", "BucketNotEmpty", "NoSuchBucket"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (("MalformedPolicy", "Invalid principal"),)
    limit: ClassVar[float] = 900
    holds_data: ClassVar[bool] = True
    anew_empty: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("s3:ListAllMyBuckets"),
        read(
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            on=BUCKETS,
        ),
        create("s3:CreateBucket", "s3:PutBucketTagging", "s3:TagResource", on=BUCKETS),
        *write(
            "s3:DeleteBucketPolicy",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            on=BUCKETS,
        ),
        delete("s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:DeleteBucket", on=BUCKETS),
        delete("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload", on=OBJECTS),
        undo("s3:ListBucketVersions", on=BUCKETS),
    )

    def key(self) -> str:
        """Names are unique in the world."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """GB by storage class, requests, transitions. Objects are taken to come evenly over a year."""
        for name, share in self._classes():
            yield Use(f"s3.{name.lower()}", share, by="stored_gb")
        yield Use("s3.put", by="bucket_writes")
        yield Use("s3.get", by="bucket_reads")
        for rule in self.lifecycle.values():
            for _, name in rule.transitions:
                yield Use(f"s3.transition.{name.lower()}", by="bucket_writes")

    def _classes(self) -> Iterable[tuple[str, float]]:
        moves = sorted(move for rule in self.lifecycle.values() for move in rule.transitions)
        kept = min([rule.expire_days for rule in self.lifecycle.values() if rule.expire_days] or [YEAR])
        places = [(0, "STANDARD"), *(move for move in moves if move[0] < kept)]
        for (begin, name), end in zip(places, [*(day for day, _ in places[1:]), kept], strict=True):
            yield name, (end - begin) / kept

    @classmethod
    def at_stake(cls, change: Change) -> Risk:
        """A rule that deletes objects earlier, or we do not know when, takes data."""
        deletes = change.field == "lifecycle" and _deletes_sooner(change)
        return "data" if deletes else super().at_stake(change)

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """AWS takes versioning back only as far as suspending it; what a lifecycle rule has deleted stays deleted."""
        if change.field == "versioning" and change.want:
            return Undoing("one-way", "versioning can be suspended later, but never switched off")
        if change.field == "lifecycle" and change.want:
            return Undoing("reversible with data loss", "what the rules expire meanwhile does not come back")
        return REVERSIBLE

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """It is called as it is named."""
        return {"id": self.name}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Our account's buckets with a wanted name, and those under our prefix that carry our tags."""
        names = {want.name for want in scope.wanted(cls)}
        buckets = {
            f"arn:aws:s3:::{one['Name']}": one
            for one in aws.s3.pages("list_buckets", "Buckets")
            if one["Name"] in names or one["Name"].startswith(f"{scope.names.prefix}-")
        }
        called = {arn: one["Name"] for arn, one in buckets.items()}
        tags = tags_of(scope, cls, called, singly(lambda arn: _tags(aws, called[arn], *cls.absent)), names)
        found = {arn: scope.address(tags.get(arn, {})) for arn in buckets}
        ours = [arn for arn, address in found.items() if called[arn] in names or address is not None]
        for arn, has in zip(ours, aws.each(lambda arn: cls._or_gone(aws, called[arn]), ours), strict=True):
            if has is None:
                continue
            name, created = called[arn], buckets[arn].get("CreationDate")
            yield Live(name, has, found[arn], out=_out(name), created=created)

    @classmethod
    def _or_gone(cls, aws: Aws, name: str) -> Self | None:
        """ListBuckets may show a deleted bucket for a while, whose details then answer NoSuchBucket."""
        return cast("Self | None", _or_none(lambda: cls._read(aws, name), *cls.absent))

    @classmethod
    def _read(cls, aws: Aws, name: str) -> Self:
        versioning = aws.s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
        encryption = _or_none(
            lambda: aws.s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError"
        )
        block = _or_none(lambda: aws.s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
        ownership = _or_none(
            lambda: aws.s3.get_bucket_ownership_controls(Bucket=name), "OwnershipControlsNotFoundError"
        )
        policy = _or_none(lambda: aws.s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
        lifecycle = _or_none(
            lambda: aws.s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration"
        )
        return cls(
            name=name,
            versioning=versioning,
            encryption=_encryption(encryption),
            public_access_blocked=block is not None and all(block["PublicAccessBlockConfiguration"].values()),
            ownership=ownership["OwnershipControls"]["Rules"][0]["ObjectOwnership"] if ownership else "ObjectWriter",
            policy=Policy.of(policy["Policy"]) if policy else Policy.make(),
            lifecycle={r["ID"]: _rule(r) for r in lifecycle["Rules"]} if lifecycle else {},
        )

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """PutBucketTagging replaces the whole set, so what is there is sent again, AWS's own tags too."""
        tags = _tags(aws, live.id) | dict(identity.tags)
        aws.s3.put_bucket_tagging(Bucket=live.id, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """us-east-1 must not be named as a location. Where a partition takes no tags at creation, they come right after."""
        place: dict[str, Any] = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        named: dict[str, Any] = {"Bucket": self.name, "ObjectOwnership": self.ownership}
        try:
            aws.s3.create_bucket(**named, CreateBucketConfiguration={**place, "Tags": identity.tag_list()})
        except ClientError as error:
            if code(error) not in TAGS_REFUSED:
                raise
            aws.s3.create_bucket(**named, **({"CreateBucketConfiguration": place} if place else {}))
        aws.s3.put_bucket_tagging(Bucket=self.name, Tagging={"TagSet": identity.tag_list()})
        self._set(aws, frozenset({"public_access_blocked", "ownership", "encryption", "policy"}))
        self._set(
            aws, frozenset((["versioning"] if self.versioning else []) + (["lifecycle"] if self.lifecycle else []))
        )
        return Made(self.name, _out(self.name))

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """A rule that is changed is sent without what we do not know of rules."""
        lost = [rule.other for key, rule in self.lifecycle.items() if live.has.lifecycle.get(key) != rule]
        return unsent("lifecycle" in changed and lost)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Everything but the name."""
        same = [key for key, rule in self.lifecycle.items() if live.has.lifecycle.get(key) == rule]
        self._set(aws, changed, _as_sent(aws, self.name, same) if "lifecycle" in changed and same else {})

    def _set(self, aws: Aws, changed: frozenset[str], kept: Mapping[str, Any] = MappingProxyType({})) -> None:
        # In this order and never at once: parallel changes of one bucket answer OperationAborted (aws-facts 7.1).
        s3, name = aws.s3, self.name
        if "public_access_blocked" in changed:
            names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
            block = dict.fromkeys(names, self.public_access_blocked)
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
        if "ownership" in changed:
            rules = {"Rules": [{"ObjectOwnership": self.ownership}]}
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=rules)
        if "encryption" in changed:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": self.encryption}}
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        if "versioning" in changed:
            status = {"Status": "Enabled" if self.versioning else "Suspended"}
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=status)
        if "policy" in changed:
            if self.policy == Policy.make():
                s3.delete_bucket_policy(Bucket=name)
            else:
                s3.put_bucket_policy(Bucket=name, Policy=self.policy.json())
        if "lifecycle" in changed:
            if self.lifecycle:
                rules = {"Rules": [kept.get(key) or _sent(key, rule) for key, rule in sorted(self.lifecycle.items())]}
                s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
            else:
                s3.delete_bucket_lifecycle(Bucket=name)

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Somebody has put objects there; logs that AWS itself delivers do not count."""
        pages = aws.s3.each_page("list_object_versions", Bucket=live.id)
        mine = any("AWSLogs/" not in one["Key"] for page in pages for one in page.get("Versions", []))
        return "it holds objects" if mine else ""

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Every version, delete marker and unfinished upload first. Late log deliveries answer BucketNotEmpty: again."""
        _empty(aws, live.id)
        aws.s3.delete_bucket(Bucket=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """What is in it."""
        return held.stored(aws, live.id)


def _out(name: str) -> dict[str, str]:
    return {"arn": f"arn:aws:s3:::{name}", "domain": f"{name}.s3.amazonaws.com"}


def _or_none(read: Callable[[], Any], *absent: str) -> Any:
    try:
        return read()
    except ClientError as error:
        if code(error) not in absent:
            raise
        return None


def _tags(aws: Aws, name: str, *absent: str) -> dict[str, str]:
    answer = _or_none(lambda: aws.s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet", *absent)
    return {t["Key"]: t["Value"] for t in answer["TagSet"]} if answer else {}


def _encryption(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return ""
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")) if rules else ""


def _rule(rule: Mapping[str, Any]) -> LifecycleRule:
    if rule["Status"] != "Enabled":
        return LifecycleRule()
    expiration = rule.get("Expiration", {})
    return LifecycleRule(
        transitions=tuple(sorted((t["Days"], t["StorageClass"]) for t in rule.get("Transitions", []) if "Days" in t)),
        expire_days=expiration.get("Days", 0),
        noncurrent_days=rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 0),
        abort_upload_days=rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 0),
        expired_markers=bool(expiration.get("ExpiredObjectDeleteMarker")),
        other=_other(rule),
    )


def _deletes_sooner(change: Change) -> bool:
    """Of a difference in a rule, or of a whole one."""
    if isinstance(change.has, dict):
        was = change.want if isinstance(change.want, dict) else {}
        parts = [(name, was.get(name), value) for name, value in change.has.items()]
    else:
        parts = [(change.path.rsplit(".", 1)[-1], change.want, change.has)]
    return any(
        sooner(was, now) if name in ("expire_days", "noncurrent_days") else name == "other" and bool(now) and was != now
        for name, was, now in parts
    )


def _other(rule: Mapping[str, Any]) -> str:
    """What we never set, so that it shows: dates in place of days, a filter that leaves something out."""
    dated = [t for t in rule.get("Transitions", []) if "Days" not in t]
    ends = rule.get("Expiration", {}).get("Date")
    some = {k: v for k, v in rule.get("Filter", {}).items() if (k, v) != ("Prefix", "")}
    found = {
        "Transitions": dated,
        "Expiration": ends,
        "Filter": some,
        "Prefix": rule.get("Prefix"),
        "NoncurrentVersionTransitions": rule.get("NoncurrentVersionTransitions"),
    }
    rest = {name: value for name, value in found.items() if value}
    return json.dumps(rest, sort_keys=True, default=str) if rest else ""


def _as_sent(aws: Aws, name: str, keys: Collection[str]) -> dict[str, Any]:
    """Rules as AWS has them: one of somebody else's says more than we know of rules, such as for which objects it is."""
    answer = _or_none(lambda: aws.s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration")
    return {rule["ID"]: rule for rule in (answer["Rules"] if answer else []) if rule["ID"] in keys}


def _sent(key: str, rule: LifecycleRule) -> dict[str, Any]:
    sent: dict[str, Any] = {"ID": key, "Status": "Enabled", "Filter": {"Prefix": ""}}
    if rule.transitions:
        sent["Transitions"] = [{"Days": days, "StorageClass": name} for days, name in rule.transitions]
    if rule.expire_days:
        sent["Expiration"] = {"Days": rule.expire_days}
    if rule.expired_markers:
        sent["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if rule.noncurrent_days:
        sent["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.noncurrent_days}
    if rule.abort_upload_days:
        sent["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_upload_days}
    return sent


def _empty(aws: Aws, name: str) -> None:
    """Page by page: years of logs are too many to hold. What is deleted is not listed again: S3 is consistent there."""
    while doomed := _first(aws, name):
        some = {"Objects": doomed, "Quiet": True}
        for error in aws.s3.delete_objects(Bucket=name, Delete=some).get("Errors", []):
            raise ClientError({"Error": {"Code": error["Code"], "Message": error["Message"]}}, "DeleteObjects")
    for one in aws.s3.pages("list_multipart_uploads", "Uploads", Bucket=name):
        aws.s3.abort_multipart_upload(Bucket=name, Key=one["Key"], UploadId=one["UploadId"])


def _first(aws: Aws, name: str) -> list[dict[str, str]]:
    """As many versions and delete markers as one DeleteObjects takes."""
    page = aws.s3.list_object_versions(Bucket=name, MaxKeys=BATCH)
    there = (one for member in ("Versions", "DeleteMarkers") for one in page.get(member, []))
    return [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in there]
