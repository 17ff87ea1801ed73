"""What people type is judged where they typed it: exit code 2, a sentence that names it, and nothing is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reptiops.cost import Difference, difference, traffic_of
from reptiops.testing import mocked_aws
from tests.scenarios import session
from tests.small import small_config


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("reptiops")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "dev", "--out", "{there}/none/x.plan"), "there is no directory {there}/none"),
        (("report", "dev", "-o", "{there}"), "{there} is a directory"),
        (("export", "terraform-import", "dev", "-o", "{there}/file/x"), "{there}/file is a file"),
        (("export", "cloudformation", "dev", "-o", "{there}/file"), "{there}/file is a file"),
        (("policy", "dev", "--to", "{there}/file/deep"), "{there}/file is a file"),
        (("init", "one", "--yes", "--config-dir", "{there}/file"), "{there}/file/one.yaml cannot be written"),
        (("init", "one", "--yes", "--config-dir", "{there}", "--cidr", "10.9.0.0/20"), "no private /16"),
        (("init", "one", "--yes", "--config-dir", "{there}", "--cidr", "banana"), "such as 10.9.0.0/16"),
        (("init", "My Env", "--yes", "--config-dir", "{there}"), "'My Env' is not: 1 to 16 lower-case letters"),
        (
            ("init", "one", "--yes", "--config-dir", "{there}", "--domain", "bogus"),
            "'bogus' is not: a lower-case domain",
        ),
    ],
)
def test_it_is_refused_where_it_was_typed(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run(*(word.format(there=tmp_path) for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert said.format(there=tmp_path) in " ".join(done.stderr.split()).replace("- ", "-")
    assert len(done.stderr.splitlines()) <= 3, "one thing is wrong, and one is told"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_nothing_can_be_printed() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("reptiops")), "cost", "dev"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written: No space left on device" in done.stderr
    assert "fault of reptiops" not in done.stderr


def test_what_a_plan_leaves_out_costs_nothing_more(tmp_path: Path) -> None:
    """A larger database that is configured and not asked for is in no plan of the network, nor in its bill."""
    from reptiops import app
    from reptiops.app.costs import prices_of
    from reptiops.config import load_environment

    larger = small_config(tmp_path / "larger", ("instance_class: db.t4g.micro", "instance_class: db.t4g.medium"))
    where = {"state_dir": tmp_path / "state"}
    with mocked_aws() as quiet:
        config = small_config(tmp_path / "config")
        phases = ["network", "security", "database"]
        app.provision("dev", session=quiet, config_dir=config, phases=phases, **where)
        env = load_environment("dev", larger)

        def cost(*only: str) -> Difference:
            made = app.plan("dev", session=session(), config_dir=larger, only=only, **where)
            return difference(made, prices_of(env), traffic_of("dev", env.cost.traffic))

        all_of_it, network = cost("database/database"), cost("network/vpc")
        assert all_of_it.after.total.typical > all_of_it.before.total.typical
        assert network.before.total == network.after.total
