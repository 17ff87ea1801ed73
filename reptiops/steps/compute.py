"""Phase 4, compute: repositories, cluster, load balancer, services, their names in the DNS, and who sets their count."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Environment, Service
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.resources import ecs, ecs_services, elbv2, elbv2_listeners
from reptiops.resources.autoscaling import ScalableTarget, ScalingPolicy, ScheduledAction
from reptiops.resources.ecr import Repository
from reptiops.resources.ecs_tasks import Container, HealthCheck, TaskDefinition
from reptiops.resources.logs import LogGroup, ServiceLogGroup, insights_group
from reptiops.resources.route53 import AliasRecords
from reptiops.resources.route53_sets import Alias

HEADERS = "routing.http.response"
METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}


@step()
def repository(env: Environment) -> dict[str, Repository]:
    """Where the pipeline pushes the image of each service."""
    return {
        service.name: Repository(
            name=env.repository_name(service.name),
            scan_on_push=env.ecr.scan_on_push,
            tag_mutability=env.ecr.tag_mutability,
            untagged_days=env.ecr.untagged_days,
        )
        for service in env.services
    }


@step()
def log_group(env: Environment) -> dict[str, LogGroup]:
    """Where each service writes."""
    days = env.compute.log_retention_days
    return {service.name: LogGroup(env.log_group(service.name), days) for service in env.services}


@step()
def insights_log_group(env: Environment) -> ServiceLogGroup | None:
    """What Container Insights measures; made first, or AWS would make one that keeps everything for ever."""
    if env.compute.insights == "disabled":
        return None
    return ServiceLogGroup(insights_group(env.cluster_name), env.compute.log_retention_days)


@step(after=("service_linked_role", "insights_log_group"))
def cluster(env: Environment) -> ecs.Cluster:
    """Where the services run."""
    return ecs.Cluster(env.cluster_name, env.compute.insights)


@step()
def task_definition(
    env: Environment,
    facts: Facts,
    repository: Mapping[str, Result],
    log_group: Mapping[str, Result],
    execution_role: Result,
    task_frontend_role: Result,
    task_backend_role: Result,
    database_secret: Result,
    redis_secret: Result | None,
    parameter: Mapping[str, Result],
) -> dict[str, TaskDefinition]:
    """What a task of each service is. Backends get the addresses and secrets of database and cache injected."""
    injected = _injected(database_secret, redis_secret, parameter)
    return {
        service.name: TaskDefinition(
            family=env.task_family(service.name),
            cpu=service.cpu,
            memory=service.memory,
            architecture=env.compute.architecture,
            execution_role=execution_role.out("arn"),
            task_role=(task_backend_role if service.kind == "backend" else task_frontend_role).out("arn"),
            containers=_containers(
                service,
                f"{repository[service.name].out('uri')}:{service.image_tag}",
                log_group[service.name].id,
                facts.region,
                injected if service.kind == "backend" else {},
            ),
        )
        for service in env.services
    }


def _injected(database: Result, redis: Result | None, parameter: Mapping[str, Result]) -> dict[str, str]:
    """Variable → what ECS fetches for it. A key of a JSON secret is `<arn>:<key>::`, both colons required."""
    secrets = {
        "DATABASE_HOST": parameter["database/host"].out("arn"),
        "DATABASE_PORT": parameter["database/port"].out("arn"),
        "DATABASE_NAME": parameter["database/name"].out("arn"),
        "DATABASE_USER": f"{database.id}:username::",
        "DATABASE_PASSWORD": f"{database.id}:password::",
        "REDIS_HOST": parameter["redis/host"].out("arn"),
        "REDIS_PORT": parameter["redis/port"].out("arn"),
    }
    return secrets | ({"REDIS_AUTH_TOKEN": redis.id} if redis else {})


def _containers(
    service: Service, image: str, group: str, region: str, secrets: Mapping[str, str]
) -> dict[str, Container]:
    check = service.health_check
    main = Container(
        image=image,
        port=service.port,
        environment=dict(service.environment),
        secrets=dict(secrets),
        health=HealthCheck(service.health_command, check.interval, check.timeout, check.retries, check.start_period),
        log_group=group,
        log_region=region,
        log_prefix=service.name,
        stop_seconds=service.stop_seconds,
    )
    beside = {
        sidecar.name: Container(
            image=sidecar.image,
            essential=sidecar.essential,
            cpu=sidecar.cpu,
            memory=sidecar.memory,
            port=sidecar.port,
            environment=dict(sidecar.environment),
            command=sidecar.command,
            log_group=group,
            log_region=region,
            log_prefix=sidecar.name,
        )
        for sidecar in service.sidecars
    }
    return {service.name: main, **beside}


@step(after=("service_linked_role", "public_route_table"))
def load_balancer(
    env: Environment,
    public_subnet: Mapping[str, Result],
    security_group: Mapping[str, Result],
    logs_bucket: Result | None,
) -> elbv2.LoadBalancer:
    """The one way in. Internet-facing needs the internet route, access logs need the bucket's policy."""
    wanted = env.load_balancer
    attributes = {
        "deletion_protection.enabled": _word(wanted.deletion_protection),
        "idle_timeout.timeout_seconds": str(wanted.idle_timeout_seconds),
        "routing.http.drop_invalid_header_fields.enabled": _word(wanted.drop_invalid_headers),
        "routing.http2.enabled": _word(wanted.http2),
        "access_logs.s3.enabled": _word(wanted.access_logs.enabled and logs_bucket is not None),
    }
    if wanted.access_logs.enabled and logs_bucket is not None:
        attributes |= {
            "access_logs.s3.bucket": logs_bucket.id,
            "access_logs.s3.prefix": wanted.access_logs.prefix,
        }
    return elbv2.LoadBalancer(
        name=env.named("alb"),
        subnets=frozenset(subnet.id for subnet in public_subnet.values()),
        security_groups=frozenset({security_group["alb"].id}),
        attributes=attributes,
    )


