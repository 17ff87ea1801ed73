"""ELBv2: defaults of attributes, deletion protection, duplicates, rules as AWS answers."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace

ZONES = {"us-east-1": "Z35SXDOTRQ7X7K", "us-east-2": "Z3AADJGX6KTTL2", "us-west-2": "Z1H1FL5HABSF5"}
"""The zone that AWS keeps the names of a region's load balancers in."""
DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "routing.http2.enabled": "true",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.preserve_host_header.enabled": "false",
}


def fill() -> None:
    """Everything about ELBv2."""
    _load_balancers()
    _listeners()
    _rules()


def _load_balancers() -> None:
    from moto.elbv2.exceptions import DuplicateLoadBalancerName, ELBClientError
    from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer

    @replace(FakeLoadBalancer, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs["scheme"] = kwargs.get("scheme") or "internet-facing"
        original(self, *args, **kwargs)
        self.canonical_hosted_zone_id = ZONES.get(self.arn.split(":")[3], self.canonical_hosted_zone_id)
        self.attrs = {**DEFAULTS, **self.attrs}

    @replace(ELBv2Backend, "create_load_balancer")
    def create(original: Any, self: Any, **given: Any) -> Any:
        name, subnets = given["name"], given["subnet_ids"] or []
        if len({self.ec2_backend.get_subnet(s).availability_zone for s in subnets}) < 2:
            message = "At least two subnets in two different Availability Zones must be specified"
            raise ELBClientError("ValidationError", message)
        for other in self.load_balancers.values():
            if other.name == name:
                same = {s.id for s in other.subnets} == set(subnets)
                if same and set(other.security_groups or []) == set(given["security_groups"] or []):
                    return other
                raise DuplicateLoadBalancerName()
        return original(self, **given)

    @replace(ELBv2Backend, "delete_load_balancer")
    def delete(original: Any, self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise ELBClientError("OperationNotPermitted", message)
        for group in self.target_groups.values():
            group.load_balancer_arns = [a for a in group.load_balancer_arns if a != arn]
        original(self, arn)


def _listeners() -> None:
    from moto.elbv2.exceptions import DuplicateListenerError, ELBClientError
    from moto.elbv2.models import ELBv2Backend

    def check(protocol: str, certificate: str | None) -> None:
        if protocol == "HTTPS" and not certificate:
            raise ELBClientError("ValidationError", "A certificate must be specified for HTTPS listeners")

    @replace(ELBv2Backend, "create_listener")
    def create(original: Any, self: Any, **given: Any) -> Any:
        check(given["protocol"], given["certificate"])
        balancer = self.load_balancers.get(given["load_balancer_arn"])
        if balancer is not None and any(str(one.port) == str(given["port"]) for one in balancer.listeners.values()):
            raise DuplicateListenerError()
        return original(self, **given)


def _rules() -> None:
    from moto.elbv2.models import ELBv2Backend, FakeAction

    @replace(ELBv2Backend, "set_rule_priorities")
    def set_priorities(original: Any, self: Any, rule_priorities: Any) -> Any:
        # AWS refuses conflicts in the new order only: rules named together may exchange their priorities.
        named = self.describe_rules(listener_arn=None, rule_arns=[one["RuleArn"] for one in rule_priorities])
        before = {rule.arn: rule.priority for rule in named}
        for rule in named:
            rule.priority = f"moving {rule.arn}"
        try:
            return original(self, rule_priorities)
        except BaseException:
            for rule in named:
                rule.priority = before[rule.arn]
            raise

    @replace(FakeAction, "__init__")
    def init(original: Any, self: Any, data: dict[str, Any]) -> None:
        if data.get("Type") == "forward" and data.get("TargetGroupArn") and "ForwardConfig" not in data:
            groups = [{"TargetGroupArn": data["TargetGroupArn"], "Weight": 1}]
            data = {**data, "ForwardConfig": {"TargetGroups": groups}}
        original(self, data)

    def attach(self: Any, rules: Any) -> None:
        for rule in rules:
            balancer = rule.listener_arn.replace(":listener/", ":loadbalancer/").rsplit("/", 1)[0]
            for action in rule.actions:
                for one in action.data.get("ForwardConfig", {}).get("TargetGroups", []):
                    group = self.target_groups.get(one["TargetGroupArn"])
                    if group is not None and balancer not in group.load_balancer_arns:
                        group.load_balancer_arns.append(balancer)
            for condition in rule.conditions:
                if condition.get("Field") == "host-header" and "HostHeaderConfig" in condition:
                    condition["Values"] = list(condition["HostHeaderConfig"]["Values"])

    @replace(ELBv2Backend, "create_rule")
    def create(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        rule = original(self, *args, **kwargs)
        attach(self, rule if isinstance(rule, list) else [rule])
        return rule

    @replace(ELBv2Backend, "modify_rule")
    def modify(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        rule = original(self, *args, **kwargs)
        attach(self, rule if isinstance(rule, list) else [rule])
        return rule
