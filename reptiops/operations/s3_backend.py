"""State, journals and lock in an S3 bucket.

Conditional writes (`If-None-Match: *`, `If-Match`) make the lock; S3 is strongly consistent for reads after writes.
S3 cannot append, so a log is a folder of parts until it is closed, and one object from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity
from botocore.exceptions import ClientError

from reptiops.aws import DENIED, Aws, code
from reptiops.engine.backend import ANY, Conflict, StateError, Stored
from reptiops.rights import create, read

ABSENT = frozenset({"NoSuchKey", "404", "NoSuchVersion"})
CONFLICTS = frozenset({"PreconditionFailed", "412"})
RACES = frozenset({"ConditionalRequestConflict", "409"})
"""Another conditional write of the same object is on its way, be it botocore's own first attempt: S3 says to try again."""
RACING = 6
"""Attempts: about ten seconds."""
READERS = 16
BUCKET = ("arn:{partition}:s3:::{bucket}",)
RIGHTS = (
    read("s3:ListBucket", on=BUCKET),
    create("s3:GetObject", "s3:PutObject", "s3:DeleteObject", on=("arn:{partition}:s3:::{bucket}/{folder}/*",)),
)
"""To keep a state there. `s3:ListBucket` also makes S3 say 404 instead of 403 for what is not there."""


class S3Backend:
    """Documents of one environment under a prefix of a bucket, which has to be of the account `owner` where that is known.

    The name of a bucket that was deleted is anybody's: a stranger who takes it and lets us in would get our states.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, owner: str = ""):
        self._client, self.bucket, self._prefix, self._owner = client, bucket, prefix, owner
        self._of: dict[str, Any] = {"Bucket": bucket, **({"ExpectedBucketOwner": owner} if owner else {})}

    @property
    def where(self) -> str:
        """The place as a URL."""
        return f"s3://{self.bucket}/{self._prefix}"

    def prepare(self) -> None:
        """The bucket has to be there: `reptiops state init` makes it. Asked for by listing, as a HEAD has no reason."""
        try:
            self._client.list_objects_v2(**self._of, Prefix=f"{self._prefix}/", MaxKeys=1)
        except ClientError as error:
            raise self._explained(error) from error

    def read(self, name: str) -> Stored | None:
        """An object; its version is its ETag."""
        try:
            answer = self._client.get_object(**self._of, Key=self._key(name))
            return Stored(answer["Body"].read(), answer["ETag"], _age(answer))
        except ClientError as error:
            if code(error) in ABSENT:
                return None
            raise self._explained(error) from error

    def write(self, name: str, data: bytes, expected: str | None = ANY) -> None:
        """Replace an object."""
        condition = {} if expected == ANY else {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        try:
            self._unraced(self._client.put_object, Key=self._key(name), Body=data, **condition)
        except ClientError as error:
            if code(error) in CONFLICTS or (expected not in (None, ANY) and code(error) in ABSENT):
                raise Conflict(f"{self.where}/{name} was written by somebody else") from error
            raise self._explained(error) from error

    def remove(self, name: str, expected: str = ANY) -> None:
        """Delete an object."""
        condition = {} if expected == ANY else {"IfMatch": expected}
        try:
            self._unraced(self._client.delete_object, Key=self._key(name), **condition)
        except ClientError as error:
            if code(error) in ABSENT:
                return
            if code(error) in CONFLICTS:
                raise Conflict(f"{self.where}/{name} was written by somebody else") from error
            raise self._explained(error) from error

    def _unraced(self, call: Callable[..., Any], **parameters: Any) -> None:
        """A conditional write, made again while S3 says that another one of the same object is under way."""
        tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: code(error) in RACES),
            wait=tenacity.wait_exponential_jitter(multiplier=0.3, max=4, jitter=0.3),
            stop=tenacity.stop_after_attempt(RACING),
            reraise=True,
        )(call, **self._of, **parameters)

    def names(self, folder: str) -> list[str]:
        """The objects of a folder."""
        return sorted(name for name, _ in self._below(folder) if "/" not in name)

    def log(self, name: str) -> S3Log:
        """A new log; its first part is conditional, so that nobody else writes it too."""
        return S3Log(self, name)

    def read_log(self, name: str) -> bytes:
        """One object if it was closed, else its parts in order."""
        whole = self.read(name)
        if whole is not None:
            return whole.data
        parts = self.names(f"{name}.parts")
        with ThreadPoolExecutor(READERS, thread_name_prefix="journal") as pool:
            found = list(pool.map(self.read, [f"{name}.parts/{part}" for part in parts]))
        return b"".join(one.data for one in found if one is not None)

    def logs(self, folder: str) -> dict[str, int]:
        """Closed logs and those that are still parts, with their sizes."""
        sizes: Counter[str] = Counter()
        for name, size in self._below(folder):
            sizes[name.split(".parts/")[0]] += size
        return dict(sorted(sizes.items()))

    def _below(self, folder: str) -> Iterator[tuple[str, int]]:
        start = self._key(f"{folder}/")
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(**self._of, Prefix=start):
                for one in page.get("Contents", []):
                    yield one["Key"].removeprefix(start), one["Size"]
        except ClientError as error:
            raise self._explained(error) from error

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _explained(self, error: ClientError) -> StateError:
        name = code(error)
        if name in ("NoSuchBucket", "404"):
            return StateError(f"the state bucket {self.bucket} does not exist: make it with `reptiops state init ENV`")
        if name in DENIED or name == "403":
            other = f", or does not belong to the account {self._owner}" if self._owner else ""
            return StateError(f"the state bucket {self.bucket} refuses these credentials{other} ({name}): {error}")
        return StateError(f"the state in {self.where} is out of reach: {error}")


def _age(answer: Any) -> float | None:
    """By S3's own clock alone: when it answered, less when it was written. Both are told in whole seconds."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    written = answer.get("LastModified")
    return (parsedate_to_datetime(date) - written).total_seconds() if date and written else None


class S3Log:
    """A log as numbered parts; closing makes one object of them."""

    def __init__(self, backend: S3Backend, name: str):
        self._backend, self._name = backend, name
        self._appended: list[bytes] = []
        self._number = 0

    def append(self, data: bytes) -> None:
        """One more part."""
        self._number += 1
        part = f"{self._name}.parts/{self._number:06}"
        try:
            self._backend.write(part, data, None)
        except Conflict:
            stored = self._backend.read(part)
            if stored is None or stored.data != data:  # else the answer to the first attempt was lost
                raise
        self._appended.append(data)  # joined once: a journal has thousands of parts

    def close(self) -> None:
        """First the whole, then away with the parts: a crash in between leaves both, and the whole counts."""
        self._backend.write(self._name, b"".join(self._appended))
        parts = [f"{self._name}.parts/{part}" for part in self._backend.names(f"{self._name}.parts")]
        with ThreadPoolExecutor(READERS, thread_name_prefix="journal") as pool:
            list(pool.map(self._backend.remove, parts))


def folder_of(prefix: str, environment: str) -> str:
    """Where in its bucket the state of an environment is."""
    return "/".join(part for part in (prefix, environment) if part)


def s3_backend(aws: Aws, bucket: str, prefix: str, environment: str, owner: str = "") -> S3Backend:
    """The backend of an environment. Its client is not behind the read-only gate: the lock is written before that opens."""
    return S3Backend(aws.ungated("s3"), bucket, folder_of(prefix, environment), owner)