def _word(value: bool) -> str:
    return "true" if value else "false"


@step()
def target_group(env: Environment, vpc: Result) -> dict[str, elbv2.TargetGroup]:
    """The tasks of each service, by address."""
    return {
        service.name: elbv2.TargetGroup(
            name=env.target_group_name(service.name),
            vpc=vpc.id,
            port=service.port,
            health=elbv2.HealthCheck(
                path=service.health_path,
                codes=service.probe.codes,
                interval=service.probe.interval,
                timeout=service.probe.timeout,
                healthy=service.probe.healthy,
                unhealthy=service.probe.unhealthy,
            ),
            attributes={"deregistration_delay.timeout_seconds": str(env.load_balancer.deregistration_delay_seconds)},
        )
        for service in env.services
    }


@step(early=("load_balancer",))
def http_listener(env: Environment, load_balancer: Result) -> elbv2_listeners.Listener:
    """Plain HTTP is sent to HTTPS."""
    action = elbv2_listeners.Redirect(f"HTTP_{env.load_balancer.redirect_status}")
    return elbv2_listeners.Listener(load_balancer.id, 80, action=action)


@step(early=("load_balancer",))
def https_listener(env: Environment, load_balancer: Result, certificate: Result) -> elbv2_listeners.Listener:
    """HTTPS, with the security headers that a listener can set: Referrer-Policy is not among them."""
    answer = env.load_balancer.default_answer
    return elbv2_listeners.Listener(
        load_balancer.id,
        443,
        protocol="HTTPS",
        action=elbv2_listeners.FixedResponse(str(answer.status), answer.content_type, answer.body),
        certificate=certificate.id,
        tls_policy=env.load_balancer.tls_policy,
        attributes=_headers(env) if env.load_balancer.security_headers else {},
    )


def _headers(env: Environment) -> dict[str, str]:
    wanted = env.security_headers
    headers = {
        "strict_transport_security": wanted.strict_transport_security,
        "x_frame_options": wanted.frame_options,
        "x_content_type_options": "nosniff" if wanted.content_type_options else "",
    }
    return {f"{HEADERS}.{name}.header_value": value for name, value in headers.items() if value}


@step(early=("https_listener",))
def host_rule(
    env: Environment, https_listener: Result, target_group: Mapping[str, Result]
) -> dict[str, elbv2_listeners.HostRule]:
    """Which host goes to which service."""
    return {
        service.name: elbv2_listeners.HostRule(
            listener=https_listener.id,
            priority=service.priority,
            hosts=frozenset(service.hosts),
            target_group=target_group[service.name].id,
        )
        for service in env.services
    }


