"""The configuration as others use it: what the shipped files say, the names, where files are looked for, immutability."""

from __future__ import annotations

import copy
import datetime
import ipaddress
import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reptiops import shipped
from reptiops.config import Environment, environment_file, environments, load_environment, parse_environment
from reptiops.errors import ConfigurationError, Mistake
from reptiops.settings.checks import overlapping
from reptiops.settings.checks_compute import covered

SHIPPED = Path(__file__).parent.parent / "config"
MINIMAL = """
network:
  cidr: 10.9.0.0/16
  zones:
    us-east-1a: {public: 10.9.1.0/24, private: 10.9.10.0/24}
    us-east-1b: {public: 10.9.2.0/24, private: 10.9.20.0/24}
compute:
  services:
    web: {kind: frontend, hosts: [qa.reptidex.com]}
    api: {kind: backend, hosts: [api-qa.reptidex.com]}
"""


@pytest.fixture(autouse=True)
def _no_directory_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REPTIOPS_CONFIG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_dev_is_what_the_specification_says() -> None:
    env = load_environment("dev")
    assert (env.network.cidr, env.protected, env.cloudtrail.enabled) == ("10.1.0.0/16", False, False)
    assert env.public_subnets == {"us-east-1a": "10.1.1.0/24", "us-east-1b": "10.1.2.0/24"}
    assert env.private_subnets == {"us-east-1a": "10.1.10.0/24", "us-east-1b": "10.1.20.0/24"}
    assert (env.network.nat_zones, env.network.interface_endpoints) == (("us-east-1a", "us-east-1b"), ())
    database, redis = env.database, env.redis
    assert (database.version, database.instance_class, database.storage_gb, database.max_storage_gb) == (
        "15.7", "db.t4g.micro", 20, 100,
    )  # fmt: skip
    assert (database.multi_az, database.backup_days, database.monitoring_interval) == (False, 7, 0)
    assert (redis.node_type, redis.nodes, redis.auth_token, redis.encryption_at_rest) == (
        "cache.t4g.micro",
        1,
        False,
        True,
    )
    sizes = {(service.kind, service.cpu, service.memory, service.desired, service.port) for service in env.services}
    assert sizes == {("frontend", 256, 512, 1, 80), ("backend", 512, 1024, 1, 8000)}
    assert {service.count_owner for service in env.services} == {"reptiops"}
    assert env.cdn_hosts == ("dev.reptidex.com",)
    assert set(env.storage.buckets) == {"assets", "uploads", "logs"}
    assert env.monitoring.budget.amount == 150
    assert env.secrets.recovery_days == 0


def test_prod_is_what_the_specification_says() -> None:
    env = load_environment("prod")
    assert (env.network.cidr, env.protected, env.cloudtrail.enabled) == ("10.0.0.0/16", True, True)
    assert tuple(env.private_subnets.values()) == ("10.0.10.0/24", "10.0.20.0/24", "10.0.30.0/24")
    database, redis = env.database, env.redis
    assert (database.instance_class, database.storage_gb, database.max_storage_gb) == ("db.t4g.small", 100, 1000)
    assert (database.multi_az, database.backup_days, database.monitoring_interval) == (True, 30, 60)
    assert (database.deletion_protection, database.final_snapshot, env.secrets.recovery_days) == (True, True, 7)
    assert (redis.nodes, redis.automatic_failover, redis.multi_az, redis.auth_token) == (2, True, True, True)
    assert (redis.encryption_in_transit, redis.snapshot_days) == (True, 7)
    scaled = {(service.kind, service.cpu, service.memory, service.desired) for service in env.services}
    assert scaled == {("frontend", 512, 1024, 2), ("backend", 1024, 2048, 2)}
    most = {service.kind: service.scaling and (service.scaling.min, service.scaling.max) for service in env.services}
    assert most == {"frontend": (2, 4), "backend": (2, 6)}
    assert {service.count_owner for service in env.services} == {"autoscaling"}
    assert env.service("web-public").hosts == ("reptidex.com", "www.reptidex.com")
    assert env.load_balancer_hosts[0] == "www.reptidex.com"
    assert all(bucket.versioning for bucket in env.storage.buckets.values())
    assert [(step.days, step.to) for step in env.storage.buckets["backups"].transitions] == [(7, "GLACIER")]


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_matrix_is_the_documented_one_and_nothing_else(name: str) -> None:
    groups = load_environment(name).security_groups
    rules = {
        (group, side, rule.ports, rule.cidr or rule.group)
        for group, matrix in groups.items()
        for side in ("inbound", "outbound")
        for rule in getattr(matrix, side)
    }
    assert rules == {
        ("alb", "inbound", "80", "0.0.0.0/0"), ("alb", "inbound", "443", "0.0.0.0/0"),
        ("alb", "outbound", "80", "ecs"), ("alb", "outbound", "8000-8006", "ecs"),
        ("ecs", "inbound", "80", "alb"), ("ecs", "inbound", "8000-8006", "alb"),
        ("ecs", "outbound", "443", "0.0.0.0/0"), ("ecs", "outbound", "5432", "rds"), ("ecs", "outbound", "6379", "redis"),
        ("rds", "inbound", "5432", "ecs"), ("redis", "inbound", "6379", "ecs"),
    }  # fmt: skip


