"""Samples of the database's kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reptiops.engine.resource import Live
from reptiops.resources import elasticache, elasticache_groups
from reptiops.resources.rds import Instance
from reptiops.resources.rds_groups import ParameterGroup, SubnetGroup
from tests.samples import Sample, World


def _secret(world: World) -> str:
    answer: dict[str, Any] = world.session.client("secretsmanager").create_secret(
        Name="sample", SecretString='{"username": "reptidex", "password": "S3cretS3cret"}'
    )
    return str(answer["ARN"])


def _instance(world: World) -> Instance:
    rds = world.session.client("rds")
    world.role("monitoring.rds.amazonaws.com")
    rds.create_db_subnet_group(
        DBSubnetGroupName="sample", DBSubnetGroupDescription="sample", SubnetIds=list(world.subnets)
    )
    for name in ("sample", "sample-two"):
        rds.create_db_parameter_group(
            DBParameterGroupName=name, DBParameterGroupFamily="postgres15", Description="sample"
        )
    return Instance(
        name="reptidex-dev",
        engine="postgres",
        version="15.13",
        instance_class="db.t4g.micro",
        max_storage_gb=100,
        database="reptidex",
        username="reptidex",
        subnet_group="sample",
        security_groups=frozenset({world.group}),
        parameter_group="sample",
        password_from=_secret(world),
        password_version="one",
    )


def _cache(world: World) -> elasticache.ReplicationGroup:
    client = world.session.client("elasticache")
    client.create_cache_subnet_group(
        CacheSubnetGroupName="sample", CacheSubnetGroupDescription="sample", SubnetIds=list(world.subnets)
    )
    secret: dict[str, Any] = world.session.client("secretsmanager").create_secret(
        Name="sample", SecretString="sample-sample-sample"
    )
    return elasticache.ReplicationGroup(
        name="reptidex-dev",
        description="one",
        node_type="cache.t4g.micro",
        in_transit=True,
        subnet_group="sample",
        security_groups=frozenset({world.group}),
        token_from=secret["ARN"],
        token_version="one",
    )


def _snapshot_kept(world: World, want: Instance, live: Live[Instance]) -> None:
    """Monitored from the start, and a snapshot of it stays."""
    second = replace(want, name="reptidex-dev-two", deletion_protection=False, final_snapshot=True)
    second.delete(world.aws, world.another(second))


SAMPLES = [
    Sample(
        elasticache_groups.SubnetGroup,
        lambda world: elasticache_groups.SubnetGroup("reptidex-dev", "one", frozenset(world.subnets)),
        [lambda g: replace(g, description="two"), lambda g: replace(g, subnets=frozenset(sorted(g.subnets)[:1]))],
    ),
    Sample(
        elasticache.ReplicationGroup,
        _cache,
        [
            lambda g: replace(g, description="two"),
            lambda g: replace(g, version="7.1"),
            lambda g: replace(g, node_type="cache.t4g.small"),
            lambda g: replace(g, nodes=3),
            lambda g: replace(g, automatic_failover=True, multi_az=True),
            lambda g: replace(g, snapshot_days=7, snapshot_window="01:00-02:00"),
            lambda g: replace(g, maintenance_window="mon:03:00-mon:04:00"),
            lambda g: replace(g, parameter_group="other"),
            lambda g: replace(g, auto_minor_upgrade=False),
            lambda g: replace(g, token_version="two"),
            lambda g: replace(g, security_groups=frozenset()),
            lambda g: replace(g, nodes=2),
        ],
    ),
    Sample(
        SubnetGroup,
        lambda world: SubnetGroup("reptidex-dev", "one", frozenset(world.subnets)),
        [lambda g: replace(g, description="two")],
    ),
    Sample(
        ParameterGroup,
        lambda world: ParameterGroup("reptidex-dev-postgres15", "postgres15", "sample", {"rds.force_ssl": "1"}),
        [
            lambda g: replace(g, parameters={"rds.force_ssl": "0"}),
            lambda g: replace(g, parameters={**g.parameters, "shared_preload_libraries": "auto_explain"}),
            lambda g: replace(g, parameters={"rds.force_ssl": "1"}),
        ],
    ),
    Sample(
        Instance,
        _instance,
        [
            lambda i: replace(i, version="15.14"),
            lambda i: replace(i, instance_class="db.t4g.small"),
            lambda i: replace(i, storage_gb=50),
            lambda i: replace(i, max_storage_gb=200),
            lambda i: replace(i, multi_az=True),
            lambda i: replace(i, backup_days=14),
            lambda i: replace(i, backup_window="03:00-04:00"),
            lambda i: replace(i, maintenance_window="sun:05:00-sun:06:00"),
            lambda i: replace(
                i, monitoring_interval=60, monitoring_role="arn:aws:iam::123456789012:role/sample-monitoring"
            ),
            lambda i: replace(i, parameter_group="sample-two"),
            lambda i: replace(i, auto_minor_upgrade=False),
            lambda i: replace(i, copy_tags=False),
            lambda i: replace(i, log_exports=frozenset({"postgresql"})),
            lambda i: replace(i, password_version="two"),
            lambda i: replace(i, public=True),
            lambda i: replace(i, deletion_protection=True),
        ],
        beyond=_snapshot_kept,
    ),
]
