"""The rules of the sandbox: each is named, cites a fact and stands for every refusal; its server enforces them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from reptiops.sandbox import control, gaps, rules
from reptiops.sandbox.rules import WORLD
from reptiops.sandbox.session import sandbox_session
from tests.strict import refused


def test_every_rule_is_named_once_and_cites_a_section() -> None:
    declared = rules.declared()
    names = [one.name for one in declared]
    assert len(names) == len(set(names)) >= 130
    assert all(one.about.endswith(".") and one.fact[0].isdigit() for one in declared)
    assert not WORLD.enforced, "nothing is enforced outside of a test"


MISSING = re.compile(r"NotFound\w*|missing|NotFoundException|GapError|CloudFrontException")
"""What an operation that the sandbox adds to moto may answer by itself: there is no such thing."""


def test_every_refusal_of_the_sandbox_is_a_rule() -> None:
    """What is not listed could not be switched off: beyond "there is no such thing" only rules refuse."""
    unnamed = {
        f"{file.name}:{line.lineno} {ast.unparse(line.exc)}"
        for file in Path(gaps.__path__[0]).glob("*.py")
        for line in ast.walk(ast.parse(file.read_text()))
        if isinstance(line, ast.Raise) and line.exc is not None and not MISSING.search(ast.unparse(line.exc))
    }
    assert unnamed == set()


# --- the sandbox's server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lenient", [False, True])
def test_the_server_enforces_what_it_was_told(lenient: bool, tmp_path: Path) -> None:
    status = control.start(tmp_path, control.Strictness(lenient, 0.5, (("elastic-ips", 1),)))
    try:
        session = sandbox_session(status)
        ec2_client = session.client("ec2")
        ec2_client.allocate_address(Domain="vpc")
        vpc = ec2_client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        if lenient:
            ec2_client.allocate_address(Domain="vpc")
            assert ec2_client.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        else:
            refused(lambda: ec2_client.allocate_address(Domain="vpc"), "AddressLimitExceeded")
            refused(lambda: ec2_client.describe_vpcs(VpcIds=[vpc]), "InvalidVpcID.NotFound")
    finally:
        control.stop(tmp_path)
