"""What the load balancer does with a request: listeners and host rules. Their lists are replaced whole."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from reptiops.aws import Aws, code
from reptiops.engine.resource import Identity, Live, Made, Risk, fixed
from reptiops.engine.scope import Scope
from reptiops.resources.elbv2 import (
    BALANCER,
    BALANCERS,
    TAGS,
    BalancingResource,
    LoadBalancer,
    attribute_list,
    tags_by_arn,
    wanted_only,
)
from reptiops.resources.unsent import unsent
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update, write

LISTENERS = (arn_of("elasticloadbalancing", f"listener/{BALANCER}/*"),)
RULES = (arn_of("elasticloadbalancing", f"listener-rule/{BALANCER}/*/*"),)


@dataclass(frozen=True)
class Redirect:
    """Send the client elsewhere; host, path and query stay."""

    status: str = "HTTP_301"
    protocol: str = "HTTPS"
    port: str = "443"


@dataclass(frozen=True)
class FixedResponse:
    """Answer by itself."""

    status: str = "404"
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True)
class Listener(BalancingResource):
    """One port of the load balancer and what it does when no rule matches."""

    load_balancer: str = fixed()
    port: int = fixed()
    protocol: str = "HTTP"
    action: Redirect | FixedResponse = field(default_factory=FixedResponse)
    certificate: str | None = None
    tls_policy: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    free: ClassVar[bool] = True
    risk: ClassVar[Risk] = "security"
    absent: ClassVar[frozenset[str]] = frozenset({"ListenerNotFound", "LoadBalancerNotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"LoadBalancerNotFound"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("UnsupportedCertificate", "fully-qualified domain name"),
        ("CertificateNotFound", ""),
    )
    within: ClassVar[bool] = True
    limit: ClassVar[float] = 300
    rights: ClassVar[tuple[Right, ...]] = (
        read(
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeTags",
        ),
        create("elasticloadbalancing:CreateListener", on=BALANCERS, when=TAGGED),
        create(TAGS, on=LISTENERS, when=TAGGED),
        *write("elasticloadbalancing:ModifyListenerAttributes", on=LISTENERS),
        update("elasticloadbalancing:ModifyListener", on=LISTENERS),
        delete("elasticloadbalancing:DeleteListener", on=LISTENERS),
    )

    def key(self) -> str:
        """One listener a port."""
        return f"{self.load_balancer}:{self.port}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything on our load balancers, also what nobody declared."""
        ports = {want.port: want for want in scope.wanted(cls)}
        for balancer in scope.ours(LoadBalancer):
            listeners = aws.elbv2.pages("describe_listeners", "Listeners", LoadBalancerArn=balancer.id)
            tags = tags_by_arn(scope, cls, [one["ListenerArn"] for one in listeners])
            for one in listeners:
                arn = one["ListenerArn"]
                names = ports[one["Port"]].attributes if one["Port"] in ports else {}
                answer = aws.elbv2.describe_listener_attributes(ListenerArn=arn) if names else {"Attributes": []}
                certificates = [c["CertificateArn"] for c in one.get("Certificates", [])]
                has = cls(
                    load_balancer=balancer.id,
                    port=one["Port"],
                    protocol=one["Protocol"],
                    action=_action(one["DefaultActions"]),
                    certificate=certificates[0] if certificates else None,
                    tls_policy=one.get("SslPolicy"),
                    attributes=wanted_only(answer, names),
                )
                yield Live(arn, has, scope.address(tags.get(arn, {})), out={"arn": arn})

    def _settings(self) -> dict[str, Any]:
        tls = {
            "Certificates": [{"CertificateArn": self.certificate}] if self.certificate else None,
            "SslPolicy": self.tls_policy,
        }
        return {
            "Protocol": self.protocol,
            "DefaultActions": [_sent(self.action)],
            **{name: value for name, value in tls.items() if value},
        }

    def create(self, aws: Aws, identity: Identity) -> Made:
        """HTTPS needs an issued certificate. The attributes are a second call."""
        answer = aws.elbv2.create_listener(
            LoadBalancerArn=self.load_balancer, Port=self.port, Tags=identity.tag_list(), **self._settings()
        )
        arn = str(answer["Listeners"][0]["ListenerArn"])
        if self.attributes:
            aws.elbv2.modify_listener_attributes(ListenerArn=arn, Attributes=attribute_list(self.attributes))
        return Made(arn, {"arn": arn})

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Lists are replaced whole, so everything is sent."""
        if changed - {"attributes"}:
            aws.elbv2.modify_listener(ListenerArn=live.id, **self._settings())
        if "attributes" in changed:
            dropped = {
                name: "true" if name.endswith(".enabled") else ""
                for name in live.has.attributes.keys() - self.attributes.keys()
            }
            attributes = attribute_list({**dropped, **self.attributes})
            aws.elbv2.modify_listener_attributes(ListenerArn=live.id, Attributes=attributes)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """With its rules."""
        aws.elbv2.delete_listener(ListenerArn=live.id)


def _action(actions: Iterable[Mapping[str, Any]]) -> Redirect | FixedResponse:
    listed = list(actions)
    if len(listed) == 1 and listed[0]["Type"] == "redirect":
        one = listed[0]["RedirectConfig"]
        return Redirect(one["StatusCode"], one.get("Protocol", "#{protocol}"), one.get("Port", "#{port}"))
    if len(listed) == 1 and listed[0]["Type"] == "fixed-response":
        one = listed[0]["FixedResponseConfig"]
        return FixedResponse(one["StatusCode"], one.get("ContentType", ""), one.get("MessageBody", ""))
    return FixedResponse("?", ", ".join(one["Type"] for one in listed))


def _sent(action: Redirect | FixedResponse) -> dict[str, Any]:
    if isinstance(action, Redirect):
        config = {"Protocol": action.protocol, "Port": action.port, "StatusCode": action.status}
        return {"Type": "redirect", "RedirectConfig": config}
    fixed_response = {"StatusCode": action.status, "ContentType": action.content_type, "MessageBody": action.body}
    return {"Type": "fixed-response", "FixedResponseConfig": fixed_response}


_ORDERING = threading.Lock()
"""Held from reading the priorities to setting them: between two moves at once, a rule just put in its place by one would
be moved away by the other, which still knows it where it was."""


@dataclass(frozen=True)
class HostRule(BalancingResource):
    """Requests for these hosts go to that target group. Rules have no name: their condition is what finds them."""

    listener: str = fixed()
    priority: int = 1
    hosts: frozenset[str] = frozenset()
    target_group: str = ""
    other: str = ""
    """Conditions and actions that we never set, in words, so that they show."""

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"RuleNotFound", "ListenerNotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"PriorityInUse", "TargetGroupNotFound", "ListenerNotFound"})
    within: ClassVar[bool] = True
    limit: ClassVar[float] = 300
    rights: ClassVar[tuple[Right, ...]] = (
        read("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"),
        create("elasticloadbalancing:CreateRule", on=LISTENERS, when=TAGGED),
        create(TAGS, on=RULES, when=TAGGED),
        update("elasticloadbalancing:DescribeRules"),
        update("elasticloadbalancing:ModifyRule", "elasticloadbalancing:SetRulePriorities", on=RULES),
        delete("elasticloadbalancing:DeleteRule", on=RULES),
    )

    def key(self) -> str:
        """The listener and the hosts."""
        return f"{self.listener}:{','.join(sorted(self.hosts))}"

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Every rule of our listeners but the default ones, also what nobody declared."""
        for listener in scope.live(Listener):
            rules = [
                one
                for one in aws.elbv2.pages("describe_rules", "Rules", ListenerArn=listener.id)
                if not one["IsDefault"]
            ]
            tags = tags_by_arn(scope, cls, [one["RuleArn"] for one in rules])
            for one in rules:
                arn = one["RuleArn"]
                yield Live(arn, cls._has(listener.id, one), scope.address(tags.get(arn, {})), out={"arn": arn})

    @classmethod
    def _has(cls, listener: str, one: Mapping[str, Any]) -> Self:
        hosts = [c for c in one["Conditions"] if c["Field"] == "host-header"]
        other = [_said_of_condition(c) for c in one["Conditions"] if c["Field"] != "host-header"]
        targets = []
        for action in one["Actions"]:
            if action["Type"] != "forward":
                other.append(_said_of_action(action))
                continue
            groups = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
            targets += [g["TargetGroupArn"] for g in groups if g.get("Weight", 1)]
        return cls(
            listener=listener,
            priority=int(one["Priority"]),
            hosts=frozenset(
                value.lower()
                for condition in hosts
                for value in condition.get("HostHeaderConfig", {}).get("Values") or condition.get("Values", [])
            ),
            target_group=", ".join(sorted(targets)),
            other=", ".join(other),
        )

    def _settings(self) -> dict[str, Any]:
        return {
            "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": sorted(self.hosts)}}],
            "Actions": [{"Type": "forward", "TargetGroupArn": self.target_group}],
        }

    def displaces(self, lives: Iterable[Live[Any]]) -> Iterable[Live[Any]]:
        """The rule that has its priority."""
        return [
            one
            for one in lives
            if one.has.listener == self.listener and one.has.priority == self.priority and one.has.key() != self.key()
        ]

    def create(self, aws: Aws, identity: Identity) -> Made:
        """Refused while another rule has the priority: one that is about to move or to go, so it makes room first."""
        settings = {"ListenerArn": self.listener, "Priority": self.priority, **self._settings()}
        try:
            answer = aws.elbv2.create_rule(**settings, Tags=identity.tag_list())
        except ClientError as error:
            if code(error) != "PriorityInUse":
                raise
            with _ORDERING:
                rules = self._rules(aws)
                ours = self._made(aws, rules.get(self.priority))
                if ours:
                    return Made(ours, {"arn": ours})
                if self.priority in rules:
                    moved = {"RuleArn": rules[self.priority], "Priority": max(rules) + 1}
                    aws.elbv2.set_rule_priorities(RulePriorities=[moved])
                answer = aws.elbv2.create_rule(**settings, Tags=identity.tag_list())
        arn = str(answer["Rules"][0]["RuleArn"])
        return Made(arn, {"arn": arn})

    def _made(self, aws: Aws, occupant: str | None) -> str | None:
        """The rule at its priority where that is this one: an attempt whose answer was lost has made it."""
        if occupant is None:
            return None
        there = self._has(self.listener, aws.elbv2.describe_rules(RuleArns=[occupant])["Rules"][0])
        return occupant if there == self else None

    def _rules(self, aws: Aws) -> dict[int, str]:
        """The ARNs of the listener's rules by priority."""
        rules = aws.elbv2.pages("describe_rules", "Rules", ListenerArn=self.listener)
        return {int(one["Priority"]): one["RuleArn"] for one in rules if not one["IsDefault"]}

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """Conditions and actions are sent whole, without those that we never set."""
        return unsent(changed & {"hosts", "target_group"} and [self.other])

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Conditions and actions together; the priority by its own call."""
        if changed & {"hosts", "target_group", "other"}:
            aws.elbv2.modify_rule(RuleArn=live.id, **self._settings())
        if "priority" in changed:
            self._move(aws, live)

    def _move(self, aws: Aws, live: Live[Any]) -> None:
        """To its priority; whoever has that gets this rule's in exchange, in one call."""
        with _ORDERING:
            rules = self._rules(aws)
            current = next((priority for priority, arn in rules.items() if arn == live.id), self.priority)
            moves = [{"RuleArn": live.id, "Priority": self.priority}]
            occupant = rules.get(self.priority, live.id)
            if occupant != live.id:
                moves.append({"RuleArn": occupant, "Priority": current})
            aws.elbv2.set_rule_priorities(RulePriorities=moves)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """At once."""
        aws.elbv2.delete_rule(RuleArn=live.id)


def _said_of_condition(one: Mapping[str, Any]) -> str:
    """`path-pattern /a* or /b`, `http-header X-Name value`, `query-string a=1`."""
    said: Mapping[str, Any] = next((one[name] for name in one if name.endswith("Config")), one)
    values = said.get("Values", [])
    pairs = (v if isinstance(v, str) else "=".join(filter(None, (v.get("Key"), v["Value"]))) for v in values)
    return " ".join(filter(None, (one["Field"], said.get("HttpHeaderName"), " or ".join(sorted(pairs)))))


def _said_of_action(one: Mapping[str, Any]) -> str:
    """`redirect to evil.com/a`, `fixed-response 200`, `authenticate-oidc`."""
    said: Mapping[str, Any] = next((one[name] for name in one if name.endswith("Config")), {})
    if one["Type"] == "redirect":
        return f"redirect to {said.get('Host', '#{host}')}{said.get('Path', '')}"
    return " ".join(filter(None, (one["Type"], said.get("StatusCode"))))
