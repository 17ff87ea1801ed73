"""The policies that reptiops prints for itself: complete, small, within IAM's limits, and closed to other environments."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner

from reptiops.app.rights import LIMIT, TooLong, _within_limit, policies, size
from reptiops.aws import is_read
from reptiops.cli import cli
from reptiops.sandbox.evaluation import ALLOWED, DENIED, IMPLICIT, evaluate

TASKS = ("plan", "provision", "drift", "reconcile", "teardown", "adopt")
ACCOUNT = "123456789012"


def statements(environment: str, task: Any, **more: Any) -> list[dict[str, Any]]:
    found = policies(environment, task, account=ACCOUNT, **more)
    return [statement for policy in found for statement in json.loads(policy.json())["Statement"]]


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("task", TASKS)
def test_within_the_limits_of_iam(environment: str, task: Any) -> None:
    found = policies(environment, task, account=ACCOUNT)
    assert 1 <= len(found) <= 10, "a role takes ten managed policies"
    for policy in found:
        assert 0 < size(policy) <= LIMIT
        text = policy.json()
        assert not re.search(r"\{[\w.]+\}", text), "an open place"
        assert "⟦" not in text
        assert "**" not in text


@pytest.mark.parametrize("task", ["plan", "drift"])
def test_who_only_looks_may_write_nothing_but_its_message(task: Any) -> None:
    reads = ("Describe", "Get", "List", "View", "Lookup")
    writes = {a for s in statements("prod", task) for a in s["Action"] if not a.split(":")[1].startswith(reads)}
    assert writes == ({"sns:Publish", "cloudwatch:PutMetricData"} if task == "drift" else set())
    assert not any("secretsmanager:GetSecretValue" in s["Action"] for s in statements("prod", task))


def test_who_adopts_may_tag_and_nothing_else() -> None:
    reads = ("Describe", "Get", "List", "View")
    writes = [a for s in statements("prod", "adopt") for a in s["Action"] if not a.split(":")[1].startswith(reads)]
    assert {"ec2:CreateTags", "s3:PutBucketTagging", "iam:TagRole"} <= set(writes)
    assert all("Tag" in action for action in writes)
    assert not any("CreateAction" in str(s) for s in statements("prod", "adopt")), "no create comes with the tags"


def _actions(task: Any) -> set[str]:
    return {action for statement in statements("prod", task) for action in statement["Action"]}


def test_who_tears_down_asks_nothing_about_versions_images_or_what_is_held() -> None:
    """It all goes. A rollback asks whether data has come into what it would remove."""
    asked = {"ecr:DescribeImages", "ecr:ListImages", "logs:DescribeLogStreams", "rds:DescribeDBEngineVersions"}
    assert not asked & _actions("teardown")
    assert asked <= _actions("provision")
    assert {"ecr:ListImages", "logs:DescribeLogStreams"} <= _actions("reconcile")


def test_what_stands_alone_with_a_star_only_reads_or_is_tied_to_tags() -> None:
    open_writes = {
        action
        for s in statements("prod", "provision")
        if s["Resource"] == ["*"] and "Condition" not in s
        for action in s["Action"]
        if not is_read(action.split(":")[1].lower().replace("describe", "describe_").replace("list", "list_"))
        and not action.split(":")[1].startswith("Get")
    }
    # IAM knows no resource for the first two; a headers policy that is about to be made has no ARN yet.
    assert open_writes == {"ecs:DeregisterTaskDefinition", "sns:Unsubscribe", "cloudfront:CreateResponseHeadersPolicy"}


def test_dev_may_touch_nothing_of_prod() -> None:
    documents = [p.json() for p in policies("dev", "provision", account=ACCOUNT)]
    prod = {
        "rds:DeleteDBInstance": f"arn:aws:rds:us-east-1:{ACCOUNT}:db:reptidex-prod",
        "s3:DeleteBucket": "arn:aws:s3:::reptidex-prod-uploads",
        "ecs:DeleteCluster": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/prod-reptidex-cluster",
        "logs:DeleteLogGroup": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/ecs/prod/repti-core",
        "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:reptidex/prod/database-AbCdEf",
        "iam:DeleteRole": f"arn:aws:iam::{ACCOUNT}:role/reptidex-prod-execution",
        "ec2:DeleteVpc": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-1",
    }
    tags = {"aws:ResourceTag/Project": ["reptidex"], "aws:ResourceTag/Environment": ["prod"]}
    for action, arn in prod.items():
        assert evaluate(documents, action, arn, tags) == IMPLICIT, action
        mine = arn.replace("prod", "dev")
        assert evaluate(documents, action, mine, {**tags, "aws:ResourceTag/Environment": ["dev"]}) == ALLOWED, action


def test_roles_are_handed_to_named_services_only() -> None:
    documents = [p.json() for p in policies("dev", "provision", account=ACCOUNT)]
    role = f"arn:aws:iam::{ACCOUNT}:role/reptidex-dev-task-backend"
    for service, decision in (("ecs-tasks", ALLOWED), ("lambda", IMPLICIT), ("ec2", IMPLICIT)):
        handed = {"iam:PassedToService": [f"{service}.amazonaws.com"]}
        assert evaluate(documents, "iam:PassRole", role, handed) == decision
    assert evaluate(documents, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Admin", {}) == IMPLICIT


def test_what_people_made_inside_may_go_only_when_asked_for() -> None:
    subnet = f"arn:aws:ec2:us-east-1:{ACCOUNT}:subnet/subnet-1"
    for more, decision in (({}, IMPLICIT), ({"hand_made": True}, ALLOWED)):
        documents = [p.json() for p in policies("dev", "teardown", account=ACCOUNT, **more)]
        assert evaluate(documents, "ec2:DeleteSubnet", subnet, {}) == decision


def test_a_statement_that_is_too_long_is_split_by_its_actions_and_nothing_is_lost() -> None:
    actions = [f"ec2:Describe{'X' * 50}{n}" for n in range(200)]
    parts = list(_within_limit({"Effect": "Allow", "Action": actions, "Resource": ["*"]}))
    assert [a for part in parts for a in part["Action"]] == actions
    assert len(parts) > 1
    with pytest.raises(TooLong):
        list(_within_limit({"Effect": "Allow", "Action": ["ec2:X"], "Resource": ["x" * LIMIT]}))


def test_the_command_calls_no_aws_and_writes_files_for_iam(tmp_path: Any) -> None:
    runner = CliRunner()
    printed = runner.invoke(cli, ["policy", "dev", "--for", "plan", "--account", ACCOUNT])
    assert printed.exit_code == 0, printed.output
    (document,) = json.loads(printed.output)
    assert document["Version"] == "2012-10-17"
    written = runner.invoke(cli, ["policy", "prod", "--account", ACCOUNT, "--to", str(tmp_path)])
    files = sorted(tmp_path.iterdir())
    assert written.exit_code == 0
    assert [str(f) for f in files] == written.output.split()
    assert all(len(f.read_text().strip()) <= LIMIT for f in files)


def test_the_evaluation_denies_first_and_refuses_what_it_does_not_know() -> None:
    allow = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"}
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/secret"}
    document = json.dumps({"Statement": [allow, deny]})
    assert evaluate([document], "s3:getobject", "arn:aws:s3:::a/b", {}) == ALLOWED
    assert evaluate([document], "s3:GetObject", "arn:aws:s3:::a/secret", {}) == DENIED
    assert evaluate([document], "s3:PutObject", "arn:aws:s3:::a/b", {}) == IMPLICIT
    strange = json.dumps({"Statement": [{**allow, "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}]})
    with pytest.raises(Exception, match="DateLessThan"):
        evaluate([strange], "s3:GetObject", "arn:aws:s3:::a/b", {})
