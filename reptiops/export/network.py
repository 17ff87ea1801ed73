"""The network as CloudFormation has it: routes, associations and attachments are resources of their own there."""

from __future__ import annotations

from typing import Any

from reptiops.export.form import FORMS, Properties, Writer, named
from reptiops.resources import ec2, ec2_access, ec2_endpoints, ec2_flow_logs, ec2_gateways, ec2_routes

CLOSED = {"IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, "CidrIp": "255.255.255.255/32"}
"""A rule that lets nothing through: without one a new group of CloudFormation's lets everything out."""


@FORMS.form(ec2.Vpc, "AWS::EC2::VPC")
def vpc(want: ec2.Vpc, to: Writer) -> Properties:
    return {
        "CidrBlock": want.cidr,
        "EnableDnsSupport": want.dns_support,
        "EnableDnsHostnames": want.dns_hostnames,
        "Tags": named(want.name),
    }


@FORMS.form(ec2.Subnet, "AWS::EC2::Subnet")
def subnet(want: ec2.Subnet, to: Writer) -> Properties:
    return {
        "VpcId": want.vpc,
        "AvailabilityZone": want.zone,
        "CidrBlock": want.cidr,
        "MapPublicIpOnLaunch": want.public,
        "Tags": named(want.name),
    }


@FORMS.form(ec2_gateways.InternetGateway, "AWS::EC2::InternetGateway")
def internet_gateway(want: ec2_gateways.InternetGateway, to: Writer) -> Properties:
    to.beside("Attachment", "AWS::EC2::VPCGatewayAttachment", {"VpcId": want.vpc, "InternetGatewayId": to.own})
    return {"Tags": named(want.name)}


@FORMS.form(ec2_gateways.ElasticIp, "AWS::EC2::EIP", id="AllocationId", address="PublicIp")
def elastic_ip(want: ec2_gateways.ElasticIp, to: Writer) -> Properties:
    return {"Domain": "vpc", "Tags": named(want.name)}


@FORMS.form(ec2_gateways.NatGateway, "AWS::EC2::NatGateway")
def nat_gateway(want: ec2_gateways.NatGateway, to: Writer) -> Properties:
    return {"SubnetId": want.subnet, "AllocationId": want.address, "Tags": named(want.name)}


@FORMS.form(ec2_routes.RouteTable, "AWS::EC2::RouteTable")
def route_table(want: ec2_routes.RouteTable, to: Writer) -> Properties:
    for number, (destination, target) in enumerate(sorted(want.routes.items()), 1):
        through = "NatGatewayId" if to.kind(target) is ec2_gateways.NatGateway else "GatewayId"
        after: dict[str, Any] = {} if through == "NatGatewayId" else {"after": (target, "Attachment")}
        route = {"RouteTableId": to.own, "DestinationCidrBlock": destination, through: target}
        to.beside(f"Route{number}", "AWS::EC2::Route", route, **after)
    for number, one in enumerate(sorted(want.subnets), 1):
        use = {"RouteTableId": to.own, "SubnetId": one}
        to.beside(f"Subnet{number}", "AWS::EC2::SubnetRouteTableAssociation", use)
    return {"VpcId": want.vpc, "Tags": named(want.name)}


@FORMS.form(ec2_access.SecurityGroup, "AWS::EC2::SecurityGroup", id="GroupId")
def security_group(want: ec2_access.SecurityGroup, to: Writer) -> Properties:
    closed = {} if want.open_outbound else {"SecurityGroupEgress": [CLOSED]}
    return {"VpcId": want.vpc, "GroupName": want.name, "GroupDescription": want.description, **closed}


def _rule(want: ec2_access.SecurityGroupRule, far: str) -> Properties:
    peer = {"CidrIp": want.peer} if "/" in want.peer and "⟦" not in want.peer else {far: want.peer}
    ports = {"FromPort": want.from_port, "ToPort": want.to_port}
    return {"GroupId": want.group, "IpProtocol": want.protocol, **ports, **peer}


@FORMS.form(ec2_access.SecurityGroupRule, "AWS::EC2::SecurityGroupIngress")
def security_group_rule(want: ec2_access.SecurityGroupRule, to: Writer) -> Properties:
    if want.direction == "inbound":
        return _rule(want, "SourceSecurityGroupId")
    return {"!type": "AWS::EC2::SecurityGroupEgress", **_rule(want, "DestinationSecurityGroupId")}


@FORMS.form(ec2_endpoints.VpcEndpoint, "AWS::EC2::VPCEndpoint")
def vpc_endpoint(want: ec2_endpoints.VpcEndpoint, to: Writer) -> Properties:
    places: Properties = {"RouteTableIds": want.route_tables}
    if want.type == "Interface":
        places = {
            "SubnetIds": want.subnets,
            "SecurityGroupIds": want.security_groups,
            "PrivateDnsEnabled": want.private_dns,
        }
    return {"VpcId": want.vpc, "ServiceName": want.service, "VpcEndpointType": want.type, **places}


@FORMS.form(ec2_flow_logs.FlowLog, "AWS::EC2::FlowLog")
def flow_log(want: ec2_flow_logs.FlowLog, to: Writer) -> Properties:
    return {
        "ResourceId": want.vpc,
        "ResourceType": "VPC",
        "TrafficType": want.traffic,
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": want.log_group,
        "DeliverLogsPermissionArn": want.role,
        "MaxAggregationInterval": want.aggregation_seconds,
        "Tags": named(want.name),
    }
