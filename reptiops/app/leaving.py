"""Taking an environment elsewhere: as CloudFormation templates, or as Terraform import blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reptiops.app.costs import configured, estimate
from reptiops.app.site import Settings, open_site, plan_site
from reptiops.config import load_environment
from reptiops.engine.resource import unknown
from reptiops.export.templates import Export, templates
from reptiops.export.terraform import Imports, import_blocks
from reptiops.facts import Facts
from reptiops.steps import documented

DEPLOY = """#!/usr/bin/env bash
# Deploys {env} in the documented order. S3_BUCKET is where templates go that are too large to be sent.
set -euo pipefail
cd "$(dirname "$0")"
for part in {parts}; do
  aws cloudformation deploy --region {region} --stack-name "{prefix}-$part" --template-file "$part.yaml" \\
    --parameter-overrides "file://parameters/{env}.json" --capabilities CAPABILITY_NAMED_IAM \\
    ${{S3_BUCKET:+--s3-bucket "$S3_BUCKET"}} --no-fail-on-empty-changeset \\
    --tags Project={project} Environment={env} ManagedBy=cloudformation
done
"""


def export_cloudformation(environment: str, config_dir: Path | None = None) -> Export:
    """The templates of an environment as it is configured. Calls no AWS; account and zone are the stack's own."""
    env = load_environment(environment, config_dir)
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
    return templates(configured(env, facts), documented(), env.prefix)


def write_templates(environment: str, folder: Path, config_dir: Path | None = None) -> tuple[Export, tuple[Path, ...]]:
    """Write the templates, `parameters/<env>.json` and `deploy.sh` into a folder."""
    env, made = load_environment(environment, config_dir), export_cloudformation(environment, config_dir)
    parts = " ".join(t.name for t in made.templates)
    texts = {folder / f"{t.name}.yaml": t.yaml() for t in made.templates}
    texts[folder / "parameters" / f"{environment}.json"] = made.parameters()
    script = folder / "deploy.sh"
    texts[script] = DEPLOY.format(env=env.name, parts=parts, region=env.region, prefix=env.prefix, project=env.project)
    (folder / "parameters").mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        file.write_text(text)
    script.chmod(0o755)
    return made, tuple(texts)


def export_terraform(environment: str, **settings: Any) -> Imports:
    """Import blocks for everything that is live and ours. Reads only."""
    site = open_site(Settings(environment, **settings))
    return import_blocks(plan_site(site).live, site.names.account, site.names.region)
