"""Phase 3, database: PostgreSQL, Redis, and how their addresses and secrets reach the tasks."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.resources import elasticache, elasticache_groups, rds, rds_groups
from reptiops.resources.logs import ServiceLogGroup, export_group
from reptiops.resources.secretsmanager import Secret
from reptiops.resources.ssm import Parameter


@step()
def database_secret(env: Environment) -> Secret:
    """User and password of the database. The tool's own: nobody rotates it behind the tasks' back."""
    return Secret(
        name=env.secret_name("database"),
        description=f"PostgreSQL of {env.prefix}: user and password",
        field_name="password",
        beside={"username": env.database.username},
        length=env.database.password_length,
        recovery_days=env.secrets.recovery_days,
    )


@step()
def redis_secret(env: Environment) -> Secret | None:
    """The auth token of Redis, where there is one."""
    if not env.redis.auth_token:
        return None
    return Secret(
        name=env.secret_name("redis"),
        description=f"Redis of {env.prefix}: auth token",
        length=env.redis.auth_token_length,
        recovery_days=env.secrets.recovery_days,
    )


@step(after=("service_linked_role",))
def database_subnet_group(env: Environment, private_subnet: Mapping[str, Result]) -> rds_groups.SubnetGroup:
    """The database lives in the private subnets."""
    subnets = frozenset(subnet.id for subnet in private_subnet.values())
    return rds_groups.SubnetGroup(env.prefix, f"Private subnets of {env.prefix}", subnets)


@step()
def database_parameter_group(env: Environment) -> rds_groups.ParameterGroup:
    """Engine parameters; TLS is forced here."""
    return rds_groups.ParameterGroup(
        name=env.database_parameter_group,
        family=env.database.family,
        description=f"PostgreSQL {env.database.major_version} of {env.prefix}",
        parameters=dict(env.database.parameters),
    )


@step()
def database_log_group(env: Environment) -> dict[str, ServiceLogGroup]:
    """Where RDS exports the logs that it shall; made first, or AWS would make some that keep everything for ever."""
    days = env.compute.log_retention_days
    return {log: ServiceLogGroup(export_group(env.prefix, log), days) for log in env.database.log_exports}


@step(after=("service_linked_role", "database_log_group"))
def database(
    env: Environment,
    facts: Facts,
    database_secret: Result,
    database_subnet_group: Result,
    database_parameter_group: Result,
    security_group: Mapping[str, Result],
    rds_monitoring_role: Result | None,
) -> rds.Instance:
    """PostgreSQL. The longest wait of a first run, and nobody but its own consumers waits for it."""
    wanted = env.database
    return rds.Instance(
        name=env.prefix,
        engine=wanted.engine,
        version=facts.postgres_version or wanted.version,
        instance_class=wanted.instance_class,
        storage_gb=wanted.storage_gb,
        max_storage_gb=wanted.max_storage_gb,
        storage_type=wanted.storage_type,
        encrypted=wanted.encrypted,
        multi_az=wanted.multi_az,
        backup_days=wanted.backup_days,
        backup_window=wanted.backup_window,
        maintenance_window=wanted.maintenance_window,
        monitoring_interval=wanted.monitoring_interval,
        monitoring_role=rds_monitoring_role.out("arn") if rds_monitoring_role else None,
        deletion_protection=wanted.deletion_protection,
        database=wanted.name,
        username=wanted.username,
        port=wanted.port,
        subnet_group=database_subnet_group.id,
        security_groups=frozenset({security_group["rds"].id}),
        parameter_group=database_parameter_group.id,
        auto_minor_upgrade=wanted.auto_minor_upgrade,
        extended_support=wanted.extended_support,
        copy_tags=wanted.copy_tags_to_snapshot,
        log_exports=frozenset(wanted.log_exports),
        ca_certificate=wanted.ca_certificate,
        password_from=database_secret.id,
        password_version=database_secret.out("version"),
        final_snapshot=wanted.final_snapshot,
    )


@step(after=("service_linked_role",))
def redis_subnet_group(env: Environment, private_subnet: Mapping[str, Result]) -> elasticache_groups.SubnetGroup:
    """The cache lives in the private subnets."""
    subnets = frozenset(subnet.id for subnet in private_subnet.values())
    return elasticache_groups.SubnetGroup(env.prefix, f"Private subnets of {env.prefix}", subnets)


@step(after=("service_linked_role",))
def redis(
    env: Environment,
    redis_subnet_group: Result,
    security_group: Mapping[str, Result],
    redis_secret: Result | None,
) -> elasticache.ReplicationGroup:
    """Redis."""
    wanted = env.redis
    return elasticache.ReplicationGroup(
        name=env.prefix,
        description=f"Redis of {env.prefix}",
        engine=wanted.engine,
        version=wanted.version,
        node_type=wanted.node_type,
        nodes=wanted.nodes,
        automatic_failover=wanted.automatic_failover,
        multi_az=wanted.multi_az,
        at_rest=wanted.encryption_at_rest,
        in_transit=wanted.encryption_in_transit,
        subnet_group=redis_subnet_group.id,
        security_groups=frozenset({security_group["redis"].id}),
        parameter_group=wanted.parameter_group,
        port=wanted.port,
        snapshot_days=wanted.snapshot_days,
        snapshot_window=wanted.snapshot_window,
        maintenance_window=wanted.maintenance_window,
        auto_minor_upgrade=wanted.auto_minor_upgrade,
        token_from=redis_secret.id if redis_secret else None,
        token_version=redis_secret.out("version") if redis_secret else None,
    )


@step(outlives=("redis",))
def parameter(env: Environment, database: Result, redis: Result) -> dict[str, Parameter]:
    """Where tasks learn the endpoints; ECS injects them by name."""
    values = {
        "database/host": database.out("host"),
        "database/port": str(env.database.port),
        "database/name": env.database.name,
        "redis/host": redis.out("host"),
        "redis/port": str(env.redis.port),
    }
    return {key: Parameter(env.parameter_name(*key.split("/")), value) for key, value in values.items()}
