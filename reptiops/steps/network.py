"""Phase 1, the network: a VPC with a public and a private subnet in each zone."""

from __future__ import annotations

from collections.abc import Mapping

from reptiops.config import Environment
from reptiops.engine.graph import Result, step
from reptiops.facts import Facts
from reptiops.policy import Policy, allow, trust
from reptiops.resources.ec2 import Subnet, Vpc
from reptiops.resources.ec2_access import SecurityGroup
from reptiops.resources.ec2_endpoints import VpcEndpoint
from reptiops.resources.ec2_flow_logs import FlowLog
from reptiops.resources.ec2_gateways import ElasticIp, InternetGateway, NatGateway
from reptiops.resources.ec2_routes import RouteTable
from reptiops.resources.iam import Role
from reptiops.resources.logs import ServiceLogGroup

ANYWHERE = "0.0.0.0/0"


@step()
def vpc(env: Environment) -> Vpc:
    """The environment's own network; everything that is not global lives in it."""
    return Vpc(cidr=env.network.cidr, name=env.named("vpc"))


@step()
def internet_gateway(env: Environment, vpc: Result) -> InternetGateway:
    """The way in for the load balancer, and out for the NAT gateways."""
    return InternetGateway(vpc=vpc.id, name=env.named("igw"))


@step()
def public_subnet(env: Environment, vpc: Result) -> dict[str, Subnet]:
    """One per zone: the load balancer and the NAT gateways live here."""
    return {
        zone: Subnet(vpc=vpc.id, zone=zone, cidr=cidr, name=env.named("public", zone), public=True)
        for zone, cidr in env.public_subnets.items()
    }


@step()
def private_subnet(env: Environment, vpc: Result) -> dict[str, Subnet]:
    """One per zone: tasks, database and cache live here."""
    return {
        zone: Subnet(vpc=vpc.id, zone=zone, cidr=cidr, name=env.named("private", zone))
        for zone, cidr in env.private_subnets.items()
    }


@step()
def public_route_table(
    env: Environment, vpc: Result, internet_gateway: Result, public_subnet: Mapping[str, Result]
) -> RouteTable:
    """Public subnets reach the internet directly."""
    subnets = frozenset(subnet.id for subnet in public_subnet.values())
    return RouteTable(vpc=vpc.id, name=env.named("public"), routes={ANYWHERE: internet_gateway.id}, subnets=subnets)


@step()
def elastic_ip(env: Environment) -> dict[str, ElasticIp]:
    """The address of each NAT gateway."""
    return {zone: ElasticIp(name=env.named("nat", zone)) for zone in env.network.nat_zones}


@step(after=("public_route_table",))
def nat_gateway(
    env: Environment, public_subnet: Mapping[str, Result], elastic_ip: Mapping[str, Result]
) -> dict[str, NatGateway]:
    """How private subnets reach the internet; its own subnet must have the internet route before."""
    return {
        zone: NatGateway(subnet=public_subnet[zone].id, address=address.id, name=env.named("nat", zone))
        for zone, address in elastic_ip.items()
    }


@step()
def private_route_table(
    env: Environment, vpc: Result, private_subnet: Mapping[str, Result], nat_gateway: Mapping[str, Result]
) -> dict[str, RouteTable]:
    """One per zone, so that each zone leaves through its own NAT gateway where it has one."""
    return {
        zone: RouteTable(
            vpc=vpc.id,
            name=env.named("private", zone),
            routes={ANYWHERE: nat_gateway[via].id} if (via := env.network.nat_by_zone.get(zone)) else {},
            subnets=frozenset({subnet.id}),
        )
        for zone, subnet in private_subnet.items()
    }


@step()
def gateway_endpoint(
    env: Environment, facts: Facts, vpc: Result, private_route_table: Mapping[str, Result]
) -> dict[str, VpcEndpoint]:
    """S3 without the NAT gateways: free, and image layers come from there."""
    tables = frozenset(table.id for table in private_route_table.values())
    return {
        service: VpcEndpoint(
            vpc=vpc.id,
            service=f"com.amazonaws.{facts.region}.{service}",
            type="Gateway",
            name=env.named(service),
            route_tables=tables,
        )
        for service in env.network.gateway_endpoints
    }


@step()
def endpoints_group(env: Environment, vpc: Result) -> SecurityGroup | None:
    """Who may use the interface endpoints, where there are any; its rule is set with the other rules of the matrix."""
    group = env.security_groups.get("endpoints")
    if group is None:
        return None
    return SecurityGroup(vpc=vpc.id, name=env.group_name("endpoints"), description=group.description)


@step()
def interface_endpoint(
    env: Environment,
    facts: Facts,
    vpc: Result,
    private_subnet: Mapping[str, Result],
    endpoints_group: Result | None,
) -> dict[str, VpcEndpoint]:
    """Without NAT gateways private tasks reach AWS through these."""
    if endpoints_group is None:
        return {}
    return {
        service: VpcEndpoint(
            vpc=vpc.id,
            service=f"com.amazonaws.{facts.region}.{service}",
            type="Interface",
            name=env.named(service),
            subnets=frozenset(subnet.id for subnet in private_subnet.values()),
            security_groups=frozenset({endpoints_group.id}),
            private_dns=True,
        )
        for service in (*env.network.interface_endpoints, *(["ssmmessages"] if env.compute.execute_command else []))
    }


@step()
def flow_log_group(env: Environment) -> ServiceLogGroup | None:
    """Where the flow log is kept; made first, or AWS would make one that keeps everything for ever."""
    logs = env.network.flow_logs
    return ServiceLogGroup(env.flow_log_group, logs.retention_days) if logs.enabled else None


@step()
def flow_logs_role(env: Environment, facts: Facts) -> Role | None:
    """What lets the VPC write its flow log, and nothing else."""
    if not env.network.flow_logs.enabled:
        return None
    group = f"arn:{facts.partition}:logs:{facts.region}:{facts.account}:log-group:{env.flow_log_group}"
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"], [group, f"{group}:*"])
    return Role(
        name=env.named("flow-logs"),
        trust=trust("vpc-flow-logs.amazonaws.com", facts.account),
        policies={"write-flow-log": Policy.make(write, allow(["logs:DescribeLogGroups"], ["*"]))},
        description="Lets VPC flow logs write to their log group",
    )


@step()
def flow_log(
    env: Environment, vpc: Result, flow_log_group: Result | None, flow_logs_role: Result | None
) -> FlowLog | None:
    """Who talked to whom, for the day when somebody asks."""
    if flow_log_group is None or flow_logs_role is None:
        return None
    logs = env.network.flow_logs
    return FlowLog(
        vpc=vpc.id,
        log_group=flow_log_group.id,
        role=flow_logs_role.out("arn"),
        traffic=logs.traffic,
        aggregation_seconds=logs.aggregation_seconds,
        name=env.named("flow-log"),
    )
