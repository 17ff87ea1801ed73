"""`state init` on a bucket that is there already: what somebody has set on it stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from reptiops.app import states
from reptiops.config import environment_file
from reptiops.engine.backend import StateError
from reptiops.testing import mocked_aws

BUCKET = "reptidex-shared"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/builds/*",
            }
        ],
    }
)
RULES = [{"ID": "builds", "Status": "Enabled", "Filter": {"Prefix": "builds/"}, "Expiration": {"Days": 30}}]
KMS = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
OPEN = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
OLD = {
    "ID": "versions",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
}


@dataclass
class World:
    """A mocked AWS, its S3 as seen by plain boto3, and where `state init` finds its configuration."""

    s3: Any
    where: dict[str, Any]

    def init(self) -> tuple[str, tuple[str, ...]]:
        return states.init("dev", **self.where)

    def rules(self) -> list[Any]:
        return list(self.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    text = environment_file("dev").read_text().replace("backend: local ", f"backend: s3://{BUCKET}/states ")
    (tmp_path / "dev.yaml").write_text(text)
    with mocked_aws() as session:
        yield World(
            boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"),
            {"session": session, "config_dir": tmp_path},
        )


def _settings(s3: Any) -> dict[str, Any]:
    """All that is set on the bucket, as plain boto3 reads it."""
    reads: dict[str, Callable[..., Any]] = {
        "policy": s3.get_bucket_policy,
        "lifecycle": s3.get_bucket_lifecycle_configuration,
        "encryption": s3.get_bucket_encryption,
        "versioning": s3.get_bucket_versioning,
        "public": s3.get_public_access_block,
    }
    found = {}
    for name, read in reads.items():
        try:
            found[name] = {k: v for k, v in read(Bucket=BUCKET).items() if k != "ResponseMetadata"}
        except s3.exceptions.ClientError as error:
            found[name] = error.response["Error"]["Code"]
    return found


SET_BY_OTHERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "policy": (lambda s3: s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY), "a policy of its own"),
    "encryption": (
        lambda s3: s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": KMS}),
        "encrypted with aws:kms",
    ),
    "versioning": (
        lambda s3: s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}),
        "versioning is suspended",
    ),
    "public": (
        lambda s3: s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=OPEN),
        "not closed to the public",
    ),
    "objects": (lambda s3: s3.put_object(Bucket=BUCKET, Key="builds/1", Body=b"theirs"), "not TLS only"),
}


@pytest.mark.parametrize("what", SET_BY_OTHERS)
def test_a_bucket_of_others_is_refused_and_left_as_it_was(what: str, world: World) -> None:
    act, words = SET_BY_OTHERS[what]
    world.s3.create_bucket(Bucket=BUCKET)
    act(world.s3)
    before = _settings(world.s3)
    with pytest.raises(StateError, match=words):
        world.init()
    assert _settings(world.s3) == before


def test_an_empty_bucket_is_set_up_and_keeps_rules_of_others(world: World) -> None:
    world.s3.create_bucket(Bucket=BUCKET)
    world.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": RULES})
    world.init()
    theirs, ours = world.rules()
    assert theirs == RULES[0]
    assert ours["Filter"] == {"Prefix": "states/dev/"}, "it reaches further than our folder"
    found = _settings(world.s3)
    assert found["versioning"]["Status"] == "Enabled"
    assert all(found["public"]["PublicAccessBlockConfiguration"].values())
    world.init()
    assert _settings(world.s3) == found, "again: something has changed"


def test_a_bucket_that_an_earlier_version_made_is_taken_and_its_rule_narrowed(world: World) -> None:
    world.init()
    world.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [OLD]})
    world.s3.put_object(Bucket=BUCKET, Key="states/prod/state.json", Body=b"{}")
    world.init()
    assert [rule["Filter"] for rule in world.rules()] == [{"Prefix": "states/dev/"}]


def test_every_call_to_a_bucket_names_whose_it_must_be(world: World) -> None:
    seen: list[tuple[str, Any]] = []
    world.where["session"].events.register(
        "provide-client-params.s3", lambda params, model, **_: seen.append((model.name, params))
    )
    world.init()
    world.init()
    owners = {name: params.get("ExpectedBucketOwner") for name, params in seen if name != "CreateBucket"}
    assert {"HeadBucket", "PutBucketPolicy", "PutBucketLifecycleConfiguration"} < owners.keys()
    assert set(owners.values()) == {"123456789012"}
