"""The load balancer and its target groups; `elbv2_listeners` has the rest. Attributes are strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import (
    Drawn,
    Identity,
    Live,
    Made,
    Resource,
    Risk,
    Status,
    either_name,
    fixed,
    other_name,
    satisfied,
)
from reptiops.engine.scope import Scope
from reptiops.engine.usage import HOURS, Around, Use
from reptiops.resources import held
from reptiops.resources.tagging import BULK, tags_of
from reptiops.rights import TAGGED, Right, arn_of, create, delete, read, update, write

TAGGED_AT_ONCE = 20
"""DescribeTags takes so many ARNs."""
PROTECTED = "deletion_protection.enabled"

BALANCER = "app/{elbv2.LoadBalancer.name}/*"
BALANCERS = (arn_of("elasticloadbalancing", f"loadbalancer/{BALANCER}"),)
TARGETS = (arn_of("elasticloadbalancing", "targetgroup/{elbv2.TargetGroup.name}/*"),)
TAGS = "elasticloadbalancing:AddTags"
NETWORK = ("ec2:DescribeInternetGateways", "ec2:DescribeVpcs")
"""ELB looks at the network with the rights of its caller: "Elastic Load Balancing API permissions", a list by call."""


def tags_by_arn(scope: Scope, kind: type[Resource], arns: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The tags of these, from the bulk read or, where it lags, by DescribeTags."""
    names = {arn: arn for arn in arns}
    return tags_of(scope, kind, names, lambda missing: _described(scope.aws, missing), names)


