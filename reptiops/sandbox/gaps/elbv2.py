"""ELBv2: defaults of attributes, the same load balancer again, rules as AWS answers."""

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
    _rules()


def _load_balancers() -> None:
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
        for other in self.load_balancers.values():
            if other.name == name:
                same = {s.id for s in other.subnets} == set(subnets)
                if same and set(other.security_groups or []) == set(given["security_groups"] or []):
                    return other
        return original(self, **given)

    @replace(ELBv2Backend, "delete_load_balancer")
    def delete(original: Any, self: Any, arn: str) -> None:
        for group in self.target_groups.values():
            group.load_balancer_arns = [a for a in group.load_balancer_arns if a != arn]
        original(self, arn)


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
