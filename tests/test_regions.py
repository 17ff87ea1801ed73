"""A region is one of AWS's, wherever it is written or typed; `init` judges each answer where it is given."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result

from reptiops.cli import cli
from reptiops.config import environment_file, parse_environment
from reptiops.errors import ConfigurationError
from reptiops.regions import regions
from tests.test_config_mistakes import mistakes_of

DEV = environment_file("dev").read_text()


def _init(directory: Path, answers: str, *words: str) -> Result:
    return CliRunner().invoke(cli, ["init", "qa", "--config-dir", str(directory), *words], input=answers)


def test_the_regions_are_those_that_boto3_knows() -> None:
    known = {name for p in ("aws", "aws-cn") for name in boto3.Session().get_available_regions("ec2", p)}
    assert known <= set(regions())
    assert "aws-global" not in regions()


def test_a_wrong_region_is_one_mistake_and_says_what_is_meant() -> None:
    (one,) = mistakes_of(DEV.replace("region: us-east-1", "region: us-east-9"))
    assert one.path == "region"
    assert "us-east-9 is no region" in one.message
    assert "did you mean us-east-1?" in one.message
    assert "us-west-2" in one.valid
    (two,) = mistakes_of(DEV.replace("region: us-east-1", "region: moon"))
    assert two.path == "region"


def test_a_zone_that_is_taken_is_not_suggested() -> None:
    (one,) = mistakes_of(DEV.replace("    us-east-1b:", "    us-west-2b:"))
    assert one.valid == "us-east-1b"
    (one,) = mistakes_of(DEV.replace("    us-east-1b:", "    us-west-2a:"))
    assert one.valid == "us-east-1b"


def test_a_region_is_judged_where_it_is_typed(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "dev", "--region", "us-esat-1"])
    assert done.exit_code == 2
    assert "'us-esat-1' is no region of AWS; did you mean us-east-1?" in done.output
    done = _init(tmp_path, "", "--region", "us-west-9", "--yes")
    assert done.exit_code == 2
    assert "did you mean us-west-" in done.output
    done = _init(tmp_path, "", "--email", "nomail", "--yes")
    assert done.exit_code == 2
    assert "'nomail' is not an e-mail address" in done.output
    assert not list(tmp_path.iterdir())


def test_each_answer_is_judged_at_its_question(tmp_path: Path) -> None:
    answers = (
        "big", "dev", "No Domain", "example.org", "moon", "eu-central-1", "12", "", "5", "1", "perhaps", "n",
        "nomail", "ops@example.org me@example.org", "",
    )  # fmt: skip
    done = _init(tmp_path, "\n".join(answers))
    assert done.exit_code == 0, done.output
    made = parse_environment((tmp_path / "qa.yaml").read_text(), "qa")
    assert (made.region, made.domain, made.network.nat_gateways, made.account) == (
        "eu-central-1",
        "example.org",
        "1",
        None,
    )
    assert made.monitoring.emails == ("ops@example.org", "me@example.org")
    for said in (
        "'moon' is no region of AWS; one is us-east-1 or",
        "'5' is not one of 'per_az', '1', '0'",
        "type y or n",
        "'nomail' is not an e-mail",
    ):
        assert said in done.output, said


def test_of_answers_that_do_not_go_together_no_file_is_named_that_is_not_there(tmp_path: Path) -> None:
    domain = f"{'a' * 60}.{'b' * 60}.example.org"
    done = _init(tmp_path, "", "--yes", "--domain", domain)
    assert isinstance(done.exception, ConfigurationError)
    assert all(one.file.endswith("qa.yaml is not written") and not one.line for one in done.exception.mistakes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "meant"), [("DEV", "; did you mean dev?"), ("../config/dev", "; did you mean dev?"), ("my env", "")]
)
def test_a_name_that_cannot_be_is_not_suggested(name: str, meant: str) -> None:
    done = CliRunner().invoke(cli, ["plan", name, "--sandbox"])
    assert isinstance(done.exception, ConfigurationError)
    said = str(done.exception)
    assert "reptiops init" not in said
    assert f"names are lower-case letters, digits and hyphens{meant} (valid" in said
    typed = CliRunner().invoke(cli, ["init", name, "--yes"])
    assert typed.exit_code == 2
    assert f"letters, digits and single hyphens{meant}\n" in typed.output
