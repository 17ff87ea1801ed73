"""An environment as it was provisioned, for tests that hold it against the specification with plain boto3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SERVICES = {
    "web-public": ("dev.reptidex.com", ("reptidex.com", "www.reptidex.com")),
    "web-admin": ("admin-dev.reptidex.com", ("admin.reptidex.com",)),
    "web-breeder": ("breeder-dev.reptidex.com", ("breeder.reptidex.com",)),
    "web-embed": ("embed-dev.reptidex.com", ("embed.reptidex.com",)),
    "repti-core": ("api-dev.reptidex.com", ("api.reptidex.com",)),
    "repti-animal": ("animal-api-dev.reptidex.com", ("animal-api.reptidex.com",)),
    "repti-commerce": ("commerce-api-dev.reptidex.com", ("commerce-api.reptidex.com",)),
    "repti-media": ("media-api-dev.reptidex.com", ("media-api.reptidex.com",)),
    "repti-community": ("community-api-dev.reptidex.com", ("community-api.reptidex.com",)),
    "repti-ops": ("ops-api-dev.reptidex.com", ("ops-api.reptidex.com",)),
}


@dataclass(frozen=True)
class Environment:
    """One environment in the mocked AWS."""

    name: str
    session: Any

    @property
    def prod(self) -> bool:
        return self.name == "prod"

    @property
    def prefix(self) -> str:
        return f"reptidex-{self.name}"

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def vpc(self) -> dict[str, Any]:
        filters = [{"Name": "tag:Environment", "Values": [self.name]}]
        (vpc,) = self.client("ec2").describe_vpcs(Filters=filters)["Vpcs"]
        return dict(vpc)

    def hosts(self, service: str) -> tuple[str, ...]:
        dev, prod = SERVICES[service]
        return prod if self.prod else (dev,)

    def groups(self) -> dict[str, str]:
        """Id → short name of each group of the VPC but the default one."""
        found = self.client("ec2").describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [self.vpc()["VpcId"]]}]
        )["SecurityGroups"]
        prefix = f"{self.prefix}-"
        return {g["GroupId"]: g["GroupName"].removeprefix(prefix) for g in found if g["GroupName"] != "default"}


def tags(listed: Any) -> dict[str, str]:
    """A service's list of tags, in whichever case, as a mapping."""
    return {t.get("Key", t.get("key")): t.get("Value", t.get("value")) for t in listed}


def records(environment: Environment) -> list[dict[str, Any]]:
    """What the zone holds."""
    route53 = environment.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    return list(route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"])