def _described(aws: Aws, arns: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The tags of load balancers, target groups, listeners or rules, twenty a call."""
    found: dict[str, Mapping[str, str]] = {}
    listed = list(arns)
    for start in range(0, len(listed), TAGGED_AT_ONCE):
        answer = aws.elbv2.describe_tags(ResourceArns=listed[start : start + TAGGED_AT_ONCE])
        for one in answer["TagDescriptions"]:
            found[one["ResourceArn"]] = {t["Key"]: t.get("Value", "") for t in one["Tags"]}
    return found


def attribute_list(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """As AWS takes them."""
    return [{"Key": k, "Value": v} for k, v in sorted(attributes.items())]


SAFE: Mapping[str, str] = {
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "waf.fail_open.enabled": "false",
}
"""Attributes of a load balancer that guard what is behind it, as AWS sets them: another value shows, wanted or not."""
ANSWERS = "routing.http.response."
"""How a listener's attributes begin that change what a browser is told."""


def wanted_only(answer: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Those of the twenty or so attributes that somebody wants, and those that somebody has made less safe."""
    live = {a["Key"]: a.get("Value", "") for a in answer["Attributes"]}
    odd = {name for name, safe in SAFE.items() if live.get(name, safe) != safe}
    odd |= {name for name, value in live.items() if name.startswith(ANSWERS) and value not in ("", "true")}
    return {name: live[name] for name in {*names, *odd} if name in live}


@dataclass(frozen=True)
class BalancingResource(Resource):
    """What the kinds of load balancing share."""

    of_service: ClassVar[str] = "elbv2"

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN; other tags stay."""
        aws.elbv2.add_tags(ResourceArns=[live.id], Tags=identity.tag_list())


@dataclass(frozen=True)
class LoadBalancer(BalancingResource):
    """An application load balancer. Its interfaces stay for minutes after its deletion."""

    name: str = fixed()
    scheme: str = fixed(default="internet-facing")
    subnets: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)

    lost: ClassVar[str] = "AWS gives another one another DNS name"
    drawn: ClassVar[Drawn] = "entry"
    risks: ClassVar[Mapping[str, Risk]] = {"security_groups": "security", "attributes": "security"}
    protections: ClassVar[frozenset[str]] = frozenset({f"attributes.{PROTECTED}"})
    absent: ClassVar[frozenset[str]] = frozenset({"LoadBalancerNotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"SubnetNotFound", "ResourceInUse"})
    propagating: ClassVar[tuple[tuple[str, str], ...]] = (
        ("InvalidConfigurationRequest", "Access Denied for bucket"),
        ("InvalidSubnet", "has no internet gateway"),
        ("InvalidSubnet", "does not exist"),
        ("InvalidSecurityGroup", "does not exist"),
    )
    typical: ClassVar[float] = 170
    nine_in_ten: ClassVar[float | None] = 187
    typical_delete: ClassVar[float] = 10
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read(
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeTags",
        ),
        create("elasticloadbalancing:CreateLoadBalancer", TAGS, on=BALANCERS, when=TAGGED),
        create("ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", *NETWORK),
        create("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"),
        update("ec2:DescribeSubnets"),
        *write("elasticloadbalancing:ModifyLoadBalancerAttributes", on=BALANCERS),
        update("elasticloadbalancing:SetSubnets", "elasticloadbalancing:SetSecurityGroups", on=BALANCERS),
        delete(
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:DeleteLoadBalancer",
            on=BALANCERS,
        ),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    def billable(self, around: Around) -> Iterable[Use]:
        """The hour, capacity units, a public address in each zone at least, and what it sends to the internet."""
        yield Use("alb.hour", HOURS)
        yield Use("alb.lcu", HOURS, by="capacity_units")
        if self.scheme == "internet-facing":
            yield Use("ipv4.hour", HOURS * len(self.subnets))
            yield Use("transfer.out", by="internet_gb")

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region in pages; those with a wanted name or with our prefix and tags."""
        wanted = {want.name: want for want in scope.wanted(cls)}
        balancers = [
            one
            for one in aws.elbv2.pages("describe_load_balancers", "LoadBalancers")
            if one["LoadBalancerName"] in wanted or one["LoadBalancerName"].startswith(f"{scope.names.prefix}-")
        ]
        tags = tags_by_arn(scope, cls, [one["LoadBalancerArn"] for one in balancers])
        for one in balancers:
            arn, name = one["LoadBalancerArn"], one["LoadBalancerName"]
            address = scope.address(tags.get(arn, {}))
            if name not in wanted and address is None:
                continue
            names = {PROTECTED, *(wanted[name].attributes if name in wanted else ())}
            answer = aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
            has = cls(
                name=name,
                scheme=one["Scheme"],
                subnets=frozenset(z["SubnetId"] for z in one["AvailabilityZones"]),
                security_groups=frozenset(one.get("SecurityGroups", [])),
                attributes=wanted_only(answer, names),
            )
            yield Live(arn, has, address, _balancer_status(one), _balancer_out(one), one.get("CreatedTime"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The attributes are a second call. A log bucket's policy younger than a minute is refused: asked again."""
        answer = aws.elbv2.create_load_balancer(
            Name=self.name,
            Subnets=sorted(self.subnets),
            SecurityGroups=sorted(self.security_groups),
            Scheme=self.scheme,
            Type="application",
            IpAddressType="ipv4",
            Tags=identity.tag_list(),
        )
        arn = str(answer["LoadBalancers"][0]["LoadBalancerArn"])
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attribute_list(self.attributes))
        return Made(arn, _balancer_out(answer["LoadBalancers"][0]), _balancer_status(answer["LoadBalancers"][0]))

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Subnets and groups are set as whole lists."""
        if "subnets" in changed:
            aws.elbv2.set_subnets(LoadBalancerArn=live.id, Subnets=sorted(self.subnets))
        if "security_groups" in changed:
            aws.elbv2.set_security_groups(LoadBalancerArn=live.id, SecurityGroups=sorted(self.security_groups))
        if "attributes" in changed:
            wanted = {**{name: SAFE[name] for name in live.has.attributes if name in SAFE}, **self.attributes}
            differing = {k: v for k, v in wanted.items() if live.has.attributes.get(k) != v}
            aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=live.id, Attributes=attribute_list(differing))

    def protection(self, live: Live[Any]) -> str:
        """Deletion protection."""
        return "deletion protection is on" if live.has.attributes.get(PROTECTED) == "true" else ""

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Protection off first; listeners and rules go with it."""
        if live.has.attributes.get(PROTECTED) == "true":
            off = [{"Key": PROTECTED, "Value": "false"}]
            aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=live.id, Attributes=off)
        aws.elbv2.delete_load_balancer(LoadBalancerArn=live.id)


def _balancer_status(one: Mapping[str, Any]) -> Status:
    state = one["State"]
    phases: Mapping[str, Any] = {"active": "ready", "active_impaired": "ready", "failed": "failed"}
    return Status(phases.get(state["Code"], "pending"), state["Code"], state.get("Reason", ""))


def _balancer_out(one: Mapping[str, Any]) -> dict[str, str]:
    arn = one["LoadBalancerArn"]
    return {
        "arn": arn,
        "dns_name": one["DNSName"].lower(),
        "zone_id": one["CanonicalHostedZoneId"],
        "suffix": arn.split(":loadbalancer/", 1)[1],
    }


def _suffix(arn: str) -> str:
    """A target group's name in the dimensions of a metric."""
    return "targetgroup/" + arn.split(":targetgroup/", 1)[1]


@dataclass(frozen=True)
class HealthCheck:
    """How the load balancer asks a target, in seconds."""

    path: str
    codes: str = "200"
    interval: int = 30
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 3


@dataclass(frozen=True)
class TargetGroup(BalancingResource):
    """The tasks of one service, by their addresses."""

    name: str = satisfied(either_name, fixed=True)
    vpc: str = fixed()
    port: int = fixed()
    protocol: str = fixed(default="HTTP")
    target_type: str = fixed(default="ip")
    health: HealthCheck = field(default_factory=lambda: HealthCheck("/"))
    attributes: Mapping[str, str] = field(default_factory=dict)

    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"TargetGroupNotFound"})
    not_yet: ClassVar[frozenset[str]] = frozenset({"ResourceInUse"})
    made_beside: ClassVar[bool] = True
    meanwhile: ClassVar[str] = "its hosts answer 503 until new tasks are healthy behind it, for minutes"
    """ECS takes a group for a service only when a rule forwards to it, so the rule has to switch first (aws-facts 6.4)."""
    limit: ClassVar[float] = 600
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read(
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTags",
        ),
        create("elasticloadbalancing:CreateTargetGroup", TAGS, on=TARGETS, when=TAGGED),
        create(*NETWORK),
        *write("elasticloadbalancing:ModifyTargetGroupAttributes", on=TARGETS),
        update("elasticloadbalancing:ModifyTargetGroup", on=TARGETS),
        delete("elasticloadbalancing:DeleteTargetGroup", on=TARGETS),
        delete(*held.BALANCING),
    )

    def key(self) -> str:
        """Names are unique in a region."""
        return self.name

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """All of the region in pages; those with a wanted name or with our prefix and tags."""
        wanted = {name: want for want in scope.wanted(cls) for name in (want.name, other_name(want.name, want.name))}
        groups = [
            one
            for one in aws.elbv2.pages("describe_target_groups", "TargetGroups")
            if one["TargetGroupName"] in wanted or one["TargetGroupName"].startswith(f"{scope.names.prefix}-")
        ]
        tags = tags_by_arn(scope, cls, [one["TargetGroupArn"] for one in groups])
        groups = [
            one
            for one in groups
            if one["TargetGroupName"] in wanted or scope.address(tags.get(one["TargetGroupArn"], {})) is not None
        ]
        arns = [one["TargetGroupArn"] for one in groups]
        answers = aws.each(lambda arn: aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn), arns)
        for one, answer in zip(groups, answers, strict=True):
            arn, name = one["TargetGroupArn"], one["TargetGroupName"]
            address = scope.address(tags.get(arn, {}))
            names = wanted[name].attributes if name in wanted else {}
            has = cls(
                name=name,
                vpc=one["VpcId"],
                port=one["Port"],
                protocol=one["Protocol"],
                target_type=one["TargetType"],
                health=HealthCheck(
                    path=one["HealthCheckPath"],
                    codes=one["Matcher"]["HttpCode"],
                    interval=one["HealthCheckIntervalSeconds"],
                    timeout=one["HealthCheckTimeoutSeconds"],
                    healthy=one["HealthyThresholdCount"],
                    unhealthy=one["UnhealthyThresholdCount"],
                ),
                attributes=wanted_only(answer, names),
            )
            yield Live(arn, has, address, out={"arn": arn, "suffix": _suffix(arn)})

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The attributes are a second call."""
        answer = aws.elbv2.create_target_group(
            Name=self.name,
            VpcId=self.vpc,
            Port=self.port,
            Protocol=self.protocol,
            TargetType=self.target_type,
            Tags=identity.tag_list(),
            **self._health(),
        )
        arn = str(answer["TargetGroups"][0]["TargetGroupArn"])
        if self.attributes:
            aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attribute_list(self.attributes))
        return Made(arn, {"arn": arn, "suffix": _suffix(arn)})

    def _health(self) -> dict[str, Any]:
        check = self.health
        return {
            "HealthCheckProtocol": self.protocol,
            "HealthCheckPath": check.path,
            "HealthCheckIntervalSeconds": check.interval,
            "HealthCheckTimeoutSeconds": check.timeout,
            "HealthyThresholdCount": check.healthy,
            "UnhealthyThresholdCount": check.unhealthy,
            "Matcher": {"HttpCode": check.codes},
        }

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Health check and attributes."""
        if "health" in changed:
            aws.elbv2.modify_target_group(TargetGroupArn=live.id, **self._health())
        if "attributes" in changed:
            aws.elbv2.modify_target_group_attributes(TargetGroupArn=live.id, Attributes=attribute_list(self.attributes))

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while a rule names it, and for minutes after."""
        aws.elbv2.delete_target_group(TargetGroupArn=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """The rules that forward to it."""
        return held.forwarding(aws, live.id)

    def succeeding(self, live: Live[Any]) -> Self:
        """Names are unique, and the old one has its name until no rule forwards to it."""
        return replace(self, name=other_name(self.name, live.has.name))
