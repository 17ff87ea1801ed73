"""The code in the documentation does what it says."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reptiops.engine.graph import collect
from reptiops.steps import compute, database, monitoring, network, security, storage
from reptiops.testing import reptiops_environment
from tests.test_contract import check_with_rights

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


__all__ = ["reptiops_environment"]
