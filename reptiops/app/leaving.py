"""Taking an environment elsewhere: as CloudFormation templates, or as Terraform import blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reptiops.app.costs import estimate
from reptiops.app.site import Settings, open_site, plan_site
from reptiops.engine.unknown import unknown
from reptiops.facts import Facts
from reptiops.loading import configured, load_environment
from reptiops.steps import documented

if TYPE_CHECKING:  # what writes templates is loaded when some are to be written
    from reptiops.export.templates import Export
    from reptiops.export.terraform import Imports

ABSENT = "it is not there: import blocks are for what a provision has made"
"""Why something that is declared has no import block."""
DEPLOY = """#!/usr/bin/env bash
# Deploys {env} in the documented order. S3_BUCKET is where templates go that are too large to be sent.
set -euo pipefail
cd "$(dirname "$0")"
{checks}for part in {parts}; do
  aws cloudformation deploy --region {region} --stack-name "{prefix}-$part" --template-file "$part.yaml" \\
    --parameter-overrides "file://parameters/{env}.json" --capabilities CAPABILITY_NAMED_IAM \\
    ${{S3_BUCKET:+--s3-bucket "$S3_BUCKET"}} --no-fail-on-empty-changeset \\
    --tags Project={project} Environment={env} ManagedBy=cloudformation
done
"""

NO_ZONE = """if grep -A1 '"HostedZoneId"' "parameters/{env}.json" | grep -q '""'; then
  echo "parameters/{env}.json: HostedZoneId is empty. This tells it:" >&2
  echo "  aws route53 list-hosted-zones-by-name --dns-name {zone}" >&2
  exit 2
fi
"""
NO_BUCKET = """if [ -z "${{S3_BUCKET:-}}" ]; then
  echo "{large}: larger than the {most:,} bytes that CloudFormation takes directly." >&2
  echo "They go through a bucket: aws s3 mb s3://NAME --region {region}; S3_BUCKET=NAME ./deploy.sh" >&2
  exit 2
fi
"""
DIRECT = 51_200
"""Bytes of a template that CreateStack takes in its TemplateBody; through S3 it takes 1 MB."""


@dataclass(frozen=True)
class Written:
    """What an export to CloudFormation has written, and what is left to do before it can be deployed."""

    made: Export
    files: tuple[Path, ...]
    todo: tuple[str, ...]


def export_cloudformation(environment: str, config_dir: Path | None = None, zone_id: str = "") -> Export:
    """The templates of an environment as it is configured. Calls no AWS; the account is the stack's own, and the hosted
    zone a parameter, whose value is `zone_id`.
    """
    from reptiops.export.templates import PSEUDO, templates

    env, at = load_environment(environment, config_dir), PSEUDO["zone"]
    images = frozenset(service.name for service in env.services)
    zone = unknown("aws", "zone") if env.dns.enabled and not env.dns.create_zone else None
    facts = Facts(
        account=unknown("aws", "account"),
        region=env.region,
        partition=unknown("aws", "partition"),
        zone_id=zone,
        postgres_version=env.database.major_version,  # AWS takes its newest minor version
        images=images,
        estimate=round(estimate(env).total.typical, 2),
    )
    made = templates(configured(env, facts), documented(), env.prefix)
    return replace(made, values={**made.values, at: zone_id}) if at in made.values else made


def write_templates(environment: str, folder: Path, config_dir: Path | None = None, zone_id: str = "") -> Written:
    """Write the templates, `parameters/<env>.json` and `deploy.sh` into a folder."""
    from reptiops.export.templates import PSEUDO

    env, made = load_environment(environment, config_dir), export_cloudformation(environment, config_dir, zone_id)
    at = PSEUDO["zone"]
    texts = {folder / f"{t.name}.yaml": t.yaml() for t in made.templates}
    large = ", ".join(file.name for file, text in texts.items() if len(text.encode()) > DIRECT)
    texts[folder / "parameters" / f"{environment}.json"] = made.parameters()
    script = folder / "deploy.sh"
    checks, todo = "", []
    if at in made.values:
        checks += NO_ZONE.format(env=env.name, zone=env.zone_name)
    if made.values.get(at) == "":
        todo.append(f"enter {at} in parameters/{environment}.json, or export again with --zone: the id is told by\n"
                    f"  aws route53 list-hosted-zones-by-name --dns-name {env.zone_name}")  # fmt: skip
    if large:
        checks += NO_BUCKET.format(large=large, most=DIRECT, region=env.region)
        todo.append(f"{large}: larger than the {DIRECT:,} bytes that CloudFormation takes directly; deploy through a bucket:\n"
                    f"  aws s3 mb s3://NAME --region {env.region} && S3_BUCKET=NAME {script}")  # fmt: skip
    parts = " ".join(t.name for t in made.templates)
    texts[script] = DEPLOY.format(
        env=env.name, parts=parts, region=env.region, prefix=env.prefix, project=env.project, checks=checks
    )
    (folder / "parameters").mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        file.write_text(text)
    script.chmod(0o755)
    return Written(made, tuple(texts), tuple(todo))


def export_terraform(environment: str, **settings: Any) -> Imports:
    """Import blocks for everything that is live and ours. Reads only."""
    from reptiops.export.terraform import import_blocks

    site = open_site(Settings(environment, **settings))
    made = plan_site(site)
    blocks = import_blocks(made.live, site.names.account, site.names.region)
    absent = {a.address: ABSENT for a in made.actions if a.live is None and a.verb != "foreign"}
    return replace(blocks, missing={**blocks.missing, **absent})
