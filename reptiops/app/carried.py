"""What the scheduled job carries: the configuration, its playbook, and the rights to look. It has no files of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import yaml

from reptiops.app.rights import job_policy
from reptiops.config import Environment, environment_file
from reptiops.facts import Carried, Facts
from reptiops.playbook import playbook_file


def with_carried(facts: Facts, env: Environment, config_dir: Path | None, playbook_dir: Path | None) -> Facts:
    """The facts with what the job carries, where the configuration's `schedule` is on.

    Raises ConfigurationError where the playbook that it names is in none of the directories.
    """
    if not env.schedule.enabled:
        return facts
    configuration = _packed(env.name, environment_file(env.name, config_dir))
    playbook = _packed(env.schedule.playbook, playbook_file(env.schedule.playbook, playbook_dir))
    looks = job_policy(env, facts.account, facts.region)
    return replace(facts, carried=Carried(configuration, playbook, json.dumps(json.loads(looks.json()))))


def _packed(name: str, file: Path) -> str:
    """A file without its comments, so that a comment makes no new revision; packing it again changes nothing."""
    data = yaml.safe_load(file.read_text())
    return yaml.safe_dump({"name": name, **data}, sort_keys=False, width=10**6)
