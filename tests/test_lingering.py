"""What AWS says while something lingers that it calls done, and to a second attempt whose first took effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto import mock_aws

from reptiops import app
from reptiops.engine.resource import Live, Made, Status
from reptiops.resources.cloudfront import Distribution
from reptiops.resources.rds import Instance
from reptiops.sandbox import gaps, rules
from reptiops.testing import mocked_aws
from tests.samples import World
from tests.scenarios import session
from tests.small import small_config
from tests.test_contract import SAMPLES


class Once:
    """Raises an error at the first call of one operation, before it is sent or after it took effect."""

    def __init__(self, watched: Any, operation: str, error: Exception, when: str = "before-call"):
        self.hit = 0
        self._operation, self._error = operation, error
        watched._session.register(when, self._raise)

    def _raise(self, model: Any, **_: Any) -> None:
        if model.name == self._operation:
            self.hit += 1
            if self.hit == 1:
                raise self._error


def _said(operation: str, word: str, text: str) -> ClientError:
    answer: Any = {"Error": {"Code": word, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, operation)


def test_an_address_whose_gateway_has_just_gone_is_released_a_little_later(tmp_path: Path) -> None:
    """AWS calls it a missing right, and it is none."""
    where: dict[str, Any] = {"state_dir": tmp_path / "state", "config_dir": small_config(tmp_path / "config")}
    with mocked_aws() as quiet:
        app.provision("dev", session=quiet, phases=["network"], **where)
        addresses = quiet.client("ec2").describe_addresses()["Addresses"]
        broken = session()
        refused = _said("ReleaseAddress", "AuthFailure", "You do not have permission to access the specified resource.")
        once = Once(broken, "ReleaseAddress", refused)
        assert app.teardown("dev", session=broken, **where).left == ()
        assert once.hit == len(addresses) + 1
        assert not quiet.client("ec2").describe_addresses()["Addresses"]


@pytest.mark.parametrize(
    ("operation", "word", "text"),
    [
        (
            "CreateDBSubnetGroup",
            "InvalidParameterValue",
            "Missing necessary credentials. See x/ServiceLinkedRoles.html",
        ),
        (
            "CreateCacheSubnetGroup",
            "ServiceLinkedRoleNotFoundFault",
            "insufficient permissions. Please create new role",
        ),
    ],
)
def test_a_new_account_whose_service_linked_roles_spread(operation: str, word: str, text: str, tmp_path: Path) -> None:
    with mocked_aws() as quiet:
        broken, order = session(), list[str]()
        broken._session.register("before-call", lambda model, **_: order.append(model.name))
        once = Once(broken, operation, _said(operation, word, text))
        phases = ["network", "security", "database"]
        app.provision("dev", session=broken, state_dir=tmp_path, phases=phases)
        assert once.hit == 2
        assert len(quiet.client("rds").describe_db_subnet_groups()["DBSubnetGroups"]) == 1
        assert order.index(operation) > max(n for n, one in enumerate(order) if one == "CreateServiceLinkedRole")


def test_a_deleted_secret_whose_answer_was_lost(tmp_path: Path) -> None:
    """Within its recovery window the second DeleteSecret is refused: it is deleted already."""
    config = small_config(tmp_path / "config", ("recovery_days: 0 ", "recovery_days: 7 "))
    where: dict[str, Any] = {"state_dir": tmp_path / "state", "config_dir": config}
    with mocked_aws() as quiet:
        app.provision("dev", session=quiet, phases=["network", "security", "database"], **where)
        broken = session()
        once = Once(broken, "DeleteSecret", ConnectionClosedError(endpoint_url="https://x"), "after-call")
        assert app.teardown("dev", session=broken, **where).left == ()
        assert once.hit > 1
        kept = quiet.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]
        assert kept
        assert all("DeletedDate" in one for one in kept)


def test_a_distribution_is_asked_for_by_one_reference() -> None:
    """The only thing by which CloudFront tells a second attempt from a second distribution."""
    gaps.apply()
    with rules.enforced(), mock_aws():
        world = World()
        made, identity = SAMPLES["cloudfront.Distribution"].make(world), world.identity("storage/distribution")
        assert isinstance(made, Distribution)
        want = replace(made, aliases=frozenset())  # else AWS knows it by those
        want.create(world.aws, identity)
        with pytest.raises(ClientError, match="DistributionAlreadyExists"):
            want.create(world.aws, identity)
        assert world.session.client("cloudfront").list_distributions()["DistributionList"]["Quantity"] == 1


def test_a_rule_that_a_first_attempt_made_is_no_occupant() -> None:
    gaps.apply()
    with rules.enforced(), mock_aws():
        world = World()
        want, identity = SAMPLES["elbv2.HostRule"].make(world), world.identity("compute/host_rule/one")
        first, second = want.create(world.aws, identity), want.create(world.aws, identity)
        assert isinstance(first, Made)
        assert isinstance(second, Made)
        assert first.id == second.id
        rules_there = world.session.client("elbv2").describe_rules(ListenerArn=want.listener)["Rules"]
        assert [one["RuleArn"] for one in rules_there if one["Priority"] == str(want.priority)] == [first.id]
        assert len([one for one in rules_there if not one["IsDefault"]]) == 1


def test_a_snapshot_that_could_not_be_taken_is_not_told_of() -> None:
    gaps.apply()
    with rules.enforced(), mock_aws():
        want = SAMPLES["rds.Instance"].make(World())
        assert isinstance(want, Instance)
        one = replace(want, final_snapshot=True)
        assert "a final snapshot" in one.leaves(Live(one.name, one, None, Status("ready", "available")))
        unable = Status("failed", "incompatible-network")
        assert replace(one, backup_days=0).leaves(Live(one.name, replace(one, backup_days=0), None, unable)) == ""
        going = one.leaves(Live(one.name, one, None, Status("going", "deleting")))
        assert going.startswith("is being deleted already: a snapshot stays only if whoever deletes it")
        left = one.leaves(Live(one.name, one, None, unable))
        assert left == "no final snapshot can be taken (incompatible-network): its automated backups stay"
