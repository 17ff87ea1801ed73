"""The whole environment made, made again, changed and removed, dev and prod, alone and side by side."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from rich.console import Console

from reptiops import app
from reptiops.app import states
from reptiops.aws import is_read
from reptiops.config import environment_file, load_environment
from reptiops.report.summary import show_left
from reptiops.testing import mocked_aws, provision, push_images
from tests.granted import missing
from tests.inventory import inventory
from tests.recorder import Recorder


class Writes:
    """Counts the calls of a session that change something."""

    def __init__(self, session: Any):
        self.seen: list[str] = []
        session._session.register("before-call", self._count)

    def _count(self, model: Any, **_: Any) -> None:
        if not is_read(xform_name(model.name)):
            self.seen.append(model.name)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_made_once_nothing_to_do_twice_and_gone_in_the_end(environment: str, tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        recorder = Recorder(session)
        done = provision(session, tmp_path, environment)
        assert len(inventory(session) - before) > 150
        writes = Writes(session)
        assert not app.plan(environment, session=session, state_dir=tmp_path).changes
        provision(session, tmp_path, environment)
        assert writes.seen == []
        assert not missing(environment, "provision", recorder.calls), "called without a right to it"
        assert len(recorder.calls) > 500
        recorder.calls.clear()
        assert done.outputs["web_public_url"].startswith("https://")
        gone = app.teardown(environment, session=session, state_dir=tmp_path, allow_protected=True)
        assert not missing(environment, "teardown", recorder.calls), "called without a right to it"
        assert gone.left == ()
        assert inventory(session) == before
        assert (len(gone.kept) > 0) == (environment == "prod")
        assert any("RDSOSMetrics" in one for one in gone.kept) == (environment == "prod"), "shared: told, not deleted"


def test_two_environments_in_one_account_do_not_touch_each_other(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        provision(session, tmp_path, "dev")
        dev = inventory(session)
        provision(session, tmp_path, "prod")
        both = inventory(session)
        assert dev < both
        gone = app.teardown("dev", session=session, state_dir=tmp_path)
        torn = app.history("dev", session=session, state_dir=tmp_path)[0]
        assert torn.changes == {"delete": len(gone.doomed)}, "both commands tell one count"
        assert len(gone.shared) == 4
        assert all(session.client("iam").get_role(RoleName=name) for name in gone.shared)
        console = Console(width=300)
        with console.capture() as said:
            show_left(console, gone)
        assert f"Left on purpose: 4 service-linked roles (shared with the account): {gone.shared[0]}, " in said.get()
        assert said.get().endswith("\nLeft: nothing else.\n")
        assert not app.plan("prod", session=session, state_dir=tmp_path).changes
        shared = (dev - before) & inventory(session)
        assert {row[0] for row in shared} == {"record"}, "only the validation record is shared"
        assert any("the certificate" in line for line in gone.kept)
        app.teardown("prod", session=session, state_dir=tmp_path, allow_protected=True)
        assert inventory(session) == before


@pytest.mark.parametrize("denied", ["ec2.DescribeRegions", "acm.ListCertificates"])
def test_a_record_that_nobody_could_be_asked_about_stays_known(denied: str, tmp_path: Path) -> None:
    """The next teardown, with the right to ask, removes it; a provision between the two takes it as its own."""
    only = ("security/certificate", "security/validation_record")
    with mocked_aws() as session:
        before = inventory(session)
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        for between in (False, True):
            provision(session, tmp_path, "dev", only=only)
            away = boto3.Session("testing", "testing", "testing", region_name="us-east-1")

            def refuse(model: Any, request_signer: Any, **_: Any) -> None:
                if denied.endswith(".DescribeRegions") or request_signer.region_name != "us-east-1":
                    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, model.name)

            away.events.register(f"before-call.{denied}", refuse)
            gone = app.teardown("dev", session=away, state_dir=tmp_path)
            (kept,) = gone.kept
            assert "AccessDenied" in kept
            assert gone.left == ()
            assert {row[0] for row in inventory(session) - before} == {"record"}
            (entry,) = states.entries("dev", **where)
            assert entry.address.startswith("security/validation_record")
            if between:
                provision(session, tmp_path, "dev", only=only)
                assert app.plan("dev", only=only, **where).changes == ()
            gone = app.teardown("dev", **where)
            assert (gone.kept, gone.left) == ((), ())
            assert inventory(session) == before
            assert states.entries("dev", **where) == ()


def test_a_lost_state_is_found_again_by_tags_and_names(tmp_path: Path) -> None:
    with mocked_aws() as session:
        before = inventory(session)
        provision(session, tmp_path / "one", "dev")
        assert not app.plan("dev", session=session, state_dir=tmp_path / "two").changes
        writes = Writes(session)
        provision(session, tmp_path / "two", "dev")
        assert writes.seen == []
        entries = [
            app.open_site(app.Settings("dev", session=session, state_dir=tmp_path / n)).state.entries
            for n in ("one", "two")
        ]
        assert entries[0].keys() == entries[1].keys()
        gone = app.teardown("dev", session=session, state_dir=tmp_path / "three")
        assert gone.left == ()
        assert inventory(session) == before


def test_an_image_that_arrives_is_run_by_the_next_provision(tmp_path: Path) -> None:
    with mocked_aws() as session:
        provision(session, tmp_path, "dev")
        ecs = session.client("ecs")

        def running(service: str) -> int:
            answer = ecs.describe_services(cluster="dev-reptidex-cluster", services=[service])
            return int(answer["services"][0]["runningCount"])

        assert running("repti-core") == 0
        provision(session, tmp_path, "dev", images=("repti-core",))
        assert running("repti-core") == 1
        assert running("web-public") == 0


def test_without_nat_gateways_there_are_endpoints(tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text().replace("nat_gateways: per_az", "nat_gateways: 0")
    (tmp_path / "dev.yaml").write_text(text)
    with mocked_aws() as session:
        before = inventory(session)
        provision(session, tmp_path, "dev", config_dir=tmp_path)
        ec2 = session.client("ec2")
        assert ec2.describe_nat_gateways()["NatGateways"] == []
        assert ec2.describe_addresses()["Addresses"] == []
        services = {e["ServiceName"].rsplit("us-east-1.", 1)[1] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
        assert services == {"s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "monitoring", "email"}
        app.teardown("dev", session=session, state_dir=tmp_path, config_dir=tmp_path)
        assert inventory(session) == before


def test_office_hours_own_the_count(tmp_path: Path) -> None:
    text = Path("config/dev.yaml").read_text()
    assert (
        "office_hours:                   # brings the services to 0 at night and on weekends\n  enabled: false" in text
    )
    head, tail = text.split("office_hours:", 1)
    tail = tail.replace("enabled: false", "enabled: true\n  services: [repti-core]", 1)
    head = head.replace(
        "web-public: {kind: frontend, ", "web-public: {kind: frontend, scaling: {min: 1, max: 4, cpu: 65}, "
    )
    (tmp_path / "dev.yaml").write_text(f"{head}office_hours:{tail}")
    with mocked_aws() as session:
        where = {"config_dir": tmp_path}
        provision(session, tmp_path, "dev", images=("repti-core", "web-public"), **where)
        scaling, ecs = session.client("application-autoscaling"), session.client("ecs")
        actions = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
        assert {(a["Schedule"], a["ScalableTargetAction"]["MaxCapacity"]) for a in actions} == {
            ("cron(0 8 ? * MON,TUE,WED,THU,FRI *)", 1),
            ("cron(0 20 ? * MON,TUE,WED,THU,FRI *)", 0),
        }
        # What the evening's action does: the range goes to 0, and the count with it.
        scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/dev-reptidex-cluster/repti-core",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=0,
            MaxCapacity=0,
        )
        assert not app.plan("dev", session=session, state_dir=tmp_path, **where).changes

        def counts() -> dict[str, tuple[int, int, int, bool]]:
            """By service: its count, its range, and whether the schedule is suspended."""
            found = {}
            for one in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
                name = one["ResourceId"].rsplit("/", 1)[1]
                live = ecs.describe_services(cluster="dev-reptidex-cluster", services=[name])["services"][0]
                suspended = one["SuspendedState"]["ScheduledScalingSuspended"]
                found[name] = (live["desiredCount"], one["MinCapacity"], one["MaxCapacity"], suspended)
            return found

        assert counts() == {"repti-core": (0, 0, 0, False), "web-public": (1, 1, 4, False)}
        mine = {"session": session, "state_dir": tmp_path, **where}
        assert app.start("dev", **mine).services == ("repti-core",), "by hand, in the schedule's night"
        up = {"repti-core": (1, 1, 1, False), "web-public": (1, 1, 4, False)}
        assert counts() == up
        app.stop("dev", **mine)
        assert counts() == {"repti-core": (0, 0, 1, True), "web-public": (0, 0, 4, True)}
        assert not app.plan("dev", **mine).changes
        assert set(app.start("dev", **mine).services) == {"repti-core", "web-public"}
        assert counts() == up
        assert not app.plan("dev", **mine).changes
        assert app.start("dev", **mine).services == ()


def test_the_pipelines_image_survives_a_change_of_ours(tmp_path: Path) -> None:
    with mocked_aws() as session:
        provision(session, tmp_path, "dev", images=("repti-core",))
        ecs = session.client("ecs")

        def task() -> dict[str, Any]:
            service = ecs.describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])["services"][0]
            answer = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
            return dict(answer["taskDefinition"])

        before = task()
        push_images(session, load_environment("dev"), ("repti-core",), "v42")
        image = before["containerDefinitions"][0]["image"].replace(":latest", ":v42")
        names = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn", "runtimePlatform")
        registered = ecs.register_task_definition(
            **{name: before[name] for name in names},
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{**before["containerDefinitions"][0], "image": image}],
        )["taskDefinition"]["taskDefinitionArn"]
        ecs.update_service(cluster="dev-reptidex-cluster", service="repti-core", taskDefinition=registered)
        assert not app.plan("dev", session=session, state_dir=tmp_path).changes
        text = Path("config/dev.yaml").read_text()
        larger = "repti-core: {kind: backend, cpu: 1024, memory: 2048, "
        (tmp_path / "dev.yaml").write_text(text.replace("repti-core: {kind: backend, ", larger))
        provision(session, tmp_path, "dev", config_dir=tmp_path)
        assert (task()["cpu"], task()["containerDefinitions"][0]["image"]) == ("1024", image)


def _edited(directory: Path, change: Callable[[str], str]) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "dev.yaml").write_text(change(environment_file("dev").read_text()))
    return directory


def _less(text: str) -> str:
    """Two services fewer, no dashboard, no trail."""
    text = re.sub(r"(?m)^    (web-embed|repti-ops): .*\n", "", text)
    text = re.sub(r"(?m)^  dashboard: true", "  dashboard: false", text)
    return re.sub(r"(?m)^(cloudtrail:\n  enabled:) true", r"\1 false", text)


def _no_cdn(text: str) -> str:
    return re.sub(r"(?m)^(  cdn:\n    enabled:) true", r"\1 false", text)


def _named(session: Any) -> set[tuple[str, str]]:
    """The inventory without what AWS makes up anew each time."""
    kept = [(what, name) for what, name in inventory(session) if what not in ("certificate", "headers policy")]
    return {(what, re.sub(r"[0-9a-f]{8,}|[A-Z0-9]{12,}|:[0-9]+$", "", name)) for what, name in kept}


@pytest.mark.parametrize("lost", [False, True], ids=["state kept", "state lost"])
def test_what_is_no_longer_wanted_goes(lost: bool, tmp_path: Path) -> None:
    # A record that points at a distribution which nobody wants is somebody else's once the state is lost.
    less = _edited(tmp_path / "config", _less if lost else lambda text: _no_cdn(_less(text)))
    with mocked_aws() as session:
        app.provision("dev", session=session, state_dir=tmp_path / "small", config_dir=less)
        small = _named(session)
    with mocked_aws() as session:
        provision(session, tmp_path / "first", "dev")
        whole = _named(session)
        state = tmp_path / ("second" if lost else "first")
        app.provision("dev", session=session, state_dir=state, config_dir=less, allow_replace=True)
        orphans = {what for what, _ in _named(session) - small}
        assert orphans == ({"dashboard"} if lost else set()), "a dashboard has no tags: only the state knew it"
        assert small <= _named(session)
        policies = session.client("cloudfront").list_response_headers_policies(Type="custom")
        assert policies["ResponseHeadersPolicyList"]["Quantity"] == (1 if lost else 0), "wanted with the CDN only"
        assert not app.plan("dev", session=session, state_dir=state, config_dir=less).changes
        if not lost:
            provision(session, state, "dev")
            assert _named(session) == whole, "and it comes back"
            assert not app.plan("dev", session=session, state_dir=state).changes
