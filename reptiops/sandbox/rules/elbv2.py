"""ELBv2: minutes of provisioning, interfaces that linger, log buckets tried at once, names, limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.iam import linked
from reptiops.sandbox.rules.interfaces import put, take
from reptiops.sandbox.rules.s3 import delivers

PROVISIONED = 170.0
LINGER = 120.0
"""Seconds that a load balancer's interfaces stay after it."""
RELEASED = 60.0
"""Seconds for which a target group counts as in use after the last rule that named it."""
NAME = re.compile(r"(?!internal-)[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?")
ACCOUNT = "127311923021"
"""ELB's own account in us-east-1, the older form of its log delivery."""


def rules() -> None:
    """Everything about ELBv2."""
    _balancers()
    _lives()
    _groups()
    _listeners()
    _logs()


def _balancers() -> None:
    @rule("6.6 id, 6.7 id", "elbv2", "CreateLoadBalancer", "CreateTargetGroup")
    def names(call: Call) -> None:
        """32 letters, digits and hyphens, none at the ends, not internal-…."""
        if not NAME.fullmatch(call.get("Name", "")):
            raise Refused("ValidationError", f"The name '{call.get('Name')}' is invalid: 32 letters, digits, hyphens.")

    @rule("6.6 ord", "elbv2", "CreateLoadBalancer")
    def an_internet_gateway_first(call: Call) -> None:
        """An internet-facing one needs an internet gateway in its VPC."""
        ec2 = call.backend("ec2")
        vpcs = {ec2.get_subnet(name).vpc_id for name in call.get("Subnets", [])}
        attached = {g.vpc.id for g in ec2.internet_gateways.values() if g.vpc}
        if call.get("Scheme", "internet-facing") == "internet-facing" and not vpcs <= attached:
            raise Refused("InvalidSubnet", f"VPC {', '.join(sorted(vpcs))} has no internet gateway")

    @rule("6.6 ord", "elbv2", "CreateLoadBalancer", "SetSubnets")
    def two_zones(call: Call) -> None:
        """Subnets of two zones at least, one of each."""
        zones = [call.backend("ec2").get_subnet(name).availability_zone for name in call.get("Subnets", [])]
        if len(set(zones)) < 2 or len(set(zones)) != len(zones):
            message = "At least two subnets in two different Availability Zones must be specified"
            raise Refused("ValidationError", message)

    @rule("6.6 id", "elbv2", "CreateLoadBalancer")
    def name_of_another(call: Call) -> None:
        """A name that is taken by a load balancer with other settings."""
        for one in call.backend().load_balancers.values():
            same = ({s.id for s in one.subnets}, set(one.security_groups or [])) == (
                set(call.get("Subnets", [])),
                set(call.get("SecurityGroups", [])),
            )
            if one.name == call.get("Name") and not same:
                message = f"A load balancer with the same name '{one.name}' exists, but with different settings"
                raise Refused("DuplicateLoadBalancerName", message)

    @rule("6.6 del", "elbv2", "DeleteLoadBalancer")
    def deletion_protection(call: Call) -> None:
        """Protection is switched off before a load balancer is deleted."""
        held = call.backend().load_balancers.get(call.get("LoadBalancerArn"))
        if held is not None and held.attrs.get("deletion_protection.enabled") == "true":
            message = f"Load balancer '{held.arn}' cannot be deleted because deletion protection is enabled"
            raise Refused("OperationNotPermitted", message)


def _lives() -> None:
    @rule("6.6 ready, 2.8, 3.1", "elbv2", "CreateLoadBalancer")
    def load_balancer_takes_minutes(call: Call) -> Iterator[None]:
        """Provisioning for minutes, with interfaces of its own in each subnet."""
        before = set(call.backend().load_balancers)
        linked(call, "elasticloadbalancing.amazonaws.com")
        yield
        for arn, one in call.backend().load_balancers.items():
            if arn not in before:
                call.world.clock.note(f"balancer {arn}")
                public = one.scheme == "internet-facing"
                about = "ELB " + arn.split(":loadbalancer/", 1)[1]
                put(call, [s.id for s in one.subnets], one.security_groups or [], about, public)

    @rule("6.6 del, 2.8", "elbv2", "DeleteLoadBalancer")
    def interfaces_linger(call: Call) -> Iterator[None]:
        """Its interfaces and public addresses stay for minutes after it."""
        arn = str(call.get("LoadBalancerArn"))
        yield
        take(call, "ELB " + arn.split(":loadbalancer/", 1)[-1], LINGER)


def _named(balancer: Any) -> set[str]:
    """The target groups that a load balancer's listeners and rules name."""
    found: set[str] = set()
    for listener in balancer.listeners.values():
        actions = [*listener.default_actions, *(a for r in listener.rules.values() for a in r.actions)]
        for action in actions:
            data = getattr(action, "data", action)
            found |= {g["TargetGroupArn"] for g in data.get("ForwardConfig", {}).get("TargetGroups", [])}
            found |= {data["TargetGroupArn"]} if data.get("TargetGroupArn") else set()
    return found


