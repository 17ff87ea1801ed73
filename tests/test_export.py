"""Leaving: templates that cfn-lint finds no error in and that fit together, and import blocks with the live ids."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from reptiops import app
from reptiops.app.costs import configured
from reptiops.cli import cli
from reptiops.config import load_environment
from reptiops.engine.resource import Live
from reptiops.export import terraform
from reptiops.export.form import FORMS, Forms
from reptiops.export.templates import Export, ExportError, templates
from reptiops.resources import autoscaling, ecs_services, route53, route53_sets, sns
from reptiops.steps import documented
from reptiops.testing import mocked_aws

FILES = ["vpc", "security", "database", "compute", "storage", "monitoring"]
VARIANTS = {
    "without NAT gateways": ("nat_gateways: per_az", "nat_gateways: 0"),
    "with office hours": ("office_hours:                   # brings the services to 0 at night and on weekends\n  enabled: false",
                          "office_hours:\n  enabled: true"),
    "with a zone of its own": ("create_zone: false", "create_zone: true"),
    "without a CDN": ("  cdn:\n    enabled: true", "  cdn:\n    enabled: false"),
    "with subscribers": ("emails: []", "emails: [ops@reptidex.com]"),
    "with a job": ("schedule:                       # drift runs inside the environment; `reptiops schedule install` switches this on\n  enabled: false",
                   "schedule:\n  enabled: true\n  image: registry/reptiops:1"),
}  # fmt: skip


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads `!Ref X` as {"Ref": "X"}."""


def _tag(loader: Any, suffix: str, node: Any) -> Any:
    sequence = isinstance(node, yaml.SequenceNode)
    return {suffix: loader.construct_sequence(node, deep=True) if sequence else loader.construct_scalar(node)}


