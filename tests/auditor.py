"""Outside judgement of what an environment is: Prowler, run against dev and prod in the sandbox. `make audit`.

    python -m tests.auditor path/to/prowler

Prowler has an environment of its own, because it pins another botocore. What it finds is either right, and then
`tests/auditor.yaml` says why, or it fails here. An entry that nothing needs any more fails too, and so does a call of the
auditor that the sandbox cannot answer and that the file does not name: what was not asked would else count as passed.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from reptiops import app
from reptiops.config import load_environment
from reptiops.sandbox import control
from reptiops.sandbox.session import sandbox_session
from reptiops.testing import push_images

SERVICES = [
    "acm",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "ec2",
    "ecr",
    "ecs",
    "elasticache",
    "elbv2",
    "iam",
    "rds",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "ssm",
    "vpc",
]
"""Prowler's names for the services that the environment uses and that it has checks for."""
QUOTAS = (("elastic-ips", 10), ("fargate-vcpus", 100))
ENVIRONMENTS = ("dev", "prod")
OTHER = "account"
"""Where a finding is whose resource names neither environment: the account, what AWS made, or the emulator's own."""
CLASSES = {
    "specified": "the environment's specification decides so",
    "declined": "judged, and not worth its price or its risk",
    "account": "of the whole account, which no environment may change",
    "emulator": "the sandbox answers otherwise than AWS, or has it of its own",
}


@dataclass(frozen=True)
class Finding:
    """One judgement on one resource."""

    check: str
    passed: bool
    where: str
    """`dev`, `prod` or `account`."""
    resource: str


@dataclass(frozen=True)
class Accepted:
    """One entry of the file: which check may fail where, of which class, and why."""

    check: str
    where: frozenset[str]
    kind: str
    why: str


def accepted(text: str) -> tuple[tuple[Accepted, ...], Mapping[str, str]]:
    """The entries of the file, and the calls that the sandbox cannot answer. ValueError if an entry is malformed."""
    document = yaml.safe_load(text)
    entries = []
    for kind, checks in document["accepted"].items():
        if kind not in CLASSES:
            raise ValueError(f"{kind} is none of {', '.join(CLASSES)}")
        for check, said in checks.items():
            where = frozenset(said["in"])
            if not where <= {*ENVIRONMENTS, OTHER} or not where or len(said["why"]) < 15:
                raise ValueError(f"{check}: where, and why?")
            entries.append(Accepted(check, where, kind, said["why"]))
    return tuple(entries), document["unanswered"]


def judged(
    findings: Iterable[Finding], entries: Iterable[Accepted], errors: Iterable[str], unanswered: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """What is wrong, a line each; and the checks that an entry accepts."""
    allowed = {(entry.check, where) for entry in entries for where in entry.where}
    failing: dict[tuple[str, str], list[str]] = {}
    for one in findings:
        if not one.passed:
            failing.setdefault((one.check, one.where), []).append(one.resource)
    wrong = [
        f"{check} fails in {where}: {', '.join(sorted(resources)[:3])}{' …' if len(resources) > 3 else ''}"
        for (check, where), resources in sorted(failing.items())
        if (check, where) not in allowed
    ]
    wrong += [f"accepted for nothing: {check} in {where}" for check, where in sorted(allowed - failing.keys())]
    met = set(errors)
    wrong += [f"not answered by the sandbox: {call}" for call in sorted(met - unanswered.keys())]
    wrong += [f"named as not answered, and is: {call}" for call in sorted(unanswered.keys() - met)]
    return wrong, sorted({check for check, where in allowed & failing.keys()})


def findings(lines: Iterable[str]) -> list[Finding]:
    """From Prowler's CSV."""
    found = []
    for row in csv.DictReader(lines, delimiter=";"):
        if row["STATUS"] == "MANUAL":
            continue  # it asks a person to look, and judges nothing
        words = " ".join(row[name] for name in ("RESOURCE_UID", "RESOURCE_NAME", "RESOURCE_TAGS"))
        named = {m[1] for m in re.finditer(rf"(?<![a-z])({'|'.join(ENVIRONMENTS)})(?![a-z])", words)}
        where = named.pop() if len(named) == 1 else OTHER
        found.append(Finding(row["CHECK_ID"], row["STATUS"] == "PASS", where, row["RESOURCE_UID"]))
    return found


def errors(log: str) -> list[str]:
    """From Prowler's log: the module and the kind of error of each call, or look-up in an answer, that failed."""
    found = re.findall(r'"filename": "([\w.]+):\d+".*?"message": "(.{0,200})', log)
    return [f"{file.removesuffix('.py')} {_kind(message)}" for file, message in found]


def _kind(message: str) -> str:
    if operation := re.search(r"when calling the (\w+) operation", message):
        return operation[1]
    if error := re.search(r"(\w+Error)\[(\d+)\]", message):
        return f"{error[1]} {error[2]}"
    return message[:40]


def provisioned(session: object, directory: Path) -> None:
    """Both environments, with images, so that their tasks run."""
    for name in ENVIRONMENTS:
        given = {"session": session, "state_dir": directory}
        app.provision(name, only=("compute/repository",), **given)
        env = load_environment(name)
        push_images(session, env, [service.name for service in env.services])
        app.provision(name, **given)
        if app.plan(name, **given).changes:
            raise RuntimeError(f"{name} is not what it should be")


def audited(prowler: str, endpoint: str, directory: Path) -> tuple[list[Finding], list[str], str]:
    """Run it; the findings, what was not answered, and its version."""
    log = directory / "prowler.log"
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "sandbox"),
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/dev/null"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(directory),
    }
    subprocess.run(
        [
            *(prowler, "aws", "--region", "us-east-1", "--service", *SERVICES),
            *("--output-formats", "csv", "--output-directory", str(directory), "--output-filename", "prowler"),
            *("--log-level", "ERROR", "--log-file", str(log), "--no-banner", "--no-color", "--ignore-exit-code-3"),
        ],
        check=True,
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with (directory / "prowler.csv").open(newline="") as file:
        found = findings(file)
    version = subprocess.run([prowler, "-v"], check=True, capture_output=True, text=True, env=environment).stdout
    return found, errors(log.read_text()), version.strip()


def main(prowler: str) -> int:
    """Print what is wrong and the figures; 1 if anything is."""
    entries, unanswered = accepted(Path(__file__).with_suffix(".yaml").read_text())
    with tempfile.TemporaryDirectory() as place:
        sandbox = Path(place) / "sandbox"
        status = control.start(sandbox, control.Strictness(clock=0, quotas=QUOTAS))
        try:
            provisioned(sandbox_session(status), Path(place) / "states")
            found, failed, version = audited(prowler, status.endpoint, Path(place))
        finally:
            control.stop(sandbox)
    wrong, excused = judged(found, entries, failed, unanswered)
    checks = {one.check for one in found}
    failing = {one.check for one in found if not one.passed}
    ours = {one.check for one in found if one.where != OTHER}
    kinds = Counter(entry.kind for entry in entries)
    figures = {
        "auditor": version,
        "checks that apply": len(checks),
        "of them to resources of the environments": len(ours),
        "passed everywhere": len(checks - failing),
        "failing and accepted": len(excused),
        **{f"  {kind}: {text}": kinds[kind] for kind, text in CLASSES.items()},
        "findings": len(found),
        "failing and not accepted, or accepted for nothing": len(wrong),
    }
    sys.stdout.write("\n".join([*wrong, *(f"{name}: {value}" for name, value in figures.items())]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).resolve())))
