"""A secret is in nothing that the tool writes: not in state, journal, reports, output, tracebacks or process arguments.

Four canaries: the database's password, the cache's token, the address of a webhook, the value of somebody's tag. AWS
itself repeats the first two in an error, as it may.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reptiops.cli import main
from reptiops.testing import mocked_aws
from tests.small import small_config

PASSWORD, TOKEN, HOOK, TAG = (f"canary{name}0123456789abcdef" for name in ("Password", "Token", "Hook", "Tag"))
CANARIES = (PASSWORD, TOKEN, HOOK, TAG)
STEPS = ("network", "security", "database")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mocked_aws() as made:
        monkeypatch.setattr(boto3, "Session", lambda *_, **__: made)
        yield made


def _echo(params: Any, **_: Any) -> None:
    """Refuse a call, with its parameters in the message."""
    answer: Any = {"Error": {"Code": "InvalidParameterValue", "Message": f"wrong: {json.dumps(params, default=str)}"}}
    raise ClientError(answer, "ModifyDBInstance")


def _planted(session: Any) -> None:
    secrets = session.client("secretsmanager")
    for one in secrets.list_secrets()["SecretList"]:
        value = json.dumps({"username": "reptidex", "password": PASSWORD}) if "database" in one["Name"] else TOKEN
        secrets.put_secret_value(SecretId=one["ARN"], SecretString=value)
    ec2 = session.client("ec2")
    ids = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]] + [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]]
    ec2.create_tags(Resources=ids, Tags=[{"Key": "Note", "Value": TAG}])


def test_no_secret_in_any_byte(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    config = small_config(
        tmp_path / "config",
        ("encryption_in_transit: false", "encryption_in_transit: true"),
        ("auth_token: false", "auth_token: true"),
    )
    books = tmp_path / "books"
    shutil.copytree("playbooks", books)
    book = books / "provision.yaml"
    book.write_text(book.read_text() + "\nnotifications:\n  webhook_variable: HOOK\n")
    monkeypatch.setenv("HOOK", f"https://no where.invalid/{HOOK}")
    written: list[str] = []
    places = [
        "--config-dir",
        config,
        "--playbook-dir",
        books,
        "--state-dir",
        tmp_path / "state",
        "--verbose",
        "--debug",
    ]

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["reptiops", *words, *map(str, places)])
        with pytest.raises(SystemExit) as left:
            main()
        out = capfd.readouterr()
        written.extend((out.out, out.err, " ".join(sys.argv)))
        return int(left.value.code or 0)

    only = [word for step in STEPS for word in ("--phase", step)]
    assert run("provision", "dev", "--yes", *only) == 0
    assert "webhook" in "".join(written)
    _planted(session)
    session._session.register("before-call.rds.ModifyDBInstance", _echo)
    assert run("provision", "dev", "--yes", *only) == 1
    failed = "".join(written[-3:])
    assert "(hidden)" in failed, "AWS repeated the password, and it was hidden"
    assert "Traceback" in failed
    session._session.unregister("before-call.rds.ModifyDBInstance", _echo)
    assert run("provision", "dev", "--yes", *only) == 0, "and now it is set"
    for words in (
        ["plan", "dev", "--json"],
        ["drift", "dev", "--json"],
        ["history", "dev", "--json"],
        ["explain", "dev", "--json"],
        ["state", "list", "dev", "--json"],
        ["report", "dev", "--to", str(tmp_path / "report.html")],
        ["teardown", "dev", "--yes"],
    ):
        assert run(*words) in (0, 3), words
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) > 6
    written += [p.read_bytes().decode(errors="replace") for p in files]
    for canary in CANARIES:
        for text in written:
            at = text.find(canary)
            assert at < 0, f"{canary} in {text[max(0, at - 200) : at + 50]!r}"