Loader.add_multi_constructor("!", _tag)


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader=Loader)
    return found


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """Every function in a template and what it names."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in ("Ref", "GetAtt", "ImportValue") and isinstance(one, str):
                yield key, one.split(".")[0] if key == "GetAtt" else one
            elif key == "Sub":
                for name in re.findall(r"\$\{([^}]+)\}", one):
                    yield "Ref", name.split(".")[0]
            else:
                yield from _named(one)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one)


def _variant(tmp_path: Path, environment: str, before: str, after: str) -> Path:
    text = Path(f"config/{environment}.yaml").read_text()
    assert before in text
    text = text.replace(before, after).replace("backend: local", "backend: s3://some-bucket/reptiops")
    (tmp_path / f"{environment}.yaml").write_text(text)
    return tmp_path


def test_no_kind_is_forgotten() -> None:
    kinds = set(documented().kinds())
    assert kinds == (FORMS.made.keys() | FORMS.none.keys()) & kinds
    assert kinds == (terraform.TAKEN.keys() | terraform.NONE.keys()) & kinds


def test_a_kind_without_a_form_is_refused_by_name() -> None:
    wanted = configured(load_environment("dev"))
    with pytest.raises(ExportError, match=r"network/vpc: ec2\.Vpc has no CloudFormation form"):
        templates(wanted, documented(), "x", Forms())


def _fits(made: Export) -> None:
    """Every name is known: in the file, among its parameters, or exported by an earlier file."""
    exported: set[str] = set()
    used: set[str] = set()
    for template in made.templates:
        text = template.yaml()
        assert "⟦" not in text
        read = _read(text)
        known = {*read["Resources"], *read.get("Parameters", {})}
        for function, name in _named(read):
            if function == "ImportValue":
                assert name in exported, f"{template.name}.yaml imports {name}"
                used.add(name)
            else:
                assert name in known or name.startswith("AWS::"), f"{template.name}.yaml names {name}"
        for one in read["Resources"].values():
            assert set(one.get("DependsOn", [])) <= known
        exported |= {o["Export"]["Name"] for o in read.get("Outputs", {}).values()}
        assert set(read.get("Parameters", {})) <= set(made.values)
    assert used == exported


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_guides_files_fit_together(environment: str) -> None:
    made = app.export_cloudformation(environment)
    assert [t.name for t in made.templates] == FILES
    _fits(made)
    assert {address.split("/")[1] for address in made.missing} == {"service_linked_role", "validation_record"}


@pytest.mark.parametrize("name", VARIANTS)
def test_other_configurations_fit_together_too(tmp_path: Path, name: str) -> None:
    _fits(app.export_cloudformation("dev", _variant(tmp_path, "dev", *VARIANTS[name])))


def test_what_the_configuration_says_is_in_the_templates() -> None:
    made = {t.name: _read(t.yaml())["Resources"] for t in app.export_cloudformation("prod").templates}
    database = made["database"]["Database"]["Properties"]
    assert database["MultiAZ"] == {"Ref": "DatabaseMultiAz"}
    assert database["MasterUserPassword"] == {
        "Sub": "{{resolve:secretsmanager:${DatabaseSecret}:SecretString:password}}"
    }
    assert made["database"]["Database"]["DeletionPolicy"] == "Retain"
    assert made["security"]["LogsBucket"]["Type"] == "AWS::S3::Bucket"
    assert made["security"]["Trail"]["DependsOn"] == ["LogsBucketPolicy"]
    rules = {r["Properties"]["Priority"] for r in made["compute"].values() if r["Type"].endswith("ListenerRule")}
    assert len(rules) == 10
    services = [r for r in made["compute"].values() if r["Type"] == "AWS::ECS::Service"]
    assert all(r["DependsOn"] for r in services)
    closed = made["security"]["SecurityGroupRds"]["Properties"]["SecurityGroupEgress"]
    assert closed[0]["CidrIp"] == "255.255.255.255/32"


def test_the_network_of_the_templates_is_the_network_of_the_tool() -> None:
    text = next(t for t in app.export_cloudformation("dev").templates if t.name == "vpc").yaml()
    with mocked_aws() as session:
        session.client("cloudformation").create_stack(StackName="dev-vpc", TemplateBody=text)
        ec2 = session.client("ec2")
        named = [{"Name": "tag:Name", "Values": ["reptidex-dev-*"]}]
        (vpc,) = ec2.describe_vpcs(Filters=named)["Vpcs"]
        assert vpc["CidrBlock"] == "10.1.0.0/16"
        inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        subnets = {s["CidrBlock"]: s["SubnetId"] for s in ec2.describe_subnets(Filters=inside)["Subnets"]}
        assert set(subnets) == {"10.1.1.0/24", "10.1.2.0/24", "10.1.10.0/24", "10.1.20.0/24"}
        nats = {n["SubnetId"]: n["NatGatewayId"] for n in ec2.describe_nat_gateways()["NatGateways"]}
        assert set(nats) == {subnets["10.1.1.0/24"], subnets["10.1.2.0/24"]}
        tables = ec2.describe_route_tables(Filters=inside)["RouteTables"]
    ways = [r for table in tables for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0"]
    targets = [way.get("NatGatewayId") or way["GatewayId"] for way in ways]
    assert len(targets) == 3
    assert {t for t in targets if not t.startswith("igw-")} == set(nats.values())


def _errors(made: Export, folder: Path, names: list[str]) -> list[str]:
    from cfnlint.api import ManualArgs, lint_by_config

    found = []
    for template in made.templates:
        if template.name in names:
            file = folder / f"{template.name}.yaml"
            file.write_text(template.yaml())
            answer = lint_by_config(ManualArgs(templates=[str(file)], regions=["us-east-1"]))
            found += [f"{template.name}: {m.rule.id} {m.message}" for m in answer if m.rule.id.startswith("E")]
    return found


def test_cfn_lint_finds_an_error_where_there_is_one(tmp_path: Path) -> None:
    made = app.export_cloudformation("dev")
    storage = next(t for t in made.templates if t.name == "storage")
    storage.resources["BucketUploads"]["Properties"]["Colour"] = "green"
    assert _errors(made, tmp_path, ["storage"])


def test_cfn_lint_finds_no_error_in_one_of_the_files(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    environment, file = random.Random(seed).choice([(e, f) for e in ("dev", "prod") for f in FILES])
    assert _errors(app.export_cloudformation(environment), tmp_path, [file]) == []


@pytest.mark.proof
@pytest.mark.parametrize("name", ["as it is", *VARIANTS])
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_cfn_lint_finds_no_error(tmp_path: Path, environment: str, name: str) -> None:
    folder = None
    if name in VARIANTS:
        before, after = VARIANTS[name]
        if before not in Path(f"config/{environment}.yaml").read_text():
            pytest.skip("the file says it in other words")
        folder = _variant(tmp_path, environment, before, after)
    assert _errors(app.export_cloudformation(environment, folder), tmp_path, FILES) == []


def test_the_command_writes_the_guides_structure(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["export", "cloudformation", "dev", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {f.name for f in tmp_path.iterdir()} == {*(f"{n}.yaml" for n in FILES), "parameters", "deploy.sh"}
    listed = json.loads((tmp_path / "parameters" / "dev.json").read_text())
    assert {"ParameterKey": "DatabaseInstanceClass", "ParameterValue": "db.t4g.micro"} in listed
    assert f"for part in {' '.join(FILES)}" in (tmp_path / "deploy.sh").read_text()


# --- Terraform --------------------------------------------------------------------------------------------------------


def blocks_of(text: str) -> dict[str, str]:
    found = re.findall(r'^import \{\n  to = (\S+)\n  id = "(.*)"\n\}$', text, re.MULTILINE)
    assert len(found) == text.count("import {")
    assert len(dict(found)) == len(found)
    return dict(found)


def _import(one: Any) -> dict[str, str]:
    return blocks_of(terraform.import_blocks({"compute/some/thing": one}, "123456789012", "us-east-1").text)


def test_import_ids_are_the_providers() -> None:
    resource = "service/dev-reptidex-cluster/repti-core"
    target = autoscaling.ScalableTarget(resource, 1, 2)
    assert _import(Live(resource, target)) == {
        "aws_appautoscaling_target.some_thing": f"ecs/{resource}/ecs:service:DesiredCount"
    }
    policy = autoscaling.ScalingPolicy(resource, "reptidex-dev-repti-core-cpu")
    assert _import(Live("x", policy)) == {
        "aws_appautoscaling_policy.some_thing": f"ecs/{resource}/ecs:service:DesiredCount/reptidex-dev-repti-core-cpu"
    }
    service = ecs_services.Service("dev-reptidex-cluster", "repti-core")
    assert _import(Live("arn", service)) == {"aws_ecs_service.some_thing": "dev-reptidex-cluster/repti-core"}
    records = route53.AliasRecords("Z1", "cdn", {"dev.reptidex.com": route53_sets.Alias("d1.cloudfront.net", "Z2")})
    assert _import(Live("x", records)) == {"aws_route53_record.some_thing_dev_reptidex_com": "Z1_dev.reptidex.com_A"}
    waiting = sns.Subscription("arn:aws:sns:us-east-1:1:t", "email", "a@b.com")
    assert _import(Live("pending", waiting)) == {}


def test_what_terraform_cannot_take_over_is_said() -> None:
    action = autoscaling.ScheduledAction("service/c/s", "stop")
    made = terraform.import_blocks({"compute/scheduled_action/s": Live("x", action)}, "1", "us-east-1")
    assert made.count == 0
    assert "imports no scheduled actions" in made.missing["compute/scheduled_action/s"]


def test_the_script_says_what_is_missing_before_it_deploys_anything(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "aws"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    tool.chmod(0o755)

    def deploy(zone: str, **more: str) -> subprocess.CompletedProcess[str]:
        app.write_templates("dev", tmp_path / "out", zone_id=zone)
        where = {"PATH": f"{tool.parent}:{os.environ['PATH']}", **more}
        script = str(tmp_path / "out" / "deploy.sh")
        return subprocess.run(["bash", script], env=where, capture_output=True, text=True, check=False)

    without = deploy("", S3_BUCKET="some-bucket")
    assert (without.returncode, "HostedZoneId is empty" in without.stderr) == (2, True)
    direct = deploy("Z0123456789ABCDEFGHIJ")
    assert direct.returncode == 2
    assert "compute.yaml, monitoring.yaml: larger than the 51,200 bytes" in direct.stderr
    assert not (tmp_path / "calls").exists()
    assert deploy("Z0123456789ABCDEFGHIJ", S3_BUCKET="some-bucket").returncode == 0
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [re.search(r"--template-file (\w+)\.yaml", call)[1] for call in calls] == FILES  # type: ignore[index]
    assert all("--s3-bucket some-bucket" in call for call in calls)
    values = json.loads((tmp_path / "out" / "parameters" / "dev.json").read_text())
    assert {"ParameterKey": "HostedZoneId", "ParameterValue": "Z0123456789ABCDEFGHIJ"} in values
