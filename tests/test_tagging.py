"""Whose something is when the tagging API lags: the state's record of a name proves nothing once the thing had gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from reptiops import app
from reptiops.testing import mocked_aws, provision
from tests.skipping import Skipping

UNSEEN: Any = {
    "Error": {"Code": "ResourceNotFoundException", "Message": "The specified log group does not exist."},
    "ResponseMetadata": {"HTTPStatusCode": 400},
}
GROUP = "/ecs/dev/repti-media"
TOPIC = "arn:aws:sns:us-east-1:123456789012:reptidex-dev-alarms"


class Once:
    """Raises an error at the first call of one operation."""

    def __init__(self, session: Any, operation: str, error: Exception, when: str):
        self.calls, self._operation, self._error = 0, operation, error
        session._session.register(when, self._raise)

    def _raise(self, model: Any, **_: Any) -> None:
        if model.name == self._operation:
            self.calls += 1
            if self.calls == 1:
                raise self._error


def test_a_log_group_deleted_by_hand_is_mended_though_it_is_seen_late(tmp_path: Path) -> None:
    """What is made anew has the very name that the state still records."""
    with mocked_aws() as session:
        provision(session, tmp_path, only=("compute/log_group/repti-media",))
        logs = session.client("logs")
        logs.delete_log_group(logGroupName=GROUP)
        late = Once(session, "PutRetentionPolicy", ClientError(UNSEEN, "PutRetentionPolicy"), "before-call")
        done = app.reconcile("dev", yes=True, session=session, state_dir=tmp_path, clock=Skipping())
        assert (late.calls, [f.address for f in done.mended]) == (2, ["compute/log_group/repti-media"])
        (made,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
        assert made["retentionInDays"] == 30


def _repository(session: Any) -> None:
    session.client("ecr").delete_repository(repositoryName="reptidex/dev/repti-core", force=True)


def _bucket(session: Any) -> None:
    session.client("s3").delete_bucket(Bucket="reptidex-dev-uploads")


def _topic(session: Any) -> None:
    session.client("sns").delete_topic(TopicArn=TOPIC)


@pytest.mark.parametrize(
    ("address", "operation", "remove"),
    [
        ("compute/repository/repti-core", "CreateRepository", _repository),
        ("storage/bucket/uploads", "CreateBucket", _bucket),
        ("monitoring/alarm_topic", "CreateTopic", _topic),
    ],
)
def test_what_was_deleted_by_hand_and_is_made_anew_is_known_again_after_a_lost_answer(
    address: str, operation: str, remove: Callable[[Any], None], tmp_path: Path
) -> None:
    with mocked_aws() as session:
        provision(session, tmp_path, only=(address,))
        remove(session)
        lost = Once(session, operation, ConnectionClosedError(endpoint_url="https://x"), "after-call")
        done = app.provision("dev", session=session, state_dir=tmp_path, clock=Skipping(), only=(address,))
        assert (lost.calls, [a.verb for a in done.plan.changes]) == (1, ["create"])
        assert not app.plan("dev", session=session, state_dir=tmp_path, only=(address,)).changes


def test_a_bucket_and_an_alarm_have_no_tags_of_the_ones_before_them() -> None:
    """moto keeps them."""
    tags = [{"Key": "Project", "Value": "reptidex"}]
    with mocked_aws() as session:
        s3, cloudwatch = session.client("s3"), session.client("cloudwatch")
        s3.create_bucket(Bucket="theirs")
        s3.put_bucket_tagging(Bucket="theirs", Tagging={"TagSet": tags})
        s3.delete_bucket(Bucket="theirs")
        s3.create_bucket(Bucket="theirs")
        with pytest.raises(ClientError, match="NoSuchTagSet"):
            s3.get_bucket_tagging(Bucket="theirs")
        how = {"Namespace": "x", "MetricName": "y", "Period": 60, "EvaluationPeriods": 1, "Statistic": "Sum"}
        how |= {"AlarmName": "theirs", "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
        cloudwatch.put_metric_alarm(**how, Tags=tags)
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["theirs"])["MetricAlarms"]
        cloudwatch.delete_alarms(AlarmNames=["theirs"])
        cloudwatch.put_metric_alarm(**how)
        assert not cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]


def test_a_strangers_bucket_is_foreign_though_the_tagging_api_lists_the_tags_of_the_one_before(tmp_path: Path) -> None:
    only = ("storage/bucket/uploads",)
    with mocked_aws() as session:
        provision(session, tmp_path, only=only)
        tagging = session.client("resourcegroupstaggingapi")
        (remembered,) = tagging.get_resources(ResourceTypeFilters=["s3"])["ResourceTagMappingList"]
        app.teardown("dev", session=session, state_dir=tmp_path)
        session.client("s3").create_bucket(Bucket="reptidex-dev-uploads")

        def lags(parsed: Any, **_: Any) -> None:
            if remembered not in parsed["ResourceTagMappingList"]:
                parsed["ResourceTagMappingList"].append(remembered)

        session._session.register("after-call.resource-groups-tagging-api.GetResources", lags)
        tagging = session.client("resourcegroupstaggingapi")  # clients know what was registered before them
        assert remembered in tagging.get_resources()["ResourceTagMappingList"]
        planned = app.plan("dev", session=session, state_dir=tmp_path, only=only)
        assert [a.verb for a in planned.actions] == ["foreign"]
        assert not app.teardown("dev", session=session, state_dir=tmp_path).doomed
        other = app.plan("dev", session=session, state_dir=tmp_path, only=("storage/bucket/assets",))
        assert [a.verb for a in other.actions if a.address == "storage/bucket/uploads"] == ["none"]
