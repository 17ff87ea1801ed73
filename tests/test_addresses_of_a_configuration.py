"""`overrides` and `owners` name resources and their fields: what is wrong there is told before AWS is asked anything."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.config import environment_file
from reptiops.engine.canonical import plain
from reptiops.engine.fitting import misfits, nameless
from reptiops.engine.unknown import is_unknown
from reptiops.errors import ConfigurationError
from reptiops.loading import configured, load_environment
from reptiops.resources.cloudfront_config import Behaviour, PathBehaviour
from reptiops.resources.ecs_tasks import Container
from reptiops.resources.ecs_tasks import HealthCheck as ContainerCheck
from reptiops.resources.elbv2 import HealthCheck
from reptiops.settings.fields import LIKE, OTHERWISE, judge
from reptiops.steps import documented

WRONG = """\
overrides:
  database/database: {storage_gb: lots, foo: 3, backup_day: 3, port: 99999999}
  security/task_backend_role: {policies: 5}
  network/vpc: {cidr: banana}
  network/public_subnet/us-east-1a: {cidr: 10.0.0.0/8}
  compute/task_definition/repti-ops: {cpu: 300}
  compute/task_definition/repti-media: {memory: 30720}
  database/database_parameter_group: {parameters: none}
  compute/service/repti-core: {desired: -3, subnets: subnet-1, first_desired: true}
  compute/servce/x: {desired: 5}
  compute/service/repti-cor: {desired: 5}
  compute/task_definition/repti-core:
    containers: {repti-core: {environment: {A: 5}, imag: x}, more: {cpu: 3}}
  compute/target_group/repti-core: {health: {interval: 1, intervall: 30}}
  security/security_group_rule/alb/inbound/tcp-80-0.0.0.0_0: {from_port: -7}
  compute/log_group/repti-core: {retention_days: 4}
  storage/logs_bucket: {policy: 5}
  storage/distribution: {default: {min_ttl: -1}}
owners:
  database/databas: {backup_days: operator}
  database/database: {backup_day: operator, storage_gb/more: aws}
  compute/task_definition/repti-core: {environmnt/BUILD: pipeline}
  network/vpcs: {extra: operator}
"""
TOLD = {
    "overrides.database/database.storage_gb": ("'lots' is not a whole number", ""),
    "overrides.database/database.foo": ("unknown field", "backup_days"),
    "overrides.database/database.backup_day": ("did you mean backup_days?", "backup_days"),
    "overrides.database/database.port": ("out of range", "at most 65535"),
    "overrides.security/task_backend_role.policies": ("5 is not a mapping", ""),
    "overrides.network/vpc.cidr": ("'banana' is not an IPv4 CIDR block", "10.1.0.0/16"),
    "overrides.network/public_subnet/us-east-1a.cidr": ("10.0.0.0/8 has a size that AWS does not take here", "/16 to /28"),
    "overrides.compute/task_definition/repti-ops.cpu": ("Fargate has no size of 300 CPU units", "256, 512"),
    "overrides.compute/task_definition/repti-media.memory": ("does not pair 512 CPU units with 30720 MiB", "memory 1024, 2048"),
    "overrides.database/database_parameter_group.parameters": ("'none' is not a mapping", ""),
    "overrides.compute/service/repti-core.desired": ("-3 is out of range", "at least 0"),
    "overrides.compute/service/repti-core.subnets": ("'subnet-1' is not a list", ""),
    "overrides.compute/service/repti-core.first_desired": ("true is not a whole number", ""),
    "overrides.compute/servce/x": ("did you mean compute/service?", "compute/service"),
    "overrides.compute/service/repti-cor": ("did you mean compute/service/repti-core?", ""),
    "overrides.compute/task_definition/repti-core.containers.repti-core.environment.A": ("5 is not text; put it in quotes", ""),
    "overrides.compute/task_definition/repti-core.containers.repti-core.imag": ("did you mean image?", "image"),
    "overrides.compute/task_definition/repti-core.containers.more": ("image is missing", ""),
    "overrides.compute/target_group/repti-core.health.interval": ("1 is out of range", "at least 5"),
    "overrides.compute/target_group/repti-core.health.intervall": ("did you mean interval?", "interval"),
    "overrides.security/security_group_rule/alb/inbound/tcp-80-0.0.0.0_0.from_port": ("-7 is out of range", "at least -1"),
    "overrides.compute/log_group/repti-core.retention_days": ("4 is not a retention", "3, 5, 7"),
    "overrides.storage/logs_bucket.policy": ("5 is not a policy", ""),
    "overrides.storage/distribution.default.min_ttl": ("-1 is out of range", "at least 0"),
    "owners.database/databas": ("did you mean database/database?", ""),
    "owners.database/database.backup_day": ("did you mean backup_days?", "backup_days"),
    "owners.database/database.storage_gb/more": ("unknown field", "storage_gb"),
    "owners.compute/task_definition/repti-core.environmnt/BUILD": ("did you mean environment/BUILD?", ""),
    "owners.network/vpcs": ("did you mean network/vpc?", ""),
}  # fmt: skip
RIGHT = """\
overrides:
  database/database: {storage_gb: 40, final_snapshot: true, storage_type: io2, log_exports: [postgresql]}
  compute/service/repti-core: {desired: 3}
  compute/service/web-public: {desired: null}
  compute/task_definition/repti-core: {containers: {repti-core: {environment: {A: b}}}}
  compute/load_balancer: {attributes: {idle_timeout.timeout_seconds: "77"}}
  monitoring/alarm/redis-001-memory: {threshold: 70}
