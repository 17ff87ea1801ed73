"""Phase 2, security: the matrix of security groups, roles, the trail, the certificate. The logs bucket comes first."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Environment, Rule
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.policy import trust
from reptiops.resources.acm import Certificate, SelfSignedCertificate
from reptiops.resources.cloudtrail import Trail
from reptiops.resources.ec2_access import SecurityGroup, SecurityGroupRule
from reptiops.resources.iam import Role, ServiceLinkedRole
from reptiops.resources.route53 import HostedZone, ValidationRecord
from reptiops.steps import access


@step()
def security_group(env: Environment, vpc: Result) -> dict[str, SecurityGroup]:
    """All groups before any rule, because they name each other. That of the endpoints belongs to the network phase."""
    return {
        name: SecurityGroup(vpc=vpc.id, name=env.group_name(name), description=group.description)
        for name, group in env.security_groups.items()
        if name != "endpoints"
    }


@step()
def security_group_rule(
    env: Environment, security_group: Mapping[str, Result], endpoints_group: Result | None
) -> dict[str, SecurityGroupRule]:
    """The matrix, line by line. The address says what the line says, so a changed line is another rule."""
    groups = dict(security_group) | ({"endpoints": endpoints_group} if endpoints_group else {})
    rules = {}
    for name, group in env.security_groups.items():
        for direction, lines in (("inbound", group.inbound), ("outbound", group.outbound)):
            for line in lines:
                if line.group is None or line.group in groups:
                    rules[f"{name}/{direction}/{_said(line)}"] = SecurityGroupRule(
                        group=groups[name].id,
                        direction=direction,  # type: ignore[arg-type]
                        protocol=line.protocol,
                        from_port=line.from_port,
                        to_port=line.to_port,
                        peer=groups[line.group].id if line.group else line.cidr or "",
                    )
    return rules


def _said(line: Rule) -> str:
    far = line.group or (line.cidr or "").replace("/", "_")
    return f"{line.protocol}-{line.ports}-{far}"


@step()
def service_linked_role(env: Environment) -> dict[str, ServiceLinkedRole]:
    """What AWS's services use in this account. In a new account their first call would fail without them."""
    principals = {
        "ecs": "ecs.amazonaws.com",
        "elasticloadbalancing": "elasticloadbalancing.amazonaws.com",
        "rds": "rds.amazonaws.com",
        "elasticache": "elasticache.amazonaws.com",
    }
    if any(service.count_owner in ("autoscaling", "schedule") for service in env.services):
        principals["autoscaling"] = "ecs.application-autoscaling.amazonaws.com"
    return {name: ServiceLinkedRole(principal) for name, principal in principals.items()}


@step()
def execution_role(env: Environment, facts: Facts) -> Role:
    """What ECS itself uses to start a task."""
    return Role(
        name=env.named("execution"),
        trust=access.assumed_by_tasks(access.Arns(env, facts)),
        policies=access.execution(env, facts),
        description="ECS uses it to start tasks",
    )


@step()
def task_frontend_role(env: Environment, facts: Facts) -> Role:
    """What frontends may do."""
    return Role(
        name=env.named("task-frontend"),
        trust=access.assumed_by_tasks(access.Arns(env, facts)),
        policies=access.frontend(env, facts),
        description="Frontend tasks run with it",
    )


@step()
def task_backend_role(env: Environment, facts: Facts) -> Role:
    """What backends may do."""
    return Role(
        name=env.named("task-backend"),
        trust=access.assumed_by_tasks(access.Arns(env, facts)),
        policies=access.backend(env, facts),
        description="Backend tasks run with it",
    )


@step()
def people_role(env: Environment, facts: Facts) -> dict[str, Role]:
    """What people assume, with a second factor and for some hours."""
    people = env.security.people
    may = {"developer": access.developer, "readonly": access.readonly}
    return {
        name: Role(
            name=env.named(name),
            trust=access.assumed_by(access.Arns(env, facts), people.trust, mfa=people.mfa),
            policies=may[name](env, facts),
            description=f"People assume it: {name}",
            max_session_seconds=people.session_hours * 3600,
        )
        for name in people.roles
    }


@step()
def deployer_role(env: Environment, facts: Facts) -> Role:
    """What the deployment pipeline assumes."""
    deployer = env.security.deployer
    return Role(
        name=env.named("deployer"),
        trust=access.assumed_by(access.Arns(env, facts), deployer.trust, mfa=False),
        policies=access.deployer(env, facts),
        description="The deployment pipeline assumes it",
        max_session_seconds=deployer.session_hours * 3600,
    )


@step()
def rds_monitoring_role(env: Environment, facts: Facts) -> Role | None:
    """What enhanced monitoring writes its metrics with."""
    if not env.database.monitoring_interval:
        return None
    return Role(
        name=env.named("rds-monitoring"),
        trust=trust("monitoring.rds.amazonaws.com", facts.account),
        policies=access.enhanced_monitoring(env, facts),
        description="RDS enhanced monitoring writes its metrics with it",
    )


@step()
def trail(env: Environment, logs_bucket: Result | None) -> Trail | None:
    """Who called which API."""
    wanted = env.cloudtrail
    if not wanted.enabled or logs_bucket is None:
        return None
    return Trail(
        name=env.prefix,
        bucket=logs_bucket.id,
        multi_region=wanted.multi_region,
        global_events=wanted.global_events,
        log_file_validation=wanted.log_file_validation,
    )


@step()
def hosted_zone(env: Environment) -> HostedZone | None:
    """Only where the configuration asks for a zone of the environment's own; otherwise the zone is found."""
    return HostedZone(env.zone_name) if env.dns.enabled and env.dns.create_zone else None


@step()
def certificate(env: Environment) -> Certificate | SelfSignedCertificate:
    """What the load balancer and CloudFront show."""
    names = env.certificate_names
    if env.certificate.mode == "self_signed":
        return SelfSignedCertificate(names[0], frozenset(names), env.certificate.valid_days)
    return Certificate(names[0], frozenset(names), env.certificate.key_algorithm)


@step(early=("certificate",))
def validation_record(
    env: Environment, facts: Facts, hosted_zone: Result | None, certificate: Result
) -> dict[str, ValidationRecord]:
    """How ACM sees that the domain is ours. Wildcard and apex share one record, and so do two environments."""
    zone = hosted_zone.id if hosted_zone else facts.zone_id
    if zone is None or env.certificate.mode != "acm":
        return {}
    domains = dict.fromkeys(name.removeprefix("*.") for name in env.certificate_names)
    return {
        domain: ValidationRecord(
            zone=zone,
            name=certificate.out(f"record_name:{domain}"),
            value=certificate.out(f"record_value:{domain}"),
            ttl_seconds=env.dns.ttl_seconds,
            certificate=certificate.id,
        )
        for domain in domains
    }
