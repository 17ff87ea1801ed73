"""The checks of phase 4: task sizes, counts, ports, hosts, and what the load balancer allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from reptiops.settings.base import port_range
from reptiops.settings.compute import FARGATE_MEMORY, Scaling, Service
from reptiops.settings.environment import Sections
from reptiops.settings.findings import Finding, repeats
from reptiops.yamlsource import SettingPath

Findings = Iterator[Finding]
Paths = tuple[SettingPath, ...]

MODERN_TLS = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)-.+")
TARGET_GROUP_NAME = 32
TARGET_GROUPS = 100
"""Of one load balancer. AWS raises the quota of its rules (100 too), but not this one."""
CONTAINER_MEMORY_LEAST = 6


def covered(host: str, names: tuple[str, ...]) -> bool:
    """Whether a certificate for `names` is good for `host`; a wildcard stands for exactly one label."""
    return host in names or f"*.{host.partition('.')[2]}" in names


def _where(env: Sections, service: Service, field: str) -> SettingPath:
    """The path of the setting that decides `field` of a service: its own, or that of its kind."""
    if getattr(env.compute.services[service.name], field) is not None:
        return ("compute", "services", service.name, field)
    return ("compute", service.kind, field)


def pair(cpu_path: SettingPath, memory_path: SettingPath, cpu: int, memory: int) -> Findings:
    """What is wrong with the size of a task."""
    if cpu not in FARGATE_MEMORY:
        yield Finding(cpu_path, f"Fargate has no size of {cpu} CPU units", ", ".join(map(str, FARGATE_MEMORY)))
    elif memory not in FARGATE_MEMORY[cpu]:
        sizes = FARGATE_MEMORY[cpu]
        step = sizes[-1] - sizes[-2]
        valid = ", ".join(map(str, sizes)) if len(sizes) < 9 else f"{sizes[0]} to {sizes[-1]} in steps of {step}"
        # The service's own setting is to blame where only one of the two is its own.
        own_cpu = "services" in cpu_path and "services" not in memory_path
        blame, other = (cpu_path, memory_path) if own_cpu else (memory_path, cpu_path)
        yield Finding(
            blame, f"Fargate does not pair {cpu} CPU units with {memory} MiB", f"memory {valid}", also=(other,)
        )


def _sizes(env: Sections) -> Findings:
    seen: set[Finding] = set()
    for kind in ("frontend", "backend"):
        shared = env.compute.defaults(kind)
        seen.update(pair(("compute", kind, "cpu"), ("compute", kind, "memory"), shared.cpu, shared.memory))
    for service in env.services:
        paths = _where(env, service, "cpu"), _where(env, service, "memory")
        seen.update(pair(*paths, service.cpu, service.memory))
    schedule = env.schedule
    seen.update(pair(("schedule", "cpu"), ("schedule", "memory"), schedule.cpu, schedule.memory))
    yield from seen


def _sidecars(env: Sections) -> Findings:
    for service in env.services:
        path: SettingPath = ("compute", "services", service.name, "sidecars")
        also: Paths = (_where(env, service, "memory"), _where(env, service, "cpu"))
        yield from repeats(path, [sidecar.name for sidecar in service.sidecars])
        for index, sidecar in enumerate(service.sidecars):
            if sidecar.name == service.name:
                yield Finding((*path, index, "name"), "the service's own container has this name", "another name")
            if sidecar.memory is not None and sidecar.memory < CONTAINER_MEMORY_LEAST:
                yield Finding(
                    (*path, index, "memory"), "too small for a container", f"at least {CONTAINER_MEMORY_LEAST}"
                )
        ports = [sidecar.port for sidecar in service.sidecars if sidecar.port is not None]
        if len({service.port, *ports}) <= len(ports):
            yield Finding(path, "containers of a task share its ports", "a port of its own for each container")
        if sum(sidecar.memory or 0 for sidecar in service.sidecars) >= service.memory:
            yield Finding(
                path, "they leave no memory to the service", f"together less than {service.memory}", also=also
            )
        if sum(sidecar.cpu for sidecar in service.sidecars) >= service.cpu:
            yield Finding(path, "they leave no CPU to the service", f"together less than {service.cpu}", also=also)


def _range(path: SettingPath, desired_path: SettingPath, scaling: Scaling | None, desired: int) -> Findings:
    if scaling is None:
        return
    if scaling.min > scaling.max:
        valid = f"at most {scaling.max}"
        yield Finding((*path, "min"), f"{scaling.min} is above max {scaling.max}", valid, also=((*path, "max"),))
    elif not scaling.min <= desired <= scaling.max:
        valid = f"{scaling.min} to {scaling.max}"
        yield Finding(desired_path, f"{desired} is outside the scaling range", valid, also=(path,))
    if scaling.cpu is None and scaling.memory is None:
        yield Finding(path, "there is nothing to scale on", "cpu or memory, in per cent")


def _scaling(env: Sections) -> Findings:
    found: set[Finding] = set()
    for kind in ("frontend", "backend"):
        shared = env.compute.defaults(kind)
        found.update(_range(("compute", kind, "scaling"), ("compute", kind, "desired"), shared.scaling, shared.desired))
    for service in env.services:
        paths = _where(env, service, "scaling"), _where(env, service, "desired")
        found.update(_range(*paths, service.scaling, service.desired))
    yield from found


def _ports(env: Sections) -> Findings:
    matrix: Paths = (("security", "groups"),)
    admitted = env.security.ports_between("alb", "ecs")
    shown = ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in admitted) or "none"
    found: set[Finding] = set()
    for kind in ("frontend", "backend"):
        first, last = port_range(env.compute.defaults(kind).ports)
        if not any(low <= first and last <= high for low, high in admitted):
            message = "the security groups do not let these ports through"
            found.add(Finding(("compute", kind, "ports"), message, shown, also=matrix))
    for service in env.services:
        path = _where(env, service, "port")
        ports = env.compute.defaults(service.kind).ports
        first, last = port_range(ports)
        if not first <= service.port <= last:
            also: Paths = (("compute", service.kind, "ports"),)
            found.add(
                Finding(
                    path, f"no security group lets port {service.port} of a {service.kind} through", ports, also=also
                )
            )
    yield from found


def _hosts(env: Sections) -> Findings:
    taken: dict[str, str] = {}
    for service in env.services:
        for index, host in enumerate(service.hosts):
            path: SettingPath = ("compute", "services", service.name, "hosts", index)
            if host in taken:
                yield Finding(path, f"{host} is already the host of {taken[host]}", "each host once")
            taken.setdefault(host, service.name)
            if host != env.domain and not host.endswith(f".{env.domain}"):
                yield Finding(
                    path, f"{host} lies outside the domain", f"{env.domain} or a name in it", also=(("domain",),)
                )
            elif not covered(host, env.certificate_names):
                also: Paths = (("certificate", "names"), ("domain",))
                yield Finding(
                    path, f"the certificate does not cover {host}", ", ".join(env.certificate_names), also=also
                )


def _names(env: Sections) -> Findings:
    for service in env.services:
        name = env.target_group_name(service.name)
        if len(name) > TARGET_GROUP_NAME:
            spare = TARGET_GROUP_NAME - len(env.prefix) - 1
            message = f"the target group's name {name} has {len(name)} characters"
            yield Finding(
                ("compute", "services", service.name), message, f"a service name of at most {spare} characters"
            )


def _rules(env: Sections) -> Findings:
    taken: dict[int, str] = {}
    for service in env.services:
        path = ("compute", "services", service.name)
        if service.priority in taken:
            message = f"priority {service.priority} is already that of {taken[service.priority]}"
            yield Finding((*path, "priority"), message, "each once; without one it is ten times the place in the list")
        taken[service.priority] = service.name
    if len(env.services) > TARGET_GROUPS:
        message = "a load balancer has at most 100 target groups, a quota that AWS does not raise"
        yield Finding(("compute", "services"), message, "at most 100 services")


def _probes(env: Sections) -> Findings:
    found: set[Finding] = set()
    for service in env.services:
        if service.probe.timeout >= service.probe.interval:
            path = (*_where(env, service, "probe"), "timeout")
            found.add(Finding(path, "the timeout must be below the interval", f"less than {service.probe.interval}"))
    yield from found


def _commands(env: Sections) -> Findings:
    found: set[Finding] = set()
    for service in env.services:
        path = (*_where(env, service, "health_check"), "command")
        command = service.health_check.command
        if command[0] not in ("CMD", "CMD-SHELL"):
            found.add(Finding((*path, 0), f"{command[0]!r} is not how a check begins", "CMD or CMD-SHELL"))
        elif command[0] == "CMD-SHELL" and len(command) > 2:
            found.add(Finding(path, "CMD-SHELL takes one line for the shell", "[CMD-SHELL, one line]"))
    yield from found


def _deployment(env: Sections) -> Findings:
    deployment = env.compute.deployment
    path: SettingPath = ("compute", "deployment")
    if deployment.minimum_percent == deployment.maximum_percent:
        message = "nothing can be replaced: no task may stop and none may be added"
        yield Finding(
            (*path, "maximum_percent"), message, "more than minimum_percent", also=((*path, "minimum_percent"),)
        )
    if deployment.rollback and not deployment.circuit_breaker:
        message = "only the circuit breaker rolls back"
        yield Finding(
            (*path, "rollback"), message, "false, or circuit_breaker: true", also=((*path, "circuit_breaker"),)
        )


def _load_balancer(env: Sections) -> Findings:
    balancer = env.load_balancer
    if not MODERN_TLS.fullmatch(balancer.tls_policy):
        valid = "a policy of TLS 1.2 and above, such as ELBSecurityPolicy-TLS13-1-2-2021-06"
        yield Finding(("load_balancer", "tls_policy"), f"{balancer.tls_policy} allows TLS below 1.2", valid)
    if "AWSLogs" in balancer.access_logs.prefix:
        yield Finding(("load_balancer", "access_logs", "prefix"), "AWS adds AWSLogs itself", "a prefix without AWSLogs")


def _schedule(env: Sections) -> Findings:
    schedule = env.schedule
    if schedule.every_seconds % 60:
        yield Finding(
            ("schedule", "every"), f"{schedule.every} is not a number of minutes", "whole minutes, such as 15m"
        )
    if schedule.enabled and not env.state.remote:
        message = "a scheduled job cannot read the state of this machine"
        yield Finding(
            ("schedule", "enabled"), message, "state.backend: s3://bucket/prefix", also=(("state", "backend"),)
        )
    if schedule.enabled and schedule.image is None:
        message = "a scheduled job needs the tool's image"
        yield Finding(
            ("schedule", "enabled"), message, "schedule.image: the image to run", also=(("schedule", "image"),)
        )
    if schedule.enabled and not env.network.nat_zones:
        message = "without NAT gateways a scheduled job inside the VPC cannot reach the APIs it has to read"
        also: tuple[SettingPath, ...] = (("network", "nat_gateways"),)
        yield Finding(("schedule", "enabled"), message, "a job outside: `reptiops schedule show ENV`", also=also)
    if schedule.enabled and schedule.playbook != "drift":
        message = "the job inside the environment may only look: its role has no right to change anything"
        yield Finding(
            ("schedule", "playbook"), message, "drift; run reconcile from outside: `reptiops schedule show ENV`"
        )


COMPUTE_CHECKS: tuple[Callable[[Sections], Findings], ...] = (
    _sizes,
    _sidecars,
    _scaling,
    _ports,
    _hosts,
    _names,
    _rules,
    _probes,
    _commands,
    _deployment,
    _load_balancer,
    _schedule,
)
