"""The code in the documentation does what it says."""

from __future__ import annotations

import json
import random
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops import app
from reptiops.app.deciding import Braking
from reptiops.app.upkeep import Drifted, Reconciled
from reptiops.cli.examples import EXAMPLES
from reptiops.engine.finding import Finding
from reptiops.engine.graph import PHASES, collect
from reptiops.report import findings
from reptiops.steps import compute, database, monitoring, network, security, storage
from reptiops.testing import reptiops_environment
from tests import docs
from tests.test_contract import check_with_rights
from tests.test_conventions import parsed

DOCS = Path(__file__).parent.parent / "docs"


def _blocks(name: str) -> dict[str, str]:
    """The Python blocks of a page by the file name in their first line."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    return {block.split("\n", 1)[0].removeprefix("# "): block for block in blocks}


def _module(name: str, code: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(code, name, "exec"), module.__dict__)
    return module


@pytest.fixture
def modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("reptiops.resources.", "documented", "tests.samples.")):
            del sys.modules[name]


@pytest.mark.usefixtures("modules")
def test_the_worked_example_of_a_kind_is_one_file_one_step_one_sample() -> None:
    blocks = _blocks("adding-a-resource.md")
    assert set(blocks) == {"reptiops/resources/sqs.py", "reptiops/steps/storage.py", "tests/samples/sqs.py"}
    _module("reptiops.resources.sqs", blocks["reptiops/resources/sqs.py"])
    phase = _module("documented.storage", blocks["reptiops/steps/storage.py"])
    (sample,) = _module("tests.samples.sqs", blocks["tests/samples/sqs.py"]).SAMPLES
    check_with_rights(sample)
    graph = collect((network, security, database, compute, storage, monitoring, phase))
    assert sample.kind in graph.kinds()
    assert graph.by_path["storage/media_queue"].kinds == (sample.kind,)


@pytest.mark.usefixtures("reptiops_environment")
def test_the_example_of_a_test(reptiops_environment: Any) -> None:
    blocks = _blocks("testing.md")
    test = _module("documented_test", blocks["test_uploads.py"])
    test.test_uploads_are_kept(reptiops_environment)


# --- command blocks: `make docs-check` runs all of them ------------------------------------------------------------

LINES = [command for page in docs.pages() for command in docs.commands(page)]
REPTIOPS = [command for command in LINES if command.text.startswith("reptiops ")]
OFFLINE = (
    "doctor",
    "init",
    "validate",
    "schema",
    "completion",
    "graph",
    "playbook list",
    "playbook show",
    "cost",
    "policy",
)
SAMPLE = 2


@pytest.mark.parametrize("command", REPTIOPS, ids=lambda c: f"{c.page}:{c.line}")
def test_every_documented_command_line_is_a_valid_one(command: docs.Command) -> None:
    line = re.split(r" [|>] ", command.words)[0]
    parsed(line)


ADDRESS = re.compile(rf"(?<![\w./-])(?:{'|'.join(PHASES)})/[a-z][\w/.-]*[\w]")
MOVED = {"storage/bucket/media"}
"""What somebody may have renamed something to."""


def test_every_address_in_a_command_is_one_of_the_environment(account: Any, tmp_path: Path) -> None:
    """Who copies it would be told that there is none."""
    real = {action.address for action in app.plan("dev", session=account, state_dir=tmp_path).actions}
    shown = {word for examples in EXAMPLES.values() for line, _ in examples for word in ADDRESS.findall(line)}
    shown |= {word for command in REPTIOPS for word in ADDRESS.findall(command.words)}
    assert "monitoring/alarm/alb-5xx-rate" in shown
    wrong = {one for one in shown - MOVED if not any(f"{address}/".startswith(f"{one}/") for address in real)}
    assert not wrong


def test_some_documented_commands_that_call_no_aws_do_what_is_said(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    offline = [c for c in REPTIOPS if c.text.startswith(tuple(f"reptiops {name}" for name in OFFLINE))]
    offline = [c for c in offline if "my-" not in c.text or " init " in c.text]
    chosen = random.Random(seed).sample(offline, SAMPLE)
    for number, command in enumerate(chosen):
        (tmp_path / str(number)).mkdir()
        assert docs.check(command, docs.Reader(tmp_path / str(number))) == "", command


def test_what_drift_and_reconcile_print_for_machines_is_what_the_page_says() -> None:
    """And what it says of a finding, but the two keys that only some have."""
    page = (DOCS / "drift.md").read_text()
    drift, reconciled = (set(json.loads(block)) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert drift == findings.drift(Drifted((), (), (), {}, Braking())).keys()
    assert reconciled == findings.reconciled(Reconciled((), ())).keys()
    told = {
        key
        for row in re.findall(r"^\| (`.*?`) \|", page.split("A finding is")[1], re.MULTILINE)
        for key in row.split("`")[1::2]
    }
    one = Finding("network/vpc", "vpc-1", "cidr", "changed", "security")
    assert findings.finding(one).keys() | {"who", "why"} <= told


def test_every_page_is_linked_and_every_link_leads_somewhere() -> None:
    linked = set()
    for page in [DOCS.parent / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            file = (page.parent / target).resolve()
            assert file.exists(), f"{page.name} links to {target}"
            linked.add(file)
    unlinked = {page.name for page in DOCS.glob("*.md") if page.resolve() not in linked}
    assert unlinked <= {"timings.md", "aws-notes.md"}, "a page that nobody finds"


__all__ = ["reptiops_environment"]
