"""Outside judgement of every IAM policy that reptiops writes or prints: parliament, cloudsplaining, and AWS's own service
authorization reference (tests/authorization.py). `make audit`.

    python -m tests.audit

They are installed for this only, because they bring half a hundred megabytes. A finding is accepted with its reason here, or
it fails; an acceptance that nothing needs any more fails too.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from reptiops import app
from reptiops.app.costs import configured
from reptiops.config import environment_file, load_environment
from reptiops.resources.iam import Role
from tests import authorization

ACCOUNT = "123456789012"
LOGIN = "logging in to the registry takes no resource in IAM, and what it gives is good for twelve hours and for what the role may pull or push"
LISTS = "lists and descriptions: most take no resource in IAM, and none shows the value of a secret"
OWN = "the developer's role is meant to do everything to its own environment: whole services, held to ARNs of its names and tags"
NEWER = (
    "younger than parliament's list; AWS's reference (tests/authorization.py) and IAM's global condition keys have it"
)
ACCEPTED = {
    (
        "tool",
        "RESOURCE_MISMATCH",
    ): "an action that names several resources stands once for those it makes, with tags in the "
    "request, and once for those it uses, with tags on the resource; parliament wants all in one statement",
    (
        "tool",
        "RESOURCE_STAR",
    ): "a distribution or headers policy that is about to be made has no ARN yet; reads of lists",
    (
        "tool",
        "RESOURCE_POLICY_PRIVILEGE_ESCALATION",
    ): "whoever makes a bucket sets its policy; only under the environment's "
    "own prefix, and the bucket refuses plain HTTP and the public",
    ("tool", "UNKNOWN_ACTION billing:GetBillingViewData"): NEWER,
    ("tool", "UNKNOWN_CONDITION_FOR_ACTION ec2:CreateNetworkInterface"): NEWER,
    ("tool", "UNKNOWN_CONDITION_FOR_ACTION ec2:DeleteNetworkInterface"): NEWER,
    ("execution_role start-tasks", "CredentialsExposure"): LOGIN,
    ("deployer_role deploy", "CredentialsExposure"): LOGIN,
    ("people_role/developer look", "CredentialsExposure"): LOGIN,
    ("people_role/developer look", "RESOURCE_STAR"): LISTS,
    ("people_role/readonly read", "RESOURCE_STAR"): LISTS,
    ("people_role/developer own", "RESOURCE_MISMATCH"): OWN,
    ("people_role/developer own", "RESOURCE_STAR"): OWN,
    ("people_role/developer own", "ServiceWildcard"): OWN,
    ("people_role/developer own", "CredentialsExposure"): OWN,
}
"""(whose policy, finding) → why it is right."""


def policies() -> Iterator[tuple[str, str, str]]:
    """Whose (`tool`, or which policy of which role), where, and the document of everything."""
    for environment in ("dev", "prod"):
        with tempfile.TemporaryDirectory() as directory:
            text = environment_file(environment).read_text()
            kept = text.replace("backend: local ", "backend: s3://reptidex-states/tool ")
            if kept == text:
                raise ValueError("the configuration names no local backend to replace")
            (Path(directory) / f"{environment}.yaml").write_text(kept)
            given: Any = {"account": ACCOUNT, "config_dir": Path(directory)}
            for task in get_args(app.Task):
                for number, policy in enumerate(app.policies(environment, task, **given), 1):
                    yield "tool", f"{environment} {task} {number}", policy.json()
        for address, want in configured(load_environment(environment)).items():
            if isinstance(want, Role):
                for name, policy in want.policies.items():
                    yield f"{address.partition('/')[2]} {name}", environment, policy.json()


def parliament_findings(document: str) -> Iterable[tuple[str, str]]:
    """Each finding of parliament: its name, with the action where it knows none such, and detail."""
    from parliament import analyze_policy_string  # type: ignore[import-not-found]

    for one in analyze_policy_string(document).findings:
        detail = str(one.detail)[:300]
        yield f"{one.issue} {detail.split()[-1]}" if one.issue.startswith("UNKNOWN") else one.issue, detail


def cloudsplaining_findings(document: str) -> Iterable[tuple[str, str]]:
    """Each kind of risk that cloudsplaining sees, with the actions."""
    from cloudsplaining.scan.policy_document import PolicyDocument  # type: ignore[import-not-found]

    found: Any = PolicyDocument(json.loads(document))
    risks = {
        "PrivilegeEscalation": [x["type"] for x in found.allows_privilege_escalation],
        "DataExfiltration": found.allows_data_exfiltration_actions,
        "ResourceExposure": found.permissions_management_without_constraints,
        "CredentialsExposure": found.credentials_exposure,
        "InfrastructureModification": found.infrastructure_modification,
        "ServiceWildcard": found.service_wildcard,
    }
    return [(name, ", ".join(map(str, actions))[:300]) for name, actions in risks.items() if actions]


def main() -> int:
    """Print what is not accepted; 1 if there is anything."""
    used, wrong, count = set(), [], 0
    for whose, name, document in policies():
        count += 1
        for issue, detail in (*parliament_findings(document), *cloudsplaining_findings(document)):
            if (whose, issue) in ACCEPTED:
                used.add((whose, issue))
            else:
                wrong.append(f"{whose} {name}: {issue}: {detail}")
    wrong += authorization.findings(authorization.all_rights())
    idle = [f"accepted for nothing: {key}" for key in ACCEPTED.keys() - used]
    sys.stdout.write(
        "\n".join([*wrong, *idle, f"{count} policies, {len(wrong)} findings, {len(used)} kinds accepted"]) + "\n"
    )
    return 1 if wrong or idle else 0


if __name__ == "__main__":
    sys.exit(main())
