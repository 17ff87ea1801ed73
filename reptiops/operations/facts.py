"""Reading what steps must know of the live world before they are walked. Reads only."""

from __future__ import annotations

from reptiops.aws import Aws
from reptiops.config import Environment
from reptiops.facts import Facts


def gather(aws: Aws, env: Environment) -> Facts:
    """Account and region; what later phases need is read here as they come."""
    return Facts(account=aws.account(), region=aws.region)
