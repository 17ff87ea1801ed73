"""Image repositories, one per service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.resource import REVERSIBLE, Change, Identity, Live, Made, Resource, Risk, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.engine.usage import Around, Use
from reptiops.resources.expiry import sooner
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, undo, update, write

REPOSITORIES = (arn_of("ecr", "repository/{name}"),)


@dataclass(frozen=True)
class Repository(Resource):
    """A private repository. Untagged images expire; `encryption` is AES256 or KMS and cannot change."""

    name: str = fixed()
    scan_on_push: bool = True
    tag_mutability: str = "MUTABLE"
    encryption: str = fixed(default="AES256")
    untagged_days: int = 14
    """0: nothing expires."""

    risk: ClassVar[Risk] = "security"
    risks: ClassVar[Mapping[str, Risk]] = {"untagged_days": "cost"}
    absent: ClassVar[frozenset[str]] = frozenset({"RepositoryNotFoundException"})
    holds_data: ClassVar[bool] = True
    anew_empty: ClassVar[bool] = True
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("ecr:DescribeRepositories"),
        read("ecr:GetLifecyclePolicy", "ecr:ListTagsForResource", on=REPOSITORIES),
        create("ecr:CreateRepository", "ecr:TagResource", on=REPOSITORIES, when=TAGGED),
        *write("ecr:PutLifecyclePolicy", on=REPOSITORIES),
        update(
            "ecr:DeleteLifecyclePolicy",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutImageTagMutability",
            on=REPOSITORIES,
        ),
        delete("ecr:DeleteRepository", on=REPOSITORIES),
        undo("ecr:ListImages", on=REPOSITORIES),
    )

    def key(self) -> str:
        """Names are unique in a registry."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """The bytes of its images; pulls inside the region are free."""
        yield Use("ecr.gb", by="image_gb")

    @classmethod
    def at_stake(cls, change: Change) -> Risk:
        """Fewer days delete images, more cost."""
        fewer = change.field == "untagged_days" and sooner(change.want, change.has)
        return "data" if fewer else super().at_stake(change)

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """Images that have expired do not come back."""
        if change.field == "untagged_days" and change.want:
            return Undoing("reversible with data loss", "untagged images that expire meanwhile do not come back")
        return REVERSIBLE

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the registry in pages; the lifecycle policy costs a call each."""
        wanted = {want.name for want in scope.wanted(cls)}
        prefix = f"{scope.names.project}/{scope.names.environment}/"
        repositories = [
            one
            for one in aws.ecr.pages("describe_repositories", "repositories")
            if one["repositoryName"] in wanted or one["repositoryName"].startswith(prefix)
        ]
        names = {one["repositoryArn"]: one["repositoryName"] for one in repositories}
        tags = tags_of(scope, Repository, names, singly(lambda arn: _tags(aws, arn)), wanted)
        repositories = [
            one
            for one in repositories
            if one["repositoryName"] in wanted or scope.address(tags.get(one["repositoryArn"], {})) is not None
        ]
        days = aws.each(lambda one: _untagged_days(aws, one["repositoryName"]), repositories)
        for one, untagged in zip(repositories, days, strict=True):
            name, arn = one["repositoryName"], one["repositoryArn"]
            address = scope.address(tags.get(arn, {}))
            has = cls(
                name=name,
                scan_on_push=one.get("imageScanningConfiguration", {}).get("scanOnPush", False),
                tag_mutability=one["imageTagMutability"],
                encryption=one.get("encryptionConfiguration", {}).get("encryptionType", "AES256"),
                untagged_days=untagged,
            )
            yield Live(name, has, address, out={"arn": arn, "uri": one["repositoryUri"]}, created=one.get("createdAt"))

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN."""
        aws.ecr.tag_resource(resourceArn=live.out["arn"], tags=identity.tag_list())

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The lifecycle policy is a second call."""
        answer = aws.ecr.create_repository(
            repositoryName=self.name,
            imageScanningConfiguration={"scanOnPush": self.scan_on_push},
            imageTagMutability=self.tag_mutability,
            encryptionConfiguration={"encryptionType": self.encryption},
            tags=identity.tag_list(),
        )
        if self.untagged_days:
            self._expire(aws)
        made = answer["repository"]
        return Made(self.name, {"arn": made["repositoryArn"], "uri": made["repositoryUri"]})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Everything but name and encryption."""
        if "scan_on_push" in changed:
            scan = {"scanOnPush": self.scan_on_push}
            aws.ecr.put_image_scanning_configuration(repositoryName=self.name, imageScanningConfiguration=scan)
        if "tag_mutability" in changed:
            aws.ecr.put_image_tag_mutability(repositoryName=self.name, imageTagMutability=self.tag_mutability)
        if "untagged_days" in changed:
            self._expire(aws)

    def _expire(self, aws: Aws) -> None:
        if not self.untagged_days:
            try:
                aws.ecr.delete_lifecycle_policy(repositoryName=self.name)
            except ClientError as error:
                if code(error) != "LifecyclePolicyNotFoundException":
                    raise
            return
        rule = {
            "rulePriority": 1,
            "description": "Images that no tag names any more",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": self.untagged_days,
            },
            "action": {"type": "expire"},
        }
        aws.ecr.put_lifecycle_policy(repositoryName=self.name, lifecyclePolicyText=json.dumps({"rules": [rule]}))

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Somebody has pushed images."""
        return "it holds images" if aws.ecr.pages("list_images", "imageIds", repositoryName=live.id) else ""

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """With all its images."""
        aws.ecr.delete_repository(repositoryName=live.id, force=True)


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    return {t["Key"]: t["Value"] for t in aws.ecr.list_tags_for_resource(resourceArn=arn)["tags"]}


def _untagged_days(aws: Aws, name: str) -> int:
    """The days after which untagged images expire, 0 for never, -1 for a policy that says something else."""
    try:
        text = aws.ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
    except ClientError as error:
        if code(error) != "LifecyclePolicyNotFoundException":
            raise
        return 0
    rules = json.loads(text).get("rules", [])
    if len(rules) != 1 or rules[0].get("action", {}).get("type") != "expire":
        return -1
    selection = rules[0]["selection"]
    plain = selection.get("tagStatus") == "untagged" and selection.get("countType") == "sinceImagePushed"
    return int(selection["countNumber"]) if plain else -1