def test_names_follow_the_table() -> None:
    env = load_environment("dev")
    assert env.named("public", "us-east-1a") == "reptidex-dev-public-us-east-1a"
    assert (env.prefix, env.cluster_name) == ("reptidex-dev", "dev-reptidex-cluster")
    assert (env.group_name("alb"), env.database_parameter_group) == ("reptidex-dev-alb-sg", "reptidex-dev-postgres15")
    assert env.repository_name("web-public") == "reptidex/dev/web-public"
    assert (
        env.target_group_name("repti-community") == env.task_family("repti-community") == "reptidex-dev-repti-community"
    )
    assert (env.log_group("repti-core"), env.metrics_namespace) == ("/ecs/dev/repti-core", "ReptiDex/dev")
    assert env.parameter_name("database", "host") == "/reptidex/dev/database/host"
    assert (env.secret_name("database"), env.topic_name) == ("reptidex/dev/database", "reptidex-dev-alarms")
    assert (env.budget_name, env.headers_policy_name) == ("reptidex-dev-monthly", "reptidex-dev-security-headers")
    assert (env.bucket_name("assets"), env.zone_name) == ("reptidex-dev-assets", "reptidex.com")
    assert env.standard_tags == {"Project": "reptidex", "Environment": "dev", "ManagedBy": "reptiops"}


def test_a_short_file_gets_the_defaults() -> None:
    env = parse_environment(MINIMAL, "qa")
    assert [(service.name, service.port, service.cpu, service.health_path) for service in env.services] == [
        ("web", 80, 256, "/health"),
        ("api", 8000, 512, "/api/v1/health"),
    ]
    assert env.certificate_names == ("reptidex.com", "*.reptidex.com")
    assert env.cdn_hosts == ("qa.reptidex.com",)
    assert env.load_balancer_hosts == ("api-qa.reptidex.com",)


def test_a_service_overrides_its_kind_and_keeps_the_rest() -> None:
    own = "cpu: 1024, memory: 2048, port: 8003, environment: {B: c}, health_check: {interval: 10}, autoscaling: false"
    text = MINIMAL.replace("hosts: [api-qa.reptidex.com]", f"hosts: [api-qa.reptidex.com], {own}")
    text += "  backend: {environment: {A: a, B: b}, desired: 2, scaling: {min: 2, max: 3}}\n"
    api = parse_environment(text, "qa").service("api")
    assert (api.cpu, api.memory, api.port, api.scaling, api.count_owner) == (1024, 2048, 8003, None, "reptiops")
    assert api.environment == {"A": "a", "B": "c"}
    assert (api.health_check.interval, api.health_check.retries) == (10, 3)
    assert "http://127.0.0.1:8003/api/v1/health" in api.health_command[-1]


def test_nothing_written_at_a_service_is_the_default_of_its_kind() -> None:
    text = MINIMAL.replace(
        "hosts: [api-qa.reptidex.com]", "hosts: [api-qa.reptidex.com], cpu: null, health_check: null"
    )
    assert parse_environment(text, "qa").services == parse_environment(MINIMAL, "qa").services


