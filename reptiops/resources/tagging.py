"""Tags in bulk: one paginated read of the tagging API instead of one call for each log group, repository, parameter, …

That API lags by minutes and forgets nothing, so it is believed only in what it says, never in what it leaves out: tags
that it does not show are read singly, unless the state records the resource anyway.
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
    """Tags by ARN. `arns` maps ARNs to ids; `read` gets those of the ids `asked` that neither bulk nor state know, and
    those whose address bulk and state know differently: one of the two lags behind.
    """
    known, recorded = bulk(scope), scope.recorded(kind)
    missing = [arn for arn, name in arns.items() if arn not in known and name in asked and name not in recorded]
    missing += [
        arn
        for arn, name in arns.items()
        if arn in known and recorded.address(name) not in (None, known[arn].get(ADDRESS_TAG))
    ]
    return {arn: known[arn] for arn in arns if arn in known} | (dict(read(missing)) if missing else {})


def singly(read: Callable[[str], Tags]) -> Callable[[Iterable[str]], Mapping[str, Tags]]:
    """For a service that tells the tags of one resource a call."""
    return lambda arns: {arn: read(arn) for arn in arns}