@step(after=("host_rule", "private_route_table", "gateway_endpoint", "interface_endpoint", "security_group_rule"))
def service(
    env: Environment,
    facts: Facts,
    cluster: Result,
    task_definition: Mapping[str, Result],
    private_subnet: Mapping[str, Result],
    security_group: Mapping[str, Result],
    target_group: Mapping[str, Result],
) -> dict[str, ecs_services.Service]:
    """What runs. Its target group has to be behind a listener, and its tasks need their way to the images."""
    deployment = env.compute.deployment
    return {
        one.name: ecs_services.Service(
            cluster=cluster.id,
            name=one.name,
            task_definition=task_definition[one.name].id,
            desired=_desired(one, facts),
            first_desired=one.desired if one.name in facts.images - facts.parked else 0,
            subnets=frozenset(subnet.id for subnet in private_subnet.values()),
            security_groups=frozenset({security_group["ecs"].id}),
            target_group=target_group[one.name].id,
            container=one.name,
            port=one.port,
            grace_seconds=one.grace_seconds,
            minimum_percent=deployment.minimum_percent,
            maximum_percent=deployment.maximum_percent,
            circuit_breaker=deployment.circuit_breaker,
            rollback=deployment.circuit_breaker and deployment.rollback,
            platform_version=env.compute.platform_version,
            execute_command=env.compute.execute_command,
        )
        for one in env.services
    }


def _desired(one: Service, facts: Facts) -> int | None:
    """The count, where it is ours to set: not with autoscaling or a schedule, not while it is parked."""
    if one.count_owner != "reptiops" or one.name in facts.parked:
        return None
    return one.desired if one.name in facts.images else 0


@step()
def alias_record(
    env: Environment, facts: Facts, hosted_zone: Result | None, load_balancer: Result
) -> AliasRecords | None:
    """The names that the load balancer answers."""
    zone = hosted_zone.id if hosted_zone else facts.zone_id
    if zone is None or not env.load_balancer_hosts:
        return None
    alias = Alias(load_balancer.out("dns_name"), load_balancer.out("zone_id"))
    return AliasRecords(zone, "load_balancer", dict.fromkeys(env.load_balancer_hosts, alias))


def scaled(env: Environment, facts: Facts) -> list[Service]:
    """Services whose count is not ours. One without an image is left alone: registering would start tasks at once."""
    return [s for s in env.services if (s.scaling or s.count_owner == "schedule") and s.name in facts.images]


def count_range(one: Service) -> tuple[int, int]:
    """Between which counts a service moves while it is up."""
    return (one.scaling.min, one.scaling.max) if one.scaling else (one.desired, one.desired)


@step(after=("service_linked_role",))
def scalable_target(env: Environment, facts: Facts, service: Mapping[str, Result]) -> dict[str, ScalableTarget]:
    """The range in which a count may move. A schedule moves the range itself, so there it is only begun with."""
    targets = {}
    for one in scaled(env, facts):
        least, most = count_range(one)
        parked = one.name in facts.parked
        ours = one.count_owner != "schedule" and not parked
        targets[one.name] = ScalableTarget(
            resource=f"service/{env.cluster_name}/{one.name}",
            minimum=least if ours else None,
            maximum=most if ours else None,
            first_minimum=0 if parked else least,
            first_maximum=most,
        )
    return targets


@step()
def scaling_policy(env: Environment, facts: Facts, scalable_target: Mapping[str, Result]) -> dict[str, ScalingPolicy]:
    """Target tracking on CPU and memory: out when either is above, in when both are below."""
    policies = {}
    for one in scaled(env, facts):
        if one.scaling is None:
            continue
        for name, target in (("cpu", one.scaling.cpu), ("memory", one.scaling.memory)):
            if target is not None:
                policies[f"{one.name}/{name}"] = ScalingPolicy(
                    resource=scalable_target[one.name].id,
                    name=f"{env.named(one.name)}-{name}",
                    metric=METRICS[name],
                    target=target,
                    scale_in_seconds=one.scaling.scale_in_seconds,
                    scale_out_seconds=one.scaling.scale_out_seconds,
                )
    return policies


@step()
def scheduled_action(
    env: Environment, facts: Facts, scalable_target: Mapping[str, Result]
) -> dict[str, ScheduledAction]:
    """Office hours: to 0 in the evening, back in the morning."""
    actions = {}
    for one in scaled(env, facts):
        if not env.office_hours.covers(one.name):
            continue
        least, most = count_range(one)
        for name, schedule, low, high in (
            ("start", env.office_hours.start_expression, least, most),
            ("stop", env.office_hours.stop_expression, 0, 0),
        ):
            actions[f"{one.name}/{name}"] = ScheduledAction(
                resource=scalable_target[one.name].id,
                name=f"{env.named(one.name)}-{name}",
                schedule=schedule,
                timezone=env.office_hours.timezone,
                minimum=low,
                maximum=high,
            )
    return actions