def test_office_hours_own_the_count_of_the_services_they_cover() -> None:
    hours = "office_hours: {enabled: true, timezone: Europe/Berlin, start: '07:30', services: [api]}\n"
    env = parse_environment(MINIMAL + hours, "qa")
    assert [service.count_owner for service in env.services] == ["reptiops", "schedule"]
    assert env.office_hours.start_expression == "cron(30 7 ? * MON,TUE,WED,THU,FRI *)"
    assert env.office_hours.stop_expression == "cron(0 20 ? * MON,TUE,WED,THU,FRI *)"


@pytest.mark.parametrize(
    ("setting", "nats", "endpoints"),
    [
        ("per_az", {"us-east-1a": "us-east-1a", "us-east-1b": "us-east-1b"}, False),
        ("1", {"us-east-1a": "us-east-1a", "us-east-1b": "us-east-1a"}, False),
        ("0", {}, True),
    ],
)
def test_nat_gateways_decide_routes_and_endpoints(setting: str, nats: dict[str, str], endpoints: bool) -> None:
    env = parse_environment(MINIMAL.replace("  zones:", f"  nat_gateways: {setting}\n  zones:"), "qa")
    assert env.network.nat_by_zone == nats
    assert bool(env.network.interface_endpoints) is endpoints
    assert ("endpoints" in env.security_groups) is endpoints


def test_an_alarm_keeps_its_own_defaults() -> None:
    text = MINIMAL + "monitoring: {alarms: {ecs_running_tasks: {threshold: 1}}}\n"
    alarm = parse_environment(text, "qa").monitoring.alarms.ecs_running_tasks
    assert (alarm.threshold, alarm.periods, alarm.missing) == (1, 10, "breaching")


def test_a_lease_ends() -> None:
    text = MINIMAL + (
        "owners:\n  compute/service/web:\n    desired: autoscaling\n"
        "    cpu: {owner: operator, until: 2026-12-01, reason: incident 7}\n"
    )
    fields = parse_environment(text, "qa").owners["compute/service/web"]
    assert fields["desired"].active(datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC))
    assert fields["cpu"].active(datetime.datetime(2026, 12, 1, 23, 59, tzinfo=datetime.UTC))
    assert not fields["cpu"].active(datetime.datetime(2026, 12, 2, tzinfo=datetime.UTC))


def test_overrides_keep_any_plain_value() -> None:
    text = MINIMAL + "overrides:\n  compute/service/web: {desired: 3, tags: [a, {b: c}]}\n"
    assert parse_environment(text, "qa").overrides == {"compute/service/web": {"desired": 3, "tags": ("a", {"b": "c"})}}


def test_state_in_s3() -> None:
    state = parse_environment(MINIMAL + "state: {backend: s3://our-state/reptidex/qa/}\n", "qa").state
    assert (state.remote, state.bucket, state.prefix) == (True, "our-state", "reptidex/qa")


def test_nothing_can_be_changed() -> None:
    env = load_environment("dev")
    with pytest.raises(ValidationError):
        env.database.multi_az = True
    with pytest.raises(TypeError):
        env.storage.buckets["x"] = env.storage.buckets["logs"]  # type: ignore[index]
    with pytest.raises(TypeError):
        env.network.zones |= {}  # type: ignore[operator]
    again = load_environment("dev")
    assert env == again
    assert hash(env) == hash(again)
    assert pickle.loads(pickle.dumps(env)) == copy.deepcopy(env) == env


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_settings_survive_being_dumped(name: str) -> None:
    env = load_environment(name)
    again = Environment.model_validate(env.model_dump())
    assert again == env
    assert again.services == env.services


def test_settings_made_in_python_are_checked_too() -> None:
    data = load_environment("dev").model_dump()
    data["redis"]["auth_token"] = True
    with pytest.raises(ConfigurationError, match=r"redis\.auth_token"):
        Environment.model_validate(data)


