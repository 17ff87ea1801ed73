"""The tagging API: repositories, subnet and parameter groups, listeners and rules, nodes of a replication group, scalable
targets have tags too; pages are by resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.gaps import replace

UNLIMITED = 10**9


def fill() -> None:
    """GetResources: what moto leaves out, and pages of as many resources as were asked for, however many tags they have."""
    from moto.core.resource_tagging import TaggedResource, make_tag_matcher, match_resource_type
    from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

    def more(account: str, region: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        from moto.applicationautoscaling.models import applicationautoscaling_backends
        from moto.ecr.models import ecr_backends
        from moto.elasticache.models import elasticache_backends
        from moto.elbv2.models import elbv2_backends
        from moto.rds.models import rds_backends

        ecr = ecr_backends[account][region]
        for repository in ecr.repositories.values():
            yield "ecr:repository", repository.arn, ecr.tagger.get_tag_dict_for_resource(repository.arn)
        rds = rds_backends[account][region]
        for group in (*rds.subnet_groups.values(), *rds.db_parameter_groups.values()):
            yield f"rds:{group.resource_type}", group.arn, {t["Key"]: t["Value"] for t in group.get_tags()}
        cache = elasticache_backends[account][region]
        for group in cache.replication_groups.values():
            for node in group.member_clusters:  # a group's tags are those of its nodes
                arn = f"{group.arn.rsplit(':', 2)[0]}:cluster:{node}"
                yield "elasticache:cluster", arn, cache.tagging_service.get_tag_dict_for_resource(group.arn)
        for targets in applicationautoscaling_backends[account][region].targets.values():
            for target in targets.values():
                yield "application-autoscaling:scalable-target", target.arn, target.tags
        balancers = elbv2_backends[account][region]
        for balancer in balancers.load_balancers.values():
            for listener in balancer.listeners.values():
                tags = balancers.tagging_service.get_tag_dict_for_resource
                yield "elasticloadbalancing:listener/app", listener.arn, tags(listener.arn)
                for rule in listener.rules.values():
                    yield "elasticloadbalancing:listener-rule/app", rule.arn, tags(rule.arn)

    @replace(ResourceGroupsTaggingAPIBackend, "_get_resources_generator")
    def generator(
        original: Any,
        self: Any,
        tag_filters: Any = None,
        resource_type_filters: Any = None,
        resource_arn_list: Any = None,
    ) -> Iterator[Any]:
        yield from original(self, tag_filters, resource_type_filters, resource_arn_list)
        wanted = make_tag_matcher(tag_filters)
        for kind, arn, tags in more(self.account_id, self.region_name):
            asked = not resource_arn_list or arn in resource_arn_list
            if tags and asked and match_resource_type(kind, resource_type_filters) and wanted(tags):
                yield TaggedResource(arn=arn, tags=tags, resource_type=kind)

    @replace(ResourceGroupsTaggingAPIBackend, "get_resources")
    def get_resources(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **{**kwargs, "tags_per_page": UNLIMITED})
