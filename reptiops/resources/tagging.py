"""Tags in bulk: one paginated read of the tagging API instead of one call for each log group, repository, parameter, …

That API lags by minutes: it does not show yet what was made, and shows still what has gone, under whose ARN another
one may be by now. So it is believed only of what the state records; of all else that matters the tags are read singly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from reptiops.engine.resource import ADDRESS_TAG, Resource
from reptiops.engine.scope import Scope
from reptiops.rights import read

Tags = Mapping[str, str]
SERVICES = ("acm", "ecr", "elasticache", "elasticloadbalancing", "logs", "rds", "s3", "sns", "ssm")
"""Services whose own reads show no tags, and whose kinds ask here. EC2 and ECS show theirs, and much that is deleted."""
BULK = read("tag:GetResources")
PER_PAGE = 100
"""The most that GetResources gives at once; it would give 50."""


def bulk(scope: Scope) -> Mapping[str, Tags]:
    """The tags of everything in SERVICES that carries the environment's tags, by ARN; read once in a look."""

    def tagged() -> dict[str, Tags]:
        filters = [{"Key": key, "Values": [value]} for key, value in scope.names.tags.items()]
        found = scope.aws.resourcegroupstaggingapi.pages(
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=filters,
            ResourceTypeFilters=list(SERVICES),
            ResourcesPerPage=PER_PAGE,
        )
        return {one["ResourceARN"]: {t["Key"]: t["Value"] for t in one.get("Tags", [])} for one in found}

    return scope.once("tags", tagged, lasting=True)


def tags_of(
    scope: Scope,
    kind: type[Resource],
    arns: Mapping[str, str],
    read: Callable[[Iterable[str]], Mapping[str, Tags]],
    asked: Collection[str],
) -> dict[str, Tags]:
    """Tags by ARN. `arns` maps ARNs to ids; `read` gets those of the ids `asked` that the state does not know, and those
    of which bulk says something else than the state: what is foreign may have the ARN of what was ours a minute ago.

    While the kind is doubted all that is asked for is read: the state may know one that has gone, and been made anew.
    """
    known, recorded, doubted = bulk(scope), scope.recorded(kind), scope.doubted(kind)

    def settled(arn: str, name: str) -> bool:
        if name not in recorded:
            return arn not in known and name not in asked
        if doubted and name in asked:
            return False
        return arn not in known or recorded.address(name) in (None, known[arn].get(ADDRESS_TAG))

    told = {arn: known[arn] for arn in arns if arn in known}
    unsettled = [arn for arn, name in arns.items() if not settled(arn, name)]
    return told | (dict(read(unsettled)) if unsettled else {})


def singly(read: Callable[[str], Tags]) -> Callable[[Iterable[str]], Mapping[str, Tags]]:
    """For a service that tells the tags of one resource a call."""
    return lambda arns: {arn: read(arn) for arn in arns}