def test_own_directories_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("explicit", "variable", "config"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config" / "qa.yaml").write_text(MINIMAL)
    (tmp_path / "variable" / "dev.yaml").write_text(MINIMAL)
    (tmp_path / "explicit" / "qa.yaml").write_text(MINIMAL)
    assert environment_file("dev").resolve() == SHIPPED / "dev.yaml"
    assert environment_file("qa").resolve() == tmp_path / "config" / "qa.yaml"
    assert environments() == ("dev", "prod", "qa")
    monkeypatch.setenv("REPTIOPS_CONFIG_DIR", str(tmp_path / "variable"))
    assert environment_file("dev") == tmp_path / "variable" / "dev.yaml"
    assert environments() == ("dev",)
    assert environment_file("qa", tmp_path / "explicit") == tmp_path / "explicit" / "qa.yaml"


@pytest.mark.parametrize("name", ["prodd", "../dev", "dev/", "Dev", "", "a" * 17, "dev.yaml", "dev\n"])
def test_an_unknown_environment_is_told_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_environment(name)
    assert refusal.value.exit_code == 2
    [mistake] = refusal.value.mistakes
    assert repr(name) in mistake.message
    assert mistake.valid == "dev, prod"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_environment("dev", tmp_path / "nowhere")


def test_files_that_cannot_be_text(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text("#" * 1_000_001)
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ConfigurationError, match="larger than 1 MB"):
        load_environment("large", tmp_path)
    with pytest.raises(ConfigurationError, match=r"latin\.yaml:2: .*not UTF-8"):
        load_environment("latin", tmp_path)


def test_the_shipped_directory_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site" / "reptiops"
    (installed / "_shipped" / "config").mkdir(parents=True)
    monkeypatch.setattr(shipped, "__file__", str(installed / "shipped.py"))
    assert shipped.shipped_dir("config") == installed / "_shipped" / "config"
    assert shipped.is_shipped(installed / "_shipped" / "config" / "dev.yaml")
    assert not shipped.is_shipped(tmp_path / "dev.yaml")


def test_loading_does_not_import_boto3() -> None:
    code = (
        "import sys; from reptiops.config import load_environment; load_environment('dev'); "
        "sys.exit(any(name in sys.modules for name in ('boto3', 'botocore', 'moto')))"
    )
    root = str(SHIPPED.parent)
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_schema_knows_every_section() -> None:
    schema = Environment.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"network", "owners", "overrides", "schedule"} <= set(schema["properties"])


def paths_in(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in plain data, the root excluded."""
    pairs: list[tuple[str | int, object]] = []
    if isinstance(data, dict):
        pairs = list(data.items())
    if isinstance(data, list):
        pairs = list(enumerate(data))
    return [one for key, value in pairs for one in [(*path, key), *paths_in(value, (*path, key))]]


PROD = yaml.safe_load((SHIPPED / "prod.yaml").read_text())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
junk = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=5), scalars, max_size=2)


@given(st.sampled_from(paths_in(PROD)), junk)
@settings(max_examples=60, deadline=None)
def test_nothing_in_any_place_is_more_than_a_mistake(path: tuple[str | int, ...], value: object) -> None:
    data = copy.deepcopy(PROD)
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    text = yaml.safe_dump(data, allow_unicode=True)
    lines = set(range(1, text.count("\n") + 1))
    mistakes: tuple[Mistake, ...] = ()
    try:
        parse_environment(text, "prod")
    except ConfigurationError as refusal:
        mistakes = refusal.mistakes
    assert {mistake.line for mistake in mistakes} <= lines


blocks = st.builds(
    lambda address, length: ipaddress.IPv4Network((address, length), strict=False),
    st.integers(0x0A000000, 0x0A00FFFF),
    st.integers(16, 28),
)


@given(st.lists(blocks, max_size=8))
def test_overlap_means_a_common_address(networks: list[ipaddress.IPv4Network]) -> None:
    named = [((str(index),), str(network)) for index, network in enumerate(networks)]
    found = {(int(first[0]), int(second[0])) for second, first in overlapping(named)}
    ranges = [range(int(network.network_address), int(network.broadcast_address) + 1) for network in networks]
    pairs = itertools.combinations(range(len(networks)), 2)
    common = {(a, b) for a, b in pairs if max(ranges[a][0], ranges[b][0]) <= min(ranges[a][-1], ranges[b][-1])}
    assert found == common


@pytest.mark.parametrize(
    ("host", "names", "good"),
    [
        ("a.b.com", ("*.b.com",), True),
        ("b.com", ("*.b.com",), False),
        ("x.a.b.com", ("*.b.com",), False),
        ("b.com", ("*.b.com", "b.com"), True),
        ("ab.com", ("*.b.com",), False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, names: tuple[str, ...], good: bool) -> None:
    assert covered(host, names) is good