def _groups() -> None:
    @rule("6.7 del", "elbv2", "DeleteLoadBalancer", "DeleteListener", "DeleteRule", "ModifyRule")
    def target_groups_are_released_late(call: Call) -> Iterator[None]:
        """What was forwarded to counts as used for a while after."""
        balancers = list(call.backend().load_balancers.values())
        before = {arn for one in balancers for arn in _named(one)}
        yield
        after = {arn for one in call.backend().load_balancers.values() for arn in _named(one)}
        for arn in before - after:
            call.world.clock.note(f"released {arn}")

    @rule("6.7 del", "elbv2", "DeleteTargetGroup")
    def target_group_in_use(call: Call) -> None:
        """A target group that a listener or rule names, or named just now, stays."""
        arn = str(call.get("TargetGroupArn"))
        used = any(arn in _named(one) for one in call.backend().load_balancers.values())
        if used or call.world.clock.younger(f"released {arn}", RELEASED):
            message = f"Target group '{arn}' is currently in use by a listener or a rule"
            raise Refused("ResourceInUse", message)

    @rule("6.7 id", "elbv2", "CreateTargetGroup")
    def same_name_other_settings(call: Call) -> None:
        """A name that is taken by a target group with other settings."""
        for one in call.backend().target_groups.values():
            same = (one.port, one.protocol, one.vpc_id) == (call.get("Port"), call.get("Protocol"), call.get("VpcId"))
            if one.name == call.get("Name") and not same:
                message = f"A target group with the same name '{one.name}' exists, but with different settings"
                raise Refused("DuplicateTargetGroupName", message)

    @rule("6.7 norm", "elbv2", "CreateTargetGroup", "ModifyTargetGroup")
    def timeout_below_interval(call: Call) -> None:
        """A health check's timeout is shorter than its interval."""
        interval, timeout = call.get("HealthCheckIntervalSeconds"), call.get("HealthCheckTimeoutSeconds")
        if interval and timeout and timeout >= interval:
            message = f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
            raise Refused("ValidationError", message)


def _listeners() -> None:
    @rule("6.7", "elbv2", "CreateListener")
    def one_listener_a_port(call: Call) -> None:
        """A port has one listener, and one of HTTPS a certificate."""
        held = call.backend().load_balancers.get(call.get("LoadBalancerArn"))
        if held is not None and any(str(one.port) == str(call.get("Port")) for one in held.listeners.values()):
            raise Refused("DuplicateListener", "A listener with the specified port already exists.")
        if call.get("Protocol") == "HTTPS" and not call.get("Certificates"):
            raise Refused("ValidationError", "A certificate must be specified for HTTPS listeners")

    @rule("6.7, 4.1", "elbv2", "CreateListener", "ModifyListener")
    def tls_policies(call: Call) -> None:
        """A TLS policy by one of AWS's names."""
        policy = call.get("SslPolicy")
        if policy and not policy.startswith("ELBSecurityPolicy-"):
            raise Refused("SSLPolicyNotFound", f"SSL policy '{policy}' not found")

    @rule("0.10, 4.1", "elbv2", "CreateListener", "ModifyListener")
    def certificate_is_issued(call: Call) -> None:
        """A listener takes a certificate only when it is ISSUED."""
        for one in call.get("Certificates", []):
            arn = one.get("CertificateArn", "")
            if ":acm:" not in arn:
                continue
            held = call.backend("acm")._certificates.get(arn)
            if held is None:
                raise Refused("CertificateNotFound", f"Certificate '{arn}' not found")
            held.check()
            if held.status != "ISSUED":
                message = (
                    f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, "
                    "and a supported key size."
                )
                raise Refused("UnsupportedCertificate", message)

    @rule("6.6 lim", "elbv2", "CreateRule")
    def rules_of_a_load_balancer(call: Call) -> None:
        """A hundred rules a load balancer, the default ones not counted; as many target groups; five values a rule."""
        listener = str(call.get("ListenerArn"))
        for one in call.backend().load_balancers.values():
            if listener in one.listeners:
                used = 1 + sum(len(x.rules) - 1 for x in one.listeners.values())
                message = "The maximum number of rules has been reached"
                call.quota("rules-per-load-balancer", used, "TooManyRules", message)
                targets = len(_named(one))
                message = "The maximum number of target groups per load balancer has been reached"
                call.quota(
                    "target-groups-per-load-balancer", targets, "TooManyUniqueTargetGroupsPerLoadBalancer", message
                )
        hosts = [v for c in call.get("Conditions", []) for v in c.get("HostHeaderConfig", {}).get("Values", [])]
        if len(hosts) > 5 or any(len(host) > 128 for host in hosts):
            raise Refused("ValidationError", "A rule takes 5 condition values of 128 characters")


def _logs() -> None:
    @rule("6.6, 0.13", "elbv2", "ModifyLoadBalancerAttributes")
    def log_bucket_is_tried_at_once(call: Call) -> None:
        """Access logs need a bucket whose policy lets ELB write, and has done so for a minute."""
        given = {a["Key"]: a.get("Value", "") for a in call.get("Attributes", [])}
        balancer = call.backend().load_balancers.get(call.get("LoadBalancerArn"))
        touched = any(name.startswith("access_logs.") for name in given)
        given = {**(balancer.attrs if balancer is not None else {}), **given}
        if not touched or given.get("access_logs.s3.enabled") != "true":
            return
        name, prefix = given.get("access_logs.s3.bucket", ""), given.get("access_logs.s3.prefix", "")
        if "AWSLogs" in prefix or prefix != prefix.strip("/"):
            raise Refused("ValidationError", f"The prefix '{prefix}' is invalid")
        if not delivers(call, name, "logdelivery.elasticloadbalancing.amazonaws.com", ACCOUNT):
            message = f"Access Denied for bucket: {name}. Please check S3bucket permission"
            raise Refused("InvalidConfigurationRequest", message)