owners:
  compute/task_definition/repti-core: {environment/BUILD: pipeline, cpu: operator}
  compute/target_group/web-admin: {health/path: operator, path: operator, health: operator}
  compute/load_balancer: {attributes/idle_timeout.timeout_seconds: operator, idle_timeout.timeout_seconds: operator}
  compute/service/gone: {extra: operator}
  security/security_group/alb: {extra: operator, missing: operator}
"""


def _written(directory: Path, more: str, *edits: tuple[str, str]) -> Path:
    text = environment_file("dev").read_text()
    for section in ("overrides", "owners"):
        start = text.index(f"\n{section}:")
        text = text[: start + 1] + text[text.index("\n", start + 1) + 1 :]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (directory / "dev.yaml").write_text(f"{text}\n{more}")
    return directory


def _mistakes(directory: Path) -> dict[str, Any]:
    with pytest.raises(ConfigurationError) as refused:
        load_environment("dev", directory)
    return {one.path: one for one in refused.value.mistakes}


def test_every_mistake_of_an_address_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    found = _mistakes(_written(tmp_path, WRONG))
    assert set(found) == set(TOLD)
    lines = (tmp_path / "dev.yaml").read_text().splitlines()
    for path, (message, valid) in TOLD.items():
        one = found[path]
        assert message in one.message, path
        assert valid in one.valid, path
        written = lines[one.line - 1]
        address = path.split(".")[1]
        assert address in written or path.rsplit(".", 1)[-1] in written, path


def test_what_fits_is_taken(tmp_path: Path) -> None:
    env = load_environment("dev", _written(tmp_path, RIGHT))
    assert env.overrides["database/database"]["storage_gb"] == 40
    assert app.declared("dev", tmp_path)


def test_mistakes_of_settings_and_of_addresses_are_told_together(tmp_path: Path) -> None:
    more = "overrides: {database/database: {storage_gb: lots}, compute/servce/x: {}}\n"
    settings = (
        ("  nodes: 1", "  nodes: many"),
        ("    us-east-1b: {public: 10.1.2.0/24", "    us-east-1b: {public: 10.1.1.0/24"),
    )
    found = _mistakes(_written(tmp_path, more, settings[0]))
    assert set(found) == {"redis.nodes", "overrides.database/database.storage_gb", "overrides.compute/servce/x"}
    found = _mistakes(_written(tmp_path, more, settings[1]))
    assert {"network.zones.us-east-1b.public", "overrides.compute/servce/x"} <= set(found)


def test_an_address_that_a_mistake_hides_is_not_told_as_one(tmp_path: Path) -> None:
    more = "owners: {compute/service/repti-core: {cpu: operator, port: operator}}\n"
    found = _mistakes(_written(tmp_path, more, ("repti-core: {kind: backend", "repti-core: {kind: backnd")))
    assert "owners.compute/service/repti-core" not in found


COMMANDS = ("validate dev", "validate dev --json", "plan dev", "cost dev", "export cloudformation dev", "policy dev")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_it_before_aws_is_asked(command: str, tmp_path: Path) -> None:
    where = ["--config-dir", str(_written(tmp_path, WRONG))]
    script = str(Path(sys.executable).with_name("reptiops"))
    env = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = subprocess.run([script, *command.split(), *where], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "'lots' is not a whole number" in said
    assert "did you mean database/database?" in said


def test_every_setting_that_bounds_a_field_is_that_of_a_field() -> None:
    """A class or a field that is renamed takes its line in the table along."""
    known = {
        f"{cls.__module__.rsplit('.', 1)[-1]}.{cls.__name__}": {f.name for f in dataclasses.fields(cls)}
        for cls in (*documented().kinds(), Container, ContainerCheck, HealthCheck, Behaviour, PathBehaviour)
    }
    for owner, models in LIKE.items():
        assert all(known[owner] & set(model.model_fields) for model in models), owner
    for path in OTHERWISE:
        owner, _, name = path.rpartition(".")
        assert name in known[owner], path


def test_what_is_accepted_of_what_is_declared_fits_it() -> None:
    """Every field of every resource, set to what it has, and given away."""
    for name in ("dev", "prod"):
        for address, want in configured(load_environment(name)).items():
            shown = plain(want)
            assert isinstance(shown, dict)
            fields = {key: value for key, value in shown.items() if not is_unknown(value)}
            assert list(misfits(want, fields, judge)) == [], address
            assert [one for one in fields if nameless(want, one)] == [], address
