"""What cannot change in place and is in use: made anew beside the old one, everything switched over, the old one gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.inventory import inventory
from tests.small import small_config

NAMES = ('names: [reptidex.com, "*.reptidex.com"]', 'names: [reptidex.com, "*.reptidex.com", "*.x.reptidex.com"]')
PORT = ("repti-core: {kind: backend, ", "repti-core: {kind: backend, port: 8006, ")
MAJOR = ('  version: "15.7"', '  version: "16.9"')

pytestmark = pytest.mark.proof


@dataclass
class There:
    session: Any
    root: Path

    def config(self, name: str, *edits: tuple[str, str]) -> Path:
        return small_config(self.root / name, *edits)

    def run(self, config: Path, **more: Any) -> Any:
        where = {"session": self.session, "state_dir": self.root, "config_dir": config}
        return app.provision("dev", allow_replace=True, **where, **more)

    def plan(self, config: Path) -> dict[str, str]:
        made = app.plan("dev", session=self.session, state_dir=self.root, config_dir=config)
        return {a.address: a.verb for a in made.changes}

    def certificates(self) -> dict[str, tuple[str, ...]]:
        acm = self.session.client("acm")
        listed = acm.list_certificates()["CertificateSummaryList"]
        found = (acm.describe_certificate(CertificateArn=c["CertificateArn"])["Certificate"] for c in listed)
        return {one["CertificateArn"]: tuple(sorted(one["SubjectAlternativeNames"])) for one in found}

    def shown(self) -> set[str]:
        """The certificates that the listener and the distribution show."""
        elb = self.session.client("elbv2")
        balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
        listeners = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        cdn = self.session.client("cloudfront")
        one = cdn.list_distributions()["DistributionList"]["Items"][0]["Id"]
        viewer = cdn.get_distribution_config(Id=one)["DistributionConfig"]["ViewerCertificate"]
        return {c["CertificateArn"] for x in listeners for c in x.get("Certificates", [])} | {
            viewer["ACMCertificateArn"]
        }

    def targets(self) -> dict[str, tuple[str, int]]:
        """By ARN: name and port of the target groups of repti-core."""
        groups = self.session.client("elbv2").describe_target_groups()["TargetGroups"]
        return {
            g["TargetGroupArn"]: (g["TargetGroupName"], g["Port"]) for g in groups if "core" in g["TargetGroupName"]
        }

    def behind(self) -> str:
        answer = self.session.client("ecs").describe_services(cluster="dev-reptidex-cluster", services=["repti-core"])
        return str(answer["services"][0]["loadBalancers"][0]["targetGroupArn"])

    def refusing(self, event: str) -> Any:
        """AWS refuses an operation until the answer is called."""

        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, event.rsplit(".", 1)[1])

        self.session.events.register(event, refuse)
        return lambda: self.session.events.unregister(event, refuse)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    with mocked_aws() as session:
        world = There(session, tmp_path_factory.mktemp("replacement"))
        provision(session, world.root, config_dir=world.config("first"))
        yield world


def test_the_whole_way_of_a_replacement(there: There) -> None:
    """Refused unless allowed; a failure goes back to the old ones; kept half done, the next run ends it."""
    first, second = there.config("first"), there.config("second", NAMES, PORT)
    old, group, before = set(there.certificates()), there.targets(), inventory(there.session)
    planned = there.plan(second)
    assert planned["security/certificate"] == planned["compute/target_group/repti-core"] == "replace"
    assert {planned[f"compute/{name}"] for name in ("https_listener", "host_rule/repti-core")} == {"update"}
    with pytest.raises(app.Refused, match="allow-replace"):
        app.provision("dev", session=there.session, state_dir=there.root, config_dir=second)
    with pytest.raises(app.Refused, match="`reptiops provision dev`, without --phase and --only"):
        there.run(second, only=("security/certificate",))

    mend = there.refusing("before-call.cloudwatch.PutDashboard")
    with pytest.raises(app.ProvisionFailed, match="Rolled back"):
        there.run(second)
    assert there.shown() == old
    assert (there.targets(), {there.behind()}) == (group, set(group))
    assert inventory(there.session) == before
    assert there.plan(first) == {}, "the state knows the old ones again"

    with pytest.raises(app.ProvisionFailed):
        there.run(second, on_failure="keep")
    assert len(there.certificates()) == len(there.targets()) == 2
    mend()
    assert there.plan(second)["security/certificate/replaced"] == "delete"
    assert there.run(second).left == ()
    assert {len(names) for names in there.certificates().values()} == {3}
    assert there.shown() == set(there.certificates())
    assert set(there.targets().values()) == {("reptidex-dev-repti-core-2", 8006)}
    assert {there.behind()} == set(there.targets())
    assert there.plan(second) == {}


def test_back_to_the_first_name(there: There) -> None:
    first = there.config("first")
    assert there.run(first).left == ()
    assert {name for name, _ in there.targets().values()} == {"reptidex-dev-repti-core"}
    assert there.plan(first) == {}


def test_a_parameter_group_follows_the_major_version(there: There) -> None:
    third = there.config("third", MAJOR)
    assert there.plan(third)["database/database_parameter_group"] == "replace"
    assert there.run(third).left == ()
    rds = there.session.client("rds")
    groups = {g["DBParameterGroupName"] for g in rds.describe_db_parameter_groups()["DBParameterGroups"]}
    assert {name for name in groups if name.startswith("reptidex")} == {"reptidex-dev-postgres16"}
    instance = rds.describe_db_instances()["DBInstances"][0]
    assert instance["EngineVersion"] == "16.9"
    assert [g["DBParameterGroupName"] for g in instance["DBParameterGroups"]] == ["reptidex-dev-postgres16"]


def test_what_cannot_be_replaced_is_refused_in_the_plan(there: There) -> None:
    words = ('description: "PostgreSQL: tasks in"', 'description: "The database: tasks in"')
    config = there.config("words", MAJOR, words)
    made = app.plan("dev", session=there.session, state_dir=there.root, config_dir=config)
    assert list(made.stuck) == ["security/security_group/rds"]
    assert "Put back what it was" in made.stuck["security/security_group/rds"]
    with pytest.raises(app.Refused, match="Put back what it was"):
        there.run(config)


def test_a_teardown_takes_both(there: There) -> None:
    """Half done, it is torn down whole."""
    config = there.config("fourth", MAJOR, PORT)
    mend = there.refusing("before-call.cloudwatch.PutDashboard")
    with pytest.raises(app.ProvisionFailed):
        there.run(config, on_failure="keep")
    mend()
    assert len(there.targets()) == 2
    gone = app.teardown("dev", session=there.session, state_dir=there.root, config_dir=config)
    assert gone.left == ()
    assert there.targets() == {}
