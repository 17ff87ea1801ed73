"""Import arrows point one way, read from the syntax trees."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from reptiops.steps import documented

ROOT = Path(__file__).parent.parent / "reptiops"
MODULES = sorted(p for p in ROOT.rglob("*.py") if "_shipped" not in p.parts)
FORBIDDEN = {
    "engine": ("reptiops.resources", "reptiops.steps", "reptiops.cli", "reptiops.app", "reptiops.config",
               "reptiops.report", "reptiops.operations", "reptiops.playbook", "boto3"),
    "resources": ("reptiops.steps", "reptiops.cli", "reptiops.app", "reptiops.config", "reptiops.report",
                  "reptiops.operations", "reptiops.playbook", "reptiops.engine.state", "reptiops.engine.action",
                  "reptiops.engine.plan", "boto3", "rich", "click"),
    "steps": ("reptiops.cli", "reptiops.app", "reptiops.report", "reptiops.operations", "reptiops.aws", "boto3"),
    "operations": ("reptiops.cli", "reptiops.app", "reptiops.report", "reptiops.steps", "boto3"),
    "cli": ("boto3", "botocore", "reptiops.aws", "reptiops.resources", "reptiops.steps"),
    "export": ("boto3", "botocore", "reptiops.aws", "reptiops.app", "reptiops.cli", "reptiops.config", "reptiops.report",
               "reptiops.operations", "reptiops.steps"),
    "cost.py": ("boto3", "botocore", "reptiops.aws", "reptiops.app", "reptiops.cli", "reptiops.config",
                "reptiops.report", "reptiops.resources", "reptiops.steps"),
    "report": ("boto3", "botocore", "reptiops.cli", "reptiops.resources", "reptiops.steps"),
}  # fmt: skip
"""Room → what it must not know."""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    imports = _imports(path)
    for forbidden in FORBIDDEN.get(room, ()):
        bad = {name for name in imports if name == forbidden or name.startswith(f"{forbidden}.")}
        assert not bad, f"{room} must not import {', '.join(sorted(bad))}"
    if room not in ("cli", "__main__.py"):
        assert not {name for name in imports if name.startswith("reptiops.cli")}


MUTUAL = {f"reptiops.engine.{name}" for name in ("resource", "scope", "codec", "usage")}
"""A kind is asked with a scope, and told what is around it; both answer with kinds. Nothing else imports in a circle."""


def test_no_imports_go_in_a_circle() -> None:
    """Those inside functions and for types only count too. What a package itself gathers is no arrow."""
    names = {
        ".".join(("reptiops", *p.relative_to(ROOT).with_suffix("").parts)): p for p in MODULES if p.stem != "__init__"
    }
    arrows: dict[str, set[str]] = {}
    for name, path in names.items():
        found = {"mutual" if other in MUTUAL else other for other in _imports(path) & names.keys()}
        arrows.setdefault("mutual" if name in MUTUAL else name, set()).update(found)
    arrows["mutual"].discard("mutual")
    TopologicalSorter(arrows).prepare()  # raises CycleError with the circle


def test_the_engine_names_no_service() -> None:
    services = ("ec2", "rds", "elasticache", "ecs", "elbv2", "cloudfront", "route53", "acm", "s3", "sns", "ecr")
    for path in (ROOT / "engine").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "aws":
                assert node.attr not in services, f"{path.name}:{node.lineno} calls {node.attr}"


KINDS = """
    acm.Certificate acm.SelfSignedCertificate autoscaling.ScalableTarget autoscaling.ScalingPolicy
    autoscaling.ScheduledAction budgets.Budget cloudfront.Distribution cloudfront.HeadersPolicy cloudtrail.Trail
    cloudwatch.Alarm cloudwatch.Dashboard ec2.ElasticIp ec2.InternetGateway ec2.NatGateway ec2.Subnet ec2.Vpc
    ec2_access.FlowLog ec2_access.SecurityGroup ec2_access.SecurityGroupRule ec2_access.VpcEndpoint
    ec2_routes.RouteTable ecr.Repository ecs.Cluster ecs.Service ecs_tasks.TaskDefinition
    elasticache.ReplicationGroup elasticache.SubnetGroup elbv2.HostRule elbv2.Listener elbv2.LoadBalancer
    elbv2.TargetGroup iam.Role iam.ServiceLinkedRole logs.LogGroup logs.ServiceLogGroup rds.Instance
    rds.ParameterGroup rds.SubnetGroup route53.AliasRecords route53.HostedZone route53.ValidationRecord s3.Bucket
    scheduler.Schedule scheduler.ScheduleGroup secretsmanager.Secret sns.Subscription sns.Topic ssm.Parameter
"""
"""Kinds that states and journals of environments hold, by name."""


def test_kinds_keep_the_names_that_states_have_recorded() -> None:
    assert set(KINDS.split()) <= {kind.kind() for kind in documented().kinds()}


def test_what_does_something_with_an_environment_loads_it_with_its_addresses() -> None:
    """`config` reads what a file says; only `loading` knows what the addresses in it mean."""
    plain = {f"reptiops.config.{name}" for name in ("load_environment", "parse_environment")}
    users = {str(p.relative_to(ROOT)) for p in MODULES if plain & _imports(p)}
    assert users == {"starter.py"}  # whose text is a template's
