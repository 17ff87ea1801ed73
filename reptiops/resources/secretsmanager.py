"""Secrets that the tool owns. A value is made inside the call that stores it and is known to nobody else."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message
from reptiops.engine.resource import ADDRESS_TAG, Identity, Live, Made, NotYet, Resource, Risk, fixed, local
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.errors import ReptiopsError
from reptiops.policy import Policy
from reptiops.rights import SECRETS, TAGGED, Right, create, delete, read, update

SHORTEST = 7
"""Days of the shortest recovery window."""
ALPHABET = string.ascii_letters + string.digits
"""Letters and digits only: RDS refuses / @ " and space, ElastiCache nearly everything else."""


def _described(aws: Aws, name: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = aws.secretsmanager.describe_secret(SecretId=name)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return None
    return answer


@dataclass(frozen=True)
class Secret(Resource):
    """A secret with a generated value: JSON with `beside` and the value under `field_name`, or the bare value.

    Its ARN gets a new ending each time it is made anew; inside the recovery window it is restored instead.
    """

    name: str = fixed()
    description: str = ""
    policy: Policy = field(default_factory=Policy.make, kw_only=True)
    """Who else may read it; nobody by default, for the roles that may are told so in their own policies."""
    field_name: str = local(default="")
    beside: Mapping[str, str] = local(default_factory=dict)
    length: int = local(default=32)
    recovery_days: int = local(default=0)

    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"InternalServiceError"})
    limit: ClassVar[float] = 300
    holds_data: ClassVar[bool] = True
    content: ClassVar[str] = "version"
    unsaved: ClassVar[str] = "at once, without recovery window"
    rights: ClassVar[tuple[Right, ...]] = (
        read("secretsmanager:ListSecrets"),
        read("secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", on=SECRETS),
        create("secretsmanager:CreateSecret", "secretsmanager:TagResource", on=SECRETS, when=TAGGED),
        create("secretsmanager:DescribeSecret", "secretsmanager:RestoreSecret", on=SECRETS),
        update(
            "secretsmanager:UpdateSecret",
            "secretsmanager:PutResourcePolicy",
            "secretsmanager:DeleteResourcePolicy",
            on=SECRETS,
        ),
        delete("secretsmanager:DeleteSecret", on=SECRETS),
    )

    def key(self) -> str:
        """Names are unique in a region, also of those that can still be restored."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """By the secret, not by its length."""
        yield Use("secret.month")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Wanted ones singly, for the list lags by up to five minutes; the list shows what nobody wants.

        Those scheduled for deletion count as gone.
        """
        prefix = f"{scope.names.project}/{scope.names.environment}/"
        wanted = {want.name for want in scope.wanted(cls)}
        found = [one for name in sorted(wanted) if (one := _described(aws, name)) is not None]
        filters = [{"Key": "name", "Values": [prefix]}]
        listed = aws.secretsmanager.pages("list_secrets", "SecretList", Filters=filters)
        for one in [*found, *(one for one in listed if one["Name"] not in wanted)]:
            if "DeletedDate" in one:
                continue
            address = scope.address({t["Key"]: t["Value"] for t in one.get("Tags", [])})
            if one["Name"] not in wanted and address is None:
                continue
            versions = one.get("VersionIdsToStages") or one.get("SecretVersionsToStages") or {}
            version = next((v for v, stages in versions.items() if "AWSCURRENT" in stages), "")
            out = {"arn": one["ARN"], "version": version}
            text = aws.secretsmanager.get_resource_policy(SecretId=one["ARN"]).get("ResourcePolicy")
            policy = Policy.of(text) if text else Policy.make()
            yield Live(one["ARN"], cls(one["Name"], one.get("Description", ""), policy=policy), address, out=out)

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.secretsmanager.tag_resource(SecretId=live.id, Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> str | Made:
        """Made, or taken back from its recovery window with the value it had."""
        try:
            answer = aws.secretsmanager.create_secret(
                Name=self.name, Description=self.description, SecretString=self._value(), Tags=identity.tag_list()
            )
        except ClientError as error:
            if code(error) != "InvalidRequestException" or "delet" not in message(error):
                raise
            answer = self._restore(aws, identity)
        else:
            identity.restoring(None)
        if "VersionId" not in answer:
            return str(answer["ARN"])  # restored: only a read tells the version
        return Made(answer["ARN"], {"arn": answer["ARN"], "version": answer["VersionId"]})

    def _restore(self, aws: Aws, identity: Identity) -> Any:
        """A rollback puts it back into a window, for nobody knows its value. One without our tags is somebody else's."""
        try:
            tags = {
                t["Key"]: t["Value"] for t in aws.secretsmanager.describe_secret(SecretId=self.name).get("Tags", [])
            }
            if any(tags.get(k) != v for k, v in identity.tags.items() if k != ADDRESS_TAG):
                raise ReptiopsError(
                    f"the name {self.name} is taken by a deleted secret that is not ours, as its tags say: until its recovery "
                    f"window has ended there is no other of the name. If it may go for good: aws secretsmanager delete-secret "
                    f"--secret-id {self.name} --force-delete-without-recovery"
                )
            identity.restoring({"recovery_days": max(SHORTEST, self.recovery_days)})
            answer = aws.secretsmanager.restore_secret(SecretId=self.name)
        except ClientError as error:
            if code(error) in ("ResourceNotFoundException", "InvalidRequestException"):
                raise NotYet(f"the name {self.name} is still taken by the deleted secret") from error
            raise
        aws.secretsmanager.tag_resource(SecretId=self.name, Tags=identity.tag_list())
        return answer

    def _value(self) -> str:
        value = "".join(secrets.choice(ALPHABET) for _ in range(self.length))
        return json.dumps({**self.beside, self.field_name: value}) if self.field_name else value

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Description and policy; the value is never touched again."""
        if "description" in changed:
            aws.secretsmanager.update_secret(SecretId=live.id, Description=self.description)
        if "policy" in changed and self.policy == Policy.make():
            aws.secretsmanager.delete_resource_policy(SecretId=live.id)
        elif "policy" in changed:
            aws.secretsmanager.put_resource_policy(SecretId=live.id, ResourcePolicy=self.policy.json())

    def unused(self) -> Self:
        """Never in service: no recovery window."""
        return type(self)(self.name, self.description)

    def leaves(self, live: Live[Any]) -> str:
        """For some days it can be restored, and provision does so."""
        return f"can be restored for {self.recovery_days} days, which provision does" if self.recovery_days else ""

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """With a recovery window, or at once. One that is in its window already, as after a lost answer, is deleted."""
        how: dict[str, Any] = (
            {"RecoveryWindowInDays": self.recovery_days} if self.recovery_days else {"ForceDeleteWithoutRecovery": True}
        )
        try:
            aws.secretsmanager.delete_secret(SecretId=live.id, **how)
        except ClientError as error:
            if code(error) != "InvalidRequestException" or "delet" not in message(error):
                raise
