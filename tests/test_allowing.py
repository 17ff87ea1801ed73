"""What `provision` refuses unless it is allowed: `plan` says so before, and the command that it suggests is complete."""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reptiops.app.refusing import refuse
from reptiops.app.site import Refused
from reptiops.cli import cli
from reptiops.engine.action import Action
from reptiops.engine.diff import diff
from reptiops.engine.plan import EVERYTHING, Plan
from reptiops.engine.resource import Live
from reptiops.playbook import load_playbook
from reptiops.resources import rds_groups
from reptiops.resources.ec2_gateways import NatGateway
from reptiops.testing import mocked_aws, provision
from tests.small import small_config

FIRST = ("    assets: {versioning: false}\n", "    assets: {versioning: false}\n    extra: {versioning: false}\n")
PART = ("storage/bucket",)
GONE = "storage/bucket/extra"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Buckets of dev, of which the configuration no longer declares one."""
    with mocked_aws() as session:
        provision(session, tmp_path / "state", "dev", only=PART, config_dir=small_config(tmp_path / "first", FIRST))
        yield {"s3": session.client("s3"), "state": tmp_path / "state", "config": small_config(tmp_path / "config")}


def typed(there: dict[str, Any], *words: str) -> tuple[int, str, str]:
    """Exit code, output, and what went wrong, of a command on these buckets."""
    place = ["--state-dir", str(there["state"]), "--config-dir", str(there["config"])]
    done = contextvars.copy_context().run(CliRunner().invoke, cli, [*words, *place])
    error = done.exception
    return getattr(error, "exit_code", done.exit_code), done.output, str(error or "")


def names(there: dict[str, Any]) -> list[str]:
    return [bucket["Name"] for bucket in there["s3"].list_buckets()["Buckets"]]


def test_a_plan_tells_what_has_to_be_allowed_and_suggests_a_command_that_works(
    there: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "dev.plan"
    code, output, _ = typed(there, "plan", "dev", "--only", PART[0], "--out", str(file))
    assert code == 0
    assert f"needs --allow-replace: {GONE}" in output
    assert re.search(r"`reptiops provision dev .*--plan \S+/dev\.plan --allow-replace` does exactly this", output)

    code, output, error = typed(there, "provision", "dev", "--plan", str(file))
    assert (code, error.splitlines()[0]) == (4, "This would lose what holds data:")
    assert f"- {GONE}" in output, "what is refused is shown before"
    assert f"needs --allow-replace: {GONE}" in output
    assert "reptidex-dev-extra" in names(there)

    code, output, error = typed(there, "provision", "dev", "--plan", str(file), "--allow-replace")
    assert (code, error) == (0, ""), output
    assert "needs --allow-replace" not in output, "it was given"
    assert "reptidex-dev-extra" not in names(there)


def test_a_machine_is_told_too(there: dict[str, Any]) -> None:
    _, output, _ = typed(there, "plan", "dev", "--only", PART[0], "--json")
    assert json.loads(output)["needs_allow_replace"] == [GONE]
    provided = there["config"] / "dev.yaml"
    provided.write_text(provided.read_text().replace('suffix: "" ', 'suffix: "-9" '))
    _, output, _ = typed(there, "plan", "dev", "--only", PART[0], "--json")
    buckets = [f"storage/bucket/{name}" for name in ("assets", "uploads", "extra")]
    assert sorted(json.loads(output)["needs_allow_replace"]) == sorted(buckets), "each once"


def test_what_the_playbook_allows_is_not_asked_for(there: dict[str, Any], tmp_path: Path) -> None:
    books = tmp_path / "playbooks"
    books.mkdir()
    (books / "provision.yaml").write_text("operation: provision\nbrake: {data: false}\n")
    code, output, _ = typed(there, "plan", "dev", "--only", PART[0], "--playbook-dir", str(books))
    assert code == 0
    assert "allow-replace" not in output
    code, output, error = typed(there, "provision", "dev", "--yes", "--only", PART[0], "--playbook-dir", str(books))
    assert (code, error) == (0, ""), output
    assert "reptidex-dev-extra" not in names(there)


def test_what_was_not_selected_is_not_counted(there: dict[str, Any]) -> None:
    code, output, _ = typed(there, "plan", "dev", "--only", "storage/bucket/assets")
    assert (code, "what was selected, 1 resource, is as it should be" in output) == (0, True)
    config = there["config"] / "dev.yaml"
    config.write_text(config.read_text().replace("assets: {versioning: false}", "assets: {versioning: true}"))
    _, output, _ = typed(there, "plan", "dev", "--only", "storage/bucket/assets")
    assert "Plan: 1 to update; nothing else was selected." in output
    _, output, _ = typed(there, "plan", "dev", "--only", "storage/bucket/assets", "--only", "storage/bucket/uploads")
    assert "Plan: 1 to update; 1 unchanged of what was selected." in output
    _, output, _ = typed(there, "plan", "dev", "--only", "storage/bucket/assets", "--json")
    assert json.loads(output)["counts"]["unchanged"] == 0


def test_a_refusal_says_what_is_deleted_first_and_what_is_made_beside_the_old_one() -> None:
    old = rds_groups.ParameterGroup("x", "postgres15", "x")
    new = replace(old, family="postgres16")
    group = Action("database/group", "replace", type(old), new, Live("x", old), diff(new, old), "database")
    nat = NatGateway("subnet-2", "address")
    gate = Action(
        "network/nat", "replace", NatGateway, nat, Live("nat", replace(nat, subnet="subnet-1")), phase="network"
    )
    with pytest.raises(Refused) as told:
        refuse("dev", Plan((gate, group)), load_playbook("provision"), False, EVERYTHING)
    assert "  network/nat: failed, deleted first" in str(told.value)
    assert "  database/group: family, beside the old one, which goes last" in str(told.value)


def test_the_end_of_a_part_is_not_taken_for_the_whole(there: dict[str, Any]) -> None:
    code, output, _ = typed(there, "provision", "dev", "--yes", "--only", "storage/bucket/assets")
    assert code == 0
    assert "Nothing to do: what was selected, 1 resource, is as it should be." in output
    assert re.search(
        r"still to do: \d+ changes outside of what was selected \(\d+ in network, .*\d+ in storage", output
    )
    config = there["config"] / "dev.yaml"
    config.write_text(config.read_text().replace("assets: {versioning: false}", "assets: {versioning: true}"))
    code, output, _ = typed(there, "provision", "dev", "--yes", "--only", "storage/bucket/assets")
    assert code == 0
    assert "still to do: " in output
    assert "`reptiops plan dev " in output
    _, output, _ = typed(there, "provision", "dev", "--yes", "--only", "storage/bucket/assets", "--json")
    assert json.loads(output[output.index("{") :])["elsewhere"]["network"] > 1


def test_a_plan_that_no_longer_holds_gives_the_command_that_makes_another(
    there: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "dev.plan"
    typed(there, "plan", "dev", "--only", GONE, "--out", str(file))
    there["s3"].delete_bucket(Bucket="reptidex-dev-extra")
    code, _, error = typed(there, "provision", "dev", "--plan", str(file))
    assert code == 4
    assert f"Plan again and read it: `reptiops plan dev --only {GONE} --out FILE`." in error

    assets = "storage/bucket/assets"
    typed(there, "plan", "dev", "--only", assets, "--out", str(file))
    there["s3"].put_bucket_versioning(Bucket="reptidex-dev-assets", VersioningConfiguration={"Status": "Enabled"})
    _, _, error = typed(there, "provision", "dev", "--plan", str(file))
    assert f"{assets}: the plan left it as it is, now it would say update of versioning" in error


def test_the_help_says_that_data_may_go() -> None:
    text = " ".join(CliRunner().invoke(cli, ["provision", "--help"]).output.split())
    assert "deleting what holds data" in text
