"""Roles. IAM is global and eventually consistent: a new role is usable by other services only after some seconds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code, message, settled
from reptiops.engine.place import Place
from reptiops.engine.resource import Identity, Live, Made, Resource, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.policy import Policy
from reptiops.resources import held
from reptiops.resources.parts import every
from reptiops.rights import ROLES, TAGGED, Right, arn_of, create, delete, read, update, write


def _roles(scope: Scope) -> list[dict[str, Any]]:
    """All roles of the account, without policies and tags."""
    return scope.once("roles", lambda: scope.aws.iam.pages("list_roles", "Roles"))


@dataclass(frozen=True)
class Role(Resource):
    """A role with everything attached to it; what a person attached by hand shows as a difference."""

    name: str = fixed()
    trust: Policy = field(default_factory=Policy.make)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    managed: frozenset[str] = frozenset()
    description: str = ""
    max_session_seconds: int = 3600

    forgotten: ClassVar[str] = "policies of others that name it mean the one that is gone"
    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"NoSuchEntity"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"DeleteConflict", "ConcurrentModification"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("MalformedPolicyDocument", "Invalid principal"),
        ("NoSuchEntity", "role with name"),
    )
    limit: ClassVar[float] = 180
    rights: ClassVar[tuple[Right, ...]] = (
        read("iam:GetAccountAuthorizationDetails", "iam:ListRoles"),
        read("iam:GetRole", on=ROLES),
        create("iam:CreateRole", "iam:TagRole", on=ROLES, when=TAGGED),
        *write("iam:PutRolePolicy", "iam:AttachRolePolicy", on=ROLES),
        update(
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            on=ROLES,
        ),
        delete(
            "iam:ListRolePolicies",
            "iam:DeleteRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:DetachRolePolicy",
            "iam:DeleteRole",
            on=ROLES,
        ),
    )

    def key(self) -> str:
        """Role names ignore case (aws-facts 3)."""
        return self.name.lower()

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """Without a path its ARN follows from its name."""
        return {"id": self.name, "arn": place.arn("iam", f"role/{self.name}", regional=False)}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All roles of the account in pages; those with our tags, or with a name that we want.

        Two bulk reads: one has the policies and tags, the other description and session length.
        """
        names = {want.key() for want in scope.wanted(Role)}
        details = aws.iam.pages("get_account_authorization_details", "RoleDetailList", Filter=["Role"])
        listed = {one["RoleName"]: one for one in _roles(scope)}
        for one in details:
            name = one["RoleName"]
            address = scope.address({t["Key"]: t["Value"] for t in one.get("Tags", [])})
            if name.lower() not in names and address is None:
                continue
            role = listed.get(name) or aws.iam.get_role(RoleName=name)["Role"]  # made between the two reads
            has = cls(
                name=name,
                trust=Policy.of(one["AssumeRolePolicyDocument"]),
                policies={p["PolicyName"]: Policy.of(p["PolicyDocument"]) for p in one.get("RolePolicyList", [])},
                managed=frozenset(p["PolicyArn"] for p in one.get("AttachedManagedPolicies", [])),
                description=role.get("Description", ""),
                max_session_seconds=role.get("MaxSessionDuration", 3600),
            )
            yield Live(name, has, address, out={"arn": one["Arn"]}, created=one.get("CreateDate"))

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By name."""
        aws.iam.tag_role(RoleName=live.id, Tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The role first, then what it may do."""
        answer = aws.iam.create_role(
            RoleName=self.name,
            AssumeRolePolicyDocument=self.trust.json(),
            Description=self.description,
            MaxSessionDuration=self.max_session_seconds,
            Tags=identity.tag_list(),
        )
        for put in self._policies(aws, {}):
            put()
        for arn in sorted(self.managed):
            aws.iam.attach_role_policy(RoleName=self.name, PolicyArn=arn)
        return Made(self.name, {"arn": answer["Role"]["Arn"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Everything but the name changes in place. What is refused of one part keeps none of the others from being set."""
        parts: list[Callable[[], object]] = []
        if "trust" in changed:
            parts.append(
                lambda: aws.iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=self.trust.json())
            )
        if changed & {"description", "max_session_seconds"}:
            # Both are sent: leaving one out may reset it.
            both = {"Description": self.description, "MaxSessionDuration": self.max_session_seconds}
            parts.append(lambda: aws.iam.update_role(RoleName=self.name, **both))
        if "policies" in changed:
            parts += self._policies(aws, live.has.policies)
        if "managed" in changed:
            parts += self._attachments(aws, live.has.managed)
        every(parts, full="LimitExceeded")

    def _attachments(self, aws: Aws, has: Collection[str]) -> Iterator[Callable[[], object]]:
        for arn in sorted(self.managed - set(has)):
            yield partial(aws.iam.attach_role_policy, RoleName=self.name, PolicyArn=arn)
        for arn in sorted(set(has) - self.managed):
            yield partial(settled, aws.iam.detach_role_policy, "NoSuchEntity", RoleName=self.name, PolicyArn=arn)

    def _policies(self, aws: Aws, has: Mapping[str, Policy]) -> Iterator[Callable[[], object]]:
        for name, policy in self.policies.items():
            if has.get(name) != policy:
                document = {"PolicyName": name, "PolicyDocument": policy.json()}
                yield partial(aws.iam.put_role_policy, RoleName=self.name, **document)
        for name in has.keys() - self.policies.keys():
            yield partial(settled, aws.iam.delete_role_policy, "NoSuchEntity", RoleName=self.name, PolicyName=name)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Whatever hangs on it goes first, also what a person attached. Lists lag: what they show may be gone, the role not."""
        for name in aws.iam.pages("list_role_policies", "PolicyNames", RoleName=self.name):
            settled(aws.iam.delete_role_policy, "NoSuchEntity", RoleName=self.name, PolicyName=name)
        for one in aws.iam.pages("list_attached_role_policies", "AttachedPolicies", RoleName=self.name):
            settled(aws.iam.detach_role_policy, "NoSuchEntity", RoleName=self.name, PolicyArn=one["PolicyArn"])
        aws.iam.delete_role(RoleName=self.name)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """Instance profiles, and policies that came since."""
        return held.attached(aws, live.id)


@dataclass(frozen=True)
class ServiceLinkedRole(Resource):
    """The role that an AWS service uses in this account. It is the account's: made if missing, never deleted."""

    service: str = fixed()

    free: ClassVar[bool] = True
    taggable: ClassVar[bool] = False
    existing: ClassVar[bool] = True
    limit: ClassVar[float] = 120
    rights: ClassVar[tuple[Right, ...]] = (
        read("iam:ListRoles"),
        create("iam:ListRoles"),
        create(
            "iam:CreateServiceLinkedRole",
            on=(arn_of("iam", "role/aws-service-role/{service}/*", regional=False),),
            when={"StringLike": {"iam:AWSServiceName": "{service}"}},
        ),
    )

    def key(self) -> str:
        """The service's principal; the account has one role for each."""
        return self.service

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """By path: `/aws-service-role/<service>/`."""
        wanted = {want.service for want in scope.wanted(cls)}
        for one in _roles(scope):
            service = one["Path"].strip("/").rsplit("/", 1)[-1]
            if one["Path"].startswith("/aws-service-role/") and service in wanted:
                yield Live(one["RoleName"], cls(service), out={"arn": one["Arn"]}, created=one.get("CreateDate"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Somebody else may be faster; that is success (aws-facts 3.1)."""
        try:
            answer = aws.iam.create_service_linked_role(AWSServiceName=self.service)
        except ClientError as error:
            if code(error) != "InvalidInput" or "has been taken" not in message(error):
                raise
            roles = aws.iam.pages("list_roles", "Roles", PathPrefix=f"/aws-service-role/{self.service}/")
            return Made(roles[0]["RoleName"], {"arn": roles[0]["Arn"]})
        return Made(answer["Role"]["RoleName"], {"arn": answer["Role"]["Arn"]})
