"""What `--only` leaves out is neither planned nor recorded: somebody else's stays somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.engine.plan import PlanError
from reptiops.testing import mocked_aws
from tests.small import small_config


def test_what_a_selection_leaves_out_is_not_taken_for_ours(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", **where, only=("network/vpc",))
        s3 = session.client("s3")
        s3.create_bucket(Bucket="reptidex-dev-uploads")
        s3.put_object(Bucket="reptidex-dev-uploads", Key="theirs", Body=b"x")
        assert not app.provision("dev", **where, only=("network/vpc",)).plan.changes
        (bucket,) = app.plan("dev", **where, only=("storage/bucket/uploads",)).changes
        assert bucket.verb == "foreign"
        app.teardown("dev", **where)
        assert s3.list_objects_v2(Bucket="reptidex-dev-uploads")["KeyCount"] == 1


MAILED = ("emails: []", "emails: [ops@reptidex.com]")


def test_nothing_is_made_on_what_is_somebody_elses_and_was_not_selected(tmp_path: Path) -> None:
    """A topic of our name, of which nothing says that we made it: a subscription would send our alarms its way."""
    with mocked_aws() as session:
        where: dict[str, Any] = {
            "session": session,
            "state_dir": tmp_path / "state",
            "config_dir": small_config(tmp_path, MAILED),
        }
        sns, only = session.client("sns"), ("monitoring/subscription",)
        arn = sns.create_topic(Name="reptidex-dev-alarms")["TopicArn"]
        for run in (app.plan, app.provision):
            with pytest.raises(PlanError, match=r"subscription/ops@reptidex.com needs monitoring/alarm_topic") as told:
                run("dev", only=only, **where)
            assert "reptiops adopt" in str(told.value)
        assert sns.list_subscriptions()["Subscriptions"] == []
        app.provision("dev", only=("network/vpc",), **where)  # what does not need it goes on
        app.adopt("dev", "monitoring/alarm_topic", arn, **where)
        app.provision("dev", only=only, **where)
        assert [one["Endpoint"] for one in sns.list_subscriptions()["Subscriptions"]] == ["ops@reptidex.com"]


FLOWING = ("  flow_logs:\n    enabled: false", "  flow_logs:\n    enabled: true")


def test_what_is_no_longer_declared_goes_after_what_needs_it(tmp_path: Path) -> None:
    """A group of flow logs under a flow log that still writes: a part that would remove it first is refused."""
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path / "state", "allow_replace": True}
        app.provision("dev", phases=("network",), config_dir=small_config(tmp_path / "with", FLOWING), **where)
        where["config_dir"] = small_config(tmp_path / "without")
        logs, ec2 = session.client("logs"), session.client("ec2")
        with pytest.raises(app.Refused, match=r"network/flow_log, which may need network/flow_log_group\n"):
            app.provision("dev", only=("network/flow_log_group",), **where)
        assert logs.describe_log_groups()["logGroups"]
        app.provision("dev", only=("network/flow_log",), **where)
        assert ec2.describe_flow_logs()["FlowLogs"] == []
        app.provision("dev", only=("network/flow_log_group",), **where)
        assert logs.describe_log_groups()["logGroups"] == []
